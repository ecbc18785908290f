"""What the commands print with `--json`, and the files beside it, are as docs/schema.json says; and it would be noticed if not."""

import copy
import dataclasses
import gzip
import json
import pathlib
import re
import subprocess
from types import SimpleNamespace

import pytest
from cli.command import inside, strict
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from records.anything import KINDS, anything, example
from tiers import cases

from epochal.records import Choice, Plan, dump

ROOT = pathlib.Path(__file__).parents[2]
SCHEMA = json.loads((ROOT / "docs" / "schema.json").read_text(encoding="utf-8"))
STUDY = ("--batch-sizes", "32,128", "--epochs", 3, "--seeds", 3, "--trial-seeds", 1, "--learning-rates", "1e-3,1e-2", "--equal",
         "epochs", "--protocol", "tutorial")
HEAD = {"epochal_format", "kind"}
NAMES = ("plan_output", "plan_file", "study_output", "study_file", "measure_output", "fit_output", "fit_output of numbers",
         "predict_output", "columns_output")

pytestmark = pytest.mark.needs("jsonschema")


@pytest.fixture(scope="module")
def outputs(tmp_path_factory):
    """`{name in the schema: document}` of one run of every command; what follows the name in it says which one it was."""
    folder, found = tmp_path_factory.mktemp("outputs"), {}

    def told(*words):
        done = inside(*words, "--json")
        assert done.exit_code == 0, (done.stderr, done.exception)
        return strict(done.stdout)

    found["plan_output"] = told("plan", "wine", "--budget", "3s", "--epochs", 20, "--out", folder)
    found["plan_file"] = strict((folder / "plan.json").read_text(encoding="utf-8"))
    found["study_output"] = told("study", "breast_cancer", *STUDY, "--folder", folder / "study")
    found["study_file"] = strict((folder / "study" / "study.json").read_text(encoding="utf-8"))
    found["measure_output"] = told("measure", "wine", "--what", "memory,noise_scale,predict", "--price", "quick")
    found["fit_output"] = told("fit", "wine", "--epochs", 1, "--out", folder / "m.keras")
    found["fit_output of numbers"] = told("fit", "diabetes", "--epochs", 1, "--out", folder / "n.keras")
    found["predict_output"] = told("predict", folder / "m.keras", "wine", "--out", folder / "p.csv")
    found["columns_output"] = told("plan", "wine", "--columns")
    assert tuple(found) == NAMES
    return found


def faults(document, name, schema=SCHEMA):
    """What is not as the schema says, in words."""
    from jsonschema import Draft202012Validator

    one = {"$schema": schema["$schema"], "$ref": f"#/$defs/{name.partition(' ')[0]}", "$defs": schema["$defs"]}
    return [f"{error.json_path}: {error.message:.200}" for error in Draft202012Validator(one).iter_errors(document)]


def closed(schema):
    """The schema with what this version itself writes: all that the document names, and nothing else."""
    if isinstance(schema, list):
        return [closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    found = {name: closed(one) for name, one in schema.items()}
    if isinstance(schema.get("properties"), dict) and schema.get("type") == "object":
        found |= {"additionalProperties": False}
        if "accuracy" not in schema["properties"]:  # of scores only those that apply
            found |= {"required": [*schema["properties"]]}
    return found


def test_the_schema_is_one():
    from jsonschema import Draft202012Validator

    Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_printed_and_written_is_as_the_schema_says(outputs, name):
    assert faults(outputs[name], name) == []


@pytest.mark.parametrize("name", NAMES)
def test_every_field_that_is_printed_or_written_is_in_the_document_and_none_is_missing(outputs, name):
    assert faults(outputs[name], name, closed(SCHEMA)) == []


def test_what_files_hold_beside_what_is_printed_is_what_the_document_says(outputs):
    plan, study = outputs["plan_file"]["record"], outputs["study_file"]["record"]
    assert outputs["plan_output"].keys() - {"plan", "report", *HEAD, "task", "machine", "present"} == plan.keys() - {"evidence"}
    assert outputs["study_output"].keys() - {"folder", *HEAD} == study.keys() - {"curves"}


def test_what_was_not_measured_is_null_and_what_was_is_a_number(outputs):
    for reading in (*outputs["plan_output"]["derived"], *outputs["study_output"]["readings"]):
        known = reading["outcome"] in ("OK", "LOWER_BOUND")
        assert all((reading[name] is not None) is known for name in ("value", "low", "high")), reading
    assert any(reading["value"] is None for reading in outputs["plan_output"]["derived"])


def test_readings_have_the_names_and_units_of_the_document(outputs):
    from architecture.json_words import READINGS

    plan, study = outputs["plan_file"]["record"], outputs["study_file"]["record"]
    found = [*plan["evidence"]["readings"], *plan["derived"], *study["readings"], *study["derived"]]
    assert len(found) > 8
    for reading in found:
        unit, _, _ = READINGS[reading["name"].partition("/")[0]]
        assert reading["unit"] in ((unit,) if reading["outcome"] == "OK" else (unit, "")), reading


MUTATIONS = {
    "a verdict of no meaning": ("plan_output", ("arms", 0, "verdict"), "EQUAL"),
    "a verdict of an earlier version": ("study_output", ("contrasts", 0, "verdict"), "UNRESOLVED"),
    "a verdict in its words": ("study_file", ("contrasts", 1, "verdict"), "undecided"),
    "an outcome of no meaning": ("plan_output", ("derived", 0, "outcome"), "FINE"),
    "a number as text": ("plan_output", ("batch_size", "value"), "32"),
    "infinity by another name": ("plan_output", ("learning_rate", "high"), "Infinity"),
    "half an epoch": ("fit_output", ("epochs_trained",), 1.5),
    "no headline": ("plan_output", ("headline",), None),
    "a sentence in place of a list": ("plan_output", ("unresolved",), "nothing"),
    "rows as text": ("predict_output", ("rows",), "178"),
    "infinity where there is none": ("fit_output", ("test", "loss"), "inf"),
    "an unknown count": ("columns_output", ("columns", 0, "n_missing"), None),
    "a point of no kind": ("study_file", ("readings", 0, "points"), [{"batch_size": 32}]),
    "a detail without a name": ("plan_file", ("evidence", "readings", 0, "details"), [[1.0]]),
}


@pytest.mark.parametrize("what", MUTATIONS)
def test_a_change_in_an_output_is_noticed(outputs, what):
    name, path, value = MUTATIONS[what]
    document = copy.deepcopy(outputs[name])
    place = document["record"] if name.endswith("_file") else document
    for step in path[:-1]:
        place = place[step]
    assert place[path[-1]] != value
    place[path[-1]] = value
    assert faults(document, name) != []


@pytest.mark.parametrize(("name", "path", "lacking"), [
    ("plan_output", (), "epochs"), ("plan_output", ("arms", 0), "verdict"), ("study_output", ("contrasts", 0), "sentence"),
    ("fit_output", (), "scores"), ("predict_output", ("scores",), "rows"), ("plan_file", (), "epochal_format")])
def test_a_field_that_is_gone_is_noticed(outputs, name, path, lacking):
    document = place = copy.deepcopy(outputs[name])
    for step in path:
        place = place[step]
    del place[lacking]
    assert faults(document, name) != []


def test_a_file_of_another_format_or_kind_is_noticed(outputs):
    plan = outputs["plan_file"]
    assert faults(plan | {"epochal_format": plan["epochal_format"] + 1}, "plan_file") != []
    assert faults(plan, "study_file") != []


def test_later_fields_may_be_there_and_those_with_a_default_may_be_missing(outputs):
    document = copy.deepcopy(outputs["plan_file"])
    document["record"]["later"] = document["record"]["arms"][0]["later"] = {"of": 1}
    for field in dataclasses.fields(Plan):
        if field.default is not dataclasses.MISSING:
            del document["record"][field.name]
    assert faults(document, "plan_file") == []
    assert faults(document, "plan_file", closed(SCHEMA)) != []


def test_a_file_of_the_first_format_is_of_the_present_one_once_it_was_read():
    from epochal.records import load

    text = gzip.decompress((ROOT / "tests" / "old_files" / "plan.json.gz").read_bytes())
    assert faults(json.loads(text), "plan_file") != []
    assert faults(json.loads(dump(load(text))), "plan_file") == []


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_record_is_as_the_schema_says(kind):
    for schema in (SCHEMA, closed(SCHEMA)):
        assert faults(json.loads(dump(example(kind)))["record"], kind.__name__, schema) == []


@settings(max_examples=cases(30), deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(st.sampled_from(KINDS).flatmap(anything))
def test_whatever_a_record_holds_is_as_the_schema_says(record):
    assert faults(json.loads(dump(record))["record"], type(record).__name__) == []


@pytest.mark.parametrize("value", [float("inf"), float("-inf"), float("nan")])
def test_what_json_has_no_number_for_is_as_the_schema_says(value):
    document = strict(dump(Choice(value=1, low=value, high=value, because="")))["record"]
    assert faults(document, "Choice") == []
    assert str(float(document["low"])) == str(value)


def test_the_example_of_the_document_runs(outputs, monkeypatch, capsys):
    [example_of_python] = re.findall(r"^```python\n(.*?)^```", (ROOT / "docs" / "json.md").read_text(encoding="utf-8"),
                                     re.MULTILINE | re.DOTALL)
    asked = []

    def ran(words, **options):
        asked.append((words, options))
        return SimpleNamespace(stdout=json.dumps(outputs["plan_output"]))

    monkeypatch.setattr(subprocess, "run", ran)
    exec(example_of_python, {})
    [(words, options)] = asked
    plan = outputs["plan_output"]
    assert (words, options["stdout"]) == (["epochal", "plan", "digits", "--json"], subprocess.PIPE)
    assert str({name: plan[name]["value"] for name in ("batch_size", "learning_rate", "epochs")}) in capsys.readouterr().out
