"""What was measured, as a table and in sentences."""

from ..base.text import capital, duration, quantity

_SPANS = ("range_test",)  # readings that are a span themselves
_INNER = ("pace", "engine")  # readings that only serve other measurements


def reading_rows(evidence):
    """A row of strings for each reading that tells something of the model, the heading first."""
    yield "measured", "value", "95 %", "repeats", "took"
    for reading in _told(evidence):
        took = duration(reading.cost) if reading.cost else ""
        if not reading.known:
            yield reading.words, "–", "", "", took
        elif reading.high == float("inf"):
            yield reading.words, f"at least {quantity(reading.unit, reading.low)}", "", f"{reading.repeats:,}", took
        else:
            both = quantity(reading.unit, reading.low, reading.high)
            value, span = (both, "") if reading.name in _SPANS else (quantity(reading.unit, reading.value), both)
            yield reading.words, value, span if reading.repeats > 1 else "", f"{reading.repeats:,}", took
    yield "all of it", "", "", "", duration(sum(reading.cost for reading in evidence.readings))


def what_they_mean(evidence):
    """`(title, sentences)` of each reading: what it means here and what it does not, or why it is not known."""
    for reading in _told(evidence):
        note = capital(reading.note).rstrip(".") + "." if reading.note else ""
        if not reading.known:
            note = f"Not known: {(reading.note or reading.outcome.value).rstrip('.')}."
        if sentences := [one for one in (reading.means, reading.does_not_mean, note) if one]:
            yield capital(reading.words), sentences


def _told(evidence):
    """The last reading of each name, without what only serves other measurements."""
    return {reading.name: reading for reading in evidence.readings if reading.name not in _INNER}.values()
