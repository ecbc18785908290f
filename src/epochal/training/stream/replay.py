"""Replay: of the last rows that were learned from, as many as a batch holds are learned from once more beside every batch."""

import numpy as np

from ...seam.rows import over


class Replay:
    """A buffer of the last `size` rows. What is drawn follows from the seed and the number of the row alone."""

    def __init__(self, size, seed):
        self._size, self._seed, self._x, self._y = size, seed, None, None

    def drawn(self, x, y, batch_size, first):
        """(x, y) with as many rows as these: for each batch, rows drawn from the last ones before it; for the first, from itself.

        Args:
            first: rows that came before these.
        """
        held = 0 if self._y is None else len(self._y)
        every, targets = self._with(x, y)
        rows = np.empty(len(y), np.int64)
        for start in range(0, len(y), batch_size):
            end = min(start + batch_size, len(y))
            low, high = max(0, held + start - self._size), held + start
            low, high = (low, high) if high > low else (start, end)
            draw = np.random.default_rng([self._seed, first + start])
            rows[start:end] = draw.integers(low, high, end - start)
        return over(lambda a: a[rows], every), targets[rows]

    def add(self, x, y):
        """These rows were learned from."""
        every, targets = self._with(x, y)
        self._x, self._y = over(lambda a: np.array(a[-self._size :]), every), np.array(targets[-self._size :])

    def state(self):
        return {"x": self._x, "y": self._y}

    def restore(self, state):
        self._x, self._y = state["x"], state["y"]

    def _with(self, x, y):
        if self._y is None:
            return x, y
        return _joined(self._x, x), np.concatenate([self._y, y])


def _joined(first, second):
    """Two nested inputs as one."""
    if isinstance(first, dict):
        return {key: _joined(first[key], second[key]) for key in first}
    if isinstance(first, list | tuple):
        return type(first)(_joined(a, b) for a, b in zip(first, second, strict=True))
    return np.concatenate([first, second])
