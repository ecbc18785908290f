"""A model in two: its frozen base, which makes the same features of a row in every epoch, and the head that is trained on them."""

from contextlib import contextmanager
from math import prod

import keras
import numpy as np

from ..model.build import outline
from ..model.copying import has_own_step

_STEPS = ("train_step", "test_step", "compute_loss_and_updates")  # Keras' own methods that call the model they belong to
_OVERRIDDEN = ("call", "stateless_call", "train_step", "test_step", "compute_loss", "compute_metrics")
_CHEAP = (keras.layers.Embedding, keras.layers.Normalization)  # which take no longer than to fetch their outputs
_FEW_WEIGHTS = 1_000  # whose layers compute nothing that is worth keeping
_NAME = "_epochal_divided"  # among a model's own attributes, so that it goes when the model goes; Keras neither tracks nor saves it


def divided(model, sample):
    """`(Base, Head)` of a built model that Keras knows as a graph of layers; `None` where nothing dear is frozen and comes first.

    The base is everything that depends on the inputs through layers without trainable weights alone, and that draws nothing,
    changes no variable and adds no loss while the model trains. A nested model of which some layers are trained is divided within.
    As long as the same layers are frozen it is the same pair again.

    Args:
        sample: inputs of a few rows, of which only shapes and types are seen.
    """
    graph = _graph_of(model)
    if graph is None or any(has_own_step(model, name) for name in _OVERRIDDEN if hasattr(model, name)):
        return None
    if not _frozen_weights(model) or any(tensor.dtype == "string" for tensor in graph.inputs):
        return None
    state = trainable_state(model)
    known = vars(model).get(_NAME)
    if known is None or known[0] != state:
        seen = _seen(model, graph, sample)
        pair = (Base(model, seen), Head(model, seen)) if _is_dear(seen.layers(frozen=True)) else None
        known = vars(model)[_NAME] = state, pair, None if pair else seen.in_the_way
    return known[1]


def sample_of(model):
    """Inputs of one row as a graph of layers describes them, of zeros; `None` where some of their lengths are open, or unknown."""
    graph = _graph_of(model)
    if graph is None or any(None in tensor.shape[1:] or tensor.dtype == "string" for tensor in graph.inputs):
        return None
    zeros = [np.zeros([1, *tensor.shape[1:]], tensor.dtype) for tensor in graph.inputs]
    return keras.tree.pack_sequence_as(graph.input, zeros)


def in_the_way(model):
    """The name of the layer for which `divided` found nothing: it is not trained, but computes something else every time."""
    known = vars(model).get(_NAME)
    return known and known[2]


def _is_dear(operations):
    """Whether operations, layers among them, compute enough to be worth keeping."""
    frozen = [layer for layer in operations if getattr(layer, "variables", ())]
    return (not all(isinstance(layer, _CHEAP) for layer in frozen)
            and sum(prod(v.shape) for layer in frozen for v in layer.variables) >= _FEW_WEIGHTS)


def trainable_state(model):
    """What decides which part of a model is frozen: of every layer and variable whether it is trained."""
    return tuple(layer.trainable for layer in model._flatten_layers()), tuple(map(id, model.trainable_variables))


def follows_thawing():
    """Whether a training follows at once where a layer is frozen or thawed. On TensorFlow it goes on as it was compiled."""
    return keras.backend.backend() != "tensorflow"


class Base(keras.Model):
    """The frozen part: inputs of the model in, and out its features, a list of arrays with one row for each row.

    Attributes:
        frozen: its layers. n_weights: numbers in their weights.
        unknown: names of layers that are not Keras' own and are told whether they train: their features may differ while they do.
        kept: what was computed with it, by `features`.
    """

    def __init__(self, model, seen):
        super().__init__(name=f"{model.name}_base", autocast=False)  # a name of its own, so that Keras counts none up
        self._whole, self.jit_compile, self.built = model, model.jit_compile, True
        vars(self).update(_seen=seen, frozen=seen.layers(frozen=True), kept={})  # past Keras, which would track them
        variables = {id(v): v for layer in self.frozen for v in layer.variables}
        self.n_weights = sum(prod(v.shape) for v in variables.values())
        self.unknown = [layer.name for layer in self.frozen if layer._call_has_training_arg
                        and not type(layer).__module__.startswith(("keras.", "keras_hub."))]

    def call(self, x, training=False):
        found = []
        with self._seen.computed(found):
            if keras.backend.backend() == "jax":  # as Keras' steps call it
                self._whole.call(x, training=training)
            else:
                self._whole(x, training=training)
        return found


class Head:
    """The model in its own steps, called on the features of its base in place of its inputs; anything else is the model's.

    Attributes:
        layers: those of the model that are trained, or come after one that is.
    """

    def __init__(self, model, seen):
        vars(self).update(_model=model, _seen=seen, layers=seen.layers(frozen=False))

    def __getattr__(self, name):
        model = vars(self)["_model"]
        return getattr(type(model), name).__get__(self) if name in _STEPS else getattr(model, name)

    def __setattr__(self, name, value):
        setattr(self._model, name, value)  # Keras' steps leave losses there for each other

    def __call__(self, features, **named):
        with self._seen.given(features):
            return self._model(self._seen.blank(), **named)

    def stateless_call(self, weights, others, features, **named):
        with self._seen.given(features):
            return self._model.stateless_call(weights, others, self._seen.blank(), **named)


class _Seen:
    """What was seen of a graph of layers while it ran once.

    Attributes:
        frozen: the ids of the tensors that depend on frozen layers alone. border: those of them that anything else needs.
        masked: which of these have a mask. inner: by the id of a call, what was seen of the nested model, frozen in part, called.
    """

    in_the_way = None  # an untrained layer that draws, changes or adds something in training, where a dear one is or comes after it

    def __init__(self, graph, scope, trained):
        self._graph, self._scope = graph, scope
        self._trained = trained  # ids of the model's trained variables; a layer that is not `trainable` may hold some (LoRA)
        self.frozen, self.border, self.masked, self.inner, self._types = set(), [], set(), {}, {}

    def layers(self, *, frozen):
        """The layers that are frozen, or those that are not, each once; a nested model frozen in part is looked into."""
        found = {}
        for node in self._nodes():
            if id(node) in self.inner:
                found |= {id(layer): layer for layer in self.inner[id(node)].layers(frozen=frozen)}
            elif isinstance(node.operation, keras.Layer) and self._is_frozen(node) == frozen:
                found[id(node.operation)] = node.operation
        return list(found.values())

    def looking(self):
        """A block in which the graph runs as ever, and is seen, all of its inputs being frozen."""
        return _instead(self._graph, lambda inputs, operation_fn=_as_it_is: self._look(inputs, operation_fn))

    def computed(self, found):
        """A block in which what is frozen of the graph runs alone; its features are added to the list `found`."""
        return _instead(self._graph, lambda inputs, operation_fn=_as_it_is: self._compute(inputs, operation_fn, found))

    def given(self, features):
        """A block in which what is not frozen runs alone, on these features."""
        features = iter(features)
        return _instead(self._graph, lambda _, operation_fn=_as_it_is: self._go_on(features, operation_fn))

    def blank(self):
        """Inputs of one row that nothing looks at."""
        return keras.tree.pack_sequence_as(self._graph.input, [_zeros(tensor) for tensor in self._graph.inputs])

    def _nodes(self):
        by_depth = self._graph._nodes_by_depth  # there is no public way to the calls that a model was made of
        nodes = (node for depth in sorted(by_depth, reverse=True) for node in by_depth[depth])
        return [node for node in nodes if node.operation and not node.is_input]

    def _is_frozen(self, node):
        return id(node) not in self.inner and all(id(tensor) in self.frozen for tensor in node.outputs)

    def _look(self, inputs, operation_fn):
        known = self._inputs(inputs)
        self.frozen, self.inner = set(known), {}
        untrained, between = set(known), None  # tensors that depend on untrained layers alone, and the first that is not frozen
        for node in self._nodes():
            first = all(id(tensor) in self.frozen for tensor in node.input_tensors)
            trains = any(id(v) in self._trained for v in getattr(node.operation, "variables", ()))
            graph, before = _graph_of(node.operation) if first and trains else None, self._state()
            if graph is None:
                known |= _run(node, known, operation_fn)
            else:
                seen = _Seen(graph, self._scope, self._trained)
                with seen.looking():
                    known |= _run(node, known, operation_fn)
                if any(layer.variables for layer in seen.layers(frozen=True)):
                    self.inner[id(node)] = seen
            if first and not trains and self._state() == before and not _draws(node.operation):
                self.frozen.update(map(id, node.outputs))
            if not trains and all(id(tensor) in untrained for tensor in node.input_tensors):
                untrained.update(map(id, node.outputs))
                if not self._is_frozen(node):
                    between = between or node.operation.name
                    if _is_dear([node.operation]):
                        self.in_the_way = between
        others = [node for node in self._nodes() if not self._is_frozen(node) and id(node) not in self.inner]
        needed = map(id, [*self._graph.outputs, *(tensor for node in others for tensor in node.input_tensors)])
        self.border = [place for place in dict.fromkeys(needed) if place in self.frozen]
        self.masked = {place for place in self.border if _mask_of(known[place]) is not None}
        self._types = {place: keras.backend.standardize_dtype(known[place].dtype) for place in self.border}
        return self._outputs(known)

    def _state(self):
        return {key: id(value) for key, value in self._scope.state_mapping.items()}, len(self._scope.losses)

    def _compute(self, inputs, operation_fn, found):
        known, within = self._inputs(inputs), []
        for node in self._nodes():
            if id(node) in self.inner:
                with self.inner[id(node)].computed(within):
                    _run(node, known, operation_fn)
            elif self._is_frozen(node):
                known |= _run(node, known, operation_fn)
        for place in self.border:
            found += [known[place], *([_mask_of(known[place])] if place in self.masked else [])]
        found += within
        return self._outputs({})

    def _go_on(self, features, operation_fn):
        known = {}
        for place in self.border:
            known[place] = keras.ops.cast(next(features), self._types[place])
            if place in self.masked:
                known[place]._keras_mask = keras.ops.cast(next(features), "bool")
        for node in self._nodes():
            if id(node) in self.inner:
                with self.inner[id(node)].given(features):
                    known |= _run(node, {id(tensor): _zeros(tensor) for tensor in node.input_tensors}, operation_fn)
            elif not self._is_frozen(node):
                known |= _run(node, known, operation_fn)
        return self._outputs(known)

    def _inputs(self, inputs):
        return dict(zip(map(id, self._graph.inputs), keras.tree.flatten(inputs), strict=True))

    def _outputs(self, known):
        outputs = [known[id(tensor)] if id(tensor) in known else _zeros(tensor) for tensor in self._graph.outputs]
        return keras.tree.pack_sequence_as(self._graph.output, outputs)


def _seen(model, graph, sample):
    found = []

    def look(x):
        with keras.StatelessScope(collect_losses=True) as scope:
            found[:] = [_Seen(graph, scope, {*map(id, model.trainable_variables)})]
            with found[0].looking():
                return model(x, training=True)

    outline(look, sample)
    return found[0]


def _frozen_weights(model):
    return [v for v in model.non_trainable_variables if "seed_generator" not in v.path]


def _graph_of(operation):
    """The graph of layers that Keras runs where it calls a model, or `None`."""
    if not isinstance(operation, keras.Model) or has_own_step(operation, "call"):
        return None
    graph = getattr(operation, "_functional", operation)  # of a `Sequential`, where it is built
    return graph if hasattr(graph, "_nodes_by_depth") else None


def _as_it_is(operation):
    """What Keras wraps an operation in from version 3.16 on, which tells layers otherwise whether they train."""
    return operation


def _run(node, known, operation_fn):
    """The outputs of a call by the ids of their tensors, given what is known by id."""
    arguments, named = node.arguments.fill_in(known)
    outputs = operation_fn(node.operation)(*arguments, **named)
    return dict(zip(map(id, node.outputs), keras.tree.flatten(outputs), strict=True))


@contextmanager
def _instead(graph, run):
    """A block in which `run(inputs, operation_fn)` takes the place of Keras' own way through a graph."""
    held, name = vars(graph), "_run_through_graph"
    before = held.get(name)
    held[name] = run
    try:
        yield
    finally:
        del held[name]
        if before is not None:
            held[name] = before


def _draws(operation):
    """Whether a layer draws random numbers from PyTorch's own streams, where no variable tells of it."""
    return keras.backend.backend() == "torch" and any("seed_generator" in v.path for v in getattr(operation, "variables", ()))


def _mask_of(value):
    return getattr(value, "_keras_mask", None)  # there is no public way to ask for it


def _zeros(tensor):
    """One row in place of a tensor of a graph."""
    return keras.ops.zeros([1, *(length or 1 for length in tensor.shape[1:])], tensor.dtype)
