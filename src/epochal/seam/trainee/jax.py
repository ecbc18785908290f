"""The user's model in training on JAX: Keras' own step inside one compiled loop, the weights handed from call to call."""

from contextlib import contextmanager

import jax
import jax.numpy as jnp
import keras
import numpy as np

from ...base.errors import Unsupported
from ..convolutions.layers import can_be_products
from ..convolutions.rewrite import with_products
from ..machine import keep_programs
from ..model.copying import first_line, metrics_of
from ..rigs.jax import after, put
from ..rows import leaves, over
from . import accumulate
from .protocol import logs_of_its_own, of_one_shape, plain, refuse_mode

_UNROLLED = 8     # steps in a program without a loop


def bind(model, micro_batch_size=None, trains=None, judges=None):
    """The `Trainee` of a compiled and built model on JAX; `trains` and `judges`: its `Head`, where that does.

    Its variables are copied, so that an array which the user shares with another model is not given away to a program.
    """
    trains, judges = trains or model, judges or model
    keep_programs()
    if micro_batch_size is None:
        return _Trainee(model, trains, judges, trains.train_step)
    accumulate.refuse(model, micro_batch_size)
    return _Trainee(model, trains, judges, _accumulated(trains, micro_batch_size), micro_batch_size)


class _Trainee:
    backend, modes = "jax", ("fused", "unrolled", "stepwise")
    why_not = dict.fromkeys(("looped",), "JAX has no loop outside a compiled program.")

    def __init__(self, model, trains, judges, train, micro_batch_size=None):
        self._model, self._state, self._check = model, None, accumulate.Check(trains, micro_batch_size)
        self.device = jax.devices()[0].platform
        self.convolves_in_loops = _convolves_in_loops(trains)
        self._zeros, self._resets_alike = None, _resets_alike(model)
        tested = _tested(judges)
        train_looped = _differentiating_products(trains, train) if self.convolves_in_loops else train
        steps = {"train": _Step(model, train, train_looped, logs_of_its_own(model, "train")),
                 "test": _Step(model, tested, tested, logs_of_its_own(model, "test"))}
        self._judges_alone = _convolves_in_loops(judges)
        if self._judges_alone:  # without a gradient most convolutions are fastest as they are, outside loops
            alone = with_products(tested, lambda conv: conv.is_slow_alone)
            steps["test alone"] = _Step(model, alone, alone, logs_of_its_own(model, "test"))
        self._programs = {(what, mode): jax.jit(getattr(step, mode), donate_argnums=0)
                          for what, step in steps.items() for mode in self.modes}
        self._batch = jax.jit(_batch)
        self.load()

    def put(self, batch, *, any_size=False):
        return tuple(over(_put, tree) for tree in batch)

    def train(self, data, rows, mode):
        if self._check.is_due(rows):
            self.store()
            self._check(data, rows)
            self.load()
        return self._run("train", data, rows, mode)

    def test(self, data, rows, mode):
        if self._judges_alone and mode == "fused":
            return self._run("test alone", data, rows, "stepwise")
        return self._run("test", data, rows, mode)

    def reset_metrics(self):
        if not self._resets_alike:
            self.store()  # what a metric of the user's own is reset to may depend on what it holds
            self._model.reset_metrics()
            self.load()
            return
        if self._zeros is None:
            self._model.reset_metrics()
            self._zeros = [np.array(v.value) for v in self._model.metrics_variables]
        self._state = (*self._state[:3], self._zeros)  # NumPy's, which a program takes as they are and leaves so

    def load(self):
        groups, mine = _groups(self._model), self._state or ([], [], [], [])
        self._state = tuple([value if i < len(old) and (value := v.value) is old[i] else _copied(v.value)
                             for i, v in enumerate(group)] for group, old in zip(groups, mine, strict=True))
        self.store()

    def store(self):
        if self._state[3] is self._zeros:
            self._state = (*self._state[:3], jax.device_put(self._zeros))
        for group, values in zip(_groups(self._model), self._state, strict=True):
            for variable, value in zip(group, values, strict=True):
                if variable.value is not value:
                    variable.assign(value)

    numbers = staticmethod(lambda logs: over(plain, jax.device_get(logs)))  # one transfer, however many there are

    def wait(self):
        jax.block_until_ready(self._state)

    def _run(self, what, data, rows, mode):
        refuse_mode(self, mode)
        program, n = self._programs[what, mode], len(rows)
        if mode == "stepwise":
            for i in range(n):  # the rows are taken outside, so that as many rows as there may be cost no other step
                self._state, logs = program(self._state, self._batch(data, rows[i]))
            return logs
        if mode == "unrolled":
            for start in range(0, n - n % _UNROLLED, _UNROLLED):
                self._state, logs = program(self._state, data, rows[start : start + _UNROLLED])
            return logs if n % _UNROLLED == 0 else self._run(what, data, rows[n - n % _UNROLLED :], "stepwise")
        for padded, n in of_one_shape(rows):
            with _looping(self._model):
                self._state, logs = program(self._state, data, padded, n)
        return logs


class _Step:
    """One kind of step as pure functions of all four groups of variables; the logs are those of the last step.

    The step is traced once for a shape of batches, whatever the programs around it: when the first of them runs, as in Keras. So
    what a callback changes about a layer holds in all of them or in none. Where a loop has a form of the step of its own (`looped`:
    convolutions that keep a processor busy inside it), that is so for each form by itself.
    """

    def __init__(self, model, step, looped, own):
        self._model, self._own, self._step = model, own, jax.jit(step, inline=True)
        self._looped = self._step if looped is step else jax.jit(looped, inline=True)

    def stepwise(self, state, batch):
        return self._step(state, batch)[::-1]

    def unrolled(self, state, data, rows):
        for i in range(len(rows)):
            logs, state = self._step(state, _batch(data, rows[i]))
        return state, logs

    def fused(self, state, data, rows, n):
        if not self._own:
            state = jax.lax.fori_loop(0, n, lambda i, state: self._looped(state, _batch(data, rows[i]))[1], state)
            return state, _result(self._model, state)
        logs, _ = jax.eval_shape(self._looped, state, _batch(data, rows[0]))
        logs = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), logs)
        return jax.lax.fori_loop(0, n, lambda i, carry: self._looped(carry[0], _batch(data, rows[i]))[::-1], (state, logs))


def _result(model, state):
    with keras.StatelessScope(state_mapping=list(zip(model.metrics_variables, state[3], strict=True))):
        return model.get_metrics_result()


def _resets_alike(model):
    """Whether metrics are reset as Keras writes it: always to the same values."""
    resets = [model.reset_metrics, *(metric.reset_state for metric in metrics_of(model))]
    return all(getattr(reset, "__module__", "").startswith("keras.") for reset in resets)


def _copied(state):
    """A copy on the device of what is there; `jnp.copy` would compile a program for every shape."""
    return jax.device_put(state, may_alias=False)


def _convolves_in_loops(model):
    return jax.devices()[0].platform == "cpu" and can_be_products(model)


def _differentiating_products(model, step):
    """A step whose loss is computed by products before it is differentiated, as Keras' own steps do it: by a public method."""
    name = "compute_loss_and_updates"

    def looped(state, batch):
        held = vars(model)
        held[name] = with_products(getattr(model, name))
        try:
            return step(state, batch)
        finally:
            del held[name]

    return looped


def _tested(model):
    """`model.test_step` with the optimizer's variables passed by, so that both kinds of step have one state."""
    def step(state, batch):
        weights, fixed, slots, metrics = state
        logs, (weights, fixed, metrics) = model.test_step((weights, fixed, metrics), batch)
        return logs, (weights, fixed, slots, metrics)

    return step


def _accumulated(model, micro_batch_size):
    def step(state, batch):
        weights, fixed, slots, metrics = state
        x, y, weight = keras.utils.unpack_x_y_sample_weight(batch)
        of = accumulate.whole(model, (x, y, weight))

        def scaled(weights, fixed, metrics, piece):
            with _scope(model, (weights, fixed, slots, metrics)) as scope:  # the losses of several outputs are metrics too
                y_pred, loss = accumulate.part(model, piece, of, training=True)
                moved = after(scope, model.non_trainable_variables, fixed), after(scope, model.metrics_variables, metrics)
                return model.optimizer.scale_loss(loss), (loss, y_pred, *moved)

        slopes = jax.grad(with_products(scaled) if _convolves_in_loops(model) else scaled, has_aux=True)

        def one(carry, piece):
            grads, fixed, metrics = carry
            more, (loss, y_pred, fixed, metrics) = slopes(weights, fixed, metrics, piece)
            with _scope(model, (weights, fixed, slots, metrics)) as scope:
                accumulate.record(model, piece, y_pred, loss, of)
            return (jax.tree.map(jnp.add, grads, more), fixed, after(scope, model.metrics_variables, metrics)), None

        n = len(leaves(x)[0])
        full = n // micro_batch_size
        carry = (jax.tree.map(jnp.zeros_like, weights), fixed, metrics)
        if full:
            pieces = over(lambda a: a[: full * micro_batch_size].reshape(full, micro_batch_size, *a.shape[1:]), (x, y, weight))
            carry, _ = jax.lax.scan(one, carry, pieces)
        if n > full * micro_batch_size:
            carry, _ = one(carry, over(lambda a: a[full * micro_batch_size :], (x, y, weight)))
        grads, fixed, metrics = carry
        weights, slots = model.optimizer.stateless_apply(slots, grads, weights)
        state = weights, fixed, slots, metrics
        return _result(model, state), state

    return step


def _scope(model, state):
    return keras.StatelessScope(state_mapping=[pair for group, values in zip(_groups(model), state, strict=True)
                                               for pair in zip(group, values, strict=bool(values))], collect_losses=True)


@contextmanager
def _looping(model):
    """What a step returns must have the types of what it was given, or it cannot be repeated; nothing has run by then."""
    try:
        yield
    except TypeError as error:
        raise Unsupported(f"The step of the model `{model.name}` cannot be repeated inside a compiled loop ({first_line(error)}) "
                          'Train in the mode "stepwise".') from error


def _put(array):
    """A copy on the device with room for more rows, at most an eighth, so that as many programs do for all numbers of rows."""
    array = np.asarray(array)
    n = len(array)
    step = max(1, 2 ** (n.bit_length() - 4))
    return put(np.concatenate([array, np.zeros((-n % step, *array.shape[1:]), array.dtype)]))


def _batch(data, rows):
    return keras.utils.pack_x_y_sample_weight(*(over(lambda a: a[rows], tree) for tree in data))


def _groups(model):
    return model.trainable_variables, model.non_trainable_variables, model.optimizer.variables, model.metrics_variables
