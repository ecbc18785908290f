"""A model is copied with all that is its own: its class, what it has frozen, LoRA, and the weights that it brought along."""

import itertools

import keras
import numpy as np
import pytest
from contracts.rigs import flat, numpy
from keras import layers

from epochal.base.errors import Unsupported, UsageError
from epochal.seam.model.copying import copy_of
from epochal.seam.rigs.keras_rig import open_rig
from epochal.seam.rows import data_from_arguments

RNG = np.random.default_rng(0)
TOKENS, X = RNG.integers(0, 10, (24, 4)).astype("int32"), RNG.normal(size=(24, 5)).astype("float32")
WIDTHS = itertools.count(2)
LABELS = RNG.integers(0, 2, (24, 1)).astype("float32")


class Backbone(keras.Model):
    """As KerasHub makes them: a graph, built by a class that says what it was made of."""

    def __init__(self, width, **options):
        tokens = keras.Input((None,), dtype="int32", name="token_ids")
        seen = Attending(width, name="attending")(layers.Embedding(10, width, name="embedding")(tokens))
        super().__init__(tokens, seen, **options)
        self.width = width

    def get_config(self):
        return {"width": self.width, "name": self.name}


class Attending(layers.Layer):
    def __init__(self, width, **options):
        super().__init__(**options)
        self.width, self.query = width, layers.Dense(width, name="query")

    def build(self, shape):
        self.query.build(shape)

    def call(self, x):
        return x + self.query(x)

    def get_config(self):
        return super().get_config() | {"width": self.width}


class Classifier(keras.Model):
    def __init__(self, backbone, dropout=0.0, **options):
        pooled = layers.Dropout(dropout)(layers.GlobalAveragePooling1D()(backbone.output))
        super().__init__(backbone.input, layers.Dense(1, activation="sigmoid", name="head")(pooled), **options)
        self.backbone, self.dropout = backbone, dropout

    def get_config(self):
        return {"backbone": keras.layers.serialize(self.backbone), "dropout": self.dropout, "name": self.name}

    @classmethod
    def from_config(cls, config):
        return cls(**config | {"backbone": keras.layers.deserialize(config["backbone"])})


def classifier(lora=False, frozen=False):
    backbone = Backbone(4)
    if lora:
        backbone.get_layer("attending").query.enable_lora(2)
        backbone.get_layer("embedding").trainable = False
    if frozen:
        backbone.trainable = False
    return compiled(Classifier(backbone))


def compiled(model):
    model.compile(keras.optimizers.Adam(0.01), "binary_crossentropy", metrics=["accuracy"])
    return model


def data_of(x):
    return data_from_arguments(x, LABELS, validation_data=(x, LABELS))


@pytest.mark.parametrize("options", [{}, {"lora": True}, {"frozen": True}], ids=str)
def test_a_class_that_copies_itself_is_copied_with_its_weights_lora_and_what_is_frozen(options):
    model = classifier(**options)
    before, copy = flat(model.weights), copy_of(model)
    assert type(copy) is Classifier
    assert type(copy.backbone) is Backbone
    assert [(v.path, v.trainable) for v in copy.weights] == [(v.path, v.trainable) for v in model.weights]
    np.testing.assert_array_equal(numpy(copy(TOKENS)), numpy(model(TOKENS)))
    copy.set_weights([w + 1 for w in copy.get_weights()])
    np.testing.assert_array_equal(flat(model.weights), before)


@pytest.mark.parametrize("options", [{}, {"lora": True}], ids=str)
def test_it_is_measured_as_keras_trains_it_and_every_seed_begins_with_what_it_brought(options):
    model = classifier(**options)
    rig = open_rig(model, data_of(TOKENS))
    one, other = rig.fresh(1), rig.fresh(2)
    np.testing.assert_array_equal(rig.weights(one), rig.weights(other))
    np.testing.assert_array_equal(rig.weights(one), flat(model.trainable_variables).astype("float32"))
    assert any("Every seed starts from the same values" in note for note in rig.task.notes)
    for _ in range(3):
        one, loss = rig.step(one, np.arange(12), 0.01)
        model.reset_metrics()
        assert float(loss) == pytest.approx(float(np.ravel(model.train_on_batch(TOKENS[:12], LABELS[:12]))[0]), rel=1e-5)
    np.testing.assert_allclose(rig.weights(one), flat(model.trainable_variables), atol=1e-5)


def test_within_a_plain_model_it_keeps_its_weights_too_and_the_rest_is_drawn_anew():
    backbone = Backbone(4)
    model = compiled(keras.Sequential([backbone, layers.GlobalAveragePooling1D(), layers.Dense(1)]))
    model(TOKENS)
    copy = copy_of(model)
    copy.build((None, None))
    np.testing.assert_array_equal(flat(copy.layers[0].weights), flat(backbone.weights))


def test_with_lora_the_frozen_kernel_stays_that_of_the_model():
    model = compiled(keras.Sequential([keras.Input((5,)), layers.Dense(4, name="wide"), layers.Dense(1)]))
    model.layers[0].enable_lora(2)
    copy = copy_of(model)
    np.testing.assert_array_equal(flat(copy.layers[0].weights), flat(model.layers[0].weights))
    assert not np.array_equal(flat(copy.layers[1].weights), flat(model.layers[1].weights))
    assert len(copy.trainable_variables) == len(model.trainable_variables)


def test_what_is_frozen_inside_a_layer_stays_frozen():
    model = compiled(keras.Sequential([keras.Input((5,)), Attending(5), layers.Dense(1)]))
    model.layers[0].query.trainable = False
    copy = copy_of(model)
    assert len(copy.trainable_variables) == len(model.trainable_variables) == 2
    np.testing.assert_array_equal(flat(copy.layers[0].weights), flat(model.layers[0].weights))


def test_rows_that_only_the_model_s_own_fit_prepares_are_not_compared_without_it():
    model = classifier()
    model.preprocessor = layers.Identity()
    with pytest.raises(Unsupported, match="has a preprocessor, which has not made these rows.* preprocessor=None"):
        open_rig(lambda: model, data_of(TOKENS))


class Penalised(keras.Sequential):
    def compute_loss(self, *arguments, **options):
        return super().compute_loss(*arguments, **options) + 1.0


def test_a_class_with_a_loss_of_its_own_is_copied_with_it_and_its_weights_are_drawn():
    model = compiled(Penalised([keras.Input((5,)), layers.Dense(1)]))
    rig = open_rig(model, data_of(X))
    assert float(rig.step(rig.fresh(0), np.arange(8), 0.0)[1]) > 1
    assert not np.array_equal(rig.weights(rig.fresh(0)), rig.weights(rig.fresh(1)))


def test_what_would_be_lost_is_refused():
    class Marked(keras.optimizers.SGD):
        def __init__(self, strength=1.0, **options):
            super().__init__(**options)
            self.strength = strength

    model = keras.Sequential([keras.Input((5,)), layers.Dense(1)])
    model.compile(Marked(strength=3.0), "mse")
    with pytest.raises(Unsupported, match="lacks its `strength` of 3.0. Return it from get_config"):
        open_rig(model, data_of(X))


def stateful():
    return compiled(keras.Sequential([keras.Input(batch_shape=(8, 5, 1)), layers.LSTM(2, stateful=True), layers.Dense(1)]))


def fixed():
    return compiled(keras.Sequential([keras.Input(batch_shape=(8, 5)), layers.Dense(1)]))


def at_rate(rate):
    model = keras.Sequential([keras.Input((5,)), layers.Dense(1)])
    model.compile(keras.optimizers.SGD(rate), "mse")
    return model


def of_each_row():
    model = at_rate(0.1)
    model.compile("sgd", keras.losses.MeanSquaredError(reduction="none"))
    return model


def one_number():
    x = keras.Input((5,))
    model = keras.Model(x, keras.ops.mean(layers.Dense(1)(x)))
    model.compile("sgd", "mse")
    return model


def growing():
    model = keras.Sequential([keras.Input((5,)), layers.Dense(next(WIDTHS)), layers.Dense(1)])
    model.compile("sgd", "mse")
    return model


@pytest.mark.parametrize(("source", "sentence"), [
    (stateful, "its layer `lstm.*` is stateful: each batch goes on where the one before ended. Build it with stateful=False"),
    (fixed, "its Input fixes batches at 8 rows. Build it with Input"),
    (lambda: at_rate(0.0), "compiled with a positive learning rate; got .* of 0"),
    (lambda: at_rate(-0.1), "compiled with a positive learning rate; got .* of -0.1"),
    (of_each_row, "`loss` must be one number for a batch; got .* Leave reduction at"),
    (one_number, "one that answers each row"),
    (growing, "one that builds the same model every time"),
    (lambda width: at_rate(width), "function without arguments.*Pass lambda"),
], ids=["stateful", "fixed batch", "rate of zero", "negative rate", "loss of each row", "one number", "growing", "arguments"])
def test_what_cannot_be_compared_is_refused_at_the_door_with_its_cause(source, sentence):
    with pytest.raises((Unsupported, UsageError), match=sentence):
        open_rig(source, data_of(X[..., None] if source is stateful else X))


@pytest.mark.parametrize(("weights", "judged", "sentence"), [
    (np.zeros(24), None, "sample_weight of .* must be more than 0 for some rows"),
    (np.linspace(-1, 1, 24), None, "sample_weight of .* must be 0 or more for every row; got -1"),
    (None, np.zeros(24), "sample_weight of validation_data` must be more than 0 for some rows"),
    (None, np.full(24, -1.0), "sample_weight of validation_data` must be 0 or more"),
], ids=["all zero", "negative", "validation zero", "validation negative"])
def test_weights_of_rows_that_judge_nothing_are_refused(weights, judged, sentence):
    with pytest.raises(UsageError, match=sentence):
        data_from_arguments(X, LABELS, sample_weight=weights, validation_data=(X, LABELS, judged))


@pytest.mark.parametrize("texts", [["good", "bad"], np.array(["good", "bad"])])
def test_texts_are_told_what_they_are(texts):
    with pytest.raises(UsageError, match="must be numbers; got text. Make numbers of it first"):
        data_from_arguments(texts, LABELS[:2])


@pytest.mark.second
@pytest.mark.parametrize("lora", [False, True])
def test_a_task_of_keras_hub_is_copied(lora):
    hub = pytest.importorskip("keras_hub", reason="KerasHub is not installed")
    backbone = hub.models.BertBackbone(vocabulary_size=20, num_layers=1, num_heads=2, hidden_dim=8, intermediate_dim=8,
                                       max_sequence_length=6)
    if lora:
        backbone.enable_lora(2)
    model = hub.models.BertTextClassifier(backbone, num_classes=2, preprocessor=None)
    model.compile(keras.optimizers.Adam(0.01), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    x = {"token_ids": RNG.integers(0, 20, (24, 6)), "segment_ids": np.zeros((24, 6), "int32"),
         "padding_mask": np.ones((24, 6), "int32")}
    y = LABELS[:, 0].astype("int32")
    rig = open_rig(model, data_from_arguments(x, y, validation_data=(x, y)))
    np.testing.assert_array_equal(rig.weights(rig.fresh(1)), flat(model.trainable_variables).astype("float32"))
    assert any("takes them in their order, so shuffle them before" in note for note in rig.task.notes)
    assert rig.n_params == sum(v.size for v in map(numpy, model.trainable_variables))
