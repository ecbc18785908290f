"""Pooling as operations on shifted inputs: the same numbers, gradients to the same places, in loops that a processor runs fast."""

import jax.numpy as jnp
from jax import lax

from .products import shifted


def max_pooled(x, window, strides, padding, out):
    """As `lax.reduce_window` with `max`; the first of equals gets the gradient, as in XLA.

    Args:
        x: float[n, *places, channels], channels last.
        window, strides: a number a dimension. padding: (before, after) in each. out: places of the result.
    """
    parts = list(shifted(x, window, strides, (1,) * len(window), padding, out, _lowest(x.dtype)).values())
    first = lax.stop_gradient(parts[0])
    where, best, greatest = jnp.zeros(first.shape, jnp.int32), first, first
    for i, part in enumerate(parts[1:], 1):
        seen = lax.stop_gradient(part)
        keep = best >= seen  # XLA goes on to the next place unless this holds, which it never does for nan; padding is a place too
        where, best, greatest = jnp.where(keep, where, i), jnp.where(keep, best, seen), jnp.maximum(greatest, seen)
    chosen = sum(jnp.where(where == i, part, 0) for i, part in enumerate(parts))
    return chosen + jnp.where(jnp.isnan(greatest), greatest, jnp.zeros((), x.dtype))


def sum_pooled(x, window, strides, padding, out):
    """As `lax.reduce_window` with `add`, which average pooling uses."""
    return sum(shifted(x, window, strides, (1,) * len(window), padding, out).values())


def _lowest(dtype):
    return -jnp.inf if jnp.issubdtype(dtype, jnp.floating) else jnp.iinfo(dtype).min
