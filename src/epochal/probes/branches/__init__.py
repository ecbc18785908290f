"""The critical batch size by branches of one training."""
