"""How many updates an epoch has, and how large the last one is: exact arithmetic."""

import numpy as np
import pytest

from epochal.rules.scaling import last_batch, steps_per_epoch


@pytest.mark.parametrize(("n", "batch_size", "steps", "last"), [
    (1600, 32, 50, 32), (1600, 256, 7, 64), (1600, 1024, 2, 576), (1600, 1600, 1, 1600),
    (10_000, 32, 313, 16), (10_000, 64, 157, 16), (10_000, 1024, 10, 784), (10, 100, 1, 10),
])
def test_steps_and_the_last_batch(n, batch_size, steps, last):
    assert (steps_per_epoch(n, batch_size), last_batch(n, batch_size)) == (steps, last)


def test_every_example_is_in_exactly_one_batch():
    for n in range(1, 60):
        for batch_size in range(1, 70):
            cut = [len(part) for part in np.split(np.arange(n), range(batch_size, n, batch_size))]
            assert (len(cut), cut[-1]) == (steps_per_epoch(n, batch_size), last_batch(n, batch_size))
