"""Made-up plans that look like real ones: six arms, six seeds, forty epochs, one arm that diverges."""

import numpy as np

from epochal.records import (
    Arm,
    Choice,
    Curve,
    Evidence,
    Machine,
    Outcome,
    Plan,
    Reading,
    Setting,
    StepTime,
    Stopping,
    Task,
    Verdict,
)
from epochal.records.clock import FitSeconds, Seconds

N_SEEDS, N_EPOCHS = 6, 40
PRESENT = Setting(batch_size=32, learning_rate=0.001)
BEST = Setting(batch_size=256, learning_rate=0.00562)
DIVERGED = Setting(batch_size=16, learning_rate=0.1)
SETTINGS = (PRESENT, Setting(batch_size=64, learning_rate=0.00178), Setting(batch_size=128, learning_rate=0.00316), BEST,
            Setting(batch_size=1024, learning_rate=0.01), DIVERGED)

TASK = Task(name="digits", kind="multiclass", n_train=1149, n_validation=288, n_test=360, n_params=6570, n_classes=10,
            rarest=111, loss="sparse_categorical_crossentropy", optimizer="adam", metrics=("accuracy",), fingerprint="f00d")
MACHINE = Machine(backend="jax", device="cpu", n_cores=2, memory_bytes=16 * 2**30,
                  versions=(("epochal", "0.1.0"), ("keras", "3.15.0"), ("jax", "0.10.0"), ("python", "3.11.2")))


def curve(setting, seed, stage, *, n_epochs=N_EPOCHS, worse=0.0):
    """A training that falls, overfits a little, and carries noise that shrinks with the batch size."""
    noise = np.random.default_rng([seed, setting.batch_size, int(setting.learning_rate * 1e6), len(stage)])
    epochs = np.arange(1, n_epochs + 1)
    pace = 1.2 * (32 / setting.batch_size) ** 0.35
    clean = noise.normal(0.12, 0.008) + worse + 2.1 * np.exp(-epochs * pace / 3) + 0.0012 * np.maximum(epochs - 14, 0)
    half_a, half_b = (tuple((clean * np.exp(noise.normal(0, 0.05, n_epochs))).tolist()) for _ in range(2))
    return Curve(setting=setting, seed=seed, stage=stage, steps_per_epoch=-(-1149 // setting.batch_size),
                 train_loss=tuple((clean * 0.9).tolist()), half_a=half_a, half_b=half_b, seconds=0.2)


def diverged(setting, seed, stage):
    """A training that ends after its second epoch."""
    return Curve(setting=setting, seed=seed, stage=stage, steps_per_epoch=72, train_loss=(3.0, 40.0), half_a=(3.1, 55.0),
                 half_b=(3.0, 54.0), outcome=Outcome.DIVERGED)


def readings():
    sizes = (16, 32, 64, 128, 256, 512, 1024, 2048)
    points = tuple(StepTime(batch_size=b, seconds=seconds, low=seconds * 0.94, high=seconds * 1.07)
                   for b, seconds in ((b, 4e-4 + 1.6e-6 * b) for b in sizes))
    return (
        Reading(name="memory", value=1149, unit="examples", low=1149, high=1149, repeats=1, cost=0.4,
                note="The compiled program of all rows at once needs 41 MiB of 16 GiB"),
        Reading(name="throughput", value=250, unit="examples", low=210, high=290, repeats=9, cost=1.1, points=points,
                details=(("t0", 4e-4), ("c", 1.6e-6), ("knee", 1024.0))),
        Reading(name="noise_scale", value=210, unit="examples", low=120, high=float("inf"), repeats=32, cost=0.6,
                outcome=Outcome.LOWER_BOUND),
        Reading(name="critical_rate", value=0.034, low=0.021, high=0.05, repeats=6, cost=0.8),
        Reading(name="sharpness", outcome=Outcome.SKIPPED),
    )


def derived():
    return (
        Reading(name="critical_batch", value=190, unit="examples", low=95, high=420, repeats=5,
                details=(("s_min", 84.0), ("e_min", 84.0 * 190), ("sigma", 0.03))),
        Reading(name="time_optimal_batch", value=218, unit="examples", low=120, high=400, repeats=5),
    )


def curves():
    confirm = [diverged(s, seed, "confirm") if s is DIVERGED else curve(s, seed, "confirm")
               for s in SETTINGS for seed in range(100, 100 + N_SEEDS)]
    rates = (3.16e-4, 1e-3, 3.16e-3, 1e-2, 3.16e-2, 1e-1)
    screen = []
    for batch_size in (32, 256, 1024):
        for i, rate in enumerate(rates):
            setting = Setting(batch_size=batch_size, learning_rate=rate)
            off = abs(np.log10(rate) - np.log10(0.001 * (batch_size / 32) ** 0.5))
            bursts = rate == 1e-1 and batch_size < 1024
            screen += [diverged(setting, seed, "screen") if bursts and (seed or batch_size == 32) else
                       curve(setting, seed, "screen", worse=0.06 * off**2 + 0.001 * i) for seed in range(3)]
    present = [curve(PRESENT, seed, "present") for seed in range(3)]
    return (*screen, *present, *confirm)


def arms():
    def arm(setting, quality, difference, verdict, epochs, steps, seconds, high=1.18):
        return Arm(setting=setting, present=setting is PRESENT, n_seeds=N_SEEDS, quality=quality, difference=difference,
                   low=difference - 0.004, high=difference + 0.004, verdict=verdict, epochs=epochs, steps=steps,
                   steps_low=steps / 1.15, steps_high=steps * high, seconds=seconds, seconds_low=seconds / 1.2,
                   seconds_high=seconds * high, peak_bytes=3 * 2**20)

    return (
        arm(PRESENT, 0.142, 0.0, Verdict.REFERENCE, 15, 590.0, 0.25),
        arm(SETTINGS[1], 0.1421, 0.0002, Verdict.NOT_WORSE, 16, 330.0, 0.16),
        arm(SETTINGS[2], 0.1433, 0.0013, Verdict.NOT_WORSE, 17.5, 210.0, 0.12),
        arm(BEST, 0.1425, 0.0005, Verdict.NOT_WORSE, 22, 146.0, 0.09),
        arm(SETTINGS[4], 0.171, 0.029, Verdict.WORSE, 33, 101.0, 0.13, high=float("inf")),
        Arm(setting=DIVERGED, present=False, n_seeds=N_SEEDS, quality=None, difference=None, low=None, high=None,
            verdict=Verdict.DIVERGED, epochs=None),
    )


def whole_fit(n_epochs, training):
    """What a whole `fit` takes, of which the updates take `training` seconds."""
    parts = {name: Seconds(value=value, low=0.9 * value, high=1.2 * value)
             for name, value in (("training", training), ("validation", 0.01 * n_epochs), ("compilation", 0.8))}
    return FitSeconds(n_epochs=n_epochs, first_epoch=parts["compilation"], **parts)


def plan(**changes):
    """The made-up plan; `task`, `machine`, `present`, `readings` and `curves` change its evidence, the rest the plan."""
    about = {name: changes.pop(name) for name in ("task", "machine", "present", "readings", "curves") if name in changes}
    evidence = {"task": TASK, "machine": MACHINE, "present": PRESENT, "said": True, "readings": readings(), "curves": curves(),
                **about}
    parts = {
        "goal": "fastest",
        "batch_size": Choice(value=256, low=128, high=512, because="It reaches the quality of 32 in a third of the time; "
                             "beyond 512 the updates it saves no longer pay for the longer step.",
                             details="time to the target: yours over this one 2.8 (2.2 to 3.4)"),
        "learning_rate": Choice(value=0.00562, low=0.00316, high=0.01, because="The best of six rates at this batch size, "
                                "with worse ones on both sides."),
        "epochs": Choice(value=33, low=27, high=38, because="The last of six seeds had its best epoch at 26; the rest is "
                         "the patience of early stopping."),
        "predict_batch_size": Choice(value=2048, low=1024, high=2048, because="The smallest within 10 % of the best "
                                     "throughput; predictions do not depend on it."),
        "stopping": Stopping(patience=7),
        "headline": "Train with batch size 256 and learning rate 0.00562: quality is equal to your setting's (32, 0.001) "
                    "within 0.01, and it gets there 2.8 times faster.",
        "binding": "Statistics: the critical batch size is 190 (95 to 420) examples; memory would allow 1,149.",
        "on_test": "loss 0.0612, yours 0.0608 (difference +0.0004, -0.001 to +0.0018 over seeds), on 359 rows",
        "unresolved": ("The gradient noise scale has only a lower bound of 120 examples with 1,149 rows.",
                       "Whether 128 or 256 is better: their difference is smaller than six seeds can show."),
        "seconds": whole_fit(33, 0.3), "present_seconds": whole_fit(27, 1.4),
        "margin": 0.01, "arms": arms(), "derived": derived(), "evidence": Evidence(**evidence)}
    return Plan(**{**parts, **changes})


if __name__ == "__main__":
    import sys

    from epochal.report import write_report

    write_report(plan(), sys.argv[1])
