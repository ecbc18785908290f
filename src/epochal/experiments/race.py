"""The race behind a plan for trainings that take long: settings side by side for equal seconds, the one ahead repeated with fresh
seeds."""

from dataclasses import replace
from time import perf_counter

import numpy as np

from ..base import seeds
from ..base.errors import MeasurementFailed
from ..base.seeds import stream
from ..base.text import quantity
from ..engine import Lane
from ..engine.guard import memory_guard
from ..engine.stretch import Stretches
from ..probes.probe import largest_that_fits
from ..records import Mark, Outcome, Reading, Run
from ..rules.margin import without_learning
from ..rules.plan.decide import clock_of
from ..rules.plan.learning_rates import neighbour
from ..rules.race.judge import judge
from ..rules.race.standings import Standings
from ..rules.race.start import N_FRESH, beginning, marks_until, sizes, starters
from .blocks import schedule_of

_BLOCKS = 16          # of validation rows in each half, equally many rows in each
_MOST_ROWS = 2**14    # of each half that are judged at a mark
_FEWEST_ROWS = 1024
_JUDGING = 1e-3       # of the race's seconds that judging one mark may take
_MOST_FRESH = 8       # fresh seeds, where there is time for more and the comparison is not decided
_GROWTH = 2.0         # from level to level
_LOWER = 12           # half decades below the present rate at most, where nothing above learns
_FEWEST = 2           # settings that race on beside the present one
_OVERRUN = {"race": 0.05, "fresh": 0.2}  # of the time, which a stretch may run over: without fresh seeds nothing can be said
_EARLY = 0.15         # of the time left, up to which fresh seeds do not wait for the last level
_ROWS = ("rows_a_block_of_half_a", "rows_a_block_of_half_b")


def run_race(rig, evidence, *, seed, seconds, keep, watch):
    """Race settings for so many seconds, and add what came out to the evidence; goes on from the runs that it holds.

    All settings get equal seconds of training by the clock of who trains: as many updates as it would make in them. From level to
    level (each twice as long) those that are behind drop out; the present setting never does. At each level the one ahead and
    the present setting are trained with fresh seeds as well: those decide.

    Args:
        evidence: what is known; it must hold `"throughput"`, the clock, and `"pace"`, what an update takes here.
        keep: called with the grown `Evidence` after every stretch of a training.
        watch: called as `watch(done, total, what)`, both in seconds.

    Raises:
        MeasurementFailed: there is no memory for the present setting, or its loss is no number before training.
    """
    return _Race(rig, evidence, seed, seconds, keep, watch).run()


class _Race:
    """One race: it holds the rig (the device), the states of the trainings, and the evidence as it grows."""

    def __init__(self, rig, evidence, seed, seconds, keep, watch):
        self.rig, self.evidence, self.seed, self.keep, self.watch = rig, evidence, seed, keep, watch
        self.started, self.seconds = perf_counter(), seconds
        self.clock = clock_of(evidence)
        self.under_way, self.stretches, self.paces = {}, {}, {}  # trainings by run; by batch size: programs, cost of a clock second
        self.first = self.reached = 0.0  # seconds of the first level, and of the last one that all reached
        self.fresh = [seeds.integer(seed, "confirm", i) for i in range(_MOST_FRESH)]

    def run(self):
        begin = self._begin()
        self.first = begin.seconds
        self.blocks = self._judged_rows()
        settings, level = list(begin.settings), begin.seconds
        while self._level(settings, level):
            self.reached = level
            settings = [self.rig.present, *self.standings.ranked(level)[: max(_FEWEST, len(settings) // 2)]]  # the better half
            self.under_way = {key: training for key, training in self.under_way.items() if key[0] == "fresh" or key[1] in settings}
            if len(settings) < 2 or self.standings.turned(self.rig.present):
                break
            if self._cost_of_level(settings, level) + self._cost_of_fresh(settings[:2], _GROWTH * level) > self._left():
                break
            if self._cost_of_fresh(settings[:2], level) < _EARLY * self._left():
                self._repeat(settings[:2], self.fresh[:N_FRESH], level)
            level *= _GROWTH
        if ahead := self.standings.ranked(self.reached)[:1]:
            self._repeat([self.rig.present, *ahead], self.fresh[:N_FRESH], self.reached)
        self._repeat_more()
        taken = perf_counter() - self.started
        self.evidence = self.evidence.add(Reading(
            name="race", title="trainings raced", value=float(len(self.evidence.runs)), unit="trainings", repeats=1, cost=taken,
            details=(("budget", self.seconds), ("level", self.reached))))
        self.keep(self.evidence)
        return self.evidence

    @property
    def standings(self):
        return Standings(self.evidence.allowed(), self.clock.full_step)

    def _begin(self):
        present, n = self.rig.present, self.rig.n_examples
        own, largest = min(present.batch_size, n), largest_that_fits(self.evidence)
        largest = own if "batch_size" in self.evidence.fixed else largest
        at = sizes(own, n, largest, lambda size: self.clock.full_step(size).value / size)
        step = self.clock.full_step(own).value
        self.paces[own] = self.evidence.get("pace").value / step
        some = starters(present, at, self.rig.task.optimizer, self.evidence.fixed)
        return beginning(some, step, self._cost_of, self._left())

    def _level(self, settings, level):
        """Train everything up to a level; false where the time ran out before anything could be compared there."""
        for setting in settings:
            if not self._go_on("race", setting, self.seed_of_race, level):
                return False
        return self._living(level) and self._further_rates(level)

    def _repeat(self, pair, fresh, level):
        """Train the present setting and the one ahead with fresh seeds up to a level, as far as the time goes."""
        return all(self._go_on("fresh", setting, seed, level) for seed in fresh for setting in pair)

    @property
    def seed_of_race(self):
        return seeds.integer(self.seed, "race", 0)

    def _living(self, level):
        """Where everything diverged or ended above the loss before training, try ever lower rates, until one does not."""
        present, before = self.rig.present, self.evidence.get("untrained_loss").value
        for places in range(-1, -1 - _LOWER, -1):
            if any(self._raced(setting, level) < before for setting in [present, *self.standings.ranked(level)[:1]]):
                break
            lower = replace(present, learning_rate=neighbour(present.learning_rate, present.learning_rate, places))
            if not self.evidence.allows(lower):
                break
            if not self._go_on("race", lower, self.seed_of_race, level):
                return False
        return True

    def _further_rates(self, level):
        """While the one ahead has the highest (lowest) rate tried at its batch size, try the next one; false where time ran out."""
        while ranked := self.standings.ranked(level):
            best = min([*ranked[:1], self.rig.present], key=lambda setting: self._raced(setting, level))
            tried = {s.learning_rate for s in self.standings.racers() if s.batch_size == best.batch_size}
            beyond = [replace(best, learning_rate=neighbour(best.learning_rate, self.rig.present.learning_rate, way))
                      for way, edge in ((1, max(tried)), (-1, min(tried))) if best.learning_rate == edge]
            beyond = [setting for setting in beyond if self.evidence.allows(setting) and self.standings.may_lead(setting, level)]
            if not beyond or self._left() < self._cost_of(best, level) * (1 + 2 * N_FRESH):
                return True
            if not all(self._go_on("race", setting, self.seed_of_race, level) for setting in beyond):
                return False
        return True

    def _raced(self, setting, level):
        loss = self.standings.raced(setting, level)
        return float("inf") if loss is None else loss

    def _repeat_more(self):
        """Where there is time and the comparison is not decided: more fresh seeds, as many as the time allows, then one look."""
        judged = judge(self.standings, without_learning(self.evidence))
        if judged.change or not judged.leads or judged.leads[-1].low > 0:
            return
        reached, pair = judged.leads[-1].seconds, (self.rig.present, judged.ahead)
        n_more = int(self._left() / max(sum(self._cost_of(setting, reached) for setting in pair), 1e-9))
        self._repeat(pair, self.fresh[N_FRESH : N_FRESH + n_more], reached)

    # one training

    def _go_on(self, stage, setting, seed, level):
        """Train one run up to a level, and judge it on the way; false where the time is up, with what was reached kept."""
        run = next((r for r in self.evidence.runs if (r.stage, r.setting, r.seed) == (stage, setting, seed)), None)
        run = run or Run(setting=setting, seed=seed, stage=stage, marks=())
        wanted = [self.standings.updates(setting, seconds) for seconds in marks_until(level, self.first)]
        wanted = [n for n in dict.fromkeys(wanted) if n > run.n_updates]
        for n_updates in wanted if run.outcome is Outcome.OK else ():
            cost = self._cost_of(setting, self.standings.seconds_of(setting, n_updates - run.n_updates))
            if cost > self._left() + _OVERRUN[stage] * self.seconds:
                return False
            what = "the settings" if stage == "race" else "fresh seeds"
            self.watch(self.seconds - self._left(), self.seconds, f"{what}, {quantity('s', level)} of training each")
            with memory_guard(self.rig) as guard:
                run = self._stretch(run, n_updates)
            if setting == self.rig.present:
                guard.require(setting.batch_size)
            if guard.ran_out:
                run = replace(run, outcome=Outcome.OUT_OF_MEMORY)
            self.evidence = self.evidence.add(run)
            self.keep(self.evidence)
            if run.outcome is not Outcome.OK:
                break
        return True

    def _stretch(self, run, n_updates):
        """The run made so many updates long, and judged there."""
        begun, key = perf_counter(), (run.stage, run.setting, run.seed)
        engine = self._engine(run.setting.batch_size)
        if key not in self.under_way:
            self.under_way[key] = engine.start(Lane(run.seed, schedule_of(self.rig, run.setting)))
            if run.n_updates:  # it was trained before, in a process that ended: the numbers come out again
                engine.advance(self.under_way[key], run.n_updates)
        training, before = self.under_way[key], perf_counter()
        made = n_updates - training.n_updates
        engine.advance(training, n_updates)
        half_a, half_b, metrics = self.rig.judge(training.state, self.blocks)
        pace, size = (perf_counter() - before) / self.standings.seconds_of(run.setting, made), run.setting.batch_size
        self.paces[size] = min(pace, self.paces.get(size, pace)) if run.marks else pace  # the first one compiles
        run = replace(run, seconds=run.seconds + perf_counter() - begun)
        if not np.isfinite(half_a + half_b).all():
            del self.under_way[key]
            return replace(run, outcome=Outcome.DIVERGED)
        short = [tuple(float(f"{value:.6g}") for value in values) for values in (half_a, half_b, metrics)]
        metrics = short[2] if np.isfinite(metrics).all() else ()
        return replace(run, marks=(*run.marks, Mark(n_updates=n_updates, half_a=short[0], half_b=short[1], metrics=metrics)))

    def _engine(self, batch_size):
        if batch_size not in self.stretches:
            size = min(batch_size, self.rig.n_examples)
            shortest = max(1, round(self.first / 4 / self.clock.full_step(size).value))
            self.stretches[batch_size] = Stretches(self.rig, size, shortest)
        return self.stretches[batch_size]

    def _judged_rows(self):
        """The validation rows judged at every mark, in blocks, as a pair of lists; fewer where judging them all takes too long.

        With them, the loss before training, which is the yardstick for what training gains.
        """
        known, state, losses, blocks, counts = self.evidence.get("untrained_loss"), self.rig.fresh(self.fresh[0]), [], [], []
        before = dict(known.details) if known is not None else {}  # as in the race that goes on
        for half, n in enumerate((-(-self.rig.task.n_validation // 2), self.rig.task.n_validation // 2)):
            n_blocks = min(_BLOCKS, n)
            rows = stream(0, "judged rows", half).permutation(n)[: min(n, _MOST_ROWS) // n_blocks * n_blocks].reshape(n_blocks, -1)
            one = (rows[:1], ()) if half == 0 else ((), rows[:1])
            self.rig.judge(state, one)  # compiles
            begun = perf_counter()
            losses += self.rig.judge(state, one)[half]
            a_row = max(perf_counter() - begun, 1e-9) / rows.shape[1]
            affordable = int(_JUDGING * self.seconds / a_row / 2)
            fitting = max(1, min(rows.shape[1], max(_FEWEST_ROWS, affordable) // n_blocks))
            counts.append(int(before.get(_ROWS[half], fitting)))
            blocks.append(rows[:, : counts[half]])
        if not np.isfinite(losses).all():
            raise MeasurementFailed(f"The validation loss before training is {losses[0]}. Scale the inputs and the targets.")
        if not before:
            if self.rig.task.trained_before:  # what every run is held against, so on all of its rows
                half_a, half_b, _ = self.rig.judge(state, blocks)
                losses = half_a + half_b
            self.evidence = self.evidence.add(Reading(
                name="untrained_loss", title="validation loss before training", value=float(np.mean(losses)), low=min(losses),
                high=max(losses), repeats=len(losses), details=tuple(zip(_ROWS, map(float, counts), strict=True)),
                note=f"lowest and highest of {len(losses)} blocks of rows"))
        return blocks

    # time

    def _left(self):
        return self.seconds - (perf_counter() - self.started)

    def _cost_of(self, setting, seconds):
        """What so many seconds on the clock cost here: as measured at this batch size, else as if what the training spends
        on starting an update more than the engine does were saved at every size."""
        size, own = setting.batch_size, min(self.rig.present.batch_size, self.rig.n_examples)
        if size in self.paces:
            return self.paces[size] * seconds
        saved = (1 - self.paces[own]) * self.clock.full_step(own).value
        step = self.clock.full_step(min(size, self.rig.n_examples)).value
        return max(self.paces[own], (step - saved) / step) * seconds

    def _cost_of_level(self, settings, level):
        """Of training some settings on from a level to the next."""
        return sum(self._cost_of(setting, (_GROWTH - 1) * level) for setting in settings)

    def _cost_of_fresh(self, pair, level):
        """Of the fresh seeds of two settings up to a level, from where they are."""
        at = {(run.setting, run.seed): self.standings.seconds_of(run.setting, run.n_updates) for run in self.evidence.runs
              if run.stage == "fresh"}
        return sum(self._cost_of(setting, max(0.0, level - at.get((setting, seed), 0.0)))
                   for setting in pair for seed in self.fresh[:N_FRESH])
