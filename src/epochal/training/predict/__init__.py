"""Predict as Keras' `predict` does, with the batch size found while it predicts."""
