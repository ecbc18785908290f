"""The literal code of two tutorials, under `model.fit` and with `model.fit(` replaced by `ep.fit(model, `, in a process of its own.

    python tutorial_script.py FOLDER [SEED]     # prints {tutorial: {fit: {order: curves}}} as JSON on its last line
"""

import contextlib
import io
import json
import os
import sys
import warnings

import numpy as np
import pandas as pd

EPOCHS_BATCH_SIZE_LEARNING_RATE = """
import pandas as pd
from sklearn.model_selection import train_test_split
df = pd.read_csv("dataplexa_deep_learning_master_dataset.csv")
X = df.drop("target", axis=1)
y = df["target"]
X_train, X_test, y_train, y_test = train_test_split(
X, y, test_size=0.2, random_state=42
)
from tensorflow.keras.models import Sequential
from tensorflow.keras.layers import Dense
model = Sequential([
Dense(64, activation="relu", input_shape=(X_train.shape[1],)),
Dense(1, activation="sigmoid")
])
model.compile(
optimizer="adam",
loss="binary_crossentropy",
metrics=["accuracy"]
)
history = model.fit(
X_train,
y_train,
epochs=10,
batch_size=32,
validation_split=0.2
)
CURVES.append(history.history)
history = model.fit(
X_train,
y_train,
epochs=10,
batch_size=128,
validation_split=0.2
)
CURVES.append(history.history)
from tensorflow.keras.optimizers import Adam
optimizer = Adam(learning_rate=0.01)
model.compile(
optimizer=optimizer,
loss="binary_crossentropy",
metrics=["accuracy"]
)
"""

BATCH_SIZE_EFFECTS = """
import time
from tensorflow import keras

batch_sizes = [32, 256, 1024]
results = {}

for bs in batch_sizes:
    model = keras.Sequential([
        keras.layers.Dense(64, activation='relu', input_shape=(10,)),
        keras.layers.Dense(32, activation='relu'),
        keras.layers.Dense(1, activation='sigmoid'),
    ])
    model.compile(optimizer='adam', loss='binary_crossentropy',
                  metrics=['accuracy'])

    start = time.time()
    history = model.fit(
        X_train, y_train,
        validation_data=(X_val, y_val),
        epochs=50, batch_size=bs, verbose=0,
    )
    elapsed = time.time() - start

    val_loss = min(history.history['val_loss'])
    results[bs] = {'time': elapsed, 'best_val_loss': val_loss}
    print(f"batch_size={bs:4d}  time={elapsed:.1f}s  best_val_loss={val_loss:.4f}")
    CURVES.append(history.history)
"""

TUTORIALS = {"epochs, batch size, learning rate": EPOCHS_BATCH_SIZE_LEARNING_RATE, "batch size effects": BATCH_SIZE_EFFECTS}


def data(n=700):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n, 10))
    y = (x[:, :3].sum(1) + np.sin(3 * x[:, 3]) + 0.5 * rng.normal(size=n) > 0).astype("int64")
    return pd.DataFrame(x, columns=[f"feature_{i}" for i in range(10)]), pd.Series(y, name="target")


def run(code, *, ours, in_order, seed):
    """The curves of every `fit` in the code, and what it printed."""
    from tensorflow import keras

    if ours:
        code = "import epochal as ep\n" + code.replace("model.fit(", "ep.fit(model, ")
    if in_order:
        code = code.replace("validation_split=0.2\n", "validation_split=0.2, shuffle=False\n")
        code = code.replace("verbose=0,", "verbose=0, shuffle=False,").replace("epochs=50", "epochs=15")
    x, y = (part.to_numpy() for part in data(500))
    names = {"CURVES": [], "X_train": x[:400], "y_train": y[:400], "X_val": x[400:], "y_val": y[400:]}
    keras.utils.set_random_seed(seed)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Keras' on `input_shape`, and our advice
        exec(code, names)
    return names["CURVES"], printed.getvalue()


def main(folder, seed=1):
    os.chdir(folder)
    x, y = data()
    x.assign(target=y).to_csv("dataplexa_deep_learning_master_dataset.csv", index=False)
    found = {name: {fit: {order: run(code, ours=fit == "ep.fit", in_order=order == "in order", seed=int(seed))
                          for order in ("in order", "shuffled")} for fit in ("model.fit", "ep.fit")}
             for name, code in TUTORIALS.items()}
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
