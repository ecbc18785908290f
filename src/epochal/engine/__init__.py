"""Floor 3: train many lanes at once."""
