"""Pooling as operations on shifted inputs: the same numbers, gradients to the same places, in loops that a processor runs fast."""

import jax.numpy as jnp
import numpy as np
from jax import lax

from .products import shifted


def max_pooled(x, window, strides, padding, out):
    """As `lax.reduce_window` with `max`; the first of equals gets the gradient, as in XLA.

    Args:
        x: float[n, *places, channels], channels last.
        window, strides: a number a dimension. padding: (before, after) in each. out: places of the result.
    """
    ones = (1,) * len(window)
    parts = shifted(x, window, strides, ones, padding, out, _lowest(x.dtype))
    inside = dict.fromkeys(parts, np.True_)  # else padding, which XLA never chooses
    if any(lo > 0 or hi > 0 for lo, hi in padding):
        inside = shifted(jnp.ones((1, *x.shape[1:-1], 1), bool), window, strides, ones, padding, out, False)
    # `select_and_scatter` of XLA goes on to the next place unless what it holds is greater or equal, which nan never is.
    where, best, real, greatest = None, None, None, None
    for i, (place, part) in enumerate(parts.items()):
        seen = lax.stop_gradient(part)
        if where is None:
            where, best, real, greatest = jnp.zeros(seen.shape, jnp.int32), seen, inside[place], seen
            continue
        keep = (best >= seen) & real | ~inside[place]
        where, best = jnp.where(keep, where, i), jnp.where(keep, best, seen)
        real, greatest = real | inside[place], jnp.maximum(greatest, seen)
    chosen = sum(jnp.where(where == i, part, 0) for i, part in enumerate(parts.values()))
    return chosen + jnp.where(jnp.isnan(greatest), greatest, jnp.zeros((), x.dtype))


def sum_pooled(x, window, strides, padding, out):
    """As `lax.reduce_window` with `add`, which average pooling uses."""
    return sum(shifted(x, window, strides, (1,) * len(window), padding, out).values())


def _lowest(dtype):
    return -jnp.inf if jnp.issubdtype(dtype, jnp.floating) else jnp.iinfo(dtype).min
