"""The page of a study: one file that needs no network, whole whatever is missing, and a text for every picture."""

import html
import json
import re
from dataclasses import replace

import pytest
from report.made_studies import made
from report.report_studies import STUDY
from report.test_study_series import bursts_high, bursts_large
from tiers import first_tier

from epochal import UsageError
from epochal.report import html_for, write_report
from epochal.report.page import page
from epochal.report.pictures.plotly import drawing_of
from epochal.report.study.pictures import study_pictures

EVIL = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def whole():
    return page(made())


def own(text):
    """The page without Plotly's script."""
    start = text.rfind("<script>", 0, text.find("* plotly.js (basic"))
    return text if start < 0 else text[:start] + text[text.index("</script>", start):]


def said(text):
    """What a person reads, without what stands behind the terms as hover text."""
    return html.unescape(re.sub(r"</?abbr[^>]*>", "", text))


def test_the_page_is_one_file_that_fetches_nothing(whole, tmp_path):
    path = write_report(made(), tmp_path / "new" / "report.html")
    assert path.read_text(encoding="utf-8") == whole
    assert "default-src 'none'" in whole
    assert re.findall(r'(?:src|href)="[^"]', own(whole)) == []


def test_a_folder_in_place_of_a_file_is_refused_with_the_cure(tmp_path):
    with pytest.raises(UsageError, match=r"`path` must be a file.*report\.html"):
        write_report(made(), tmp_path)


def test_what_was_found_comes_first_and_the_table_after_it(whole):
    text = said(own(whole))
    places = [text.index(f"<li>{c.sentence}</li>") for c in made().contrasts if c.sentence and c.budget != "tutorial"]
    assert places == sorted(places)
    assert places[-1] < text.index("The comparison") < text.index("tutorial's protocol says") < text.index("What was measured")
    assert [words for words in made().sentences() if f"<li>{words}</li>" not in text] == []
    assert [cell for row in made().rows() for cell in row if cell not in text] == []


def test_every_picture_is_drawn_with_a_title_an_alternative_text_and_its_numbers(whole):
    drawn = study_pictures(made())
    assert [picture.name for picture in drawn if picture.charts] == ["quality", "losses", "rates", "steps"]
    for picture in drawn:
        assert f'role="img" aria-label="{picture.title}. ' in whole
        assert len(picture.rows) > 2
    assert [drawn[1].views.format(name) for name in drawn[1].charts] == ["against epochs", "against updates"]
    assert [drawn[2].views.format(name) for name in drawn[2].charts] == ["equal epochs", "equal steps"]
    assert re.findall(r'data-view="\d">([^<]*)<', whole) == ["against epochs", "against updates", "equal epochs", "equal steps"]


def test_a_study_of_one_budget_has_no_choice_of_views_where_there_is_none():
    drawn = {picture.name: picture for picture in study_pictures(made(equal=("epochs",)))}
    assert len(drawn["rates"].charts) == 1
    assert len(drawn["losses"].charts) == 2


def test_the_drawings_are_strict_json_and_every_legend_entry_shows_and_hides_something(whole):
    found = re.findall(r'<script type="application/json">(.*?)</script>', own(whole), flags=re.DOTALL)
    assert len(found) == 6
    for text in found:
        json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    for picture in study_pictures(made()):
        for chart in picture.charts.values():
            groups = {trace["legendgroup"] for trace in drawing_of(chart)["data"]} - {""}
            assert groups == {key.label for key in picture.keys}


MISSING = {
    "no test rows": {"tested": False},
    "one budget": {"equal": ("epochs",), "tutorial": False},
    "the last budget": {"equal": ("steps",)},
    "no time of a step": {"timed": False},
    "an arm diverged": {"bursts": bursts_large},
    "a rate diverged": {"bursts": bursts_high},
    "two sizes": {"sizes": (32, 256)},
    "another metric": {"metric": "accuracy"},
    "one epoch": {"epochs": 1, "equal": ("epochs",)},
}


@pytest.mark.parametrize("changed", first_tier(4, MISSING.values()), ids=MISSING)
def test_whatever_is_missing_the_page_is_whole_and_says_so(changed):
    study = made(**changed)
    text = said(own(page(study)))
    for picture in study_pictures(study):
        assert picture.title in text
        if not picture.charts:
            assert f"Not drawn. {picture.missing}" in text
            assert picture.missing.endswith(".")
        assert [note for note in picture.notes if note not in text] == []
    assert ("There are no test rows" in text) == ("tested" in changed)
    assert ("As the tutorial prints it" in text) == study.design.tutorial
    assert "None" not in re.sub(r"<script.*?</script>|<style>.*?</style>", "", text, flags=re.DOTALL)
    assert html_for(study)


def test_an_empty_study_is_a_small_page():
    empty = replace(STUDY, curves=(), contrasts=())
    text = page(empty)
    assert len(text) < 50_000
    assert text.count("Not drawn.") == 4
    for words in ("Nothing was compared.", "No learning rate was chosen by trials.", "No readings were taken"):
        assert words in text


def test_a_study_with_a_critical_batch_size_says_it(whole):
    assert "critical batch size B_crit" in said(whole)


def test_no_text_of_the_user_becomes_markup():
    study = made(tutorial=False)
    task = replace(study.task, name=EVIL, loss=EVIL, notes=(EVIL,))
    contrasts = tuple(replace(c, sentence=EVIL) for c in study.contrasts)
    evil = replace(study, task=task, machine=replace(study.machine, device=EVIL), contrasts=contrasts)
    for text in (page(evil), html_for(evil)):
        assert EVIL not in text
        assert "&lt;script&gt;alert" in text


def test_the_notebook_shows_the_table_without_a_script():
    study = made()
    text = said(study._repr_html_())
    assert text == said(html_for(study))
    assert "<script" not in text
    assert [cell for row in study.rows() for cell in row if cell not in text] == []
    assert [sentence for sentence in study.sentences() if sentence not in text] == []
