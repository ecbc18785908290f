"""From settings to lanes, and from the engine's runs to records."""

import numpy as np

from ..records import Curve


def schedule_of(rig, setting):
    """What a lane of this setting takes as its learning rates.

    A compiled schedule is kept in examples: at k times the batch size it runs k times as fast in steps, and it is scaled as a
    whole to the setting's highest rate.
    """
    present = rig.present
    if setting.schedule == "constant":
        return setting.learning_rate
    k, scale = setting.batch_size / present.batch_size, setting.learning_rate / present.learning_rate

    def rates(n_steps):
        steps = np.floor(np.arange(n_steps) * k).astype(int)
        return scale * rig.present_schedule(int(steps[-1]) + 1)[steps]

    return rates


def curve_of(run, setting, seed, stage, n_train):
    """The `Curve` of one `Run`; trials keep only what choosing needs."""
    figures = run.figures if len(run.figures) else np.empty((0, 2, 1))
    judged = stage != "screen" and len(figures)
    return Curve(
        setting=setting, seed=seed, stage=stage, steps_per_epoch=-(-n_train // setting.batch_size),
        train_loss=_short(run.train_loss) if judged else (), half_a=_short(figures[:, 0, 0]),
        half_b=_short(figures[:, 1, 0]),
        metrics=tuple(_short(figures[:, :2, 1 + i].mean(1, dtype=float)) for i in range(figures.shape[2] - 1)) if judged else (),
        test_loss=_short(figures[:, 2, 0]) if judged and figures.shape[1] > 2 else (),
        outcome=run.outcome, seconds=float(run.seconds))


def study_curve(run, setting, seed, stage, n_train):
    """The `Curve` of one `Run` in a study: every figure of every part, since any metric may be what a study judges by."""
    figures = run.figures if len(run.figures) else np.empty((0, 2, 1))
    n_metrics, tested = figures.shape[2] - 1, figures.shape[1] > 2

    def metrics(part):
        return tuple(_short(figures[:, part, 1 + i]) for i in range(n_metrics))

    return Curve(
        setting=setting, seed=seed, stage=stage, steps_per_epoch=-(-n_train // setting.batch_size),
        train_loss=_short(run.train_loss), half_a=_short(figures[:, 0, 0]), half_b=_short(figures[:, 1, 0]),
        metrics=tuple(_short(figures[:, :2, 1 + i].mean(1, dtype=float)) for i in range(n_metrics)),
        metrics_a=metrics(0), metrics_b=metrics(1), test_metrics=metrics(2) if tested else (),
        test_loss=_short(figures[:, 2, 0]) if tested else (), outcome=run.outcome, seconds=float(run.seconds))


def _short(values):
    """Six significant digits: a float32 has no more than seven, and the file stays small."""
    return tuple(float(f"{value:.6g}") for value in values)
