"""A few of the hostile environments; all of them: python tests/hostile/run.py."""

import os
import shutil

import pytest
from hostile.environments import EVERY
from hostile.run import Home, commands, faults

SAMPLE = {"output to a full device", "no home", "600 MB of addresses", "a layer that ends the process by a kill"}
CASES = [(environment, command, statuses) for number, environment in enumerate(EVERY) if environment.name in SAMPLE
         for command, statuses in commands(number, environment)]


@pytest.fixture(scope="module")
def home():
    made = Home()
    yield made
    made.remove()


def test_there_are_a_hundred_and_each_has_its_own_name():
    assert len({environment.name for environment in EVERY}) == len(EVERY) >= 100
    assert {environment.name for environment in EVERY} >= SAMPLE


@pytest.mark.second
@pytest.mark.skipif(os.name != "posix" or shutil.which("bash") is None, reason="the environments are made by bash")
@pytest.mark.parametrize(("environment", "command", "statuses"), CASES, ids=lambda value: getattr(value, "name", None))
def test_in_a_hostile_environment_a_command_ends_in_a_sentence_and_nothing_is_lost(home, environment, command, statuses):
    found, said = faults(home, environment, command, statuses)
    assert not found, said
