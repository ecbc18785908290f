"""A small study made by hand: two batch sizes, trials and fresh seeds, one training that diverged before its first epoch ended."""

from epochal.records import Contrast, Curve, Design, Machine, Outcome, Setting, Study, Task
from epochal.records.plan import Verdict

SMALL, LARGE = Setting(batch_size=16, learning_rate=0.1), Setting(batch_size=64, learning_rate=1 / 3)


def trained(setting, seed, stage="confirm", shift=0.0):
    """Best in the second of three epochs."""
    a, b = tuple(shift + v for v in (0.9, 0.3, 0.5)), tuple(shift + v for v in (0.7, 0.1, 0.5))
    full = stage == "confirm"
    return Curve(setting=setting, seed=seed, stage=stage, steps_per_epoch=7, half_a=a, half_b=b,
                 train_loss=(0.8, 0.6, 0.4) if full else (), metrics=((0.5, 0.75, 0.625),) if full else (),
                 metrics_a=((0.5, 0.5, 0.5),) if full else (), metrics_b=((0.5, 1.0, 0.75),) if full else (),
                 test_loss=(0.9, 0.25, 0.75) if full else (), test_metrics=((0.4, 0.7, 0.6),) if full else (), seconds=1.5)


def diverged(setting, seed):
    return Curve(setting=setting, seed=seed, stage="screen", steps_per_epoch=2, train_loss=(), half_a=(), half_b=(),
                 outcome=Outcome.DIVERGED, seconds=0.1)


def contrast(setting, verdict, **fields):
    return Contrast(budget="epochs", setting=setting, n_epochs=3, n_updates=21, n_seeds=2, verdict=verdict,
                    **{"quality": 0.2, "quality_low": 0.1, "quality_high": 0.3, "sentence": "Said."} | fields)


STUDY = Study(
    design=Design(batch_sizes=(16, 64), reference=16, learning_rates=(0.1, 1 / 3), epochs=3, n_seeds=2),
    task=Task(name="digits", kind="multiclass", n_train=112, n_validation=40, n_params=7, n_classes=10, loss="mse",
              optimizer="adam", metrics=("accuracy",), fingerprint="f00d"),
    machine=Machine(backend="jax", device="cpu", n_cores=2, memory_bytes=None), margin=0.01, readings=(), rates=(),
    curves=(trained(SMALL, 5, "screen"), diverged(LARGE, 5), trained(SMALL, 2**62), trained(SMALL, 8),
            trained(LARGE, 2**62, shift=0.1), trained(LARGE, 8, shift=0.2)),
    contrasts=(contrast(SMALL, Verdict.REFERENCE),
               contrast(LARGE, Verdict.UNDECIDED, difference=0.15, low=-0.4, high=0.7, p_value=0.2, p_equivalent=0.9, n_enough=60,
                        seconds=3.0)))
