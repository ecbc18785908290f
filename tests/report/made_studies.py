"""Made-up studies concluded by the real rules: three batch sizes, trials and fresh seeds, with parts left out at will."""

from functools import cache

import numpy as np

from epochal.base import seeds
from epochal.experiments.conclude import conclude
from epochal.records import Curve, Design, Machine, Outcome, Reading, Setting, StepTime, Task
from epochal.rules.scaling import steps_per_epoch
from epochal.rules.study.contrasts import Trained
from epochal.rules.study.design import horizons
from epochal.rules.study.rate_search import tuned

SIZES, N_TRAIN, PRESENT = (32, 256, 1024), 1024, Setting(batch_size=32, learning_rate=1e-3)
RATES = (1e-4, 1e-3, 1e-2, 1e-1)
MACHINE = Machine(backend="jax", device="cpu", n_cores=2, memory_bytes=2**34, versions=(("keras", "3.15"),))
MARGIN = 0.02


def trained(design, size, rate, seed, stage, n_epochs, *, tested, bursts):
    """A training whose quality depends on how far its rate is from the best for its size, and whose pace on the updates."""
    each = steps_per_epoch(N_TRAIN, size)
    setting = Setting(batch_size=size, learning_rate=rate)
    if bursts(size, rate):
        return Curve(setting=setting, seed=seed, stage=stage, steps_per_epoch=each, train_loss=(2.0,), half_a=(2.0,), half_b=(2.1,),
                     metrics=((0.1,),), metrics_a=((0.1,),), metrics_b=((0.1,),), outcome=Outcome.DIVERGED)
    noise = np.random.default_rng([seed, size, round(1e6 * rate)])
    off = np.log10(rate / (1e-3 * (size / 32) ** 0.5)) ** 2
    level, updates = 0.1 + 0.03 * off + noise.normal(0, 0.004), each * np.arange(1, n_epochs + 1)
    clean = level + 2 * np.exp(-updates / (20 * (1 + 100 / size)))
    a, b = (tuple(np.round(clean * np.exp(noise.normal(0, 0.01, n_epochs)), 5).tolist()) for _ in range(2))
    hits = tuple(tuple((1 - np.array(one) / 3).tolist()) for one in (a, b, clean))
    return Curve(setting=setting, seed=seed, stage=stage, steps_per_epoch=each, train_loss=a, half_a=a, half_b=b,
                 metrics=(hits[2],), metrics_a=(hits[0],), metrics_b=(hits[1],), test_loss=b if tested else (),
                 test_metrics=(hits[1],) if tested else ())


@cache
def made(*, equal=("epochs", "steps"), tutorial=True, tested=True, timed=True, bursts=lambda size, rate: False, metric="loss",
         sizes=SIZES, epochs=10):
    """A `Study`. `bursts(batch size, rate)` says what diverges; without `timed` nobody measured the time of a step."""
    design = Design(batch_sizes=sizes, reference=32, epochs=epochs, equal=equal, n_seeds=6, n_trial_seeds=2, tutorial=tutorial,
                    metric=metric, larger_is_better=metric == "accuracy", margin=MARGIN)
    task = Task(name="made", kind="multiclass", n_train=N_TRAIN, n_validation=200, n_test=100 if tested else 0, n_params=7,
                n_classes=10, loss="mse", optimizer="adam", metrics=("accuracy",), fingerprint="f00d")
    spans = horizons(design, N_TRAIN, dict.fromkeys(sizes, 1e-3))
    longest = {size: max(spans[budget, size] for budget in equal) for size in sizes}
    about = {"tested": tested, "bursts": bursts}
    screen = {size: [trained(design, size, rate, seed, "screen", longest[size], **about) for rate in RATES for seed in (1, 2)]
              for size in sizes}
    found = [tuned(design, task.metrics, screen[size], budget, spans[budget, size]) for budget in equal for size in sizes]
    rates = tuple(rate for rate in found if rate is not None)
    settings = {(rate.batch_size, rate.value) for rate in rates} | {(size, 1e-3) for size in sizes if tutorial}
    fresh = [seeds.integer(design.seed, "confirm", i) for i in range(design.n_seeds)]
    confirm = [trained(design, size, rate, seed, "confirm", longest[size], **about)
               for size, rate in sorted(settings) for seed in fresh]
    readings = (Reading(name="step_time", value=1e-3, unit="s", low=9e-4, high=1.1e-3, repeats=3,
                        points=tuple(StepTime(batch_size=b, seconds=1e-3, low=9e-4, high=1.1e-3) for b in sizes)),) if timed else ()
    record = Trained(design=design, task=task, present=PRESENT, rates=rates, horizons=spans, margin=MARGIN,
                     curves=(*(c for group in screen.values() for c in group), *confirm))
    return conclude(record, MACHINE, readings)
