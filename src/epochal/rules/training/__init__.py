"""What to check and choose for one training: warnings, the order of rows, class shares, the predict batch size."""
