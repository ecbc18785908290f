"""Convolutions and poolings as matrix products and sums of shifted inputs, which keep a processor busy in loops too; for JAX."""
