"""The learning rate: a range test, the best rate by short trainings, and how it moves with the batch size."""
