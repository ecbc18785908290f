"""How often the interval of a difference in validation loss holds the truth, on data sets drawn from a population.

The truth is the mean difference, over all data sets and seeds, on rows of the population that no training saw. Four intervals from
16 trainings of each setting: over seeds alone and over seeds and rows on one split, and over seeds and rows on five parts of the
rows, held out in turn, as a plan makes them where the split is its own; and where a fifth of the rows is the user's for validation,
with a fifth of the training rows beside a fifth of those, in turn. There fewer rows are trained on, and the truth is another.

    python benchmarks/interval_audit.py --sets 60 --rows 900 --positives rare

Needs JAX; about 6 minutes on two threads.
"""

import argparse
import os
from collections import defaultdict
from dataclasses import replace

import numpy as np

N_SEEDS, N_POPULATION = 16, 5000
DEFAULT, OTHERS = (32, 0.001, 50), ((32, 0.003, 40), (128, 0.003, 80), (128, 0.01, 60), (8, 0.001, 30))  # size, rate, epochs
BESIDE = "seeds and rows, five parts beside the user's"
SHIFTS = {"rare": -4.5, "many": -1.0}


def population(rng, n, shift, pull):
    """Rows of 34 columns of which about 6 % (rare) or 30 % (many) are positive."""
    x = rng.normal(size=(n, 34)).astype("float32")
    z = x @ pull * 0.4 + 2 * np.sin(x[:, 0] * x[:, 1]) + shift
    return x, (rng.random(n) < 1 / (1 + np.exp(-z))).astype("float32")


def build():
    import keras

    layers = keras.layers
    model = keras.Sequential([keras.Input((34,)), layers.Dense(64, "relu"), layers.Dense(32, "relu"), layers.Dense(1, "sigmoid")])
    model.compile("adam", "binary_crossentropy")
    return model


def runs(rig, first_seed, turns):
    """`{setting: {(seed, fold): curve}}`, the folds in turn."""
    from epochal import engine
    from epochal.experiments.blocks import curve_of
    from epochal.records import EnginePoint, Setting

    found = {}
    for size, rate, n_epochs in (DEFAULT, *OTHERS):
        lanes = [engine.Lane(first_seed + i, rate, turns[i % len(turns)]) for i in range(N_SEEDS)]
        how = EnginePoint(batch_size=size, mode="fused", width=N_SEEDS, seconds=1.0, seconds_stepwise=1.0, seconds_fused=1.0)
        setting = Setting(batch_size=size, learning_rate=rate)
        made = engine.train(rig, lanes, engine.Batches(size, n_epochs), how=how)
        found[setting] = {(lane.seed, lane.fold): curve_of(run, setting, lane.seed, "confirm", engine.n_trained(rig, lane.fold),
                                                                fold=lane.fold)
                          for lane, run in zip(lanes, made, strict=True)}
    return found


def intervals(found, default):
    from epochal.rules.plan.compare import compare

    arms = compare(found, default, default, 0.0, 0.0, lambda size: None, lambda size: None)
    return {arm.setting: (arm.low, arm.difference, arm.high) for arm in arms if not arm.present}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", type=int, default=60)
    parser.add_argument("--rows", type=int, default=900)
    parser.add_argument("--positives", choices=SHIFTS, default="rare")
    options = parser.parse_args()
    from epochal.records import Setting
    from epochal.rules.plan.compare import test_loss_of
    from epochal.seam.rigs.keras_rig import open_rig
    from epochal.seam.rows import data_from_arguments

    rng = np.random.default_rng(0)
    pull, default = rng.normal(size=34), Setting(batch_size=DEFAULT[0], learning_rate=DEFAULT[1])
    unseen = population(rng, N_POPULATION, SHIFTS[options.positives], pull)
    told, truth = defaultdict(list), defaultdict(list)
    for i in range(options.sets):
        x, y = population(rng, options.rows, SHIFTS[options.positives], pull)
        rig = open_rig(build, data_from_arguments(x, y, test_data=unseen, seed=i))
        n = options.rows * 4 // 5
        theirs = open_rig(build, data_from_arguments(x[:n], y[:n], validation_data=(x[n:], y[n:]), test_data=unseen, seed=i))
        one, turns = runs(rig, 1000 * i, (0,)), runs(rig, 1000 * i + 300, rig.turns)
        beside = runs(theirs, 1000 * i + 600, theirs.turns)
        bare = {setting: {key: replace(curve, blocks_a=(), blocks_b=()) for key, curve in of.items()}
                for setting, of in one.items()}
        for way, found in (("seeds alone, one split", bare), ("seeds and rows, one split", one),
                           ("seeds and rows, five parts in turn", turns), (BESIDE, beside)):
            for setting, interval in intervals(found, default).items():
                told[setting, way].append(interval)
        for found in (one, turns, beside):
            for setting in found:
                if setting != default:
                    truth[setting, found is beside].append(test_loss_of(found, setting, default)[2][0])
        print(f"{i + 1} of {options.sets}", flush=True)
    print("\n| setting, less the default | truth | interval | holds it | half of it (median) | its middle is off by (standard "
          "deviation) |\n| --- | --- | --- | --- | --- | --- |")
    for (setting, way), found in sorted(told.items(), key=lambda item: (item[0][0], item[0][1])):
        low, middle, high = np.array(found).T
        mean = float(np.mean(truth[setting, way == BESIDE]))
        held, half = np.mean((low <= mean) & (mean <= high)), np.median(high - low) / 2
        print(f"| {setting.batch_size} at {setting.learning_rate} | {mean:+.4f} | {way} | {held:.0%} | {half:.4f} | "
              f"{np.std(middle - mean):.4f} |")


if __name__ == "__main__":
    os.environ.setdefault("KERAS_BACKEND", "jax")
    main()
