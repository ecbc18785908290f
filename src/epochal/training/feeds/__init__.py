"""From what a user passes as x and y to batches on the device: arrays, large files, and what cuts its own batches."""
