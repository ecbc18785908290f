"""Convolutions and poolings as matrix products and sums of shifted inputs, for loops on processors; for JAX."""
