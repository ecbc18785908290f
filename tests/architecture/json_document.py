"""What docs/json.md and docs/schema.json say of the fields of the JSON that commands print and files hold.

`python tests/architecture/json_document.py` writes both anew: the schema, and the part of the document between its two marks. What
records hold is read off their types and docstrings (`Attributes:`), the rest off `json_words.py`.
"""

import dataclasses
import inspect
import json
import pathlib
import re
import sys
import textwrap
import types
import typing
from typing import Any

if __name__ == "__main__":
    sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
from architecture import json_words as words

from epochal.records import (
    FIXABLE,
    TRAINERS,
    Checked,
    Diagnosis,
    EpochChoice,
    Evidence,
    Outcome,
    Plan,
    Point,
    Reading,
    StreamReport,
    Study,
    Verdict,
    fitting,
    store,
)
from epochal.report.glossary import GLOSSARY

DOCS = pathlib.Path(__file__).parents[2] / "docs"
DOCUMENT, SCHEMA = DOCS / "json.md", DOCS / "schema.json"
BEGIN, END = "<!-- Written by tests/architecture/json_document.py, from here ... -->", "<!-- ... to here. -->"
ANSWERS = {"diagnose_output": Diagnosis, "epochs_output": EpochChoice, "check_output": Checked, "stream_output": StreamReport}
FILES = {"plan_file": Plan, "study_file": Study, "evidence_file": Evidence}  # by their names in the schema
POINTS = typing.get_args(Point)


def described(kind):
    """`(summary, {field: meaning})` of a dataclass, as its docstring has them."""
    summary, _, attributes = inspect.cleandoc(kind.__doc__).partition("\n\nAttributes:\n")
    names, found = "|".join(kind.__dataclass_fields__), {}
    for item in re.split(r"\n    (?! )", "\n" + attributes.split("\n\n")[0])[1:]:
        parts = re.split(rf"(?:^|(?<=[.;] ))((?:{names})(?:, (?:{names}))*): ", " ".join(item.split()))[1:]
        for several, meaning in zip(parts[::2], parts[1::2], strict=True):
            found |= dict.fromkeys(several.split(", "), for_readers(meaning.strip()))
    instead = {"": for_readers(" ".join(summary.split()))} | words.INSTEAD.get(kind.__name__, {})
    return instead.pop(""), words.MEANINGS[""] | words.MEANINGS.get(kind.__name__, {}) | found | instead


def for_readers(text):
    """A text of the source in the words of JSON."""
    meant = {"None": "`null`", "True": "`true`", "False": "`false`", "int": "`integer`", "float": "`number`",
             "FIXABLE": ", ".join(f'`"{name}"`' for name in FIXABLE), "TRAINERS": ", ".join(f'`"{name}"`' for name in TRAINERS)}
    return re.sub(r"`(\w+)`", lambda word: meant.get(word[1], word[0]), text)


def fields_of(kind, without=""):
    """The `Field`s of a record, in its order."""
    name, hints, (_, said) = kind.__name__, typing.get_type_hints(kind), described(kind)
    for field in (field for field in dataclasses.fields(kind) if field.name != without):
        if field.name not in said:
            raise LookupError(f"say what `{field.name}` of {name} means: in its docstring, under Attributes")
        hint = hints[field.name]
        if kind is Reading and field.name in ("value", "low", "high"):
            hint = hint | None  # in what commands print
        yield words.Field(field.name, hint, said[field.name], unit_of(name, field.name, hint), field.default)


def unit_of(kind, name, hint):
    if any(dataclasses.is_dataclass(one) and one.__name__ != "Choice" for one in types_in(hint)):
        return ""  # its own fields have units
    units = {one: unit for where in ("", kind) for unit, names in words.UNITS.get(where, {}).items() for one in names.split()}
    return units.get(name, "")


def types_in(hint):
    """The types that a type is made of, without containers."""
    arguments = typing.get_args(hint)
    return [one for argument in arguments for one in types_in(argument)] if arguments else [hint]


def records():
    """Every record that a plan, a study or evidence may hold, each after the first that holds it; the measured points last."""
    found = [Plan, Study, Evidence, Diagnosis, EpochChoice, Checked, StreamReport]
    for kind in found:
        for one in (one for hint in typing.get_type_hints(kind).values() for one in types_in(hint)):
            if dataclasses.is_dataclass(one) and one not in (*found, *POINTS):
                found.append(one)
    return [*found, *POINTS]


def printed():
    """`{name in the schema: fields}` of what each command prints."""
    about = {field.name: field for field in fields_of(Evidence)}
    trained = (about[name]._replace(default=dataclasses.MISSING) for name in ("task", "machine", "present"))
    return {"plan_output": (*words.HEAD, *fields_of(Plan, without="evidence"), *trained, *words.BESIDE_PLAN),
            "study_output": (*words.HEAD, *fields_of(Study, without="curves"), *words.BESIDE_STUDY),
            "measure_output": (*words.HEAD, *fields_of(Evidence, without="curves")),
            **{name: (*words.HEAD, *fields_of(kind)) for name, kind in ANSWERS.items()},
            "fit_output": words.FIT, "predict_output": words.PREDICT, "columns_output": words.COLUMNS}


def verdicts():
    """`(word, meaning, where it may stand)` of each verdict; the meanings are those of the glossary."""
    where = {"NOT_WORSE": "plan", "EQUIVALENT": "study"}
    return [(one.name, GLOSSARY[one.value.removeprefix("the ")], where.get(one.name, "plan, study")) for one in Verdict]


# The schema: fields that earlier versions did not write are not required, and any others are allowed.

_ANY = {"description": "A number; infinity, and what is no number, are strings.",
        "anyOf": [{"type": "number"}, {"enum": ["inf", "-inf", "nan"]}]}
_ABOUT = ("What the fields mean is in json.md. Validate against one of the definitions: plan_output is what `epochal plan --json` "
          "prints, plan_file what plan.json holds, and so on. Fields may be added without a new number: ignore those that you do "
          "not know.")


def schema():
    """docs/schema.json, as a dict."""
    known = {"number": _ANY, "Verdict": {"description": " ".join(f"{word}: {says}" for word, says, _ in verdicts()),
                                         "enum": [one.name for one in Verdict]},
             "Outcome": {"description": " ".join(f"{one.name}: {one.value}." for one in Outcome),
                         "enum": [one.name for one in Outcome]}}
    known |= {kind.__name__: _object(fields_of(kind), described(kind)[0]) for kind in records()}
    known["Scores"] = _object(words.SCORES, "How good answers are. Only those that apply are there.", {"type": "number"})
    for name, fields in printed().items():
        with_null = name not in ("plan_output", "study_output", "measure_output", *ANSWERS)  # a number that is none is null there
        number = {"type": "number"} if with_null else None
        known[name] = _object(fields, f"What `epochal {words.COMMANDS[name]}` prints.", number)
    for name, kind in FILES.items():
        properties = {"epochal_format": {"const": store.FORMAT}, "kind": {"const": kind.__name__}, "record": _named(kind.__name__)}
        known[name] = {"description": f"A file that holds a {kind.__name__}.", "type": "object", "properties": properties,
                       "required": list(properties)}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": f"urn:epochal:json:{store.FORMAT}",
            "title": f"What Epochal prints and writes as JSON, format {store.FORMAT}", "description": _ABOUT,
            "anyOf": [_named(name) for name in (*printed(), *FILES)], "$defs": known}


def _named(name):
    return {"$ref": f"#/$defs/{name}"}


def _object(fields, says, number=None):
    properties, required = {}, []
    for field in fields:
        unit = {"": "", "`unit`": "", "times": " How many times."}.get(field.unit, f" Unit: {field.unit}.")
        properties[field.name] = _schema_of(field.hint, number or _named("number")) | {"description": field.meaning + unit}
        required += [field.name] * (field.default is dataclasses.MISSING)
    return {"description": says, "type": "object", "properties": properties, "required": required}


def _schema_of(hint, number):
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        kinds = [number] if set(arguments) == {int, float} else [_schema_of(one, number) for one in arguments]
        plain = [kind["type"] for kind in kinds if list(kind) == ["type"]]
        return kinds[0] if len(kinds) == 1 else {"type": plain} if len(plain) == len(kinds) else {"anyOf": kinds}
    if origin is tuple and arguments[-1] is Ellipsis:
        return {"type": "array", "items": _schema_of(arguments[0], number)}
    if origin is tuple:
        return {"type": "array", "prefixItems": [_schema_of(one, number) for one in arguments], "minItems": len(arguments),
                "maxItems": len(arguments)}
    if origin is typing.Literal:
        return {"enum": list(arguments)}
    if origin is dict:
        return {"type": "object"} | ({} if arguments[1] is Any else {"additionalProperties": _schema_of(arguments[1], number)})
    plain = {int: "integer", str: "string", bool: "boolean", types.NoneType: "null"}
    return number if hint is float else {"type": plain[hint]} if hint in plain else _named(hint.__name__)


# The document.


def generated():
    """The part of docs/json.md between the two marks."""
    parts = ["## What each command prints", 'The column "if missing" says what to take where a file of an earlier version lacks '
             "the field. What a command prints has them all."]
    for name, fields in printed().items():
        parts += [f"### `epochal {words.COMMANDS[name]}`", table(fields), *filter(None, [words.AFTERWARDS.get(name)])]
    parts += ["### Scores", "How good answers are. Only those that apply are there.", table(words.SCORES, defaults=False),
              "## What the files hold", "An object of `epochal_format`, `kind` and `record`.",
              rows(("file", "`kind`", "`record`"), words.FILES), "### Formats",
              rows(("`epochal_format`", "what is new"), re.findall(r"^ {4}(\d+)  (.*)$", store.__doc__ or "", re.MULTILINE))]
    parts += ["## The words", "### Verdict", "How a setting compares with the reference. One word, one meaning.",
              rows(("word", "meaning", "in"), [(f"`{word}`", says, where) for word, says, where in verdicts()]),
              "### Outcome", "How a measurement ended, or a training.",
              rows(("word", "meaning"), [(f"`{one.name}`", f"{one.value}.") for one in Outcome])]
    above = (Plan, Study, *ANSWERS.values(), *POINTS)
    parts += ["## The records inside", *_sections(kind for kind in records() if kind not in above)]
    parts += ["## Readings by name", "What the `name` of a [Reading](#reading) says, its unit, its further figures and its points.",
              rows(("`name`", "`unit`", "meaning", "`details`", "`points`"),
                   [(f"`{name}`", f'`"{unit}"`', says, details, _points_of(name))
                    for name, (unit, says, details) in words.READINGS.items()])]
    parts += ["## Measured points", "The points of one reading are all of one kind.", *_sections(POINTS)]
    return "\n\n".join(part if part.startswith(("|", "#")) else textwrap.fill(part, 132, break_on_hyphens=False) for part in parts)


def _sections(kinds):
    return [part for kind in kinds for part in (f"### {kind.__name__}", described(kind)[0], table(fields_of(kind)))]


def _points_of(name):
    kind = fitting._POINTS_OF.get(name)
    return f"[{kind.__name__}](#{kind.__name__.lower()})" if kind else ""


def table(fields, *, defaults=True):
    """Fields as a table; those in a row that are told in the same words share a line of it."""
    together: list[list[words.Field]] = []
    for field in fields:
        if together and together[-1][0][1:] == field[1:]:
            together[-1].append(field)
        else:
            together.append([field])
    missing = [_default(one[0].default) for one in together]
    middle = [[value] * (defaults and any(missing)) for value in missing]
    return rows(("field", "type", "unit", *["if missing"] * len(middle[0]), "meaning"),
                [(", ".join(f"`{field.name}`" for field in one), type_of(one[0].hint), one[0].unit, *value, one[0].meaning)
                 for one, value in zip(together, middle, strict=True)])


def _default(value):
    return "" if value is dataclasses.MISSING else f"`{json.dumps(store.to_plain(value))}`"


def rows(heading, lines):
    cells = [heading, ["---"] * len(heading), *lines]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in cells)


def type_of(hint):
    """A Python type in the words of JSON."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if hint == Point:
        return "[measured points](#measured-points)"
    if origin in (types.UnionType, typing.Union):
        return "`number`" if set(arguments) == {int, float} else " or ".join(type_of(one) for one in arguments)
    if origin is tuple and arguments[-1] is Ellipsis:
        return ("" if arguments[0] == Point else "list of ") + type_of(arguments[0])
    if origin is tuple:
        return "[" + ", ".join(type_of(one) for one in arguments) + "]"
    if origin is typing.Literal:
        return " or ".join(f'`"{one}"`' for one in arguments)
    if origin is dict:
        return "object" if arguments[1] is Any else f"object of ({type_of(arguments[1])})"
    plain = {int: "`integer`", float: "`number`", str: "`string`", bool: "`boolean`", types.NoneType: "`null`"}
    return plain[hint] if hint in plain else f"[{hint.__name__}](#{hint.__name__.lower()})"


def document(text):
    """docs/json.md with its generated part as it is to be."""
    before, _, rest = text.partition(BEGIN)
    return f"{before}{BEGIN}\n\n{generated()}\n\n{END}{rest.partition(END)[2]}"


def schema_text():
    return json.dumps(schema(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    DOCUMENT.write_text(document(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")
    SCHEMA.write_text(schema_text(), encoding="utf-8")
