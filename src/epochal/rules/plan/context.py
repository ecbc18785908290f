"""What the sentences of a plan ask of its evidence: which setting is cheaper, near, promising, worse on the test rows."""

from typing import NamedTuple

from ...base.text import difference, number
from ...records import Arm, Evidence, Reading, Setting, Verdict
from ...records.clock import FitSeconds
from .compare import examples_to_target
from .folds import n_trained
from .propose import batch_sizes, worth_a_look
from .quality import Aim

NO_WORSE = (Verdict.BETTER, Verdict.NOT_WORSE)
_WORTH, _SEVERAL = 0.9, 5  # of the present time to the same loss: more is not worth a try; fresh seeds that tell an average


class Context(NamedTuple):
    """All that a sentence may need; `ratio` is the present setting's time to target over the chosen one's.

    `better`: the best of the settings shown better, whatever time it takes. `seconds`, `present_seconds`: what a whole training
    takes with the chosen and with the present setting. `nearest`: where something is to be reached, the setting that comes nearest
    to it, and its value. `nothing`: said where nothing was learnt. `by_another`: where another metric disagrees.
    """

    evidence: Evidence
    goal: str
    arms: tuple[Arm, ...]
    chosen: Arm
    present: Arm
    against: Arm
    margin: float
    target: float | Aim
    critical: Reading
    optimal: Reading
    ratio: tuple[float, float, float] | None
    on_test: tuple | None = None
    metrics_on_test: tuple | None = None
    better: Arm | None = None
    seconds: FitSeconds | None = None
    present_seconds: FitSeconds | None = None
    nearest: tuple[Setting, float] | None = None
    nothing: str = ""
    by_another: str = ""

    @property
    def whose(self):
        return self.evidence.whose

    @property
    def goal_words(self):
        """What is called the target."""
        return str(self.evidence.until) if isinstance(self.target, Aim) else f"the target {self.decides}"

    @property
    def decides(self):
        """By what settings are compared, in words."""
        return self.evidence.decides


def is_worse_on_test(c):
    """Whether the chosen setting is worse on the test rows than the present one by the margin, and beyond the luck of seeds."""
    return c.on_test is not None and c.on_test[2][0] > c.margin and c.on_test[2][1] > 0


def not_compared(c):
    """Batch sizes that were to be compared and were not, although their neighbours do not rule them out."""
    n, present, memory = n_trained(c.evidence), c.present.setting.batch_size, c.evidence.get("memory")
    sizes = batch_sizes(present, n, None if memory is None else int(memory.value), c.evidence.fixed)
    at = {}
    for arm in c.arms:
        size = min(arm.setting.batch_size, n)
        at[size] = min(at.get(size, float("inf")), float("inf") if arm.seconds is None else arm.seconds)
    tried = {min(c.setting.batch_size, n) for c in c.evidence.of("screen")}
    return [size for size in sizes if size not in at and size not in tried and worth_a_look(size, min(present, n), at)]


def promising(c):
    """Where speed counts, the fastest setting that is as good on average, and not shown to be; `None` where there is none."""
    some = [arm for arm in c.arms if arm.verdict in (Verdict.UNDECIDED, *NO_WORSE) and arm.n_seeds >= _SEVERAL
            and arm.difference <= c.margin and is_cheaper(c, arm)]
    return min(some, key=lambda arm: (arm.seconds, arm.setting), default=None) if c.goal == "fastest" else None


def is_cheaper(c, arm):
    """Whether a setting comes sooner to the same loss than the present one, by enough to be worth a change."""
    return None not in (arm.seconds, c.present.seconds) and arm.seconds < _WORTH * c.present.seconds


def is_near(c, arm):
    """Whether a setting may well be as good: its difference is within the margin, or within half of its own doubt."""
    return arm.difference is None or arm.difference <= max(c.margin, (arm.high - arm.low) / 4)


def would_pay(c, arm):
    """Whether this setting would have been taken, had its quality been shown equal."""
    if c.goal == "fastest":
        return None not in (arm.seconds, c.chosen.seconds) and arm.seconds < _WORTH * c.chosen.seconds
    if c.goal == "frugal":
        share = share_of_examples(c, arm, c.chosen)
        return share is not None and share < 1
    return arm.setting.batch_size < c.chosen.setting.batch_size if c.goal == "smallest" else arm.quality < c.chosen.quality


def share_of_examples(c, arm, other):
    """Examples to the target of one arm over those of another, or `None`."""
    mine, theirs = (examples_to_target(a, n_trained(c.evidence)) for a in (arm, other))
    return None if mine is None or theirs is None else mine / theirs


def signed(c, arm):
    return "no two seeds in common" if arm.difference is None else difference(*apart(c, arm))


def apart(c, arm):
    """The difference of an arm, with its interval, in what decides."""
    return c.evidence.task.apart(arm.difference, arm.low, arm.high)


def short(setting):
    return f"{number(setting.batch_size)} at {number(setting.learning_rate)}"
