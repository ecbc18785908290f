"""What to check and choose for one training: advice, the order of rows, class shares, the predict batch size."""
