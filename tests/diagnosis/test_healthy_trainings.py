"""Healthy trainings of different kinds, few of which are found fault with: a sample of `benchmarks/diagnose_healthy.py`."""

import importlib.util
import itertools
import pathlib

import pytest

from epochal.rules.diagnosis.diagnose import diagnosed

FILE = pathlib.Path(__file__).parents[2] / "benchmarks" / "diagnose_healthy.py"


def benchmark():
    about = importlib.util.spec_from_file_location("diagnose_healthy", FILE)
    module = importlib.util.module_from_spec(about)
    about.loader.exec_module(module)
    return module


@pytest.mark.second
@pytest.mark.parametrize(("kind", "n"), [("drawn", 24), ("real", 6)])
def test_few_healthy_trainings_are_found_fault_with(kind, n):
    """Where one in twenty is, more than four of 24 are in fewer than 1 % of such samples; this one is fixed."""
    made = itertools.islice(getattr(benchmark(), kind)(2000), n)
    alarms = {label: str(found) for label, history in made if (found := diagnosed(history)).faults}
    assert len(alarms) <= (4 if kind == "drawn" else 2), "\n\n".join(alarms.values())
