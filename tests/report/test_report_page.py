"""The page is one file that needs no network, says everything, escapes everything, and draws what there is."""

import dataclasses
import html
import json
import math
import re

import pytest
from report.report_plans import DIVERGED, MACHINE, PRESENT, SETTINGS, TASK, arms, curves, plan, readings

from epochal.base.errors import UsageError
from epochal.records import Evidence, Outcome, Reading, Setting
from epochal.report import html_for, write_report
from epochal.report.page import page
from epochal.report.pictures.chart import SYMBOLS, SizeStyle
from epochal.report.pictures.plotly import drawing_of
from epochal.report.plan.pictures import arm_keys, pictures
from epochal.report.plan.rows import condition_rows, reading_rows, recommended

EVIL = "<script>alert('x')</script>"


@pytest.fixture(scope="module")
def whole():
    return page(plan())


def said(text):
    """What a person reads, without what stands behind the terms as hover text."""
    return html.unescape(re.sub(r"</?abbr[^>]*>", "", text))


def own(text):
    """The page without Plotly's own script."""
    return re.sub(r"<script>/\*\*\n\* plotly\.js.*?</script>", "", text, flags=re.DOTALL)


def test_the_page_is_one_file_of_no_more_than_two_megabytes_that_fetches_nothing(tmp_path):
    path = write_report(plan(), tmp_path / "new" / "report.html")
    assert [entry.name for entry in path.parent.iterdir()] == ["report.html"]
    assert path.stat().st_size < 1.6e6
    text = path.read_text(encoding="utf-8")
    assert text.count("* plotly.js (basic - minified) v4.1.1") == 1
    assert not re.findall(r"""(?:src|href)\s*=|url\(|@import|https?:""", own(text))
    assert "default-src 'none'" in text  # the browser itself refuses what Plotly might try


def test_the_same_plan_gives_the_same_bytes(whole):
    assert page(plan()) == whole


def test_the_page_says_all_that_the_plan_says(whole):
    made = plan()
    text = said(own(whole))
    words = [made.headline, made.binding, *made.unresolved, made.code()]
    read = reading_rows((*made.evidence.readings, *made.derived))
    words += [cell for row in (*made.time_rows(), *made.detail_rows(), *made.arm_rows(), *read, *condition_rows(made))
              for cell in row]
    words += [getattr(made, name).because for name in made.CHOICES]
    assert [sentence for sentence in words if sentence not in text] == []


def test_the_page_says_after_how_many_trainings_measuring_is_repaid():
    made = plan()
    dearer = dataclasses.replace(made.seconds, training=made.seconds.training.times(1000))
    repaid = dataclasses.replace(made, present_seconds=dearer)
    assert repaid.repaid
    assert repaid.repaid in said(page(repaid))
    assert "Repaid" not in said(page(dataclasses.replace(made, present_seconds=made.seconds)))


def test_a_folder_in_place_of_a_file_is_refused_with_the_cure(tmp_path):
    with pytest.raises(UsageError, match=r"`path` must be a file.*report\.html"):
        write_report(plan(), tmp_path)


def test_no_text_of_the_user_becomes_markup():
    machine = dataclasses.replace(MACHINE, device=EVIL, versions=((EVIL, EVIL),))
    setting = Setting(batch_size=256, learning_rate=0.00562, schedule=EVIL)
    swapped = [dataclasses.replace(run, setting=setting) if run.setting == SETTINGS[3] else run for run in curves()]
    task = dataclasses.replace(TASK, name=EVIL, loss=EVIL, metrics=(EVIL,), notes=(EVIL,))
    made = plan(task=task, machine=machine, headline=EVIL, binding=EVIL, unresolved=(EVIL,), curves=tuple(swapped),
                readings=(Reading(name=EVIL, note=EVIL), *readings()),
                arms=tuple(dataclasses.replace(a, setting=setting) if a.setting == SETTINGS[3] else a for a in arms()),
                batch_size=dataclasses.replace(plan().batch_size, because=EVIL), goal=EVIL)
    for text in (page(made), html_for(made)):
        assert "<script>alert" not in text
        assert "&lt;script&gt;alert" in text
    assert own(page(made)).count("</script>") == own(page(plan())).count("</script>")


def test_every_figure_is_drawn_with_a_title_an_alternative_text_and_its_numbers(whole):
    assert [bool(p.charts) for p in pictures(plan())] == [True] * 4
    for picture in pictures(plan()):
        assert f'<h3 id="{picture.name}-title">{picture.title}</h3>' in whole
        assert f'role="img" aria-label="{picture.title}. ' in whole
        assert len(picture.rows) > 2
    assert whole.count("<summary>The numbers behind it</summary>") == 4


def test_the_drawings_in_the_page_are_strict_json(whole):
    found = re.findall(r'<script type="application/json">(.*?)</script>', own(whole), flags=re.DOTALL)
    assert len(found) == 4
    for text in found:
        drawing = json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
        for trace in drawing["data"]:
            assert None not in (*trace["x"], *trace["y"])


@pytest.mark.parametrize(("missing", "n_left_out"), [({"curves": ()}, 2), ({"readings": ()}, 1), ({"arms": ()}, 2),
                                                     ({"task": None, "machine": None, "present": None}, 0)])
def test_what_is_missing_is_left_out_with_a_sentence(missing, n_left_out):
    made, n_missing = plan(**missing), 0
    text = own(page(made))
    for picture in pictures(made):
        if not picture.charts:
            n_missing += 1
            assert f"Not drawn. {picture.missing}" in said(text)
            assert picture.missing.endswith(".")
    assert n_missing == n_left_out


def test_a_plan_without_any_evidence_is_a_small_page():
    made = plan(evidence=Evidence(), arms=(), derived=(), unresolved=())
    text = page(made)
    assert len(text) < 50_000
    assert [picture.charts for picture in pictures(made)] == [{}]
    assert text.count("not recorded") == 4
    assert "No readings were taken." in said(text)


def test_a_reading_open_above_claims_no_upper_end():
    _, row = reading_rows([Reading(name="noise_scale", title="gradient noise scale", value=200, unit="examples", low=120,
                                   high=math.inf, repeats=32, outcome=Outcome.LOWER_BOUND)])
    assert row[:4] == ("gradient noise scale", "at least 120 examples", "no upper limit", "32")


def test_a_reading_that_failed_shows_no_number():
    _, row = reading_rows([Reading(name="sharpness", value=7.0, outcome=Outcome.DIVERGED)])
    assert row == ("sharpness", "–", "–", "–", Outcome.DIVERGED.value)


def test_a_single_measurement_claims_no_interval():
    _, row = reading_rows([Reading(name="memory", title="largest batch that fits", value=2**20, unit="B", repeats=1)])
    assert row[:3] == ("largest batch that fits", "1 MiB", "one measurement")


def test_the_recommended_arm_is_the_one_at_batch_size_and_rate():
    assert recommended(plan()).setting == SETTINGS[3]
    other = dataclasses.replace(plan().learning_rate, value=0.5)
    assert recommended(plan(learning_rate=other)) is None


def test_a_batch_size_keeps_its_colour_and_its_marker_in_every_figure_and_the_present_setting_is_a_star():
    look = SizeStyle(setting.batch_size for setting in SETTINGS)
    sizes = [setting.batch_size for setting in SETTINGS]
    assert len({look.colour(size) for size in sizes}) == len(sizes)
    for picture in pictures(plan()):
        for trace in drawing_of(next(iter(picture.charts.values())))["data"]:
            size = re.match(r"(?:batch size )?([\d,]+)", trace["name"])
            if size and trace["mode"] == "markers" and "symbol" in trace["marker"] and trace["marker"]["symbol"] != "x-thin":
                size = int(size[1].replace(",", ""))
                assert trace["marker"]["color"] == look.colour(size)
                assert trace["marker"]["symbol"] == ("star" if "(yours)" in trace["name"] else look.symbol(size))


def test_many_batch_sizes_stay_apart_by_colour_and_marker_together():
    look = SizeStyle(2**i for i in range(20))
    looks = {(look.colour(2**i), look.symbol(2**i)) for i in range(20)}
    assert len(looks) == 20


def test_every_marker_has_a_shape_in_the_legend():
    crowd = tuple(dataclasses.replace(arms()[0], setting=Setting(batch_size=2**i, learning_rate=0.1)) for i in range(8))
    text = page(plan(arms=crowd))
    assert own(text).count("aria-pressed=\"true\" data-group") >= len(SYMBOLS)


def test_the_present_arm_is_dashed_and_twins_at_one_batch_size_differ():
    twin = dataclasses.replace(arms()[0], present=False, setting=dataclasses.replace(PRESENT, learning_rate=0.01))
    third = dataclasses.replace(twin, setting=dataclasses.replace(PRESENT, learning_rate=0.02))
    keys = arm_keys(plan(arms=(arms()[0], twin, third), curves=()))
    assert [keys[arm.setting].dash for arm in (arms()[0], twin, third)] == ["dash", "solid", "dot"]
    assert [keys[arm.setting].symbol for arm in (arms()[0], twin, third)] == ["star", SYMBOLS[0], SYMBOLS[0] + "-open"]


def test_the_recommended_arm_has_the_plain_look_among_its_twins():
    twin = dataclasses.replace(arms()[3], setting=dataclasses.replace(SETTINGS[3], learning_rate=1e-5))
    keys = arm_keys(plan(arms=(twin, arms()[3])))
    assert [keys[arm.setting].dash for arm in (twin, arms()[3])] == ["dot", "solid"]


def test_words_between_backticks_are_code_and_markup_stays_text():
    text = html_for(plan(headline=f"call `fit` and `{EVIL}`"))
    assert "call <code>fit</code> and <code>&lt;script&gt;" in text
    assert EVIL not in text


def test_the_notebook_table_shows_the_answer_without_a_script():
    made = plan()
    text = made._repr_html_()
    assert text == html_for(made)
    assert made.headline in said(text)
    assert "<script" not in text
    assert [value for value in ("256", "0.00562", "33", "2,048") if f">{value}</td>" not in text] == []


def test_a_diverged_arm_is_listed_though_it_has_no_line(whole):
    assert f"<span>{DIVERGED.batch_size}" in whole
    assert "<span>diverged</span>" in re.sub(r"</?abbr[^>]*>", "", whole)


def test_every_cell_of_a_table_names_its_column_for_a_narrow_page(whole):
    tables = re.findall(r"<table(?: class=numbers)?.*?</table>", own(whole), flags=re.DOTALL)
    scrolling = [table for table in tables if "data-label" in table]
    assert len(scrolling) >= 5
    for table in scrolling:
        heads = [html.unescape(re.sub(r"<[^>]+>", "", head)).strip().capitalize()
                 for head in re.findall(r"<th scope=\"?col\"?>(.*?)</th>", table, flags=re.DOTALL)]
        for row in re.findall(r"<tr(?: class=recommended)?>(.*?)</tr>", table.split("<tbody>")[1], flags=re.DOTALL):
            assert [html.unescape(label) for label in re.findall(r'data-label="([^"]*)"', row)] == heads
