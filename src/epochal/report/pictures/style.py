"""How things look, the same in every picture: a batch size has one colour and one marker."""

from dataclasses import dataclass

from ...base.text import number

# Okabe & Ito's palette for all kinds of colour vision, without black and yellow, which vanish on a dark or a light page.
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9")
GREY = "#8C8C8C"
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "pentagon", "triangle-down", "hexagon", "cross")


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One entry of a picture's legend: which marks it shows and hides, and how they look."""

    group: str
    label: str
    colour: str
    symbol: str = "circle"
    dash: str = "solid"

    @property
    def about(self):
        """What every mark of this entry has."""
        return {"group": self.group, "label": self.label, "colour": self.colour}


class SizeStyle:
    """Colour and marker of every batch size; one that is not among `batch_sizes` is grey."""

    def __init__(self, batch_sizes):
        self._rank = {size: i for i, size in enumerate(sorted(set(batch_sizes)))}

    def colour(self, batch_size):
        return COLOURS[self._rank[batch_size] % len(COLOURS)] if batch_size in self._rank else GREY

    def symbol(self, batch_size):
        return SYMBOLS[self._rank.get(batch_size, 0) % len(SYMBOLS)]

    def key(self, batch_size, label=None, *, dash="solid", symbol=None):
        """The legend's entry of a batch size, or of a setting of that batch size where it has a `label` of its own."""
        label = label or f"batch size {number(batch_size)}"
        return Key(group=label, label=label, colour=self.colour(batch_size), symbol=symbol or self.symbol(batch_size), dash=dash)
