"""From a race to a plan, and from the machine alone to a first one: where no setting could be trained to the end."""

import math
from dataclasses import replace
from typing import Any

from ...base.errors import MeasurementFailed
from ...base.text import capital, counted, difference, duration, number, quantity
from ...records import Arm, Choice, Outcome, Plan, Verdict
from ..margin import without_learning
from ..race.judge import Why, judge, levels_of
from ..race.standings import Standings
from ..race.start import sizes
from ..scaling import steps_per_epoch
from .choices import choose_predict_batch_size, epochs_within, stopping_for
from .faster import faster_back_end, faster_fit
from .limits import ceilings
from .propose import MOST_EPOCHS, first_epochs, patience_for, stretch

_PATIENCE = 5            # epochs without improvement, at least: where no curve has turned, early stopping ends the training
_PATIENT_UPDATES = 150   # without improvement: on few rows a curve may be flat for many epochs before it falls
_WORTH_TELLING = 1.1


def decide_race(evidence, goal, clock):
    """The `Plan` from the runs of a race, or where there are none, from what the machine told.

    Raises:
        MeasurementFailed: not even a step was timed, or every setting diverged.
    """
    if not clock.steps:
        raise MeasurementFailed("Cannot recommend anything: the time of a training step was not measured. Allow a longer budget.")
    if not any(run.marks for run in evidence.runs):
        if evidence.runs:
            raise MeasurementFailed("Cannot recommend: every setting diverged. Check the data's scale, or lower the learning rate.")
        return _plan(evidence, goal, clock, None, None)
    standings = Standings(evidence, clock.full_step)
    if all(map(standings.diverged, standings.racers())):
        raise MeasurementFailed("Cannot recommend: every setting diverged. Check the data's scale, or lower the learning rate.")
    judged = judge(standings, without_learning(evidence))
    if goal in ("frugal", "smallest") and judged.why is not Why.DIVERGES:
        judged = judged._replace(change=False, why=Why.OTHER_GOAL)
    if goal == "best" and judged.why is Why.AS_GOOD_SOONER:
        judged = judged._replace(change=False, why=Why.UNDECIDED)
    most = evidence.most_epochs
    if judged.change and judged.leads and most and _as_far(clock, evidence.present, judged, most)[2] > most:
        judged = judged._replace(change=False, why=Why.EPOCHS)
    return _plan(evidence, goal, clock, standings, judged)


def _as_far(clock, present, judged, epochs):
    """The epochs of the one ahead that get as far as so many of the present setting: expected, least, most."""
    last = judged.leads[-1]
    theirs, mine = (_epochs_of(clock, setting, 1).training.value for setting in (present, judged.ahead))
    return tuple(epochs * theirs / mine / sooner for sooner in (last.sooner, last.sooner_high, last.sooner_low))


def _plan(evidence, goal, clock, standings, judged):
    present = evidence.present
    chosen = judged.ahead if judged is not None and judged.change else present
    arms = () if standings is None else tuple(_arm(s, standings, judged) for s in sorted(standings.racers()))
    told = _Told(evidence, goal, clock, standings, judged, chosen)
    size, rate, patience, times = chosen.batch_size, chosen.learning_rate, told.patience, told.times
    seconds = _epochs_of(clock, chosen, min(times[0], told.within))
    return Plan(
        goal=goal, batch_size=Choice(value=size, low=size, high=size, because=told.why_size()),
        learning_rate=Choice(value=rate, low=rate, high=rate, because=told.why_rate()),
        epochs=told.epochs(),
        predict_batch_size=choose_predict_batch_size(evidence, chosen), stopping=stopping_for(evidence.task, patience),
        headline=told.headline(), binding=told.binding(), on_test="", unresolved=tuple(told.unresolved()),
        margin=judged.margin if judged else 0.0, arms=arms, derived=(), evidence=evidence, leads=judged.leads if judged else (),
        seconds=seconds, switches=faster_fit(evidence, size, seconds),
        back_end=faster_back_end(evidence, size, seconds) or "",
        present_seconds=_epochs_of(clock, present, evidence.present_epochs or 1),
        ceilings=ceilings(evidence, None, told.binding()))


def _epochs_of(clock, setting, n_epochs):
    return clock.seconds(setting, n_epochs * steps_per_epoch(clock.n_train, min(setting.batch_size, clock.n_train)))


def _arm(setting, standings, judged):
    """A setting as far as it came, against the present one after equal seconds: by fresh seeds where there are any."""
    is_present = setting == standings.present
    shared: dict[str, Any] = {"setting": setting, "present": is_present, "epochs": None}
    nothing: dict[str, Any] = {"difference": None, "low": None, "high": None}
    leads = judged.leads if setting == judged.ahead or is_present else ()
    if leads:
        last, step = leads[-1], standings.seconds_of(setting, 1)
        pairs = standings.seeds(judged.ahead, last.seconds)
        shared |= {"raced": last.seconds, "quality": standings.judged("fresh", setting, last.seconds, pairs),
                   "metrics": standings.metrics("fresh", setting, last.seconds, pairs)}
        took = [last.seconds] * 3 if is_present else [last.seconds / r for r in (last.sooner, last.sooner_high, last.sooner_low)]
        timed = dict(zip(("seconds", "seconds_low", "seconds_high"), took, strict=True))
        timed |= dict(zip(("steps", "steps_low", "steps_high"), (seconds / step for seconds in took), strict=True))
        if is_present:
            return Arm(**shared, n_seeds=last.n_seeds, verdict=Verdict.REFERENCE, **timed, **nothing)
        verdict = (Verdict.BETTER if last.high < 0 else Verdict.NOT_WORSE if last.high < judged.margin
                   else Verdict.WORSE if last.low > 0 else Verdict.UNDECIDED)
        return Arm(**shared, n_seeds=last.n_seeds, difference=last.difference, low=last.low, high=last.high, verdict=verdict,
                   **(timed if last.sooner >= 1 else {}))
    if standings.diverged(setting):
        return Arm(**shared, n_seeds=1, quality=None, verdict=standings.ended(setting), **nothing)
    both = [s for s in levels_of(standings) if None not in (standings.raced(setting, s), standings.raced(standings.present, s))]
    reference = Verdict.REFERENCE if is_present else Verdict.UNDECIDED
    if not both:
        return Arm(**shared, n_seeds=1, quality=None, verdict=reference, **nothing)
    shared |= {"raced": both[-1], "quality": standings.raced(setting, both[-1]),
               "metrics": standings.metrics("race", setting, both[-1])}
    if is_present or standings.diverged(standings.present):
        return Arm(**shared, n_seeds=1, verdict=reference, **nothing)
    mean, low, high = standings.raced_difference(setting, both[-1])
    if judged.leads and judged.leads[-1].seconds == both[-1]:  # beside the present one, whose fresh seeds had other luck
        pairs = standings.seeds(judged.ahead, both[-1])
        beside = standings.judged("fresh", standings.present, both[-1], pairs) + mean
        shared["quality"] = beside if beside > 0 or shared["quality"] < 0 else shared["quality"]  # a loss has no other sign
    return Arm(**shared, n_seeds=1, difference=mean, low=low, high=high, verdict=reference)


class _Told:
    """What a race, or the machine alone, lets one say."""

    def __init__(self, evidence, goal, clock, standings, judged, chosen):
        self.goal, self.evidence, self.clock = goal, evidence, clock
        self.standings, self.judged, self.chosen = standings, judged, chosen
        self.present, self.n_train, self.task = evidence.present, clock.n_train, evidence.task
        patience = min(patience_for(MOST_EPOCHS), max(_PATIENCE, math.ceil(_PATIENT_UPDATES / self._an_epoch())))
        self.patience = round(patience * stretch(chosen.batch_size, evidence.present.batch_size))  # an epoch has fewer updates
        self.whose = evidence.whose
        self.times = self._times()
        self.within = epochs_within(evidence, clock, replace(chosen, batch_size=min(chosen.batch_size, clock.n_train)))
        self.yours = f"{self.whose} ({number(self.present.batch_size)} at {number(self.present.learning_rate)})"

    def headline(self):
        judged, keep = self.judged, f"Keep {self.whose} ({self.present})"
        if judged is None:
            return f"{keep} for now: there was no time to compare trainings (raise `--budget`); {self._machine()}."
        if judged.why is Why.DIVERGES:
            ends = "finds no memory" if self.standings.ended(self.present) is Verdict.NO_MEMORY else "diverges"
            return f"{capital(self.whose)} {ends} ({self.present}). Use {judged.ahead}."
        if judged.change:
            last = judged.leads[-1]
            if last.sooner < _WORTH_TELLING:
                return (f"Use {judged.ahead}: after {quantity('s', last.seconds)} of training each, its {self.task.judged_in} is "
                        f"{self.task.side} that of {self.yours} by {self._lower(last)}.")
            mine, theirs = quantity("s", last.seconds / last.sooner), quantity("s", last.seconds)
            return (f"Use {judged.ahead}: as good after {mine} of training as {self.yours} after {theirs}, {number(last.sooner)} "
                    f"times sooner.{self._whole_training()}")
        if nothing := self._nothing_learnt():
            return f"Keep {self.whose} for now ({self.present}): {nothing}."
        last = judged.leads[-1] if judged.leads else None
        undecided = judged.why is Why.UNDECIDED
        if undecided and last is not None and last.difference <= judged.margin and last.sooner_low > _WORTH_TELLING:
            other = f"{number(judged.ahead.batch_size)} at {number(judged.ahead.learning_rate)}"
            return (f"Keep {self.yours}, or try {other}: the same {self.evidence.decides} {number(last.sooner)} times sooner so "
                    f"far; whether that lasts is not shown (difference {self._apart(last)}).")
        return f"{keep}: " + {
            Why.NOBODY: "no other setting could be trained in this time; raise `--budget`.",
            Why.ONE_SEED: f"{judged.ahead} is ahead so far, with one seed; a longer `--budget` repeats it.",
            Why.OTHER_GOAL: f"a race tells of time and {self.task.decides}, and not what is {self.goal}; raise `--budget` for "
                            "whole trainings.",
            Why.NOT_AHEAD: f"no setting is ahead so far, with one seed ({len(self.standings.racers()) - 1} tried).",
            Why.UNDECIDED: f"no setting was shown to be as good and faster ({len(self.standings.racers()) - 1} tried).",
            Why.WORSE: self._behind(last),
            Why.ONE_LEVEL: f"{judged.ahead} is ahead so far, but at one length of training only, and {self._early()} helps most at "
                           "first; a longer `--budget` tells whether the lead holds.",
            Why.EPOCHS: f"{judged.ahead} trains faster, but may take more than your {self.evidence.present_epochs} epochs to get "
                        "as far, and these are fixed.",
            Why.SHRINKING: f"{judged.ahead} was ahead at first, but its lead shrinks with longer training.",
        }[judged.why]

    def _behind(self, last):
        """That the one ahead at first is behind in the end."""
        if last is None:
            return f"no setting trains faster ({len(self.standings.racers()) - 1} tried)."
        return (f"{self.judged.ahead} was ahead at first, and is behind after {quantity('s', last.seconds)} (difference "
                f"{self._apart(last)}).")

    def _lower(self, lead):
        """By how much a lead is better, with its interval."""
        return f"{number(-lead.difference)} ({number(-lead.high)} to {number(-lead.low)})"

    def _apart(self, lead):
        """The difference of a lead, with its interval, in what decides."""
        return difference(*self.task.apart(lead.difference, lead.low, lead.high))

    def _early(self):
        """What may make a setting lead at first alone."""
        ahead = self.judged.ahead
        return "a smaller batch" if ahead and ahead.batch_size < self.present.batch_size else "a higher learning rate"

    def why_size(self):
        judged = self.judged
        if "batch_size" in self.evidence.fixed:
            return f"{self.whose}; fixed"
        if judged is None or judged.ahead is None or not judged.change:
            nothing = "nothing was compared yet" if judged is None else "no other setting was shown to be worth a change"
            return f"{self.whose}; {nothing}"
        if not judged.leads:
            return f"{self.whose} diverges"
        last = judged.leads[-1]
        after = f"after {quantity('s', last.seconds)} of training each"
        if judged.why is Why.BETTER:
            return f"{after}, its {self.task.judged_in} is {self.task.best[1]} by {self._lower(last)}"
        apart = self.task.apart(last.difference, last.low, last.high)[0]
        return (f"no worse than {self.whose} {after} (difference {apart:+.2g}, margin {number(judged.margin)}), and "
                f"{number(last.sooner)} times sooner there")

    def why_rate(self):
        if "learning_rate" in self.evidence.fixed:
            return f"{self.whose}; fixed"
        if self.standings is None:
            return f"{self.whose}; nothing was compared yet"
        size = self.chosen.batch_size
        rates = sorted({setting.learning_rate for setting in self.standings.racers() if setting.batch_size == size})
        edge = "; none higher was tried, and one may be better still" if self.chosen.learning_rate == rates[-1] else ""
        return (f"the best of {', '.join(map(number, rates))} at batch size {number(size)}{edge}"
                if self.judged.change and len(rates) > 1
                else self.whose if not self.judged.change else "the only one tried at this batch size")

    def epochs(self):
        """As many as now, where these were said, and more where the chosen setting may need them to get as far; else as many as
        early stopping allows. Never fewer than now: a lead over the beginning may shrink."""
        seen, now = self._epochs_seen(), self.evidence.present_epochs
        trained = f"{number(seen)} epochs were tried at most" if seen else "nothing was trained"
        stops = f"EarlyStopping(patience={self.patience}, restore_best_weights=True) ends the training"
        if now is None:
            most = first_epochs(self.chosen.batch_size, self.n_train)
            return Choice(value=most, low=1, high=most, because=f"a guess: {trained}. {stops}")
        expected, least, most = self.times
        if self.evidence.most_epochs:
            return Choice(value=now, low=1, high=now, because=f"yours; fixed; {trained}. {stops} sooner")
        value, why = max(now, math.ceil(most - 1e-6)), "as many as now"
        if self.chosen != self.present and self.judged.leads:
            after, sooner = f"{number(expected)} ({number(least)} to {number(most)})", self.judged.leads[-1].sooner
            why = f"at most; as good as {self.whose} in {now} after about {after}, if it stays {number(sooner)} times sooner"
        return Choice(value=value, low=min(value, max(1, round(least))), high=value, because=f"{why}; {trained}. {stops} sooner")

    def _times(self):
        """Epochs of the chosen setting that get as far as those that the present one is trained for now, or as one, with their
        interval."""
        now = self.evidence.present_epochs or 1
        if self.evidence.present_epochs is None or self.chosen == self.present or not self.judged.leads:
            return now, now, now
        return _as_far(self.clock, self.present, self.judged, now)

    def _whole_training(self):
        """What a whole training takes now and then, in a sentence, where it is known how long it is now."""
        if (now := self.evidence.present_epochs) is None:
            return ""
        if self.within < self.times[0]:  # the time that a training may take ends it before
            return ""
        theirs, mine = (duration(_epochs_of(self.clock, setting, n).total.value)
                        for setting, n in ((self.present, now), (self.chosen, self.times[0])))
        return f" Your {counted(now, 'epoch')} take about {theirs}; if that lead lasts, about {mine} are as good."

    def binding(self):
        if "batch_size" in self.evidence.fixed:
            return "you: the batch size is fixed"
        memory = self.evidence.get("memory")
        if memory is not None and memory.outcome is Outcome.OK and memory.value < min(self.n_train, 16 * self.chosen.batch_size):
            return f"memory: there is room for at most {counted(int(memory.value), 'example')}"
        fastest, gain = self._fastest_rows()
        if gain < _WORTH_TELLING:
            return "machine: with a larger batch this machine gets through no more rows a second"
        if fastest <= self.chosen.batch_size:
            return "machine: with a still larger batch this machine gets through no more rows a second"
        return (f"not identified in this time; at batch size {number(fastest)} this machine gets through {number(gain)} times as "
                "many rows a second")

    def unresolved(self):
        judged = self.judged
        if judged is not None and judged.leads:
            epochs = judged.leads[-1].seconds / self.standings.seconds_of(self.present, self._an_epoch())
            yield (f"what comes later: only the first {number(epochs)} epochs of {self.whose} were compared; a longer `--budget` "
                   "looks further")
        if judged is not None and judged.why in (Why.UNDECIDED, Why.SHRINKING, Why.ONE_LEVEL, Why.ONE_SEED):
            last = judged.leads[-1] if judged.leads else None
            told = f" (difference {self._apart(last)})" if last else ""
            yield f"{judged.ahead} may train faster{told}"
        if self.evidence.until is not None:
            yield f"whether {self.evidence.until} is reached: only trainings to the end tell; raise `--budget`"
        if nothing := self._nothing_learnt():
            yield f"{'whether training helps' if self.evidence.task.trained_before else 'whether anything is learnt'}: {nothing}"
        if not self.evidence.most_epochs:
            turned = self.standings is not None and any(map(self.standings.turned, self.standings.racers()))
            yield ("the number of epochs: " + (
                f"the {self.task.judged_in} of some settings has turned in the race, and how it goes on is not followed" if turned
                else f"no training was long enough to see its {self.task.judged_in} get worse again"))
        for name, words in (("prediction", "the batch size of `predict`"), ("validation", "the time of validation"),
                            ("compilation", "the time of compilation")):
            if self.evidence.get(name) is None:
                yield f"{words}: {self.evidence.why_not(name).value}"

    def _nothing_learnt(self):
        """A sentence where no setting has come below what a constant answer reaches, or the model before; else nothing."""
        if self.standings is None:
            return ""
        least, without = min(map(self.standings.lowest, self.standings.racers())), without_learning(self.evidence)
        before, judged = self.evidence.get("untrained_loss").value, self.task.judged_in

        def shown(value):
            return number(self.task.as_judged(value))

        if self.evidence.task.trained_before and not math.isinf(least):
            return "" if least < before else (f"nothing is better than before training yet ({judged} {shown(least)} at "
                                              f"best, {shown(before)} before); try a lower learning rate, or raise `--budget`")
        if math.isinf(least) or least < without:
            return ""
        return (f"nothing was learnt yet ({judged} {shown(least)} at best, {shown(without)} without learning); scale the "
                "inputs, try another learning rate, or raise `--budget`")

    def _machine(self):
        """What the time of a step alone says."""
        if "batch_size" in self.evidence.fixed:
            return "other learning rates take trainings to compare"
        fastest, gain = self._fastest_rows()
        if gain < _WORTH_TELLING:
            return "with a larger batch this machine gets through no more rows a second"
        return (f"at batch size {number(fastest)} this machine gets through {number(gain)} times as many rows a second, so a "
                f"training may take as little as 1/{number(gain)} of the time")

    def _fastest_rows(self):
        """The batch size with the most rows a second of those that would be raced, and how many times those of the present one."""
        def a_row(size):
            return self.clock.full_step(size).value / size

        memory, own = self.evidence.get("memory"), min(self.present.batch_size, self.n_train)
        fastest = min(sizes(own, self.n_train, None if memory is None else int(memory.value), a_row), key=a_row)
        return fastest, a_row(own) / a_row(fastest)

    def _an_epoch(self):
        return steps_per_epoch(self.n_train, min(self.present.batch_size, self.n_train))

    def _epochs_seen(self):
        return max((run.n_updates / steps_per_epoch(self.n_train, min(run.setting.batch_size, self.n_train))
                    for run in self.evidence.runs), default=0)
