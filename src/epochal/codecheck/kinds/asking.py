"""Questions that several kinds ask of a story: which calls train a Keras model, on what, in which loops, and what a name means."""

import re
from collections.abc import Iterable

from ..values import UNKNOWN, Event, Loop, Story, Value, ancestors, constant

_OF_FIT = frozenset(
    {
        "epochs",
        "validation_data",
        "validation_split",
        "steps_per_epoch",
        "callbacks",
        "batch_size",
        "validation_steps",
        "initial_epoch",
        "nb_epoch",
        "validation_batch_size",
    }
)
_NO_MODEL = ("tuner", "search", "scaler", "encoder", "tokenizer", "grid")
_MAKES_BATCHES = frozenset(
    {
        "image_dataset_from_directory",
        "text_dataset_from_directory",
        "audio_dataset_from_directory",
        "timeseries_dataset_from_array",
        "flow",
        "flow_from_directory",
        "flow_from_dataframe",
        "TimeseriesGenerator",
        "DataLoader",
        "make_csv_dataset",
        "generator",
    }
)
_SPLITTERS = frozenset(
    {
        "KFold",
        "StratifiedKFold",
        "RepeatedKFold",
        "RepeatedStratifiedKFold",
        "GroupKFold",
        "LeaveOneOut",
        "ShuffleSplit",
        "StratifiedShuffleSplit",
        "GroupShuffleSplit",
        "TimeSeriesSplit",
        "StratifiedGroupKFold",
    }
)


def words(name: str) -> set[str]:
    """The words in a name: `x_test`, `XTest` and `test2` hold `test`."""
    return {one.lower() for one in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)}


def fits(story: Story) -> list[Event]:
    """Calls that train a Keras model."""
    return [event for event in story.calls("fit", "fit_generator") if _trains(event)]


def _trains(event):
    receiver = event.receiver
    if receiver is None or receiver.kind in ("function", "class"):
        return False
    if is_model(receiver):
        return True
    if receiver.kind == "module" or receiver.last in _SPLITTERS or any(word in receiver.last.lower() for word in _NO_MODEL):
        return False
    return bool((_OF_FIT - {"callbacks"}) & event.keywords.keys()) and receiver.kind in (
        "unknown",
        "parameter",
        "call",
        "attribute",
        "joined",
        "item",
        "instance",
        "element",
    )


def is_model(value: Value | None) -> bool:
    """Whether it is known to be a Keras model."""
    return value is not None and value.kind == "model"


def number(event: Event, name: str, place: int | None = None) -> object:
    """An argument's value where it is written in the code."""
    return constant(event.argument(name, place))


def x_of(fit: Event) -> Value | None:
    return fit.argument("x", 0) or fit.argument("generator")


def y_of(fit: Event) -> Value | None:
    return fit.argument("y", 1)


def listed_in(value: Value | None) -> list[Value]:
    """The elements of a list that is written in the code, those that are appended too; a single thing is a list of one."""
    if value is None:
        return []
    if value.kind in ("sequence", "joined") or (value.kind == "operation" and value.path in ("concatenate", "Add")):
        return [inner for one in (*value.parents, *value.added) for inner in listed_in(one)]
    return [value]


def callbacks_of(fit: Event) -> list[Value]:
    return listed_in(fit.argument("callbacks", 5 if fit.name == "fit" else None))


def cuts_batches(value: Value | None) -> str:
    """`dataset` or `generator` where it is known that it makes its own batches; else nothing."""
    seen = 0
    while value is not None and seen < 60:
        seen += 1
        if value.kind == "instance":
            return "generator" if any(one.last in ("Sequence", "PyDataset", "IterableDataset") for one in bases(value)) else ""
        if value.kind == "joined":
            found = {cuts_batches(one) for one in value.parents if constant(one) is not None}
            return found.pop() if len(found) == 1 else ""
        if value.kind == "item":
            made = value.parents[0] if value.parents else None
            if made is not None and (made.last in _MAKES_BATCHES or made.path == "tensorflow_datasets.load"):
                return "dataset"
            return ""
        if value.kind != "call":
            return ""
        if value.path.startswith("tensorflow.data.") or value.path == "tensorflow_datasets.load":
            return "dataset"
        if value.last in _MAKES_BATCHES:
            return "dataset" if value.last.startswith(("image", "text", "audio", "timeseries", "make")) else "generator"
        value = value.base
    return ""


def bases(value: Value) -> list[Value]:
    """The classes that an instance's class derives from."""
    found, queue = [], [one for one in value.parents[:1] if one.kind == "class"]
    for one in queue:
        found.extend(one.parents)
        queue.extend(parent for parent in one.parents if parent.kind == "class")
    return found


def chain(value: Value | None) -> list[str]:
    """The names of the calls that a dataset went through, last first."""
    found = []
    while value is not None and len(found) < 60:
        if value.kind == "call":
            found.append(value.last)
        value = value.base
    return found


def around(event_loops: Iterable[int], story: Story) -> list[Loop]:
    return [story.loops[number] for number in event_loops]


def depends_on(value: Value | None, loop: Loop) -> bool:
    """Whether it was made of a variable of the loop."""
    wanted = set(map(id, loop.variables))
    return bool(wanted) and any(id(one) in wanted for one in ancestors(value))


_REPEATS = frozenset(
    {
        "seed",
        "seeds",
        "rep",
        "reps",
        "repeat",
        "repeats",
        "run",
        "runs",
        "trial",
        "trials",
        "fold",
        "folds",
        "split",
        "restart",
        "iteration",
        "replicate",
        "random",
        "cv",
        "train",
        "kfold",
        "round",
        "rounds",
    }
)


def repeats(loop: Loop) -> bool:
    """Whether a loop goes over seeds, repeats or folds, not over settings."""
    names = {word for variable in loop.variables for name in variable.names for word in words(name)}
    splits = loop.over is not None and any(one.last == "split" or one.last in _SPLITTERS for one in ancestors(loop.over, most=50))
    return bool(names & _REPEATS) or splits or any(name == "_" for one in loop.variables for name in one.names)


def names_of(value: Value | None) -> list[str]:
    """The names that it was bound to, or that an expression around it was made of."""
    return [] if value is None else [*value.names, *([value.path] if value.kind in ("attribute", "parameter") else [])]


def known(value: object) -> bool:
    return value is not UNKNOWN


def later(event: Event, story: Story) -> list[Event]:
    return story.events[event.order + 1 :]


def apart(one: Event, other: Event) -> bool:
    """Whether two events stand in ways that exclude each other."""
    ways = dict(one.branches)
    return any(number in ways and ways[number] != way for number, way in other.branches)
