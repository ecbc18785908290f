"""Made-up trainings in made-up time, whose true losses are known: a whole race on them takes a fraction of a second."""

import math
from contextlib import contextmanager
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np

from epochal.experiments import race
from epochal.records import Evidence, Machine, Reading, Setting, StepTime, Task
from epochal.rules.margin import SHARE, without_learning
from epochal.rules.plan.decide import clock_of, decide
from epochal.rules.race.judge import judge
from epochal.rules.race.standings import Standings
from epochal.rules.race.start import sizes, starters
from epochal.rules.scaling import seed_rate

PRESENT = Setting(batch_size=32, learning_rate=1e-3)
KINDS = ("null", "margin", "planted", "crossing", "trap")
UNTRAINED, FLOOR, SCALE = 2.3, 0.2, 0.3   # losses; seconds in which the curve falls
T0, C, PACE = 2e-3, 1e-5, 0.7             # seconds a step and an example by Keras' clock; of which the engine takes this share
N_TRAIN, N_VALIDATION, A_ROW = 60_000, 4_000, 1e-6   # A_ROW: seconds to judge one
BUDGET = 60.0                             # seconds of a race
HORIZON = 0.14                            # of the budget: about how long the one ahead is trained in the end
CROSSINGS = {"early in the race": 0.25, "soon after the race": 1.5, "long after the race": 4.0}   # of the horizon
SOONER = 3.0                              # times: what is planted


class Luck(NamedTuple):
    """What makes trainings of equal settings differ.

    Attributes:
        shape: of the curve: 0.5 is still falling when the race ends, 2 is flat long before.
        run: standard deviation of a training's loss, for good; half as much again comes and goes.
        rows: standard deviation, by row, of what a setting makes of it, and of what a training makes of it.
    """

    shape: float
    run: float
    rows: float


LUCKS = [Luck(shape, run, rows) for run in (0.003, 0.01, 0.03) for rows in (0.1, 0.5) for shape in (0.5, 2.0)]


class Truth(NamedTuple):
    """What a setting is really like: it trains so many times sooner, and ends so much higher."""

    sooner: float = 1.0
    excess: float = 0.0


def worlds(kind, n, budget=BUDGET):
    """So many worlds of a kind, each sort of luck in turn. Where all others are worse by the margin, curves are flat in the end:
    else they would be ahead of the present setting for as long as the race can look."""
    lucks = [luck for luck in LUCKS if kind != "margin" or luck.shape > 1]
    return (World(seed, kind, lucks[seed % len(lucks)], budget) for seed in range(n))


class World:
    """A rig by whose clock a race lives. Its state is `(seed, setting, seconds trained)`. Its luck is drawn as it is asked for.

    Args:
        seed: of all luck. kind: one of `KINDS`. luck: a `Luck`. budget: of the race, in seconds.
    """

    pure = None

    def __init__(self, seed, kind, luck, budget=BUDGET):
        self._rng, self.now = np.random.default_rng([seed, KINDS.index(kind)]), 0.0
        self.luck, self.kind, self.seed = luck, kind, seed
        self._drawn, self.n_examples, self.present, self.budget = {}, N_TRAIN, PRESENT, budget
        self.task = Task(name="made up", kind="custom", n_train=N_TRAIN, n_validation=N_VALIDATION, n_params=1000, loss="mse",
                         optimizer="adam", fingerprint="made-up")
        self.machine = Machine(backend="fake", device="cpu", n_cores=1, memory_bytes=None)
        self.crossing = list(CROSSINGS)[seed // len(LUCKS) % len(CROSSINGS)]
        self.crosses = budget * HORIZON * CROSSINGS[self.crossing]  # seconds at which curves cross
        others = starters(PRESENT, sizes(32, N_TRAIN, None, lambda size: step_seconds(size) / size), "adam")[1:]
        calm = [setting for setting in others if noise(setting) <= 1]  # the guard against high rates has nothing to say of these
        self.planted = calm[self._rng.integers(len(calm))] if kind in ("planted", "crossing") else None

    def truth(self, setting):
        if setting == PRESENT or self.kind == "null":
            return Truth()
        if self.kind == "margin":
            return Truth(SOONER, SHARE * (UNTRAINED - FLOOR))
        if self.kind == "planted":
            return Truth(SOONER if setting == self.planted else 1.0)
        if self.kind == "crossing":
            return self._crossing(SOONER) if setting == self.planted else Truth()
        sooner = noise(setting) ** 0.7
        return self._crossing(sooner) if sooner > 1 else Truth(sooner)

    def true_loss(self, setting, seconds):
        truth = self.truth(setting)
        return FLOOR + truth.excess + self._fallen(seconds * truth.sooner)

    def is_worse_in_the_end(self, setting):
        """Whether it ends more than the margin above the present setting."""
        return self.truth(setting).excess > 1.01 * SHARE * (UNTRAINED - FLOOR)

    def _crossing(self, sooner):
        return Truth(sooner, self._fallen(self.crosses) - self._fallen(self.crosses * sooner))

    def _fallen(self, seconds):
        return (UNTRAINED - FLOOR) * (1 + seconds / SCALE) ** -self.luck.shape

    # the verbs of a rig

    def fresh(self, seed):
        return seed, PRESENT, 0.0

    def judge(self, state, blocks):
        return *([self._judge(state, half, rows) for rows in of_half] for half, of_half in enumerate(blocks)), []

    def _judge(self, state, half, rows):
        self.now += A_ROW * len(rows)
        (seed, setting, seconds), block, run = state, (half, int(rows[0]), len(rows)), state[:2]
        if seconds == 0:
            return UNTRAINED
        a_row = self.luck.rows / math.sqrt(len(rows))
        phase = self._normal("phase", run) * 2 * math.pi
        return (self.true_loss(setting, seconds * math.exp(0.05 * self._normal("pace", run)))
                + self.luck.run * (self._normal("seed", seed) + self._normal("run", run))
                + self.luck.run / math.sqrt(2) * math.sin(phase + math.pi / 2 * math.log2(seconds))
                + self._normal("rows", block) / math.sqrt(len(rows))
                + a_row * (self._normal("setting's rows", setting, block) + self._normal("run's rows", run, block)))

    def out_of_memory(self, error):
        return isinstance(error, MemoryError)

    def _normal(self, *what):
        if what not in self._drawn:
            self._drawn[what] = float(self._rng.normal())
        return self._drawn[what]


class Played(NamedTuple):
    """How a race ended: the `Setting` recommended, the `Judgement`, the last level, and the world's seconds that it took."""

    setting: Setting
    judged: tuple
    level: float
    took: float


def play(world):
    """The whole procedure: the race, and the plan that is made of it."""
    known = raced(world, world.budget)
    plan = decide(known)
    setting = Setting(batch_size=plan.batch_size.value, learning_rate=plan.learning_rate.value)
    judged = judge(Standings(known, clock_of(known).full_step), without_learning(known))
    return Played(setting, judged, known.get("race").detail("level"), world.now)


def raced(world, budget, known=None):
    """The evidence of a race for so many seconds, which goes on from what is `known`."""
    pace = Reading(name="pace", value=PACE * step_seconds(PRESENT.batch_size), unit="s", repeats=1)
    known = known or Evidence(readings=(pace, _throughput())).about(world.task, world.machine, world.present)
    with _lives_by(world):
        return race.run_race(world, known, seed=world.seed, seconds=budget, keep=lambda _: None, watch=lambda *_: None)


def noise(setting):
    """The noise left in the weights, as a share of the present setting's: the rate over that of the square-root rule."""
    return setting.learning_rate / seed_rate(PRESENT.learning_rate, PRESENT.batch_size, setting.batch_size, "adam")


def step_seconds(batch_size):
    return T0 + C * batch_size


class _Jumps:
    """What `Stretches` is to a rig, without a loop over updates: a world's time passes, and its state says how long it trained."""

    def __init__(self, rig, batch_size, most):
        self._rig, self._size = rig, batch_size

    def start(self, lane):
        rate = float(f"{float(lane.schedule(1)[0]):.4g}")
        return SimpleNamespace(state=(lane.seed, Setting(batch_size=self._size, learning_rate=rate), 0.0), n_updates=0)

    def advance(self, training, n_updates):
        self._rig.now += PACE * step_seconds(self._size) * (n_updates - training.n_updates)
        training.n_updates, training.state = n_updates, (*training.state[:2], n_updates * step_seconds(self._size))


@contextmanager
def _lives_by(world):
    before = race.perf_counter, race.Stretches
    race.perf_counter, race.Stretches = (lambda: world.now), _Jumps
    try:
        yield
    finally:
        race.perf_counter, race.Stretches = before


def _throughput():
    points = tuple(StepTime(batch_size=b, seconds=step_seconds(b), low=step_seconds(b) / 1.02, high=step_seconds(b) * 1.02)
                   for b in (32, 128, 512, 2048, 8192))
    return Reading(name="throughput", value=T0 / C, unit="examples", low=0.9 * T0 / C, high=1.1 * T0 / C, repeats=5, points=points,
                   details=(("t0", T0), ("c", C), ("knee", 2048.0), ("best", 1 / C)))
