"""No finished plan contradicts itself, whatever was measured; and the check of that sees every contradiction planted in a plan."""

import functools
import re
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from cli.command import run
from report.race_plans import raced
from rules import agreement_words
from rules.agreement import CHECKS, disagreements
from rules.drawn_evidence import drawn
from rules.worlds import MARGIN, PRESENT, Truth, at, evidence

import epochal as ep
from epochal.base.errors import MeasurementFailed
from epochal.records import Choice, Outcome, PassTime, Plan, Reading, Verdict
from epochal.rules.plan.decide import decide

N_DRAWN = 200


@functools.cache
def answer(seed):
    """The plan of a seed, or the sentence in which it is refused, and what contradicts itself in it."""
    known, goal, _ = drawn(seed)
    try:
        plan = decide(known, goal=goal)
    except MeasurementFailed as error:
        return str(error), []
    return plan, disagreements(plan)


@pytest.mark.parametrize("seed", range(N_DRAWN))
def test_a_plan_of_drawn_evidence_does_not_contradict_itself(seed):
    plan, found = answer(seed)
    assert found == []
    if isinstance(plan, str):
        _is_refused_rightly(drawn(seed).evidence, plan)


def _is_refused_rightly(known, sentence):
    assert re.fullmatch(r"Cannot recommend\b[^.]+\. [A-Z].+\.", sentence)
    if "every setting diverged" in sentence:
        compared = (*known.allowed().of("present"), *known.allowed().of("confirm"), *known.allowed().runs)
        ended = {one.setting: [other.outcome for other in compared if other.setting == one.setting] for one in compared}
        assert all(set(outcomes) != {Outcome.OK} for outcomes in ended.values())
    else:
        assert "the time of a training step was not measured" in sentence
        assert known.get("throughput") is None


def test_the_plans_that_are_drawn_are_of_every_kind():
    plans: list[Any] = [plan for plan, _ in map(answer, range(N_DRAWN)) if isinstance(plan, Plan)]
    assert 0 < N_DRAWN - len(plans) < 20
    verdicts = Counter(arm.verdict for plan in plans for arm in plan.arms)
    assert set(verdicts) == {*Verdict} - {Verdict.EQUIVALENT}
    kinds = {
        "changes": [agreement_words.changes(plan) for plan in plans],
        "a race with a lead": [bool(plan.leads) for plan in plans],
        "a race of several levels": [len(plan.leads) > 2 for plan in plans],
        "a race without": [bool(plan.arms) and not plan.whole and not plan.leads for plan in plans],
        "nothing was trained": [not plan.arms for plan in plans],
        "few seeds": [any(arm.n_seeds == 2 for arm in plan.arms) for plan in plans],
        "many seeds": [any(arm.n_seeds == 8 for arm in plan.arms) for plan in plans],
        "folds": [len({curve.fold for curve in plan.evidence.curves}) > 1 for plan in plans],
        "test rows beside each other": ["over seeds" in plan.on_test for plan in plans],
        "a metric decides": [plan.evidence.task.decides != "loss" for plan in plans],
        "until": [plan.evidence.until is not None for plan in plans],
        "until, reached": ["with every seed" in plan.headline and not plan.headline.startswith("No setting") for plan in plans],
        "within a time": ["without that limit" in plan.epochs.because for plan in plans],
        "switches": [plan.switches is not None for plan in plans],
        "back ends": [bool(plan.back_end) for plan in plans],
        "the default": [not plan.evidence.said for plan in plans],
        "trained before": [plan.evidence.task.trained_before for plan in plans],
        "a schedule": [plan.evidence.present.schedule != "constant" for plan in plans],
        "nothing was learnt": ["othing was learnt" in plan.headline for plan in plans],
        "no clock": [plan.evidence.get("throughput") is None for plan in plans],
    } | {f"fixed {name}": [name in plan.evidence.fixed for plan in plans] for name in ("batch_size", "learning_rate", "epochs")}
    kinds |= {goal: [plan.goal == goal for plan in plans] for goal in ("fastest", "best", "frugal", "smallest")}
    assert {name: sum(of) for name, of in kinds.items() if sum(of) < 2} == {}


# a plan that agrees with itself, and one thing broken


@functools.cache
def good():
    """A plan with everything that may be said: another setting is faster, one is worse, one undecided, and test rows were read."""
    truths = {PRESENT: Truth(private=MARGIN / 9), at(8): Truth(steps=1200, private=MARGIN / 9),
              at(128): Truth(steps=300, private=MARGIN / 9), at(128, 3e-3): Truth(steps=200, private=5 * MARGIN),
              at(512): Truth(steps=200, excess=9 * MARGIN, private=MARGIN / 9), at(1600): Truth(diverges=True)}
    passes = tuple(PassTime(batch_size=b, seconds_a_pass=2e-2, low=1e-2, high=3e-2) for b in (32, 512))
    known = evidence(truths, n_epochs=30, trained_to_the_end=False, seed=5,
                     compilation=Reading(name="compilation", value=0.5, unit="s", low=0.4, high=0.6, repeats=3),
                     validation=Reading(name="validation", value=2e-2, unit="s", low=1e-2, high=3e-2, repeats=3, points=passes))
    curves = tuple(replace(curve, test_loss=tuple(loss - 0.005 * (curve.setting == at(128)) for loss in curve.validation_loss))
                   for curve in known.curves)
    assert known.task is not None
    return decide(replace(known, curves=curves, task=replace(known.task, n_test=200)))


def with_arm(plan, setting, **changed):
    """The plan with one arm changed."""
    return replace(plan, arms=tuple(replace(arm, **changed) if arm.setting == setting else arm for arm in plan.arms))


def said(plan, field, old, new):
    """The plan with one text changed, which must hold what is replaced."""
    text = getattr(plan, field)
    changed = re.sub(old, new, text, count=1)
    assert changed != text, (field, text)
    return replace(plan, **{field: changed})


def chosen(plan, name, **changed):
    """The plan with one choice changed."""
    return replace(plan, **{name: replace(getattr(plan, name), **changed)})


def test_plans_that_agree_with_themselves_are_left_alone():
    plan = good()
    assert (plan.batch_size.value, plan.learning_rate.value) == (128, 1e-3)
    assert {arm.verdict.value for arm in plan.arms} == {"the reference", "not worse", "worse", "undecided", "diverged"}
    assert "times sooner" in plan.headline
    assert "still improved" in plan.epochs.because
    assert disagreements(plan) == []
    assert disagreements(raced()) == []


NAME = r"batch size 128, learning rate 0\.001"
NONE = "none of 3 other settings was shown"
BROKEN = [
    ("a", lambda p: said(p, "headline", NAME, "batch size 512, learning rate 0.001"), "says to use 512 at 0.001"),
    ("a", lambda p: said(p, "headline", f"Use {NAME}", "Keep yours (32 at 0.001)"), "keeps the present setting"),
    ("a", lambda p: said(p, "headline", "^", "Keep yours. "), "keeps the present setting"),
    ("a", lambda p: replace(p, headline="Nothing was learnt."), "says of it nothing"),
    ("b", lambda p: chosen(p, "batch_size", low=129), "its range 129"),
    ("b", lambda p: chosen(p, "epochs", high=1), "to 1"),
    ("b", lambda p: replace(p, evidence=replace(p.evidence, fixed=("batch_size",))), "fixed at 32"),
    ("b", lambda p: chosen(p, "batch_size", high=512), "the range of the batch size holds that of batch size 512"),
    ("b", lambda p: with_arm(chosen(p, "learning_rate", high=0.004), at(128, 3e-3), verdict=Verdict.WORSE), "of the learning"),
    ("c", lambda p: with_arm(p, at(512), verdict=Verdict.NOT_WORSE), "is called not worse"),
    ("c", lambda p: with_arm(p, at(8), verdict=Verdict.REFERENCE), "2 reference settings"),
    ("c", lambda p: with_arm(p, at(8), difference=1.0), "is not within"),
    ("c", lambda p: with_arm(p, at(128), low=0.1, difference=0.2, high=0.3, verdict=Verdict.WORSE), "and called worse"),
    ("c", lambda p: replace(p, margin=1e-9), "says undecided"),
    ("c", lambda p: said(p, "headline", "no worse than", "shown better than"), "shown better than"),
    ("c", lambda p: said(p, "headline", "$", " Or batch size 512, learning rate 0.001."), "which is called worse"),
    ("d", lambda p: with_arm(p, at(8), quality=0.3), "+0.099 apart"),
    ("e", lambda p: with_arm(p, at(128), steps=None, seconds=None), "reach the target, and it is said"),
    ("e", lambda p: said(p, "headline", r"[\d.]+ times sooner", "7 times sooner"), "7 times sooner"),
    ("e", lambda p: with_arm(p, at(128), seconds=9.0, seconds_low=8.0, seconds_high=10.0), "headline says sooner"),
    ("e", lambda p: chosen(p, "batch_size", details=re.sub(r"this one [\d.]+", "this one 9", p.batch_size.details)), "this one 9"),
    ("f", lambda p: said(p, "headline", r"takes [\d.]+ s", "takes 9 s"), "takes 9 s"),
    ("f", lambda p: replace(p, seconds=replace(p.seconds, training=p.seconds.compilation)), "and the table"),
    ("h", lambda p: with_arm(replace(p, binding="quality: every larger batch was shown worse"), at(512),
                             verdict=Verdict.UNDECIDED), "some are undecided"),
    ("h", lambda p: with_arm(replace(p, binding="quality: no larger batch was shown to be no worse"), at(512),
                             verdict=Verdict.NOT_WORSE), "was shown to be no worse"),
    ("h", lambda p: with_arm(with_arm(p, at(512), verdict=Verdict.UNDECIDED), at(1600), verdict=Verdict.UNDECIDED),
     "no larger one was shown worse"),
    ("h", lambda p: replace(p, binding="learning: a larger batch saves no updates here"), "every larger batch"),
    ("h", lambda p: replace(p, binding="memory: there is room for at most 77 examples"), "reading of memory"),
    ("h", lambda p: replace(p, binding="rows: one batch holds all 1,600 training rows"), "said to hold all 1,600"),
    ("i", lambda p: replace(p, unresolved=("batch size 512, learning rate 0.001 may be better",)), "was shown worse"),
    ("i", lambda p: replace(p, unresolved=("batch size 128, learning rate 0.001 may be better",)), "is chosen"),
    ("i", lambda p: replace(p, unresolved=("batch size 8, 512: not compared, for lack of time",)), "is among the arms"),
    ("j", lambda p: chosen(p, "epochs", because="EarlyStopping stops by epoch 30"), "which is not said"),
    ("j", lambda p: chosen(p, "epochs", because=re.sub(r"\d+ of", "99 of", p.epochs.because)), "99 of"),
    ("j", lambda p: chosen(p, "epochs", value=2, low=1), "2 are allowed"),
    ("k", lambda p: with_arm(p, at(128), n_seeds=7), "draws 8 trainings"),
    ("l", lambda p: replace(p, arms=[*p.arms]), "another plan"),
    ("m", lambda p: said(p, "on_test", r"^loss [\d.]+", "loss 9.1"), "said to be 9.1"),
    ("m", lambda p: said(p, "on_test", r"difference \S+,", "difference +9,"), "on the test rows"),
    ("m", lambda p: replace(p, on_test=""), "nothing is said"),
    ("m", lambda p: replace(p, evidence=worse_on_test(p.evidence)), "neither the headline"),
    ("m", lambda p: said(p, "headline", "$", " On the test rows its loss is worse."), "worse on the test rows, and the difference"),
    ("n", lambda p: replace(p, evidence=replace(p.evidence, said=False)), "'yours' in the headline"),
    ("n", lambda p: said(p, "headline", "yours", "the default"), "'the default' in the headline"),
    ("o", lambda p: replace(p, binding="rows: inf"), "'inf' in 'Why not larger'"),
    ("o", lambda p: replace(p, on_test="loss nan"), "'nan' in 'On the test rows'"),
    ("o", lambda p: replace(p, unresolved=("None",)), "'None' in 'Undecided'"),
    ("p", lambda p: chosen(p, "batch_size", because=re.sub(r"difference \S+,", "difference +9,", p.batch_size.because)), "+9"),
    ("p", lambda p: chosen(p, "batch_size", because=re.sub(r"margin [\d.]+", "margin 9", p.batch_size.because)), "margin 9"),
    ("p", lambda p: chosen(p, "batch_size", details=re.sub(r"over \d+ seeds", "over 3 seeds", p.batch_size.details)), "8 seeds"),
    ("p", lambda p: chosen(p, "learning_rate", because="the best of 7 rates tried at batch size 128"), "2 were tried"),
    ("p", lambda p: replace(p, binding="learning: beyond about 7 examples, the critical batch size"), "critical batch size is"),
    ("p", lambda p: chosen(p, "batch_size", because="the only setting that did not diverge"), "did not diverge"),
    ("p", lambda p: said(p, "headline", r"no worse than yours", "no worse than yours, and needs 3 KiB for an update beside 2 KiB"),
     "no less memory"),
    ("q", lambda p: replace(p, headline="no other setting was shown to be there sooner", unresolved=()), "arrives and takes"),
    ("q", lambda p: with_arm(replace(p, headline=f"Keep yours: {NONE} better"), at(8), low=-0.2, high=-0.1),
     "differs by -0.2 to -0.1"),
    ("q", lambda p: replace(p, headline=f"{NONE} to be as good and faster", unresolved=()), "is not worse and takes"),
    ("q", lambda p: replace(p, headline="no worse than yours, and needs the least memory", unresolved=()), "has the smaller batch"),
]


def worse_on_test(known):
    """The evidence where the larger batches are worse on the test rows."""
    return replace(known, curves=tuple(replace(curve, test_loss=tuple(loss + 0.1 * (curve.setting.batch_size > 32)
                                                                      for loss in curve.test_loss)) for curve in known.curves))


@pytest.mark.parametrize(("letter", "broken", "words"), BROKEN, ids=[f"{letter}{n}" for n, (letter, *_) in enumerate(BROKEN)])
def test_one_thing_that_is_broken_is_named(letter, broken, words):
    found = list(CHECKS[letter](broken(good())))
    assert any(words in sentence for sentence in found), found


RACE = [
    ("c", lambda p: replace(p, arms=tuple(replace(arm, verdict=Verdict.NOT_WORSE) if arm.verdict is Verdict.BETTER else arm
                                          for arm in p.arms)), "says better"),
    ("d", lambda p: replace(p, arms=tuple(replace(arm, quality=0.0) if arm.n_seeds > 1 and not arm.present else arm
                                          for arm in p.arms)), "apart, and the difference"),
    ("e", lambda p: said(p, "headline", r"after [\d.]+ m?s of", "after 9 s of"), "after 9 s of training"),
    ("e", lambda p: said(p, "headline", r"\) after [\d.]+ s,", ") after 9 s,"), "9 s of the present setting"),
    ("h", lambda p: replace(p, binding="not identified; at batch size 128 this machine gets through 3 times as many rows"),
     "size 128"),
    ("p", lambda p: said(p, "headline", r"[\d.]+ times sooner", "9 times sooner"), "the last lead is"),
    ("p", lambda p: replace(p, leads=(*p.leads[:-1], replace(p.leads[-1], difference=0.0))), "is no arm's difference"),
    ("q", lambda p: replace(p, headline="Keep yours: no setting trains faster (2 tried)."), "times sooner"),
]


@pytest.mark.parametrize(("letter", "broken", "words"), RACE, ids=[f"{letter}{n}" for n, (letter, *_) in enumerate(RACE)])
def test_one_thing_that_is_broken_in_a_race_is_named(letter, broken, words):
    found = list(CHECKS[letter](broken(raced())))
    assert any(words in sentence for sentence in found), found


@pytest.mark.parametrize(("old", "new"), [
    ("batch_size=128", "batch_size=64"), (r"epochs=\d+", "epochs=9"), (r"patience=\d+", "patience=99"),
    ("rate = 0.001", "rate = 0.1"), ("predict.x_val, batch_size=512", "predict(x_val, batch_size=8"),
    ("model.fit", "model.fit_all"), (r"\)\n", "\n"), ("import keras", "import keras\nmodel.jit_compile = True"),
    (r"model.optimizer.learning_rate", "model.rate")])
def test_code_that_is_not_the_plan_is_named(old, new, monkeypatch):
    code = good().code()
    changed = re.sub(old, new, code, count=1)
    assert changed != code
    monkeypatch.setattr(Plan, "code", lambda self: changed)
    assert list(CHECKS["g"](good()))


@pytest.mark.parametrize(("changed", "words"), [
    (lambda p: with_arm(p, at(128), epochs=3.0), "best epoch of 128 at 0.001"),
    (lambda p: chosen(p, "epochs", value=7), "epochs=7"),
    (lambda p: chosen(p, "learning_rate", value=0.002), "recommended 0.002"),
    (lambda p: chosen(p, "batch_size", value=64), "recommended 64"),
    (lambda p: with_arm(p, at(128), steps=9.0), "9 updates of batch size 128"),
    (lambda p: replace(p, ceilings=p.ceilings[1:]), "the picture has the bounds"),
    (lambda p: with_arm(p, at(128), steps=None), "not in the picture of updates"),
    (lambda p: replace(p, evidence=replace(p.evidence, curves=tuple(
        replace(curve, half_a=tuple(loss + 1 for loss in curve.half_a)) for curve in p.evidence.curves))), "not the middle")])
def test_pictures_of_another_plan_are_named(changed, words, monkeypatch):
    other = agreement_words.drawn(changed(good()))
    monkeypatch.setattr(agreement_words, "pictures", lambda plan: tuple(other.values()))
    assert any(words in sentence for sentence in CHECKS["k"](good())), list(CHECKS["k"](good()))


@pytest.mark.parametrize(("rows", "changed", "words"), [
    ("arm_rows", lambda p: with_arm(p, at(128), quality=0.5), "val. loss 0.5"),
    ("arm_rows", lambda p: with_arm(p, at(128), difference=0.5), "the difference +0.5"),
    ("arm_rows", lambda p: with_arm(p, at(128), verdict=Verdict.WORSE), "the verdict 'worse'"),
    ("arm_rows", lambda p: with_arm(p, at(128), seconds=9.0), "'9 s' to the target"),
    ("arm_rows", lambda p: with_arm(p, at(128), present=True), "the present one"),
    ("rows", lambda p: chosen(p, "epochs", value=9), "epochs 9"),
    ("detail_rows", lambda p: chosen(p, "epochs", low=0, high=9), "epochs 0 to 9")])
def test_tables_of_another_plan_are_named(rows, changed, words, monkeypatch):
    other = list(getattr(changed(good()), rows)())
    monkeypatch.setattr(Plan, rows, lambda self: iter(other))
    assert any(words in sentence for sentence in CHECKS["l"](good())), list(CHECKS["l"](good()))


def test_a_lower_loss_that_is_said_to_reach_nothing_is_named(monkeypatch):
    plan = with_arm(good(), at(128, 3e-3), quality=0.1)
    rows = [[cell.replace("some runs never", "not reached") for cell in row] for row in plan.arm_rows()]
    assert not any("said to be not reached" in sentence for sentence in CHECKS["e"](plan))
    monkeypatch.setattr(Plan, "arm_rows", lambda self: iter(rows))
    assert any("said to be not reached" in sentence for sentence in CHECKS["e"](plan))


def test_a_file_that_cannot_be_read_back_is_named():
    plan = chosen(good(), "batch_size", value=0, low=0)
    assert any("cannot be read back" in sentence for sentence in CHECKS["l"](plan))
    assert isinstance(plan.batch_size, Choice)


# real ones

@pytest.mark.second
@pytest.mark.parametrize(("table", "words"), [
    ("wine", ()), ("digits", ()), ("wine", ("--epochs", "20", "--goal", "best")), ("digits", ("--max-time", "2s"))])
def test_a_plan_of_real_rows_does_not_contradict_itself(table, words, tmp_path):
    process = run("plan", table, "--budget", "10s", "--out", tmp_path, *words, folder=tmp_path)
    assert process.returncode == 0, process.stderr
    plan = ep.load(tmp_path / "plan.json")
    assert isinstance(plan, Plan)
    assert disagreements(plan) == []
    assert plan.headline in " ".join(process.stdout.split())
