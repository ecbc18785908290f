"""A training that stops after any number of updates: it goes on as if it had not stopped, and its rows are those of epochs."""

import numpy as np
import pytest
from contracts.fake_rig import FakeRig
from engine.rigs_of_jax import Springs, shared_springs, springs

from epochal.engine import Lane
from epochal.engine import stretch as stretches
from epochal.engine.lanes import order
from epochal.engine.stretch import Stretches


def falling(n_steps):
    """A schedule that no two steps share."""
    return 0.3 / np.arange(1, n_steps + 1)


@pytest.fixture(params=["many updates in one program", "one after another"])
def engine(request, monkeypatch):
    """Makes `Stretches` that train in this way, whatever is faster here."""
    together = request.param.startswith("many")
    monkeypatch.setattr(stretches, "_LONG_STEP", 1e9 if together else 0.0)  # seconds an update may take beside which programs pay

    def make(rig, batch_size, most=4):
        found = Stretches(rig, batch_size, most)
        if together:
            monkeypatch.setattr(found, "_is_faster", lambda training, tried=found._is_faster: tried(training) or True)
        return found

    return make


def test_it_is_gradient_descent_over_the_full_batches_of_its_own_order_at_its_own_rates(engine):
    rig, n, size = springs(), 23, 5
    training = Stretches.start(found := engine(rig, size), Lane(7, falling))
    found.advance(training, 11)
    x, w, rates = np.float64(rig._x), np.zeros(3), falling(11)
    for i in range(11):  # four full batches an epoch; the three rows left over are not trained on
        epoch, batch = divmod(i, 4)
        rows = order(7, epoch, n)[batch * size : (batch + 1) * size]
        w = w - rates[i] * (w - x[rows]).mean(0)
    np.testing.assert_allclose(training.state.w, w, rtol=1e-5, atol=1e-6)
    assert training.n_updates == 11


@pytest.mark.parametrize("stops", [(3, 11), (1, 2, 4, 8, 11), (4, 8, 11)])
def test_wherever_it_stops_it_goes_on_as_if_it_had_not(engine, stops):
    found = engine(shared_springs(), 5)
    whole, parts = (found.start(Lane(3, falling)) for _ in range(2))
    found.advance(whole, 11)
    for n_updates in stops:
        found.advance(parts, n_updates)
    np.testing.assert_allclose(parts.state.w, whole.state.w, rtol=1e-5, atol=1e-6)
    assert int(parts.state.draw) == int(whole.state.draw)  # and its own stream of random numbers


def test_trainings_in_turns_do_not_touch_each_other(engine):
    found = engine(shared_springs(), 4)
    alone = found.start(Lane(1, 0.1))
    found.advance(alone, 12)
    one, other = found.start(Lane(1, 0.1)), found.start(Lane(2, 0.1))
    for n_updates in (4, 8, 12):
        found.advance(one, n_updates)
        found.advance(other, n_updates)
    np.testing.assert_allclose(one.state.w, alone.state.w, rtol=1e-6)
    assert not np.allclose(one.state.w, other.state.w)


def test_trying_which_way_is_faster_leaves_no_trace():
    found = Stretches(rig := springs(noise=0.1), 5, 4)
    assert found.seconds_an_update(Lane(3, 0.1)) > 0
    training = found.start(Lane(3, 0.1))
    found.advance(training, 9)
    other = Stretches(rig, 5, 1)
    same = other.start(Lane(3, 0.1))
    other.advance(same, 9)
    np.testing.assert_allclose(training.state.w, same.state.w, rtol=1e-5, atol=1e-6)


def test_a_batch_of_all_rows_is_an_epoch_each():
    rig = Springs(np.zeros(6))
    found = Stretches(rig, 6, 1)
    found.advance(found.start(Lane(2, 0.1)), 3)
    assert [sorted(rows) for rows in rig.stepped] == [list(range(6))] * 3


def test_a_rig_that_cannot_be_part_of_a_program_is_stepped():
    found = Stretches(FakeRig(n_examples=64, n_params=3), 8, 64)
    training = found.start(Lane(1, 0.05))
    found.advance(training, 70)
    assert training.n_updates == 70
    assert np.isfinite(training.state).all()
