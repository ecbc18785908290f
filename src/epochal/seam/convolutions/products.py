"""A convolution as matrix products of shifted inputs: the same numbers but for rounding, in loops as fast as elsewhere."""

import itertools
from math import prod

import jax
import jax.numpy as jnp
from jax import lax

_WIDE = 64       # numbers in a row of shifted inputs: to copy more of them at once costs more than further products
_MUCH = 2**22    # bytes of an input or output, beyond which it is gone through in strips ...
_CACHED = 2**20  # ... of so many bytes
_NARROW = 16     # times as many where a row of shifted inputs is short


class Conv:
    """A convolution of an input [n, *size, channels_in] with weights [*kernel, channels_in / groups, channels_out].

    Its parameters are those of `lax.conv_general_dilated`, a number (of padding, two) for each dimension.

    Attributes:
        spread: places between two of the input, where it is transposed, else ones (`lhs_dilation`). dilation: between two of the
            kernel (`rhs_dilation`).
        out: places of the output.
    """

    def __init__(self, x, w, *, strides, padding, spread, dilation, groups):
        self.n, self.size, self.channels_in = x.shape[0], x.shape[1:-1], x.shape[-1]
        self.kernel, self.channels_out, self.groups = w.shape[:-2], w.shape[-1], groups
        self.strides, self.padding, self.spread, self.dilation = strides, padding, spread, dilation
        self.out = tuple(((m - 1) * up + 1 + lo + hi - (k - 1) * d - 1) // s + 1 for m, up, (lo, hi), k, d, s in
                         zip(self.size, spread, padding, self.kernel, dilation, strides, strict=True))

    @property
    def can_be(self):
        """Whether it can be computed as products: not where a transposed one also leaves places out."""
        return all(up == 1 for up in self.spread) or all(s == 1 for s in self.strides)

    @property
    def is_slow_alone(self):
        """Whether XLA's own form of it takes several times as long on a processor outside loops too, without a gradient."""
        return self.groups > 1 or len(self.kernel) > 2 or prod(self.kernel) == 1 or max(self.spread) > 1

    @property
    def shifts_outputs(self):
        """Whether along the kernel's first axis outputs are shifted and added up, and inputs along the others: less to copy.

        Else all inputs are shifted: better where they are small enough to stay in the caches.
        """
        large = self.n * self._a_row > _MUCH or len(self.kernel) > 2
        return large and self._is_wide and self.groups == 1 and len(self.kernel) > 1 and self.strides[0] == 1

    @property
    def one_by_one(self):
        """How many axes of the kernel are gone through place by place; places along the others go into one product."""
        return 1 if len(self.kernel) > 1 and self._is_wide else 0

    @property
    def strip(self):
        """Rows that are computed at a time, so that what is made of them stays in the processor's caches."""
        times = 1 if self._is_wide else _NARROW
        if prod(self.kernel) == 1 or (self.groups > 1 and self.groups == self.channels_in) or self.n * self._a_row <= times * _MUCH:
            return self.n
        return max(1, min(self.n, times * _CACHED // self._a_row))

    @property
    def _a_row(self):
        return 4 * max(prod(self.size) * self.channels_in, prod(self.out) * self.channels_out)

    @property
    def _is_wide(self):
        return prod(self.kernel) * self.channels_in // self.groups > _WIDE


def convolved(conv, x, w):
    """What `lax.conv_general_dilated` computes: float[n, *out, channels_out]."""
    one = _pieces if any(up > 1 for up in conv.spread) else _outputs_shifted if conv.shifts_outputs else _as_products
    rows = conv.strip
    if rows >= conv.n:
        return one(conv, x, w)
    strip = jax.checkpoint(lambda some: one(conv, some, w))
    n_strips = conv.n // rows
    y = lax.map(strip, x[: n_strips * rows].reshape(n_strips, rows, *x.shape[1:]))
    y = y.reshape(-1, *y.shape[2:])
    return y if n_strips * rows == conv.n else jnp.concatenate([y, strip(x[n_strips * rows :])])


def shifted(x, kernel, strides, dilation, padding, out, value=0):
    """The parts of an input that each place of a kernel sees: `{place: array[n, *out, channels]}`."""
    if any(lo or hi for lo, hi in padding):
        x = lax.pad(x, jnp.asarray(value, x.dtype), ((0, 0, 0), *((lo, hi, 0) for lo, hi in padding), (0, 0, 0)))
    found = {}
    for place in itertools.product(*map(range, kernel)):
        start = [i * d for i, d in zip(place, dilation, strict=True)]
        stop = [at + (o - 1) * s + 1 for at, o, s in zip(start, out, strides, strict=True)]
        found[place] = lax.slice(x, (0, *start, 0), (len(x), *stop, x.shape[-1]), (1, *strides, 1))
    return found


def _as_products(conv, x, w):
    """A product for each place of the kernel along the first axes (`conv.one_by_one`), of all others together; and their sum."""
    parts = shifted(x, conv.kernel, conv.strides, conv.dilation, conv.padding, conv.out)
    together = {}
    for place, part in parts.items():
        together.setdefault(place[: conv.one_by_one], []).append((part, w[place]))
    return sum(_product(conv, *zip(*some, strict=True)) for some in together.values())


def _outputs_shifted(conv, x, w):
    """One product with the whole kernel, of inputs shifted along all axes but the first; results, shifted along that, add up."""
    n_first, (edge, *edges) = conv.kernel[0], conv.padding
    whole = conv.size[0] + sum(edge)
    parts = shifted(x, (1, *conv.kernel[1:]), conv.strides, conv.dilation, (edge, *edges), (whole, *conv.out[1:])).values()
    left, each = jnp.concatenate(list(parts), -1), w.reshape(n_first, -1, conv.channels_out)
    y = left.reshape(-1, left.shape[-1]) @ jnp.moveaxis(each, 0, 1).reshape(each.shape[1], -1)
    y = y.reshape(*left.shape[:-1], n_first, conv.channels_out)
    starts = [i * conv.dilation[0] for i in range(n_first)]
    return sum(lax.slice_in_dim(y[..., i, :], at, at + conv.out[0], axis=1) for i, at in enumerate(starts))


def _product(conv, parts, kernels):
    """`parts`: arrays[n, *out, channels_in]; `kernels`: as many [channels_in / groups, channels_out]."""
    if conv.groups == 1:
        left = jnp.concatenate(parts, -1) if len(parts) > 1 else parts[0]
        right = jnp.concatenate(kernels, 0) if len(parts) > 1 else kernels[0]
        return (left.reshape(-1, left.shape[-1]) @ right).reshape(*left.shape[:-1], conv.channels_out)
    each = conv.channels_in // conv.groups
    if each == 1:
        times = conv.channels_out // conv.groups
        several = parts if times == 1 else [jnp.repeat(part, times, -1) for part in parts]
        return sum(part * kernel[0] for part, kernel in zip(several, kernels, strict=True))
    split = [part.reshape(-1, conv.groups, each) for part in parts]
    left = jnp.concatenate(split, -1)                                       # [rows, groups, places * each]
    right = jnp.concatenate(kernels, 0).reshape(len(parts) * each, conv.groups, -1)
    return jnp.einsum("rgk,kgo->rgo", left, right).reshape(*parts[0].shape[:-1], conv.channels_out)


def _pieces(conv, x, w):
    """A transposed convolution: the input times all of the kernel, each piece added where it belongs."""
    total = None
    made = _all_pieces(conv, x, w)
    for place in itertools.product(*map(range, conv.kernel)):
        edges = []
        for i, d, (lo, _), up, m, o in zip(place, conv.dilation, conv.padding, conv.spread, conv.size, conv.out, strict=True):
            before = lo - i * d
            edges.append((before, o - ((m - 1) * up + 1) - before, up - 1))
        piece = lax.pad(made[place], jnp.asarray(0, x.dtype), ((0, 0, 0), *edges, (0, 0, 0)))
        total = piece if total is None else total + piece
    return total


def _all_pieces(conv, x, w):
    """{place: array[n, *size, channels_out]}"""
    places = list(itertools.product(*map(range, conv.kernel)))
    flat = w.reshape(len(places), *w.shape[-2:])                            # [places, channels_in / groups, channels_out]
    if conv.groups == 1:
        wide = x.reshape(-1, conv.channels_in) @ jnp.moveaxis(flat, 1, 0).reshape(conv.channels_in, -1)
        wide = wide.reshape(*x.shape[:-1], len(places), conv.channels_out)
    else:
        each = conv.channels_in // conv.groups
        split = x.reshape(-1, conv.groups, each)
        of_groups = flat.reshape(len(places), each, conv.groups, -1)
        wide = jnp.einsum("rgk,pkgo->rpgo", split, of_groups).reshape(*x.shape[:-1], len(places), conv.channels_out)
    return {place: wide[..., i, :] for i, place in enumerate(places)}
