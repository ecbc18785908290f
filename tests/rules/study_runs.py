"""Made-up trainings of a study whose true qualities are known."""

import numpy as np

from epochal.records import Curve, Design, Outcome, Setting, Task
from epochal.rules.study.contrasts import Trained

NAMES = ("accuracy", "auc")


def design(**changed):
    return Design(**{"batch_sizes": (32, 1024), "reference": 32, "epochs": 4, "equal": ("epochs",), "margin": 0.01} | changed)


def trained(of, curves, rates, horizons, margin, *, n_test=0, **options):
    """What a study of 1,600 rows trained; the compiled learning rate is 0.001."""
    task = Task(name="made", kind="binary", n_train=1600, n_validation=400, n_test=n_test, n_params=7, n_classes=2, loss="mse",
                optimizer="adam", metrics=NAMES, fingerprint="f00d")
    return Trained(design=of, task=task, present=Setting(batch_size=32, learning_rate=1e-3), curves=tuple(curves),
                   rates=tuple(rates), horizons=horizons, margin=margin, **options)


def run(losses, *, b=None, batch_size=32, rate=1e-3, seed=0, stage="confirm", accuracy=None, accuracy_b=None, test=(),
        diverges=False):
    """A run with these losses on one half of the validation rows, and, unless told, the same on the other; accuracies likewise."""
    losses, half_b = tuple(losses), tuple(losses if b is None else b)
    one = tuple(accuracy or (0.5,) * len(losses))
    two = tuple(accuracy_b or one)
    both = tuple((x + y) / 2 for x, y in zip(one, two, strict=True))
    other = (0.1,) * len(losses)   # another metric, which must not be taken for the first
    tested = (test, other[:len(test)]) if test else ()
    return Curve(setting=Setting(batch_size=batch_size, learning_rate=rate), seed=seed, stage=stage, steps_per_epoch=50,
                 train_loss=losses, half_a=losses, half_b=half_b, metrics=(both, other), metrics_a=(one, other),
                 metrics_b=(two, other), test_loss=tuple(9.0 - x for x in test), test_metrics=tested,
                 outcome=Outcome.DIVERGED if diverges else Outcome.OK)


def trials(losses, *, n_seeds=3, spread=0.0, batch_size=32, n_epochs=4, seed=0):
    """Trials of one batch size from `{rate: loss at the end}`, infinite where it diverges after one epoch.

    Each rate's noise is drawn for itself; `spread` is its standard deviation over seeds.
    """
    rng = np.random.default_rng(seed)
    made = []
    for rate, loss in losses.items():
        for trial, luck in enumerate(spread * rng.normal(size=n_seeds)):
            shared = {"batch_size": batch_size, "rate": rate, "seed": 1000 + trial, "stage": "screen"}
            made.append(run([9.0], diverges=True, **shared) if np.isinf(loss) else
                        run([loss + luck + n_epochs - 1 - epoch for epoch in range(n_epochs)], **shared))
    return made


def confirmed(qualities, *, rates=None, n_epochs=4):
    """Runs with fresh seeds from `{batch_size: a loss for every seed}`; infinite where the run diverges."""
    return [run([9.0], diverges=True, batch_size=size, rate=(rates or {}).get(size, 1e-3), seed=seed) if np.isinf(loss) else
            run([loss + n_epochs - 1 - epoch for epoch in range(n_epochs)], batch_size=size, rate=(rates or {}).get(size, 1e-3),
                seed=seed)
            for size, losses in qualities.items() for seed, loss in enumerate(losses)]
