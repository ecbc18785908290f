"""A training that goes on after a kill: what is kept of it, and whether it is the same training."""
