"""A model's own `predict_step`, compiled and kept: one file a back end."""
