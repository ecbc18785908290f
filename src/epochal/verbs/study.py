"""`epochal.study(model, x, y)`: batch sizes compared fairly, hundreds of trainings at once, nothing lost."""

import hashlib
import shutil
import sys

from platformdirs import user_cache_path

from ..base.errors import require
from ..records import BUDGETS, Design, dump
from ..report.study_live import StudyLive
from ..seam.given import given
from ..seam.open import open_rig
from ..study import Crew, StudyFolder, run_fair

_UP = ("acc", "auc", "precision", "recall", "f1", "fbeta", "iou", "r2", "sensitivity", "specificity")  # names of which more is better


def study(model, x=None, y=None, *, batch_sizes=(32, 256, 1024), learning_rates="auto", seeds=8, epochs=50, equal=BUDGETS,
          sample_weight=None, validation_data=None, validation_split=0.0, test_data=None, metric="val_loss", mode="auto",
          margin=None, reference=None, protocol="fair", trial_seeds=3, halving=True, seed=0, folder=None, crew=None,
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
        equal: under which budgets to compare: of `"epochs"`, `"steps"` (as many updates as the reference makes) and `"time"` (as many
            seconds of `fit` as the reference takes). All come from the same trainings where they can.
        validation_data, validation_split: as for `epochal.plan`.
        test_data: `(x, y)` or `(x, y, sample_weight)`: rows that no choice sees, read once at the end.
        metric: `"val_loss"`, or the name of a compiled metric (with or without `val_`).
        mode: `"min"`, `"max"`, or `"auto"`, which goes by the metric's name.
        margin: the difference in the metric that counts as none. By default 1 % of what training gains, fixed before the comparison.
        reference: the batch size that others are compared with; 32 where it is among them, else the smallest.
        protocol: `"fair"`; `"tutorial"` adds the comparison as tutorials make it, beside the fair one.
        trial_seeds: seeds on which learning rates are chosen.
        halving: whether the search drops the worse half of the rates after a quarter of the examples. The comparison never does.
        seed: what everything random follows from.
        folder: where the study is kept and, after a crash, resumed. Without it, it is kept in the user's cache until it has ended.
        crew: who trains: by default the devices of this machine; see `epochal.ray_crew`.
        verbose: 1 shows progress on standard error, 0 nothing; `"auto"` is 1 on a terminal or in a notebook.

    Returns:
        A `Study`. Its intervals are over seeds, on these validation rows. It says "equivalent" only of differences within the margin,
        and "not resolvable", with the number of seeds that would be enough, where the data do not tell.

    Raises:
        UsageError: an argument is not usable, or the folder holds another study; the message says which, and what to do.
        Unsupported: the model cannot be copied or measured.
        MeasurementFailed: every learning rate diverged at the reference batch size, or a batch does not fit into memory.
    """
    require(verbose in ("auto", 0, 1), "verbose", verbose, '"auto", 0 or 1', "Pass 0 for silence.")
    data = given(x, y, sample_weight=sample_weight, validation_data=validation_data, validation_split=validation_split,
                 test_data=test_data, seed=seed)
    rig = open_rig(model, data)
    design = designed(rig, batch_sizes=batch_sizes, learning_rates=learning_rates, seeds=seeds, epochs=epochs, equal=equal,
                      metric=metric, mode=mode, margin=margin, reference=reference, protocol=protocol, trial_seeds=trial_seeds,
                      halving=halving, seed=seed)
    place = folder or _unfinished(design, rig)
    loud = verbose == 1 or (verbose == "auto" and (sys.stderr.isatty() or "ipykernel" in sys.modules))
    found = conducted(rig, design, place, crew=crew, quiet=not loud)
    if folder is None:
        shutil.rmtree(place, ignore_errors=True)
    return found


def designed(rig, *, batch_sizes, learning_rates="auto", seeds=8, epochs=50, equal=BUDGETS, metric="val_loss", mode="auto",
             margin=None, reference=None, protocol="fair", trial_seeds=3, halving=True, seed=0):
    """The `Design` that these arguments describe, for a model on the bench; see `study`."""
    sizes = _whole_numbers("batch_sizes", batch_sizes)
    require(len(set(sizes)) == len(sizes) >= 2, "batch_sizes", batch_sizes, "at least two different sizes", "Pass [32, 256].")
    for name, value, least in (("seeds", seeds, 2), ("epochs", epochs, 1), ("trial_seeds", trial_seeds, 1), ("seed", seed, 0)):
        require(isinstance(value, int) and not isinstance(value, bool) and value >= least, name, value, f"a whole number from {least} on")
    if isinstance(learning_rates, str):
        require(learning_rates == "auto", "learning_rates", learning_rates, '"auto" or a list of rates', "Pass [1e-4, 1e-3, 1e-2].")
        learning_rates = ()
    rates = tuple(sorted(float(rate) for rate in learning_rates))
    require(all(0 < rate < float("inf") for rate in rates), "learning_rates", learning_rates, "positive numbers")
    require(len(set(rates)) == len(rates), "learning_rates", learning_rates, "different rates")
    budgets = (equal,) if isinstance(equal, str) else tuple(equal)
    require(budgets and set(budgets) <= set(BUDGETS), "equal", equal, f"some of {', '.join(BUDGETS)}", 'Pass ("epochs",).')
    budgets = tuple(budget for budget in BUDGETS if budget in budgets)
    require(rig.present.schedule == "constant" or budgets == ("epochs",), "equal", equal, '"epochs" alone for a model compiled with '
            f"the schedule {rig.present.schedule}, whose shape is that of a whole run", 'Pass equal="epochs".')
    require(protocol in ("fair", "tutorial"), "protocol", protocol, '"fair" or "tutorial"')
    require(margin is None or 0 < margin < float("inf"), "margin", margin, "a positive difference in the metric", "Pass 0.01.")
    base = 32 if 32 in sizes else min(sizes)
    require(reference is None or reference in sizes, "reference", reference, f"one of the batch sizes, {sorted(sizes)}")
    name = metric.removeprefix("val_")
    known = ("loss", *rig.task.metrics)
    require(name in known, "metric", metric, f"one of {', '.join(f'val_{one}' for one in known)}", "Compile the model with it.")
    require(mode in ("auto", "min", "max"), "mode", mode, '"auto", "min" or "max"')
    up = mode == "max" or (mode == "auto" and name != "loss" and any(part in name.lower() for part in _UP))
    return Design(batch_sizes=tuple(sorted(sizes)), reference=reference or base, learning_rates=rates, epochs=epochs, equal=budgets,
                  n_seeds=seeds, n_trial_seeds=trial_seeds, metric=name, larger_is_better=up,
                  margin=None if margin is None else float(margin), tutorial=protocol == "tutorial", halving=bool(halving), seed=seed)


def conducted(rig, design, folder, *, crew=None, quiet=False, console=None, wait=False, say=None):
    """Run a study to its end in a folder, with progress; see `run_fair`."""
    with StudyFolder(folder, wait=wait, say=say) as kept, (crew or Crew(rig)) as workers:
        kept.begin(design, rig.task, rig.machine)
        with StudyLive(console=console, quiet=quiet) as live:
            return run_fair(rig, design, kept, workers, watch=live.watch)


def _whole_numbers(name, values):
    try:
        numbers = tuple(int(value) for value in values)
        fine = all(number == value and number >= 1 for number, value in zip(numbers, values, strict=True))
    except (TypeError, ValueError):
        numbers, fine = (), False
    require(fine, name, values, "a list of whole numbers from 1 on", "Pass [32, 256, 1024].")
    return numbers


def _unfinished(design, rig):
    """A folder of this very study's own in the user's cache."""
    digest = hashlib.blake2b(f"{dump(design)}{rig.task.fingerprint}{rig.machine.backend}".encode(), digest_size=8).hexdigest()
    return user_cache_path("epochal") / "studies" / digest
