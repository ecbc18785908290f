"""How batch sizes and arms look: one colour and one marker each, the same in every figure."""

from dataclasses import dataclass

from .rows import recommended

# Okabe & Ito's palette for all kinds of colour vision, without black and yellow, which vanish on a dark or a light page.
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9")
GREY = "#8C8C8C"
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "pentagon", "triangle-down", "hexagon", "cross")
_DASHES = ("solid", "dot", "dashdot", "longdash")
_VARIANTS = ("", "-open", "-dot", "-open-dot")


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One entry of a figure's legend: which traces it shows and hides, and how they look."""

    group: str
    label: str
    colour: str
    symbol: str
    dash: str


class Look:
    """Colour and marker of every batch size of a plan; among arms of one batch size, the dash and the marker's variant.

    The present setting is a dashed line and a star; of the others the recommended one comes first and has the plain look.
    """

    def __init__(self, plan):
        sizes = {arm.setting.batch_size for arm in plan.arms} | {c.setting.batch_size for c in plan.evidence.curves}
        best = recommended(plan)
        self._rank = {size: i for i, size in enumerate(sorted(sizes))}
        self._present = [arm.setting for arm in plan.arms if arm.present]
        self._others = [arm.setting for arm in sorted(plan.arms, key=lambda arm: arm is not best) if not arm.present]

    def colour(self, batch_size):
        """A batch size that was never trained with is grey."""
        return COLOURS[self._rank[batch_size] % len(COLOURS)] if batch_size in self._rank else GREY

    def symbol(self, batch_size):
        return SYMBOLS[self._rank.get(batch_size, 0) % len(SYMBOLS)]

    def marker(self, setting):
        """The arm's own marker: that of its batch size, in the variant that tells it from its twins."""
        if setting in self._present:
            return "star"
        return self.symbol(setting.batch_size) + _VARIANTS[self._place(setting) % len(_VARIANTS)]

    def dash(self, setting):
        return "dash" if setting in self._present else _DASHES[self._place(setting) % len(_DASHES)]

    def arm_key(self, label, setting):
        return Key(group=label, label=label, colour=self.colour(setting.batch_size), symbol=self.marker(setting),
                   dash=self.dash(setting))

    def size_key(self, group, label, batch_size):
        return Key(group=group, label=label, colour=self.colour(batch_size), symbol=self.symbol(batch_size), dash="solid")

    def _place(self, setting):
        return [s for s in self._others if s.batch_size == setting.batch_size].index(setting)
