"""Which models can be written down for another back end, and whether what comes of it is the same model."""

import json
import random
import re

import keras
import numpy as np
import pytest
from keras import layers

from epochal.seam.remote.alike import Answers, answers, apart, misfit, settle, shapes
from epochal.seam.remote.mirror import Mirror
from epochal.seam.remote.plain import groups, plain, quiet, rebuild
from epochal.seam.trainee import build

SAMPLE = (np.random.default_rng(0).normal(size=(6, 4)).astype("float32"), np.arange(6) % 3, None)


def dense(*extra, **options):
    model = keras.Sequential([keras.Input((4,)), layers.Dense(8, activation="tanh"), *extra, layers.Dense(3)])
    options = {"optimizer": "adam", "loss": keras.losses.SparseCategoricalCrossentropy(from_logits=True)} | options
    model.compile(**options)
    return model


def relu(x):
    return 2 * x


def distance(y_true, y_pred):
    return keras.ops.mean((y_true - y_pred) ** 2, axis=-1)


class Own(layers.Layer):
    def call(self, x):
        return x


class OwnModel(keras.Model):
    def call(self, x):
        return x


class OwnMetric(keras.metrics.Mean):
    pass


class OwnOptimizer(keras.optimizers.SGD):
    pass


class OwnRule(keras.regularizers.Regularizer):
    def __call__(self, x):
        return keras.ops.sum(x)

    def get_config(self):
        return {}


class OwnSchedule(keras.optimizers.schedules.LearningRateSchedule):
    def __call__(self, step):
        return 0.1

    def get_config(self):
        return {}


def with_own_step():
    model = dense()
    model.train_step = lambda *arguments: None
    return model


def with_own_class():
    model = OwnModel()
    model.compile("sgd", "mse")
    return model


def with_uneven_decay():
    optimizer = keras.optimizers.AdamW()
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    return dense(optimizer=optimizer)


REFUSED = {
    "own layer": (lambda: dense(Own()), "its layer `own.*` is of the class Own, which is not one of Keras' own"),
    "own layer in a wrapper": (lambda: dense(layers.Reshape((2, 4)), layers.TimeDistributed(Own()), layers.Flatten()),
                               "its layer `own.*` is of the class Own"),
    "own layer in a model in a model": (lambda: dense(keras.Sequential([keras.Sequential([Own()])])), "of the class Own"),
    "lambda layer": (lambda: dense(layers.Lambda(keras.ops.tanh)), r"its layer `lambda.*` \(Lambda\) is not the same on every"),
    "own activation": (lambda: dense(layers.Dense(2, activation=distance)), "uses the function `distance`"),
    "own activation with a name of Keras'": (lambda: dense(layers.Dense(2, activation=relu)), "uses the function `relu`"),
    "own activation of a cell": (lambda: dense(layers.Reshape((2, 4)), layers.GRU(2, activation=relu)), "the function `relu`"),
    "lambda for an activation": (lambda: dense(layers.Dense(2, activation=lambda x: x)), "uses the function `<lambda>`"),
    "own regulariser": (lambda: dense(layers.Dense(2, kernel_regularizer=OwnRule())), "it uses `OwnRule`"),
    "own loss": (lambda: dense(loss=distance), "its `distance` is not one of Keras' own"),
    "own metric": (lambda: dense(metrics=[OwnMetric()]), "it uses `.*OwnMetric`"),
    "own metric function": (lambda: dense(metrics=["mae", distance]), "it uses `distance`"),
    "own optimizer": (lambda: dense(optimizer=OwnOptimizer(0.1)), "its `OwnOptimizer` is not one of Keras' own"),
    "own schedule": (lambda: dense(optimizer=keras.optimizers.SGD(OwnSchedule())), "it uses `OwnSchedule`"),
    "own step": (with_own_step, "it has its own `train_step`"),
    "own model class": (with_own_class, "its class OwnModel is not one of Keras' own"),
    "eager": (lambda: dense(run_eagerly=True), "it is compiled to run eagerly"),
    "uneven weight decay": (with_uneven_decay, "its optimizer excludes weights from weight decay"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_keras_own_is_named(name):
    make, sentence = REFUSED[name]
    recipe, why_not = plain(make())
    assert recipe is None
    assert re.search(sentence, why_not), why_not


def test_a_compiled_model_inside_does_not_matter():
    inner = keras.Sequential([keras.Input((8,)), layers.Dense(2)])
    inner.compile("sgd", distance)
    recipe, why_not = plain(dense(inner))
    assert why_not == ""
    assert not rebuild(recipe).layers[1].compiled


def tower():
    """Some of everything that has variables of its own kind."""
    x = keras.Input((5, 4), name="series")
    kind = keras.Input((1,), dtype="int32", name="kind")
    body = layers.MultiHeadAttention(2, 3, dropout=0.1)(x, x)
    body = layers.Bidirectional(layers.SimpleRNN(3, dropout=0.2))(body) * 2.0
    body = layers.Concatenate()([body, layers.Flatten()(layers.Embedding(3, 2)(kind))])
    body = layers.Dropout(0.3)(layers.BatchNormalization()(layers.Dense(6, "relu", kernel_regularizer="l2")(body)))
    model = keras.Model({"series": x, "kind": kind}, {"a": layers.Dense(1, name="a")(body), "b": layers.Dense(3, name="b")(body)})
    next(layer for layer in model.layers if isinstance(layer, layers.MultiHeadAttention)).trainable = False
    rate = keras.optimizers.schedules.CosineDecay(0.1, 10)
    model.compile(keras.optimizers.Adam(rate, clipnorm=1.0, use_ema=True, gradient_accumulation_steps=2),
                  {"a": keras.losses.mean_squared_error, "b": keras.losses.SparseCategoricalCrossentropy(from_logits=True)},
                  loss_weights={"a": 0.5, "b": 2.0}, metrics={"a": ["mae"], "b": ["accuracy"]})
    rng = np.random.default_rng(1)
    inputs = {"series": rng.normal(size=(6, 5, 4)).astype("float32"), "kind": rng.integers(0, 3, (6, 1)).astype("int32")}
    return model, (inputs, {"a": rng.normal(size=(6, 1)).astype("float32"), "b": np.arange(6, dtype="int32") % 3}, None)


def test_a_rebuilt_model_has_the_same_parts_and_computes_the_same():
    model, sample = tower()
    build(model, sample)
    recipe, why_not = plain(model)
    assert why_not == ""
    copy = rebuild(recipe)
    build(copy, sample)
    assert plain(copy)[0] == recipe
    assert misfit(shapes(model), copy) == ""
    assert [layer.trainable for layer in copy.layers] == [layer.trainable for layer in model.layers]
    ours, theirs = Mirror(model), Mirror(copy)
    theirs.take(*ours.changes())
    for group, other in zip(groups(model), groups(copy), strict=True):
        for variable, twin in zip(group, other, strict=True):
            np.testing.assert_array_equal(variable.numpy(), twin.numpy())


def test_the_comparison_changes_neither_the_model_nor_the_users_random_numbers():
    model = dense(layers.Dropout(0.5))
    build(model, SAMPLE)
    mirror = Mirror(model)
    mirror.changes()
    keras.utils.set_random_seed(4)
    before = random.getstate(), np.random.get_state()[1].tolist(), keras.config.floatx()
    answers(model, plain(model)[0], SAMPLE)
    assert mirror.changes() == ([], [])
    assert before == (random.getstate(), np.random.get_state()[1].tolist(), keras.config.floatx())


def test_a_layer_adapted_to_data_is_adapted_elsewhere_too():
    model, other = (dense(layers.Normalization()) for _ in range(2))
    model.layers[1].adapt(np.random.default_rng(5).normal(3, 2, (50, 8)))
    build(model, SAMPLE)
    build(other, SAMPLE)
    Mirror(other).take(*Mirror(model).changes())
    settle(other)
    np.testing.assert_array_equal(*(keras.ops.convert_to_numpy(m(SAMPLE[0])) for m in (model, other)))


def test_how_a_step_is_compiled_is_left_to_the_other_back_end_unless_it_is_forbidden():
    assert json.loads(plain(dense())[0])["compile"]["jit_compile"] == "auto"
    forbidden = json.loads(plain(dense(jit_compile=False))[0])["compile"]["jit_compile"]
    assert forbidden == (False if keras.backend.backend() == "jax" else "auto")


def test_a_quiet_copy_draws_nothing_and_moves_by_the_gradient_alone():
    model, _ = tower()
    copy = rebuild(quiet(plain(model)[0]))
    assert [layer.rate for layer in copy.layers if isinstance(layer, layers.Dropout)] == [0]
    assert [layer.dropout for layer in copy.layers if isinstance(layer, layers.MultiHeadAttention)] == [0]
    assert [layer.forward_layer.dropout for layer in copy.layers if isinstance(layer, layers.Bidirectional)] == [0]
    assert isinstance(copy.optimizer, keras.optimizers.SGD)
    assert float(copy.optimizer.learning_rate) == 1


@pytest.mark.parametrize("policy", ["float32", "mixed_float16"])
def test_defaults_of_keras_travel_with_the_model(policy):
    before = keras.config.floatx(), keras.config.image_data_format(), keras.config.dtype_policy(), keras.config.epsilon()
    try:
        keras.config.set_dtype_policy(policy)
        keras.config.set_image_data_format("channels_first")
        keras.config.set_epsilon(1e-5)
        model = dense()
        recipe, _ = plain(model)
        keras.config.set_image_data_format("channels_last")
        keras.config.set_dtype_policy("float32")
        keras.config.set_epsilon(1e-7)
        copy = rebuild(recipe)
        assert (keras.config.image_data_format(), keras.config.dtype_policy().name) == ("channels_first", policy)
        assert keras.config.epsilon() == 1e-5
        assert type(copy.optimizer) is type(model.optimizer)
        assert [layer.dtype_policy.name for layer in copy.layers] == [policy] * 2
    finally:
        keras.config.set_floatx(before[0])
        keras.config.set_image_data_format(before[1])
        keras.config.set_dtype_policy(before[2])
        keras.config.set_epsilon(before[3])


def test_a_mirror_tells_what_the_other_side_does_not_know():
    model, other = dense(), dense()
    build(model, SAMPLE)
    build(other, SAMPLE)
    ours, theirs = Mirror(model), Mirror(other)
    positions, arrays = ours.changes()
    assert len(positions) == sum(map(len, groups(model)))
    assert ours.changes() == ([], [])
    theirs.take(positions, arrays)
    assert theirs.changes() == ([], [])
    model.layers[0].bias.assign(np.full(8, np.nan, "float32"))
    model.optimizer.learning_rate.assign(0.5)
    positions, arrays = ours.changes()
    assert [a.shape for a in arrays] == [(8,), ()]
    theirs.take(positions, arrays)
    assert ours.changes() == theirs.changes() == ([], [])  # a number that is none is known too
    assert float(other.optimizer.learning_rate) == 0.5
    ours.forget()
    assert len(ours.changes()[0]) == sum(map(len, groups(model)))


def test_whole_numbers_are_cast_to_the_size_they_have_here():
    model = dense(layers.Dropout(0.5))
    build(model, SAMPLE)
    mirror, position = Mirror(model), len(model.trainable_variables)
    mirror.take([position], [np.array([2**31 - 5, 7], "int64")])
    seed = model.non_trainable_variables[0]
    assert seed.numpy().tolist() == [2**31 - 5, 7]
    assert str(seed.numpy().dtype) == str(seed.dtype)


def test_a_variable_that_does_not_fit_is_named():
    model, other = dense(), dense(layers.Dense(5))
    build(model, SAMPLE)
    build(other, SAMPLE)
    assert misfit(shapes(model), other) == "of the trainable variables, `kernel` float32[8, 3] meets `kernel` float32[8, 5]"
    other = dense(metrics=["accuracy"])
    build(other, SAMPLE)
    assert misfit(shapes(model), other) == "of the metrics' variables, none meets `total` float32[]"


def answered(outputs=1.0, loss=1.0, after=1.5, dtypes=("float32",), maxima=False):
    """Two weights, one that goes a way of 0.5 and one that stays, and an output of 1, unless told otherwise."""
    return Answers([np.full(3, outputs)], loss, [np.ones(2), np.ones(2)], [np.array([1.0, after]), np.ones(2)],
                   frozenset(dtypes), maxima)


@pytest.mark.parametrize(("change", "sentence"), [
    ({}, ""),
    ({"outputs": 1 + 1.05e-4}, ""),
    ({"outputs": 1 + 1.2e-4}, "its outputs on a batch differ by 1.09 times what rounding explains"),
    ({"outputs": np.nan}, "its outputs on a batch differ by inf times what rounding explains"),
    ({"outputs": np.inf}, "its outputs on a batch differ by inf times what rounding explains"),
    ({"loss": 1.0001}, ""),
    ({"loss": 1.001}, "its loss on a batch is 1.001 there and 1 here"),
    ({"loss": np.nan}, "its loss on a batch is nan there and 1 here"),
    ({"after": 1.5004}, ""),
    ({"after": 1.501}, "its weights after one update differ by 1.99 times what rounding explains"),
    ({"after": np.nan}, "its weights after one update differ by inf times what rounding explains"),
])
def test_two_back_ends_are_apart_when_rounding_does_not_explain_it(change, sentence):
    assert apart(answered(), answered(**change)) == sentence


def test_numbers_that_are_none_on_both_sides_are_alike():
    broken = answered(outputs=np.nan, loss=np.nan, after=np.nan)
    assert apart(broken, broken) == ""
    endless = answered(outputs=np.inf)
    assert apart(endless, endless) == ""


def test_maxima_and_halves_leave_more_to_rounding_but_not_everything():
    assert apart(answered(maxima=True), answered(after=1.52)) == ""
    assert "weights after one update" in apart(answered(maxima=True), answered(after=1.54))
    assert apart(answered(dtypes=["float16"]), answered(outputs=1.02)) == ""
    assert "outputs" in apart(answered(dtypes=["float16"]), answered(outputs=1.05))
    assert "weights after one update" in apart(answered(dtypes=["bfloat16"], maxima=True), answered(after=1.62))


def test_a_weight_that_hardly_goes_need_not_go_it_exactly():
    """As a bias before batch-norm, whose gradient is nothing but rounding."""
    ours, theirs = answered(), answered()
    ours.after[1][:] += 6.5e-7
    theirs.after[1][:] -= 6.5e-7
    assert apart(ours, theirs) == ""
    theirs.after[1][:] += 1e-4
    assert "weights after one update" in apart(ours, theirs)
