"""One kind of step of a Keras model on TensorFlow, and the programs around it."""

from contextlib import contextmanager

import keras
import tensorflow as tf

from ...base.errors import Unsupported
from ..model.copying import first_line
from ..rows import leaves, over
from .protocol import are_own, of_one_shape

_AS_SUCH = 2      # batch sizes traced as such in an epoch: a full batch, a short last one; where there are more, one trace for all
_DRAWS = ("Random", "Multinomial")  # in the names of operations that draw numbers
_REFUSALS = tf.errors.InvalidArgumentError, tf.errors.UnimplementedError, tf.errors.NotFoundError, tf.errors.InternalError


class OfAnySize(tuple):
    """Batches on the device, of which Keras does not know beforehand how many rows each will have."""


class Step:
    """A step `(packed batch) -> logs`, called once for each row of `rows`; every verb returns the logs of the last.

    There is one program for each mode, form of the data, and batch size. How many batches, and how many rows the data hold, are
    arguments of the program. Where it is `static`, the step knows the number of rows when it is traced.
    """

    def __init__(self, model, step, *, static=False):
        self._model, self._static = model, static
        # As in Keras, XLA compiles what happens to a batch and nothing around it: more would round differently.
        self._inner = tf.function(lambda batch: step(batch), autograph=False, jit_compile=model.jit_compile)
        self._programs, self._shapes, self._fused, self._varied = {}, {}, set(), False
        self.begin_epoch()

    def begin_epoch(self):
        self._sizes, self._even = set(), None

    def stepwise(self, data, rows):
        program, arrays = self._program(self._build_step, data, rows)
        for row in rows:
            logs = program(tf.constant(row), *arrays)
        return logs

    def looped(self, data, rows):
        program, arrays = self._program(self._build_loop, data, rows)
        return program(tf.constant(len(rows)), tf.constant(rows), *arrays)

    def fused(self, data, rows):
        n, size = rows.shape
        if n == 1 and self._fused and size not in self._fused:  # a short last batch is not worth a compilation
            return self.stepwise(data, rows)
        program, arrays = self._program(self._build_fused, data, rows)
        for padded, n in of_one_shape(rows):
            with _compiling(self._model):
                logs = program(tf.constant(n), tf.constant(padded), *arrays)
        self._fused.add(size)
        return logs

    def _program(self, build, data, rows):
        """The program that `build` makes for data of this form, and the arrays to pass to it."""
        size, arrays = self._traced_size(data, rows.shape[1]), []
        over(arrays.append, data)
        form = repr(over(lambda a: a.dtype.name, data))
        before = self._shapes.get(form, [a.shape for a in arrays])
        shapes = [old.most_specific_compatible_shape(a.shape) for old, a in zip(before, arrays, strict=True)]
        self._shapes[form] = shapes  # what varies from batch to batch, as the length of sentences may, is traced as unknown
        specs = [tf.TensorSpec([None, *shape[1:]], a.dtype) for shape, a in zip(shapes, arrays, strict=True)]
        key = build.__name__, size, form, *specs
        if key not in self._programs:
            self._programs[key] = build(over(lambda a: 0, data), size, specs)
        return self._programs[key], arrays

    def _traced_size(self, data, size):
        """The batch size to trace with, `None` for any: known where Keras knows it, which is where all batches are full.

        It matters: Keras weighs the losses of several outputs by the rows of a batch where it knows them, and else not at all.
        """
        self._sizes.add(size)
        self._varied |= len(self._sizes) > _AS_SUCH
        if self._even is None:
            n = len(leaves(data[0])[0])
            self._even = n % size == 0 and n > size and not isinstance(data, OfAnySize)
        return size if self._static or (self._even and not self._varied) else None

    def _build_step(self, form, size, specs):
        @tf.function(autograph=False, input_signature=[tf.TensorSpec([size], tf.int32), *specs])
        def one(row, *arrays):
            return self._inner(_batch(_nested(form, arrays), row))

        return one

    def _build_loop(self, form, size, specs, **options):
        logs = self._traced(form, size, specs).structured_outputs
        own = are_own(logs, self._model.get_metrics_result())
        carried = [leaf for leaf in keras.tree.flatten(logs) if tf.is_tensor(leaf)] if own else []

        @tf.function(autograph=False, input_signature=[tf.TensorSpec([], tf.int32), tf.TensorSpec([None, size], tf.int32), *specs],
                     **options)
        def many(n, rows, *arrays):
            def body(i, *_):
                found = keras.tree.flatten(self._inner(_batch(_nested(form, arrays), rows[i])))
                return i + 1, *([leaf for leaf in found if tf.is_tensor(leaf)] if carried else [])

            first = [tf.zeros([d or 0 for d in leaf.shape], leaf.dtype) for leaf in carried]
            _, *last = tf.while_loop(lambda i, *_: i < n, body, [tf.constant(0), *first],
                                     shape_invariants=[tf.TensorShape([]), *(leaf.shape for leaf in carried)])
            if not own:
                return self._model.get_metrics_result()
            last = iter(last)
            return keras.tree.map_structure(lambda leaf: next(last) if tf.is_tensor(leaf) else leaf, logs)

        return many

    def _build_fused(self, form, size, specs):
        if not self._model.jit_compile and _draws(self._traced(form, size, specs)):
            raise Unsupported(f"The model `{self._model.name}` draws random numbers, and XLA would draw others than Keras, which "
                              'does not use XLA here. Train in the mode "looped", or compile the model with jit_compile=True.')
        return self._build_loop(form, size, specs, jit_compile=True)

    def _traced(self, form, size, specs):
        one = iter([tf.TensorSpec([size, *spec.shape[1:]], spec.dtype) for spec in specs])
        return self._inner.get_concrete_function(keras.utils.pack_x_y_sample_weight(*(over(lambda _: next(one), form))))


def _batch(data, rows):
    return keras.utils.pack_x_y_sample_weight(*over(lambda a: tf.gather(a, rows), data))


def _nested(form, arrays):
    arrays = iter(arrays)
    return over(lambda _: next(arrays), form)


def _draws(concrete):
    graph = concrete.graph.as_graph_def()
    operations = {node.op for node in graph.node} | {node.op for f in graph.library.function for node in f.node_def}
    return any(word in operation for operation in operations for word in _DRAWS)


@contextmanager
def _compiling(model):
    """What XLA cannot compile is refused in one sentence; nothing has run by then."""
    try:
        yield
    except _REFUSALS as error:
        if "XLA" not in str(error) and "compil" not in str(error).lower():
            raise
        raise Unsupported(f"XLA cannot compile the step of the model `{model.name}` ({first_line(error)}) Train in the mode "
                          '"looped".') from error
