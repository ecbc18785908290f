"""A training that goes on after a kill: what it is made of, in one file, and whether it is the same training."""
