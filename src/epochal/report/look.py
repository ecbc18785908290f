"""How a batch size looks: one colour and one marker, the same in every figure and in the tables."""

from dataclasses import dataclass

# Okabe & Ito's palette for all kinds of colour vision, without black and yellow, which vanish on a dark or a light page.
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9")
GREY = "#8C8C8C"
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "pentagon", "triangle-down", "hexagon", "cross")
_DASHES = ("solid", "dot", "dashdot", "longdash")


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One entry of a figure's legend: which traces it shows and hides, and how they look."""

    group: str
    label: str
    colour: str
    symbol: str
    dash: str


class Look:
    """Colour and marker of every batch size of a plan, and the dash of every arm."""

    def __init__(self, plan):
        sizes = {arm.setting.batch_size for arm in plan.arms} | {c.setting.batch_size for c in plan.evidence.curves}
        self._rank = {size: i for i, size in enumerate(sorted(sizes))}
        self._others = [arm.setting for arm in plan.arms if not arm.present]

    def colour(self, batch_size):
        """A batch size that was never trained with is grey."""
        return COLOURS[self._rank[batch_size] % len(COLOURS)] if batch_size in self._rank else GREY

    def symbol(self, batch_size):
        return SYMBOLS[self._rank.get(batch_size, 0) % len(SYMBOLS)]

    def key(self, group, label, batch_size, *, dash="solid"):
        return Key(group=group, label=label, colour=self.colour(batch_size), symbol=self.symbol(batch_size), dash=dash)

    def dash(self, line):
        if line.present:
            return "dash"
        twins = [s for s in self._others if s.batch_size == line.setting.batch_size]
        return _DASHES[twins.index(line.setting) % len(_DASHES)]
