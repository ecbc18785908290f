"""A training that stops after any number of updates, is judged there, and goes on: what a race is made of."""

from time import perf_counter

import numpy as np

from ..seam.machine import seconds_spared
from .guard import keras_lock
from .lanes import order
from .programs import stretch_program

_LONG_STEP = 5e-3   # seconds: beside that, what many updates in one program save is nothing, and loops may lose threads
_VERY_LONG = 0.2    # seconds: one such update is told by a single timing
_UPDATES = 64       # in one program
_CONVOLVING = 8     # in one program, of a model whose convolutions are made for loops: each takes long, and must not wait for many


class Stretches:
    """Trainings of one setting's batch size, each going on from where it stopped; rows as in an epoch, without a short last batch.

    Args:
        rig: its `pure`, where there is one, lets many updates be one program.
        batch_size: at most as many as there are training rows.
        most: updates that are asked for at once, at least; no program is longer.
    """

    def __init__(self, rig, batch_size, most):
        self._rig, self.batch_size, self._an_epoch = rig, batch_size, rig.n_examples // batch_size
        self.in_loops = rig.pure is not None and rig.pure.convolves_in_loops
        self._long = _CONVOLVING if self.in_loops else max(1, min(_UPDATES, most))
        self._how, self._orders, self.compiling = self.in_loops or None, {}, 0.0

    def start(self, lane):
        """A `Lane` before its first update."""
        with keras_lock(self._rig):
            return _Training(lane, self._rig.fresh(lane.seed))

    def seconds_an_update(self, lane):
        """How long an update takes, after compiling: measured on a training that is thrown away.

        `compiling` is then what the first one took more, or would have taken, had none of its programs been found ready.
        """
        training, taken, spared, begun = self.start(lane), [], seconds_spared(), perf_counter()
        self.advance(training, 1)
        first = perf_counter() - begun + seconds_spared() - spared
        for n in (1, 3, self._long, self._long):  # the third compiles the program of many
            begun = perf_counter()
            self.advance(training, training.n_updates + n)
            taken.append((perf_counter() - begun) / n)
            if min(taken) > (_LONG_STEP if n > 1 and not self.in_loops else _VERY_LONG):
                break
        self.compiling = max(0.0, first - min(taken))
        return min(taken)

    def advance(self, training, n_updates):
        """Make it so many updates long, from where it is."""
        rates = training.lane.schedule(n_updates)
        while training.n_updates < n_updates:
            at = training.n_updates
            left = n_updates - at
            if (left >= self._long > 1 or self.in_loops) and self._together(training):
                n = min(left, self._long)
                training.state = self._run(training.state, self._rows(training.lane.seed, at, n), rates[at : at + n])
            else:
                n = min(left, self._long)
                for i in range(at, at + n):
                    training.state, training.loss = self._rig.step(training.state, self._rows(training.lane.seed, i, 1), rates[i])
            training.n_updates += n
        self._settle(training)

    def _together(self, training):
        """Whether many updates are to be one program: tried once, on this training's own updates."""
        if self._how is None:
            self._how = self._rig.pure is not None and self._is_faster(training)
        return self._how

    def _is_faster(self, training):
        seed, state = training.lane.seed, training.state
        taken = []
        for _ in range(4):
            start = perf_counter()
            state, loss = self._rig.step(state, self._rows(seed, 0, 1), 0.0)
            float(loss)
            taken.append(perf_counter() - start)
        alone = float(np.median(taken[1:]))  # the first one compiles
        if alone > _LONG_STEP:
            return False
        rows, rates = self._rows(seed, 0, self._long), np.zeros(self._long, np.float32)
        self._run(training.state, rows, rates)
        start = perf_counter()
        self._run(training.state, rows, rates)
        return (perf_counter() - start) / self._long < alone

    def _run(self, state, rows, rates):
        from jax import block_until_ready

        n = len(rates)
        program = stretch_program(self._rig, self.batch_size, self._long)
        padded_rows, padded_rates = np.zeros((self._long, self.batch_size), np.int32), np.zeros(self._long, np.float32)
        padded_rows[:n], padded_rates[:n] = rows.reshape(n, self.batch_size), rates
        return block_until_ready(program(self._rig.pure.data, state, padded_rows, padded_rates, np.int32(n)))

    def _settle(self, training):
        """Wait for the last update, so that seconds are those of the updates."""
        if training.loss is not None:
            float(training.loss)
        training.loss = None

    def _rows(self, seed, at, n_updates):
        """int32: the rows of the updates from `at` on."""
        found = []
        while n_updates:
            epoch, first = divmod(at, self._an_epoch)
            n = min(n_updates, self._an_epoch - first)
            found.append(self._order(seed, epoch)[first * self.batch_size : (first + n) * self.batch_size])
            at, n_updates = at + n, n_updates - n
        return np.concatenate(found)

    def _order(self, seed, epoch):
        if self._orders.get(seed, (None,))[0] != epoch:  # the last one of each seed is kept
            self._orders[seed] = epoch, order(seed, epoch, self._rig.n_examples)
        return self._orders[seed][1]


class _Training:
    """One training under way: `state` after `n_updates`."""

    def __init__(self, lane, state):
        self.lane, self.state, self.n_updates, self.loss = lane, state, 0, None
