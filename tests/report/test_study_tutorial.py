"""What the tutorial's protocol says is printed as the tutorial prints it, and why it differs is said with what was measured."""

from dataclasses import replace

import pytest
from report.made_studies import made
from rich.console import Console

from epochal.base import seeds
from epochal.cli.study import _print
from epochal.records import Verdict
from epochal.report.study.tutorial import fair_rows, sentences_of, tutorial_lines, tutorial_rows, what_changed, why_they_differ


def test_the_lines_are_those_of_the_first_fresh_seed():
    study = made()
    first = seeds.integer(0, "confirm", 0)
    best = [min(c.validation_loss[:10]) for size in (32, 256, 1024) for c in study.curves
            if (c.stage, c.seed, c.setting.batch_size, c.setting.learning_rate) == ("confirm", first, size, 1e-3)]
    assert list(tutorial_lines(study)) == [
        f"batch_size={size:4d}  time={seconds:.1f}s  best_val_loss={value:.4f}"
        for size, seconds, value in zip((32, 256, 1024), (0.3, 0.0, 0.0), best, strict=True)]


def test_without_a_measured_step_the_lines_say_so_and_a_diverged_run_is_nan():
    lines = list(tutorial_lines(made(timed=False, bursts=bursts_large)))
    assert all("time=not measured" in line for line in lines)
    assert ["nan" in line for line in lines] == [False, False, True]


def test_every_seed_is_in_the_second_table():
    study = made()
    heading, *rows = tutorial_rows(study)
    assert heading[1] == "best val. loss"
    for row, contrast in zip(rows, study.of("tutorial"), strict=True):
        low, high = (float(word) for word in row[2].split(" to "))
        assert low <= contrast.quality <= high
        assert row[-1] == contrast.verdict.value


def test_the_fair_table_leaves_the_tutorial_out():
    _, *rows = fair_rows(made())
    assert [row[0] for row in rows] == ["epochs"] * 3 + ["steps"] * 3


def test_the_reasons_carry_the_numbers_that_were_measured():
    study = made()
    said = dict(why_they_differ(study))
    assert list(said) == ["One learning rate for all", "Fewer updates", "The luckiest epoch", "One seed"]
    assert "320 at 32, 40 at 256 and 10 at 1,024" in said["Fewer updates"]
    for contrast in study.of("tutorial"):
        assert f"{contrast.selection_bias:.3g} at {contrast.setting.batch_size:,}" in said["The luckiest epoch"]
    for rate in study.rates[:3]:
        assert f"{rate.value:.3g} at {rate.batch_size:,}" in said["One learning rate for all"]


def test_a_reason_that_nothing_was_measured_for_is_not_given():
    bare = replace(made(), rates=(), contrasts=tuple(replace(c, selection_bias=None, n_updates=7) for c in made().of("tutorial")))
    assert [name for name, _ in why_they_differ(bare)] == ["One seed"]
    assert list(why_they_differ(made(tutorial=False))) == []


def test_one_sentence_says_what_changes_of_the_batch_size_with_the_largest_difference():
    sentence = what_changed(made())
    assert sentence.startswith("What changes: compared as tutorials do, batch size 1,024 is worse than 32 by ")
    epochs, steps = (c for c in made().contrasts if c.setting.batch_size == 1024 and c.budget != "tutorial")
    assert sentence.endswith(f"it is worse at equal epochs ({epochs.difference:+.2g}) and {steps.verdict.value} at equal steps "
                             f"({steps.difference:+.2g}).")


def test_what_is_said_of_two_budgets_alike_is_said_once():
    alike = tuple(replace(c, verdict=Verdict.EQUIVALENT, difference=0.1) if c.budget != "tutorial" else c for c in made().contrasts)
    assert what_changed(replace(made(), contrasts=alike)).endswith(
        "it is equivalent at equal epochs (+0.1) and equal steps (+0.1).")


@pytest.mark.parametrize("verdict", [Verdict.EQUIVALENT, Verdict.UNDECIDED, Verdict.DIVERGED])
def test_where_the_tutorial_finds_no_difference_nothing_changes(verdict):
    same = tuple(replace(c, verdict=verdict) if c.budget == "tutorial" else c for c in made().contrasts)
    assert what_changed(replace(made(), contrasts=same)) == ""
    assert what_changed(made(tutorial=False)) == ""


def test_an_arm_that_diverges_when_compared_fairly_is_said_to_have_no_difference():
    lost = tuple(replace(c, verdict=Verdict.DIVERGED, difference=None) if (c.budget, c.setting.batch_size) == ("steps", 1024) else c
                 for c in made().contrasts)
    assert what_changed(replace(made(), contrasts=lost)).endswith("and diverged at equal steps.")


def test_the_terminal_shows_the_tutorial_first_then_the_fair_table_then_what_changes(capsys):
    study = made()
    _print(Console(width=110), study)
    text = capsys.readouterr().out
    told = (*tutorial_lines(study), "Compared fairly", "verdict", *sentences_of(study, tutorial=False), what_changed(study))
    places = [text.index(words) for words in told]
    assert places == sorted(places)
    assert [sentence for sentence in sentences_of(study, tutorial=True) if sentence in text] == []


def test_without_the_tutorial_the_terminal_shows_the_table_and_the_sentences_whole(capsys):
    study = made(tutorial=False)
    _print(Console(width=110), study)
    text = capsys.readouterr().out
    assert "utorial" not in text
    assert [sentence for sentence in study.sentences() if f"· {sentence}\n" not in text] == []


def bursts_large(size, rate):
    return size == 1024
