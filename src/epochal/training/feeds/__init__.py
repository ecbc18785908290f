"""From what a user passes as x and y to batches on the device: arrays, files larger than memory, and what cuts its own batches."""
