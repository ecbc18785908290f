"""The optimizer of a compiled model, copied with plain numbers as learning rates, so that every update may have its own."""

import keras
import numpy as np

from ...base.errors import Unsupported, UsageError
from .copying import first_line, inside, to_numpy

_AT_ONCE = 4096  # steps of a schedule that one run of its program gives


class Rates:
    """What a learning rate schedule says, step by step: found many at a time, by a program that is compiled once."""

    def __init__(self, schedule):
        self.name, self.schedule = type(schedule).__name__, schedule
        self._program, self._first = None, np.empty(0, np.float32)

    def at(self, steps):
        """float32[n]: the rates at these steps, int[n]; another n compiles anew."""
        if self._program is None:
            self._program = _compiled(self.schedule)
        try:
            return to_numpy(self._program(keras.ops.convert_to_tensor(np.asarray(steps, keras.backend.standardize_dtype("int")))))
        except (TypeError, ValueError, AttributeError, NotImplementedError) as error:
            raise UsageError(f"`learning_rate` must be a schedule that gives one number for a step; got {self.name}, which fails: "
                             f"{first_line(error)} Write it with keras.ops, and no `if` on the step.") from error

    def first(self, n_steps):
        """float32[n_steps]: the rates of the first steps."""
        known = self._first  # several threads may ask
        while len(known) < n_steps:
            known = np.concatenate([known, self.at(len(known) + np.arange(_AT_ONCE))])
        self._first = known
        return known[:n_steps]


def plain_optimizer(optimizer):
    """An unbuilt copy of the optimizer whose learning rates are plain numbers; and its schedule's `Rates`, or `None`.

    Raises:
        Unsupported: a part of it would be lost.
    """
    if hasattr(optimizer, "inner_optimizer"):
        inner, rates = plain_optimizer(optimizer.inner_optimizer)
        return type(optimizer)(inner, initial_scale=optimizer.initial_scale, name=optimizer.name,
                               dynamic_growth_steps=optimizer.dynamic_growth_steps), rates
    if hasattr(optimizer, "optimizers"):
        return _several(optimizer), None
    rate = optimizer._learning_rate
    if isinstance(rate, keras.optimizers.schedules.LearningRateSchedule):
        rates = Rates(rate)
        return _one(optimizer, float(rates.at([0])[0])), rates
    if not isinstance(rate, keras.Variable):
        raise Unsupported(f"The optimizer's learning rate is a {type(rate).__name__}, which cannot be set lane by lane. "
                          "Compile with a number or a keras.optimizers.schedules schedule.")
    return _one(optimizer, float(to_numpy(rate))), None


def exclude_alike(copy, variables, original, originals):
    """Leave out of weight decay what the original leaves out: no configuration says it. `originals` are its variables."""
    for ours, theirs in zip(inside(copy), inside(original), strict=True):
        pattern = getattr(theirs, "_exclude_from_weight_decay_pattern", None)
        named = getattr(theirs, "_exclude_from_weight_decay", ())
        if pattern is not None or named:
            ours.exclude_from_weight_decay([mine for mine, its in zip(variables, originals, strict=True)
                                            if theirs._var_key(its) in named], pattern and [pattern.pattern])


def _several(optimizer):
    held = optimizer._optimizer_map
    if not isinstance(held, keras.optimizers.OptimizerMap):
        raise Unsupported("The optimizers of a MultiOptimizer cannot be copied where a function chooses them. Pass a "
                          "keras.optimizers.OptimizerMap.")
    plain = {}
    for part in optimizer.optimizers:
        plain[id(part)], rates = plain_optimizer(part)
        if rates is not None:
            raise Unsupported("The learning rates of a MultiOptimizer must be numbers, which can be moved together; got the "
                              f"schedule {rates.name}. Compile with numbers.")
    copied = keras.optimizers.OptimizerMap(plain[id(held.default_optimizer)], {key: plain[id(part)] for key, part in held.items()})
    return type(optimizer)(copied, loss_scale_factor=optimizer.loss_scale_factor, name=optimizer.name)


def _one(optimizer, rate):
    try:
        copy = type(optimizer).from_config(optimizer.get_config() | {"learning_rate": rate})
    except (TypeError, ValueError, NotImplementedError) as error:
        raise Unsupported(f"The optimizer {type(optimizer).__name__} cannot be copied by its configuration "
                          f"({first_line(error)}) Give it, and a schedule of your own, a get_config that holds what it was made "
                          "with.") from error
    for name, value in vars(optimizer).items():
        if not name.startswith("_") and name not in ("name", "built") and _is_plain(value) and vars(copy).get(name) != value:
            raise Unsupported(f"The optimizer {type(optimizer).__name__} cannot be copied by its configuration, which lacks its "
                              f"`{name}` of {value!r}. Return it from get_config.")
    return copy


def _is_plain(value):
    return value is None or isinstance(value, bool | int | float | str) or (
        isinstance(value, list | tuple) and len(value) > 0 and all(isinstance(part, bool | int | float | str) for part in value))


def _compiled(schedule):
    """`(steps int[n]) -> float32[n]`: the schedule at each step, called as Keras' optimizers call it."""
    def one(step):
        return keras.ops.reshape(keras.ops.cast(schedule(step), "float32"), ())

    def every(steps):
        return keras.ops.map(one, steps)

    match keras.backend.backend():
        case "jax":
            import jax

            return jax.jit(every)
        case "tensorflow":
            import tensorflow as tf

            return tf.function(every, autograph=False)
        case _:
            return every
