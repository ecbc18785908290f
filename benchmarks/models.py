"""The models people train: `epochal.fit` beside Keras' own `fit`, seconds an epoch and memory, side by side.

    python benchmarks/models.py                                   # every model on every back end installed, three rounds
    python benchmarks/models.py --models mnist,resnet --backends jax --rounds 5 --json figures.json
    pip install --no-deps --target next keras-nightly
    python benchmarks/models.py --next next --contenders keras,keras8,next8,next32,epochal --tuned

Each model, back end and contender has a process of its own, so that memory is its own; in a round the contenders take turns, and
ratios are taken round by round. A process trains a first epoch, in which everything is compiled, and then tells the seconds of each
further one, with its validation on a quarter of the rows. Memory is the largest resident size beyond what was in use before.
*keras* is `fit` as published; *keras8* is with `steps_per_execution=8` (on JAX a loop of Python in Keras 3.15, a scan in 3.16);
*next* and *next8* are the Keras to come, from the folder `--next`; *plain* and *plain8* are with `jit_compile=False`. *full* is
ours with LLVM at its full level, at which JAX compiles by itself. With `--tuned` all of Keras' run in the first round, and
afterwards *keras* and the fastest of the others.
"""

import argparse
import importlib.util
import json
import os
import re
import statistics
import subprocess
import sys
from itertools import pairwise
from time import perf_counter

CONTENDERS, OURS = ("keras", "keras8", "epochal"), ("epochal", "full")


def tutorial():
    """MNIST as the tutorials have it."""
    from keras import layers

    return (28, 28, 1), 64, 20, [layers.Conv2D(32, 3, activation="relu"), layers.MaxPooling2D(),
                                 layers.Conv2D(64, 3, activation="relu"), layers.MaxPooling2D(), layers.Flatten(),
                                 layers.Dropout(0.5)]


def vgg():
    from keras import layers

    def block(width):
        for _ in range(2):
            yield from (layers.Conv2D(width, 3, padding="same"), layers.BatchNormalization(), layers.ReLU())
        yield from (layers.MaxPooling2D(), layers.Dropout(0.2))

    return (32, 32, 3), 64, 8, [*block(32), *block(64), *block(128), layers.Flatten(), layers.Dense(128, activation="relu")]


def resnet():
    """ResNet-20 for CIFAR."""
    import keras
    from keras import layers

    inputs = keras.Input((32, 32, 3))
    h = layers.ReLU()(layers.BatchNormalization()(layers.Conv2D(16, 3, padding="same")(inputs)))
    for stage, width in enumerate((16, 32, 64)):
        for block in range(3):
            strides, before = (2 if stage and not block else 1), h
            h = layers.ReLU()(layers.BatchNormalization()(layers.Conv2D(width, 3, strides, padding="same")(h)))
            h = layers.BatchNormalization()(layers.Conv2D(width, 3, padding="same")(h))
            if strides == 2:
                before = layers.Conv2D(width, 1, strides)(before)
            h = layers.ReLU()(layers.Add()([before, h]))
    return (32, 32, 3), 128, 4, [keras.Model(inputs, layers.GlobalAveragePooling2D()(h))]


def mobilenet(frozen=False):
    import keras
    from keras import layers

    base = keras.applications.MobileNetV2(input_shape=(96, 96, 3), alpha=0.35, include_top=False, weights=None, pooling="avg")
    base.trainable = not frozen
    return (96, 96, 3), 32, 6, [base, layers.Dropout(0.2)]


def frozen():
    return mobilenet(frozen=True)


def frozen_dataset():
    """From a `tf.data.Dataset` that shuffles."""
    return mobilenet(frozen=True)


def frozen_augmented():
    """From a `tf.data.Dataset` that shuffles, and whose rows are others in every epoch."""
    return mobilenet(frozen=True)


def text():
    from keras import layers

    return (200,), 64, 12, [layers.Embedding(2000, 64), layers.Conv1D(128, 5, padding="same", activation="relu"),
                            layers.MaxPooling1D(), layers.Conv1D(128, 5, activation="relu"), layers.GlobalMaxPooling1D()]


def causal():
    from keras import layers

    return (500, 8), 32, 16, [*(layers.Conv1D(32, 2, padding="causal", dilation_rate=2**k, activation="relu") for k in range(6)),
                              layers.GlobalAveragePooling1D()]


def unet():
    """With transposed convolutions on the way up."""
    import keras
    from keras import layers

    def twice(h, width):
        for _ in range(2):
            h = layers.Conv2D(width, 3, padding="same", activation="relu")(h)
        return h

    inputs = keras.Input((64, 64, 3))
    high = twice(inputs, 16)
    middle = twice(layers.MaxPooling2D()(high), 32)
    h = twice(layers.MaxPooling2D()(middle), 64)
    h = twice(layers.Concatenate()([middle, layers.Conv2DTranspose(32, 3, strides=2, padding="same")(h)]), 32)
    h = twice(layers.Concatenate()([high, layers.Conv2DTranspose(16, 2, strides=2)(h)]), 16)
    return (64, 64, 3), 16, 8, [keras.Model(inputs, layers.GlobalAveragePooling2D()(h))]


def volume():
    from keras import layers

    return (16, 16, 16, 1), 32, 6, [layers.Conv3D(8, 3, padding="same", activation="relu"),
                                    layers.Conv3D(16, 3, padding="same", activation="relu"), layers.MaxPooling3D(),
                                    layers.Conv3D(32, 3, activation="relu"), layers.GlobalAveragePooling3D()]


def lstm():
    from keras import layers

    return (120,), 32, 12, [layers.Embedding(2000, 64), layers.Bidirectional(layers.LSTM(64))]


def gru():
    from keras import layers

    return (120,), 32, 12, [layers.Embedding(2000, 64), layers.GRU(64)]


def attention():
    """Two blocks."""
    import keras
    from keras import layers

    tokens = keras.Input((64,), dtype="int32")
    h = layers.Embedding(2000, 64)(tokens)
    for _ in range(2):
        h = layers.LayerNormalization()(h + layers.MultiHeadAttention(4, 16)(h, h))
        h = layers.LayerNormalization()(h + layers.Dense(64)(layers.Dense(256, activation="relu")(h)))
    return (64,), 64, 16, [keras.Model(tokens, layers.GlobalAveragePooling1D()(h))]


def dense():
    """The network of tutorial 2."""
    from keras import layers

    return (10,), 32, 1000, [layers.Dense(64, activation="relu"), layers.Dense(32, activation="relu")]


MODELS = {made.__name__: made for made in (dense, tutorial, vgg, resnet, mobilenet, frozen, frozen_dataset,
                                              frozen_augmented, text, causal, unet, volume, lstm, gru,
                                           attention)}


def measured(name, contender, epochs):
    """`{"epochs": seconds of each epoch but the first, "first": of that, "n_batches": of an epoch, "bytes": of memory}`."""
    import keras
    import numpy as np

    import epochal

    keras.utils.set_random_seed(0)
    shape, size, n_batches, inner = MODELS[name]()
    of_words = len(shape) == 1 and name != "dense"
    model = keras.Sequential([keras.Input(shape, dtype="int32" if of_words else "float32"), *inner,
                              keras.layers.Dense(4, activation="softmax")])
    by_keras = re.fullmatch(r"(keras|next|plain)(\d*)", contender)
    asked = {} if by_keras is None else {"steps_per_execution": int(by_keras[2] or 1)}
    asked |= {"jit_compile": False} if contender.startswith("plain") else {}
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"], **asked)
    rng, n = np.random.default_rng(0), size * n_batches
    x = rng.integers(1, 2000, (n, *shape)) if of_words else rng.normal(size=(n, *shape)).astype("float32")
    y = rng.integers(0, 4, n)
    judged = (x[: max(size, n // 4)], y[: max(size, n // 4)])
    begun, before = [], resident()
    clock = keras.callbacks.LambdaCallback(on_epoch_begin=lambda *_: begun.append(perf_counter()))
    fit = model.fit if by_keras else lambda *rows, **how: epochal.fit(model, *rows, **how)
    rows, judged = data_set(name, (x, y), size), data_set(name, judged, size)
    sizes = {"batch_size": size} if isinstance(rows, tuple) else {}
    fit(*(rows if sizes else [rows]), **sizes, epochs=epochs + 1, validation_data=judged, verbose=0, callbacks=[clock])
    begun.append(perf_counter())
    first, *others = (after - at for at, after in pairwise(begun))
    return {"epochs": others, "first": first, "n_batches": n_batches, "bytes": resident() - before}


def data_set(name, rows, size):
    """Rows as arrays, or as what the model's name asks for."""
    if name not in ("frozen_dataset", "frozen_augmented"):
        return rows
    import tensorflow as tf

    rows = tf.data.Dataset.from_tensor_slices(rows).shuffle(len(rows[0]))
    if name == "frozen_augmented":
        rows = rows.map(lambda x, y: (x + 0.1 * tf.random.normal(x.shape), y))
    return rows.batch(size)


def resident():
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def in_a_process(name, contender, backend, epochs, to_come):
    code = f"import json, models; print('figures', json.dumps(models.measured({name!r}, {contender!r}, {epochs})))"
    folder = os.path.dirname(os.path.abspath(__file__))
    environment = os.environ | {"KERAS_BACKEND": backend, "PYTHONWARNINGS": "ignore", "TF_CPP_MIN_LOG_LEVEL": "3"}
    if contender == "full":
        environment["XLA_FLAGS"] = "--xla_backend_optimization_level=3"
    if contender.startswith("next"):
        environment["PYTHONPATH"] = os.pathsep.join([os.path.abspath(to_come), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, env=environment, capture_output=True, text=True, check=False)
    line = next((line for line in done.stdout.splitlines() if line.startswith("figures ")), None)
    if line is None:
        raise SystemExit(f"{name}, {contender} on {backend} failed:\n{done.stderr[-2000:]}")
    return json.loads(line.removeprefix("figures "))


def seconds(figures):
    return min(figures["epochs"])


def told(rounds, contenders):
    best = min((name for name in rounds[-1] if name not in OURS), key=lambda name: seconds(rounds[-1][name]))
    fastest = {name: min(seconds(figures[name]) for figures in rounds if name in figures) for name in contenders}

    def times_ours(name):
        shares = sorted(seconds(figures[name]) / seconds(figures["epochal"]) for figures in rounds if name in figures)
        return f"{statistics.median(shares):.2f} ({shares[0]:.2f} to {shares[-1]:.2f})"

    cells = [f"{fastest[name] * 1e3 / rounds[0][name]['n_batches']:.3g}" for name in contenders]
    cells += [times_ours("keras"), f"{times_ours(best)}, {best}",
              *(", ".join(f"{min(figures[name]['first'] for figures in rounds):.1f}" for name in some)
                for some in (("keras",), [name for name in contenders if name in OURS])),
              *(f"{max(figures[name]['bytes'] for figures in rounds) / 1e6:,.0f}" for name in ("keras", "epochal"))]
    return " | ".join(cells)


def rounds_of(contenders, n_rounds, tuned, measure):
    rounds, taken = [], contenders
    for _ in range(n_rounds):
        rounds.append({contender: measure(contender) for contender in taken})
        if tuned and taken is contenders:
            others = [name for name in contenders if name not in ("keras", *OURS)]
            fastest = sorted(others, key=lambda name: seconds(rounds[0][name]))[:1]
            taken = ["keras", *fastest, *(name for name in contenders if name in OURS)]
    return rounds


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", default=",".join(MODELS))
    parser.add_argument("--backends", default=",".join(name for name in ("jax", "tensorflow", "torch")
                                                       if importlib.util.find_spec(name)))
    parser.add_argument("--contenders", default=",".join(CONTENDERS))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--next", help="folder into which the Keras to come was installed")
    parser.add_argument("--tuned", action="store_true")
    parser.add_argument("--json")
    given = parser.parse_args()
    contenders, figures = given.contenders.split(","), {}
    print(f"| model | back end | {' | '.join(f'{name}, ms a batch' for name in contenders)} | Keras takes, times ours | "
          "at its best | first epoch, s: Keras | ours | memory, MB: Keras | ours |")
    print("| --- " * (8 + len(contenders)) + "|")
    for name in given.models.split(","):
        for backend in given.backends.split(","):
            rounds = rounds_of(contenders, given.rounds, given.tuned,
                               lambda contender, name=name, on=backend: in_a_process(name, contender, on, given.epochs, given.next))
            figures[f"{name} on {backend}"] = rounds
            print(f"| {name} | {backend} | {told(rounds, contenders)} |", flush=True)
            if given.json:
                with open(given.json, "w", encoding="utf-8") as file:
                    json.dump(figures, file)


if __name__ == "__main__":
    main()
