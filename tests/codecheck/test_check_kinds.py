"""Each kind finds its own bad example and nothing in its good one; what is on purpose or not known is left alone."""

import ast

import pytest

from epochal.codecheck import KINDS
from epochal.codecheck.statements import read_story

BEFORE = """
import keras, numpy as np, tensorflow as tf
from keras import Sequential
from keras.callbacks import EarlyStopping
from keras.layers import *
from keras.optimizers import Adam
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

x = np.random.normal(size=(9, 2))
results, scores = {}, {}


def build():
    new = Sequential([Dense(3)])
    new.compile("adam", "mse", metrics=["accuracy"])
    return new


def train(size):
    new = build()
    new.fit(x, y, batch_size=size, epochs=4)
    return new


model = build()
batches = tf.data.Dataset.from_tensor_slices((x, y)).batch(32)
"""


def kinds_in(text):
    story = read_story([ast.parse(BEFORE + text).body])
    return [name for name, kind in KINDS.items() if list(kind.look(story))]


@pytest.mark.parametrize("name", KINDS)
def test_the_bad_example_is_found_and_the_good_one_is_not(name):
    assert kinds_in(KINDS[name].bad) == [name]
    assert kinds_in(KINDS[name].good) == []


@pytest.mark.parametrize(
    "code",
    [
        # trained on, not compared
        "for size in (8, 64):\n    model.fit(x, y, batch_size=size)",
        "for part in parts:\n    h = model.fit(part, part, epochs=3)\n    print(h.history['val_loss'])",
        "for size in (8, 64):\n    model.set_weights(first)\n    results[size] = model.fit(x, y, batch_size=size)",
        "for size in (8, 64):\n    reset(model)\n    results[size] = model.fit(x, y, batch_size=size)",
        # sorted by time: the last rows are then the right ones to validate on
        "df = df.sort_values('date')\nmodel.fit(df[['a']], df['b'], validation_split=0.2)",
        "x = np.sort(x)\nx = np.random.permutation(x)\nmodel.fit(x, y, validation_split=0.2)",
        # the test rows are shown, and choose nothing
        "model.fit(x_train, y_train, validation_data=(x_test, y_test))",
        "model.fit(x_train, y_train, validation_data=(x_val, y_val), callbacks=[EarlyStopping(restore_best_weights=True)])",
        # learns nothing of rows, or of the training rows alone
        "x = x / 255.0\nx_train, x_test = train_test_split(x)",
        "a, b = train_test_split(x)\na = StandardScaler().fit_transform(a)\nmodel.fit(a, y, validation_split=0.2)",
        # nothing is used afterwards; or the best weights come back otherwise
        "model.fit(x, y, validation_split=0.2, callbacks=[EarlyStopping()])",
        "model.fit(x, y, validation_split=0.2, callbacks=[EarlyStopping(), keras.callbacks.ModelCheckpoint('a.keras')])\nmodel.save('b')",  # noqa: E501
        "model.fit(unknown(), batch_size=4)",
        "model.fit(x, y, batch_size=4)",
        "model.fit(batches.repeat(), steps_per_epoch=10)",
        "model.fit(batches, steps_per_epoch=-(-n // 32))",
        "model.predict(batches)",
        "model.add(LSTM(3))\nmodel.fit(x, y, epochs=5, shuffle=False)",
        "model.fit(x, y, shuffle=False)",
        "history = model.fit(x, y)\nprint('training loss', history.history['loss'][-1])",
        "history = model.fit(x, y)\nprint('loss', history.history['loss'][-1])\nmodel.evaluate(x_test, y_test)",
        "model.compile(Adam(gradient_accumulation_steps=4), 'mse')",
        "StandardScaler().fit(x, y)",
        "estimator.fit(x, y)",
    ],
)
def test_what_is_right_on_purpose_or_not_known_is_left_alone(code):
    assert kinds_in(code) == []


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (
            "for i, lr in enumerate([1e-2, 1e-3]):\n    model.compile(Adam(lr), 'mse')\n    scores[lr] = model.fit(x, y).history['val_loss']",  # noqa: E501
            "model-reused",
        ),
        (
            "for lr in rates:\n    model.optimizer.learning_rate = lr\n    h = model.fit(x, y)\n    print(lr, h.history['val_loss'])",  # noqa: E501
            "model-reused",
        ),
        ("def run(size):\n    return model.fit(x, y, batch_size=size)\nall_of = [run(b) for b in (8, 64)]", "model-reused"),
        (
            "xs, ys = [], []\nfor label in range(3):\n    for path in files(label):\n        xs.append(read(path))\n        ys.append(label)\n"  # noqa: E501
            "model.fit(np.array(xs), np.array(ys), validation_split=0.1)",
            "ordered-split",
        ),
        ("df = df.sort_values('price')\nmodel.fit(df[['a']].values, df['price'].values, validation_split=0.2)", "ordered-split"),
        (
            "(a, b), (c, d) = keras.datasets.mnist.load_data()\n"
            "model.fit(a, b, validation_data=(c, d), callbacks=[EarlyStopping(restore_best_weights=True)])\nmodel.evaluate(c, d)",
            "test-selects",
        ),
        ("norm = keras.layers.Normalization()\nnorm.adapt(x)\nz = norm(x)\na, b = train_test_split(z)", "fitted-before-split"),
        (
            "cbs = []\ncbs.append(EarlyStopping(monitor='val_loss'))\nmodel.fit(x, y, callbacks=cbs)\nmodel.predict(x)",
            "last-weights-kept",
        ),
        ("class Rows(keras.utils.Sequence):\n    pass\nrows = Rows()\nmodel.fit(rows, batch_size=4)", "batch-size-ignored"),
        (
            "best = 0\nfor units in (4, 8):\n    net = Sequential([Dense(units)])\n    h = net.fit(x, y, validation_split=0.2)\n"
            "    score = max(h.history['val_accuracy'])\n    if score > best:\n        best = score",
            "one-seed",
        ),
    ],
)
def test_other_forms_of_a_fault_are_found(code, kind):
    assert kind in kinds_in(code)
