"""The fair comparison: tune the learning rate at every batch size with as many trials, then compare with fresh seeds."""

import math
from dataclasses import replace
from time import perf_counter

import numpy as np

from .. import engine
from ..base import seeds
from ..base.errors import MeasurementFailed
from ..base.progress import Reporter
from ..engine.guard import memory_guard
from ..probes.step_time import step_time
from ..records import Outcome, Reading, Setting
from ..rules.scaling import steps_per_epoch
from ..rules.study.contrasts import Trained, declared_margin, require_margin
from ..rules.study.design import horizons
from ..rules.study.judging import cost, judged
from .blocks import blocks_of, label_of, no_memory_for
from .conclude import conclude
from .progress import Ledger
from .search import FIRST_RATES, Search, halves

_WIDTHS_CPU, _WIDTHS = (8,), (64, 512)  # lanes side by side to try; wider ones pay where thousands of cores wait

_ROWS_AS_LONG = 128  # rows that take about as long as the start of an update; it only shapes the progress bar


def run_fair(rig, design, folder, crew, *, reporter=None):
    """The `Study` of a `Design`: trains what it asks for and the folder does not hold yet, and says what came out.

    The same design on the same kind of machine gives the same numbers, whoever trained and however often it was interrupted, up to
    what the clock says.

    Args:
        folder: a `StudyFolder` that has begun with this design; every finished block is in it before the next result is looked at.
        crew: who trains: a `Crew`, or whatever has its `train`, `ahead` and `n_sharing`.
        reporter: a `Reporter`, told of every epoch from several threads, and of the answer so far after every comparison.

    Raises:
        MeasurementFailed: every learning rate diverged at the reference batch size, or there is no memory for it.
        Stopped: the reporter's `Stop` is set; all blocks that were finished are in the folder.
    """
    return Fair(rig, design, folder, crew, Ledger(reporter or Reporter())).run()


class Fair:
    """One run of a study."""

    def __init__(self, rig, design, folder, crew, ledger):
        self.rig, self.design, self.folder, self.crew, self.ledger = rig, design, folder, crew, ledger
        self.names, self.n = rig.task.metrics, rig.n_examples
        self._compiling, self._best = {}, None

    def run(self):
        untrained = self._untrained()
        self.ledger.begin("timing Keras' own fit" if self._needs_clock else "measuring how fast trainings run side by side")
        seconds = self._step_seconds()
        spans = horizons(replace(self.design, batch_sizes=self.sizes), self.n, seconds)
        self._foresee(spans)
        rates = Search(self, spans).rates()
        margin = self._margin(spans, untrained)
        self._confirm(rates, spans, margin)
        self.ledger.foresee(0.0, 0)
        self.ledger.begin("done")
        return self._concluded(self.design, rates, spans, margin)

    def _concluded(self, design, rates, spans, margin):
        trained = Trained(design=design, task=self.rig.task, present=self.rig.present, curves=self._curves(), rates=rates,
                          horizons=spans, margin=margin)
        names = ["step_time", "margin", *(f"engine/{size}" for size in self.design.batch_sizes)]
        return conclude(trained, self.rig.machine, tuple(filter(None, map(self.folder.reading, names))))

    # what is trained

    def train(self, label, stage, settings_epochs, run_seeds, what):
        """Train every setting of `{Setting: epochs}` with each seed, but for what the folder holds; all are of one batch size."""
        self.ledger.begin(what)
        size, blocks = next(iter(settings_epochs)).batch_size, []
        how = self.how(size)
        for n_epochs in sorted(set(settings_epochs.values())):
            lanes = [(setting, seed) for setting, n in settings_epochs.items() if n == n_epochs for seed in run_seeds]
            blocks += blocks_of(f"{label}/{n_epochs}", stage, n_epochs, lanes, how)
        work = {block.name: self._work(size, block.n_epochs, len(block.lanes)) for block in blocks}
        found, missing = [], []
        for block in blocks:
            held = self.folder.block(block.name)
            if held is None:
                missing.append(block)
            else:
                found += held
                self.ledger.finish(block.name, work[block.name], len(held), self._best_of(held), held=True)
        self.ledger.expect(sum(work[block.name] for block in missing), sum(len(block.lanes) for block in missing))
        for block, curves, facts in self.crew.train(missing, lambda b, share: self.ledger.step(b.name, share, work[b.name])):
            self.folder.commit(block.name, curves, seconds=sum(c.seconds for c in curves), provenance=facts)
            found += curves
            self.ledger.finish(block.name, work[block.name], len(curves), self._best_of(curves))
        return found

    def setting(self, size, rate):
        return Setting(batch_size=size, learning_rate=rate, schedule=self.rig.present.schedule)

    def trial_seeds(self):
        return [seeds.integer(self.design.seed, "screen", i) for i in range(self.design.n_trial_seeds)]

    def _confirm(self, rates, spans, margin):
        fresh = [seeds.integer(self.design.seed, "confirm", i) for i in range(self.design.n_seeds)]
        arms = {}
        for rate in rates:
            key = self.setting(rate.batch_size, rate.value)
            arms[key] = max(arms.get(key, 0), spans[rate.budget, rate.batch_size])
        if self.design.tutorial:
            for size in self.sizes:
                key = self.setting(size, self.rig.present.learning_rate)
                arms[key] = max(arms.get(key, 0), self.design.epochs)
        work = sum(self._work(setting.batch_size, n, len(fresh)) for setting, n in arms.items())
        self.ledger.foresee(work, len(arms) * len(fresh))
        for n_compared, size in enumerate(self.sizes, 1):
            mine = {setting: n for setting, n in arms.items() if setting.batch_size == size}
            if mine:
                self.train(label_of("confirm", size, [setting.learning_rate for setting in mine]), "confirm", mine, fresh,
                           f"fresh seeds at batch size {size:,}")
            compared = self.sizes[:n_compared]
            if self.design.reference in compared and 1 < n_compared < len(self.sizes):
                among = replace(self.design, batch_sizes=compared)
                self.ledger.reporter.answer(self._concluded(
                    among, tuple(rate for rate in rates if rate.batch_size in compared), spans, margin))

    # how it is trained

    @property
    def sizes(self):
        """The batch sizes of the design, but for those that there is no memory for, as far as is known."""
        return tuple(size for size in self.design.batch_sizes
                     if getattr(self.folder.reading(f"engine/{size}"), "outcome", None) is not Outcome.OUT_OF_MEMORY)

    def fits(self, size):
        """Whether there is memory for a batch size; where there is none, it is left out of the study, and the folder says so."""
        if size not in self.sizes:
            return False
        with memory_guard(self.rig) as guard:
            self.how(size)
        if guard.ran_out:
            self._leave_out(size)
        return not guard.ran_out

    def _leave_out(self, size):
        if size == self.design.reference:
            raise MeasurementFailed(no_memory_for(size))
        self.folder.keep(f"engine/{size}", Reading(name=f"engine/{size}", unit="s", outcome=Outcome.OUT_OF_MEMORY,
                                                   note=f"batch size {size:,}: no memory"))

    def how(self, size):
        """How a batch size is trained: measured when the study first comes to it, and kept: another width may round otherwise."""
        known = self.folder.reading(f"engine/{size}")
        if known is not None:
            return known.points[0]
        start = perf_counter()
        if (ahead := self._compiling.pop(size, None)) is not None:
            with memory_guard(self.rig):  # a program that does not fit: a narrower one may
                ahead.result()
        n_lanes = max(self.design.n_seeds, self.design.n_trial_seeds * max(len(self.design.learning_rates), 3))
        widths = _WIDTHS_CPU if self.rig.machine.device == "cpu" else _WIDTHS
        if earlier := self._hows():
            widths = (max(how.width for how in earlier),)
        how = engine.measure_mode(self.rig, size, n_lanes, widths=widths, n_at_once=self.crew.n_sharing)
        self.folder.keep(f"engine/{size}", Reading(
            name=f"engine/{size}", value=how.seconds, unit="s", low=how.seconds, high=how.seconds, repeats=1,
            cost=perf_counter() - start, note=f"batch size {size:,}: {how}", points=(how,)))
        return how

    def compile_ahead(self, size):
        """Begin to compile for a batch size that comes next, if those before it were fused."""
        earlier = self._hows()
        if size is not None and self.folder.reading(f"engine/{size}") is None and earlier and earlier[-1].mode == "fused":
            self._compiling[size] = self.crew.ahead(size, earlier[-1].width)

    def _hows(self):
        return [self.how(size) for size in self.sizes if self.folder.reading(f"engine/{size}") is not None]

    # what is measured beside

    @property
    def _needs_clock(self):
        return "time" in self.design.equal or self.design.tutorial

    def _step_seconds(self):
        if not self._needs_clock:
            return {}
        known = self.folder.reading("step_time")
        if known is None:
            for size in self.sizes:
                with memory_guard(self.rig) as guard:  # compiles, which does not count
                    self.rig.fit_seconds(min(size, self.n), 1)
                if guard.ran_out:
                    self._leave_out(size)
            known = step_time(self.rig, sizes=(self.design.reference, *(b for b in self.sizes if b != self.design.reference)))
            if not known.known:
                raise MeasurementFailed(f"The time of a step is not known: {known.note}. Run again on a quieter machine, or leave "
                                        '"time" out of `equal`.')
            self.folder.keep("step_time", known)
        return {point.batch_size: point.seconds for point in known.points}

    def _untrained(self):
        """Quality of a network that has learnt nothing: untrained, or always giving the best constant answer, where one is known;
        `None` where the margin is known without it.
        """
        if self.design.margin is not None or self.folder.reading("margin") is not None:
            return None
        column = 0 if self.design.metric == "loss" else 1 + self.names.index(self.design.metric)
        fresh = [self.rig.evaluate(self.rig.fresh(seed))[:2, column].mean(dtype=float) for seed in self.trial_seeds()]
        known = [float(np.mean(fresh))]
        if (constant := self.rig.constant()) is not None:
            known += constant[:, column].tolist()
        best = min((quality for quality in known if math.isfinite(quality)), key=lambda quality: cost(quality, self.design),
                   default=math.nan)
        require_margin(self.design, best)
        return best

    def _margin(self, spans, untrained):
        """The margin, fixed before the first fresh seed is trained."""
        known = self.folder.reading("margin")
        if known is None:
            trials = [judged(c, self.design, self.names, min(c.n_epochs, spans[budget, c.setting.batch_size]))
                      for c in self._curves() if c.stage == "screen" for budget in self.design.equal if c.n_epochs]
            value = declared_margin(self.design, untrained, trials)
            known = Reading(name="margin", value=value, low=value, high=value, repeats=1,
                            note="given" if self.design.margin is not None else "1 % of what training gains")
            self.folder.keep("margin", known)
        return known.value

    # what is known

    def _curves(self):
        return tuple(curve for name in sorted(self.folder.blocks()) for curve in self.folder.block(name))

    def _best_of(self, curves):
        """The best quality so far, in the design's metric."""
        better = max if self.design.larger_is_better else min
        found = [judged(c, self.design, self.names, c.n_epochs) for c in curves if c.n_epochs]
        found = [quality for quality in found if math.isfinite(quality)]
        self._best = better([*found, *([] if self._best is None else [self._best])], default=None)
        return self._best

    # how much of it there is

    def _work(self, size, n_epochs, n_lanes):
        """In units of a short update's own cost; an update of more rows costs more. What one unit takes, the clock will tell."""
        return steps_per_epoch(self.n, size) * (1 + min(size, self.n) / _ROWS_AS_LONG) * n_epochs * n_lanes

    def _foresee(self, spans):
        design, work, n = self.design, 0.0, 0
        for size in self.sizes:
            longest = max(spans[budget, size] for budget in design.equal)
            n_rates = len(design.learning_rates) or 6
            first = len(design.learning_rates) or FIRST_RATES
            halved = first * halves(design, first, longest)  # rates that a first look is taken at, about half of which go on
            whole = n_rates - halved // 2
            work += self._work(size, longest, whole * design.n_trial_seeds + design.n_seeds * (1 + design.tutorial))
            work += self._work(size, -(-longest // 4), halved * design.n_trial_seeds)
            n += (halved + whole) * design.n_trial_seeds + design.n_seeds * (1 + design.tutorial)
        self.ledger.foresee(work, n)
