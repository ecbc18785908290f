"""docs/measure.md lists every reading that can be asked for, under its word, with its price and its title."""

import pathlib

from epochal.probes.measures import MEASURES

TEXT = (pathlib.Path(__file__).parents[2] / "docs" / "measure.md").read_text(encoding="utf-8")


def rows():
    """The table's lines, a word each."""
    for word, probes in MEASURES.items():
        yield f"| `{word}` | {'; '.join(f'`{probe.name}` {probe.title} ({probe.price})' for probe in probes)} |"


def test_the_table_has_every_reading():
    written = [line for line in TEXT.splitlines() if line.startswith("| `")]
    assert written == list(rows())
