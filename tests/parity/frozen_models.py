"""Models with a frozen base, those whose base is the same in every epoch and those whose base is not, and rows for them."""

import keras
import numpy as np
from keras import layers

N, N_VALIDATION = 45, 19
IMAGE = (8, 8, 2)


def base(*, trainable=False, name="base", width=16):
    """A small convolutional network with a residual and batch-norm, as a pretrained one has them."""
    x = first = keras.Input(IMAGE)
    x = layers.Conv2D(width, 3, padding="same", use_bias=False)(x)
    x = before = layers.ReLU()(layers.BatchNormalization(name=f"{name}_norm")(x))
    x = layers.Conv2D(width, 3, padding="same", use_bias=False)(x)
    x = layers.Add()([before, layers.BatchNormalization()(x)])
    model = keras.Model(first, layers.GlobalAveragePooling2D()(x), name=name)
    for layer in model.layers:  # as after a training: batch-norm with moments that are not those of the start
        if isinstance(layer, layers.BatchNormalization):
            layer.moving_mean.assign(keras.random.normal(layer.moving_mean.shape, seed=1) * 0.1)
            layer.moving_variance.assign(keras.random.uniform(layer.moving_variance.shape, 0.5, 2.0, seed=2))
    model.trainable = trainable
    return model


def frozen(layer):
    layer.trainable = False
    return layer


def head(x):
    return layers.Dense(3, activation="softmax")(layers.Dropout(0.3)(x))


def sequential():
    return keras.Sequential([keras.Input(IMAGE), layers.Rescaling(0.5), base(), layers.Dropout(0.3), layers.Dense(3, "softmax")])


def functional():
    x = keras.Input(IMAGE)
    return keras.Model(x, head(base()(x, training=False)))


def flat():
    x = first = keras.Input(IMAGE)
    x = frozen(layers.Conv2D(32, 3))(x)
    x = frozen(layers.Conv2D(16, 3))(layers.ReLU()(x))
    x = layers.Conv2D(4, 3)(x)
    return keras.Model(first, head(layers.Flatten()(x)))


def nested_in_part():
    inner = base(trainable=True)
    for layer in inner.layers[:5]:
        layer.trainable = False
    return keras.Sequential([keras.Input(IMAGE), inner, layers.Dropout(0.3), layers.Dense(3, "softmax")])


def nested_twice():
    inner = base(trainable=True, width=64)
    for layer in inner.layers[:3]:
        layer.trainable = False
    x = keras.Input(IMAGE)
    middle = keras.Model(x, [inner(x), layers.Flatten()(frozen(layers.Conv2D(8, 3))(x))], name="middle")
    x = keras.Input(IMAGE)
    return keras.Model(x, head(layers.Concatenate()(middle(x))))


def siamese():
    a, b, shared = keras.Input(IMAGE, name="a"), keras.Input(IMAGE, name="b"), base()
    return keras.Model({"a": a, "b": b}, head(layers.Concatenate()([shared(a), shared(b), layers.Flatten()(b)])))


def used_on_what_is_trained():
    x, shared = keras.Input(IMAGE), base()
    return keras.Model(x, head(layers.Add()([shared(x), shared(layers.Conv2D(2, 1)(x))])))


def two_outputs():
    x, shared = keras.Input(IMAGE), base()
    y = shared(x)
    trained, fixed = layers.Dense(3, activation="softmax", name="trained"), layers.Dense(3, activation="softmax", name="fixed")
    return keras.Model(x, [trained(y), frozen(fixed)(y)])


def masked():
    x = first = keras.Input((6,), dtype="int32")
    x = frozen(layers.Embedding(40, 16, mask_zero=True))(x)
    x = frozen(layers.Dense(32, activation="tanh"))(x)
    return keras.Model(first, head(layers.GRU(4)(x)))


def regularized():
    x = keras.Input(IMAGE)
    x, y = x, layers.Dense(8, kernel_regularizer="l2", activity_regularizer="l2")(base()(x))
    return keras.Model(x, head(y))


def told_of_training():
    x = keras.Input(IMAGE)
    return keras.Model(x, head(frozen(Centred(32))(base()(x))))


CASES = {one.__name__: one for one in (sequential, functional, flat, nested_in_part, nested_twice, siamese, used_on_what_is_trained,
                                       two_outputs, masked, regularized, told_of_training)}


class Centred(layers.Layer):
    """A layer of a user's own that does the same in training."""

    def __init__(self, units):
        super().__init__()
        self.dense = layers.Dense(units)

    def build(self, shape):
        self.dense.build(shape)

    def call(self, x, training=None):
        return self.dense(x) - 0.5


def augmented():
    return keras.Sequential([keras.Input(IMAGE), layers.RandomFlip(seed=3), base(), layers.Dense(3, "softmax")])


def drops():
    x = first = keras.Input(IMAGE)
    x = layers.Dropout(0.2, seed=4)(frozen(layers.Conv2D(32, 3))(x))
    return keras.Model(first, head(layers.Flatten()(frozen(layers.Conv2D(32, 3, name="second"))(x))))


def moments_move():
    x = first = keras.Input(IMAGE)
    x = layers.BatchNormalization(center=False, scale=False)(x)
    return keras.Model(first, head(layers.Flatten()(frozen(layers.Conv2D(64, 3))(x))))


def adds_a_loss():
    x = first = keras.Input(IMAGE)
    x = frozen(layers.Conv2D(64, 3, activity_regularizer="l2"))(x)
    return keras.Model(first, head(layers.Flatten()(x)))


class LessTheMean(layers.Layer):
    def call(self, x):
        return x - keras.ops.mean(x, axis=0, keepdims=True)


def mixes_rows():
    x = first = keras.Input(IMAGE)
    x = LessTheMean()(frozen(layers.Conv2D(64, 3))(x))
    return keras.Model(first, head(layers.Flatten()(x)))


class OtherwiseInTraining(layers.Layer):
    def call(self, x, training=None):
        return 2 * x if training else x


def otherwise_in_training():
    x = first = keras.Input(IMAGE)
    x = OtherwiseInTraining()(frozen(layers.Conv2D(64, 3))(x))
    return keras.Model(first, head(layers.Flatten()(x)))


class OwnCall(keras.Model):
    def __init__(self):
        super().__init__()
        self.base, self.dense = base(), layers.Dense(3, activation="softmax")

    def call(self, x):
        return self.dense(self.base(x))


def only_embeddings():
    x = first = keras.Input((6,), dtype="int32")
    x = frozen(layers.Embedding(400, 16))(x)
    return keras.Model(first, head(layers.Flatten()(x)))


def trained_inside_a_frozen_layer():
    """As KerasHub sets LoRA up: `trainable` of the outer layer says no, and a kernel inside is trained."""
    block = Centred(64)
    model = keras.Sequential([keras.Input(IMAGE), layers.Flatten(), block, layers.Dense(3, activation="softmax")])
    block.trainable = False
    block.dense.trainable = True
    block.dense.enable_lora(2)
    return model


NOT_ONCE = {one.__name__: one for one in (augmented, drops, moments_move, adds_a_loss, mixes_rows, otherwise_in_training, OwnCall,
                                          only_embeddings, trained_inside_a_frozen_layer)}


def with_rows(build, optimizer=None):
    def make():
        model, rng = build(), np.random.default_rng(5)
        words = build in (masked, only_embeddings)

        def rows(n):
            if words:
                x = rng.integers(0, 40, (n, 6)).astype("int32")
            else:
                x = rng.normal(size=(n, *IMAGE)).astype("float32")
                x = {"a": x, "b": x[::-1].copy()} if build is siamese else x
            y = rng.integers(0, 3, n)
            return x, [y, y] if build is two_outputs else y

        losses = "sparse_categorical_crossentropy"
        twice = build is two_outputs
        model.compile(optimizer or keras.optimizers.SGD(0.05, momentum=0.9), [losses, losses] if twice else losses,
                      metrics=[["accuracy"]] * 2 if twice else ["accuracy"])
        x, y = rows(N)
        return model, {"x": x, "y": y, "validation_data": rows(N_VALIDATION)}

    return make
