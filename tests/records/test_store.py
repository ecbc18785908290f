"""What is written comes back: the same values, the same types, as strict JSON, whole or not at all."""

import dataclasses
import json
import math
import os

import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st
from records.anything import KINDS, anything, example
from tiers import cases

import epochal
from epochal.records import Choice, Evidence, Outcome, Reading, Setting, Verdict, dump, load, read, save, store

EVERY_KIND = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
# The same records on every run, and no search for the smallest failing one: a whole plan takes minutes to shrink.
QUICK = settings(max_examples=cases(4), deadline=None, derandomize=True, phases=[Phase.generate],
                 suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


def comes_back(record):
    """Equal, and alike in every type: `repr` tells 1 from 1.0, and 0.0 from -0.0, where `==` does not."""
    back = load(dump(record))
    return back == record and repr(back) == repr(record)


@EVERY_KIND
def test_a_record_comes_back_as_it_was(kind):
    record = example(kind)
    assert load(dump(record)) == record
    assert comes_back(record)


@EVERY_KIND
@given(data=st.data())
@QUICK
def test_any_record_comes_back_as_it_was(kind, data):
    assert comes_back(data.draw(anything(kind)))


@pytest.mark.parametrize("value", [32, 32.0, 0, 0.0, -0.0, 5e-324, 1.7976931348623157e308, 2**63, 0.1 + 0.2])
@pytest.mark.parametrize("bound", [math.inf, -math.inf, 64, 64.5])
def test_a_choice_keeps_whole_numbers_whole_and_fractions_fractions(value, bound):
    assert comes_back(Choice(value=value, low=value, high=bound, because=""))


@pytest.mark.parametrize("text", ["", "é", "損失", "🙂", 'a "quoted" \\ word', "two\nlines", "\u2028", "inf", "null", "nan"])
def test_any_text_comes_back(text):
    assert comes_back(Reading(name=text, note=text, details=((text, 1.0),)))


@pytest.mark.parametrize("outcome", Outcome)
def test_every_outcome_comes_back(outcome):
    assert load(dump(Reading(name="x", outcome=outcome))).outcome is outcome


def test_an_outcome_is_written_by_its_name_since_its_sentence_may_change():
    assert '"LOWER_BOUND"' in dump(Reading(name="x", outcome=Outcome.LOWER_BOUND))
    assert Outcome.LOWER_BOUND.value not in dump(Reading(name="x", outcome=Outcome.LOWER_BOUND))


@EVERY_KIND
@given(data=st.data())
@QUICK
def test_the_text_is_strict_json(kind, data):
    json.loads(dump(data.draw(anything(kind))), parse_constant=_refuse)


def test_every_record_of_the_package_can_be_written():
    assert {kind.__name__ for kind in KINDS} == set(store._KINDS)


def test_only_records_can_be_written():
    with pytest.raises(epochal.UsageError, match="`record` must be a record .*Plan.*; got dict"):
        dump({"value": 1})


# Deliberate faults: a converter that loses something makes the property above fail.

def _rounds(converter):
    converter.register_unstructure_hook(float, lambda x: round(x, 3) if math.isfinite(x) else str(x))


def _turns_integers_into_floats(converter):
    converter.register_unstructure_hook(int, float)


def _forgets_infinity(converter):
    converter.register_unstructure_hook(float, lambda x: x if math.isfinite(x) else 0.0)


def _drops_the_note(converter):
    converter.register_unstructure_hook(Reading, lambda r: {f.name: converter.unstructure(getattr(r, f.name))
                                                            for f in dataclasses.fields(r) if f.name != "note"})


@pytest.mark.parametrize(("fault", "kind"), [(_rounds, Reading), (_turns_integers_into_floats, Choice),
                                             (_forgets_infinity, Reading), (_drops_the_note, Reading)])
def test_a_lossy_converter_is_found_out(fault, kind, monkeypatch):
    converter = store._converter.__wrapped__()
    fault(converter)
    monkeypatch.setattr(store, "_converter", lambda: converter)
    find(anything(kind), lambda record: not comes_back(record), settings=settings(QUICK, max_examples=500))


# Files.

def test_a_file_comes_back(tmp_path):
    record = example(Evidence)
    save(record, tmp_path / "new folder" / "évidence.json")
    assert read(tmp_path / "new folder" / "évidence.json") == record
    assert epochal.load(tmp_path / "new folder" / "évidence.json") == record


@pytest.mark.parametrize("moment", ["fsync", "replace"])
@pytest.mark.parametrize("blow", [OSError("disk full"), KeyboardInterrupt()], ids=["disk full", "ctrl-c"])
def test_a_crash_while_saving_leaves_the_old_file_and_no_litter(moment, blow, tmp_path, monkeypatch):
    path = tmp_path / "plan.json"
    save(Setting(batch_size=32, learning_rate=0.1), path)
    before = path.read_bytes()

    def crash(*_args, **_kwargs):
        raise blow

    with monkeypatch.context() as patch:
        patch.setattr(os, moment, crash)
        with pytest.raises(type(blow)):
            save(Setting(batch_size=64, learning_rate=0.2), path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["plan.json"]


def test_what_cannot_be_written_leaves_the_old_file_and_no_litter(tmp_path):
    path = tmp_path / "plan.json"
    save(Setting(batch_size=32, learning_rate=0.1), path)
    with pytest.raises(epochal.UsageError):
        save({"batch_size": 64}, path)
    assert read(path).batch_size == 32
    assert os.listdir(tmp_path) == ["plan.json"]


def test_a_saved_file_is_as_readable_as_any_other_new_file(tmp_path):
    save(Setting(batch_size=32, learning_rate=0.1), tmp_path / "plan.json")
    (tmp_path / "other").touch()
    assert (tmp_path / "plan.json").stat().st_mode == (tmp_path / "other").stat().st_mode


def test_a_saved_file_is_complete_on_disk_before_it_takes_the_name(tmp_path, monkeypatch):
    calls = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda file: (calls.append("fsync"), fsync(file)))
    monkeypatch.setattr(os, "replace", lambda *names: (calls.append("replace"), replace(*names)))
    save(Setting(batch_size=32, learning_rate=0.1), tmp_path / "plan.json")
    assert calls[:2] == ["fsync", "replace"]


# What is not ours, or no longer whole, gets a sentence with the culprit and the cure.

WHOLE = dump(example(epochal.Curve))


def _changed(**changes):
    return json.dumps({**json.loads(WHOLE), **changes})


def _with_field(name, value):
    document = json.loads(WHOLE)
    document["record"][name] = value
    return json.dumps(document)


def _without_field(name):
    document = json.loads(WHOLE)
    del document["record"][name]
    return json.dumps(document)


BROKEN = {
    "nothing": "", "half of it": WHOLE[: len(WHOLE) // 2], "all but the end": WHOLE[:-1], "twice": WHOLE * 2,
    "a table": "age,target\n3,1\n", "a list": "[]", "a number": "3", "null": "null", "another program's": '{"version": 4}',
    "too many brackets": "[" * 100_000,
    "a later format": _changed(epochal_format=store.FORMAT + 1), "no format": _changed(epochal_format=None),
    "another kind": _changed(kind="Model"), "no kind": _changed(kind=None), "a kind that is a list": _changed(kind=["Plan"]),
    "another record's kind": _changed(kind="Reading"), "no record": json.dumps({"epochal_format": 1, "kind": "Curve"}),
    "an empty record": _changed(record={}), "a null record": _changed(record=None),
    "a list for a record": _changed(record=[]), "text for a record": _changed(record="curve"),
    "a number for a record": _changed(record=3),
    "a lost field": _without_field("setting"), "a foreign field": _with_field("colour", "red"),
    "an unknown outcome": _with_field("outcome", "PERFECT"), "an outcome's sentence": _with_field("outcome", "measured"),
    "a fraction for a count": _with_field("seed", 3.7), "text for a count": _with_field("seed", "3"),
    "a switch for a count": _with_field("seed", True), "nothing for a count": _with_field("seed", None),
    "text for numbers": _with_field("half_a", "12"), "an object for numbers": _with_field("half_a", {"1": 2}),
    "a word for a number": _with_field("seconds", "many"), "a longer word": _with_field("seconds", "infinite"),
    "a switch for a number": _with_field("seconds", False), "a number for text": _with_field("stage", 5),
    "nothing in a row of numbers": _with_field("half_b", [None]),
}


@pytest.mark.parametrize("damage", BROKEN)
def test_a_damaged_text_gets_one_sentence_with_a_cure(damage):
    with pytest.raises(epochal.UsageError, match=r"(?i)(measure again|upgrade|backup|check)") as caught:
        load(BROKEN[damage])
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500


def test_the_sentence_about_a_damaged_record_names_the_field():
    with pytest.raises(epochal.UsageError, match="Curve is damaged.*steps_per_epoch"):
        load(_with_field("steps_per_epoch", "many"))
    with pytest.raises(epochal.UsageError, match="got 'Model'"):
        load(BROKEN["another kind"])
    with pytest.raises(epochal.UsageError, match=f"got {store.FORMAT + 1}"):
        load(BROKEN["a later format"])


@given(cut=st.integers(0, len(WHOLE) - 1))
@QUICK
def test_a_file_cut_anywhere_is_never_taken_for_whole(cut):
    with pytest.raises(epochal.UsageError):
        load(WHOLE[:cut])


def test_a_file_that_is_not_text_gets_one_sentence(tmp_path):
    (tmp_path / "model.keras").write_bytes(b"PK\x03\x04\xff\xfe")
    with pytest.raises(epochal.UsageError, match=r"(?i)not a file of Epochal's"):
        read(tmp_path / "model.keras")


@pytest.mark.parametrize("name", ["missing.json", "."])
def test_a_file_that_is_not_there_is_named(name, tmp_path):
    with pytest.raises(epochal.UsageError, match="`path` must be a file.*Check the name"):
        read(tmp_path / name)


def test_a_verdict_is_written_by_its_name():
    arm = example(store.Arm)
    assert f'"{arm.verdict.name}"' in dump(arm)
    assert load(dump(arm)).verdict is Verdict(arm.verdict.value)


def _refuse(constant):
    raise AssertionError(f"{constant} is not JSON")
