"""A table is drawn whole, however narrow the page."""

import pytest
from rich.cells import cell_len

from epochal.base.text import table

ROWS = [("equal", "batch size", "recall_at_precision_0.95", "difference (95 %)", "verdict"),
        ("epochs", "32", "0.9784 (0.9522 to 1)", "–", "the reference"),
        ("epochs", "1,024", "0.9655 (0.9154 to 1)", "-0.013 (-0.039 to +0.013)", "not resolvable")]


def letters(rows):
    return sorted("".join("".join(row) for row in rows).replace(" ", ""))


@pytest.mark.parametrize("width", [*range(24, 60, 5), 60, 72, 80, 100, 110, 200])
def test_nothing_is_cut_off_and_no_line_is_too_long(width):
    lines = table(ROWS, width=width).splitlines()
    assert max(map(cell_len, lines)) <= width
    assert sorted("".join(lines).replace(" ", "").replace("─", "")) == letters(ROWS)


@pytest.mark.parametrize("width", [72, 80, 100])
def test_words_break_only_where_they_alone_are_wider_than_the_page(width):
    words = " ".join(table(ROWS, width=width).split())
    assert "resolvable" in words
    assert "reference" in words
    assert "difference" in words


def test_a_page_that_is_wide_enough_breaks_nothing():
    assert len(table(ROWS, width=120).splitlines()) == len(ROWS) + 1
