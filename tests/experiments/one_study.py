"""A small study of a Keras model, for processes of their own: `python one_study.py FOLDER` prints its numbers as JSON."""

import json
import sys
from dataclasses import replace

import keras
import numpy as np

from epochal.experiments import Crew, StudyFolder, run_fair
from epochal.records import Design, EnginePoint, Reading, dump
from epochal.seam.rigs.keras_rig import open_rig
from epochal.seam.rows import data_from_arguments

DESIGN = Design(batch_sizes=(8, 48), reference=8, epochs=4, equal=("epochs", "steps"), n_seeds=6, n_trial_seeds=2)


def build():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(8, "relu"), keras.layers.Dropout(0.2),
                              keras.layers.BatchNormalization(), keras.layers.Dense(1, "sigmoid")])
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model


def rows(n=80):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n, 3)).astype("float32")
    return x, (x.sum(1, keepdims=True) > 0).astype("float32")


def bench():
    return open_rig(build, data_from_arguments(*rows(), test_data=rows(20)))


def numbers(study):
    """What of a study no clock has a part in, as text."""
    plain = replace(study, readings=(), contrasts=tuple(replace(c, seconds=None) for c in study.contrasts),
                    curves=tuple(replace(c, seconds=0.0) for c in study.curves))
    return json.loads(dump(plain))["record"]


def run(folder, *, crew=Crew, design=DESIGN, rig=None):
    rig = rig or bench()
    with StudyFolder(folder, wait=True) as kept, crew(rig) as workers:
        kept.begin(design, rig.task, rig.machine)
        for size in design.batch_sizes:  # else the clock decides, and another mode rounds otherwise
            way = EnginePoint(batch_size=size, mode="fused", width=8, seconds=1e-5, seconds_stepwise=1e-3, seconds_fused=1e-5)
            kept.keep(f"engine/{size}", Reading(name=f"engine/{size}", unit="s", points=(way,)))
        return run_fair(rig, design, kept, workers)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(numbers(run(sys.argv[1]))))
