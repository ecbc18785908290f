"""A batch that grows while the model trains, against the best fixed batch size at equal time, each with a rate tuned for it.

    python benchmarks/grow_batch.py [--seeds 5] [--seconds 2] [--only digits rare diabetes] [--mnist mnist.npz]

For each problem: fixed sizes and four ways to grow from 16 (a plateau, the noise scale, the norm test, and Seesaw beside a
halving schedule), each with the rate of three that has the lowest validation loss on seeds of its own after `--seconds` of
training. Each training runs epoch by epoch until the time is over. The model of an arm is the same in all trainings, begun anew,
and the first of them does not count: so nobody pays for compiling the programs of its batch sizes, but for one that it meets only
later. The best validation loss over epochs counts, judged on other rows: the test rows at that epoch. The best fixed size is the
one with the lowest validation loss in tuning. Then `--seeds` fresh seeds, paired and in turns; the mean difference growing less
fixed of the test loss with Student's 95 % interval. Problems, sizes, rates and options were declared as they stand here. Below 0
growing is better.
"""

import argparse
import datetime
import os
import pathlib
import sys
import warnings
from time import perf_counter

os.environ.setdefault("KERAS_BACKEND", "jax")
sys.path.insert(0, str(pathlib.Path(__file__).parent))

import keras
import numpy as np
from problems import problem

import epochal as ep
from epochal.base.stats import paired_difference

SIZES, START = (16, 32, 64, 128), 16
RATES = (1e-3, 3e-3, 1e-2)
ENGINE = "fused" if keras.backend.backend() == "jax" else "auto"
PERIOD = 8  # epochs after which the schedule of Seesaw halves the rate


def growing(by):
    options = {"plateau": {"patience": 4, "factor": 2}, "noise_scale": {"rate_exponent": 0.5}, "norm_test": {"rate_exponent": 0.5},
               "seesaw": {"schedule": lambda epoch: 0.5 ** (epoch // PERIOD)}}[by]
    return ep.callbacks.GrowBatch(by=by, most=256, **options)


WAYS = ("plateau", "noise_scale", "norm_test", "seesaw")


class Clock(keras.callbacks.Callback):
    """Ends the training after so many seconds of epochs, its own judging left out, and judges the test rows."""

    def __init__(self, seconds, test):
        super().__init__()
        self._seconds, self._test, self.spent, self.judged, self.sizes = seconds, test, 0.0, [], []

    def on_epoch_begin(self, *_):
        self._since = perf_counter()

    def on_epoch_end(self, _, logs=None):
        self.spent += perf_counter() - self._since
        self.sizes.append(int(logs.get("batch_size", 0)))
        self.judged.append((logs["val_loss"], float(self.model.evaluate(*self._test, batch_size=4096, verbose=0))))
        self.model.stop_training = self.spent >= self._seconds


class Arm:
    """One way to train, with a model and a callback of its own that are used again and again."""

    def __init__(self, one, setting):
        (self.size, by), self._one, self._model = setting, one, one.build()
        self._own = [growing(by)] if by else []

    def trained(self, rate, seed, seconds):
        """`(validation loss, test loss)` at the best epoch, epochs, and the last batch size."""
        keras.utils.set_random_seed(seed)
        self._model.set_weights(self._one.build().get_weights())
        for variable in self._model.optimizer.variables:
            variable.assign(keras.ops.zeros(variable.shape, variable.dtype))
        self._model.optimizer.learning_rate = rate
        clock = Clock(seconds, self._one.test)
        ep.fit(self._model, *self._one.train, batch_size=self.size, epochs=100_000, validation_data=self._one.validation,
               validation_batch_size=4096, verbose=0, callbacks=[*self._own, clock], engine=ENGINE)
        finite = [pair for pair in clock.judged if np.isfinite(pair).all()]
        return *(min(finite) if finite else (np.inf, np.inf)), len(clock.judged), clock.sizes[-1] or self.size


def compared(name, one, given):
    settings = {f"fixed {size}": (size, None) for size in given.sizes} | {f"grow by {by}": (START, by) for by in given.ways}
    rates, tuned, arms = {}, {}, {arm: Arm(one, setting) for arm, setting in settings.items()}
    for arm, it in arms.items():
        it.trained(1e-3, 999, given.seconds)  # compiles
        losses = {rate: np.mean([it.trained(rate, 100 + seed, given.seconds)[0] for seed in range(given.tuning)])
                  for rate in RATES}
        rates[arm] = min(losses, key=losses.get)
        tuned[arm] = losses[rates[arm]]
    best = min((arm for arm in arms if arm.startswith("fixed")), key=tuned.get)
    grown = [arm for arm in arms if arm.startswith("grow")]
    found = {arm: [] for arm in (best, *grown)}
    for seed in range(given.seeds):  # in turns, so that what else the machine does meets all alike
        for arm, endings in found.items():
            endings.append(arms[arm].trained(rates[arm], seed, given.seconds))
    base = np.array([test for _, test, *_ in found[best]])
    print(f"{name} ({len(one.train[0])} rows): {best}, rate {rates[best]:g}: test loss {base.mean():.4f}, "
          f"{np.mean([n for *_, n, _ in found[best]]):.0f} epochs")
    for arm in grown:
        test = np.array([test for _, test, *_ in found[arm]])
        mean, low, high = paired_difference(test, base)
        said = "better" if high < 0 else "worse" if low > 0 else "not told apart"
        print(f"  {arm}, rate {rates[arm]:g}: {mean:+.4f} ({low:+.4f} to {high:+.4f}), {said}; "
              f"{np.mean([n for *_, n, _ in found[arm]]):.0f} epochs, last size {[int(size) for *_, size in found[arm]]}",
              flush=True)


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--seeds", type=int, default=5)
    arguments.add_argument("--tuning", type=int, default=1, help="seeds for each rate")
    arguments.add_argument("--seconds", type=float, default=2.0, help="of one training")
    arguments.add_argument("--only", nargs="+", default=["digits", "rare", "diabetes"])
    arguments.add_argument("--sizes", nargs="+", type=int, default=SIZES, help="fixed ones")
    arguments.add_argument("--ways", nargs="+", choices=WAYS, default=WAYS, help="to grow")
    arguments.add_argument("--mnist")
    given = arguments.parse_args()
    warnings.simplefilter("ignore", ep.Advice)  # that a model was trained before
    print(f"{datetime.date.today()}, Keras {keras.__version__} on {keras.backend.backend()}, {os.cpu_count()} threads; "
          f"{given.seconds:g} s a training, {given.seeds} seeds")
    for name in given.only:
        compared(name, problem(name, given.mnist), given)
    return 0


if __name__ == "__main__":
    sys.exit(main())
