"""docs/json.md and docs/schema.json say what stands: what `json_document.py` reads off the records, and nothing that is gone."""

import dataclasses
import enum
import pathlib
import re
import typing

import pytest
from architecture import json_document as written
from architecture import json_words as words

import epochal
from epochal.records import Outcome, Verdict
from epochal.records.store import FORMAT

DOCUMENT = written.DOCUMENT.read_text(encoding="utf-8")
AGAIN = "run `python tests/architecture/json_document.py`, and look at what changed"
KINDS = {kind.__name__: kind for kind in written.records()}


def test_the_document_has_the_fields_that_the_records_have():
    assert written.document(DOCUMENT) == DOCUMENT, AGAIN


def test_the_schema_is_that_of_the_records():
    assert written.SCHEMA.read_text(encoding="utf-8") == written.schema_text(), AGAIN


def test_what_is_written_by_hand_names_the_format_and_the_parts_of_the_schema():
    by_hand = DOCUMENT.partition(written.BEGIN)[0]
    assert f"`epochal_format`: it is {FORMAT} now" in by_hand
    names = set(re.findall(r"`(\w+_(?:output|file))`", by_hand))
    assert names == {one["$ref"].removeprefix("#/$defs/") for one in written.schema()["anyOf"]}


def test_every_link_within_the_document_leads_to_a_heading():
    headings = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")
                for heading in re.findall(r"^#+ (.*)$", DOCUMENT, re.MULTILINE)}
    assert set(re.findall(r"\]\(#([^)]+)\)", DOCUMENT)) <= headings


def test_no_verdict_or_outcome_is_named_that_does_not_exist():
    known = {one.name for kind in (Verdict, Outcome) for one in kind}
    assert set(re.findall(r"`([A-Z_]{2,})`", DOCUMENT)) <= known
    for kind in KINDS.values():
        for field in written.fields_of(kind):
            if isinstance(field.hint, type) and issubclass(field.hint, enum.Enum):
                assert set(re.findall(r"`([A-Z_]{2,})`", field.meaning)) <= {one.name for one in field.hint}, (kind, field)


def test_every_reading_of_the_source_is_in_the_table_of_readings():
    sources = pathlib.Path(epochal.__file__).parent.rglob("*.py")
    texts = [path.read_text(encoding="utf-8") for path in sources]
    named = {name for text in texts for name in re.findall(r'\b(?:Reading|Probe)(?:\(|, )\s*name="(\w+)"', text)}
    assert {"pace", "memory", "critical_batch", "untrained_loss"} <= named
    assert named <= set(words.READINGS)
    assert set(written.fitting._POINTS_OF) <= set(words.READINGS)


def test_words_by_hand_are_about_fields_that_exist_and_that_no_docstring_explains(monkeypatch):
    by_hand = {where: set(said) for where, said in words.MEANINGS.items()}
    units = {where: {name for names in said.values() for name in names.split()} for where, said in words.UNITS.items()}
    for said in (by_hand, words.INSTEAD, units):
        for where, names in said.items():
            kinds = [KINDS[where]] if where else KINDS.values()
            assert set(names) <= {"", *(name for kind in kinds for name in kind.__dataclass_fields__)}, where
    monkeypatch.setattr(words, "MEANINGS", {"": {}})
    monkeypatch.setattr(words, "INSTEAD", {})
    for where in by_hand.keys() - {""}:
        assert not by_hand[where] & set(written.described(KINDS[where])[1]), f"the docstring of {where} explains it already"


@dataclasses.dataclass
class Sample:
    """One thing. `None` where there is none.

    Attributes:
        first, second: two of them; `True`
            if so. third: `None` at times: rarely. It ends; here.
        fourth: more.

    Read no further: fifth: not a field.
    """

    first: int
    second: int
    third: typing.Optional[float]  # noqa: UP045
    fourth: str = ""
    fifth: str = ""


def test_meanings_are_read_off_docstrings_and_a_field_without_one_is_named():
    summary, said = written.described(Sample)
    assert summary == "One thing. `null` where there is none."
    assert {name: said[name] for name in ("first", "second", "third", "fourth")} == {
        "first": "two of them; `true` if so.", "second": "two of them; `true` if so.",
        "third": "`null` at times: rarely. It ends; here.", "fourth": "more."}
    with pytest.raises(LookupError, match="say what `fifth` of Sample means"):
        list(written.fields_of(Sample))
