"""The page of a plan that came from a race, or from the machine alone: what was raced, and nothing about what was not."""

import ast
import dataclasses
import html
import re

import pytest
from report.race_plans import (
    FALLS,
    LEVELS,
    PRESENT,
    RIVAL,
    STEPS,
    THIRD,
    evidence,
    machine_alone,
    raced,
    run,
    runs,
)
from report.report_plans import curves, plan

from epochal.base.text import number
from epochal.records import Outcome, dump, load
from epochal.report import code_for, html_for
from epochal.report.page import page
from epochal.report.pictures.chart import Line, Points
from epochal.report.plan.pictures import pictures
from epochal.report.plan.race import loss_by_seconds
from epochal.report.plan.rows import condition_rows
from epochal.rules.plan.decide import decide

TIED = {**FALLS, RIVAL: FALLS[PRESENT]}


def lines(made):
    """`{setting's label: its line}`."""
    (chart,) = loss_by_seconds(made).charts.values()
    return {mark.label: mark for mark in chart.marks if isinstance(mark, Line)}


def points(made):
    (chart,) = loss_by_seconds(made).charts.values()
    return {mark.label: mark for mark in chart.marks if isinstance(mark, Points)}


def said(text):
    """What a person reads, without Plotly's script and what stands behind the terms as hover text."""
    text = re.sub(r"<script>/\*\*\n\* plotly\.js.*?</script>", "", text, flags=re.DOTALL)
    return html.unescape(re.sub(r"</?(abbr|code)[^>]*>", "", text))


# The picture.

def test_a_line_is_the_mean_over_seeds_by_the_seconds_of_its_updates():
    found = lines(raced())
    assert list(found) == ["512 at 0.004", "32 at 0.001 (yours)", "128 at 0.002 (recommended)"]
    assert found["32 at 0.001 (yours)"].x == pytest.approx(LEVELS)
    assert found["32 at 0.001 (yours)"].y == pytest.approx((1.15, 0.95, 0.85))  # four seeds: 0, 0.1, 0.2, 0.3 above
    assert found["128 at 0.002 (recommended)"].x == pytest.approx(LEVELS)
    assert found["128 at 0.002 (recommended)"].y == pytest.approx((0.95, 0.75, 0.65))
    assert (*found["512 at 0.004"].x, *found["512 at 0.004"].y) == pytest.approx((1.024, 1.2))


def test_the_loss_is_that_on_both_halves_of_the_validation_rows():
    alone = run(PRESENT, 0, (1.0,))
    (mark,) = alone.marks
    lopsided = dataclasses.replace(alone, marks=(dataclasses.replace(mark, half_a=(1.0, 2.0), half_b=(3.0, 6.0)),))
    assert lines(decide(evidence([lopsided])))["32 at 0.001 (yours, recommended)"].y == (3.0,)


def test_yours_is_dashed_and_a_star_and_stands_out_with_the_recommended():
    found, markers = lines(raced()), points(raced())
    assert [(line.dash, line.width) for line in found.values()] == [("solid", 1.75), ("dash", 3.0), ("solid", 3.0)]
    assert markers["32 at 0.001 (yours)"].symbol == "star"
    assert "star" not in (markers["512 at 0.004"].symbol, markers["128 at 0.002 (recommended)"].symbol)
    assert len({line.colour for line in found.values()}) == 3


def test_a_marker_says_how_long_how_many_updates_how_low_and_how_many_seeds():
    assert points(raced())["32 at 0.001 (yours)"].words == (
        "1.02 s, 128 updates: 1.15 (4 seeds)", "2.05 s, 256 updates: 0.95 (4 seeds)", "4.1 s, 512 updates: 0.85 (4 seeds)")
    assert points(raced())["512 at 0.004"].words == ("1.02 s, 32 updates: 1.2 (1 seed)",)


def test_the_numbers_behind_it_are_one_row_for_every_look():
    heading, *body = loss_by_seconds(raced()).rows
    assert heading == ("setting", "training", "updates", "seeds", "validation loss")
    assert body[0] == ("32 at 0.001 (yours)", "1.02 s", "128", "4", "1.15")
    assert len(body) == 3 + 3 + 1


def test_where_seeds_came_less_far_a_marker_is_the_mean_of_those_that_came_and_a_sentence_says_so():
    made = decide(evidence([*runs(FALLS, 1), run(PRESENT, 2, (1.0,), stage="fresh")]))
    (mine,) = [line for label, line in lines(made).items() if "yours" in label]
    assert mine.y == pytest.approx((1.1, 0.85, 0.75))  # luck 0, 0.1, 0.2 at first, then 0, 0.1
    assert loss_by_seconds(made).notes == ("Some trainings went further than others; each marker is the mean of those that came "
                                           "so far.",)
    assert loss_by_seconds(raced()).notes == ()


def test_what_diverged_is_told_and_drawn_as_far_as_it_came():
    hot = dataclasses.replace(THIRD, learning_rate=0.5)
    made = decide(evidence([*runs(FALLS), run(hot, 0, (5.0,), outcome=Outcome.DIVERGED),
                            run(dataclasses.replace(hot, learning_rate=0.9), 0, (), outcome=Outcome.DIVERGED)]))
    assert loss_by_seconds(made).notes == ("The training of 512 at 0.5 diverged.", "The training of 512 at 0.9 diverged.")
    assert lines(made)["512 at 0.5"].y == (5.0,)
    assert "512 at 0.9" not in lines(made)


def test_one_seed_of_several_that_diverged_or_found_no_memory_is_told():
    bad = [run(THIRD, seed, (), stage="fresh", outcome=outcome)
           for seed, outcome in ((1, Outcome.DIVERGED), (2, Outcome.OUT_OF_MEMORY))]
    made = decide(evidence([*runs(FALLS), *bad]))
    assert loss_by_seconds(made).notes == ("1 of the 3 trainings of 512 at 0.004 diverged.",
                                           "1 of the 3 trainings of 512 at 0.004 found no memory.")


@pytest.mark.parametrize(("n_levels", "ticks"), [(3, [0, 1, 2]), (7, list(range(7))), (8, [1, 3, 5, 7]), (9, [0, 2, 4, 6, 8])])
def test_the_axis_has_numbers_at_the_levels_seven_at_most_and_the_last_one_always(n_levels, ticks):
    levels = [0.064 * 2**i for i in range(n_levels)]
    marks = tuple(dataclasses.replace(run(PRESENT, 0, (1.0,)).marks[0], n_updates=round(s / STEPS[32])) for s in levels)
    made = decide(evidence([dataclasses.replace(run(PRESENT, 0, (1.0,)), marks=marks)]))
    (chart,) = loss_by_seconds(made).charts.values()
    assert (chart.x.logarithmic, chart.x.unit) == (True, "s")
    assert chart.x.ticks == pytest.approx([levels[i] for i in ticks])


def test_without_a_clock_or_a_look_there_is_a_sentence():
    made = raced()
    timeless = dataclasses.replace(made, evidence=dataclasses.replace(made.evidence, readings=()))
    assert loss_by_seconds(timeless).missing == f"The time of a step is not known: {Outcome.SKIPPED.value}."
    unseen = dataclasses.replace(made, evidence=dataclasses.replace(made.evidence, runs=(run(PRESENT, 0, ()),)))
    assert loss_by_seconds(unseen).missing == "No training came as far as a first look."


# Which pictures there are.

@pytest.mark.parametrize(("make", "names"), [
    (raced, ["ceilings", "race", "step"]), (machine_alone, ["ceilings", "step"]), (plan, ["loss", "rate", "step", "updates"]),
    (lambda: dataclasses.replace(plan(), evidence=dataclasses.replace(raced().evidence, curves=curves())),
     ["loss", "rate", "race", "step", "updates"])], ids=["raced", "machine alone", "trained", "raced, then trained"])
def test_a_page_has_the_pictures_of_what_was_trained_and_no_others(make, names):
    assert [picture.name for picture in pictures(make())] == names


def diverges():
    return decide(evidence([run(PRESENT, 0, (), outcome=Outcome.DIVERGED), run(RIVAL, 0, FALLS[RIVAL])]))


@pytest.mark.parametrize("make", [raced, machine_alone, diverges, lambda: raced(n_fresh=0), lambda: raced({PRESENT: (1.0,)}, 0)],
                         ids=["raced", "machine alone", "yours diverges", "one seed", "yours alone"])
def test_such_a_page_has_no_box_that_says_what_is_missing(make):
    text = page(make())
    assert "Not drawn" not in text
    assert text.count('class="missing"') == 1  # for browsers without scripts
    assert all(picture.charts for picture in pictures(make()))


# The tables and sentences.

def test_the_page_says_all_that_a_race_says():
    made, text = raced(), said(page(raced()))
    assert made.batch_size.value == RIVAL.batch_size
    words = [made.headline, made.binding, *made.unresolved, made.code(), made.how_compared().removesuffix(":")]
    words += [cell for row in (*made.lead_rows(), *made.time_rows(), *made.arm_rows(), *condition_rows(made)) for cell in row]
    assert [sentence for sentence in words if sentence.replace("`", "") not in text] == []
    assert "What one epoch of fit takes" in text
    assert "until its validation loss had turned" not in text


@pytest.mark.parametrize("draw", [page, html_for], ids=["page", "notebook"])
def test_the_leads_are_a_table_with_a_sentence_on_how_to_read_it(draw):
    text = said(draw(raced()))
    assert "128 at 0.002 (recommended) against yours, after equally many seconds" in text
    last = raced().leads[-1]
    assert (last.seconds, last.n_seeds) == (pytest.approx(4.096), 3)
    table = re.sub(r"\s*<[^>]*>\s*", "|", text[text.index("after training for"):])
    for row in raced().lead_rows():
        assert re.search(r"\|+".join(map(re.escape, row)), table), row


@pytest.mark.parametrize("draw", [page, html_for], ids=["page", "notebook"])
@pytest.mark.parametrize("make", [machine_alone, lambda: raced(n_fresh=1), plan], ids=["machine alone", "one seed", "trained"])
def test_without_leads_there_is_no_table_of_them(draw, make):
    assert make().leads == ()
    assert "after equally many seconds" not in draw(make())
    assert "times sooner" not in said(draw(make()))


def test_a_setting_that_is_not_recommended_is_named_over_its_leads():
    made = raced(TIED)
    assert made.batch_size.value == PRESENT.batch_size
    assert "128 at 0.002 against yours" in said(page(made))


def test_leads_of_no_arm_are_those_of_the_one_ahead():
    assert "The one ahead against yours, after" in said(html_for(dataclasses.replace(raced(), arms=())))


def conditions(made):
    return dict(condition_rows(made))


def test_the_seeds_of_a_race_are_those_of_all_and_those_of_two():
    assert conditions(raced())["Seeds"] == "1 for every setting, the same for all; then 3 fresh ones for yours and the one ahead"
    assert conditions(raced(n_fresh=0))["Seeds"] == "1 for every setting, the same for all"
    assert conditions(plan())["Seeds"] == "6 paired trainings an arm"
    assert conditions(machine_alone())["Seeds"] == "no setting was compared"


def test_the_margin_is_left_out_where_nothing_was_compared_by_it():
    gained = 2.3 - (0.7 + 0.2 + 0.1)  # yours at last; the luck of the fresh seeds on average; half a is higher by 0.1
    assert raced().margin == pytest.approx(0.01 * gained)
    assert conditions(raced())["Margin"] == ("0.013 in validation loss: a smaller difference is too small to matter; 1 % of what "
                                             "yours had gained by training")
    assert "fixed before measuring" in conditions(plan())["Margin"]
    assert "Margin" not in conditions(machine_alone())
    assert "Margin" not in conditions(raced(n_fresh=0))


def test_the_line_above_the_arms_names_fresh_seeds_only_where_there_were_some():
    assert raced().how_compared() == (
        "Trained for equal seconds each, the one ahead and yours again with new random seeds; a difference is from yours after "
        "as many seconds, below 0 is better:")
    assert raced(n_fresh=0).how_compared() == (
        "Trained for equal seconds each; a difference is from yours after as many seconds, below 0 is better:")
    assert plan().how_compared() == (
        "Compared with new random seeds, the same for all; a difference is from yours, below 0 is better; "
        f"worse by less than {number(plan().margin)}, the margin (1 % of what training gains over no training), counts as no "
        "worse:")


def test_the_page_of_the_machine_alone_shows_one_epoch_and_no_settings():
    text = said(page(machine_alone()))
    assert next(machine_alone().time_rows())[0] == "one epoch of fit"
    assert "What one epoch of fit takes" in text
    assert "The settings that were compared" not in text
    assert "there was no time to compare trainings" in text


# The lines to paste.

@pytest.mark.parametrize("make", [raced, machine_alone], ids=["raced", "machine alone"])
def test_the_lines_of_a_constant_rate_set_it(make):
    code = code_for(make())
    ast.parse(code)
    assert f"model.optimizer.learning_rate = {make().learning_rate.value:g} " in code
    assert f"batch_size={make().batch_size.value}," in code
    assert f"patience={make().stopping.patience}," in code


def test_a_schedule_is_scaled_where_another_setting_is_recommended_and_else_kept():
    def scheduled(setting):
        return dataclasses.replace(setting, schedule="CosineDecay")

    made = raced({scheduled(setting): losses for setting, losses in FALLS.items()}, present=scheduled(PRESENT))
    kept = machine_alone(present=scheduled(PRESENT))
    for one in (made, kept):
        ast.parse(one.code())
        assert "learning_rate =" not in one.code()
        assert "CosineDecay" in one.code()
    assert "highest rate is 0.002," in made.code()
    assert "steps by 32/128." in made.code()
    assert "Scale" not in kept.code()
    assert "32 at 0.001, CosineDecay (yours)" in lines(made)


@pytest.mark.parametrize("make", [raced, machine_alone, lambda: raced(TIED), lambda: raced(n_fresh=0)],
                         ids=["raced", "machine alone", "tied", "one seed"])
def test_such_a_plan_comes_back_from_its_file(make):
    assert load(dump(make())) == make()


def test_nobody_is_said_to_be_ahead_who_is_behind():
    behind = raced({PRESENT: (1.0, 0.8), RIVAL: (1.2, 1.1)}, 0)
    assert behind.headline.endswith("no setting is ahead so far, with one seed (1 tried).")
    assert "ahead so far, with one seed; a longer" in raced(n_fresh=0).headline
    assert any("may train faster" in sentence for sentence in raced(n_fresh=0).unresolved)
    assert not any("may train faster" in sentence for sentence in behind.unresolved)
