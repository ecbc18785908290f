"""Whether the verdicts of a plan follow from its differences, and its words from the verdicts."""

import math
import re

from rules.agreement_words import (
    COUNT,
    FIGURE,
    SIZE,
    TIME,
    alike,
    apart,
    arm_named,
    changes,
    chosen_arm,
    figure,
    figures,
    in_bytes,
    named_in,
    present_arm,
    seconds,
    whole,
)

from epochal.records import Arm, Evidence, Plan, Verdict

_UNCOMPARED = (Verdict.DIVERGED, Verdict.NO_MEMORY, Verdict.REFERENCE, Verdict.UNDECIDED)
_BAD = (Verdict.WORSE, Verdict.DIVERGED, Verdict.NO_MEMORY)
_EQUAL = (Verdict.NOT_WORSE, Verdict.BETTER)
_WORTH = 0.9  # of the cost: a change must save a tenth


def verdicts(plan: Plan):
    """Every verdict follows from its interval and the margin, and the headline's words from the verdicts."""
    references = [arm for arm in plan.arms if arm.verdict is Verdict.REFERENCE]
    if len(references) > 1:
        yield f"there are {len(references)} reference settings"
    for arm in plan.arms:
        if arm.difference is None or arm.low is None or arm.high is None:
            if arm.verdict not in _UNCOMPARED:
                yield f"{arm.setting} is called {arm.verdict.value}, and there is no difference"
            continue
        if not arm.low <= arm.difference <= arm.high:
            yield f"{arm.setting}: the difference {arm.difference:+.2g} is not within {arm.low:+.2g} to {arm.high:+.2g}"
        if arm.verdict is Verdict.REFERENCE:
            if arm.difference != 0:
                yield f"the reference {arm.setting} differs from itself by {arm.difference:+.2g}"
        elif arm.verdict not in (right := _by_interval(plan, arm)):
            yield (f"{arm.setting} is called {arm.verdict.value}, and {arm.low:+.2g} to {arm.high:+.2g} with the margin "
                   f"{plan.margin:.2g} says {' or '.join(verdict.value for verdict in right)}")
    yield from _words(plan)


def _by_interval(plan, arm):
    """What an interval allows: of several settings that were trained to the end one may lie below 0 by chance."""
    if arm.raced is not None and arm.n_seeds == 1:
        return (Verdict.UNDECIDED,)
    if arm.high < 0:
        return (Verdict.BETTER,) if arm.raced is not None else (Verdict.BETTER, Verdict.NOT_WORSE)
    if arm.high < plan.margin:
        return (Verdict.NOT_WORSE,)
    return (Verdict.WORSE,) if arm.low > 0 else (Verdict.UNDECIDED,)


def _words(plan):
    """What the headline says of quality."""
    said, present, chosen = plan.headline, present_arm(plan), chosen_arm(plan)
    if " diverges" in said and (present is None or present.verdict is not Verdict.DIVERGED):
        yield f"the headline says that the present setting diverges, and the table {present and present.verdict.value!r}"
    told = " diverges" in said or said.endswith(" does not.")  # of a target
    if present is not None and present.verdict is Verdict.DIVERGED and not told:
        yield f"the present setting diverges, which the headline does not say: {said!r}"
    for arm in (arm_named(plan, named) for named in named_in(re.sub(r"\(nearest: .*?\)", "", said))):
        behind = "was ahead at first, and is behind" in said and arm is not None and arm.verdict is Verdict.WORSE
        if arm is not None and not arm.present and arm is not chosen and arm.verdict in _BAD and not behind:
            yield f"the headline names {arm.setting}, which is called {arm.verdict.value}: {said!r}"
    if not changes(plan) or chosen is None or present is None or not whole(plan):
        return
    aimed = "with every seed" in said and not said.startswith("No setting reached")
    if not aimed and chosen.verdict in (Verdict.WORSE, Verdict.UNDECIDED):
        yield f"{chosen.setting} is recommended, and called {chosen.verdict.value}"
    no_worse = present.verdict is Verdict.REFERENCE or chosen.verdict is Verdict.REFERENCE
    for words in (said, plan.batch_size.because):
        if re.search(rf"no worse than {plan.evidence.whose}\b", words) and not (
                no_worse and chosen.verdict in (*_EQUAL, Verdict.REFERENCE)):
            yield f"{words!r}, and the table calls it {chosen.verdict.value}, and the present one {present.verdict.value}"
        if f"shown better than {plan.evidence.whose}" in words and present.verdict is not Verdict.DIVERGED and not (
                chosen.verdict is Verdict.REFERENCE and present.low is not None and present.low > 0):
            yield f"{words!r}, and the present one's difference from it is {present.low} to {present.high}"
    worse = figures(rf"has ({FIGURE}) (?:more|less) validation", said)
    if worse is not None:
        if present.verdict is not Verdict.WORSE:
            yield f"the headline says that the present setting is worse than the best one, and the table {present.verdict.value!r}"
        if present.difference is None or not alike(worse[0], abs(present.difference), 2):
            yield f"the headline says {worse[0]:g} more loss, and the table {present.difference}"


def quoted(plan: Plan):
    """Differences, margins, seeds and times that sentences quote are the arms'."""
    tried = re.search(r"(?:\bor try|\): )(batch size .*)", plan.headline) or re.search(r"\bor try (.*)", plan.headline)
    places = [(plan.headline, chosen_arm(plan) if tried is None else arm_named(plan, named_in(tried[1])[0])),
              (plan.batch_size.because, chosen_arm(plan)), (plan.batch_size.details, chosen_arm(plan))]
    yield from _another_metric(plan)
    places += [(sentence, arm_named(plan, (named_in(sentence) or [(0, 0.0)])[0])) for sentence in plan.unresolved]
    places = [(text, arm) for text, arm in places if not text.startswith("whether it is as good on other rows")]  # of test rows
    for text, arm in places:
        yield from _difference(plan, text, arm)
    yield from _because(plan)
    for text in (plan.batch_size.because, plan.batch_size.details, *plan.unresolved, plan.binding):
        yield from _derived(plan, text)
    if plan.leads:
        yield from _leads(plan)


def _another_metric(plan):
    """Where another metric speaks for another setting, its values are those of the table."""
    task, chosen = plan.evidence.task, chosen_arm(plan)
    for sentence in plan.unresolved:
        other = re.search(rf"has the better ([\w ]+), ({FIGURE}) beside ({FIGURE});", sentence)
        arm = None if other is None else arm_named(plan, named_in(sentence)[0])
        if other is None or task is None or chosen is None or arm is None or arm.n_seeds != chosen.n_seeds:
            continue
        shown = [task.beside(one.quality, one.metrics).get(other[1]) for one in (arm, chosen)]
        if None not in shown and not all(map(alike, map(figure, other.groups()[1:]), shown, (4, 4))):
            yield f"{sentence!r}, and in the table it is {shown}"


def _difference(plan, text, arm: Arm | None):
    said = re.search(rf"difference (?:in [\w ]+? )?({FIGURE})(?: \(({FIGURE}) to ({FIGURE})\))?", text)
    if said is not None:
        shown = [figure(one) for one in said.groups() if one is not None]
        true = () if arm is None or arm.difference is None else apart(plan, arm)
        if not true or not all(alike(a, b, 2) for a, b in zip(shown, true, strict=False)):
            yield f"{text!r}, and the table's difference is {arm and arm.difference} ({arm and arm.low} to {arm and arm.high})"
    margin = figures(rf"margin ({FIGURE})\b", text)
    if margin is not None and not alike(margin[0], plan.margin):
        yield f"{text!r}, and the margin is {plan.margin:g}"
    seeds = figures(rf"\b({COUNT}) seeds?\b", text) if said is not None else None
    if seeds is not None and arm is not None and seeds[0] != arm.n_seeds:
        yield f"{text!r}, and the arm is of {arm.n_seeds} seeds"


def _because(plan):
    chosen, said = chosen_arm(plan), plan.batch_size.because
    took = re.search(rf"reaches .*? in ({TIME}), without", said)
    if took is not None and (chosen is None or not alike(seconds(took[1]), chosen.seconds)):
        yield f"{said!r}, and the table has {chosen and chosen.seconds} s"
    others = [arm for arm in plan.arms if arm is not chosen and arm.verdict not in (Verdict.DIVERGED, Verdict.NO_MEMORY)]
    if "the only setting that did not diverge" in said and others:
        yield f"{said!r}, and {others[0].setting} did not diverge"
    if "no time to test others" in plan.learning_rate.because and plan.evidence.present is not None and (
            plan.learning_rate.value != plan.evidence.present.learning_rate):
        yield f"{plan.learning_rate.because!r}, and the rate is another than the present one"
    tried = re.search(rf"the best of ({COUNT}) rates? tried at batch size ({COUNT})", plan.learning_rate.because)
    if tried is not None:
        rates = {curve.setting.learning_rate for curve in plan.evidence.allowed().of("screen")
                 if curve.setting.batch_size == figure(tried[2])}
        if len(rates) != figure(tried[1]) or figure(tried[2]) != plan.batch_size.value:
            yield f"{plan.learning_rate.because!r}, and {len(rates)} were tried; the batch size is {plan.batch_size.value}"
    tried = figures(rf"\(({COUNT}) tried\)|none of ({COUNT}) other settings", plan.headline)
    if tried is not None and tried[0] != len(plan.arms) - 1:
        yield f"{plan.headline!r}, and {len(plan.arms) - 1} other settings are in the table"
    needs = re.search(rf"needs ({SIZE}) for an update beside ({SIZE})", plan.headline)
    present = present_arm(plan)
    for said, arm in zip(needs.groups() if needs else (), (chosen, present), strict=False):
        if arm is None or not alike(in_bytes(said), arm.peak_bytes):
            yield f"{plan.headline!r}, and the arm needs {arm and arm.peak_bytes} bytes"
    if needs is not None and in_bytes(needs[1]) >= in_bytes(needs[2]):
        yield f"{plan.headline!r}, which is no less memory"
    share = figures(rf"with ({FIGURE}) times the examples", plan.headline)
    if share is not None and share[0] >= 1:
        yield f"the headline recommends {share[0]:g} times the examples to who is to need few"


_PLACES = {"critical_batch": ", the critical batch size", "throughput": "(?:$| a step takes)"}  # after a value, in `binding`


def _derived(plan, text):
    """Estimates that are quoted are known, and are the readings'."""
    known = Evidence(readings=(*plan.evidence.readings, *plan.derived))
    names = {"critical batch size": "critical_batch", "hardware batch size": "throughput", "B_crit": "critical_batch",
             "B_hw": "throughput", "estimated fastest batch size": "time_optimal_batch"}
    for words, name in names.items():
        reading = known.get(name)
        values = re.findall(rf"{words}(?: of | \(|: | )(about |at least )({FIGURE})", text)
        values += [("", value) for value in re.findall(rf"{words}:? ({FIGURE}) \(", text)]
        values += re.findall(rf"(about |at least )({FIGURE}) examples?{_PLACES.get(name, '(?!.)')}", text)
        for kind, value in values:
            wanted = None if reading is None else reading.low if kind == "at least " else reading.value
            if not alike(figure(value), wanted):
                yield f"{text!r}, and the {words} is {wanted}"
        spans = re.findall(rf"{words}(?::? {FIGURE} \(|: only its order of magnitude is known, )({FIGURE}) to ({FIGURE})", text)
        for span in spans:
            if reading is None or not all(map(alike, map(figure, span), (reading.low, reading.high))):
                yield f"{text!r}, and the {words} is {reading and reading.low} to {reading and reading.high}"


def _leads(plan):
    """The last lead is what the one ahead and the headline say."""
    last = plan.leads[-1]
    arm = next((arm for arm in plan.arms if not arm.present and arm.n_seeds == last.n_seeds and arm.difference == last.difference),
               None)
    if arm is None or (arm.low, arm.high) != (last.low, last.high) or arm.raced != last.seconds:
        yield f"the last lead is {last.difference:+.2g} after {last.seconds:g} s, which is no arm's difference"
    for text in (plan.headline, plan.batch_size.because):
        times = figures(rf"({FIGURE}) times sooner", text)
        if times is not None and not alike(times[0], last.sooner):
            yield f"{text!r}, and the last lead is {last.sooner:.3g} times"
        lower = figures(rf"(?:lower|higher|by) (?:by )?({FIGURE}) \(({FIGURE}) to ({FIGURE})\)", text)
        if lower is not None and not all(map(alike, lower, (-last.difference, -last.high, -last.low))):
            yield f"{text!r}, and the last lead is {last.difference:+.2g} ({last.low:+.2g} to {last.high:+.2g})"


def said_of_all(plan: Plan):
    """Where the headline says that no setting was shown to be so, none was, unless it is named as undecided."""
    said, present = plan.headline, present_arm(plan)
    if plan.leads and re.search(r"no setting (trains|was shown to train) faster", said) and plan.leads[-1].sooner_low > 1 / _WORTH:
        last = plan.leads[-1]
        yield f"{said!r}, and the last lead is {last.sooner:.3g} ({last.sooner_low:.3g} to {last.sooner_high:.3g}) times sooner"
    if present is None or not whole(plan) or ", all together; " in said:  # shown of each by itself, and not of all
        return
    named = [setting for sentence in plan.unresolved for setting in named_in(sentence)]
    several = any("other setting" in sentence for sentence in plan.unresolved)
    for arm in plan.arms:
        if arm.present or several or arm in [arm_named(plan, one) for one in named]:
            continue
        equal, less = arm.verdict in _EQUAL, -(arm.difference or 0.0)
        faster = (arm.seconds_high or math.inf) < _WORTH * (present.seconds_low or 0.0)
        told = any("quality matters more" in sentence for sentence in plan.unresolved)  # of the best of those
        better = arm.verdict is Verdict.BETTER and less >= plan.margin
        if said.startswith("Keep ") and "for now" not in said and better and not told:
            yield f"{said!r}, and {arm.setting} is called better, by {less:.2g}"
        if re.search("(the other setting was not|other settings was) shown better", said) and arm.high is not None and arm.high < 0:
            yield f"{said!r}, and {arm.setting} differs by {arm.low:+.2g} to {arm.high:+.2g}"
        there = "no other setting was shown to be there sooner" in said  # whoever reaches it is as good
        if faster and (there or ("shown to be as good and faster" in said and equal)):
            how = "arrives" if there else "is not worse"
            yield (f"{said!r}, and {arm.setting} {how} and takes {arm.seconds:.3g} s (to {arm.seconds_high:.3g}) beside "
                   f"{present.seconds:.3g} s (from {present.seconds_low:.3g})")
        if "shown to be as good and need less memory" in said and equal and arm.setting.batch_size < present.setting.batch_size:
            yield f"{said!r}, and {arm.setting} is not worse and has the smaller batch"
        if "worse than" in said and ", and needs " in said and equal and arm.setting.batch_size < plan.batch_size.value:
            yield f"{said!r}, and {arm.setting} is not worse and has the smaller batch"
