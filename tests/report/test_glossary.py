"""The glossary has one source, says what a term means without other private words, and stands behind the terms of the pages."""

import html
import pathlib
import re

import pytest
from markupsafe import escape
from report.made_studies import made
from report.report_plans import plan

from epochal.report import html_for
from epochal.report.glossary import GLOSSARY
from epochal.report.page import page

DOCS = pathlib.Path(__file__).parents[2] / "docs" / "glossary.md"


def test_the_page_in_the_docs_is_the_glossary():
    rows = re.findall(r"^\| (.*?) \| (.*) \|$", DOCS.read_text(encoding="utf-8"), flags=re.MULTILINE)[2:]
    assert rows == sorted(GLOSSARY.items())


def test_every_term_is_explained_in_one_to_three_sentences():
    for term, meaning in GLOSSARY.items():
        assert term == term.lower() or "B_" in term
        assert meaning.endswith(".")
        assert 1 <= len(re.findall(r"[.:](?: |$)", meaning)) <= 4
        assert len(meaning) < 240


@pytest.mark.parametrize("record", [plan, made], ids=["plan", "study"])
@pytest.mark.parametrize("draw", [page, html_for], ids=["page", "notebook"])
def test_terms_of_a_page_carry_the_same_sentences_as_hover_text(draw, record):
    text = draw(record())
    found = {shown.lower().removesuffix("s"): html.unescape(meaning)
             for meaning, shown in re.findall(r'<abbr title="([^"]*)">([^<]*)</abbr>', text)}
    assert len(found) >= 3
    meanings = {term.removesuffix("s"): meaning for term, meaning in GLOSSARY.items()}
    assert found == {shown: meanings[shown] for shown in found}


def test_a_term_is_explained_once_in_a_text_and_never_within_code():
    text = html_for(plan(headline="quality and quality, `quality` too"))
    assert text.count(f'<abbr title="{escape(GLOSSARY["quality"])}">quality</abbr> and quality, <code>quality</code>') == 1


def test_everyday_words_are_explained_where_they_stand_alone_and_not_in_a_sentence():
    text = html_for(plan(headline="a better batch size", binding="better"))
    assert "a better batch size" in text
    assert f'<abbr title="{escape(GLOSSARY["better"])}">better</abbr>' in text
