"""Whether the statements of a finished plan agree with each other: the headline, the tables, the sentences, the code, the pictures
and the file.

What a statement means is taken from its words, and not from the rules that wrote it. Each check is a function of a plan that gives
a sentence for every pair of statements that contradict each other.
"""

import math
import re

from rules import agreement_figures, agreement_verdicts
from rules.agreement_faces import code, file_and_tables, in_pictures
from rules.agreement_words import (
    COUNT,
    FIGURE,
    alike,
    arm_named,
    changes,
    chosen_arm,
    chosen_setting,
    drawn,
    figure,
    is_setting,
    named_in,
    texts,
    whole,
)

from epochal.records import Plan, Verdict

_NO_NUMBER = re.compile(r"\b(nan|inf|None)\b|\b(about|at least|at most) 0(?![.\d])")
_OF_ROWS = ("of yours for validation", "on yours, so")  # said of the user's validation rows, and not of a setting
_WORSE = (Verdict.WORSE, Verdict.DIVERGED, Verdict.NO_MEMORY)
_AS_GOOD = (Verdict.NOT_WORSE, Verdict.EQUIVALENT, Verdict.BETTER, Verdict.REFERENCE)


def disagreements(plan: Plan) -> list[str]:
    """A sentence for every pair of statements of the plan that contradict each other; none where all agree."""
    return [f"({letter}) {sentence}" for letter, check in CHECKS.items() for sentence in check(plan)]


def headline(plan: Plan):
    """What the headline says to use is what the plan uses; what it keeps is the present setting."""
    present, said = plan.evidence.present, plan.headline
    used = re.search(rf"\bUse batch size {COUNT}, learning rate {FIGURE}", said)
    keeps = re.search(r"\bKeep (?!the weights)", said)
    if used is not None:
        size, rate = named_in(used[0])[0]
        if (size != plan.batch_size.value) or not alike(rate, plan.learning_rate.value):
            yield f"the headline says to use {size} at {rate:g}, and the plan {chosen_setting(plan)}"
        if not changes(plan):
            yield "the headline says to use another setting, and the plan has the present one"
    if changes(plan) and used is None:
        yield f"the plan changes to {chosen_setting(plan)}, and the headline says of it nothing: {said!r}"
    if keeps and changes(plan):
        yield f"the headline keeps the present setting, and the plan changes to {chosen_setting(plan)}"
    kept = named_in(said[keeps.start():]) if keeps else []
    if kept and present is not None and not is_setting(kept[0], present):
        yield f"the headline keeps {kept[0]}, and the present setting is {present}"
    tried = re.search(r"\bor try (.*)", said)
    if tried is not None:
        rival = arm_named(plan, named_in(tried[1])[0])
        if rival is None or rival is chosen_arm(plan):
            yield f"the headline says to try {named_in(tried[1])[0]}, which is no other setting that was compared"


def ranges(plan: Plan):
    """Every choice is within its range, which holds nothing that was shown worse; and what is fixed stays."""
    for name in plan.CHOICES:
        choice = getattr(plan, name)
        if not choice.low <= choice.value <= choice.high:
            yield f"{name} is {choice.value}, and its range {choice.low} to {choice.high}"
    size, rate = plan.batch_size, plan.learning_rate
    for arm in (arm for arm in plan.arms if arm.verdict in _WORSE and arm is not chosen_arm(plan)):
        mine, called = arm.setting.batch_size, f"holds that of {arm.setting}, which is called {arm.verdict.value}"
        same = [other for other in plan.arms if other.setting.batch_size == mine]
        if mine == size.value and rate.low <= arm.setting.learning_rate <= rate.high:
            yield f"the range of the learning rate {called}"
        if mine != size.value and size.low <= mine <= size.high and all(other.verdict in _WORSE for other in same):
            yield f"the range of the batch size {called}"
    known, present = plan.evidence, plan.evidence.present
    now = {"epochs": known.present_epochs} | ({} if present is None else {
        "batch_size": present.batch_size, "learning_rate": present.learning_rate})
    for name in known.fixed:
        cut = name == "epochs" and known.max_time is not None and plan.epochs.value < (now[name] or 0)
        if getattr(plan, name).value != now[name] and not cut:
            yield f"{name} is fixed at {now[name]}, and the plan has {getattr(plan, name).value}"


def limiting_factor(plan: Plan):
    """What limits the batch size against how larger batches did."""
    said, size = plan.binding, plan.batch_size.value
    larger = [arm for arm in plan.arms if arm.setting.batch_size > size]
    by_size = {arm.setting.batch_size: [] for arm in larger}
    for arm in larger:
        by_size[arm.setting.batch_size].append(arm)
    worse = [b for b, arms in by_size.items() if all(arm.verdict in _WORSE for arm in arms)]
    good = [str(arm.setting) for arm in larger if arm.verdict in _AS_GOOD]
    if said.startswith("quality"):
        if good:
            yield f"quality is said to limit the batch size, and {good[0]} was shown to be no worse"
        if not worse:
            yield "quality is said to limit the batch size, and no larger one was shown worse at every rate"
        if "every larger batch" in said and len(worse) < len(by_size):
            yield "every larger batch is said to be shown worse, and some are undecided"
    if said.startswith(("not known: no larger batch", "not known: the larger batches")) and (good or worse):
        yield "no larger batch is said to be decided, and some are"
    if not said.startswith(("quality", "rows", "you")) and by_size and len(worse) == len(by_size) and whole(plan):
        yield f"every larger batch that was compared was shown worse, and what limits the batch size is {said!r}"
    if said.startswith("you") != ("batch_size" in plan.evidence.fixed):
        yield f"{plan.evidence.fixed} is fixed, and what limits the batch size is {said!r}"
    memory = plan.evidence.get("memory")
    room = None if " takes more" in said else re.search(rf"room for at most ({COUNT}) example", said)
    if room is not None and (memory is None or figure(room[1]) != int(memory.value)):
        yield f"{said!r}, and the reading of memory is {memory and memory.value}"
    if room is not None and figure(room[1]) < min(size, plan.evidence.task.n_train if plan.evidence.task else math.inf):
        yield f"there is room for {room[1]} examples, and the batch size is {size}"
    rows = re.search(rf"one batch holds all ({COUNT}) training rows", said)
    if rows is not None and size < figure(rows[1]):
        yield f"one batch is said to hold all {rows[1]} rows, and the batch size is {size}"
    faster = re.search(rf"at batch size ({COUNT}) this machine gets through", said)
    if faster is not None and figure(faster[1]) <= size:
        yield f"more rows a second are promised at batch size {faster[1]}, and {size} is recommended already"


def undecided(plan: Plan):
    """What is called undecided is neither shown to be worse nor chosen already."""
    for sentence in plan.unresolved:
        by_another = " has the better " in sentence  # by a metric that does not decide
        for named in named_in(sentence):
            arm = arm_named(plan, named)
            if arm is None:
                yield f"{named} is undecided, and was not compared: {sentence!r}"
            elif arm.verdict in _WORSE and not (by_another and arm.verdict is Verdict.WORSE):
                yield f"{arm.setting} is undecided, and was shown {arm.verdict.value}: {sentence!r}"
            elif arm is chosen_arm(plan):
                yield f"{arm.setting} is undecided, and is chosen: {sentence!r}"
        unseen = re.match(rf"batch size ({COUNT}(?:, {COUNT})*): not compared", sentence)
        n_train = plan.evidence.task.n_train if plan.evidence.task else math.inf
        for size in () if unseen is None else map(figure, unseen[1].split(", ")):
            if any(min(arm.setting.batch_size, n_train) == size for arm in plan.arms):
                yield f"batch size {size:g} is said to be not compared, and is among the arms"
    if any("no training was long enough" in sentence for sentence in plan.unresolved):
        yield from agreement_figures.turned(plan)


def epochs(plan: Plan):
    """Where trainings of the chosen setting still improved at their last epoch, this is said, and of how many; and no training is
    longer than is allowed."""
    said, most = plan.epochs, plan.evidence.max_time
    curves = agreement_figures.curves_of(plan, chosen_setting(plan)) if whole(plan) else []
    cut = sum(curve.validation_loss.index(min(curve.validation_loss)) == curve.n_epochs - 1 for curve in curves if curve.n_epochs)
    told = re.search(r"(\d+) of (\d+) runs? still improved", said.because)
    if cut and told is None and "without that limit" not in said.because:
        yield f"{cut} of {len(curves)} trainings still improved at their last epoch, which is not said: {said.because!r}"
    if told is not None and (int(told[1]), int(told[2])) != (cut, len(curves)):
        yield f"{told[0]!r} at the last epoch, and it is {cut} of {len(curves)}"
    lowest = re.search(rf"is (?:lowest|highest) after epoch ({FIGURE}) \(({FIGURE}) to ({FIGURE}) over", said.details)
    arm = chosen_arm(plan)
    if lowest is not None and (arm is None or not alike(figure(lowest[1]), arm.epochs)):
        yield f"{lowest[0]!r}, and the arm's best epoch is {arm and arm.epochs}"
    for sentence in plan.unresolved:
        early = re.search(rf"is (?:lowest|highest) after ({FIGURE}) to ({FIGURE}),", sentence)
        if early is not None and lowest is not None and early.groups() != lowest.groups()[1:]:
            yield f"{sentence!r}, and the details {lowest[0]!r}"
    if plan.seconds is None:
        return
    if plan.seconds.n_epochs > said.value * (1 + 1e-9):
        yield f"a whole training is said to be of {plan.seconds.n_epochs:g} epochs, and at most {said.value} are allowed"
    if "as many as end within" in said.because and most is not None and plan.seconds.total.value > most * (1 + 1e-9):
        yield f"{said.because!r}, and a whole training takes {plan.seconds.total}"


def whose(plan: Plan):
    """The present setting is called yours where the user said so, and else the default."""
    wrong = re.compile(r"\b[Tt]he default\b" if plan.evidence.said else r"\b[Yy]ours\b")
    for where, text in texts(plan, drawn(plan)):
        for phrase in _OF_ROWS:
            text = text.replace(phrase, "")
        if found := wrong.search(text):
            yield f"{found[0]!r} in {where}, and it is {plan.evidence.whose}: {text!r}"


def numbers(plan: Plan):
    """No text holds a number that is none."""
    for where, text in texts(plan, drawn(plan)):
        if found := _NO_NUMBER.search(text):
            yield f"{found[0]!r} in {where}: {text!r}"


# a: what to use and to keep; b: ranges; c: verdicts; d: losses and differences; e: who reaches the target, and how much sooner;
# f: whole trainings; g: the code; h: what limits; i: what is undecided; j: epochs; k: pictures; l: file and tables; m: test rows;
# n: yours or the default; o: numbers that are none; p: what sentences quote; q: what is said of all other settings.
CHECKS = {"a": headline, "b": ranges, "c": agreement_verdicts.verdicts, "d": agreement_figures.qualities,
          "e": agreement_figures.target, "f": agreement_figures.whole_fit, "g": code, "h": limiting_factor, "i": undecided,
          "j": epochs, "k": in_pictures, "l": file_and_tables, "m": agreement_figures.test_rows, "n": whose, "o": numbers,
          "p": agreement_verdicts.quoted, "q": agreement_verdicts.said_of_all}
