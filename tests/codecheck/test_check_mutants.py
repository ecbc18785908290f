"""Clean scripts are not flagged, in whatever style; nearly all that have one fault are."""

import ast
from collections import Counter

import pytest
from codecheck.corpus import CLEAN, FILES, all_clean, all_mutants

from epochal.codecheck import KINDS, check
from epochal.codecheck.statements import read_story


def kinds_in(text):
    story = read_story([ast.parse(text).body])
    return {name for name, kind in KINDS.items() if list(kind.look(story))}


def test_no_clean_script_or_notebook_is_flagged():
    checked = check(str(CLEAN))
    assert len(checked.files) == len(FILES) >= 40
    assert not checked.findings, str(checked)
    assert not checked.unchecked


@pytest.mark.second
def test_no_clean_script_is_flagged_with_other_names_or_in_a_function():
    assert not [(name, style, found) for name, style, text in all_clean() if (found := kinds_in(text))]


@pytest.mark.second
def test_at_least_19_of_20_mutants_are_found_and_of_every_kind_most():
    made, found, missed = Counter(), Counter(), []
    for name, kind, form, style, text in all_mutants():
        made[kind] += 1
        found[kind] += kind in kinds_in(text)
        missed += [] if kind in kinds_in(text) else [(name, kind, form, style)]
    assert made.keys() == KINDS.keys()
    assert made.total() >= 150
    assert found.total() >= 0.95 * made.total(), missed
    assert all(found[kind] >= 0.8 * made[kind] for kind in made), missed
