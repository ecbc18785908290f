"""The user's model in training on TensorFlow: Keras' own step as a graph, called one by one or by a loop that is a graph too."""

import keras
import numpy as np
import tensorflow as tf

from ..model.copying import layers
from ..rows import over
from . import accumulate, protocol
from .tensorflow_step import OfAnySize, Step


def bind(model, micro_batch_size=None, trains=None, judges=None):
    """The `Trainee` of a compiled and built model on TensorFlow; `trains` and `judges`: its `Head`, where that does.

    It trains in the model's own variables.

    `"looped"` and `"stepwise"` run the graph of a step that `fit` runs: equal to the last bit. `"fused"` hands the loop to XLA,
    which rounds otherwise where `fit` would not have compiled the step with XLA (`model.jit_compile`); where XLA cannot compile the
    step or would draw other numbers, it is refused before anything has changed.
    """
    trains, judges = trains or model, judges or model
    if micro_batch_size is None:
        return _Trainee(model, trains, trains.train_step, judges.test_step)
    accumulate.refuse(model, micro_batch_size)
    train, test = _accumulated(trains, micro_batch_size)[0], _accumulated(judges, micro_batch_size)[1]
    return _Trainee(model, trains, train, test, micro_batch_size)


class _Trainee:
    backend, convolves_in_loops = "tensorflow", False

    def __init__(self, model, trains, train, test, micro_batch_size=None):
        self._model, self._check = model, accumulate.Check(trains, micro_batch_size)
        self._train, self._test = (Step(model, step, static=micro_batch_size is not None) for step in (train, test))
        self.device = "gpu" if tf.config.list_physical_devices("GPU") else "cpu"
        uncompiled = [layer.name for layer in layers(trains) if not layer.supports_jit]
        self.why_not = {"fused": f"The layer `{uncompiled[0]}` cannot be compiled by XLA."} if uncompiled else {}
        self.modes = tuple(mode for mode in ("fused", "looped", "stepwise") if mode not in self.why_not)

    def put(self, batch, *, any_size=False):
        put = (over(tf.convert_to_tensor, keras.tree.lists_to_tuples(tree)) for tree in batch)  # as Keras' own data set does
        return (OfAnySize if any_size else tuple)(put)

    def train(self, data, rows, mode):
        if self._check.is_due(rows):
            self._check(data, rows)
        return self._run(self._train, data, rows, mode)

    def test(self, data, rows, mode):
        return self._run(self._test, data, rows, mode)

    def reset_metrics(self):
        self._model.reset_metrics()
        self._train.begin_epoch()
        self._test.begin_epoch()

    def load(self):
        """Nothing: it trains in the model's own variables."""

    store = load

    numbers = staticmethod(protocol.numbers)

    def wait(self):
        tf.test.experimental.sync_devices()

    def _run(self, step, data, rows, mode):
        protocol.refuse_mode(self, mode)
        return getattr(step, mode)(data, np.ascontiguousarray(rows, np.int32))


def _accumulated(model, micro_batch_size):
    """`(train step, test step)`, each `(packed batch) -> logs`, with one micro-batch after the other, so that memory holds one.

    The number of rows must be known when they are traced.
    """
    weights = model.trainable_variables
    compiled = {"autograph": False, "jit_compile": model.jit_compile}

    @tf.function(**compiled)
    def gradient(batch, of):
        with tf.GradientTape() as tape:
            y_pred, part = accumulate.part(model, batch, of, training=True)
            scaled = model.optimizer.scale_loss(part)
        return tape.gradient(scaled, weights), accumulate.record(model, batch, y_pred, part, of)

    @tf.function(**compiled)
    def judged(batch, of):
        y_pred, part = accumulate.part(model, batch, of, training=False)
        return [], accumulate.record(model, batch, y_pred, part, of)

    def train(batch):
        slopes, logs = _added_up(model, gradient, batch, micro_batch_size)
        model.optimizer.apply(slopes, weights)
        return logs

    def test(batch):
        return _added_up(model, judged, batch, micro_batch_size)[1]

    return train, test


def _added_up(model, one, packed, micro_batch_size):
    """Slopes of a whole batch, and the logs after its last part."""
    batch = keras.utils.unpack_x_y_sample_weight(packed)
    of = accumulate.whole(model, batch)
    sizes = accumulate.split(of.n_rows, micro_batch_size)
    n_alike = sum(size == sizes[0] for size in sizes)

    def part(i, size):
        return one(over(lambda a: tf.gather(a, i * sizes[0] + tf.range(size)), batch), of)

    slopes, logs = part(0, sizes[0])
    if n_alike > 1:
        def body(i, sums):
            return i + 1, [_more(total, slope, i) for total, slope in zip(sums, part(i, sizes[0])[0], strict=True)]

        _, sums = tf.while_loop(lambda i, _: i < n_alike, body, [tf.constant(1), [_begun(slope, n_alike) for slope in slopes]],
                                parallel_iterations=1)
        slopes = [_ended(total, slope) for total, slope in zip(sums, slopes, strict=True)]
    if len(sizes) > n_alike:
        with tf.control_dependencies([getattr(slope, "values", slope) for slope in slopes if slope is not None]):
            more, logs = part(n_alike, sizes[-1])  # one after the other, or memory would have to hold both
        slopes = [_both(a, b) for a, b in zip(slopes, more, strict=True)]
    return slopes, logs


# A sum of slopes inside a loop: nothing, a tensor, or for an embedding all the rows that were seen, one after the other. Keras'
# optimizers on TensorFlow square each of those rows by itself, so that adding them up first would make another update.

def _begun(slope, n):
    if isinstance(slope, tf.IndexedSlices):
        return [tf.TensorArray(part.dtype, n, element_shape=part.shape).write(0, part) for part in (slope.values, slope.indices)]
    return [] if slope is None else [slope]


def _more(total, slope, i):
    if isinstance(slope, tf.IndexedSlices):
        return [rows.write(i, part) for rows, part in zip(total, (slope.values, slope.indices), strict=True)]
    return [] if slope is None else [total[0] + slope]


def _ended(total, slope):
    if isinstance(slope, tf.IndexedSlices):
        values, indices = (rows.stack() for rows in total)
        return tf.IndexedSlices(tf.reshape(values, [-1, *slope.values.shape[1:]]), tf.reshape(indices, [-1]), slope.dense_shape)
    return None if slope is None else total[0]


def _both(a, b):
    if isinstance(a, tf.IndexedSlices):
        return tf.IndexedSlices(tf.concat([a.values, b.values], 0), tf.concat([a.indices, b.indices], 0), a.dense_shape)
    return None if a is None else a + b
