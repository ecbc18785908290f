"""What a race shows of the one ahead: whether to change to it, and if not, why not."""

import enum
from typing import NamedTuple

from ...records import Lead, Setting
from ..margin import SHARE
from .start import nearest_level

_WORTH = 1 / 0.9    # times sooner: less is not worth a change
_ALIKE = 1.01       # times the noise of the present setting, up to which a short race favours neither
_SHRUNK = 0.8       # of the lead at the level before: less means that it is being lost


class Why(enum.Enum):
    """Why a change is advised, or not."""

    DIVERGES = "the present setting diverges"
    BETTER = "lower loss at equal time"
    AS_GOOD_SOONER = "no worse, and sooner"
    UNDECIDED = "not told apart"
    WORSE = "behind at equal time"
    SHRINKING = "ahead so far, but its lead shrinks, and it may lead at first alone"
    ONE_LEVEL = "ahead so far, but at one level only, and it may lead at first alone"
    ONE_SEED = "not yet repeated with fresh seeds"
    NOT_AHEAD = "behind the present setting so far, and not repeated with fresh seeds"
    EPOCHS = "may need more epochs than are fixed"
    OTHER_GOAL = "a race tells of time and loss alone"
    NOBODY = "no other setting was trained"


class Judgement(NamedTuple):
    """The race as it stands."""

    change: bool
    why: Why
    ahead: Setting | None  # the one compared with the present setting
    leads: tuple[Lead, ...]  # by level, the last one decides
    margin: float


def judge(standings, without_learning):
    """Whether to change to the setting that is ahead: one comparison, with seeds and rows that had no part in the choice.

    A change is advised where 95 % of the difference in validation loss after equal seconds lie below 0, or below the margin (1 %
    of what the present setting has gained so far), and it is shown to get there sooner, whatever doubt there is of the clock. A
    loss that is lower by the margin or more, whatever that doubt, does where it is not shown to come later. Where the noise that
    is left in the weights is higher than the present setting's, or the batch is smaller, which helps most at the beginning, the
    lead must have held from one level to the next as well.

    Args:
        standings: the `Standings`. without_learning: as from `margin.without_learning`.
    """
    present, levels = standings.present, levels_of(standings)
    others = [setting for setting in standings.racers() if setting != present]
    if standings.diverged(present) and (left := [setting for setting in others if not standings.diverged(setting)]):
        return Judgement(True, Why.DIVERGES, min(left, key=standings.lowest), (), 0.0)
    if not others:
        return Judgement(False, Why.NOBODY, None, (), 0.0)
    repeated = {setting: max((s for s in levels if len(standings.seeds(setting, s)) >= 2), default=0.0) for setting in others}
    at = standings.level(levels)
    ranked = [] if at is None else standings.ranked(at)
    first = ranked[0] if ranked else others[0]
    ahead = first if repeated[first] else max(others, key=lambda setting: (repeated[setting], -others.index(setting)))
    if not repeated[ahead]:
        leads_so_far = at is not None and ranked and standings.raced(first, at) < standings.raced(present, at)
        return Judgement(False, Why.ONE_SEED if leads_so_far else Why.NOT_AHEAD, first, (), 0.0)
    reached = standings.judged("fresh", present, repeated[ahead])
    margin = SHARE * (without_learning - reached) if without_learning > reached else SHARE * abs(without_learning)
    leads = tuple(lead for seconds in levels if (lead := standings.lead(ahead, seconds, margin)) is not None)
    lower = leads[-1].difference <= -margin and standings.surely_lower(ahead, leads[-1].seconds)
    early = standings.noise(ahead) > _ALIKE or ahead.batch_size < present.batch_size
    why = _why(leads, margin, lower, early)
    return Judgement(why in (Why.BETTER, Why.AS_GOOD_SOONER), why, ahead, leads, margin)


def levels_of(standings):
    """The seconds at which runs can be compared, ascending: the marks of the present setting's runs, which stand at doublings."""
    marks = {mark.n_updates for stage in ("race", "fresh") for run in standings.of(stage, standings.present).values()
             for mark in run.marks}
    return sorted({nearest_level(standings.seconds_of(standings.present, n)) for n in marks})


def _why(leads, margin, lower, early):
    """`lower`: whether its loss is lower whatever doubt there is of the clock. `early`: whether it may lead at first alone."""
    last = leads[-1]
    sooner = last.sooner >= _WORTH and last.sooner_low > 1
    if last.high < 0 and (sooner or (lower and last.sooner_high >= 1)):
        found = Why.BETTER
    elif last.high < margin and last.sooner_low > _WORTH:
        found = Why.AS_GOOD_SOONER
    else:
        return Why.WORSE if last.low > 0 else Why.UNDECIDED
    if not early:
        return found
    if len(leads) < 2:
        return Why.ONE_LEVEL
    return found if last.sooner >= _SHRUNK * leads[-2].sooner and last.difference < 0 else Why.SHRINKING
