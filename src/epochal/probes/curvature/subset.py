"""The loss on a fixed subset of the training rows: its value, its slope, and its largest eigenvalue with an interval."""

import math
from time import perf_counter
from typing import NamedTuple

import numpy as np

from ...base.seeds import stream
from ...base.stats import student
from ...rules.lanczos import largest_eigenvalue

ROWS = 2048          # of the subset, at most
FEWEST_PRODUCTS = 8  # where so many overrun the budget, nothing is measured
_PARTS = 8
_PRODUCTS, _OF_A_PART = 60, 30  # at most, for the subset and for each part of it


class Curved(NamedTuple):
    """The largest eigenvalue of the training loss' second derivatives, estimated on a subset of the rows.

    Attributes:
        value: with the subset's own bias taken off. low, high: its interval, for the loss on all training rows.
        raw: of the subset itself. of_parts: the mean over its parts, each with an eighth of the rows; not a number where
        there was no
            time for them, or but one part: then the bias is not known, and there is no interval.
        n_products, error: of the search. converged: whether it ended for its precision; else `raw` is only a lower bound.
    """

    value: float
    low: float
    high: float
    raw: float
    of_parts: float
    n_products: int
    error: float
    converged: bool


class Subset:
    """Training rows in equal parts, drawn once for a seed. What is told of them is the mean over parts.

    Where the model normalises over the batch, a part has the present batch size, over which it then normalises.
    """

    def __init__(self, rig, seed, rows=ROWS):
        n = min(rows, rig.n_examples)
        size = rig.present.batch_size if rig.task.normalises_over_batch else max(n // _PARTS, 1)
        size = min(size, n)
        self._rig, n_parts = rig, min(_PARTS, n // size)
        drawn = stream(seed, "curvature").permutation(rig.n_examples)[: n_parts * size]
        self.parts, self.n_rows = drawn.reshape(n_parts, size), n_parts * size
        self._start = stream(seed, "lanczos").normal(size=rig.n_params).astype(np.float32)

    def losses(self, state):
        """float[n_parts]: the loss of each part, dropout off."""
        return np.array([self._rig.loss(state, part) for part in self.parts], float)

    def slope(self, state):
        """The gradient of the loss on the subset, dropout off."""
        return np.mean([self._rig.slope(state, part) for part in self.parts], axis=0)

    def product(self, state, v):
        """H v of the loss on the subset."""
        return np.mean([self._rig.curvature(state, part, v) for part in self.parts], axis=0)

    def seconds_a_product(self, state):
        """How long a product takes, compiled."""
        self._rig.curvature(state, self.parts[0], self._start)
        self._rig.wait()
        begun = perf_counter()
        self.product(state, self._start)
        return perf_counter() - begun

    def curved(self, state, *, scales=None, seconds=math.inf):
        """The `Curved` of S H S, S the diagonal `scales` (by default ones), in about so many seconds; `None`: not finite.

        The interval: Rayleigh quotients of the parts along the eigenvector found, whose mean is the subset's eigenvalue,
        with Student's t. The largest eigenvalue of a few rows is above that of all on average. Its bias falls as one over
        their number (second-order perturbation), so what the parts' own eigenvalues are above the subset's tells what the
        subset's is above that of all rows; it is taken off, and counts in the interval once more. Both shrink with √(1 -
        rows / all rows), and 1 - rows / all rows: on all rows nothing is left to chance. It holds where one eigenvalue
        stands out; where many are alike, the bias is larger than that.
        """
        begun, n = perf_counter(), len(self.parts)
        top = self.top(state, scales=scales, seconds=seconds / 2)
        if top is None:
            return None
        of_parts = [self._searched(part, state, scales) for part in self.parts]
        along = np.array([float(np.vdot(top.vector, of(top.vector))) for of in of_parts])
        own = [largest_eigenvalue(of, self._start, most=_OF_A_PART, precision=1e-2,
                                  go_on=lambda i=i: perf_counter() - begun < seconds * (0.5 + 0.5 * (i + 1) / n))
               for i, of in enumerate(of_parts)] if n > 1 and perf_counter() - begun < seconds / 2 else []
        if None in own:
            return None
        raw, left = top.value, 1 - self.n_rows / self._rig.n_examples
        if not own:
            return Curved(raw, raw, raw, raw, math.nan, top.n_products, top.error, top.converged)
        mean = float(np.mean([one.value for one in own]))
        bias = max(0.0, mean - raw) / (n - 1) * left
        half = math.hypot(student(n - 1) * float(along.std(ddof=1)) * (left / n) ** 0.5, bias) + top.error
        return Curved(raw - bias, raw - bias - half, raw - bias + half, raw, mean, top.n_products, top.error, top.converged)

    def top(self, state, *, scales=None, seconds=math.inf):
        """The `Top` of S H S for the subset itself; `None` where it is not finite."""
        of_parts, begun = [self._searched(part, state, scales) for part in self.parts], perf_counter()
        return largest_eigenvalue(lambda v: np.mean([of(v) for of in of_parts], axis=0), self._start, most=_PRODUCTS,
                                  go_on=lambda: perf_counter() - begun < seconds)

    def _searched(self, part, state, scales):
        def product(v):
            return self._rig.curvature(state, part, v)

        return product if scales is None else lambda v: scales * product(scales * v)

