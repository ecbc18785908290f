"""Write records as JSON and read them back.

Format history
    1  first format
    2  the points of a reading have names (rows of numbers before); verdicts EQUAL and UNRESOLVED are NOT_WORSE and UNDECIDED
"""

import enum
import functools
import json
import math
import os
import sys
import typing

from ..base.errors import Misfit, UsageError
from ..base.files import as_path, write_whole
from .ceiling import Ceiling
from .evidence import Evidence, Until
from .finding import Checked, Epochs, Finding, Place, Unchecked
from .fitting import check
from .plan import Arm, Choice, Plan, Stopping, Switches
from .points import Point
from .reading import Reading
from .study import Contrast, Design, Study, TunedRate
from .task import ColumnUse, Machine, Task
from .trainings.curve import Curve, Setting
from .trainings.epochs import EpochChoice, Replayed, StoppingRule
from .trainings.history import Diagnosis, History, Known
from .trainings.race import Lead, Mark, Run
from .trainings.stream import Alarm, StreamArm, StreamPoint, StreamReport

FORMAT = 2
_CURE = "Measure again, or take the file's backup."
_LARGEST = 2**64  # whole number: seeds, bytes and counts are below
_KINDS = {kind.__name__: kind for kind in (Reading, Curve, Setting, Evidence, Arm, Choice, Stopping, Plan, Task, Machine, ColumnUse,
                                           Design, TunedRate, Contrast, Study, Mark, Run, Lead, Switches, Until, Ceiling,
                                           Finding, Epochs, Place, Unchecked, Checked, EpochChoice, Replayed, StoppingRule,
                                           History, Known, Diagnosis,
                                           Alarm, StreamArm, StreamPoint, StreamReport,
                                           *typing.get_args(Point))}
_POINTS = {frozenset(kind.__dataclass_fields__): kind for kind in typing.get_args(Point)}  # told apart by their fields

_TITLES_1 = {"memory": "largest batch that fits", "throughput": "hardware batch size, where half of a step is fixed cost",
             "noise_scale": "gradient noise scale", "critical_rate": "critical learning rate at the start",
             "prediction": "best batch size of predict", "untrained_loss": "validation loss before training",
             "critical_batch": "critical batch size B_crit", "step_time": "time of a step of fit at the reference",
             "engine": "time of a step and lane while measuring", "study": "trainings made",
             "time_optimal_batch": "estimated fastest batch size (within 10 % of the least time)"}
_VERDICTS_1 = {"EQUAL": "NOT_WORSE", "UNRESOLVED": "UNDECIDED"}


def dump(record):
    """`load(dump(record)) == record`, for every record in the package that holds no nan. Strict JSON: infinity and nan travel as
    strings."""
    kind = type(record).__name__
    if kind not in _KINDS:
        raise UsageError(f"`record` must be a record of this package, such as a Plan or a Study; got {kind}.")
    document = {"epochal_format": FORMAT, "kind": kind, "record": to_plain(record)}
    return json.dumps(document, allow_nan=False, ensure_ascii=False)


def load(text: str | bytes) -> typing.Any:
    """The record written by `dump`.

    Raises:
        UsageError: the text is not such a record, or of a format this version does not read.
    """
    from ..base.archives import Damaged, json_in

    try:
        document = json_in(text)
    except Damaged as error:
        raise UsageError(f"This is not a file of Epochal's: it must be JSON ({error}). Measure again.") from error
    version = document.get("epochal_format") if isinstance(document, dict) else type(document).__name__
    if type(version) is not int or not 1 <= version <= FORMAT:
        raise UsageError(f"`epochal_format` must be between 1 and {FORMAT}; got {version!r}. Upgrade the package, or "
                         "measure again.")
    name, record = document.get("kind"), document.get("record")
    if not isinstance(name, str) or name not in _KINDS:
        raise UsageError(f"`kind` must be a record of this package, such as Plan or Study; got {name!r}. Measure again.")
    if not isinstance(record, dict):
        raise UsageError(f"`record` must be an object; got {type(record).__name__}. Measure again.")
    try:
        record = record if version == FORMAT else _from_1(record)
    except (TypeError, ValueError, LookupError, OverflowError, RecursionError) as error:  # its points are not what they were
        raise UsageError(_damaged(name, repr(error))) from error
    return from_plain(record, _KINDS[name], name)


def from_plain(value, kind, name, cure=_CURE):
    """The record, or whatever else of type `kind`, that `to_plain` wrote as `value`; `name` is what it is called where it is not.

    Raises:
        UsageError: a field is missing, is not of its type, or does not fit the others.
    """
    from cattrs import transform_error
    from cattrs.errors import BaseValidationError

    try:
        return _converter().structure(value, kind)
    except BaseValidationError as error:
        raise UsageError(_damaged(name, transform_error(error, path=name, format_exception=_said)[0], cure)) from error
    except KeyError as error:
        raise UsageError(_damaged(name, f"it lacks {error}", cure)) from error
    except (TypeError, ValueError) as error:
        raise UsageError(_damaged(name, error, cure)) from error


def _said(error, kind):
    from cattrs.v import format_exception

    return str(error) if isinstance(error, Misfit) else format_exception(error, kind)


def to_plain(value):
    """A record, or what records hold, as `json.dumps` takes it."""
    return _converter().unstructure(value)


def _damaged(name, what, cure=_CURE):
    return f"This {name} is damaged ({what!s:.300}). {cure}"


def save(record, path):
    """Write `record` to `path` as a whole or not at all, so that a kill at any moment leaves the old file or the new."""
    write_whole(path, dump(record))


def read(path: str | os.PathLike[str]) -> Plan | Study | Evidence | StreamReport:
    """The record in the file at `path`: what `plan.save(path)` wrote.

    Raises:
        UsageError: there is no such file, or it holds no record.
    """
    path = as_path("path", path)
    if not path.is_file():
        raise UsageError(f"`path` must be a file that was saved before; got {str(path)!r}. Check the name.")
    try:
        return load(path.read_bytes())
    except OSError as error:
        raise UsageError(f"`path` must be a file that you may read; got {str(path)!r} ({error.strerror}).") from error


@functools.cache
def _converter():
    from cattrs.gen import make_dict_structure_fn
    from cattrs.preconf.json import make_converter

    converter = make_converter(forbid_extra_keys=True)
    converter.register_unstructure_hook(float, lambda x: x if math.isfinite(x) else str(x))
    converter.register_unstructure_hook_func(lambda kind: isinstance(kind, type) and issubclass(kind, enum.Enum),
                                             lambda x: x.name)  # the values are sentences, free to change
    converter.register_structure_hook(enum.Enum, lambda name, kind: kind[name])  # by class: cattrs before 26.1 asks its own first
    for kind in (int, bool, str):  # cattrs would turn 3.7 into 3, "no" into True and "12" into (1, 2)
        converter.register_structure_hook(kind, _exactly)
    converter.register_structure_hook(float, _float)
    converter.register_structure_hook_func(lambda kind: kind == int | float,
                                           lambda x, _: _exactly(x, int) if type(x) is int else _float(x, float))
    converter.register_structure_hook_func(lambda kind: kind == Point, functools.partial(_point, converter))
    converter.register_structure_hook_func(lambda kind: typing.get_origin(kind) is tuple, functools.partial(_tuple, converter))
    converter.register_structure_hook_factory(lambda kind: isinstance(kind, type) and kind in _KINDS.values(), lambda kind: (
        functools.partial(_checked, make_dict_structure_fn(kind, converter, _cattrs_forbid_extra_keys=True))))
    return converter


def _checked(structured, value, kind):
    record = structured(value, kind)
    check(record)
    return record


def _exactly(value, kind):
    if type(value) is not kind or (kind is int and abs(value) > _LARGEST):
        raise TypeError(f"{value!r:.40} is not of type {kind.__name__}")
    return value


def _float(value, _):
    if value not in ("inf", "-inf", "nan") and (type(value) not in (int, float) or not abs(value) <= sys.float_info.max):
        raise TypeError(f"{value!r:.40} is not a number")
    return float(value)


def _point(converter, value, _):
    if type(value) is not dict or frozenset(value) not in _POINTS:
        raise TypeError(f"{value!r:.40} is not a measured point")
    return converter.structure(value, _POINTS[frozenset(value)])


def _tuple(converter, values, kind):
    if type(values) is not list:
        raise TypeError(f"{values!r:.40} is not a list")
    kinds = typing.get_args(kind)
    kinds = kinds[:1] * len(values) if kinds[-1] is Ellipsis else kinds
    return tuple(converter.structure(value, one) for value, one in zip(values, kinds, strict=True))


def _from_1(thing):
    """Format 1 kept the points of a reading as rows of numbers without names, and had other names for two verdicts."""
    if isinstance(thing, list):
        return [_from_1(one) for one in thing]
    if not isinstance(thing, dict):
        return thing
    changed = {name: _from_1(value) for name, value in thing.items() if name != "points"}
    if isinstance(thing.get("verdict"), str):
        changed["verdict"] = _VERDICTS_1.get(thing["verdict"], thing["verdict"])
    if "outcome" in thing and thing.get("name") in _TITLES_1:
        changed["title"] = _TITLES_1[thing["name"]]
    if "points" in thing:
        changed["points"] = [_point_of_1(str(thing.get("name")), *row) for row in thing["points"]]
    return changed


def _point_of_1(name, first, *others):
    """A point by the name of its reading; `"engine/32"` is the engine's reading of a study at batch size 32."""
    if name == "critical_rate":
        return {"learning_rate": first}
    fields = {"throughput": ("seconds", "low", "high"), "step_time": ("seconds", "low", "high"),
              "prediction": ("seconds_a_row", "low", "high"), "memory": ("peak_bytes",),
              "critical_batch": ("updates", "low", "high", "learning_rate", "share_arrived"),
              "engine": ("width", "seconds", "seconds_stepwise", "seconds_fused")}[name.partition("/")[0]]
    point = {"batch_size": int(first), **dict(zip(fields, others, strict=False))}  # a plan kept fewer figures of updates
    if "peak_bytes" in point:
        point["peak_bytes"] = round(point["peak_bytes"])
    if "width" in point:
        fused = point["seconds_fused"]
        point |= {"width": int(point["width"]), "mode": "fused" if point["seconds"] == fused else "stepwise",
                  "seconds_fused": None if fused == -1 else fused}
    return point
