"""Makes the files in this folder: `python make.py`, run once with the version before this one on the path.

They are files of an earlier version for the tests beside them, so they must not be made anew by the present one.
`made_with.json` says what was installed.
"""

import contextlib
import gzip
import json
import pathlib
import shutil
import sys
from importlib.metadata import version

import keras
import numpy as np

HERE = pathlib.Path(__file__).parent
CHANCE = np.random.default_rng(0)
X = CHANCE.integers(-8, 9, (96, 3)).astype("float32") / 8
Y = (X.sum(1) + CHANCE.integers(-8, 9, 96) / 8 > 0).astype("float32")
STUDY = {"batch_sizes": (8, 16), "learning_rates": (0.003, 0.03), "seeds": 2, "trial_seeds": 1, "epochs": 2, "equal": ("epochs",)}


def build():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4, "relu"), keras.layers.Dropout(0.1),
                              keras.layers.Dense(1, "sigmoid")])
    model.compile(keras.optimizers.Adam(0.03), "binary_crossentropy", metrics=["accuracy"])
    return model


class BreaksOff(keras.callbacks.Callback):
    """Ends the training as a crash would, in the epoch after `epochs`."""

    def __init__(self, epochs):
        super().__init__()
        self.epochs = epochs

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == self.epochs:
            raise KeyboardInterrupt


def training(folder, epochs, *, break_after=None):
    """A training of `epochs` epochs, kept in `folder`; broken off after some, or not."""
    import epochal

    keras.utils.set_random_seed(3)
    model = build()
    callbacks = [BreaksOff(break_after), keras.callbacks.ReduceLROnPlateau(patience=0, min_delta=0.5, monitor="loss")]
    epochal.fit(model, X, Y, batch_size=8, epochs=epochs, validation_data=(X[:16], Y[:16]), callbacks=callbacks, verbose=0,
                checkpoint=folder)
    return model


def main():
    import epochal

    epochal.plan(build, X, Y, budget="6 s", verbose=0).save(HERE / "plan.json")
    (HERE / "plan.json.gz").write_bytes(gzip.compress((HERE / "plan.json").read_bytes()))
    (HERE / "plan.json").unlink()
    shutil.rmtree(HERE / "study", ignore_errors=True)
    epochal.study(build, X, Y, **STUDY, folder=HERE / "study", verbose=0)
    shutil.rmtree(HERE / "checkpoint", ignore_errors=True)
    with contextlib.suppress(KeyboardInterrupt):
        training(HERE / "checkpoint", 6, break_after=3)
    packages = {name: version(name) for name in ("keras", "jax", "numpy")}
    (HERE / "made_with.json").write_text(json.dumps({"python": sys.version.split()[0], "epochal": epochal.__version__} | packages))


if __name__ == "__main__":
    main()
