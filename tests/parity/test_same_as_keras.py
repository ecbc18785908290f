"""A rig must train and judge exactly as Keras does, or nothing it measures is about the user's model."""

import sys

import keras
import numpy as np
import pytest
from contracts import zoo
from contracts.rigs import BACKEND, BINDS, flat, rig_of, user_model
from tiers import first_tier

from epochal.base.errors import Unsupported
from epochal.seam.rigs.keras_rig import KerasRig

STEPS = 30
# Equal to the last bit but for these, as a share of the largest number compared. Why: Keras computes a schedule's rate inside its
# compiled step, and we beside it, so that the rate may differ in its last bit.
TOLERANCE = {("jax", "scheduled"): 1e-6, ("tensorflow", "scheduled"): 1e-6, ("torch", "scheduled"): 1e-6}


@pytest.mark.parametrize("kind", first_tier(
    ("batch_norm", "two_inputs_two_outputs", "sample_weights", "own_compute_loss", "accumulating",
     "adamw_clipped"), zoo.WORKS))
def test_thirty_steps_are_those_of_train_on_batch(kind):
    rig = rig_of(kind, BACKEND)
    state, data = rig.fresh(0), zoo.source(kind)[1]
    if BACKEND == "torch" and kind == "dropout_without_seed":
        pytest.skip("PyTorch draws dropout without a seed from the stream of the whole process: no two runs are alike")
    model = user_model(kind, state)
    rng, losses, expected = np.random.default_rng(0), [], []
    for rate in rig.present_schedule(STEPS):
        batch, rows = _batch(rng, data)
        model.reset_metrics()
        expected.append(_train_on(model, batch))
        state, loss = rig.step(state, rows, rate)
        losses.append(float(loss))
    assert len(set(losses)) > STEPS / 2
    _assert_same(kind, losses, expected)
    _assert_same(kind, flat(state.weights), flat(model.trainable_variables))
    _assert_same(kind, flat(state.fixed), flat(model.non_trainable_variables))
    slots = _without_rate(state.slots, rig._twin.model.optimizer)
    _assert_same(kind, flat(slots), flat(_without_rate(model.optimizer.variables, model.optimizer)))


@pytest.mark.parametrize("kind", first_tier(("batch_norm", "dropout", "two_inputs_two_outputs"), zoo.WORKS))
def test_the_portable_rig_takes_the_same_step_or_says_why_not(kind):
    rig, native = rig_of(kind, "portable"), rig_of(kind, BACKEND)
    rows, start = np.arange(16), rig.fresh(0)
    if BACKEND == "torch" and kind == "dropout_without_seed":
        with pytest.raises(Unsupported, match="a stream that Keras alone cannot wind back. Give every dropout layer a seed"):
            rig.step(start, rows, 0.01)
        return
    (ours, loss), (theirs, expected) = rig.step(start, rows, 0.01), native.step(native.fresh(0), rows, 0.01)
    _assert_same(kind, [loss], [float(expected)])
    _assert_same(kind, flat([*ours.weights, *ours.fixed, *ours.slots]), flat([*theirs.weights, *theirs.fixed, *theirs.slots]))


@pytest.mark.parametrize("bind", BINDS)
@pytest.mark.parametrize("kind", first_tier(1, ["sample_weights", "two_inputs_two_outputs", "own_loss_and_metric"]))
def test_evaluate_gives_the_figures_of_keras_own_evaluate_block_by_block(kind, bind, monkeypatch):
    for module in (BINDS[bind].__module__, "epochal.seam.rigs.judging"):
        monkeypatch.setattr(sys.modules[module], "EVALUATION_BLOCK", 5, raising=False)  # 12 rows: two blocks and a rest
    source, data = zoo.source(kind)
    rig = KerasRig(source, data, BINDS[bind])
    state = rig.fresh(0)
    model, scores = user_model(kind, state), rig.evaluate(state)
    for part, row in zip(data.parts, scores, strict=True):
        log = model.evaluate(part.x, part.y, sample_weight=part.weight, batch_size=5, verbose=0, return_dict=True)
        for name, figure in zip(("loss", *rig.task.metrics), row, strict=True):
            if (BACKEND, name) in {("tensorflow", "kind_loss"), ("tensorflow", "size_loss")} and bind != "portable":
                continue  # there Keras averages the losses of single outputs over blocks, whatever their size; we over rows
            assert figure == pytest.approx(log[name], rel=1e-6), name
    np.testing.assert_array_equal(scores, rig.evaluate(state))
    assert len(np.unique(scores[:, 0])) == 3


@pytest.mark.parametrize("bind", BINDS)
@pytest.mark.parametrize("kind", first_tier(1, ["dropout", "batch_norm", "adamw_clipped"]))
def test_the_gradient_is_how_far_one_plain_step_of_keras_moves(kind, bind):
    rig = rig_of(kind, bind)
    state, data = rig.fresh(0), zoo.source(kind)[1]
    model = user_model(kind, state)
    model.optimizer = keras.optimizers.SGD(1.0)
    model.optimizer.build(model.trainable_variables)
    before = flat(model.trainable_variables)
    _train_on(model, data.train.take(np.arange(16)))
    moved = before - flat(model.trainable_variables)
    np.testing.assert_allclose(rig.gradient(state, np.arange(16)), moved, atol=2e-6 * np.abs(before).max())
    assert np.abs(moved).max() > 1e-3


def _batch(rng, data):
    rows = rng.choice(data.train.n_rows, 16, replace=False)
    return data.train.take(rows), rows


def _train_on(model, batch):
    return float(model.train_on_batch(batch.x, batch.y, sample_weight=batch.weight, return_dict=True)["loss"])


def _assert_same(kind, ours, keras_own):
    tolerance = TOLERANCE.get((BACKEND, kind), 0)
    ours, keras_own = np.asarray(ours, np.float64), np.asarray(keras_own, np.float64)
    assert np.isfinite(ours).all()
    np.testing.assert_allclose(ours, keras_own, rtol=0, atol=tolerance * max(np.abs(keras_own).max(initial=0), 1))


def _without_rate(slots, optimizer):
    """Under a schedule Keras keeps no rate among the slots, and we do."""
    return [slot for slot, v in zip(slots, optimizer.variables, strict=True) if not v.path.endswith("learning_rate")]
