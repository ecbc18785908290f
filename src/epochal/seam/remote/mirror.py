"""One side of a model that exists in two processes: which of its variables the other side does not know yet."""

import keras
import numpy as np

from .plain import groups


class Mirror:
    """The variables of a model, and a copy of what was last sent or taken.

    Args:
        model: built and compiled; its variables must stay the same objects.
    """

    def __init__(self, model):
        self._variables = [variable for group in groups(model) for variable in group]
        self._dtypes = [_value(variable).dtype for variable in self._variables]
        self._known = [None] * len(self._variables)

    def changes(self):
        """`(positions, arrays)` of what the other side does not know; from now on it counts as known."""
        found = []
        for i, variable in enumerate(self._variables):
            value = _value(variable)
            if self._known[i] is None or not _same_bits(value, self._known[i]):
                self._known[i] = np.array(value)
                found.append(i)
        return found, [self._known[i] for i in found]

    def forget(self):
        """Let everything count as unknown: the other side has gone on since."""
        self._known = [None] * len(self._known)

    def take(self, positions, arrays):
        """Give the variables the other side's values. Whole numbers may have another size there; they are cast.

        Variables that hold nothing may be given something: a trainee may have given their arrays away.
        """
        for i, array in zip(positions, arrays, strict=True):
            value = array.astype(self._dtypes[i], copy=False)
            self._known[i] = value.copy()
            self._variables[i].assign(value)  # which may keep the array itself


def _value(variable):
    return np.asarray(keras.ops.convert_to_numpy(variable.value))


def _same_bits(a, b):
    return a.dtype == b.dtype and a.tobytes() == b.tobytes()
