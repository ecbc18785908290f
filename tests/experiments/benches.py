"""A fake rig on a clock of its own, that counts what it is asked: a study on it is exact, repeatable and over in a moment."""

import sys
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from contracts.fake_rig import FakeRig, FakeTiming

from epochal.records import Setting
from epochal.rules.plan import propose

VERBS = ("step", "evaluate", "gradient", "loss", "peak_bytes", "fit_seconds", "epoch_seconds", "validation_seconds",
         "compile_seconds", "predict_seconds", "fresh")


class Bench(FakeRig):
    """`asked` counts the verbs; every verb takes its time by `clock`, not by the wall's.

    Args:
        step_seconds: what one step takes by that clock.
        diverges_at: rates from here on give infinite losses; `present` is the setting the model is compiled with.
    """

    def __init__(self, *, step_seconds=1e-5, diverges_at=float("inf"), present=None, untrained=None, **options):
        super().__init__(**{"n_examples": 16, "n_params": 4, "s": 0.3, "timing": FakeTiming(step=1e-3, example=1e-4)} | options)
        self.asked, self.clock, self.step_seconds, self._cliff = Counter(), Clock(), step_seconds, diverges_at
        self.present = present or Setting(batch_size=8, learning_rate=0.1)
        self._untrained = untrained

    def step(self, state, rows, learning_rate):
        self._count("step", self.step_seconds)
        with np.errstate(all="ignore"):
            state, loss = super().step(state, rows, learning_rate)
        return (np.full(self.n_params, np.nan), float("nan")) if learning_rate >= self._cliff else (state, loss)

    def evaluate(self, state):
        self._count("evaluate", self.step_seconds)
        with np.errstate(all="ignore"):
            found = super().evaluate(state)
        return found if self._untrained is None else found * 0 + self._untrained

    def fit_seconds(self, batch_size, n_steps, switches=(), n_rows=None):
        seconds = super().fit_seconds(batch_size, n_steps, switches, n_rows)
        self._count("fit_seconds", seconds)
        return seconds

    def epoch_seconds(self, batch_size, n_epochs):
        seconds = super().epoch_seconds(batch_size, n_epochs)
        self._count("epoch_seconds", seconds)
        return seconds

    def validation_seconds(self, batch_size, n_passes):
        seconds = super().validation_seconds(batch_size, n_passes)
        self._count("validation_seconds", seconds)
        return seconds

    def compile_seconds(self, batch_size, switches=()):
        seconds = super().compile_seconds(batch_size, switches)
        self._count("compile_seconds", seconds)
        return seconds

    def predict_seconds(self, batch_size, n_rows):
        seconds = super().predict_seconds(batch_size, n_rows)
        self._count("predict_seconds", seconds)
        return seconds

    def _count(self, verb, seconds):
        self.asked[verb] += 1
        self.clock.now += seconds


for _verb in (verb for verb in VERBS if verb not in ("step", "evaluate") and not verb.endswith("_seconds")):
    def _counted(self, *arguments, _verb=_verb, **options):
        self.asked[_verb] += 1
        return getattr(FakeRig, _verb)(self, *arguments, **options)

    setattr(Bench, _verb, _counted)


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def bench(monkeypatch):
    """Makes a rig by whose clock the whole package lives for the time of a test; its runs are short."""
    monkeypatch.setattr(propose, "MOST_EPOCHS", 24)

    def make(**options):
        rig = Bench(**options)
        for name, module in list(sys.modules.items()):
            if name.startswith("epochal.") and hasattr(module, "perf_counter"):
                monkeypatch.setattr(module, "perf_counter", rig.clock)
        return rig

    return make


def runs_of(evidence):
    """`{(stage, setting, seed): curve}`, the time they took left out; fails where a run was made twice."""
    found = {(c.stage, c.setting, c.seed): replace(c, seconds=0.0) for c in evidence.curves}
    trained = [(c.setting, c.seed, c.stage == "screen") for c in evidence.curves]
    assert len(set(trained)) == len(evidence.curves), "a run was made twice"
    names = [r.name for r in evidence.readings if r.name not in ("engine", "study")]   # these grow with batch sizes and time
    assert len(set(names)) == len(names), "a reading was taken twice"
    return found
