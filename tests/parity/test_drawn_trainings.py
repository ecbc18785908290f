"""Trainings drawn at random, in every way to run, are those of Keras, or are refused or handed over with a sentence."""

import pytest
from parity import drawn
from tiers import cases

pytestmark = [pytest.mark.second, pytest.mark.needs("tensorflow", "torch"), pytest.mark.filterwarnings("ignore")]


@pytest.mark.parametrize("n", range(cases(10)))
def test_whatever_is_combined_it_is_the_training_of_keras(n):
    training = drawn.draw(2026, n)
    theirs = drawn.reference(training)
    for engine in drawn.ENGINES:
        found = drawn.judge(training, engine, theirs)
        assert not [outcome for outcome in found.values() if str(outcome).startswith(drawn.BAD)], (engine, found, training.told())
