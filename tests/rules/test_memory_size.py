"""The next batch size to try for its memory: never past the limit by more than a step, and closed in within the precision."""

import math

import pytest

from epochal.rules.training.memory_size import next_size

SHAPES = {"a line": lambda b: 5e8 + 1e5 * b, "in proportion": lambda b: 2e5 * b, "less and less": lambda b: 1e8 + 1e6 * b**0.9,
          "steps": lambda b: 2e8 + 1e5 * 64 * math.ceil(b / 64)}
STEEPER = {"flat at first": lambda b: max(1e9, 3e5 * b), "bent": lambda b: 1e8 + 1e5 * b + b**1.2 * 1e4}


def sizes(shape, limit, first=32, most=10**6, precision=0.1, refused=math.inf):
    tried, size = [], first
    while size is not None:
        assert not tried or size > tried[-1][0]
        tried.append((size, shape(size)))
        size = next_size(tried, limit, most, refused=refused, precision=precision)
    return tried


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("limit", [1.2e9, 4e9, 4.7e10])
@pytest.mark.parametrize("first", [1, 32, 1000])
def test_it_ends_with_one_that_fits_and_one_that_does_not_close_together(name, limit, first):
    tried = sizes(SHAPES[name], limit, first)
    (fits, held), (too_large, beyond) = tried[-2:]
    assert held <= limit < beyond
    assert too_large <= max(fits * 1.11, fits + 1)
    assert beyond <= 1.2 * limit  # no step goes far beyond
    assert len(tried) <= 11


@pytest.mark.parametrize("name", STEEPER)
@pytest.mark.parametrize("limit", [1.2e9, 4e9, 4.7e10])
def test_where_memory_rises_ever_faster_no_step_goes_far_beyond(name, limit):
    tried = sizes(STEEPER[name], limit)
    assert tried[-2][1] <= limit < tried[-1][1] <= 1.7 * limit
    assert len(tried) <= 11


def test_no_more_is_tried_than_there_are_rows():
    assert sizes(SHAPES["a line"], 4e9, most=200) == [(32, 5e8 + 32e5), (200, 5e8 + 2e7)]
    assert sizes(SHAPES["a line"], 4e9, first=200, most=200) == [(200, 5e8 + 2e7)]


def test_below_one_that_is_known_not_to_fit():
    tried = sizes(SHAPES["a line"], 1e12, refused=1000)
    assert tried[-1][0] < 1000 <= tried[-1][0] * 1.1 + 1


def test_a_first_size_that_does_not_fit_ends_it():
    assert len(sizes(SHAPES["a line"], 1e8)) == 1


def test_nothing_held_at_all_is_no_division_by_zero():
    assert next_size([(32, 0)], 1e9, 1000) == 1000
    assert next_size([(32, 10), (64, 10)], 1e9, 1000) == 1000
