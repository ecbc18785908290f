"""A rig that is a few lines of JAX, so that a test of the engine compiles in a blink and knows every number."""

from functools import cache
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from epochal.seam.rigs.verbs import Pure


class State(NamedTuple):
    w: jax.Array       # float32[n_params]
    draw: jax.Array    # uint32: the lane's own stream of random numbers, a poor but cheap one


class Springs:
    """The loss of row j is its height + ½ |w - x_j|² (the start is at 0), and a step is plain gradient descent.

    Args:
        heights: float[n]: the loss of each row that no training removes.
        x: float[n, n_params]: where each row pulls; by default all at 0.
        noise: size of what a step adds to its gradient, from the lane's own stream.
        capacity: bytes, or `None`: not told.
    """

    def __init__(self, heights, x=None, *, noise=0.0, capacity=None):
        heights = np.asarray(heights, np.float32)
        x = np.zeros((len(heights), 3), np.float32) if x is None else np.asarray(x, np.float32)
        self.n_examples, self.n_params, self.capacity, self.traces = len(heights), x.shape[1], capacity, 0
        self.stepped = []   # the rows of every single step
        self._x, self._heights, self._noise = x, heights, noise

        def step(data, state, rows, rate):
            self.traces += 1
            heights, x = data
            away = state.w - x[rows]
            loss = (heights[rows] + 0.5 * (away**2).sum(-1)).mean()
            draw = state.draw * jnp.uint32(1664525) + jnp.uint32(1013904223)
            pull = away.mean(0) + noise * jnp.sin((draw >> 8).astype(jnp.float32) + jnp.arange(state.w.size))
            return State(state.w - rate * pull, draw), loss

        def judged(data, state, held_out):
            heights, x = data
            losses = heights + 0.5 * ((state.w - x) ** 2).sum(-1)
            n = losses.size // 2   # every row a block
            blocks = jnp.stack([losses[:n], losses[n : 2 * n]]) if held_out is None else losses[jnp.stack(held_out)]
            return jnp.stack([jnp.stack([losses.mean(), state.w[0]]), jnp.stack([losses.max(), state.w[1]])]), blocks

        self.pure = Pure((jnp.asarray(heights), jnp.asarray(x)), step, judged)
        self._step, self._judged, self.folds = jax.jit(step), jax.jit(judged), ()

    def fresh(self, seed):
        return State(jnp.zeros(self.n_params), jnp.uint32(seed))

    def step(self, state, rows, rate):
        self.stepped.append(np.array(rows))
        return self._step(self.pure.data, state, rows, jnp.float32(rate))

    def evaluate(self, state):
        return self.judged(state)[0]

    def judged(self, state, fold=0):
        held_out = self.folds[fold][1:] if self.folds else None
        return tuple(map(np.asarray, self._judged(self.pure.data, state, held_out)))

    def capacity_bytes(self):
        return self.capacity

    def out_of_memory(self, error):
        return isinstance(error, MemoryError)

    def wait(self):
        pass


@cache
def shared_springs():
    """The usual rows with noise, on one rig for all tests, so that a program is compiled once."""
    return springs(noise=0.1)


def springs(n=23, n_params=3, seed=0, **options):
    """Rows that pull to different places."""
    rng = np.random.default_rng(seed)
    return Springs(rng.uniform(0, 1, n), rng.normal(size=(n, n_params)), **options)
