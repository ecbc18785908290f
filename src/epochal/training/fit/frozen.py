"""Train the head of a model on the features of its frozen base, computed once for each row; or the whole model again."""

from types import SimpleNamespace

from ...base.system.memory import says_no_memory
from ...base.text import counted
from ...engine.guard import memory_guard
from ...seam.frozen.divide import divided, follows_thawing, in_the_way, sample_of, trainable_state
from ...seam.frozen.features import MOST, Features, Rows, StepAside, checksum_of_weights, features_of
from ...seam.frozen.met import Met
from ..feeds.arrays import Resident
from ..feeds.blocks import ArrayBlocks
from ..feeds.sources import with_inputs
from ..feeds.stacks import Batches
from .callbacks import needing_batches, seeing_the_model

_PASSES = 2  # over the rows, with the second of which features are used again
_ARRAYS = (Resident, ArrayBlocks)


class Once:
    """The head of a model that trains, and its feeds, which hand out features of its base in place of inputs.

    Rows of arrays are computed now; those that come in batches when they are met for the first time.

    Attributes:
        head: what is trained. judges: what validates, the head as well, where the rows to validate on are known ones; else `None`.
        sentence: what was computed, for the user. figures: the same as numbers, which go on with the training.
    """

    def __init__(self, model, pair, feed, validation, tell, known=None):
        self._model, (self._base, self.head), self._tell, self._known = model, pair, tell, known
        by_row = validation is not None and _passes_over(validation) and sample_of(model) is not None and not self._base.unknown
        self.judges = self.head if validation is not None and (_holds_arrays(validation) or by_row) else None
        self._feeds = [feed, *([validation] if self.judges else [])]
        self._given, self._met, self.figures = [one.source for one in self._feeds], [], {}
        self._compute()

    def _compute(self):
        pairs = list(zip(self._feeds, self._given, strict=True))
        arrays = [(feed, source) for feed, source in pairs if isinstance(source, _ARRAYS)]
        met = [(feed, source, Met(self._base, sample_of(self._model))) for feed, source in pairs if isinstance(source, Batches)]
        parts = [_rows(source) for _, source in arrays]
        if self._known is None:
            size = self._given[0].batch_size or MOST
            found = features_of(self._base, parts, batch_size=size, tell=self._tell) if parts else []
        else:
            found, self._known = [Features(known, 0.0, 0.0) for known in self._known[: len(parts)]], None
        for (feed, source), one in zip(arrays, found, strict=True):
            feed.take_from(with_inputs(source, one.arrays))
        for feed, source, one in met:
            feed.take_from(source.handing_out(one))
        self._met = [one for _, _, one in met]
        self._weights, self._trained = checksum_of_weights(self._base), trainable_state(self._model)
        n_rows, seconds = sum(rows.n_rows for rows in parts), sum(one.seconds for one in found)
        self._of_arrays = n_rows, seconds, sum(one.row_seconds * rows.n_rows for one, rows in zip(found, parts, strict=True))
        self._count()
        took = f"in {seconds:.2g} s" if seconds else "by the training before"
        how = ("is computed once for each row, when its batch first comes; later epochs" if met else
               f"was computed once, for {counted(n_rows, 'row')}, {took}; epochs")
        self.sentence = f"The frozen part of the model ({counted(self._base.n_weights, 'weight')}) {how} train the rest alone."

    def _count(self):
        """Bring the figures up to date."""
        n_rows, seconds, an_epoch = self._of_arrays
        self.figures.update(weights=self._base.n_weights, rows=n_rows + sum(one.n_rows for one in self._met),
                            seconds=seconds + sum(one.seconds for one in self._met),
                            seconds_an_epoch=an_epoch + sum(one.row_seconds * one.n_rows for one in self._met))

    def why_not(self, *, changed):
        """`None` where the head may go on training; else a sentence. `changed`: whether callbacks had the model.

        Where frozen weights are others, it goes on with new features.
        """
        self._count()
        aside = next((one.aside for one in self._met if one.aside), None)
        if aside:
            return f"The frozen part of the model is computed anew in every epoch: {aside}."
        if not changed:
            return None
        for source in self._given:
            if isinstance(source, _ARRAYS):
                source.end()  # warns of rows that were changed in place
        sentence = "The frozen part of the model was changed: from here on it is computed anew in every epoch."
        if follows_thawing() and trainable_state(self._model) != self._trained:
            return sentence
        if checksum_of_weights(self._base) != self._weights:
            try:
                self._compute()
            except StepAside:
                return sentence
        return None

    def leave(self):
        """Let the feeds go on with the rows themselves."""
        for feed, source in zip(self._feeds, self._given, strict=True):
            feed.take_from(source)


def computed_once(request, feed, validation, n_epochs, tell):
    """`(Once, None)` where it pays to compute the frozen part of a model once for each row; else `(None, why not)`.

    Why not is a part of a sentence, or `None` where there is nothing frozen to speak of.
    """
    model = request.model
    if request.features is not None:
        return Once(model, divided(model, feed.sample[0]), feed, validation, tell, request.features), None
    if not request.cache_frozen or not _comes_again(feed, n_epochs):
        return None, None
    sample = feed.sample[0] if _holds_arrays(feed) else sample_of(model)
    pair = None if sample is None else divided(model, sample)
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


def _comes_again(feed, n_epochs):
    """Whether each row comes more than once in the training, as far as can be known beforehand."""
    if _passes_over(feed):
        return n_epochs >= _PASSES
    return _holds_arrays(feed) and feed.n_batches * n_epochs >= _PASSES * feed.source.n_batches


def _holds_arrays(feed):
    return isinstance(feed.source, _ARRAYS)


def _passes_over(feed):
    """Whether every epoch is a pass over a whole source of batches, as a new one begins."""
    return isinstance(feed.source, Batches) and feed.takes_all and feed.source.starts_anew


def _rows(source):
    rows = source.rows._replace(y=None, weight=None)
    return Rows(rows.n_rows, lambda which: rows.take(which)[0])
