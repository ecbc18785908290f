"""What the tests of `ep.predict` begin with: a small model, its rows, and a folder of their own to remember batch sizes in."""

import pytest
from training import predicting

from epochal.training import remembered
from epochal.training.predict import size


@pytest.fixture
def cache(monkeypatch, tmp_path):
    """Batch sizes are remembered in a folder of the test's own; what else goes on in the machine decides nothing."""
    monkeypatch.setattr(remembered, "cache_folder", lambda: tmp_path / "cache")
    monkeypatch.setattr(size, "is_steady", lambda trials: True)
    monkeypatch.setattr(size, "worth_compiling", lambda *given: True)
    return tmp_path / "cache" / "predict"


@pytest.fixture
def x():
    return predicting.rows()


@pytest.fixture
def model():
    return predicting.network()
