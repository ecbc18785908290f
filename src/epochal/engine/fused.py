"""A whole epoch of many lanes as one compiled program: a scan over the steps, a vmap over the lanes, judging included."""

import weakref

import jax
import jax.numpy as jnp
import numpy as np

from .guard import keras_lock
from .lanes import begin, n_trained, rows_of, trained

_ELSEWHERE = weakref.WeakKeyDictionary()  # per rig: {device: its data there}


def compile_epoch(rig, batch_size, width, *, fold=0, n_rows=None, judging=True, device=None):
    """The program of one epoch of `width` lanes: `(data, states, orders, rates, held_out) -> (states, losses, judged)`.

    The learning rates, the seeds, the folds and the number of epochs are no part of it, so another one of those compiles nothing.

    Args:
        rig: one whose `pure` is not `None`.
        fold: one of those with as many rows as the lanes will have.
        n_rows: rows of an epoch, or of the part of one that counts as one; all that the fold trains on where it is `None`.
        judging: whether it judges after them; not where it is a trial.
        device: one of `jax.local_devices()`; the first where it is `None`.
    """
    pure, n = rig.pure, n_trained(rig, fold) if n_rows is None else n_rows
    n_full = n // batch_size

    def lane_epoch(data, state, rows, rates, halves):
        def one(state, batch):
            return pure.step(data, state, *batch)

        full = rows[: n_full * batch_size].reshape(n_full, batch_size)
        state, losses = jax.lax.scan(one, state, (full, rates[:n_full]))
        total = losses.astype(jnp.float32).sum() * batch_size
        if n > n_full * batch_size:
            state, last = one(state, (rows[n_full * batch_size :], rates[n_full]))
            total += last.astype(jnp.float32) * (n - n_full * batch_size)
        return state, total / n, pure.judged(data, state, halves) if judging else jnp.zeros(())

    place = None if device is None else jax.sharding.SingleDeviceSharding(device)

    def shape(size, kind):
        return jax.ShapeDtypeStruct(size, kind, sharding=place)

    program = jax.jit(jax.vmap(lane_epoch, in_axes=(None, 0, 0, 0, 0)), donate_argnums=1)
    steps = -(-n // batch_size)
    orders, rates = (shape((width, size), kind) for size, kind in ((n, jnp.int32), (steps, jnp.float32)))
    with keras_lock(rig):
        states = jax.tree.map(lambda leaf: shape((width, *leaf.shape), leaf.dtype), rig.fresh(0))
        data = jax.tree.map(lambda leaf: shape(leaf.shape, leaf.dtype), pure.data)
        halves = jax.tree.map(lambda rows: shape(rows.shape, rows.dtype), held_out(rig, [fold] * width))
        lowered = program.lower(data, states, orders, rates, halves)
    return lowered.compile(compiler_options=rig.pure.options)


def held_out(rig, folds):
    """What lanes of these folds are judged on: the rows of both halves, each int32[n_lanes, n_rows]; `None` without folds."""
    if not rig.folds:
        return None
    return tuple(np.stack([half[i] for half in map(rig.folds.__getitem__, folds)]) for i in (1, 2))


def compile_stretch(rig, batch_size, most):
    """The program of some updates of one training, `most` of them at most: `(data, state, rows, rates, n_updates) -> state`, with
    rows int32[most, batch_size]."""
    def stretch(data, state, rows, rates, n_updates):
        return jax.lax.fori_loop(0, n_updates, lambda i, state: rig.pure.step(data, state, rows[i], rates[i])[0], state)

    with keras_lock(rig):
        shapes = (jax.ShapeDtypeStruct((most, batch_size), jnp.int32), jax.ShapeDtypeStruct((most,), jnp.float32),
                  jax.ShapeDtypeStruct((), jnp.int32))
        lowered = jax.jit(stretch).lower(rig.pure.data, rig.fresh(0), *shapes)
    return lowered.compile(compiler_options=rig.pure.options)


def data_on(rig, device):
    """The rig's data on a device: copied there when first asked for, and kept as long as the rig."""
    if device is None or device == jax.local_devices()[0]:
        return rig.pure.data
    with keras_lock(rig):
        held = _ELSEWHERE.setdefault(rig, {})
        if device not in held:
            held[device] = jax.device_put(rig.pure.data, device)
        return held[device]


def program_bytes(program):
    """Bytes a compiled program needs beside the data, by its own account; `None` where the back end does not tell."""
    used = program.memory_analysis()
    if used is None:
        return None
    return used.temp_size_in_bytes + used.argument_size_in_bytes + used.output_size_in_bytes - used.alias_size_in_bytes


def start_states(rig, lanes, device=None):
    """What lanes begin at, stacked; copies, so that the program may overwrite them."""
    with keras_lock(rig):
        drawn = {lane.seed: begin(rig, lane) for lane in {lane.seed: lane for lane in lanes if lane.start is None}.values()}
    stacked = jax.tree.map(lambda *leaves: np.stack(leaves),
                           *(drawn[lane.seed] if lane.start is None else lane.start for lane in lanes))
    return jax.device_put(stacked, device)


def train(rig, lanes, batches, program, width, *, go_on, device=None):
    """Train at most `width` lanes with a compiled epoch; see `engine.train`. A narrower group is padded with its last lane."""
    steps = batches.steps_per_epoch(n_trained(rig, lanes[0].fold))
    padded = [*lanes, *[lanes[-1]] * (width - len(lanes))]
    schedules = [lane.schedule(steps * batches.n_epochs).reshape(-1, steps) for lane in padded]
    rates = np.stack(schedules, axis=1)  # [epochs, lanes, steps]
    states, data = start_states(rig, padded, device), data_on(rig, device)
    halves = held_out(rig, [lane.fold for lane in padded])

    def epochs():
        nonlocal states
        for epoch in range(batches.n_epochs):
            orders = {(lane.seed, lane.fold): rows_of(rig, lane, epoch, batches.n_rows) for lane in lanes}
            rows = np.stack([orders[lane.seed, lane.fold] for lane in padded])
            states, losses, judged = program(data, states, rows, rates[epoch], halves)
            yield tuple(np.asarray(of_lanes)[: len(lanes)] for of_lanes in (losses, *judged))

    return trained(epochs(), go_on)
