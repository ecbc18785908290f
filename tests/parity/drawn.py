"""Trainings drawn at random: any model of the zoos with any optimizer, any kind of data, any arguments of `fit`, any callbacks.

`draw(seed, n)` is the same training in every process, `run` trains and predicts, and `judge` holds two runs against each other:
what `fit` leaves behind, what the callbacks heard, and what `predict` gives afterwards.
"""

import functools
import random
import tempfile
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field

import keras
import numpy as np
from contracts.optimizers import optimizers
from parity import frozen_models
from parity.drawn_data import ARRAYS, BATCHED, as_arrays, as_batches
from parity.fit_zoo import CASES, LIKE_FLOAT32, ROUGH, Case
from parity.own_zoo import OWN_CASES
from parity.same_fit import SEED, differences, ending, epochal_fit, keras_fit, relative
from training.side_by_side import Spy, SpyOnBatches, SpyOnEpochs

import epochal
from epochal.seam.frozen import features

BACKEND = keras.backend.backend()
ENGINES = {"jax": ("fused", "unrolled", "stepwise", "auto"), "tensorflow": ("fused", "looped", "stepwise", "auto"),
           "torch": ("stepwise", "auto")}[BACKEND]
_LAST_BIT = 2e-7  # of a float32, as a share
_LEAST = 0.1      # of a logged number, to hold differences against: R² is one less a sum, so that its last bit is that of 1
# On TensorFlow, Keras counts an update too many where a source ends unforeseen: the counter moves beside the read that fails.
_OTHERWISE = ("a generator that ends",) if BACKEND == "tensorflow" else ()
ONE_OPTIMIZER = {"gan", "no_call"}  # they have their own
EQUAL, SAME_BITS, REFUSED, HANDED = "equal", "equal to the last bit", "refused", "handed over"
BOTH_FAIL, KERAS_FAILS, RAISED, DIFFERENT, ROUNDING = (
    "an error in both", "an error in Keras alone", "RAISED", "DIFFERENT", "as far as Keras from itself")
BAD = (RAISED, DIFFERENT)
ERRORS = (ValueError, TypeError, RuntimeError, AttributeError, LookupError, ArithmeticError, OSError, AssertionError)
if BACKEND == "tensorflow":
    import tensorflow

    ERRORS = (*ERRORS, tensorflow.errors.OpError)


@dataclass(frozen=True)
class Training:
    """One training, in words and numbers alone.

    Attributes:
        model: a name of `cases()`. optimizer: one of `contracts.optimizers`, or `None` for the model's own.
        data, judged_on: kinds of `drawn_data`. validation: "given", "split" or "none".
        weights: "rows", "classes" or `None`. callbacks: names of `_CALLBACKS`.
        attributes: set on the model before it is trained. options: further arguments of `fit`.
        then: what is done before a second `fit`, or `None` for one alone. predicted: the batch size to predict with, and how many
            batches, where not all.
        once: whether what is frozen is computed once however cheap it is.
    """

    model: str
    optimizer: str | None = None
    data: str = "arrays"
    validation: str = "given"
    judged_on: str = "arrays"
    weights: str | None = None
    callbacks: tuple = ()
    attributes: dict = field(default_factory=dict)
    options: dict = field(default_factory=dict)
    then: str | None = None
    predicted: int | str | None = None
    predicted_steps: int | None = None
    once: bool = False

    def told(self):
        """What is not as usual, by name."""
        usual = asdict(Training(self.model))
        return {name: value for name, value in asdict(self).items() if name == "model" or value != usual[name]}


@functools.cache
def cases():
    """`{name: Case}` of the zoos that this back end trains."""
    frozen = {f"frozen: {name}": Case(name, frozen_models.with_rows(build), ROUGH if "Conv" in name else LIKE_FLOAT32, "", {})
              for name, build in (frozen_models.CASES | frozen_models.NOT_ONCE).items()}
    return {name: case for name, case in (CASES | OWN_CASES | frozen).items() if BACKEND not in case.not_on}


@functools.cache
def large_cases():
    """`{name: Case}` of the tasks of KerasHub and of networks of `keras.applications`, which take long."""
    from parity import test_tasks_of_keras_hub as hub

    found = {f"KerasHub: {name}": Case(name, make, LIKE_FLOAT32, "", {}) for name, make in hub.CASES.items()}
    return found | {f"keras.applications: {name}": Case(name, functools.partial(_application, name), ROUGH, "many layers", {})
                    for name in ("MobileNetV3Small", "EfficientNetB0", "ConvNeXtTiny")}


def _application(name):
    rng = np.random.default_rng(4)
    model = getattr(keras.applications, name)(input_shape=(32, 32, 3), weights=None, classes=3)
    model.compile(keras.optimizers.SGD(0.001), "sparse_categorical_crossentropy", metrics=["accuracy"])
    x, y = rng.uniform(0, 255, (20, 32, 32, 3)).astype("float32"), rng.integers(0, 3, 20)
    return model, {"x": x, "y": y, "validation_data": (x[:9], y[:9])}


def case_of(name):
    return cases()[name] if name in cases() else large_cases()[name]


def draw(seed, n, models=None):
    """The training with the number `n` of a seed; `models` are names to draw from."""
    rng = random.Random(f"{seed}/{n}/{BACKEND}")
    models = list(models or cases())
    model, one, may = rng.choice(models), rng.choice, lambda share: rng.random() < share
    large = model.startswith(("KerasHub", "keras.applications"))
    optimizer = None if may(0.25) or model in ONE_OPTIMIZER or large else one(list(optimizers()))
    data = one([kind for kind in ARRAYS[1:] + BATCHED if kind not in _OTHERWISE]) if may(0.5) and not large else "arrays"
    batched = data in BATCHED
    epochs = one((1, 2, 3)) if optimizer is None or may(0.3) else 1
    options = {"epochs": 2 if large else epochs}
    if not batched:
        options["batch_size"] = one((8, 8, 8, 5, 16, 53, 64, None))
    options["shuffle"] = BACKEND != "tensorflow" and may(0.5)  # TensorFlow shuffles by a stream of its own
    if options["shuffle"] and not batched and may(0.15):
        options["shuffle"] = "batch"
    validation = one(("given", "given", "none") if batched else ("given", "given", "split", "none"))
    if validation == "split":
        options["validation_split"] = 0.25
    if validation == "given" and not batched and may(0.2):
        options["validation_batch_size"] = one((5, 24))
    if validation == "given" and may(0.1):
        options["validation_steps"] = 2
    if validation != "none" and may(0.1):
        options["validation_freq"] = one((2, [1, 3]))
    if data == "a generator without an end" or (may(0.1) and not batched):
        options["steps_per_epoch"] = one((3, 5, 7))
    if epochs > 1 and may(0.1):
        options["initial_epoch"] = 1
    attributes = {"steps_per_execution": one((2, 3, 7))} if may(0.15) and BACKEND != "torch" else {}
    if BACKEND != "torch" and may(0.03):
        attributes["run_eagerly"] = True
    callbacks = [name for name in _CALLBACKS if name != "SwapEMAWeights" or "averag" in (optimizer or "")]
    return Training(model, optimizer, data, validation, one(BATCHED[:4]) if batched and may(0.5) else "arrays",
                    one((None, None, "rows", "classes")), tuple(rng.sample(callbacks, one((0, 0, 1, 1, 2)))), attributes, options,
                    one(("again", "compiled again")) if may(0.15) and not large else None, one(("auto", "auto", None, 7, 64)),
                    2 if may(0.1) else None, may(0.5))


@dataclass
class Ran:
    """A training that ended, and what it was: `predicted` is `None` where predicting raised `failed`."""

    ending: object = None
    heard: list = field(default_factory=list)
    predicted: object = None
    failed: object = None


def run(training, *, ours=False, moved=None, **options):
    """Train and predict, by `ep.fit` and `ep.predict` or by Keras; from weights whose last bits are drawn with the seed `moved`."""
    ran, case, spies, fit = Ran(), case_of(training.model), [], epochal_fit if ours else keras_fit

    def make():
        model, data = case.make()
        if training.optimizer is not None:
            model.optimizer = optimizers()[training.optimizer]()
        for name, value in training.attributes.items():
            setattr(model, name, value)
        if moved is not None:
            rng = np.random.default_rng(moved)
            for weight in model.trainable_variables:
                value = keras.ops.convert_to_numpy(weight)
                weight.assign(value * (1 + _LAST_BIT * rng.normal(size=value.shape)).astype(value.dtype))
        return model, data

    def all_of_it(model, **given):
        with tempfile.TemporaryDirectory() as folder:
            for again in (False, True)[: 1 + (training.then is not None)]:
                if again and training.then == "compiled again":
                    model.compile("adam", model.loss)
                callbacks = [_CALLBACKS[name](given, folder) for name in training.callbacks]
                spies.extend(callback for callback in callbacks if isinstance(callback, Spy))
                history = fit(model, callbacks=callbacks, **_arguments(training, given, folder, ours), **options)
        ran.ending = ending(model, history)  # after an error in `predict`, Keras on JAX leaves a model without its variables
        try:
            predict = functools.partial(epochal.predict, model) if ours else model.predict
            size = None if training.predicted == "auto" and not ours else training.predicted
            found = predict(given["x"], batch_size=size, steps=training.predicted_steps, verbose=0)
            ran.predicted = keras.tree.map_structure(np.asarray, found)
        except ERRORS as error:
            ran.failed = error

    keras.utils.clear_session(free_memory=False)  # names are counted, and `History` knows some optimizers by theirs
    with _computed_once(training.once):
        keras.utils.set_random_seed(SEED)
        model, data = make()
        all_of_it(model, **(data | {"verbose": 0} | training.options))
    ran.heard = [spy.calls for spy in spies]
    return ran


def _arguments(training, given, folder, ours):
    """What to pass to `fit`: the rows as the drawn kind of data, with the drawn weights and validation."""
    given = dict(given)
    x, y, validation = given.pop("x"), given.pop("y", None), given.pop("validation_data", None)
    weight, classes = given.pop("sample_weight", None), given.pop("class_weight", None)
    n = len(x) if isinstance(x, list) else len(keras.tree.flatten(x)[0])
    if training.weights == "rows" and classes is None:
        weight = np.linspace(0.2, 2.0, n, dtype="float32")
    if training.weights == "classes" and weight is None and isinstance(y, np.ndarray) and y.ndim == 1 and y.dtype.kind == "i":
        classes = {0: 1.0, 1: 3.0, 2: 0.5}
    kinds = {"data": training.data, "judged_on": training.judged_on}
    if not ours:  # with threads Keras 3.15 takes the first batch of an epoch last, and we as with none
        kinds = {what: kind.removesuffix(" with threads") for what, kind in kinds.items()}
    if training.validation != "given":
        validation = None
    elif kinds["judged_on"] != "arrays" and validation is not None:
        validation = as_batches(kinds["judged_on"], keras.utils.unpack_x_y_sample_weight(validation))
    if classes is not None:
        given["class_weight"] = classes
    if training.data in BATCHED:
        source = as_batches(kinds["data"], (x, y, weight), epochs=given["epochs"])
        batches = (lambda batch_size: source) if training.data == "make_dataset" and ours else source
        return given | {"x": batches, "validation_data": validation}
    x, y, weight = (tree if tree is None or isinstance(tree, list) else as_arrays(training.data, tree, folder)
                    for tree in (x, y, weight))
    return given | {"x": x, "y": y, "sample_weight": weight, "validation_data": validation}


@contextmanager
def _computed_once(always):
    held = features._COPIED
    features._COPIED = np.inf if always else held
    try:
        yield
    finally:
        features._COPIED = held


def reference(training):
    """Keras' run, or the error that it raised."""
    try:
        return run(training)
    except ERRORS as error:
        return error


def judge(training, engine, theirs):
    """`{"fit": what came of it, "predict": …, "apart": how far, "detail": a sentence}` of `ep.fit` beside Keras' run or error."""
    failed = isinstance(theirs, BaseException)
    try:
        ours = run(training, ours=True, engine=engine)
    except epochal.EpochalError as refused:
        return {"fit": BOTH_FAIL if failed else REFUSED, "detail": str(refused)}
    except ERRORS as raised:
        return {"fit": BOTH_FAIL if failed else RAISED, "detail": f"{type(raised).__name__}: {raised}"}
    if failed:
        return {"fit": KERAS_FAILS, "detail": f"{type(theirs).__name__}: {theirs}"}
    tolerance = case_of(training.model).tolerance
    found, told = _apart(ours, theirs), {}
    if found["apart"] > tolerance and found["apart"] <= 3 * _shaken(training, theirs):
        told = {"fit": ROUNDING}
    elif found["apart"] > tolerance or "detail" in found:
        told = {"fit": DIFFERENT}
    elif ours.ending.params["engine"] == "keras":
        told = {"fit": HANDED, "detail": ours.ending.params["because"]}
    else:
        told = {"fit": EQUAL if found["apart"] else SAME_BITS}
    return found | told | {"mode": ours.ending.params["engine"], "predict": _predictions(ours, theirs, found["apart"], tolerance)}


def _apart(ours, theirs):
    try:
        found = differences(ours.ending, theirs.ending, least=_LEAST)
    except AssertionError as other:
        return {"apart": 0.0, "detail": f"of another kind: {str(other)[:500]}"}
    apart = {"apart": max(found.values()), "of": max(found, key=found.get)}
    return apart if ours.heard == theirs.heard else apart | {"detail": f"callbacks heard {_first_apart(ours.heard, theirs.heard)}"}


def _first_apart(ours, theirs):
    for mine, its in zip(ours, theirs, strict=True):
        for n in range(max(len(mine), len(its))):
            if mine[n : n + 1] != its[n : n + 1]:
                return f"{mine[n : n + 1]} where Keras' heard {its[n : n + 1]}, as number {n}"
    return "nothing"


def _shaken(training, theirs):
    """How far Keras ends from itself where every weight begins in another last bit: what rounding does to this training."""
    apart = 0.0
    for moved in range(4):
        try:
            apart = max(apart, *differences(run(training, moved=moved).ending, theirs.ending, least=_LEAST).values())
        except (AssertionError, *ERRORS):
            return apart
    return apart


def _predictions(ours, theirs, apart, tolerance):
    if theirs.failed is not None or ours.failed is not None:
        raised = RAISED if not isinstance(ours.failed, epochal.EpochalError) else REFUSED
        return BOTH_FAIL if theirs.failed and ours.failed else KERAS_FAILS if theirs.failed else f"{raised}: {ours.failed}"
    mine, its = keras.tree.flatten(ours.predicted), keras.tree.flatten(theirs.predicted)
    if [(a.shape, a.dtype) for a in mine] != [(a.shape, a.dtype) for a in its]:
        return f"{DIFFERENT}: of another shape or type"
    gap = max((relative(a, b, 1e-3) for a, b in zip(mine, its, strict=True)), default=0.0)
    if gap > 10 * max(tolerance, apart):
        return f"{DIFFERENT}: {gap:.1g}"
    return EQUAL if gap else SAME_BITS


# Callbacks, each as `f(what fit is given, a folder) -> callback`.


class _Shrinks(keras.callbacks.Callback):
    """Changes the weights between epochs."""

    def on_epoch_begin(self, epoch, logs=None):
        for weight in self.model.trainable_variables:
            weight.assign(weight * 0.9)


class _Judges(keras.callbacks.Callback):
    """Evaluates and predicts between epochs."""

    def __init__(self, x, y):
        super().__init__()
        self.x, self.y = x, y

    def on_epoch_end(self, epoch, logs=None):
        self.model.evaluate(self.x, self.y, verbose=0)
        self.model.predict(self.x, verbose=0)


class _Stops(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        if batch >= 3:
            self.model.stop_training = True


_C = keras.callbacks
_CALLBACKS = {
    "EarlyStopping": lambda given, folder: _C.EarlyStopping("loss", patience=0, min_delta=0.05, restore_best_weights=True),
    "ReduceLROnPlateau": lambda given, folder: _C.ReduceLROnPlateau("loss", patience=0, factor=0.5, min_delta=0.1),
    "LearningRateScheduler": lambda given, folder: _C.LearningRateScheduler(lambda epoch, rate: rate * 0.5),
    "ModelCheckpoint": lambda given, folder: _C.ModelCheckpoint(f"{folder}/{{epoch}}.weights.h5", save_weights_only=True),
    "BackupAndRestore": lambda given, folder: _C.BackupAndRestore(f"{folder}/backup"),
    "CSVLogger": lambda given, folder: _C.CSVLogger(f"{folder}/log.csv"),
    "TerminateOnNaN": lambda given, folder: _C.TerminateOnNaN(),
    "SwapEMAWeights": lambda given, folder: _C.SwapEMAWeights(swap_on_epoch=True),
    "listens at epochs": lambda given, folder: SpyOnEpochs(),
    "listens at batches": lambda given, folder: SpyOnBatches(),
    "shrinks weights": lambda given, folder: _Shrinks(),
    "judges between epochs": lambda given, folder: _Judges(given["x"], given.get("y")),
    "stops": lambda given, folder: _Stops(),
}
