"""A step of TensorFlow whose gradient is added up from micro-batches, one after the other, so that memory holds one of them."""

import keras
import tensorflow as tf

from ..rows import over
from . import accumulate


def accumulated(model, micro_batch_size):
    """`(train step, test step)` of a model, each `(packed batch) -> logs`; the number of rows must be known when they are traced.

    """
    weights = model.trainable_variables
    compiled = {"autograph": False, "jit_compile": model.jit_compile}

    @tf.function(**compiled)
    def gradient(batch, of):
        with tf.GradientTape() as tape:
            y_pred, part = accumulate.part(model, batch, of, training=True)
            scaled = model.optimizer.scale_loss(part)
        slopes = [None if slope is None else tf.convert_to_tensor(slope) for slope in tape.gradient(scaled, weights)]
        return slopes, accumulate.record(model, batch, y_pred, part, of)

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

    def part(start, size):
        return one(over(lambda a: tf.gather(a, start + tf.range(size)), batch), of)

    slopes, logs = part(0, sizes[0])
    known = [slope for slope in slopes if slope is not None]

    def body(i, *sums):
        more = [slope for slope in part(i * micro_batch_size, micro_batch_size)[0] if slope is not None]
        return i + 1, *(a + b for a, b in zip(sums, more, strict=True))

    n_alike = sum(size == micro_batch_size for size in sizes)
    if n_alike > 1:
        _, *known = tf.while_loop(lambda i, *_: i < n_alike, body, [tf.constant(1), *known], parallel_iterations=1)
    if len(sizes) > max(n_alike, 1):
        with tf.control_dependencies(known):  # one after the other, or memory would have to hold both
            more, logs = part(n_alike * micro_batch_size, sizes[-1])
        known = [a + b for a, b in zip(known, (slope for slope in more if slope is not None), strict=True)]
    known = iter(known)
    return [None if slope is None else next(known) for slope in slopes], logs
