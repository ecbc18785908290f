"""Convolutions and poolings as products and sums of shifted inputs compute what XLA's own do: values, gradients, at any shape."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiers import cases, first_tier

jax = pytest.importorskip("jax")
pytestmark = pytest.mark.skipif(keras.backend.backend() != "jax", reason="the walk over what JAX traced")
if keras.backend.backend() == "jax":
    import jax.numpy as jnp
    from jax import lax

    from epochal.seam.convolutions import products
    from epochal.seam.convolutions.rewrite import with_products

LIKE_FLOAT32 = 2e-5  # of the largest number: sums of some hundred products, added in another order
LEFT = ("conv_general_dilated", "reduce_window", "select_and_scatter")


def primitives(function, *arguments):
    """The names of everything that a function does, inside loops and branches too."""
    def walk(jaxpr):
        for equation in jaxpr.eqns:
            yield equation.primitive.name
            for held in equation.params.values():
                for one in held if isinstance(held, (tuple, list)) else [held]:
                    inner = getattr(one, "jaxpr", one)
                    if hasattr(inner, "eqns"):
                        yield from walk(inner)

    return set(walk(jax.make_jaxpr(function)(*arguments).jaxpr))


def left_in(function, *arguments):
    return {name for name in primitives(function, *arguments) if name.startswith(LEFT)}


def with_slopes(function, x, *w):
    """`(value, slope of x, slope of w ...)` for one slope of the value, drawn."""
    y, back = jax.vjp(function, x, *w)
    slope = jnp.asarray(np.random.default_rng(1).normal(size=y.shape), y.dtype)
    return y, *back(slope)


def assert_alike(function, *arguments, tolerance=LIKE_FLOAT32):
    ours = jax.jit(lambda *a: with_slopes(with_products(function), *a))(*arguments)
    theirs = jax.jit(lambda *a: with_slopes(function, *a))(*arguments)
    for mine, its in zip(ours, theirs, strict=True):
        assert mine.shape == its.shape
        assert mine.dtype == its.dtype
        its = np.asarray(its, np.float64)
        most = tolerance * max(np.abs(its).max(initial=0), 1e-3)
        np.testing.assert_allclose(np.asarray(mine, np.float64), its, rtol=0, atol=most)


def normal(*shape, seed=0, dtype="float32"):
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape), dtype)


@st.composite
def convolutions(draw):
    """`(function of input and weights, input, weights)`: any form of `conv_general_dilated` that a layer of Keras may ask for."""
    n_axes = draw(st.integers(1, 3))

    def several(low, high):
        return draw(st.lists(st.integers(low, high), min_size=n_axes, max_size=n_axes))

    groups, each, out_each = draw(st.sampled_from([(1, 1, 3), (1, 3, 2), (2, 2, 3), (4, 1, 1), (3, 1, 2), (1, 5, 4)]))
    kernel, dilation = several(1, 4), several(1, 2)
    spread = several(1, 3) if draw(st.booleans()) else [1] * n_axes
    strides = [1] * n_axes if max(spread) > 1 else several(1, 3)
    size = [max(s, (k - 1) * d + 1) for s, k, d in zip(several(2, 7), kernel, dilation, strict=True)]
    padding = draw(st.sampled_from(["SAME", "VALID", "pairs"]))
    if padding == "pairs" or max(spread) > 1:
        padding = tuple(zip(several(0, 3), several(0, 3), strict=True))
    axes = "DHW"[3 - n_axes :]
    layout = draw(st.sampled_from([(f"N{axes}C", f"{axes}IO", f"N{axes}C"), (f"NC{axes}", f"OI{axes}", f"NC{axes}")]))
    shape = {"N": draw(st.integers(1, 5)), "C": groups * each, "I": each, "O": groups * out_each}
    x_shape = [shape.get(axis) or size[axes.index(axis)] for axis in layout[0]]
    w_shape = [shape.get(axis) or kernel[axes.index(axis)] for axis in layout[1]]

    def convolve(x, w):
        return lax.conv_general_dilated(x, w, strides, padding, lhs_dilation=spread, rhs_dilation=dilation,
                                        dimension_numbers=layout, feature_group_count=groups)

    return convolve, normal(*x_shape, seed=2), normal(*w_shape, seed=3)


@given(case=convolutions(), cached=st.sampled_from([products._CACHED, 600]) if keras.backend.backend() == "jax" else st.none())
@settings(max_examples=cases(12), deadline=None)
def test_any_convolution_is_what_xla_computes(case, cached):
    convolve, x, w = case
    with pytest.MonkeyPatch.context() as patch:
        if cached != products._CACHED:  # every input is gone through in strips, the last of them shorter
            patch.setattr(products, "_CACHED", cached)
            patch.setattr(products, "_MUCH", 0)
        assert_alike(convolve, x, w)
        assert left_in(lambda *a: with_slopes(with_products(convolve), *a), x, w) == set()


@pytest.mark.parametrize("cached", [2**20, 3000])
@pytest.mark.parametrize(("strides", "dilation"), [((1, 1), (1, 1)), ((1, 2), (2, 1)), ((2, 1), (1, 1))])
def test_large_convolutions_shift_outputs_along_the_first_axis_unless_it_has_strides(strides, dilation, cached, monkeypatch):
    monkeypatch.setattr(products, "_MUCH", 0)
    monkeypatch.setattr(products, "_CACHED", cached)
    found, once = [], products._outputs_shifted
    monkeypatch.setattr(products, "_outputs_shifted", lambda *arguments: found.append(1) or once(*arguments))
    assert_alike(lambda x, w: lax.conv_general_dilated(x, w, strides, ((1, 2), (0, 1)), rhs_dilation=dilation,
                                                       dimension_numbers=("NHWC", "HWIO", "NHWC")),
                 normal(5, 9, 8, 8), normal(3, 3, 8, 4, seed=1))
    assert bool(found) == (strides[0] == 1)


@st.composite
def poolings(draw):
    n_axes = draw(st.integers(1, 3))

    def several(low, high):
        return draw(st.lists(st.integers(low, high), min_size=n_axes, max_size=n_axes))

    window, strides = several(1, 3), several(1, 3)
    size = [max(s, k) for s, k in zip(several(2, 6), window, strict=True)]
    last = draw(st.booleans())  # whether channels come last

    def full(numbers, n=1, channels=1):
        return (n, *numbers, channels) if last else (n, channels, *numbers)

    x = np.random.default_rng(draw(st.integers(0, 99))).integers(-2, 3, full(size, 2, 3)).astype("float32")  # many of them equal
    for value in draw(st.lists(st.sampled_from([np.inf, -np.inf, np.nan]), max_size=2)):
        x.flat[draw(st.integers(0, x.size - 1))] = value
    return full(window), full(strides), draw(st.sampled_from(["SAME", "VALID"])), jnp.asarray(x)


@given(case=poolings())
@settings(max_examples=cases(15), deadline=None)
def test_max_pooling_and_the_place_of_its_gradient_are_those_of_xla(case):
    window, strides, padding, x = case

    def pool(x):
        return lax.reduce_window(x, -jnp.inf, lax.max, window, strides, padding)

    ours, theirs = (jax.jit(lambda x, f=f: with_slopes(f, x))(x) for f in (with_products(pool), pool))
    for mine, its in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(mine, its, rtol=1e-6)
    if max(window) > 1:
        assert left_in(lambda x: with_slopes(with_products(pool), x), x) == set()


@pytest.mark.parametrize("kind", ["average", "max"])
@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("n_axes", [1, 2, 3])
def test_keras_own_pooling_layers(kind, padding, n_axes):
    layer = getattr(keras.layers, f"{kind.title()}Pooling{n_axes}D")(3, 2, padding=padding)
    x = normal(2, *(8 - n_axes,) * n_axes, 3)
    assert_alike(layer, x)
    assert left_in(with_products(layer), x) == set()


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_other_floats(dtype):
    assert_alike(lambda x, w: lax.conv_general_dilated(x, w, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")),
                 normal(2, 6, 6, 4, dtype=dtype), normal(3, 3, 4, 5, dtype=dtype), tolerance=3e-2)


def network(x, w, v):
    """float: some layers, with a nonlinearity, a pooling and a hand-written derivative between them."""
    def convolve(x, w):
        return lax.conv_general_dilated(x, w, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))

    h = jax.nn.relu(convolve(x, w))
    h = lax.reduce_window(h, -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")
    return jnp.mean(jax.nn.softplus(convolve(h, v)) ** 2)


ARGUMENTS = (2, 8, 8, 3), (3, 3, 3, 4), (3, 3, 4, 2)


def test_second_derivatives_are_the_same():
    x, w, v = (normal(*shape, seed=i) for i, shape in enumerate(ARGUMENTS))

    def curvature(f):
        return jax.jit(lambda w: jax.jvp(jax.grad(f, 1), (x, w, v), (jnp.zeros_like(x), w, v))[1])(w)

    theirs = curvature(network)
    np.testing.assert_allclose(curvature(with_products(network)), theirs, atol=LIKE_FLOAT32 * float(jnp.abs(theirs).max()))


@pytest.mark.parametrize("around", ["scan", "cond", "while", "checkpoint", "jit", "vmap"])
def test_convolutions_inside_loops_and_branches_are_found(around):
    x, w, v = (normal(*shape, seed=i) for i, shape in enumerate(ARGUMENTS))

    def run(x, w, v):
        match around:
            case "scan":
                return lax.scan(lambda w, _: (w * (1 + network(x, w, v)), None), w, None, length=2)[0]
            case "cond":
                return lax.cond(x[0, 0, 0, 0] > 0, network, lambda *_: 0.0, x, w, v)
            case "while":
                return lax.fori_loop(0, 2, lambda _, w: w * (1 + network(x, w, v)), w)
            case "checkpoint":
                return jax.checkpoint(network)(x, w, v)
            case "jit":
                return jax.jit(network)(x, w, v)
            case "vmap":
                return jax.vmap(network, (None, 0, None))(x, jnp.stack([w, 2 * w]), v)

    assert left_in(with_products(run), x, w, v) == set()
    theirs = run(x, w, v)
    np.testing.assert_allclose(jax.jit(with_products(run))(x, w, v), theirs, atol=LIKE_FLOAT32 * float(jnp.abs(theirs).max()))
    if around != "while":  # which has no gradient
        assert_alike(run, x, w, v)


def test_a_derivative_written_by_hand_stays():
    def convolve(x, w):
        return lax.conv_general_dilated(x, w, (1,), "SAME", dimension_numbers=("NWC", "WIO", "NWC"))

    @jax.custom_vjp
    def mine(x, w):
        return convolve(x, w)

    mine.defvjp(lambda x, w: (convolve(x, w), (x, w)), lambda kept, slope: (7 * jnp.ones_like(kept[0]), kept[1]))
    x, w = normal(2, 5, 3), normal(2, 3, 4)
    assert (with_slopes(with_products(mine), x, w)[1] == 7).all()


def test_arguments_by_name_and_what_is_no_array_pass_through():
    def both(x, *, training, extra=None):
        return {"x": x + (1 if training else 0), "text": "kept", "extra": extra, "nothing": None}

    found = with_products(both)(jnp.ones(2), training=True, extra=[jnp.zeros(1)])
    assert (found["x"] == 2).all()
    assert found["text"] == "kept"
    assert found["nothing"] is None
    assert found["extra"][0].shape == (1,)


def layer_zoo():
    layers = keras.layers
    return {
        "causal": ((12, 3), layers.Conv1D(4, 3, padding="causal", dilation_rate=2)),
        "strided": ((9, 9, 3), layers.Conv2D(4, 3, strides=2, padding="same")),
        "depthwise": ((9, 9, 3), layers.DepthwiseConv2D(3, depth_multiplier=2)),
        "separable": ((9, 9, 4), layers.SeparableConv2D(5, 3)),
        "groups": ((9, 9, 4), layers.Conv2D(8, 3, groups=2)),
        "transposed": ((5, 5, 3), layers.Conv2DTranspose(4, 3, strides=2, padding="same")),
        "transposed, gaps": ((5, 5, 3), layers.Conv2DTranspose(4, 3, strides=2, output_padding=1)),
        "transposed 1D": ((5, 3), layers.Conv1DTranspose(4, 2, strides=3)),
        "transposed 3D": ((3, 3, 3, 2), layers.Conv3DTranspose(3, 2, strides=2)),
        "3D": ((4, 4, 4, 2), layers.Conv3D(3, 2)),
        "channels first": ((3, 9, 9), layers.Conv2D(4, 3, data_format="channels_first")),
        "in every step of time": ((3, 6, 6, 2), layers.TimeDistributed(layers.Conv2D(3, 3))),
        "recurrent": ((3, 6, 6, 2), layers.ConvLSTM2D(3, 3)),
    }


@pytest.mark.parametrize("kind", first_tier(5, [
    "strided", "transposed", "depthwise", "causal", "recurrent", "transposed, gaps", "separable", "groups", "transposed 1D",
    "transposed 3D", "3D", "channels first", "in every step of time"]))
def test_layers_of_keras(kind):
    shape, layer = layer_zoo()[kind]
    layer.build((None, *shape))
    x, weights = normal(2, *shape), [v.value for v in layer.trainable_variables]

    def of(x, *weights):
        return layer.stateless_call(list(weights), [v.value for v in layer.non_trainable_variables], x)[0]

    assert_alike(of, x, *weights)
    assert left_in(lambda *a: with_slopes(with_products(of), *a), x, *weights) == set()
