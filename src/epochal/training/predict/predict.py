"""Predict as Keras does, at the speed of the device: large blocks, each handed over while the last one is copied back."""

import itertools
import warnings

import keras
import numpy as np

from ...base.errors import MeasurementFailed
from ...base.validate import require
from ...engine.guard import memory_guard
from ...rules.training.predict_size import SMALLEST
from ...seam.feeding import feeding
from ...seam.forward.forward import forward_of
from ...seam.model.copying import layers
from ..feeds.batches import Batching, source_of
from ..feeds.cast import OnlyKeras, rows_of
from .arguments import checked, is_spread, refuse_in_place, refuse_path
from .hooks import Begun, Hooks
from .out import Growing, RowsDiffer, Whole, as_rows, fill
from .size import find_size
from .stream import COMPARED, Coupled, Stream, blocks, closeness, mixed
from .trials import trials_of


def predict(model, x, batch_size="auto", verbose="auto", steps=None, callbacks=None, *, goal="throughput", out=None,
            say=lambda sentence: None):
    """The predictions of `model.predict(x)`; see `epochal.predict`, whose arguments these are.

    Args:
        say: called with a sentence when a batch size was measured.
    """
    size = checked(model, batch_size, verbose, steps, goal)
    refuse_path(x)
    call = _Call(model, size, verbose, steps, callbacks, goal, out, say)
    try:
        if is_spread(model):
            raise OnlyKeras("the model is spread over devices", x)
        number = None if size == "auto" else size
        source = source_of(x, Batching(number, False, steps))
        if source is not None:
            return call.batches(source)
        rows = rows_of(x)
        refuse_in_place(out, rows.leaves)
        return call.rows(rows)
    except OnlyKeras as only:
        return call.by_keras(only.x)
    except RowsDiffer as differ:
        call.set_apart(irregular=str(differ))
        return call.by_keras(x)


class _Call:
    """One call of `predict`: its arguments, on the way that its data ask for."""

    def __init__(self, model, size, verbose, steps, callbacks, goal, out, say):
        self._model, self._size, self._verbose, self._steps, self._callbacks = model, size, verbose, steps, callbacks
        self._goal, self._out, self._say, self._forward = goal, out, say, None

    def by_keras(self, x):
        size = None if self._size == "auto" else self._size
        return fill(self._out, self._model.predict(x, batch_size=size, verbose=self._verbose, steps=self._steps,
                                                   callbacks=self._callbacks))

    def set_apart(self, *, coupled="", irregular=""):
        """Say once why this model cannot be predicted in blocks of any size, and remember it."""
        forward, size = self._forward, self._size if isinstance(self._size, int) else SMALLEST
        if not (forward.coupled or forward.irregular):
            warnings.warn(f"The predictions of `{self._model.name}` depend on how its rows are batched: {coupled or irregular}. "
                          f"It is run exactly as Keras runs it, in batches of {size}.", stacklevel=5)
        forward.coupled, forward.irregular = coupled or forward.coupled, irregular or forward.irregular

    def batches(self, source):
        """Batches as the source cuts them."""
        forward = self._forward = forward_of(self._model, lambda: source.look()[0])
        n = source.n_batches if self._steps is None else self._steps
        hooks = Hooks(self._model, self._callbacks, self._verbose, n)
        grown, waiting, seen = Growing(self._out, n), None, 0
        if not source.draws_torch_seed:
            self._draw()
        with Begun(forward, hooks, source):
            for step, batch in enumerate(itertools.islice(source.open(), self._steps)):
                hooks.before(step)
                outputs = forward.run(keras.utils.pack_x_y_sample_weight(*batch), keep=True)
                if waiting is not None:
                    _settle(forward, grown, waiting)
                waiting, seen = outputs, step + 1
                if hooks.after(step, outputs):
                    break
            else:
                self._missed(seen)
            require(waiting is not None, "x", "no batch", "at least one batch", "A generator can be used only once.")
            _settle(forward, grown, waiting)
        if seen == source.n_batches:
            self._draw()
        return grown.result()

    def rows(self, rows):
        """Arrays, in blocks of the size that was given, or found."""
        self._draw()
        stream = self._through(rows)
        if stream.out.done == rows.n_rows:
            self._draw()
        return stream.out.result()

    @staticmethod
    def _draw():
        """What Keras draws of PyTorch's random numbers before the first batch and after the last, where rows leave them alone."""
        feeding().draw_seed()

    def _through(self, rows):
        def look():
            return rows.take(slice(0, 1))[0]

        self._forward = forward_of(self._model, look)
        if self._forward.irregular:
            raise RowsDiffer(self._forward.irregular)
        if self._size == "auto" and self._steps is None and rows.n_rows > SMALLEST and not self._forward.coupled:
            try:
                return self._found(rows, look)
            except Coupled as coupled:
                self.set_apart(coupled=str(coupled))
        if self._size is None or self._size == "auto":
            size = SMALLEST if self._steps is None else -(-rows.n_rows // self._steps)
        else:
            size = self._size
        if self._steps is not None:
            rows = rows._replace(n_rows=min(rows.n_rows, self._steps * size))
            self._missed(-(-rows.n_rows // size))
        try:
            return self._given(rows, size)
        except Coupled as coupled:
            self.set_apart(coupled=str(coupled))
            return self._given(rows, size)

    def _given(self, rows, size):
        """As Keras would: blocks of `size`. The last is filled up where that saves compiling, and rows are shown independent."""
        forward, n_steps = self._forward, -(-rows.n_rows // size)
        hooks = Hooks(self._model, self._callbacks, self._verbose, n_steps)
        stream = self._stream(rows, hooks, keep=True)

        def whole():
            return (forward.per_shape and rows.n_rows >= size and forward.verified and not forward.changes and not forward.coupled)

        with Begun(forward, hooks):
            stream.send(blocks(0, rows.n_rows, size, whole=whole))
        return stream

    def _found(self, rows, look):
        """Blocks of a size that is known from earlier calls, or found in this one."""
        forward, hooks = self._forward, Hooks(self._model, self._callbacks, self._verbose, None)
        stream = self._stream(rows, hooks, keep=False)
        with Begun(forward, hooks):
            size, seconds = find_size(stream, trials_of(self._model, forward, look()), self._goal)
            found = f"predict: batch_size={size:,} for {self._goal}, found in {seconds:.2g} s and remembered" if seconds else ""
            hooks.expect(stream.n_sent + -(-stream.left // size), size)
            while stream.left and not stream.stopped:
                with memory_guard(forward) as guard:
                    stream.send(blocks(stream.out.done, rows.n_rows, size, whole=lambda: forward.per_shape,
                                       again=self._again(stream, size)))
                if guard.ran_out:
                    if size == 1:
                        raise MeasurementFailed("The memory there is does not suffice to predict even one row.")
                    size //= 2
            if not (stream.checked or forward.verified or stream.stopped):
                with memory_guard(forward):  # where even these few rows are too many, nothing is shown
                    stream.compare(mixed(rows.n_rows, max(size, 2 * COMPARED) if forward.per_shape else 2 * COMPARED))
            forward.verified = forward.verified or stream.checked
        if found:
            self._say(found)  # when the progress bar has ended
        return stream

    def _again(self, stream, size):
        """The rows to do twice in the second block, where nothing else shows whether rows stand alone."""
        overlaps = self._forward.per_shape and stream.left > size and -stream.left % size >= COMPARED
        if stream.checked or self._forward.verified or overlaps or size < 2 * COMPARED:
            return ()
        return np.arange(COMPARED)[::-1]

    def _stream(self, rows, hooks, *, keep):
        close = closeness({layer.compute_dtype for layer in (self._model, *layers(self._model))})
        return Stream(self._forward, rows, Whole(self._out, rows.n_rows), hooks, close=close, keep=keep, alone=not keep)

    def _missed(self, seen):
        if self._steps is not None and seen < self._steps:
            warnings.warn(f"`steps` is {self._steps}, but x holds only {seen} batches: all of them were predicted.", stacklevel=5)


def _settle(forward, grown, outputs):
    arrays = [forward.fetch(leaf) for leaf in keras.tree.flatten(outputs)]
    as_rows(arrays, None)
    grown.write(outputs, arrays)
