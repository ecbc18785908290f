"""A function with its convolutions and poolings replaced, before it is differentiated: a walk over what JAX traced of it."""

from math import prod

import jax
import jax.numpy as jnp
from jax.extend.core import ClosedJaxpr, Jaxpr, Literal, jaxpr_as_fun

from .layers import MOST_PLACES
from .pooling import max_pooled, sum_pooled
from .products import Conv, convolved

_REPLACED = ("conv_general_dilated", "reduce_window_max", "reduce_window_sum")
_AS_THEY_ARE = ("custom_jvp_call", "custom_vjp_call")  # their derivative is written by hand


def with_products(function, wanted=None):
    """`function`, of arrays in any nesting, with convolutions as matrix products and poolings as operations on shifted inputs.

    The numbers are the same but for rounding, gradients of any order too; what has no such form stays as it is, and so does what a
    function with a derivative of its own calls (`jax.custom_jvp`). It is traced anew at every call: call it inside `jax.jit`.

    Args:
        wanted: `(Conv) -> bool`, to replace some convolutions alone; all of them and the poolings where it is `None`.
    """
    def run(*arguments, **named):
        leaves, nesting = jax.tree.flatten((arguments, named))
        moving = [i for i, leaf in enumerate(leaves) if isinstance(leaf, jax.Array)]
        beside = []

        def of_arrays(*arrays):
            for i, array in zip(moving, arrays, strict=True):
                leaves[i] = array
            arguments, named = jax.tree.unflatten(nesting, leaves)
            found, form = jax.tree.flatten(function(*arguments, **named))
            beside[:] = form, [None if isinstance(leaf, jax.Array) else leaf for leaf in found]
            return [leaf for leaf in found if isinstance(leaf, jax.Array)]

        arrays = [leaves[i] for i in moving]
        traced = jax.make_jaxpr(of_arrays)(*arrays)
        results = iter(evaluated(traced.jaxpr, traced.consts, arrays, wanted))
        form, others = beside
        return jax.tree.unflatten(form, [next(results) if other is None else other for other in others])

    return run


def evaluated(jaxpr, consts, arguments, wanted):
    """The outputs of a traced program for these arguments."""
    known = dict(zip([*jaxpr.constvars, *jaxpr.invars], [*consts, *arguments], strict=True))

    def value(atom):
        return atom.val if isinstance(atom, Literal) else known[atom]

    for equation in jaxpr.eqns:
        found = _replaced(equation, [value(atom) for atom in equation.invars], wanted)
        found = _as_traced(jaxpr, _inside_rewritten(equation, wanted), known) if found is None else [found]
        known.update(zip(equation.outvars, found, strict=True))
    return [value(atom) for atom in jaxpr.outvars]


def _as_traced(jaxpr, equation, known):
    needed = [v for v in dict.fromkeys(v for v in equation.invars if not isinstance(v, Literal))]
    alone = jaxpr.replace(constvars=[], invars=needed, outvars=equation.outvars, eqns=[equation])
    return jaxpr_as_fun(ClosedJaxpr(alone, ()))(*(known[v] for v in needed))


def _replaced(equation, values, wanted):
    match equation.primitive.name:
        case "conv_general_dilated":
            return _conv(equation.params, *values, wanted)
        case "reduce_window_max":
            return None if wanted else _pool(equation.params, *values, max_pooled)
        case "reduce_window_sum":
            return None if wanted else _pool(equation.params, *values, sum_pooled)
    return None


def _conv(given, x, w, wanted):
    if given["batch_group_count"] != 1 or given["preferred_element_type"] not in (None, x.dtype):
        return None
    lhs, rhs, result = given["dimension_numbers"]
    x = jnp.transpose(x, (lhs[0], *lhs[2:], lhs[1]))
    w = jnp.transpose(w, (*rhs[2:], rhs[1], rhs[0]))
    conv = Conv(x, w, strides=given["window_strides"], padding=given["padding"], spread=given["lhs_dilation"],
                dilation=given["rhs_dilation"], groups=given["feature_group_count"])
    if not conv.can_be or prod(conv.kernel) > MOST_PLACES or not (wanted is None or wanted(conv)):
        return None
    y = convolved(conv, x, w)
    places = (result[0], *result[2:], result[1])
    return jnp.transpose(y, [places.index(i) for i in range(y.ndim)])


def _pool(given, x, pooled):
    window, strides, padding = given["window_dimensions"], given["window_strides"], given["padding"]
    if prod(window) > MOST_PLACES or any(d != 1 for name in ("base_dilation", "window_dilation") for d in given[name]):
        return None
    moving = [i for i in range(x.ndim) if window[i] != 1 or strides[i] != 1 or padding[i] != (0, 0)]
    still = [i for i in range(x.ndim) if i not in moving]
    if not moving or len(still) < 2 or 0 not in still:
        return None
    order = [0, *moving, *still[1:]]
    y = jnp.transpose(x, order)
    shape = y.shape
    y = y.reshape(*shape[: 1 + len(moving)], -1)
    window, strides, padding = ([held[i] for i in moving] for held in (window, strides, padding))
    out = [(m + lo + hi - k) // s + 1 for m, (lo, hi), k, s in zip(y.shape[1:-1], padding, window, strides, strict=True)]
    y = pooled(y, window, strides, padding, out)
    y = y.reshape(shape[0], *out, *shape[1 + len(moving) :])
    return jnp.transpose(y, [order.index(i) for i in range(x.ndim)])


def _inside_rewritten(equation, wanted):
    """An operation that holds a program of its own (a loop, a branch) with that program rewritten."""
    if equation.primitive.name in _AS_THEY_ARE or not _holds_one(equation.params.values()):
        return equation
    return equation.replace(params={name: _program(held, wanted) for name, held in equation.params.items()})


def _program(held, wanted):
    if isinstance(held, (tuple, list)) and any(isinstance(one, (ClosedJaxpr, Jaxpr)) for one in held):
        return type(held)(_program(one, wanted) for one in held)
    if isinstance(held, ClosedJaxpr) and _holds(held.jaxpr) and not held.consts:
        shapes = [jax.ShapeDtypeStruct(v.aval.shape, v.aval.dtype) for v in held.jaxpr.invars]
        new = jax.make_jaxpr(lambda *arguments: evaluated(held.jaxpr, held.consts, arguments, wanted))(*shapes)
        return held if new.consts else new
    if isinstance(held, Jaxpr) and _holds(held) and not held.constvars:
        closed = _program(ClosedJaxpr(held, ()), wanted)
        return closed.jaxpr
    return held


def _holds(jaxpr):
    """Whether there is anything to replace, in it or in what it calls."""
    return any(equation.primitive.name in _REPLACED or _holds_one(equation.params.values()) for equation in jaxpr.eqns)


def _holds_one(held):
    return any(_holds(getattr(one, "jaxpr", one)) if isinstance(one, (ClosedJaxpr, Jaxpr)) else
               isinstance(one, (tuple, list)) and _holds_one(one) for one in held)
