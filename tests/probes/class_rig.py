"""A fake rig whose rows have classes and gradients that are given."""

from dataclasses import replace

import numpy as np
from contracts.fake_rig import FakeRig


class ClassRig(FakeRig):
    """So many rows of each class, in order; the gradient of a row is what `FakeRig` has, or what is given."""

    def __init__(self, counts, gradients=None, **options):
        super().__init__(n_examples=sum(counts), n_params=2 if gradients is None else gradients.shape[1], **options)
        self._classes, self._gradients = np.repeat(np.arange(len(counts)), counts), gradients
        self.task = replace(self.task, kind="multiclass", n_classes=len(counts), rarest=min(counts))

    @classmethod
    def of_gradients(cls, gradients, classes):
        """Rows with these gradients, whatever the weights; classes in ascending order."""
        return cls(tuple(np.bincount(classes).tolist()), gradients)

    def classes(self):
        return self._classes

    def gradient(self, state, rows, draw=0):
        return super().gradient(state, rows, draw) if self._gradients is None else self._gradients[rows].mean(0)
