"""`epochal.study(model, x, y)`: batch sizes compared fairly, hundreds of trainings at once, nothing lost."""

import hashlib
import os
import shutil
import sys
from dataclasses import replace

from platformdirs import user_cache_path

from ..base.validate import require
from ..experiments import conduct
from ..experiments.ray.crew import RayCrew
from ..records import BUDGETS, dump
from ..report.study_live import StudyLive
from ..rules.study.design import designed, whole_number
from ..seam.rigs.keras_rig import open_rig
from ..seam.rows import data_from_arguments
from ..training.feeds.cast import weighed


def study(model, x=None, y=None, *, batch_sizes=(32, 256, 1024), learning_rates="auto", seeds=8, epochs=50, equal=BUDGETS,
          sample_weight=None, class_weight=None, validation_data=None, validation_split=0.0, test_data=None, metric="val_loss",
          mode="auto", margin=None, reference=None, protocol="fair", trial_seeds=3, halving=True, seed=0, folder=None, ray=None,
          verbose="auto"):
    """Which batch sizes differ in quality once the learning rate is tuned for each of them, and by how much.

    The learning rate is tuned at every batch size with the same number of trials; the settings chosen are trained anew with fresh
    seeds, the same for all (initial weights, order of rows, dropout); the differences are paired over seeds.

    Args:
        model: a compiled Keras model, or a function without arguments that builds and compiles one. It is only read.
        x, y, sample_weight: the training data as `fit` takes them: arrays, or dicts, lists or tuples of arrays.
        batch_sizes: what to compare; at least two.
        learning_rates: the rates to try at every batch size, or `"auto"`: a grid of half decades that widens until the best lies
            inside.
        seeds: fresh seeds for the comparison, at least 2; five or more tell something.
        epochs: passes over the data that the reference batch size gets.
        equal: under which budgets to compare: of `"epochs"`, `"steps"` (as many updates as the reference makes) and `"time"` (as
            many seconds of `fit` as the reference takes). All come from the same trainings where they can.
        class_weight: as in Keras, `{class: weight}`: it scales the training loss alone, and judging is without it.
        validation_data, validation_split: as for `epochal.plan`.
        test_data: `(x, y)` or `(x, y, sample_weight)`: rows that no choice sees, read once at the end.
        metric: `"val_loss"`, or the name of a compiled metric (with or without `val_`).
        mode: `"min"`, `"max"`, or `"auto"`, which goes by the metric's name.
        margin: the difference in the metric that counts as none. By default 1 % of what training gains, fixed before the
            comparison.
        reference: the batch size that others are compared with; 32 where it is among them, else the smallest.
        protocol: `"fair"`; `"tutorial"` adds the comparison as tutorials make it, beside the fair one.
        trial_seeds: seeds on which learning rates are chosen.
        halving: whether the search drops the worse half of the rates after a quarter of the examples. The comparison never does.
        seed: what everything random follows from.
        folder: where the study is kept and, after a crash, resumed. Without it, it is kept in the user's cache until it has ended.
        ray: `"auto"` or the address of a Ray cluster, which then trains; `None`: the devices of this machine do.
        verbose: 1 shows progress on standard error, 0 nothing; `"auto"` is 1 on a terminal or in a notebook.

    Returns:
        A `Study`. Its intervals are over seeds, on these validation rows. It says "equivalent" only of differences within the
        margin, and "not resolvable", with the number of seeds that would be enough, where the data do not tell.

    Raises:
        UsageError: an argument is not usable, or the folder holds another study; the message says which, and what to do.
        Unsupported: the model cannot be copied or measured.
        MeasurementFailed: every learning rate diverged at the reference batch size, or a batch of it does not fit into memory.
    """
    require(verbose in ("auto", 0, 1), "verbose", verbose, '"auto", 0 or 1', "Pass 0 for silence.")
    whole_number("seed", seed, 0)
    require(folder is None or isinstance(folder, (str, os.PathLike)), "folder", folder, "a path, or None", 'Pass folder="study".')
    data = data_from_arguments(x, y, sample_weight=sample_weight, validation_data=validation_data,
                               validation_split=validation_split, test_data=test_data, seed=seed)
    if class_weight is not None:
        data = replace(data, train=weighed(data.train, class_weight))
    rig = open_rig(model, data)
    design = designed(
        rig.task, rig.present, batch_sizes=batch_sizes, learning_rates=learning_rates, seeds=seeds, epochs=epochs, equal=equal,
        metric=metric, mode=mode, margin=margin, reference=reference, protocol=protocol, trial_seeds=trial_seeds, halving=halving,
        seed=seed)
    place = folder or _unfinished(design, rig)
    loud = verbose == 1 or (verbose == "auto" and (sys.stderr.isatty() or "ipykernel" in sys.modules))
    with StudyLive(quiet=not loud) as live:
        crew = None if ray is None else RayCrew(rig, model, data, address=ray)
        found = conduct(rig, design, place, crew=crew, watch=live.watch)
    if folder is None:
        shutil.rmtree(place, ignore_errors=True)
    return found


def _unfinished(design, rig):
    """A folder of this very study's own in the user's cache."""
    digest = hashlib.blake2b(f"{dump(design)}{rig.task.fingerprint}{rig.machine.backend}".encode(), digest_size=8).hexdigest()
    return user_cache_path("epochal") / "studies" / digest
