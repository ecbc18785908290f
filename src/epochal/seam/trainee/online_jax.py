"""Answer, then learn, batch after batch, as one compiled loop on JAX."""

import jax
import jax.numpy as jnp
import keras
import numpy as np

from ...base.errors import Unsupported
from ..machine import keep_programs
from ..model.copying import first_line
from ..rows import over


class Looped:
    """As `online.Stepped`. The loop is one program for every number of batches, so that how rows arrive changes no number."""

    def __init__(self, model, judge, batch_size, n_batches, replays):
        keep_programs()
        self.model, self.batch_size, self.n_rows, self.metric = model, batch_size, batch_size * n_batches, judge.metric
        self._judge, self._replays, self._state = judge, replays, None
        self._whole = jax.jit(lambda *given: self._loop(batch_size, *given), donate_argnums=0)
        self._short = jax.jit(lambda state, n, x, y, again: self._loop(y.shape[0], state, n, x, y, again), donate_argnums=0)
        self.load()

    def learn(self, x, y, again=None):
        n, again = len(y), again if self._replays else None
        if n % self.batch_size:  # the last rows of a source
            program, n_batches = self._short, 1
        else:
            program, n_batches = self._whole, n // self.batch_size
            x, y, again = (_filled(tree, self.n_rows) for tree in (x, y, again))
        try:
            self._state, losses, errors = program(self._state, n_batches, x, y, again)
        except TypeError as error:
            raise Unsupported(f"The step of the model `{self.model.name}` cannot be repeated inside a compiled loop "
                              f"({first_line(error)}) Compile it with jit_compile=False.") from error
        return np.asarray(losses)[:n], np.asarray(errors)[:n]

    def load(self):
        """Go on from what the model's variables hold now."""
        self._state = tuple([jax.device_put(v.value, may_alias=False) for v in group] for group in self._groups())

    def store(self):
        """Let the model's variables hold what training has made of them."""
        for group, values in zip(self._groups(), self._state, strict=True):
            for variable, value in zip(group, values, strict=True):
                variable.assign(jnp.copy(value))  # the next call gives its own away

    def _groups(self):
        model = self.model
        return model.trainable_variables, model.non_trainable_variables, model.optimizer.variables, model.metrics_variables

    def _loop(self, size, state, n_batches, x, y, again):
        model = self.model

        def one(i, carry):
            state, losses, errors = carry
            bx, by = _part((x, y), i, size)
            outputs, _ = model.stateless_call(state[0], state[1], bx, training=False)
            loss, error = self._judge(by, outputs)
            losses, errors = (jax.lax.dynamic_update_slice_in_dim(into, v.astype(jnp.float32), i * size, 0)
                              for into, v in ((losses, loss), (errors, error)))
            _, state = model.train_step(state, keras.utils.pack_x_y_sample_weight(bx, by))
            if again is not None:
                _, state = model.train_step(state, keras.utils.pack_x_y_sample_weight(*_part(again, i, size)))
            return tuple(list(group) for group in state), losses, errors

        empty = jnp.zeros(y.shape[0], jnp.float32)
        return jax.lax.fori_loop(0, n_batches, one, (tuple(list(group) for group in state), empty, empty))


def _part(tree, i, size):
    return tuple(over(lambda a: jax.lax.dynamic_slice_in_dim(a, i * size, size), part) for part in tree)


def _filled(tree, n):
    """The arrays with `n` rows, whatever stands in those that were not there."""
    return over(lambda a: a if len(a) == n else np.concatenate([a, np.zeros((n - len(a), *a.shape[1:]), a.dtype)]), tree)
