"""A model's own `predict_step`, compiled and kept: one module a back end."""
