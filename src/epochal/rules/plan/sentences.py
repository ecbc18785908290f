"""What the evidence says, in sentences: the headline, each reason, what limits the batch size, and what is undecided."""

from functools import partial

from ...base.text import capital, counted, difference, first_few, number, quantity
from ...records import Outcome, Reading, Verdict
from .context import (
    NO_WORSE,
    apart,
    is_cheaper,
    is_near,
    is_worse_on_test,
    not_compared,
    promising,
    share_of_examples,
    short,
    signed,
    would_pay,
)
from .folds import OWN_ROWS, are_unlike, n_folds_of, own_too
from .quality import Aim

_FEWEST_SEEDS = 3  # that show one better
_TOO_MANY = 20  # times as much to measure, to decide on a difference within the margin
_READ = ("memory", "throughput", "compilation", "validation", "prediction")  # the readings that the rules go by


def headline(c):
    """The answer in one sentence of at most two lines, what to use first, then what it gains; and that test rows speak against."""
    against = f" On the test rows its {c.decides} is worse." if c.chosen is not c.present and is_worse_on_test(c) else ""
    return _headline(c) + against


def _headline(c):
    if isinstance(c.target, Aim):
        return _reaches(c)
    if c.nothing:
        diverges = c.present.verdict is Verdict.DIVERGED and c.chosen is not c.present
        said = f"{capital(c.whose)} diverges ({short(c.present.setting)}). Use {c.chosen.setting}. " if diverges else ""
        return said + c.nothing
    missed = ""
    if c.evidence.until is not None:
        setting, value = c.nearest or (c.present.setting, None)
        came = "" if value is None else f" (nearest: {number(value)} on average, with {short(setting)})"
        missed = f"No setting reached {c.evidence.until} with every seed{came}. "
    return missed + _as_good(c)


def _reaches(c):
    """The headline where settings reach what they are to reach."""
    setting, yours = c.chosen.setting, f"{c.whose} ({short(c.present.setting)})"
    took = "" if c.chosen.seconds is None else f" after {quantity('s', c.chosen.seconds)} of training"
    if c.present.steps is None:
        return f"Use {setting}: it reaches {c.goal_words} with every seed{took}; {yours} does not."
    if c.chosen is c.present:
        better = {"fastest": "to be there sooner", "frugal": "to be there with fewer examples", "smallest": "to need less memory",
                  "best": "better"}[c.goal]
        return (f"Keep {c.whose} ({setting}): it reaches {c.goal_words} with every seed{took}, and no other setting "
                f"was shown {better}.")
    sooner = f", {_times(c.ratio)} than {yours}" if c.ratio else ""
    return f"Use {setting}: it reaches {c.goal_words} with every seed{took}{sooner}{_whole(c)}."


def _as_good(c):
    """The headline where settings are compared by their loss."""
    setting, yours = c.chosen.setting, f"{c.whose} ({short(c.present.setting)})"
    if c.present.verdict is Verdict.DIVERGED:
        return f"{capital(c.whose)} diverges ({short(c.present.setting)}). Use {setting}."
    rivals = [arm for arm in c.arms if arm is not c.present]
    if not rivals:
        return f"Keep {c.whose} ({setting}): no other setting could be compared in this time; raise `--budget`."
    if c.chosen is c.present and not_compared(c) and len({arm.setting.batch_size for arm in c.arms}) == 1:
        return f"Keep {c.whose} for now ({setting}): no other batch size could be compared in this time; raise `--budget`."
    if c.chosen is c.present and (rival := promising(c)) is not None:
        sooner, cheaper = number(c.present.seconds / rival.seconds), sum(map(partial(is_cheaper, c), rivals))
        doubt = "whether it ends as good is not shown"
        if rival.verdict in NO_WORSE:
            doubt = f"this may be chance, with {counted(cheaper, 'cheaper setting')} compared"
        return (f"Keep {yours}, or try {short(rival.setting)}: the same {c.decides} {sooner} times sooner; {doubt} (difference "
                f"{signed(c, rival)}).")
    if c.chosen is c.present and c.goal == "best":
        alone = [arm for arm in rivals if arm.high is not None and arm.high < 0]
        return f"Keep {c.whose} ({setting}): {_none_of(rivals)} shown better{_by_itself(alone)}."
    if c.chosen is c.present:
        cheaper = {"fastest": "faster", "frugal": "need fewer examples", "smallest": "need less memory"}[c.goal]
        size = c.present.setting.batch_size
        alone = [arm for arm in rivals if c.goal == "smallest" and arm.verdict in NO_WORSE and arm.setting.batch_size < size]
        return f"Keep {c.whose} ({setting}): {_none_of(rivals)} shown to be as good and {cheaper}{_by_itself(alone)}."
    if c.against is not c.present and c.present.verdict not in NO_WORSE:
        less = "less" if c.evidence.task.larger_is_better else "more"
        return f"Use {setting}: {yours} has {c.present.difference:.2g} {less} validation {c.decides} than the best one{_gain(c)}."
    if c.goal == "best":
        return f"Use {setting}: shown better than {yours}, though by less than the margin{_gain(c)}."
    if c.goal == "smallest":
        least = "the least memory"
        if c.chosen.peak_bytes and c.present.peak_bytes:
            least = f"{quantity('B', c.chosen.peak_bytes)} for an update beside {quantity('B', c.present.peak_bytes)}"
        return f"Use {setting}: no worse than {yours}, and needs {least}."
    if c.goal == "frugal" and (share := share_of_examples(c, c.chosen, c.present)) is not None:
        return f"Use {setting}: no worse than {yours}, and reaches the same {c.decides} with {number(share)} times the examples."
    return f"Use {setting}: no worse than {yours}{_gain(c)}."


def _none_of(rivals):
    """How many other settings were compared, as the beginning of what none of them was."""
    return "the other setting was not" if len(rivals) == 1 else f"none of {len(rivals)} other settings was"


def _by_itself(arms):
    """That a setting would be shown to be so, were it the only one compared, with more seeds than two."""
    if not arms:
        return ""
    best = min(arms, key=lambda arm: (arm.difference, arm.setting))
    few = "with more seeds" if best.n_seeds < _FEWEST_SEEDS else "by itself"
    return f", all together; {few} {short(best.setting)} might be"


def _gain(c):
    """What the chosen setting gains in time: to the same loss (or what decides), and for a whole training."""
    return (f", at the same {c.decides} {_times(c.ratio)}" if c.ratio else "") + _whole(c)


def _whole(c):
    """What a whole training takes, now and then."""
    if None in (c.seconds, c.present_seconds):
        return ""
    return f"; a whole `{c.evidence.fit}` takes {c.seconds.least}{c.seconds.total}, {c.whose} {c.present_seconds.total}"


def why_batch_size(c):
    """Why this batch size, in words."""
    parts = []
    if c.nothing and c.chosen is c.present:
        gained = "gained over before training" if c.evidence.task.trained_before else "learnt"
        parts.append(f"{c.whose}; nothing was {gained} with any")
    elif c.chosen.verdict in NO_WORSE:
        theirs = c.whose if c.against is c.present else short(c.against.setting)
        parts.append(f"no worse than {theirs} (difference {apart(c, c.chosen)[0]:+.2g}, margin {number(c.margin)})")
    elif c.chosen is c.against is c.present:
        fixed = "fixed" if "batch_size" in c.evidence.fixed else "no other setting was shown to be worth a change"
        parts.append(f"{c.whose}; {fixed}")
    elif c.chosen is c.against:
        parts.append(f"shown better than {c.whose}")
    if c.goal == "fastest" and c.chosen.seconds is not None:
        value = "" if isinstance(c.target, Aim) else f" of {number(c.evidence.task.as_judged(c.target))}"
        parts.append(f"reaches {c.goal_words}{value} after {quantity('s', c.chosen.seconds)} of training alone")
    if c.optimal.outcome is Outcome.OK and c.goal == "fastest":
        parts.append(f"estimated fastest batch size: {number(c.optimal.value)} ({number(c.optimal.low)} to "
                     f"{number(c.optimal.high)} within 10 % of the best time)")
    if not parts and isinstance(c.target, Aim):
        return f"reaches {c.goal_words} with every seed"
    return "; ".join(parts) or "the only setting that did not diverge"


def how_batch_size(c):
    """The intervals and the formula behind the batch size."""
    parts = []
    if c.chosen.verdict in NO_WORSE:
        n_folds, seeds = n_folds_of(c.evidence), counted(c.chosen.n_seeds, "seed")
        own = "a fifth of the training rows and of yours for validation"
        folds = f"cross-validated over {n_folds} folds of training and validation rows"
        of_rows = f"{own} in turn" if own_too(c.evidence) else folds
        in_turn = f", {of_rows}" if n_folds > 1 else ""
        parts.append(f"difference in validation {c.decides} {signed(c, c.chosen)}, 95 % over {seeds} and the validation "
                     f"rows{in_turn}")
    if c.ratio:
        value, low, high = c.ratio
        parts.append(f"time to the target: {c.whose} over this one {number(value)} ({number(low)} to {number(high)})")
    if c.optimal.outcome is Outcome.OK and c.goal == "fastest":
        parts.append(f"fastest batch size = √(B_crit · B_hw), with B_crit {_with_span(c.critical)} and B_hw "
                     f"{_with_span(c.evidence.get('throughput'))}")
    return "; ".join(parts)


def why_rate(c, picked, n_trials):
    """Why this learning rate; `picked` is `None` where no rate was left of so many trials."""
    mine = f"{c.whose}; " if c.chosen is c.present else ""
    if "learning_rate" in c.evidence.fixed:
        return f"{mine}fixed"
    if picked is None:
        return mine + ("every trial at this batch size diverged" if n_trials
                       else "no other rate was tried at this batch size, for lack of time; raise `--budget`")
    if isinstance(c.target, Aim) and c.chosen.setting.learning_rate == picked.soonest:
        return f"{mine}the soonest at {c.goal_words} of {counted(picked.n_rates, 'rate')} tried"
    if c.chosen.setting.learning_rate == picked.best:
        return f"{mine}the best of {counted(picked.n_rates, 'rate')} tried at batch size {number(c.chosen.setting.batch_size)}"
    if picked.low <= c.chosen.setting.learning_rate <= picked.high:
        sooner = ", and sooner" if c.chosen.setting.learning_rate == picked.soonest else ""
        tried = f"{counted(picked.n_rates, 'rate')} tried at this batch size, {number(picked.best)}"
        return f"{mine}as good as the best of {tried}, within the margin{sooner}"
    return f"{mine}{number(picked.best)} looked better when rates were tried, but new seeds did not show that it pays"


def how_rate(picked):
    """The span of rates behind the learning rate; empty where none was picked."""
    if picked is None:
        return ""
    span = f"{number(picked.low)} to {number(picked.high)} were as good" if picked.low < picked.high else "no other was as good"
    place = "lower and higher ones were tried" if picked.interior else "the lowest or highest rate tried"
    return f"best when rates were tried: {number(picked.best)} ({place}); {span} within the margin"


def unresolved(c):
    """What the evidence could not settle, a sentence each; read after the word "Undecided:"."""
    found = []
    task = c.evidence.task
    if not c.nothing and None not in (task.constant_loss, c.present.quality) and c.present.quality >= task.constant_loss:
        mine, constant = (number(task.as_judged(value)) for value in (c.present.quality, task.constant_loss))
        found.append(f"whether anything was learnt: the validation {c.decides} of {c.whose}, {mine}, is no {task.best[1]} "
                     f"than {constant}, that of the best constant answer")
    if c.better is not None and c.better not in (c.against, c.present) and None not in (c.better.seconds, c.present.seconds):
        more = "more" if task.larger_is_better else "less"
        less, times = c.present.quality - c.better.quality, c.better.seconds / c.present.seconds
        found.append(f"whether time or quality matters more: {c.better.setting} has {less:.2g} {more} validation "
                     f"{c.decides} than {c.whose}, and takes {number(times)} times as long to the same {c.decides}; "
                     "`--goal best` takes it")
    if c.on_test is not None and c.chosen is not c.present and c.on_test[2][1] > 0 and not is_worse_on_test(c):
        found.append(f"whether it is as good on other rows: on the test rows its {c.decides} is worse than that of {c.whose}, by "
                     f"less than the margin (difference {difference(*task.apart(*c.on_test[2]))} over seeds)")
    if c.by_another and not c.nothing:
        found.append(c.by_another)
    unsure = (Verdict.UNDECIDED, *NO_WORSE) if c.goal == "fastest" else (Verdict.UNDECIDED,)  # of several, by chance
    doubtful = [arm for arm in c.arms if arm.verdict in unsure and arm is not c.chosen and would_pay(c, arm) and is_near(c, arm)]
    if doubtful:
        first, *more = sorted(doubtful, key=lambda arm: (arm.quality if c.goal == "best" else arm.seconds or 0.0, arm.setting))
        gain = "better" if c.goal == "best" else "as good and cheaper"
        others = f"; so may {first_few(more, 2, lambda arm: short(arm.setting))}" if more else ""
        found.append(f"{first.setting} may be {gain}: difference {signed(c, first)}, margin {number(c.margin)}, "
                     f"{counted(first.n_seeds, 'seed')}{others}; {_to_decide(c, first)}")
    if are_unlike(c.evidence):
        found.append(f"whether training rows tell of your validation rows: the {c.decides} of {c.whose} is {_rows_apart(c)} on "
                     "yours, so those alone were judged, and fewer rows tell less")
    if unseen := not_compared(c):
        sizes = ", ".join(f"{size:,}" for size in unseen)
        found.append(f"batch size {sizes}: not compared, since another batch size takes longer than was left of the budget; raise "
                     "`--budget`")
    if c.critical.outcome is not Outcome.OK:
        told = c.critical.outcome is Outcome.LOWER_BOUND and c.critical.low >= 1
        bound = f" (at least {number(c.critical.low)})" if told else ""
        found.append(f"critical batch size, from which on larger batches save few updates{bound}: "
                     f"{c.critical.note or c.critical.outcome.value}")
    elif c.critical.low == 0 or c.critical.high / max(c.critical.low, 1e-9) > 16:
        found.append(f"critical batch size: only its order of magnitude is known, {number(c.critical.low)} to "
                     f"{number(c.critical.high)}")
    latest = {reading.name: reading for reading in c.evidence.readings}
    missing = {}
    for name in dict.fromkeys((*_READ, *latest)):
        if c.evidence.get(name) is None:
            reading = latest.get(name, Reading(name=name, outcome=Outcome.SKIPPED))
            missing.setdefault(reading.note or reading.outcome.value, []).append(reading.words)
    found += [f"{', '.join(words)}: {why}" for why, words in missing.items()]
    return tuple(found)


def on_test(c):
    """The test losses beside each other, or nothing where there are no test rows."""
    if c.on_test is None:
        return ""
    task, n = c.evidence.task, f"{c.evidence.task.n_test:,} rows that had no part in any choice"
    (chosen, present), worse = map(task.as_judged, c.on_test[:2]), is_worse_on_test(c)
    mean, low, high = task.apart(*c.on_test[2])
    mine, theirs = ({}, {}) if c.metrics_on_test is None else (task.beside(None, values) for values in c.metrics_on_test)
    if c.chosen is c.present:
        beside = "".join(f", {name} {value:.4g}" for name, value in mine.items())
        return f"{c.decides} {chosen:.4g}{beside}, on {n}"
    way = "lower" if task.larger_is_better else "higher"
    doubt = f"; it is {way} there by more than chance explains, which validation did not show" if worse else ""
    apart = f"difference {mean:+.2g}, {low:+.2g} to {high:+.2g} over seeds"
    beside = "".join(f", {name} {value:.4g} and {theirs[name]:.4g}" for name, value in mine.items())
    return f"{c.decides} {chosen:.4g}, {c.whose} {present:.4g} ({apart}){beside}, on {n}{doubt}"


def _rows_apart(c):
    """How much the loss on the user's validation rows is higher or lower than on training rows that were held out."""
    found = c.evidence.get(OWN_ROWS)
    value, low, high = c.evidence.task.apart(found.value, found.low, found.high)
    way, low, high = ("higher", low, high) if value > 0 else ("lower", -high, -low)
    return f"{way} by {number(abs(value))} ({number(low)} to {number(high)})"


def _to_decide(c, arm):
    """How much more would have to be measured to tell whether a setting is worse, or no worse by the margin, were the difference as
    it looks now: an interval shrinks as the root of what is behind it."""
    if arm.difference is None:
        return "more time (`--budget`) would decide"
    times = ((arm.high - arm.low) / 2 / max(c.margin - arm.difference, arm.difference)) ** 2
    much = f"about {number(float(f'{max(times, 2.0):.2g}'))} times as many trainings and validation rows"
    return (f"{much} would decide it (`--budget` allows more trainings)" if times <= _TOO_MANY
            else f"to decide it would take {much}, more than a difference so small is worth")


def _times(ratio):
    value, low, high = ratio
    if low > 1:
        return f"{number(value)} times sooner"
    if high < 1:
        return f"{number(1 / value)} times later"
    return "about as soon"


def _with_span(reading):
    return f"{number(reading.value)} ({number(reading.low)} to {number(reading.high)})"
