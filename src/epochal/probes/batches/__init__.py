"""What a batch holds and how it is cut: classes, batch-norm's statistics, accumulated gradients, predictions."""
