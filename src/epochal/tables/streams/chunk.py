"""Some rows of a stream, ready for a model."""

from typing import Any, NamedTuple

import numpy as np


class Chunk(NamedTuple):
    """Rows, in their order.

    Attributes:
        x, y: inputs and targets. places: int[n], which row of the source each is, from 0; what lies between was left out.
        left_out: `(place, why)` of rows left out. marks: int[n, 2], partition and next offset of each; `None` where there are none.
    """

    x: Any
    y: Any
    places: Any
    left_out: tuple[tuple[int, str], ...] = ()
    marks: Any = None

    @property
    def n_rows(self):
        return len(self.places)


def numbered(first, n):
    """Places of `n` rows, of which none was left out."""
    return np.arange(first, first + n)
