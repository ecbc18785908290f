"""What a rig for a Keras model owes beyond the contract: it leaves the user's things alone, starts cold, and compiles once."""

import random
from dataclasses import replace
from functools import partial

import keras
import numpy as np
import pytest
from contracts import zoo
from contracts.rig_contract import judged_on
from contracts.rigs import BACKEND, BINDS, bytes_of, flat, numpy, rig_of
from tiers import first_tier

from epochal.seam import Part
from epochal.seam.rigs.keras_rig import KerasRig
from epochal.seam.rows import with_folds, with_folds_beside_own

ROWS = np.arange(16)
each_rig = pytest.mark.parametrize("bind", BINDS)


@each_rig
@pytest.mark.parametrize("kind", zoo.REFUSED, ids=lambda kind: kind.__name__)
def test_what_cannot_be_measured_is_refused_with_a_sentence(kind, bind):
    error, sentence = zoo.REFUSED[kind]
    with pytest.raises(error, match=sentence):
        KerasRig(*kind(), BINDS[bind])


@pytest.mark.parametrize(("bind", "kind"), first_tier(1, [(BACKEND, "dropout_without_seed"), ("portable", "batch_norm")]))
def test_the_users_model_optimizer_data_and_random_streams_are_untouched(bind, kind):
    model, data = zoo.source(kind)
    model.train_on_batch(data.train.x, data.train.y)  # a used model: warm slots, moments and metrics
    before = _everything(model, data, bind)
    rig = KerasRig(model, data, BINDS[bind])
    state = rig.fresh(0)
    state, _ = rig.step(state, ROWS, 0.1)
    rig.gradient(state, ROWS, draw=1)
    rig.loss(state, ROWS)
    rig.evaluate(state)
    rig.peak_bytes(16)
    rig.present_schedule(5)
    rig.fit_seconds(8, 4)
    rig.predict_seconds(8, 20)
    assert _everything(model, data, bind) == before
    model.train_on_batch(data.train.x, data.train.y)  # and its buffers are still its own
    rig.evaluate(state)


@each_rig
def test_a_used_model_starts_cold(bind):
    model, data = zoo.source("batch_norm")
    cold = KerasRig(model, data, BINDS[bind]).fresh(0)
    for _ in range(3):
        model.train_on_batch(data.train.x, data.train.y)
    fresh = KerasRig(model, data, BINDS[bind], start="fresh").fresh(0)
    for group in ("weights", "fixed", "slots"):
        np.testing.assert_array_equal(flat(getattr(fresh, group)), flat(getattr(cold, group)))


@each_rig
def test_a_new_start_keeps_what_a_frozen_layer_holds(bind):
    model, data = zoo.source("frozen")
    kept = flat(model.non_trainable_variables)
    rig = KerasRig(model, data, BINDS[bind])
    for state in (rig.fresh(0), rig.fresh(1), rig.step(rig.fresh(0), ROWS, 0.1)[0]):
        np.testing.assert_array_equal(flat(state.fixed), kept)


@each_rig
def test_a_new_start_keeps_what_a_layer_was_adapted_to(bind):
    model, data = zoo.source("normalised_beforehand")
    rig = KerasRig(model, data, BINDS[bind])
    state = rig.fresh(0)
    model.set_weights([numpy(v) for v in (*state.fixed, *state.weights)])
    expected = model.evaluate(data.train.x[:16], data.train.y[:16], verbose=0, return_dict=True)["loss"]
    assert rig.loss(state, ROWS) == pytest.approx(expected, rel=1e-6)


@each_rig
def test_another_seed_draws_other_dropout_even_where_the_layer_has_a_seed(bind):
    rig = rig_of("dropout", bind)
    three, four = rig.fresh(3), rig.fresh(4)
    other_stream = four._replace(weights=three.weights)
    losses = [float(rig.step(state, ROWS, 0.0)[1]) for state in (three, rig.fresh(3), other_stream)]
    assert losses[0] == losses[1] != losses[2]


@pytest.mark.parametrize("kind", ["dropout", "dropout_without_seed"])
def test_dropout_is_redrawn_at_each_step_and_draw_and_repeats_for_the_same(kind):
    rig = rig_of(kind, BACKEND)
    state = rig.fresh(0)
    later, first = rig.step(state, ROWS, 0.0)
    assert float(rig.step(later, ROWS, 0.0)[1]) != float(first)
    assert float(rig.step(state, ROWS, 0.0)[1]) == float(first)
    drawn = [rig.gradient(state, ROWS, draw=draw) for draw in (0, 0, 1)]
    np.testing.assert_array_equal(drawn[0], drawn[1])
    assert not np.array_equal(drawn[0], drawn[2])


@each_rig
def test_loss_has_no_dropout(bind):
    rig = rig_of("dropout", bind)
    state = rig.fresh(0)
    other_stream = rig.fresh(1)._replace(weights=state.weights)
    assert rig.loss(state, ROWS) == rig.loss(other_stream, ROWS)


@each_rig
def test_slope_and_curvature_have_no_dropout(bind):
    rig = rig_of("dropout", bind)
    state = rig.fresh(0)
    other_stream = rig.fresh(1)._replace(weights=state.weights)
    v = np.linspace(-1, 1, rig.n_params, dtype=np.float32)
    for one, other in ((rig.slope(s, ROWS), rig.curvature(s, ROWS, v)) for s in (state, other_stream)):
        np.testing.assert_allclose(one, rig.slope(state, ROWS), rtol=1e-6, atol=1e-8)
        np.testing.assert_allclose(other, rig.curvature(state, ROWS, v), rtol=1e-6, atol=1e-7)
    reach = 3e-3 * v / np.linalg.norm(v) * np.linalg.norm(rig.weights(state))
    ahead, behind = (rig.loss(rig.move(state, sign * reach), ROWS) for sign in (1, -1))
    assert (ahead - behind) / 2 == pytest.approx(rig.slope(state, ROWS) @ reach, rel=0.02)


@each_rig
def test_loss_normalises_over_its_rows(bind):
    rig = rig_of("batch_norm", bind)
    state = rig.fresh(0)
    assert rig.task.normalises_over_batch
    apart = np.mean([rig.loss(state, rows) for rows in (ROWS[:8], ROWS[8:])])
    assert abs(rig.loss(state, ROWS) - apart) > 1e-3


@each_rig
def test_a_new_rate_or_seed_is_not_traced_again(bind):
    if BACKEND == "torch":
        pytest.skip("PyTorch runs eagerly: there is nothing to trace")
    rig, traces = KerasRig(*zoo.source("dense"), BINDS[bind]), []
    compute_loss = rig._twin.model.compute_loss
    rig._twin.model.compute_loss = lambda *arguments, **named: traces.append(1) or compute_loss(*arguments, **named)
    state, _ = rig.step(rig.fresh(0), ROWS, 0.1)
    traced = len(traces)
    assert traced > 0
    for seed, rate in ((0, 0.01), (1, 0.001), (2, np.float32(0.3)), (2, 1)):
        rig.step(rig.fresh(seed), ROWS + 1, rate)
        rig.step(state, ROWS, rate)
    assert len(traces) == traced
    rig.step(state, ROWS[:3], 0.1)
    assert len(traces) > traced


@each_rig
def test_the_present_rate_and_schedule_are_those_the_model_is_compiled_with(bind):
    rig = rig_of("dense", bind)
    rig.step(rig.fresh(0), ROWS, 0.7)  # a rate of ours leaves no trace
    assert (rig.present.batch_size, rig.present.learning_rate) == (32, pytest.approx(1e-3))
    np.testing.assert_allclose(rig.present_schedule(3), 1e-3, rtol=1e-6)
    rig = rig_of("scheduled", bind)
    assert rig.present.schedule == "CosineDecay"
    cosine = 0.01 * (1 + np.cos(np.pi * np.minimum(np.arange(50), 40) / 40)) / 2
    np.testing.assert_allclose(rig.present_schedule(50), cosine, atol=1e-8)


@pytest.mark.parametrize("kind", first_tier(2, ["two_inputs_two_outputs", "scheduled", "dense", "mixed_float16"]))
def test_the_fingerprint_is_that_of_the_function_which_builds_the_model_and_of_a_second_one(kind):
    (model, data), (second, _) = zoo.source(kind), zoo.source(kind)
    prints = {KerasRig(source, data, BINDS[BACKEND]).task.fingerprint for source in (model, second, lambda: zoo.WORKS[kind]()[0])}
    assert len(prints) == 1


def test_the_fingerprint_changes_with_data_architecture_and_optimizer():
    model, data = zoo.source("dense")
    moved = replace(data, train=Part(data.train.x + np.float32(1e-6), data.train.y))
    wide = keras.Sequential([keras.Input((5,)), keras.layers.Dense(9, activation="tanh"), keras.layers.Dense(3)])
    bent = keras.Sequential([keras.Input((5,)), keras.layers.Dense(8, activation="relu"), keras.layers.Dense(3)])
    for other in (wide, bent):
        other.compile("adam", model.loss, metrics=["accuracy"])
    variants = [(model, data), (model, moved), (wide, data), (bent, data), (zoo.momentum()[0], data),
                (zoo.dense(keras.optimizers.Adam(2e-3))[0], data), (zoo.scheduled()[0], data)]
    assert len({KerasRig(*variant, BINDS[BACKEND]).task.fingerprint for variant in variants}) == len(variants)


def test_the_fingerprint_changes_with_the_settings_of_loss_and_metrics_and_not_with_their_counted_names():
    def fingerprint(loss, *metrics, weights=None):
        def build():
            model = zoo.dense()[0]
            model.compile("adam", loss(), metrics=[metric() for metric in metrics], loss_weights=weights)
            return model

        return KerasRig(build, zoo.source("dense")[1], BINDS[BACKEND]).task.fingerprint

    def loss(**options):
        return lambda: keras.losses.SparseCategoricalCrossentropy(**options)

    def top(k):
        return lambda: keras.metrics.SparseTopKCategoricalAccuracy(k)

    logits = loss(from_logits=True)
    variants = [(logits,), (loss(),), (logits, top(1)), (logits, top(2)), (logits, top(1), top(2))]
    assert len({fingerprint(*variant) for variant in variants}) == len(variants)
    assert fingerprint(logits, weights=[0.5]) != fingerprint(logits)
    assert len({fingerprint(logits, top(1), top(2)) for _ in range(3)}) == 1


def test_a_loss_that_does_not_say_what_it_is_made_of_is_no_hindrance():
    def build():
        model = zoo.dense()[0]
        model.compile("adam", partial(keras.losses.sparse_categorical_crossentropy, from_logits=True, ignore_class=2))
        return model

    prints = {KerasRig(build, zoo.source("dense")[1], BINDS[BACKEND]).task.fingerprint for _ in range(2)}
    assert len(prints) == 1


def test_this_back_end_knows_when_memory_ran_out():
    rig = rig_of("dense", BACKEND)
    if BACKEND == "tensorflow":
        import tensorflow

        error = tensorflow.errors.ResourceExhaustedError(None, None, "as its allocator says after ten seconds of trying")
    else:
        with pytest.raises(RuntimeError) as caught:
            keras.ops.convert_to_numpy(keras.ops.zeros((2**44,), "float32") + 1)
        error = caught.value
    assert rig.out_of_memory(error)
    assert not rig.out_of_memory(RuntimeError("RESOURCE_EXHAUSTED, says someone else"))
    assert rig_of("dense", "portable").out_of_memory(MemoryError())


def _everything(model, data, bind):
    """All that is the user's, as bytes."""
    streams = [random.getstate(), [np.array(a).tobytes() for a in np.random.get_state()]]
    if bind == "torch":  # the portable rig does not know of it
        import torch

        streams.append(torch.get_rng_state().numpy().tobytes())
    variables = [*model.variables, *model.optimizer.variables, *model.metrics_variables]
    return repr([[numpy(v).tobytes() for v in variables], model.optimizer.get_config(), bytes_of(data), streams,
                 model.optimizer.built, keras.config.dtype_policy().name])


@each_rig
@pytest.mark.parametrize("folding", [with_folds, with_folds_beside_own])
@pytest.mark.parametrize("kind", first_tier(1, ["sample_weights", "two_inputs_two_outputs", "batch_norm"]))
def test_a_fold_is_judged_as_the_same_rows_are_that_are_held_out_from_the_start(kind, folding, bind):
    source, data = zoo.source(kind)
    data = folding(replace(data, half_a=data.half_a.take(slice(0, 5)), half_b=data.half_b.take(slice(0, 4))), seed=0)
    rig, rows = KerasRig(source, data, BINDS[bind]), data.folds.rows
    judging = replace(rows, weight=data.folds.weight)
    assert rig.turns == ((0, 1, 2, 3) if folding is with_folds else (1, 2, 3, 4, 5))
    for fold in (0, 2):
        alone = replace(data, folds=None, train=rows.take(rig.folds[fold].train), half_a=judging.take(rig.folds[fold].half_a),
                        half_b=judging.take(rig.folds[fold].half_b))
        other = KerasRig(source, alone, BINDS[bind])
        state, theirs = rig.fresh(0), other.fresh(0)
        state, loss = rig.step(state, rig.folds[fold].train[:16], 0.01)
        theirs, expected = other.step(theirs, ROWS, 0.01)
        assert float(loss) == pytest.approx(float(expected), rel=1e-6)
        (figures, blocks), (same, alike) = rig.judged(state, fold), other.judged(theirs)
        np.testing.assert_allclose(figures, same, rtol=1e-5)
        np.testing.assert_allclose(blocks, alike, rtol=1e-5)
    assert not np.array_equal(rig.judged(state, 0)[0][:2], rig.judged(state, 1)[0][:2])
    np.testing.assert_array_equal(rig.judged(state, 0)[0][2:], rig.judged(state, 1)[0][2:])     # the test rows are the same


@each_rig
def test_blocks_of_a_half_have_as_many_rows_each_and_make_up_its_loss(bind):
    rig = rig_of("batch_norm", bind)      # 12 rows in each half
    state, _ = rig.step(rig.fresh(0), ROWS, 0.1)
    figures, blocks = rig.judged(state)
    assert blocks.shape == (2, 4)
    np.testing.assert_allclose(blocks.mean(1), figures[:2, 0], rtol=1e-5)
    for half in (0, 1):
        expected = [judged_on(rig, state, half, np.arange(start, start + 3)) for start in (0, 3, 6, 9)]
        np.testing.assert_allclose(blocks[half], expected, rtol=1e-5)


@each_rig
@pytest.mark.parametrize(("n_rows", "n_blocks"), [(3, 3), (7, 4), (23, 4)])
def test_blocks_hold_equally_many_rows_also_beyond_what_is_judged_at_once(bind, n_rows, n_blocks, monkeypatch):
    monkeypatch.setattr("epochal.seam.rigs.judging.EVALUATION_BLOCK", 2)     # 23 rows: 12 blocks of one, three of which make one
    source, data = zoo.source("batch_norm")
    half = data.train.take(slice(0, n_rows))
    rig = KerasRig(source, replace(data, half_a=half, half_b=half), BINDS[bind])
    state, _ = rig.step(rig.fresh(0), ROWS, 0.1)
    figures, blocks = rig.judged(state)
    size = {3: 1, 7: 1, 23: 3}[n_rows]
    expected = [judged_on(rig, state, 0, np.arange(i * size, (i + 1) * size)) for i in range(n_blocks)]
    np.testing.assert_allclose(blocks, [expected] * 2, rtol=1e-5)
    assert figures[0, 0] == pytest.approx(np.mean([judged_on(rig, state, 0, [i]) for i in range(n_rows)]), rel=1e-5)
