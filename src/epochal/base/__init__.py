"""Floor 0: what everything may use and nothing may avoid. Knows nothing of training."""
