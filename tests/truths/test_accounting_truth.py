"""How many updates an epoch has: exact arithmetic."""

import numpy as np
import pytest

from epochal.rules.scaling import steps_per_epoch


@pytest.mark.parametrize(("n", "batch_size", "steps"), [
    (1600, 32, 50), (1600, 256, 7), (1600, 1024, 2), (1600, 1600, 1),
    (10_000, 32, 313), (10_000, 64, 157), (10_000, 1024, 10), (10, 100, 1),
])
def test_steps_of_an_epoch(n, batch_size, steps):
    assert steps_per_epoch(n, batch_size) == steps


def test_every_example_is_in_exactly_one_batch():
    for n in range(1, 60):
        for batch_size in range(1, 70):
            assert len(np.split(np.arange(n), range(batch_size, n, batch_size))) == steps_per_epoch(n, batch_size)
