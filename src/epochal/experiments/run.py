"""The comparison behind a plan: time the engine, train the present setting, screen learning rates, compare with fresh seeds."""

import math
from time import perf_counter

from .. import engine
from ..base import seeds
from ..base.errors import MeasurementFailed
from ..engine.guard import memory_guard
from ..probes.agenda import had_its_time
from ..probes.probe import compiles_dearly
from ..records import Outcome, Reading, Setting
from ..rules.patience import exhausted
from ..rules.plan.compare import runs_by_setting
from ..rules.plan.decide import aim_of, clock_of, declared
from ..rules.plan.folds import OWN_ROWS, ROWS, are_unlike, beside_own_rows, levelled
from ..rules.plan.learning_rates import beyond, grid, pick
from ..rules.plan.propose import (
    barest,
    batch_sizes,
    needed_epochs,
    patience_for,
    propose,
    propose_present,
    visiting_order,
    worth_a_look,
)
from ..rules.plan.quality import all_updates_to, best_epoch
from ..rules.scaling import seed_rate, steps_per_epoch
from .blocks import curve_of, schedule_of

_SHARE = 0.45   # of the time left that one batch size may take while others wait
_WIDTHS = (8, 24)  # lanes side by side to try; what is faster at the first batch size serves the others
_SHORT = 10.0   # seconds, within which but one number of lanes is tried: each is a program to compile
_SOONER = 2.0   # times as many trainings as foreseen may fit, since early stopping ends most: for the first other batch size
_STARTS = 3  # of which the loss before training is told; of a model that was trained before, one in every fold
_MOST_SEEDS = 48  # where time is left after all batch sizes
_SAFE = 0.7     # of the time left that more seeds may take, as foreseen
_OVERRUN = 1.3  # times the budget after which no further rate is tried


def run_study(rig, evidence, *, seed, seconds, keep, watch):
    """Train what a fair comparison needs, and nothing that the evidence already holds.

    Args:
        evidence: what is known; its readings bound the search.
        seconds: time there is; the number of rates, seeds and epochs is cut to it beforehand, never in the middle of a run.
        keep: called with the grown `Evidence` after every finished group of trainings.
        watch: called as `watch(done, total, what)`, both in foreseen seconds.

    Returns:
        The grown `Evidence`: one `"engine"` reading, `"untrained_loss"`, the curves of all three stages, and `"study"`. Without
        curves and `"study"` where there is no time for the present setting, as a training turned out to go here.

    Raises:
        MeasurementFailed: there is no memory for the present setting, or its loss is no number.
    """
    return _Study(rig, evidence, seed, seconds, keep, watch).run()


class _Study:
    """One run of the study: it holds the rig (the device) and the evidence as it grows."""

    def __init__(self, rig, evidence, seed, seconds, keep, watch):
        self.rig, self.evidence, self.seed, self.keep, self.watch = rig, evidence, seed, keep, watch
        self.started, self.seconds, self.done, self.total = perf_counter(), seconds, 0.0, seconds
        self.compiling = 0.0  # seconds that a batch size takes to compile and to time
        memory = evidence.get("memory")
        own_alone = rig.own and (evidence.until is not None or are_unlike(evidence))
        self.turns = (0,) if own_alone else rig.turns  # what is to be reached is meant of the user's own rows
        self.n_train = engine.n_trained(rig, self.turns[0])
        self.sizes = batch_sizes(rig.present.batch_size, self.n_train, None if memory is None else int(memory.value),
                                 evidence.fixed)

    def run(self):
        if had_its_time(self.evidence.get("study"), self.seconds):
            return self.evidence
        self._measure_untrained()
        present = self.rig.present
        how = self._how(min(present.batch_size, self.n_train))
        self.total = max(self._left(), 0.5 * self.seconds)
        proposed = propose_present(present.batch_size, self.n_train, lambda n: how.serving(n).step_seconds(n), self.total,
                                   self.evidence.most_epochs)
        if known := self.evidence.of("present"):  # in an earlier run, which may have had more time
            proposed = proposed or (len(known), max(curve.n_epochs for curve in known))
        if proposed is None:
            return self.evidence
        n_seeds, n_epochs = proposed
        confirm = [seeds.integer(self.seed, "confirm", i) for i in range(n_seeds)]
        self._train("present", [present], confirm, "your present setting", n_epochs, patience_for(n_epochs))
        if self.rig.own and self.turns != (0,) and self._are_unlike():
            self.turns, self.n_train = (0,), self.rig.n_examples
            self._train("present", [present], confirm, "your present setting", n_epochs, patience_for(n_epochs))
        bests = [best_epoch(c) for c in self.evidence.allowed().of("present") if c.n_epochs] or [n_epochs]
        needed = self.evidence.most_epochs or needed_epochs(bests, n_epochs)
        self._compare_sizes(confirm, needed)
        while self._repeat_all():
            pass
        taken = perf_counter() - self.started
        self._add(Reading(name="study", title="trainings made", value=float(len(self.evidence.curves)), unit="trainings",
                          repeats=1, cost=taken, details=(("budget", self.seconds),)))
        return self.evidence

    def _compare_sizes(self, confirm, needed):
        """Each batch size in turn: choose its rates on trials, compare them with fresh seeds, and plan anew with what is left."""
        present, n, slowness = min(self.rig.present.batch_size, self.n_train), self.n_train, 1.0
        margin, target = declared(levelled(self.evidence))
        target = aim_of(self.evidence) or target
        left = visiting_order(self.sizes, present)
        tuning = self.rig.task.trained_before  # then the rate decides, and most often lower ones
        if len(left) > 1 and not tuning and not self._fit(left[:2], len(confirm), needed):
            left = [*left[1:], present]  # another batch size tells more than other rates at the present one
        while left and (self._left() > 0 or not self.evidence.of("screen")):
            at = self._seconds_to_target(target)
            left = [size for size in left if worth_a_look(size, present, at)]
            if not left:
                break
            size, left = left[0], left[1:]
            known = self._how(present)
            at_best, after = known.seconds * self._times_as_slow(size, present), self._left() - self._still_to_compile(size)
            if propose(size, self._stretched_from(size), n, slowness * at_best, after, needed, len(confirm), known.width) is None:
                continue  # it is not worth compiling for
            how = self._how(size)
            shares = [_SHARE * self._left(), self._left()] if left else [self._left()]
            if size != present and not at.keys() - {present}:
                shares.append(_SOONER * self._left())
            sweeps = [propose(size, self._stretched_from(size), n, slowness * how.seconds, share, needed, len(confirm), how.width)
                      for share in shares]
            self.sweep = next((sweep for sweep in sweeps if sweep is not None), None)
            if self.sweep is None:
                continue
            begun, foreseen = perf_counter(), self.done
            self._screen(size)
            picked = pick(self._trials(size), margin, target)
            if picked is not None:
                settings = [self._setting(size, rate) for rate in picked.contenders[: self.sweep.n_compared]]
                self._train("confirm", settings, confirm[: self.sweep.n_confirm], f"fresh seeds at batch size {size:,}")
            if self.done > foreseen:
                slowness *= max(0.2, min(5.0, (perf_counter() - begun) / (self.done - foreseen)))
            self.total = self.done + max(self._left(), 0.0)

    def _repeat_all(self):
        """Train every setting that was compared with more fresh seeds, as many as the time that is left allows; false for none.

        All or none of them, by the time alone: added to those that look well, seeds would make chance findings.
        """
        runs, groups = runs_by_setting(levelled(self.evidence.allowed())), {}
        for setting, curves in runs.items():
            if all(c.outcome is Outcome.OK for c in curves.values()):
                stage = "present" if setting == self.rig.present else "confirm"
                groups.setdefault((stage, min(setting.batch_size, self.n_train)), []).append(setting)
        known, left = [len(runs[setting]) for settings in groups.values() for setting in settings], _SAFE * self._left()
        for n_seeds in range(_MOST_SEEDS, min(known, default=_MOST_SEEDS), -1) if len(known) > 1 else ():
            if sum(self._foreseen(size, [runs[s] for s in settings], n_seeds) for (_, size), settings in groups.items()) <= left:
                confirm = [seeds.integer(self.seed, "confirm", i) for i in range(n_seeds)]
                for (stage, _), settings in groups.items():
                    n_epochs = max(c.n_epochs for setting in settings for c in runs[setting].values())
                    self._train(stage, settings, confirm, "more fresh seeds", n_epochs, patience_for(n_epochs))
                return True
        return False

    def _foreseen(self, size, of_settings, n_seeds):
        """Seconds until each of some settings of a batch size, of which the runs are given, has so many seeds."""
        how, curves = self._how(size), [curve for runs in of_settings for curve in runs.values()]
        missing = sum(max(0, n_seeds - len(runs)) for runs in of_settings)
        a_step = how.serving(missing).step_seconds(missing)
        return steps_per_epoch(self.n_train, size) * a_step * sum(c.n_epochs for c in curves) / len(curves)

    def _fit(self, sizes, n_seeds, needed):
        """Whether there is time for the barest sweeps of the present batch size and of another, which is still to be compiled."""
        present, n = sizes[0], self.n_train
        known = self._how(present)
        foreseen = (barest(size, self._stretched_from(size), n, known.seconds * self._times_as_slow(size, present), needed, n_seeds,
                           known.width) for size in sizes)
        return sum(foreseen) + self.compiling <= self._left()

    def _still_to_compile(self, size):
        """Seconds that a batch size takes before its first training."""
        known = self.evidence.get("engine")
        return 0.0 if known is not None and size in {point.batch_size for point in known.points} else self.compiling

    def _stretched_from(self, size):
        """The batch size beside which a larger one may have more epochs: the present one, where the epochs are not fixed."""
        return min(self.rig.present.batch_size, self.n_train) if self.evidence.most_epochs is None else size

    def _times_as_slow(self, size, present):
        """How many times as long a step and lane takes as at the present batch size, at best.

        At smaller ones it is a question of examples alone. Larger ones cost at least what they do in Keras' `fit`, where what a
        step takes beside the examples weighs more than among lanes.
        """
        clock = clock_of(self.evidence)
        if size <= present or not clock.steps:
            return min(1.0, size / present)
        return max(1.0, clock.full_step(size).value / clock.full_step(present).value)

    def _seconds_to_target(self, target):
        """The least time to the target at each batch size compared, by the clock of `fit` (by updates where it is not known)."""
        clock, runs = clock_of(self.evidence), runs_by_setting(levelled(self.evidence))
        found = {}
        for setting, curves in runs.items():
            steps = all_updates_to(curves.values(), target)
            mean = float("inf") if steps is None else sum(steps) / len(steps)
            step = clock.step(setting.batch_size)
            seconds = mean * (1.0 if step is None else step.value)
            found[setting.batch_size] = min(found.get(setting.batch_size, float("inf")), seconds)
        return found

    def _how(self, size):
        """How a batch size trains fastest; measured when it is first asked for, and kept as a point of the `"engine"` reading."""
        known = self.evidence.get("engine")
        for point in known.points if known else ():
            if point.batch_size == size:
                return point
        self.watch(self.done, self.total, f"how batches of {size:,} run fastest")
        start = perf_counter()
        one = self.seconds <= _SHORT or compiles_dearly(self.evidence, self.seconds)
        widths = _WIDTHS[: 1 if one else 2] if known is None else (known.points[0].width,)
        with memory_guard(self.rig) as guard:
            how = engine.measure_mode(self.rig, size, max(widths), widths=widths, fold=self.turns[0])
        guard.require(size)
        self.compiling = (perf_counter() - start) / len(widths)  # further batch sizes have but one of them
        self._add(Reading(name="engine", title="time of a step and lane while measuring", value=how.seconds, unit="s",
                          low=how.seconds, high=how.seconds, repeats=1, cost=perf_counter() - start,
                          points=((*known.points, how) if known else (how,)), details=((ROWS, float(self.n_train)),),
                          note="; ".join(filter(None, (known and known.note, f"batch size {size:,}: {how}")))))
        return how

    def _turn(self, i):
        """The fold of the seed in place `i`."""
        return self.turns[i % len(self.turns)]

    def _are_unlike(self):
        """Whether the user's validation rows are unlike training rows that are held out; measured once."""
        found = None if OWN_ROWS in self.evidence else beside_own_rows(self.evidence, len(self.rig.folds[self.turns[0]].half_a))
        if found is not None:
            self._add(found)
        return are_unlike(self.evidence)

    def _measure_untrained(self):
        if "untrained_loss" not in self.evidence:
            start = perf_counter()
            n = max(_STARTS, len(self.turns)) if self.rig.task.trained_before else _STARTS
            starts = [self.rig.fresh(seeds.integer(self.seed, "confirm", i)) for i in range(n)]
            judged = [self.rig.judged(state, self._turn(i))[0] for i, state in enumerate(starts)]
            losses = [float(figures[:2, 0].mean(dtype=float)) for figures in judged]
            if not all(map(math.isfinite, losses)):
                raise MeasurementFailed(f"The validation loss before training is {losses[0]}. Scale the inputs and the targets.")
            self._add(Reading(name="untrained_loss", title="validation loss before training", value=sum(losses) / n,
                              low=min(losses), high=max(losses), repeats=n, cost=perf_counter() - start,
                              details=tuple({f"fold {self._turn(i)}": loss for i, loss in enumerate(losses)}.items()),
                              note=f"lowest to highest of {n}"))

    def _screen(self, size):
        """Try learning rates until the best one lies inside those tried, or the time is far overrun."""
        trials = [seeds.integer(self.seed, "screen", i) for i in range(self.sweep.n_screen)]
        present, critical = self.rig.present, self.evidence.get("critical_rate")
        centre = seed_rate(present.learning_rate, present.batch_size, size, self.rig.task.optimizer)
        highest = 8 * critical.high if critical is not None and critical.outcome is Outcome.OK else float("inf")
        rates = grid(centre, self.sweep.n_rates, present.learning_rate, highest)
        if "learning_rate" in self.evidence.fixed:
            rates = [present.learning_rate]
        while rates:
            self._train("screen", [self._setting(size, rate) for rate in rates], trials, f"learning rates at batch size {size:,}")
            rates = [] if "learning_rate" in self.evidence.fixed else beyond(self._trials(size), present.learning_rate)
            if perf_counter() - self.started > _OVERRUN * self.seconds:
                break

    def _train(self, stage, settings, run_seeds, what, n_epochs=None, patience=None):
        """Train the given settings of one batch size with each seed, but for the runs that the evidence holds.

        The rows that are held out take turns with the seeds, the same for all settings.
        """
        stages = ("confirm", "present") if stage == "confirm" else (stage,)
        held = {(c.setting, c.seed, c.fold) for one in stages for c in self.evidence.allowed().of(one)}
        wanted = [(setting, s, self._turn(i)) for setting in settings for i, s in enumerate(run_seeds)
                  if (setting, s, self._turn(i)) not in held]
        if not wanted:
            return
        size, n = settings[0].batch_size, self.n_train
        how = self._how(min(size, n)).serving(len(wanted))
        if n_epochs is None:
            n_epochs, patience = self.sweep.n_epochs, self.sweep.patience
        foreseen = how.step_seconds(len(wanted)) * steps_per_epoch(n, size) * n_epochs
        begun, per_group = self.done, min(how.width if how.mode == "fused" else len(wanted), len(wanted))
        groups = {"finished": 0, "epoch": 0}

        def go_on(epoch, losses):
            groups["finished"] += epoch == 1 and groups["epoch"] > 0
            groups["epoch"] = epoch
            share = (groups["finished"] + epoch / n_epochs) * per_group / len(wanted)
            self.watch(min(begun + share * foreseen, self.total), self.total, what)
            n_left = n_epochs - epoch if stage == "screen" else None  # trials may be cut short, what is judged may not
            return not exhausted(losses[:, :, :2].mean(2, dtype=float), patience, n_left)

        self.watch(begun, self.total, what)
        lanes = [engine.Lane(s, schedule_of(self.rig, setting), fold) for setting, s, fold in wanted]
        runs = engine.train(self.rig, lanes, engine.Batches(size, n_epochs), how=how, go_on=go_on)
        self.done = min(begun + foreseen, self.total)
        self._add(*(curve_of(run, setting, s, stage, n, fold=fold, metrics_of_trials=self.evidence.until is not None)
                    for run, (setting, s, fold) in zip(runs, wanted, strict=True)))

    def _left(self):
        return self.seconds - (perf_counter() - self.started)

    def _setting(self, size, rate):
        present = self.rig.present
        return Setting(batch_size=size, learning_rate=rate, schedule=present.schedule)

    def _trials(self, size):
        return [c for c in levelled(self.evidence.allowed()).of("screen") if c.setting.batch_size == size]

    def _add(self, *things):
        self.evidence = self.evidence.add(*things)
        self.keep(self.evidence)
