"""A whole epoch of many lanes as one compiled program: a scan over the steps, a vmap over the lanes, judging included."""

from time import perf_counter

import jax
import jax.numpy as jnp
import numpy as np

from .lanes import finished, order


def compile_epoch(rig, batch_size, width, *, n_rows=None, judge=True):
    """The program of one epoch of `width` lanes: `(data, states, orders, rates) -> (states, losses, figures)`.

    The learning rates, the seeds and the number of epochs are no part of it, so another one of those compiles nothing.

    Args:
        rig: one whose `pure` is not `None`.
        batch_size: rows of an update; the last update of an epoch takes the rows that are left.
        width: lanes side by side.
        n_rows: rows of an epoch; all training rows unless it is a trial. judge: whether the epoch ends with judging.
    """
    pure, n = rig.pure, rig.n_examples if n_rows is None else n_rows
    n_full = n // batch_size

    def lane_epoch(data, state, rows, rates):
        def one(state, batch):
            return pure.step(data, state, *batch)

        full = rows[: n_full * batch_size].reshape(n_full, batch_size)
        state, losses = jax.lax.scan(one, state, (full, rates[:n_full]))
        total = losses.astype(jnp.float32).sum() * batch_size
        if n > n_full * batch_size:
            state, last = one(state, (rows[n_full * batch_size :], rates[n_full]))
            total += last.astype(jnp.float32) * (n - n_full * batch_size)
        return state, total / n, pure.evaluate(data, state) if judge else jnp.zeros(())

    program = jax.jit(jax.vmap(lane_epoch, in_axes=(None, 0, 0, 0)), donate_argnums=1)
    states = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct((width, *leaf.shape), leaf.dtype), rig.fresh(0))
    steps = -(-n // batch_size)
    orders, rates = (jax.ShapeDtypeStruct((width, size), kind) for size, kind in ((n, jnp.int32), (steps, jnp.float32)))
    return program.lower(pure.data, states, orders, rates).compile()


def program_bytes(program):
    """Bytes a compiled program needs beside the data, by its own account; `None` where the back end does not tell."""
    used = program.memory_analysis()
    if used is None:
        return None
    return used.temp_size_in_bytes + used.argument_size_in_bytes + used.output_size_in_bytes - used.alias_size_in_bytes


def start_states(rig, seeds):
    """The states of fresh lanes, stacked."""
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *map(rig.fresh, seeds))


def train(rig, lanes, batches, program, width, *, go_on):
    """Train at most `width` lanes with a compiled epoch; see `engine.train`. A narrower group is padded with its last lane."""
    n, steps = rig.n_examples, batches.steps_per_epoch(rig.n_examples)
    padded = [*lanes, *[lanes[-1]] * (width - len(lanes))]
    schedules = [lane.schedule(steps * batches.n_epochs).reshape(-1, steps) for lane in padded]
    rates = np.stack(schedules, axis=1)  # [epochs, lanes, steps]
    states, losses, figures, start = start_states(rig, [lane.seed for lane in padded]), [], [], perf_counter()
    orders = {}
    for epoch in range(batches.n_epochs):
        for lane in lanes:
            orders[lane.seed] = order(lane.seed, epoch, n)
        states, epoch_losses, epoch_figures = program(rig.pure.data, states, np.stack([orders[lane.seed] for lane in padded]),
                                                      rates[epoch])
        losses.append(np.asarray(epoch_losses)[: len(lanes)])
        figures.append(np.asarray(epoch_figures)[: len(lanes)])
        if not go_on(epoch + 1, np.stack(figures)[:, :, :, 0]):
            break
    seconds = (perf_counter() - start) / len(lanes)
    return [finished(np.stack(losses)[:, i], np.stack(figures)[:, i], seconds) for i in range(len(lanes))]
