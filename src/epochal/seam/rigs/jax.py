"""Keras on JAX: every step is a pure function, so the engine may build it into a larger program."""

import jax
import jax.numpy as jnp
import keras
import numpy as np

from ..convolutions.layers import can_be_products, has_convolutions
from ..convolutions.rewrite import with_products
from ..machine import compiled_sooner, keep_programs, this_machine
from ..model.copying import to_numpy
from ..rows import over
from .judging import Judged, blocks_of, both_halves, figures_of, judged_rows, kept_blocks
from .verbs import Pure, State, Verbs, held_out, on_bench, parts_of


def bind(twin, data):
    """The verbs of JAX for a twin and its data, which go to the device once."""
    keep_programs()
    held, device = on_bench(data, put), jax.devices()[0]
    in_loops = device.platform == "cpu" and can_be_products(twin.network)
    world = _World(twin, with_products if in_loops else lambda function: function)
    options = None if has_convolutions(twin.network) else compiled_sooner()
    programs = {name: jax.jit(getattr(world, name), compiler_options=options)
                for name in ("step", "judged", "judge_rows", "results", "loss", "gradient", "predict", "slope", "curvature")}
    start = [to_numpy(v) for v in twin.model.metrics_variables]

    def peak_bytes(state, batch_size, whole):
        few = twin.sample if whole else data.train.take(slice(0, 1))
        arguments = [over(lambda a: jax.ShapeDtypeStruct((batch_size, *a.shape[1:]), a.dtype), tree)
                     for tree in (few.x, few.y, few.weight)]
        of = _World(twin.whole(), world._in_loops) if whole else world
        lowered = jax.jit(of.step_on, donate_argnums=0).lower(state, *arguments, jnp.float32(0.1))
        program = lowered.compile(compiler_options=options)
        used = program.memory_analysis()
        return None if used is None else (used.temp_size_in_bytes + used.argument_size_in_bytes + used.output_size_in_bytes
                                          - used.alias_size_in_bytes)

    memory = None if device.platform == "cpu" else (device.memory_stats() or {}).get("bytes_limit")
    return Verbs(
        machine=this_machine(device.device_kind.lower(), memory, "jax"),
        put=put,
        step=lambda state, rows, rate: programs["step"](held, state, rows, jnp.float32(rate)),
        judged=lambda state, fold=0: tuple(map(np.asarray, programs["judged"](held, state, held_out(data, fold)))),
        judge=lambda state, half, blocks: judged_rows(
            blocks, start, lambda counted, rows: programs["judge_rows"](state, held.judged[half], rows, counted),
            every_end=twin.decider is not None),
        results=lambda values: np.asarray(programs["results"](values)),
        loss=lambda state, rows: float(programs["loss"](held, state, rows)),
        gradient=lambda state, rows: programs["gradient"](held, state, rows),
        predict=lambda state, rows: programs["predict"](held, state, rows),
        slope=lambda state, rows: programs["slope"](held, state, rows),
        curvature=lambda state, rows, v: programs["curvature"](held, state, rows, v),
        peak_bytes=peak_bytes,
        wait=jax.effects_barrier,
        out_of_memory=lambda error: isinstance(error, jax.errors.JaxRuntimeError) and "RESOURCE_EXHAUSTED" in str(error),
        pure=Pure(held, world.looped, world.judged, in_loops, options),
    )


def put(array):
    """A copy on the device, for which nothing is compiled, as `jnp.asarray` would for every shape."""
    return jax.device_put(np.array(array))  # on a processor JAX may go on using the memory that it is given


def after(scope, variables, before):
    """What variables hold at the end of a `StatelessScope`: what was written there, else what they held before."""
    written = [scope.get_current_value(v) for v in variables]
    return [old if new is None else new for old, new in zip(before, written, strict=True)]


class _World:
    """The twin as pure functions of state and data.

    `in_loops` makes of a function one for use inside a loop; what is called one step after the other is as Keras has it.
    """

    def __init__(self, twin, in_loops):
        self._in_loops = in_loops
        self._twin, self._model, self._optimizer = twin, twin.model, twin.model.optimizer
        self._first_metrics = [to_numpy(v) for v in twin.model.metrics_variables]

    def step(self, held, state, rows, learning_rate):
        return self.step_on(state, *_take(held.train, rows), learning_rate)

    def looped(self, held, state, rows, learning_rate):
        """As `step`, inside a loop."""
        return self.step_on(state, *_take(held.train, rows), learning_rate, self._in_loops(self._loss))

    def step_on(self, state, x, y, weight, learning_rate, loss_of=None):
        slots = list(state.slots)
        for slot, share in self._twin.rate_slots.items():
            slots[slot] = jnp.asarray(learning_rate if share == 1 else learning_rate * share, slots[slot].dtype)

        def scaled(weights):
            loss, fixed = (loss_of or self._loss)(weights, state.fixed, x, y, weight, training=True)
            with keras.StatelessScope(state_mapping=list(zip(self._optimizer.variables, slots, strict=True))):
                return self._optimizer.scale_loss(loss), (loss, fixed)

        grads, (loss, fixed) = jax.grad(scaled, has_aux=True)(state.weights)
        weights, slots = self._optimizer.stateless_apply(slots, grads, state.weights)
        return State(weights, fixed, slots), loss

    def judged(self, held, state, rows):
        """As `Pure.judged`; figures as Keras' `evaluate` would print them."""
        parts = [self._judge(state, part) for part in parts_of(held, rows, _take)]
        figures, blocks = figures_of(jnp, self._model, parts, self.results, self._twin.decider)
        return jnp.stack(figures), both_halves(jnp, blocks)

    def judge_rows(self, state, part, rows, metrics):
        """The loss on some rows of a judged part, whatever their number, and the metrics' variables after them."""
        (_, metrics), loss = self._judge_block(state, _take(part, rows), (jnp.float32(0), metrics))
        return loss, metrics

    def results(self, metrics):
        """The metrics, whose variables hold these values, in the order of the twin's `metric_names`."""
        with keras.StatelessScope(state_mapping=list(zip(self._model.metrics_variables, metrics, strict=True))):
            results = self._model.get_metrics_result()
        return jnp.asarray([jnp.asarray(results[name], jnp.float32) for name in self._twin.metric_names])

    def loss(self, held, state, rows):
        training = self._twin.normalises_over_batch()
        return self._loss(state.weights, state.fixed, *_take(held.train, rows), training=training)[0]

    def gradient(self, held, state, rows):
        batch = _take(held.train, rows)
        return jax.grad(lambda weights: self._loss(weights, state.fixed, *batch, training=True)[0])(state.weights)

    def predict(self, held, state, rows):
        x, *_ = _take(held.train, rows)
        with self._scope(state.weights, state.fixed):
            return self._twin.predicted(x)

    def slope(self, held, state, rows):
        return jax.grad(lambda weights: self.loss(held, state._replace(weights=weights), rows))(state.weights)

    def curvature(self, held, state, rows, v):
        v = [part.astype(weight.dtype) for part, weight in zip(v, state.weights, strict=True)]
        return jax.jvp(lambda weights: self.slope(held, state._replace(weights=weights), rows), (state.weights,), (v,))[1]

    def _loss(self, weights, fixed, x, y, weight, *, training):
        with self._scope(weights, fixed) as scope:
            _, loss = self._twin.forward(x, y, weight, training=training)
        return loss, after(scope, self._model.non_trainable_variables, fixed)

    def _judge(self, state, part):
        """As `judged_in_blocks`."""
        n, first = len(jax.tree.leaves(part[0])[0]), [jnp.asarray(a) for a in self._first_metrics]
        size, n_blocks = blocks_of(n)
        judge_block, every_end = self._in_loops(self._judge_block), self._twin.decider is not None

        def judge_one(totals, start):
            totals, loss = judge_block(state, jax.tree.map(lambda a: jax.lax.dynamic_slice_in_dim(a, start, size), part), totals)
            return totals, (loss, totals[1] if every_end else [])

        totals, (losses, ends) = jax.lax.scan(judge_one, (jnp.float32(0), first), jnp.arange(n_blocks) * size)
        if n_blocks * size < n:
            totals, _ = judge_block(state, jax.tree.map(lambda a: a[n_blocks * size:], part), totals)
        kept = kept_blocks(losses)
        every = n_blocks // len(kept)
        after = [[end[i * every - 1] for end in ends] for i in range(1, len(kept) + 1)]
        return Judged(totals[0] / n, totals[1], kept, [first, *after] if every_end else None)

    def _judge_block(self, state, part, totals):
        x, y, weight = part
        model, (total, metrics) = self._model, totals
        with self._scope(state.weights, state.fixed, metrics) as scope:
            y_pred, loss = self._twin.forward(x, y, weight, training=False)
            model.compute_metrics(x=x, y=y, y_pred=y_pred, sample_weight=weight)
        loss = loss.astype(jnp.float32)
        return (total + len(jax.tree.leaves(x)[0]) * loss, after(scope, model.metrics_variables, metrics)), loss

    def _scope(self, weights, fixed, metrics=()):
        model = self._model
        mapping = [*zip(model.trainable_variables, weights, strict=True), *zip(model.non_trainable_variables, fixed, strict=True)]
        if metrics:
            mapping += zip(model.metrics_variables, metrics, strict=True)
        return keras.StatelessScope(state_mapping=mapping, collect_losses=True)


def _take(part, rows):
    return [over(lambda a: a[rows], tree) for tree in part]
