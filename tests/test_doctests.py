"""Every example in a docstring is run, so that none of them lies."""

import doctest
import importlib
import pathlib

import pytest

SOURCE = pathlib.Path(__file__).parents[1] / "src"
WITH_EXAMPLES = sorted(".".join(path.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__")
                       for path in SOURCE.rglob("*.py") if ">>> " in path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_the_examples_are_true(name):
    result = doctest.testmod(importlib.import_module(name))
    assert result.attempted > 0
    assert result.failed == 0, "the examples that failed are printed above"


def test_the_low_floors_have_examples():
    assert {"epochal.base.text", "epochal.base.seeds"} <= set(WITH_EXAMPLES)
