"""The order of rows is that of the Keras that is installed, which is asked for it."""

import keras
import pytest

from epochal.seam import row_orders
from epochal.seam.model.copying import random_state


def test_asking_moves_no_random_stream(monkeypatch):
    monkeypatch.setattr(keras, "version", lambda: "9.0.0")
    before = random_state()
    row_orders.way.__wrapped__()
    assert random_state() == before


def test_a_version_that_shuffles_in_another_way_is_not_taken_for_one_that_is_known(monkeypatch):
    monkeypatch.setattr(keras, "version", lambda: "9.0.0")
    monkeypatch.setattr(row_orders, "_asked", lambda x, **how: [[6, 5, 4, 3, 2, 1, 0]] * 2)
    assert row_orders.way.__wrapped__() is None


@pytest.mark.parametrize("version", ["9.0.0", "3.16.0.dev2026102704"])
def test_a_later_version_is_asked(monkeypatch, version):
    asked, real = [], row_orders._asked
    monkeypatch.setattr(keras, "version", lambda: version)
    monkeypatch.setattr(row_orders, "_asked", lambda x, **how: asked.append(how) or real(x, **how))
    found = row_orders.way.__wrapped__()
    assert asked
    assert found is None or found.rows is row_orders.way().rows  # a version before 3.16 does not shuffle as that does
