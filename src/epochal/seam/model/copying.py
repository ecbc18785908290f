"""Copy a compiled Keras model without losing a part of it, or say which part cannot be copied."""

import inspect
import random
import re
import sys
from contextlib import contextmanager
from typing import NamedTuple

import keras
import numpy as np

from ...base.errors import Unsupported, UsageError
from ...base.text import said_by
from ...base.validate import require

_LONGEST = 250  # characters of a message of Keras', which may hold a whole configuration


def layers(model):
    """Every layer of a model, those of nested models too."""
    for layer in model.layers:
        yield layer
        if hasattr(layer, "layers"):
            yield from layers(layer)


def metrics_of(model):
    """Every metric of a compiled and built model, those that Keras holds in one of its own too, after it."""
    for metric in model.metrics:
        yield metric
        yield from (part for part in keras.tree.flatten(getattr(metric, "metrics", None)) if isinstance(part, keras.metrics.Metric))


@contextmanager
def seeded(seed):
    """Draw Keras' default seeds from `seed`, and leave the user's own streams as they were.

    Keras draws the seed of every unseeded initializer and dropout from Python's `random`, and `fit` shuffles by NumPy's stream; a
    user's own function may use either.
    """
    before, numpy_before = random.getstate(), np.random.get_state()
    random.seed(seed)
    np.random.seed(seed % 2**32)
    try:
        yield
    finally:
        random.setstate(before)
        np.random.set_state(numpy_before)


def random_state():
    """The states of the streams from which orders of rows are drawn, Python's, NumPy's and on PyTorch its own, as JSON."""
    (version, inside, gauss), (name, keys, *rest) = random.getstate(), np.random.get_state()
    of_torch = None
    if keras.backend.backend() == "torch":
        import torch

        of_torch = torch.get_rng_state().tolist()
    return [[version, list(inside), gauss], [name, keys.tolist(), *rest], of_torch]


def restore_random_state(state):
    """Let the streams go on from what `random_state` returned."""
    (version, inside, gauss), (name, keys, *rest), of_torch = state
    random.setstate((version, tuple(inside), gauss))
    np.random.set_state((name, np.array(keys, np.uint32), *rest))
    if of_torch is not None:
        import torch

        torch.set_rng_state(torch.tensor(of_torch, dtype=torch.uint8))


def copy_of(original, shared=()):
    """An uncompiled copy of a compiled model, its weights newly drawn.

    Kept are the weights of frozen and adapted layers and of those with LoRA; and those of a model whose class has a `get_config` of
    its own, as pretrained ones have.

    Args:
        shared: frozen layers of the model that the copy has as well, in place of copies.
    """
    try:
        with keras.utils.custom_object_scope(_own_classes(original) | own_parts(original)):
            model = _copied(original, shared)
    except (ValueError, NotImplementedError, TypeError) as error:
        raise Unsupported(f"The model `{original.name}` cannot be copied by Keras ({first_line(error)}). Pass a function that "
                          "builds and compiles it instead of the model.") from error
    _refuse_lost_class(original, model)
    set_up(model, set_up_of(original))
    return model


def is_builder(source):
    """Whether this is a function that builds a model, and not a model."""
    if isinstance(source, keras.Model):
        return False
    require(callable(source) and not isinstance(source, type), "model", type(source).__name__,
            "a compiled Keras model or a function that returns one", "Pass the model that you would fit.")
    try:
        inspect.signature(source).bind()
    except TypeError as error:
        raise UsageError("`model` must be a compiled Keras model, or a function without arguments that returns one; got a function "
                         f"that takes some ({error}). Pass lambda: build(…).") from error
    return True


def refuse_uncompiled(model, what):
    """Raise `UsageError` for a model without an optimizer."""
    require(getattr(model, "optimizer", None) is not None, what, model.name, "compiled",
            'Call model.compile(optimizer="adam", loss=…) first.')


def refuse_own_train_step(model):
    """Raise `Unsupported` for a model that does not train by Keras' own step."""
    if has_own_step(model, "train_step"):
        raise Unsupported(f"The model `{model.name}` has its own `train_step`, which Epochal does not measure: its steps would "
                          "not be Keras' steps. Move the change into `compute_loss`, which is measured as it stands.")


def refuse_fixed_batches(model):
    """Raise `Unsupported` for a model that knows one batch size alone."""
    stateful = [layer.name for layer in model._flatten_layers() if getattr(layer, "stateful", False)]
    sizes = {tensor.shape[0] for tensor in keras.tree.flatten(getattr(model, "inputs", None) or [])} - {None}
    if stateful or sizes:
        why = (f"its layer `{stateful[0]}` is stateful: each batch goes on where the one before ended" if stateful
               else f"its Input fixes batches at {sizes.pop()} rows")
        cure = "stateful=False" if stateful else "Input(shape=…) and no batch size"
        raise Unsupported(f"The model `{model.name}` cannot be compared at several batch sizes, since {why}. Build it with {cure}; "
                          "`epochal.fit` trains it as it is.")


def has_own_step(model, name):
    """Whether `train_step`, `test_step` or `predict_step` of a model is not Keras' own."""
    base = next(base for base in type(model).__mro__ if base.__module__.startswith("keras."))
    return name in vars(model) or getattr(type(model), name) is not getattr(base, name)


def own_way(model, methods):
    """That the model's class has one of these methods in place of Keras', as a part of a sentence; `None` where it has none."""
    own = [name for name in methods if has_own_step(model, name)]
    return f"the class {type(model).__name__} has its own `{own[0]}`" if own else None


def _refuse_lost_class(original, copy):
    """Keras copies a subclass of Sequential as a plain one, without the methods that make it special."""
    if type(original) is not type(copy):
        raise Unsupported(f"The model `{original.name}` cannot be copied by Keras: its class {type(original).__name__} would "
                          f"become a plain {type(copy).__name__}. Pass a function that builds and compiles it instead.")
    for theirs, ours in zip(original.layers, copy.layers, strict=True):
        if isinstance(theirs, keras.Model):
            _refuse_lost_class(theirs, ours)


def nameless(config):
    """A configuration without the names that Keras counts up."""
    if isinstance(config, dict):
        return {key: nameless(value) for key, value in config.items() if key != "name"}
    return config


def compile_config_of(model):
    """How a model is compiled, as Keras writes it down."""
    config = model.get_compile_config()
    if not config:
        raise Unsupported(f"The way the model `{model.name}` is compiled cannot be copied. Pass a function that builds and "
                          "compiles it instead of the model.")
    return config


def compile_like(model, original, optimizer):
    """Compile `model` as `original` is compiled, but with `optimizer`."""
    config = compile_config_of(original)
    config = {key: value for key, value in config.items() if key not in ("optimizer", "steps_per_execution", "run_eagerly")}
    with keras.utils.custom_object_scope(own_parts(original)):
        try:
            parts = {key: keras.saving.deserialize_keras_object(value) for key, value in config.items()}
        except (TypeError, ValueError) as error:
            raise Unsupported(f"The loss or metrics of `{original.name}` cannot be copied ({first_line(error)}). Pass a function "
                              "that builds and compiles the model instead of the model.") from error
    model.compile(optimizer=optimizer, auto_scale_loss=False, **parts)  # an optimizer that scales the loss does so already


def inside(optimizer):
    """The optimizers that move the weights: this one, or those that it hands them to."""
    if hasattr(optimizer, "inner_optimizer"):
        return inside(optimizer.inner_optimizer)
    return list(getattr(optimizer, "optimizers", [optimizer]))


def own_parts(model):
    """The user's own losses, metrics, optimizers and schedules by name, so that Keras finds them without registration."""
    optimizers = inside(model.optimizer)
    parts = (*keras.tree.flatten(model.loss), model.optimizer, *optimizers,
             *(getattr(part, "_learning_rate", None) for part in optimizers))
    parts = [p if inspect.isfunction(p) else type(p) for p in parts]
    return {part.__name__: part for part in parts if not part.__module__.startswith(("keras.", "builtins"))} | dict(
        _named_classes(model.get_compile_config()))


def _named_classes(config):
    """Every class that a configuration names by module and name, and that is not Keras' own."""
    if isinstance(config, dict):
        module, name = config.get("module"), config.get("class_name")
        if isinstance(module, str) and isinstance(name, str) and module in sys.modules and hasattr(sys.modules[module], name):
            yield name, getattr(sys.modules[module], name)
        config = list(config.values())
    if isinstance(config, (list, tuple)):
        for branch in config:
            yield from _named_classes(branch)


def _copied(original, shared):
    if type(original).__module__.startswith("keras."):
        same = set(map(id, shared))
        return keras.models.clone_model(original, clone_function=lambda layer: layer if id(layer) in same
                                        else type(layer).from_config(layer.get_config())) if same else (
            keras.models.clone_model(original))
    config = keras.saving.serialize_keras_object(original)
    config.pop("compile_config", None)
    with keras.utils.custom_object_scope(dict(_named_classes(config))):  # before Keras 3.13 it does not look at the module
        return keras.saving.deserialize_keras_object(config, safe_mode=False)  # made here, of the user's own model


def _own_classes(model):
    classes = [type(layer) for layer in model._flatten_layers()]
    return {kind.__name__: kind for kind in classes if not kind.__module__.startswith("keras.")}


class SetUp(NamedTuple):
    """What no configuration says of a model.

    Attributes:
        layers: of each layer whether it is trained, and rank and alpha of its LoRA or `None`.
        weights: of each weight of the model its shape and whether it is trained; `None` before it is built.
        kept: `{number of a layer: its weights}`, of those that were not learnt by this training.
    """

    layers: list[tuple[bool, tuple[int, float] | None]]
    weights: list[tuple[tuple[int, ...], bool]] | None
    kept: dict[int, list[np.ndarray]]


def set_up_of(model) -> SetUp:
    """Which layers are frozen, LoRA, and what a new start keeps."""
    found = model._flatten_layers()
    lora = [(layer.lora_rank, layer.lora_alpha) if getattr(layer, "lora_enabled", False) else None for layer in found]
    return SetUp([(layer.trainable, ranks) for layer, ranks in zip(found, lora, strict=True)],
                 [(tuple(v.shape), v.trainable) for v in model.weights] if model.built else None,
                 {i: layer.get_weights() for i, layer in enumerate(found) if _keeps_weights(layer) and layer.weights})


def set_up(model, like):
    """Set a copy of a model up as a `SetUp` says."""
    pairs = list(zip(like.layers, model._flatten_layers(), strict=False))
    for (trainable, _), ours in pairs:
        if ours.trainable != trainable:
            ours.trainable = trainable
    for (_, lora), ours in pairs:
        if lora is not None and not ours.lora_enabled:
            ours.enable_lora(lora[0], lora_alpha=lora[1])
    if like.weights is not None and model.built:
        if [shape for shape, _ in like.weights] != [tuple(v.shape) for v in model.weights]:
            raise Unsupported(f"The model `{model.name}` cannot be copied by Keras: the copy that its configuration makes has "
                              "other variables. Pass a function that builds and compiles it instead of the model.")
        for (_, trainable), ours in zip(like.weights, model.weights, strict=True):
            if ours.trainable != trainable:
                ours.trainable = trainable
    for i, (_, ours) in enumerate(pairs):
        if i in like.kept:
            ours.set_weights(like.kept[i])
        if hasattr(ours, "finalize_state"):
            ours.finalize_state()  # a normaliser computes with constants that it makes of its weights


def _keeps_weights(layer):
    """Whether a new start keeps what this layer or model holds."""
    copies_itself = isinstance(layer, keras.Model) and not all(
        getattr(type(layer), name).__module__.startswith("keras.") for name in ("get_config", "from_config"))
    return not layer.trainable or hasattr(layer, "adapt") or copies_itself or getattr(layer, "lora_enabled", False)


def to_numpy(value):
    """A NumPy copy of a tensor or variable of any back end."""
    return np.array(keras.ops.convert_to_numpy(value))


def first_line(error):
    """The first line of a Keras message that says something, without its colours."""
    lines = [re.sub(r"\x1b\[[0-9;]*m", "", line).strip() for line in said_by(error).splitlines()]
    lines = [line for line in lines if line and not line.startswith("Exception encountered")]
    line = lines[0] if lines else type(error).__name__
    return (line if len(line) <= _LONGEST else line[:_LONGEST].rpartition(" ")[0] + " …").rstrip(".") + "."
