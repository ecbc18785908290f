"""The engine on real Keras models: the compiled epoch is Keras' own steps one after the other."""

from dataclasses import replace

import keras
import numpy as np
import pytest
from contracts.rigs import BACKEND, BINDS, rig_of
from engine.ways import way
from keras import layers

from epochal.engine import Batches, Lane, train
from epochal.engine.lanes import order
from epochal.engine.programs import stretch_program
from epochal.engine.stretch import Stretches
from epochal.records import Outcome
from epochal.seam.rigs.keras_rig import KerasRig
from epochal.seam.rows import Data, Part

pytestmark = pytest.mark.skipif(BACKEND != "jax", reason="only JAX compiles an epoch; on others there are single steps alone")

STEPWISE, FUSED = way("stepwise"), way("fused", 2)
LANES = [Lane(11, 1e-2), Lane(12, lambda n: np.linspace(1e-2, 1e-3, n))]


@pytest.mark.parametrize("kind", ["batch_norm", "small_cnn"])
def test_fused_equals_stepwise_with_batch_norm_or_convolutions_adam_and_a_schedule(kind):
    """24 rows by 10: the last batch of an epoch has four."""
    rig, batches = rig_of(kind, BACKEND), Batches(10, 3)
    assert rig.pure.convolves_in_loops == (kind == "small_cnn")
    for one, other in zip(train(rig, LANES, batches, how=FUSED), train(rig, LANES, batches, how=STEPWISE), strict=True):
        np.testing.assert_allclose(one.train_loss, other.train_loss, rtol=1e-5)
        np.testing.assert_allclose(one.figures, other.figures, rtol=1e-5)
        assert one.figures.shape == (3, 3, 2)      # two halves and the test rows; loss and accuracy


def test_a_stretch_of_a_convolutional_network_is_one_program_wherever_it_stops():
    rig = rig_of("small_cnn", BACKEND)
    found = Stretches(rig, 5, 1)
    assert found.seconds_an_update(LANES[0]) > 0
    training = found.start(LANES[0])
    for n_updates in (1, 4, 15):
        found.advance(training, n_updates)
    state = rig.fresh(LANES[0].seed)
    rows = [order(LANES[0].seed, epoch, 24)[:20].reshape(4, 5) for epoch in range(4)]
    for batch in np.concatenate(rows)[:15]:
        state, _ = rig.step(state, batch, 1e-2)
    np.testing.assert_allclose(rig.weights(training.state), rig.weights(state), rtol=1e-4, atol=1e-5)
    assert " convolution(" not in stretch_program(rig, 5, 8).as_text()


@pytest.fixture(scope="module")
def ones():
    """Rows that are all alike, and a model whose first weights are: only dropout tells one step from another."""
    model = keras.Sequential([keras.Input((40,)), layers.Dropout(0.5), layers.Dense(1, kernel_initializer="ones")])
    model.compile(keras.optimizers.SGD(0.1), "mse")
    part = Part(np.ones((12, 40), "float32"), np.full((12, 1), 40.0, "float32"))
    return KerasRig(model, Data("ones", "regression", part, part, part), BINDS[BACKEND])


def test_dropout_draws_for_each_seed_and_each_epoch_anew_and_for_one_seed_alike(ones):
    lanes = [Lane(1, 0.0), Lane(2, 0.0), Lane(1, 0.0)]
    one, other, again = train(ones, lanes, Batches(8, 3), how=replace(FUSED, width=3))
    np.testing.assert_allclose(one.train_loss, train(ones, lanes[:1], Batches(8, 3), how=STEPWISE)[0].train_loss, rtol=1e-5)
    assert (one.train_loss != other.train_loss).all()
    assert len(set(one.train_loss.tolist())) == 3
    np.testing.assert_array_equal(one.train_loss, again.train_loss)
    assert (one.figures == 0).all()                # judged without dropout
    assert (one.train_loss > 0).all()


def test_an_absurd_rate_diverges_and_leaves_the_other_lane_as_it_was(ones):
    rig, batches = ones, Batches(8, 4)
    calm, wild, also = train(rig, [Lane(1, 1e-4), Lane(2, 1e6), Lane(3, 1e-4)], batches, how=replace(FUSED, width=3))
    alone, too = train(rig, [Lane(1, 1e-4), Lane(3, 1e-4)], batches, how=replace(FUSED, width=3))
    assert wild.outcome is Outcome.DIVERGED
    assert len(wild.train_loss) < 4
    for one, other in ((calm, alone), (also, too)):
        assert one.outcome is Outcome.OK
        np.testing.assert_array_equal(one.train_loss, other.train_loss)
        np.testing.assert_array_equal(one.figures, other.figures)


def test_the_loss_of_an_epoch_at_rate_zero_is_what_evaluate_says():
    """Without dropout and with nothing moving, the mean over an epoch with a short last batch is the mean over the rows."""
    model = keras.Sequential([keras.Input((5,)), layers.Dense(3)])
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    rng = np.random.default_rng(0)
    part = Part(rng.normal(size=(25, 5)).astype("float32"), rng.integers(0, 3, 25))
    rig = KerasRig(model, Data("rows", "multiclass", part, part, part), BINDS[BACKEND])
    (run,) = train(rig, [Lane(1, 0.0)], Batches(8, 2), how=STEPWISE)
    np.testing.assert_allclose(run.train_loss, run.figures[:, 0, 0], rtol=1e-6)
