"""Kill a training at random moments, call it again each time, and compare its ending with that of an undisturbed run, bit for bit.

    python benchmarks/kill_and_resume.py                       # 30 kills, one ending each
    python benchmarks/kill_and_resume.py --kills 5 --backend tensorflow

Every trial starts a training with a checkpoint folder, kills it (`kill -9`) after a random time, starts the same call again, and
so on until `--a-training` kills are done; then it lets it end. Weights, optimizer slots and history must be those of the
undisturbed run.
"""

import argparse
import hashlib
import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import time

EPOCHS = 60


def train(folder):
    """The training: dropout, batch-norm, a plateau schedule, early stopping, shuffled and ragged batches, a CSV log."""
    import keras
    import numpy as np
    from keras import layers

    import epochal

    keras.utils.set_random_seed(7)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(20_011, 16)).astype("float32")
    y = (x[:, :3].sum(1) + rng.normal(size=len(x)) > 0).astype("float32")
    model = keras.Sequential([keras.Input((16,)), layers.Dense(64, activation="relu"), layers.BatchNormalization(),
                              layers.Dropout(0.3), layers.Dense(1, activation="sigmoid")])
    model.compile(optimizer="adam", loss="binary_crossentropy", metrics=["accuracy"])
    callbacks = [keras.callbacks.ReduceLROnPlateau(patience=2, monitor="val_loss"),
                 keras.callbacks.EarlyStopping(patience=EPOCHS, restore_best_weights=True),
                 keras.callbacks.CSVLogger(str(pathlib.Path(folder) / "log.csv"))]
    history = epochal.fit(model, x, y, batch_size=32, epochs=EPOCHS, validation_data=(x[:2000], y[:2000]), callbacks=callbacks,
                          checkpoint=folder, verbose=0)
    digest = hashlib.sha256()
    for variable in (*model.variables, *model.optimizer.variables):
        digest.update(np.ascontiguousarray(keras.ops.convert_to_numpy(variable)).tobytes())
    log = (pathlib.Path(folder) / "log.csv").read_text()
    return {"weights": digest.hexdigest(), "history": history.history, "epochs": len(history.epoch), "log": log}


def start(folder, backend):
    environment = os.environ | {"KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"}
    return subprocess.Popen([sys.executable, "-W", "ignore", __file__, "--train", folder], env=environment,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def ending(process):
    out, err = process.communicate()
    if process.returncode:
        sys.exit(f"the training failed ({process.returncode}):\n{err}")
    return json.loads(out.splitlines()[-1])


def killed(folder, backend, after):
    """Whether the training was still running after so many seconds; then it is killed."""
    process = start(folder, backend)
    time.sleep(after)
    if process.poll() is None:
        process.send_signal(signal.SIGKILL)
        process.communicate()
        return True
    return False


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--a-training", type=int, default=1, help="kills before a training may end")
    parser.add_argument("--backend", default="jax")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--train", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.train:
        print(json.dumps(train(options.train)))
        return
    draw = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        undisturbed = ending(start(folder, options.backend))
        seconds = time.perf_counter() - began
    print(f"undisturbed: {seconds:.1f} s, {undisturbed['epochs']} epochs, weights {undisturbed['weights'][:12]}", flush=True)
    kills, same, trainings = 0, 0, 0
    while kills < options.kills:
        with tempfile.TemporaryDirectory() as folder:
            here = 0
            while here < min(options.a_training, options.kills - kills):
                after = draw.uniform(0, seconds)
                if not killed(folder, options.backend, after):
                    break
                here += 1
                print(f"  killed after {after:.2f} s of {seconds:.1f}", flush=True)
            end = ending(start(folder, options.backend))
        kills, trainings = kills + here, trainings + 1
        identical = {key: end[key] == undisturbed[key] for key in undisturbed}
        same += all(identical.values())
        print(f"{kills} kills: {'identical' if all(identical.values()) else f'DIFFERENT {identical}'}", flush=True)
    print(f"{kills} kills, {trainings} endings, {same} identical to the undisturbed run (weights, slots, history, log)")
    sys.exit(same != trainings)


if __name__ == "__main__":
    main()
