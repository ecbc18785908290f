"""How curved the loss is around the weights, beside what the optimizer can stand."""
