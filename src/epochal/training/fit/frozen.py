"""Train the head of a model on the features of its frozen base, computed once for each row; or the whole model again."""

from types import SimpleNamespace

from ...base.system.memory import says_no_memory
from ...base.text import counted
from ...engine.guard import memory_guard
from ...seam.frozen.divide import divided, follows_thawing, in_the_way, trainable_state
from ...seam.frozen.features import Features, Rows, StepAside, checksum_of_weights, features_of
from ..feeds.arrays import Resident
from ..feeds.blocks import ArrayBlocks
from ..feeds.sources import with_inputs
from .callbacks import needing_batches, seeing_the_model

_PASSES = 2  # over the rows, with the second of which features are used again


class Once:
    """The head of a model that trains, and its feeds, which hand out features of its base in place of inputs.

    Attributes:
        head: what is trained. judges: what validates, the head as well, where the rows to validate on are arrays; else `None`.
        sentence: what was computed, for the user. figures: the same as numbers.
    """

    def __init__(self, model, pair, feed, validation, tell, known=None):
        self._model, (self._base, self.head), self._tell, self._known = model, pair, tell, known
        self.judges = self.head if validation is not None and _holds_arrays(validation) else None
        self._feeds = [feed, *([validation] if self.judges else [])]
        self._given = [one.source for one in self._feeds]
        self._compute()

    def _compute(self):
        parts = [_rows(source) for source in self._given]
        if self._known is None:
            found = features_of(self._base, parts, batch_size=self._given[0].batch_size, tell=self._tell)
        else:
            found, self._known = [Features(arrays, 0.0, 0.0) for arrays in self._known[: len(parts)]], None
        for feed, source, one in zip(self._feeds, self._given, found, strict=True):
            feed.take_from(with_inputs(source, one.arrays))
        self._weights, self._trained = checksum_of_weights(self._base), trainable_state(self._model)
        n_rows, seconds = sum(rows.n_rows for rows in parts), sum(one.seconds for one in found)
        self.figures = {"weights": self._base.n_weights, "rows": n_rows, "seconds": seconds,
                        "seconds_an_epoch": sum(one.row_seconds * rows.n_rows for one, rows in zip(found, parts, strict=True))}
        took = f"in {seconds:.2g} s" if seconds else "by the training before"
        self.sentence = (f"The frozen part of the model ({counted(self._base.n_weights, 'weight')}) was computed once, for "
                         f"{counted(n_rows, 'row')}, {took}; epochs train the rest alone.")

    def goes_on(self):
        """Whether the head may go on training, after callbacks had the model; where frozen weights are others, on new features."""
        self._given[0].end()  # warns of rows that were changed in place
        if follows_thawing() and trainable_state(self._model) != self._trained:
            return False
        if checksum_of_weights(self._base) != self._weights:
            try:
                self._compute()
            except StepAside:
                return False
        return True

    def leave(self):
        """Let the feeds go on with the rows themselves."""
        for feed, source in zip(self._feeds, self._given, strict=True):
            feed.take_from(source)


def computed_once(request, feed, validation, n_epochs, tell):
    """`(Once, None)` where it pays to compute the frozen part of a model beforehand; else `(None, why not)`.

    Why not is a part of a sentence, or `None` where there is nothing frozen to speak of.
    """
    model = request.model
    if request.features is not None:
        return Once(model, divided(model, feed.sample[0]), feed, validation, tell, request.features), None
    if not request.cache_frozen or not _holds_arrays(feed) or feed.n_batches * n_epochs < _PASSES * feed.source.n_batches:
        return None, None
    pair = divided(model, feed.sample[0])
    if pair is None:
        layer = in_the_way(model)
        return None, layer and f"the layer `{layer}` before or inside it computes something else every time"
    for what in ("train", "test"):
        if meddling := seeing_the_model(needing_batches(request.callbacks, what)):
            return None, f"the callback {type(meddling[0]).__name__} may change it at every batch"
    try:
        with memory_guard(SimpleNamespace(out_of_memory=says_no_memory)):
            return Once(model, pair, feed, validation, tell), None
    except StepAside as aside:
        return None, str(aside)
    return None, "memory does not suffice for it"


def _holds_arrays(feed):
    return isinstance(feed.source, Resident | ArrayBlocks)


def _rows(source):
    rows = source.rows._replace(y=None, weight=None)
    return Rows(rows.n_rows, lambda which: rows.take(which)[0])
