"""How the runs of a race stand: losses after equal seconds, who is ahead, who goes on, and by how much one leads."""

import math
from itertools import accumulate
from statistics import fmean

import numpy as np

from ...base.stats import mean_interval, two_way_interval
from ...records import Lead, Outcome, Verdict
from ..plan.learning_rates import STEP
from ..scaling import seed_rate, steps_per_epoch

_ROUNDING = 0.02   # of an update, which may end after the level
_BOLD = 1.01 * STEP  # times the rate of the rule: a higher one is not believed before a whole epoch
_TURNED = 4.0      # times the updates to its lowest loss, which is two doublings, after which a curve has turned


class Standings:
    """The runs of a race by setting, stage and seed, on one clock.

    A run counts with the weights that early stopping would have kept by then: those of the mark with the lowest loss on one half of
    the validation rows, judged on the other half. Who is ahead is found on half b chosen by half a, and with one seed; what is
    said of the one ahead comes from half a chosen by half b, and from fresh seeds. So neither a lucky seed nor lucky rows can carry
    a setting from the choice into the judgement.

    Args:
        evidence: what holds the runs. clock: `(batch size) -> Seconds` of an update.
    """

    def __init__(self, evidence, clock):
        self.present, self._task = evidence.present, evidence.task
        self._clock = lambda size: clock(min(size, evidence.task.n_train))  # a batch beyond the rows holds all of them
        self.runs = {(run.stage, run.setting, run.seed): run for run in evidence.runs}

    def updates(self, setting, seconds):
        """Whole updates that a setting makes in so many seconds: none, where the first one takes longer."""
        return math.floor(seconds / self._clock(setting.batch_size).value + _ROUNDING)

    def seconds_of(self, setting, n_updates):
        """How long so many updates of a setting take, on the clock."""
        return n_updates * self._clock(setting.batch_size).value

    def of(self, stage, setting):
        """`{seed: run}`."""
        return {seed: run for (where, what, seed), run in self.runs.items() if (where, what) == (stage, setting)}

    def racers(self):
        """The settings in the race, the present one first."""
        return list(dict.fromkeys([self.present, *(setting for stage, setting, _ in self.runs if stage == "race")]))

    # who is ahead

    def raced(self, setting, seconds):
        """The loss of a setting in the race after so many seconds; infinite where it diverged, `None` where it is not there yet."""
        for run in self.of("race", setting).values():
            if run.outcome is not Outcome.OK:
                return math.inf
            if self.reached(run, seconds):
                return fmean(self._kept(run, seconds, judge="half_b"))
        return None

    def level(self, levels):
        """The longest of the levels that the present setting and some other have reached; `None` before that."""
        others = [setting for setting in self.racers() if setting != self.present]
        return next((seconds for seconds in sorted(levels, reverse=True) if self.raced(self.present, seconds) is not None
                     and any(self.raced(setting, seconds) is not None for setting in others)), None)

    def noise(self, setting):
        """The noise that a constant rate leaves in the weights, as a share of the present setting's: η/B for plain SGD, η/√B for
        others (Malladi et al. 2022, arXiv:2205.10287)."""
        rule = seed_rate(self.present.learning_rate, self.present.batch_size, setting.batch_size, self._task.optimizer)
        return setting.learning_rate / rule

    def may_lead(self, setting, seconds):
        """Whether a lead after so many seconds can be believed: a short race favours high rates, whose noise shows late (Wu et al.
        2018, arXiv:1803.02021). So beyond half a decade more noise than the present setting's, not before an epoch of it."""
        an_epoch = steps_per_epoch(self._task.n_train, min(self.present.batch_size, self._task.n_train))
        return self.noise(setting) <= _BOLD or self.updates(self.present, seconds) >= an_epoch

    def ranked(self, seconds):
        """The settings other than the present one that have come so far, lowest loss first; left out are those that diverged, and
        those whose lead could not be believed."""
        losses = {setting: self.raced(setting, seconds) for setting in self.racers()
                  if setting != self.present and self.may_lead(setting, seconds)}
        known = {setting: loss for setting, loss in losses.items() if loss is not None and math.isfinite(loss)
                 and not self.diverged(setting)}
        return sorted(known, key=lambda setting: (known[setting], setting))

    def diverged(self, setting):
        """Whether a run of a setting ended without a loss."""
        return any(run.outcome is not Outcome.OK for stage in ("race", "fresh") for run in self.of(stage, setting).values())

    def ended(self, setting):
        """How the runs of a setting ended that ended without a loss, as a `Verdict`."""
        outcomes = {run.outcome for stage in ("race", "fresh") for run in self.of(stage, setting).values()}
        return Verdict.NO_MEMORY if Outcome.OUT_OF_MEMORY in outcomes else Verdict.DIVERGED

    def lowest(self, setting):
        """The lowest loss of a setting at any mark."""
        return min((fmean(mark.half_a + mark.half_b) for stage in ("race", "fresh")
                    for run in self.of(stage, setting).values() for mark in run.marks), default=math.inf)

    def turned(self, setting):
        """Whether the losses of a setting in the race are long past their lowest, and higher than chance in the rows explains."""
        for run in self.of("race", setting).values():
            if run.marks and run.outcome is Outcome.OK:
                lowest, last = min(run.marks, key=lambda mark: fmean(mark.half_a + mark.half_b)), run.marks[-1]
                rise = two_way_interval([np.subtract(last.half_a + last.half_b, lowest.half_a + lowest.half_b)])
                return lowest.n_updates * _TURNED <= last.n_updates and rise[1] > 0
        return False

    def raced_difference(self, setting, seconds):
        """How much higher the loss of a setting is than the present one's in the race, `(mean, low, high)` over validation rows."""
        return two_way_interval([self._race_blocks(setting, seconds) - self._race_blocks(self.present, seconds)])

    def _race_blocks(self, setting, seconds):
        return next(np.array(self._kept(run, seconds, judge="half_b")) for run in self.of("race", setting).values())

    # by how much one leads

    def seeds(self, setting, seconds):
        """The fresh seeds with which both a setting and the present one have trained so long."""
        mine, theirs = self.of("fresh", setting), self.of("fresh", self.present)
        return sorted(seed for seed in mine if seed in theirs and all(run.outcome is Outcome.OK and self.reached(run, seconds)
                                                                      for run in (mine[seed], theirs[seed])))

    def lead(self, setting, seconds, margin):
        """The `Lead` of a setting after so many seconds, or `None` with fewer than two fresh seeds.

        The loss whose first reaching is timed is one margin above the higher of the two lowest, pair by pair of seeds: below that,
        on a curve that is flat, it would be chance.
        """
        seeds = self.seeds(setting, seconds)
        if len(seeds) < 2:
            return None
        mine, theirs = self.of("fresh", setting), self.of("fresh", self.present)
        blocks = [np.subtract(*(self._kept(runs[seed], seconds, judge="half_a") for runs in (mine, theirs))) for seed in seeds]
        difference, low, high = two_way_interval(blocks)
        logs = [self._log_sooner(mine[seed], theirs[seed], seconds, margin) for seed in seeds]
        mean, sooner_low, sooner_high = mean_interval(logs)
        half, (slower, faster) = (sooner_high - sooner_low) / 2, self._doubt(setting)
        return Lead(seconds=seconds, n_seeds=len(seeds), difference=difference, low=low, high=high, sooner=math.exp(mean),
                    sooner_low=math.exp(max(mean - math.hypot(half, slower), -50)),
                    sooner_high=math.exp(min(mean + math.hypot(half, faster), 50)))

    def surely_lower(self, setting, seconds):
        """Whether the loss of a setting is lower than the present one's after so many seconds, 95 % over fresh seeds and rows, also
        if it trains as much slower beside it as the clock's doubt allows."""
        mine, theirs = self.of("fresh", setting), self.of("fresh", self.present)
        less = seconds * math.exp(-self._doubt(setting)[0])
        seeds = [seed for seed in self.seeds(setting, seconds) if self.reached(mine[seed], less)]
        blocks = [np.subtract(self._kept(mine[seed], less, judge="half_a"), self._kept(theirs[seed], seconds, judge="half_a"))
                  for seed in seeds]
        return len(blocks) > 1 and two_way_interval(blocks)[2] < 0

    def _doubt(self, setting):
        """By how much, in logs, a setting may be slower (faster) beside the present one than the clock says.

        Its own timings may have been too fast and the present one's too slow, on a busy machine for one.
        """
        if setting.batch_size == self.present.batch_size:
            return 0.0, 0.0
        mine, theirs = self._clock(setting.batch_size), self._clock(self.present.batch_size)
        return (math.hypot(math.log(mine.high / mine.value), math.log(theirs.value / theirs.low)),
                math.hypot(math.log(mine.value / mine.low), math.log(theirs.high / theirs.value)))

    def judged(self, stage, setting, seconds, seeds=None):
        """Mean loss over the runs of a stage that have come so far, of some seeds alone, as a `Lead` judges them; `None` where none
        has."""
        losses = [fmean(self._kept(run, seconds, judge="half_a")) for seed, run in self.of(stage, setting).items()
                  if run.outcome is Outcome.OK and self.reached(run, seconds) and (seeds is None or seed in seeds)]
        return fmean(losses) if losses else None

    def metrics(self, stage, setting, seconds, seeds=None):
        """The compiled metrics beside that loss, where they were kept: at the mark of each run with the lowest loss so far."""
        kept = [min(self._marks(run, seconds), key=lambda mark: fmean(mark.half_a + mark.half_b)).metrics
                for seed, run in self.of(stage, setting).items()
                if run.outcome is Outcome.OK and self.reached(run, seconds) and (seeds is None or seed in seeds)]
        return tuple(map(fmean, zip(*kept, strict=True))) if kept and all(kept) else ()

    def reached(self, run, seconds):
        """Whether a run has trained so long, and was looked at by then: one begun when a race went on has its first mark later."""
        return bool(run.marks) and run.marks[0].n_updates <= self.updates(run.setting, seconds) <= run.n_updates

    def _log_sooner(self, mine, theirs, seconds, margin):
        """The log of how many times sooner one run has a loss that both have after so many seconds, or nearly have."""
        mine, theirs = (self._falling(run, seconds) for run in (mine, theirs))
        target = max(mine[-1][1], theirs[-1][1]) + margin
        return _log_seconds_to(theirs, target) - _log_seconds_to(mine, target)

    def _falling(self, run, seconds):
        """`(seconds, lowest loss so far)` at each mark up to a level, on the half that had no part in finding who is ahead."""
        marks = self._marks(run, seconds)
        lowest = accumulate((fmean(mark.half_a) for mark in marks), min)
        return [(self.seconds_of(run.setting, mark.n_updates), loss) for mark, loss in zip(marks, lowest, strict=True)]

    def _kept(self, run, seconds, *, judge):
        """The blocks of one half at the mark that early stopping by the other half would have kept."""
        other = "half_a" if judge == "half_b" else "half_b"
        return getattr(min(self._marks(run, seconds), key=lambda mark: fmean(getattr(mark, other))), judge)

    def _marks(self, run, seconds):
        most = self.updates(run.setting, seconds)
        return [mark for mark in run.marks if mark.n_updates <= most]


def _log_seconds_to(falling, target):
    """The log of the seconds after which losses that only fall reach a target, as the last one does: a line between marks."""
    before = None
    for seconds, loss in falling:
        if loss <= target:
            if before is None or before[1] <= loss:
                return math.log(seconds)
            share = (before[1] - target) / (before[1] - loss)
            return math.log(before[0]) + share * math.log(seconds / before[0])
        before = (seconds, loss)
    raise ValueError("the last loss must be at the target or below it")
