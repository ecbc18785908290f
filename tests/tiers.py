"""In which tier a case of a parametrized test is, and how many cases an audit draws."""

import os

import pytest

CASES = int(os.environ.get("EPOCHAL_TEST_CASES", "1"))  # so many times as many: what is run by hand


def cases(n):
    """How many random cases an audit or a property draws: `n`, times what `EPOCHAL_TEST_CASES` says."""
    return n * CASES


def spread(n, items):
    """`n` of the items, from the first to the last; times what `EPOCHAL_TEST_CASES` says, all of them at most."""
    items, n = list(items), cases(n)
    return items if n >= len(items) else [items[round(place * (len(items) - 1) / (n - 1))] for place in range(n)]


def first_tier(n, cases):
    """The first `n` cases belong to the first tier, and all others to the second.

    Args:
        n: how many; or the names of those that belong to the first tier, where the cases are named.
        cases: what would be given to `pytest.mark.parametrize`.
    """
    cases = list(cases)
    kept = cases[:n] if isinstance(n, int) else [case for case in cases if case in n]
    assert kept, f"no case is in the first tier: {n}"
    rest = [case for case in cases if not any(case is other for other in kept)]
    return [*kept, *(pytest.param(*(case if isinstance(case, tuple) else (case,)), marks=pytest.mark.second) for case in rest)]
