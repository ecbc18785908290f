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


def curve_of(run, setting, seed, stage, n_train, *, every_part=False):
    """The `Curve` of one `Run`; trials keep only what choosing needs.

    Args:
        every_part: keep every figure of every training, on each half of the validation rows and on the test rows: any metric may be
            what a study judges by.
    """
    figures = run.figures if len(run.figures) else np.empty((0, 2, 1))
    judged, tested = every_part or (stage != "screen" and len(figures)), figures.shape[1] > 2

    def metrics(*parts):
        return tuple(_short(figures[:, list(parts), 1 + i].mean(1, dtype=float)) for i in range(figures.shape[2] - 1))

    return Curve(
        setting=setting, seed=seed, stage=stage, steps_per_epoch=-(-n_train // setting.batch_size),
        train_loss=_short(run.train_loss) if judged else (), half_a=_short(figures[:, 0, 0]), half_b=_short(figures[:, 1, 0]),
        metrics=metrics(0, 1) if judged else (), metrics_a=metrics(0) if every_part else (),
        metrics_b=metrics(1) if every_part else (), test_metrics=metrics(2) if every_part and tested else (),
        test_loss=_short(figures[:, 2, 0]) if judged and tested else (), outcome=run.outcome, seconds=float(run.seconds))


def _short(values):
    """Six significant digits: a float32 has no more than seven, and the file stays small."""
    return tuple(float(f"{value:.6g}") for value in values)
