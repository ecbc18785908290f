"""Convolutional networks trained in loops of products end where Keras' own `fit` ends: losses of every epoch, weights."""

import keras
import numpy as np
import pytest
from keras import layers
from parity.same_fit import LOGS, WEIGHTS, differences, epochal_fit, keras_fit, train
from tiers import first_tier

from epochal.seam.convolutions import products

pytestmark = pytest.mark.skipif(keras.backend.backend() != "jax", reason="only loops on JAX compute convolutions as products")
TOLERANCE = 1e-4  # of the largest number: four epochs of sums in another order


def tutorial():
    return (12, 12, 1), [layers.Conv2D(4, 3, activation="relu"), layers.MaxPooling2D(), layers.Conv2D(6, 3, activation="relu"),
                         layers.MaxPooling2D(), layers.Flatten(), layers.Dropout(0.3)]


def vgg():
    return (8, 8, 3), [layers.Conv2D(4, 3, padding="same"), layers.BatchNormalization(), layers.ReLU(),
                       layers.Conv2D(4, 3, padding="same"), layers.BatchNormalization(), layers.ReLU(), layers.MaxPooling2D(),
                       layers.Dropout(0.2), layers.Flatten()]


def separable():
    return (9, 9, 2), [layers.SeparableConv2D(5, 3, strides=2, padding="same", activation="relu"),
                       layers.DepthwiseConv2D(3, padding="same"), layers.Conv2D(6, 1), layers.GlobalAveragePooling2D()]


def grouped():
    return (8, 8, 4), [layers.Conv2D(8, 3, groups=2, dilation_rate=2, activation="relu"), layers.AveragePooling2D(2),
                       layers.Flatten()]


def text():
    return (14, 3), [layers.Conv1D(6, 5, padding="same", activation="relu"), layers.MaxPooling1D(3, 2, padding="same"),
                     layers.Conv1D(6, 3, activation="relu"), layers.GlobalMaxPooling1D()]


def causal():
    return (16, 2), [*(layers.Conv1D(4, 2, padding="causal", dilation_rate=2**k, activation="relu") for k in range(3)),
                     layers.Flatten()]


def transposed():
    return (4, 4, 3), [layers.Conv2DTranspose(4, 3, strides=2, padding="same", activation="relu"),
                       layers.Conv2DTranspose(3, 2, strides=2), layers.GlobalAveragePooling2D()]


def volume():
    return (5, 5, 5, 1), [layers.Conv3D(3, 3, activation="relu"), layers.MaxPooling3D(2, 1),
                          layers.Conv3DTranspose(2, 2, strides=2), layers.GlobalAveragePooling3D()]


def channels_first():
    return (2, 8, 8), [layers.Conv2D(4, 3, data_format="channels_first", activation="relu"),
                       layers.MaxPooling2D(3, 2, padding="same", data_format="channels_first"), layers.Flatten()]


def recurrent():
    return (3, 5, 5, 2), [layers.ConvLSTM2D(3, 3), layers.Flatten()]


def residual():
    return (8, 8, 2), [Residual(), layers.GlobalAveragePooling2D()]


def frozen():
    first = layers.Conv2D(4, 3, activation="relu")
    first.trainable = False
    return (8, 8, 2), [first, layers.BatchNormalization(), layers.Conv2D(4, 3), layers.Flatten()]


class Residual(layers.Layer):
    def __init__(self):
        super().__init__()
        self.convolve, self.shortcut = layers.Conv2D(4, 3, strides=2, padding="same"), layers.Conv2D(4, 1, strides=2)

    def call(self, x):
        return keras.activations.relu(self.convolve(x)) + self.shortcut(x)


def made(network):
    shape, inner = network()
    model = keras.Sequential([keras.Input(shape), *inner, layers.Dense(3, activation="softmax")])
    model.compile(keras.optimizers.SGD(0.05, momentum=0.5), "sparse_categorical_crossentropy", metrics=["accuracy"])
    rng = np.random.default_rng(5)
    x, y = rng.normal(size=(46, *shape)).astype("float32"), rng.integers(0, 3, 46)
    return model, {"x": x, "y": y, "batch_size": 8, "epochs": 4, "validation_data": (x[:12], y[:12])}


@pytest.mark.parametrize("strips", [False, True])
@pytest.mark.parametrize("network", first_tier(3, [
    tutorial, separable, transposed, vgg, grouped, text, causal, volume, channels_first, recurrent, residual, frozen]))
def test_a_training_in_products_ends_where_keras_ends(network, strips, monkeypatch):
    if strips:
        monkeypatch.setattr(products, "_MUCH", 0)
        monkeypatch.setattr(products, "_CACHED", 3000)
    ours = train(epochal_fit, lambda: made(network), engine="fused")
    found = differences(ours, train(keras_fit, lambda: made(network)))
    assert found[LOGS] <= TOLERANCE, found
    assert found[WEIGHTS] <= TOLERANCE, found
