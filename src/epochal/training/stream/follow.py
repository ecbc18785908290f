"""Test, then train: every row is answered by each learner as it is then, judged, heard for drift, and only then learned from."""

from itertools import pairwise
from math import lcm
from time import perf_counter

import numpy as np

from ...base.text import Wording
from ...base.validate import require
from ...records.trainings.stream import Alarm, StreamPoint
from ...rules.stream.compare import add_block
from ...rules.stream.fading import Faded, faded, mean_of, thinned
from ...seam.rows import over
from ...seam.trainee.online import open_online, same_again
from .drift import Drift, Heard
from .replay import Replay

_BLOCK = 64       # rows, about, of the first blocks that batch sizes are compared over
_MOST_ALARMS = 10_000
_EVERY = 32        # rows between points of the curve, at first
_MOST_UNIT = 2**16  # rows after which all batch sizes have learned from the same ones


class Follower:
    """Learners of several batch sizes from one state, fed with the same rows.

    Attributes:
        unit: rows after which all of them have learned from the same ones: what is kept is kept there.
        n_rows: answered and learned from. points, alarms: of the first learner.
    """

    def __init__(self, model, sample, batch_sizes, *, fading=0.999, replay=0, drift=True, seed=0):
        self.batch_sizes, self.fading, self.unit = tuple(batch_sizes), fading, lcm(*batch_sizes)
        require(self.unit <= _MOST_UNIT, "batch_size", Wording(", ".join(map(str, batch_sizes))), "sizes that divide one another",
                "All of them have learned from the same rows only now and then. Pass powers of two, such as 1, 8, 32, 128.")
        others = [same_again(model, sample) for _ in batch_sizes[1:]]
        self.learners = [open_online(one, sample, size, replay > 0)
                         for one, size in zip([model, *others], batch_sizes, strict=True)]
        self.metric = self.learners[0].metric
        self.replays = Replay(replay, seed) if replay else None
        self.drift = Drift(self.metric == "accuracy") if drift else None
        self.losses, self.errors = ([Faded(fading)] * len(batch_sizes) for _ in range(2))
        self.seconds, self._timed, self._calls = [0.0] * len(batch_sizes), [0] * len(batch_sizes), [0] * len(batch_sizes)
        self.n_rows, self.points, self.alarms, self.every = 0, (), (), _EVERY
        self.blocks, self.block = np.zeros((len(batch_sizes), 0)), -(-_BLOCK // self.unit) * self.unit
        self._sums, self._block_began = np.zeros(len(batch_sizes)), 0

    def most(self):
        """Rows that are taken at once: whole units."""
        return max(self.unit, max(learner.n_rows for learner in self.learners) // self.unit * self.unit)

    def follow(self, x, y):
        """Answer, judge, and learn from some rows, in their order: whole units of them, or the last rows of a source.

        What comes of it is the same however the rows are cut up into calls. Returns the alarms that were told of them.
        """
        n, heard, losses_after, curves = len(y), [], [], None
        for i, learner in enumerate(self.learners):
            again = None if self.replays is None else self.replays.drawn(x, y, learner.batch_size, self.n_rows)
            begun = perf_counter()
            losses, errors = _in_pieces(learner, x, y, again)
            self._clock(i, perf_counter() - begun, n)
            self.losses[i], totals, plains = faded(self.losses[i], losses)
            self.errors[i], error_totals, _ = faded(self.errors[i], errors)
            losses_after.append(plains)
            if i == 0:
                heard = self.drift.hear(errors, losses) if self.drift is not None else []
                curves = totals, error_totals
        if self.replays is not None:
            self.replays.add(x, y)
        self._draw(*curves)
        self._compare(losses_after, n)
        self.n_rows += n
        alarms = tuple(Alarm(*one) for one in heard)
        self.alarms = (*self.alarms, *alarms)[:_MOST_ALARMS]
        return alarms

    def _clock(self, i, seconds, n):
        self._calls[i] += 1
        if self._calls[i] > 1 and n % self.batch_sizes[i] == 0:  # the first call, and the first short batch, compile
            self.seconds[i] += seconds
            self._timed[i] += n

    def _draw(self, totals, error_totals):
        """Points of the curve, at rows that are multiples of `every`."""
        first = self.n_rows + 1
        while True:
            at = range(-(-first // self.every) * self.every, self.n_rows + len(totals) + 1, self.every)
            if not at:
                return
            row = at[0]
            means = [mean_of(float(of[row - self.n_rows - 1]), row, self.fading) for of in (totals, error_totals)]
            points, self.every = thinned((*self.points, StreamPoint(row, means[0], self.metric_of(means[1]))), self.every)
            self.points, first = points, row + 1

    def metric_of(self, error):
        return 1 - error if self.metric == "accuracy" else error

    def seconds_a_row(self, i):
        """What answering and learning take a row, without the first call, which compiles; 0 where there was no other."""
        return self.seconds[i] / max(self._timed[i], 1)

    def _compare(self, plains, n):
        """Means of blocks of rows, where there are several batch sizes: differences of the sums at their ends."""
        if len(self.learners) == 1:
            return
        end = self._block_began + self.block
        while end <= self.n_rows + n:
            sums = np.array([of[end - self.n_rows - 1] for of in plains])
            self.blocks, merged = add_block(self.blocks, (sums - self._sums) / self.block)
            self._sums, self._block_began = sums, end
            self.block *= 2 if merged else 1
            end += self.block

    def state(self):
        """What `restore` takes, beside the variables of the models: plain values and arrays."""
        return {"n_rows": self.n_rows, "losses": [list(one) for one in self.losses], "errors": [list(one) for one in self.errors],
                "points": [[p.row, p.loss, p.score] for p in self.points], "every": self.every, "block": self.block,
                "alarms": [[a.row, a.before, a.after] for a in self.alarms], "blocks": self.blocks, "sums": self._sums,
                "block_began": self._block_began, "seconds": list(self.seconds), "timed": list(self._timed),
                "drift": None if self.drift is None else self.drift.state(),
                "replay": None if self.replays is None else self.replays.state()}

    def restore(self, state):
        self.n_rows, self.every, self.block = state["n_rows"], state["every"], state["block"]
        self.losses, self.errors = ([Faded(*one) for one in state[name]] for name in ("losses", "errors"))
        self.points = tuple(StreamPoint(*one) for one in state["points"])
        self.alarms = tuple(Alarm(*Heard(*one)) for one in state["alarms"])
        self.blocks, self._sums, self._block_began = state["blocks"], np.array(state["sums"]), state["block_began"]
        self.seconds, self._timed = state["seconds"], state["timed"]
        if self.drift is not None:
            self.drift.restore(state["drift"])
        if self.replays is not None:
            self.replays.restore(state["replay"])
        for learner in self.learners:
            learner.load()


def _in_pieces(learner, x, y, again):
    """(losses, errors) of rows that may be more than a learner takes at once; a short last batch goes alone."""
    n, size = len(y), learner.batch_size
    whole = n - n % size
    cuts = [*range(0, whole, learner.n_rows), *([whole] if whole < n else []), n]
    found = []
    for start, end in pairwise(cuts):
        part = slice(start, end)
        old = None if again is None else tuple(over(lambda a, part=part: a[part], tree) for tree in again)
        found.append(learner.learn(over(lambda a, part=part: a[part], x), y[part], old))
    return tuple(np.concatenate(one) for one in zip(*found, strict=True))
