"""Keras on TensorFlow: each verb loads a state into the twin, runs, and reads the state back, in one compiled function."""

from functools import partial

import tensorflow as tf

from ...base.errors import Unsupported
from ..machine import this_machine
from ..model.copying import first_line, to_numpy
from ..rows import over
from .judging import evaluation, judged_in_blocks, judged_rows, results_of
from .verbs import TWICE, State, Verbs, groups, held_out, on_bench, on_device, parts_of


def bind(twin, data):
    """The verbs of TensorFlow for a twin and its data, which go to the device once."""
    world = _World(twin, data)
    verbs = ("step", "loss", "gradient", "predict", "slope", "curvature", "judge", "judge_rows")
    compiled = {name: tf.function(getattr(world, name), autograph=False) for name in verbs}
    gpus = tf.config.list_physical_devices("GPU")
    name = tf.config.experimental.get_device_details(gpus[0]).get("device_name", "gpu").lower() if gpus else "cpu"

    return Verbs(
        machine=this_machine(name, None, "tensorflow"),
        put=_put,
        step=lambda state, rows, rate: compiled["step"](state, tf.constant(rows), tf.constant(rate, tf.float32)),
        judged=lambda state, fold=0: world.judged(state, held_out(data, fold), compiled["judge"]),
        judge=lambda state, half, blocks: world.judged_rows(state, half, blocks, compiled["judge_rows"]),
        results=lambda values: results_of(twin, values),
        loss=lambda state, rows: float(compiled["loss"](state, tf.constant(rows))),
        gradient=lambda state, rows: compiled["gradient"](state, tf.constant(rows)),
        predict=lambda state, rows: compiled["predict"](state, tf.constant(rows)),
        slope=lambda state, rows: compiled["slope"](state, tf.constant(rows)),
        curvature=lambda state, rows, v: compiled["curvature"](state, tf.constant(rows), [tf.constant(part) for part in v]),
        wait=tf.test.experimental.sync_devices,
        out_of_memory=lambda error: isinstance(error, tf.errors.ResourceExhaustedError),
        refused=lambda error: isinstance(error, tf.errors.InvalidArgumentError | tf.errors.UnimplementedError
                                         | tf.errors.InternalError),  # where XLA lacks an operation
    )


class _World:
    """The twin and the data, as functions from tensors to tensors; what they leave in the twin's variables is never read."""

    def __init__(self, twin, data):
        self._twin, self._model, self._optimizer = twin, twin.model, twin.model.optimizer
        self._data = on_bench(data, on_device)
        self._first_metrics = [_put(v) for v in twin.model.metrics_variables]
        # As in Keras, XLA compiles what happens to a batch and nothing around it: more would round differently.
        self._inner = {name: tf.function(getattr(self, name), autograph=False, jit_compile=twin.model.jit_compile)
                       for name in ("_train", "_loss", "_gradient", "_predict", "_judge")}

    def step(self, state, rows, learning_rate):
        self._load(state)
        self._twin.set_rate(learning_rate)
        loss = self._inner["_train"](*self._take(rows))
        return State(*([tf.identity(v.value) for v in group] for group in groups(self._model))), loss

    def loss(self, state, rows):
        self._load(state)
        return self._inner["_loss"](*self._take(rows))

    def gradient(self, state, rows):
        self._load(state)
        return self._inner["_gradient"](*self._take(rows))

    def predict(self, state, rows):
        self._load(state)
        return self._inner["_predict"](*self._take(rows))

    def judge(self, state, metrics, x, y, weight):
        """Loss of a block, and the metrics' variables after it."""
        self._load(state)
        variables = self._model.metrics_variables
        for variable, value in zip(variables, metrics, strict=True):
            variable.assign(value)
        loss = self._inner["_judge"](x, y, weight)
        return tf.cast(loss, tf.float32), [tf.identity(v.value) for v in variables]

    def judge_rows(self, state, half, rows, metrics):
        """As `judge`, of some rows of a judged part."""
        return self.judge(state, metrics, *_take(self._data.judged[half], rows))

    def judged_rows(self, state, half, blocks, judge):
        return judged_rows(blocks, self._first_metrics, lambda metrics, rows: judge(state, half, tf.constant(rows), metrics),
                           every_end=self._twin.decider is not None)

    def judged(self, state, rows, judge):
        return evaluation(self._twin, (
            judged_in_blocks(part, self._first_metrics, partial(judge, state), every_end=self._twin.decider is not None)
            for part in parts_of(self._data, rows, _take)))

    def _train(self, x, y, weight):
        with tf.GradientTape() as tape:
            _, loss = self._twin.forward(x, y, weight, training=True)
            scaled = self._optimizer.scale_loss(loss)
        weights = self._model.trainable_variables
        self._optimizer.apply(tape.gradient(scaled, weights), weights)
        return loss

    def _loss(self, x, y, weight):
        return self._twin.forward(x, y, weight, training=self._twin.normalises_over_batch())[1]

    def _gradient(self, x, y, weight):
        with tf.GradientTape() as tape:
            _, loss = self._twin.forward(x, y, weight, training=True)
        return self._slopes(tape, loss)

    def slope(self, state, rows):
        self._load(state)
        return self._slope(*self._take(rows))

    def curvature(self, state, rows, v):
        """H v: the derivative of the slope's part along v. Without XLA, which lacks some of it."""
        self._load(state)
        batch = self._take(rows)
        try:
            with tf.GradientTape() as tape:
                slopes = self._slope(*batch)
                along = tf.add_n([tf.reduce_sum(slope * tf.cast(part, slope.dtype)) for slope, part in zip(slopes, v, strict=True)])
            return self._slopes(tape, along)
        except LookupError as error:  # of an operation of its own kind
            raise Unsupported(TWICE.format(title="TensorFlow", error=first_line(error))) from error

    def _slope(self, x, y, weight):
        with tf.GradientTape() as tape:
            loss = self._loss(x, y, weight)
        return self._slopes(tape, loss)

    def _slopes(self, tape, of):
        slopes = tape.gradient(of, [v.value for v in self._model.trainable_variables],
                               unconnected_gradients=tf.UnconnectedGradients.ZERO)
        return [tf.convert_to_tensor(slope) for slope in slopes]  # an embedding's gradient comes as a few rows

    def _predict(self, x, y, weight):
        return self._twin.predicted(x)

    def _judge(self, x, y, weight):
        y_pred, loss = self._twin.forward(x, y, weight, training=False)
        self._model.compute_metrics(x=x, y=y, y_pred=y_pred, sample_weight=weight)
        return loss

    def _take(self, rows):
        return _take(self._data.train, rows)

    def _load(self, state):
        for variables, values in zip(groups(self._model), state, strict=True):
            for variable, value in zip(variables, values, strict=True):
                variable.assign(value)


def _take(part, rows):
    return [over(lambda a: tf.gather(a, rows), tree) for tree in part]


def _put(array):
    return tf.constant(to_numpy(array))
