"""What a whole training takes: the parts by name, their intervals, and the sum."""

import pytest

from epochal.records import PassTime, Setting, StepTime
from epochal.records.clock import Clock, Seconds


def clock(**changed):
    steps = tuple(StepTime(batch_size=b, seconds=1e-3 + 1e-5 * b, low=(1e-3 + 1e-5 * b) / 2, high=(1e-3 + 1e-5 * b) * 2)
                  for b in (10, 100))
    passes = tuple(PassTime(batch_size=b, seconds_a_pass=2e-3 * n, low=1e-3 * n, high=3e-3 * n) for b, n in ((10, 5), (50, 1)))
    return Clock(**{"n_train": 100, "n_validation": 50, "steps": steps, "a_step": 1e-3, "an_example": 1e-5, "passes": passes,
                    "compilation": Seconds(value=2.0, low=2.0, high=2.0)} | changed)


def at(batch_size):
    return Setting(batch_size=batch_size, learning_rate=0.1)


def test_a_training_is_its_updates_its_validation_passes_and_its_compilation():
    found = clock().seconds(at(10), 40)
    assert found.n_epochs == 4
    assert found.training.value == pytest.approx(40 * 1.1e-3)
    assert found.validation.value == pytest.approx(4 * 10e-3)
    assert found.compilation.value == 2.0
    assert found.total.value == pytest.approx(40 * 1.1e-3 + 4 * 10e-3 + 2.0)
    assert found.first_epoch.value == pytest.approx(10 * 1.1e-3 + 10e-3 + 2.0)


def test_the_interval_of_the_sum_is_wider_than_each_and_narrower_than_their_sum():
    found = clock().seconds(at(10), 40)
    widths = [part.high - part.value for part in (found.training, found.validation)]
    assert max(widths) < found.total.high - found.total.value < sum(widths)
    assert found.total.low < found.total.value < found.total.high


def test_what_was_not_measured_is_left_out_and_said():
    found = clock(passes=(), compilation=None).seconds(at(10), 40)
    assert (found.validation, found.compilation) == (None, None)
    assert found.total == found.training
    assert clock(steps=()).seconds(at(10), 40) is None


def test_a_validation_pass_between_two_sizes_goes_by_its_batches():
    assert clock().validation(10).value == pytest.approx(10e-3)
    assert clock().validation(50).value == pytest.approx(2e-3)
    assert clock().validation(25).value == pytest.approx(4e-3)       # two batches
    assert clock().validation(1000).value == pytest.approx(2e-3)     # one batch, whatever is beyond the rows


def test_a_batch_beyond_the_rows_is_one_update_an_epoch():
    found = clock().seconds(at(4096), 3)
    assert found.n_epochs == 3
    assert found.training.value == pytest.approx(3 * 2e-3)
