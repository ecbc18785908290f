"""The critical-rate probe: where the loss has no bowl. Its numbers on bowls are judged in `truths`."""

import numpy as np
import pytest
from contracts.fake_rig import FakeRig

from epochal.base.errors import UsageError
from epochal.probes import PROBES
from epochal.records import Outcome

critical_rate = PROBES["critical_rate"]


class Shaped(FakeRig):
    """A fake whose loss is a given function of the distance walked along its one parameter, one per unit of rate."""

    def __init__(self, height, **options):
        super().__init__(n_params=1, n_examples=64, **options)
        self._shape = height

    def fresh(self, seed):
        return np.zeros(1)

    def loss(self, state, rows):
        return self._shape(float(state[0]))

    def step(self, state, rows, learning_rate):
        return state + learning_rate, 0.0


@pytest.mark.parametrize("edge", [1e-6, 0.003, 0.1, 7.0, 1e5])
def test_a_cliff_is_found_from_below_and_from_above(edge):
    reading = critical_rate(Shaped(lambda x: -x if x < edge else 1.0), precision=1e-6)
    assert reading.value == pytest.approx(edge, rel=1e-4)


@pytest.mark.parametrize("beyond", [np.nan, np.inf])
def test_a_loss_that_is_no_number_counts_as_risen(beyond):
    reading = critical_rate(Shaped(lambda x: -x if x < 0.37 else beyond))
    assert reading.outcome is Outcome.OK
    assert reading.value == pytest.approx(0.37, rel=2e-3)


def test_a_loss_that_never_rises_leaves_a_lower_bound():
    reading = critical_rate(Shaped(lambda x: -x))
    assert reading.outcome is Outcome.LOWER_BOUND
    assert reading.high == np.inf
    assert reading.low > 1e6


def test_an_update_that_leads_uphill_is_unresolved():
    reading = critical_rate(Shaped(lambda x: x))
    assert reading.outcome is Outcome.UNRESOLVED
    assert "uphill" in reading.note


def test_a_loss_that_is_no_number_before_the_step_is_said():
    assert critical_rate(Shaped(lambda x: np.nan)).outcome is Outcome.DIVERGED


def test_the_loss_is_judged_on_rows_that_the_step_has_not_seen():
    class Watching(FakeRig):
        followed, judged = (), ()

        def step(self, state, rows, learning_rate):
            self.followed = set(rows)
            return super().step(state, rows, learning_rate)

        def loss(self, state, rows):
            assert len(rows) == 64
            assert not self.followed & set(rows)
            return super().loss(state, rows)

    critical_rate(Watching(), batch=64)
    critical_rate(Watching(n_examples=129), batch=1000)


def test_few_forward_passes_suffice():
    class Counting(FakeRig):
        losses = 0

        def loss(self, state, rows):
            self.losses += 1
            return super().loss(state, rows)

    rig = Counting()
    critical_rate(rig, repeats=5)
    assert rig.losses <= 5 * 10


def test_one_repeat_is_refused():
    with pytest.raises(UsageError, match="`repeats` must be at least 2; got 1"):
        critical_rate(FakeRig(), repeats=1)
