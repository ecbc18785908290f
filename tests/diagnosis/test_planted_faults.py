"""Trainings broken on purpose: each fault is found and named, from its history where that can be known, else with the data."""

import numpy as np
import pytest
from diagnosis import planted

import epochal

# The fault; what must be found in the History object; in the bare curves (None: it cannot be known from them).
FAULTS = [
    ("label_noise_and_a_wide_net", "overfitting", "overfitting"),
    ("three_times_the_critical_rate", "rate too high", "rate too high"),
    ("a_hundredth_of_the_rate", "rate too low", "rate too low"),
    ("sorted_rows", "rows held out", "rows held out"),
    ("a_reused_model", "reused model", None),
    ("batch_norm_with_80_updates", "batch-norm lag", None),
    ("class_weights", "class weights", "class weights"),
    ("a_leaked_target", "leakage", "leakage"),
    ("a_diverged_training", "divergence", "divergence"),
    ("stopped_too_early", "stopped too early", "stopped too early"),
    ("patience_far_too_long", "stopped too late", "stopped too late"),
    ("few_validation_rows", "noisy validation", "noisy validation"),
    ("too_few_updates", "too few updates", None),
    ("dropout_gap", "dropout's inverted gap", "dropout's inverted gap"),
    ("a_rare_class_and_a_large_batch", "rare class", "rare class"),
    ("dead_units", "underfitting", "underfitting"),
    ("labels_of_other_rows", "the baseline", None),
]
# What takes the model and the data: the fault, and its name.
TESTED = [("a_tiny_model", "underfitting"), ("the_same_rows_in_both_parts", "rows in both parts"), ("a_leaked_target", "leakage"),
          ("label_noise_and_a_wide_net", "overfitting"), ("batch_norm_with_80_updates", "batch-norm lag"),
          ("sorted_rows", "rows held out"), ("a_rare_class_and_a_large_batch", "rare class")]


@pytest.mark.second
@pytest.mark.parametrize(("fault", "kind", "bare"), FAULTS)
def test_a_planted_fault_is_named(fault, kind, bare):
    broken = getattr(planted, fault)()
    found = epochal.diagnose(broken.history, baseline=broken.baseline)
    assert found.of(kind) is not None, str(found)
    if bare is not None:
        found = epochal.diagnose(broken.history.history)
        assert found.of(bare) is not None, str(found)


@pytest.mark.second
@pytest.mark.parametrize(("fault", "kind"), TESTED)
def test_a_planted_fault_is_shown_by_a_test_with_model_and_data(fault, kind):
    broken = getattr(planted, fault)()
    before = [np.array(weight) for weight in broken.model.weights]
    said = {name: value for name, value in broken.arguments.items() if name in ("batch_size", "validation_split")}
    found = epochal.diagnose(broken.history, broken.model, broken.x, broken.y, budget=30, isolated=False, **said)
    one = found.of(kind)
    assert one is not None, str(found)
    assert one.severity != "note"
    assert "read from one curve" not in one.certainty or fault == "a_rare_class_and_a_large_batch"
    assert all(np.array_equal(old, new) for old, new in zip(before, broken.model.weights, strict=True))
