"""What an optimizer scales gradients by, and when it no longer settles, against the steps that Keras' own optimizers take."""

import keras
import numpy as np
import pytest
from contracts import zoo
from contracts.optimizers import optimizers, several
from contracts.rigs import BACKEND, BINDS, rig_of

from epochal.rules.stability import stability_limit
from epochal.seam.model.preconditioner import momentum
from epochal.seam.rigs.keras_rig import KerasRig

ROWS = np.arange(16)
from_keras = keras.optimizers
SCALING = {  # without averaging, so that a step is -rate x D x gradient
    "Adam": lambda: from_keras.Adam(0.01, beta_1=0.0),
    "Adam with a large epsilon": lambda: from_keras.Adam(0.01, beta_1=0.0, epsilon=0.1),
    "AMSGrad": lambda: from_keras.Adam(0.01, beta_1=0.0, beta_2=0.5, amsgrad=True),
    "AdamW": lambda: from_keras.AdamW(0.01, beta_1=0.0, weight_decay=0.0),
    "Nadam": lambda: from_keras.Nadam(0.01, beta_1=0.0),
    "RMSprop": lambda: from_keras.RMSprop(0.01),
    "RMSprop, centered": lambda: from_keras.RMSprop(0.01, centered=True),
    "LossScaleOptimizer of Adam": lambda: from_keras.LossScaleOptimizer(from_keras.Adam(0.01, beta_1=0.0), initial_scale=8.0),
    "averaging weights": lambda: from_keras.Adam(0.01, beta_1=0.0, use_ema=True),
}
AVERAGING = {  # ε is so large that D is 1 / ε: then a step is the rate times an average
    "plain": lambda rate: from_keras.SGD(rate), "heavy ball": lambda rate: from_keras.SGD(rate, momentum=0.5),
    "Nesterov": lambda rate: from_keras.SGD(rate, momentum=0.5, nesterov=True),
    "Adam": lambda rate: from_keras.Adam(rate * 1e4, beta_2=0.5, epsilon=1e4), "AdamW": lambda rate: from_keras.AdamW(
        rate * 1e4, beta_1=0.5, beta_2=0.5, epsilon=1e4, weight_decay=0.0),
    "Nadam": lambda rate: from_keras.Nadam(rate * 1e4, beta_2=0.5, epsilon=1e4),
    "RMSprop": lambda rate: from_keras.RMSprop(rate * 1e2, rho=0.5, epsilon=1e4),
    "RMSprop with momentum": lambda rate: from_keras.RMSprop(rate * 1e2, rho=0.5, epsilon=1e4, momentum=0.7),
}


@pytest.mark.parametrize("name", SCALING)
def test_a_step_is_the_rate_times_the_diagonal_times_the_gradient(name):
    model, data = zoo.dense(SCALING[name]())
    rig = KerasRig(model, data, BINDS[BACKEND])
    state = rig.fresh(0)
    for rows in (ROWS, ROWS + 8, ROWS):
        before, gradient = rig.weights(state), rig.gradient(state, rows)
        state, _ = rig.step(state, rows, 0.01)
        np.testing.assert_allclose(rig.weights(state) - before, -0.01 * rig.preconditioner(state) * gradient, rtol=2e-3, atol=2e-7)


@pytest.mark.parametrize("bind", BINDS)
def test_all_rigs_tell_the_same(bind):
    rig = rig_of("dense", bind)
    state = rig.fresh(0)
    assert rig.preconditioner(state) is None
    found = rig.preconditioner(rig.step(state, ROWS, 0.01)[0])
    assert found.dtype == np.float32
    assert found.shape == (rig.n_params,)
    gradient = np.abs(rig.gradient(state, ROWS))
    np.testing.assert_allclose(found, np.sqrt(1e-3) / (np.sqrt(1e-3) * gradient + 1e-7), rtol=1e-3)


def test_an_accumulating_optimizer_has_none_before_its_first_update():
    rig = rig_of("accumulating", BACKEND)
    once, _ = rig.step(rig.fresh(0), ROWS, 0.01)
    assert rig.preconditioner(once) is None
    assert rig.preconditioner(rig.step(once, ROWS, 0.01)[0]) is not None


@pytest.mark.parametrize("name", sorted(optimizers()))
def test_every_optimizer_of_keras_tells_both_or_nothing(name):
    """No optimizer is taken for another: what is told of it is one of four kinds, or nothing."""
    optimizer = optimizers()[name]()
    found = momentum(optimizer)
    known = name.split(",")[0].removeprefix("LossScaleOptimizer of ") in ("SGD", "Adam", "AdamW", "Nadam", "RMSprop") or (
        name == "Adam without decay of biases")
    assert (found is not None) == known


def test_optimizers_for_parts_of_a_model_and_with_an_update_of_their_own_tell_nothing():
    class Own(from_keras.Adam):
        def update_step(self, gradient, variable, learning_rate):
            self.assign_sub(variable, learning_rate * gradient)

    assert momentum(Own()) is None
    if hasattr(from_keras, "MultiOptimizer"):
        assert momentum(several()) is None
    model, data = zoo.dense(Own(0.01))
    rig = KerasRig(lambda: model, data, BINDS[BACKEND])
    assert rig.preconditioner(rig.step(rig.fresh(0), ROWS, 0.1)[0]) is None


@pytest.mark.parametrize("name", AVERAGING)
def test_an_optimizer_settles_below_the_limit_and_not_above(name):
    """Curvatures from 1 % below to 1 % above the limit, all descended at once: 2, 3, 1.5 and 38 over the rate among them."""
    rate = 0.25
    optimizer = AVERAGING[name](rate)
    kind, m, _ = momentum(optimizer)
    h = stability_limit(rate, kind, m) * np.array([0.5, 0.99, 1.01])
    weights = keras.Variable(np.full(3, 1e-6, "float32"))
    optimizer.build([weights])
    for _ in range(300 if name == "Nadam" else 30):  # what changes with the number of updates alone comes to rest
        optimizer.apply([keras.ops.zeros(3)], [weights])
    seen = []
    for _ in range(400):
        now = keras.ops.convert_to_numpy(weights).astype(float)
        seen.append(np.abs(now))
        if now[2] > 1:
            break
        optimizer.apply([keras.ops.convert_to_tensor((h * now).astype("float32"))], [weights])
    late = np.max(seen[-20:], 0)
    assert (late[:2] < 0.5 * np.max(seen[:20], 0)[:2]).all()
    assert late[2] > 2 * seen[0][2]
