"""What a user reads: whole English sentences, whatever was measured."""

import dataclasses
import math
import random
import re
from types import SimpleNamespace

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from rules.worlds import MARGIN, PRESENT, Truth, at, clock, evidence
from tiers import cases

from epochal.base.errors import MeasurementFailed
from epochal.base.text import counted
from epochal.records import Outcome, Reading, dump, load
from epochal.rules.plan.context import Context
from epochal.rules.plan.decide import GOALS, decide
from epochal.rules.plan.limits import binding
from epochal.rules.plan.sentences import _to_decide

PLURALS = "batch sizes|seeds|rates|runs|settings|examples|rows|epochs|trials|trainings"
NONSENSE = re.compile(rf"""\bnan\b|\binf\b|infinity|unbounded|\bNone\b|(?<![\d.,])1 ({PLURALS})\b|\b(about|least) 0(?![.\d])"""
                      r"""|(?<!\S)[-−]0(?![.\d])|\.\.|; ;|\(\)|, ?[.)]""")
OUTCOMES = (Outcome.UNKNOWN, Outcome.UNRESOLVED, Outcome.SKIPPED, Outcome.OUT_OF_MEMORY, Outcome.UNSUPPORTED)


def sentences(plan):
    """All text of a plan, line breaks of tables aside."""
    yield from (plan.headline, plan.binding, *plan.unresolved)
    for row in (*plan.rows(), *plan.arm_rows()):
        yield from row
    yield from (reading.note for reading in plan.derived)
    yield from plan.code().splitlines()


def any_reading(draw, name, high, bounds=False):
    """A reading that is missing, failed, or (as far as the probe may) of any value."""
    way = draw.choice(["missing", "failed", "measured", "measured"] + ["bound"] * bounds)
    if way in ("missing", "failed"):
        failed = Reading(name=name, outcome=draw.choice(OUTCOMES), note=draw.choice(["", "the machine was too busy"]))
        return None if way == "missing" else failed
    value, spread = float(round(draw.uniform(1, high))), draw.choice([1, 1.5, 20])
    return Reading(name=name, value=value, unit="examples", low=value / spread, high=math.inf if way == "bound" else value * spread,
                   repeats=5, outcome=Outcome.LOWER_BOUND if way == "bound" else Outcome.OK)


def any_world(seed):
    """Evidence of anything: no sense in it, but of a form that a study may leave."""
    draw = random.Random(seed)

    def truth():
        return Truth(excess=draw.choice([0, draw.uniform(-5, 5) * MARGIN]), steps=10 ** draw.uniform(0, 3.5),
                     private=draw.choice([0.0, MARGIN / 5, 5 * MARGIN]), diverges=draw.random() < 0.15)

    present = draw.choice([PRESENT, PRESENT, at(4096), at(1)])
    sizes = draw.sample([1, 8, 32, 100, 128, 512, 1600, 4096], draw.randint(1, 6))
    rivals = {at(size, draw.choice([1e-4, 1e-3, 1e-2])): truth() for size in sizes}
    clocks = [None, Reading(name="throughput", outcome=draw.choice(OUTCOMES)), clock(draw.choice([1e-4, 1e-2]), 0.0),
              *(clock(draw.choice([0.0, 1e-4, 1e-2]), draw.choice([1e-9, 1e-6, 1e-4]), spread=draw.choice([1.001, 1.1, 50]))
                for _ in range(3))]
    return evidence({present: truth()} | rivals, present=present, seed=seed, n_seeds=draw.randint(1, 5),
                    n_screen=draw.randint(0, 2), shared=draw.choice([0.0, MARGIN]), wobble=draw.choice([0.0, MARGIN]),
                    n_epochs=draw.randint(1, 12), trained_to_the_end=draw.random() < 0.3, n_train=draw.choice([50, 1600]),
                    n_validation=draw.choice([2, 20, 2000]), throughput=draw.choice(clocks),
                    memory=any_reading(draw, "memory", 2000), prediction=any_reading(draw, "prediction", 8192),
                    noise_scale=any_reading(draw, "noise_scale", 1e6, bounds=True))


def decided(known, goal):
    """The plan, or the sentence in which it is refused."""
    try:
        return decide(known, goal=goal), ""
    except MeasurementFailed as error:
        return None, str(error)


@settings(deadline=None, max_examples=cases(25), derandomize=True, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(st.integers(0, 10**6), st.sampled_from(GOALS))
def test_whatever_was_measured_the_answer_is_english_or_a_clear_refusal(seed, goal):
    plan, refusal = decided(any_world(seed), goal)
    if plan is None:
        assert re.fullmatch(r"Cannot recommend\b.+\. .+\.", refusal)
        return
    assert str(plan)
    assert [sentence for sentence in sentences(plan) if NONSENSE.search(sentence)] == []
    for choice in (plan.batch_size, plan.learning_rate, plan.epochs, plan.predict_batch_size):
        assert choice.low <= choice.value <= choice.high
        assert choice.because
        assert math.isfinite(choice.low)
        assert math.isfinite(choice.high)
    assert load(dump(plan)) == plan
    compile(plan.code(), "pasted", "exec")


@pytest.mark.parametrize("bad", ["nan is", "from 1 to inf", "1 batch sizes", "(1 seeds)", "at least 0 examples", "yours (None)",
                                 "-0 to 1", "1 examples fit"])
def test_the_watch_for_nonsense_sees_it(bad):
    assert NONSENSE.search(bad)


@pytest.mark.parametrize("good", ["1 seed", "11 seeds", "0.1 seconds", "2,001 rows", "1 of 8 runs", "at least 0.5", "infinite",
                                  "+0 (+0 to +0)", "1 is", "-0.012"])
def test_the_watch_for_nonsense_leaves_sense_alone(good):
    assert not NONSENSE.search(good)


def test_things_are_counted_as_in_english():
    assert [counted(n, "row") for n in (0, 1, 2, 1600)] == ["0 rows", "1 row", "2 rows", "1,600 rows"]


def test_what_binds_is_memory_data_quality_statistics_or_hardware():
    sizes = {at(b): Truth(steps=250 * (1 + 200 / b)) for b in (8, 32, 128, 512)}
    small = Reading(name="memory", value=200.0, unit="examples", low=200, high=210, repeats=1)
    assert decide(evidence(sizes, memory=small)).binding == "memory: there is room for at most 200 examples"
    assert decide(evidence(sizes, n_train=512)).binding == "rows: one batch holds all 512 training rows"
    worse = {s: t._replace(excess=9 * MARGIN * (s.batch_size > 32)) for s, t in sizes.items()}
    assert decide(evidence(worse)).binding == "quality: every larger batch was shown worse in validation loss"
    assert decide(evidence(sizes)).binding.startswith("learning: beyond about 2")
    assert decide(evidence(sizes, throughput=clock(1e-5, 1e-6))).binding.startswith(
        "machine: beyond about 10 examples")


def test_without_a_fixed_cost_of_a_step_or_any_gain_of_a_batch_that_is_what_binds():
    sizes = {at(b): Truth(steps=250 * (1 + 200 / b)) for b in (8, 32, 128, 512)}
    dear = decide(evidence(sizes, throughput=clock(0.0, 1e-5)))
    assert dear.binding.startswith("machine: a larger batch takes longer in proportion")
    more = {at(b): Truth(steps=600 + 2 * b) for b in (8, 32, 128, 512)}       # a larger batch needs more updates, not fewer
    assert decide(evidence(more)).binding == "learning: a larger batch saves no updates here"


def test_a_limit_that_is_not_known_binds_nothing():
    sizes = {at(b): Truth(steps=250 * (1 + 200 / b)) for b in (8, 32, 128, 512)}
    for unknown in (None, clock(1e-3, 0.0), Reading(name="throughput", outcome=Outcome.UNRESOLVED)):
        assert decide(evidence(sizes, throughput=unknown)).binding.startswith("not known: whether larger")


def test_a_setting_that_would_pay_if_its_quality_were_settled_is_named_with_its_figures():
    truths = {PRESENT: Truth(steps=2400, private=MARGIN), at(128, 3e-3): Truth(steps=100, private=MARGIN)}
    plans = (decide(evidence(truths, seed=seed, n_seeds=4)) for seed in range(9))
    sentence = next(s for plan in plans for s in plan.unresolved if "128" in s)
    assert re.fullmatch(r"batch size 128, learning rate 0\.003 may be as good and cheaper: difference \S+ \(\S+ to \S+\), "
                        r"margin \S+, 4 seeds; about (\S+) times as many trainings and validation rows would decide it "
                        r"\(`--budget` allows more trainings\)", sentence)


@pytest.mark.parametrize(("difference", "low", "high", "times"), [
    (0.0, -0.03, 0.03, 9.0),          # the interval has to become a third, the margin: nine times as many
    (0.01, -0.02, 0.04, 9.0),         # at the margin itself: whether it is worse at all
    (0.005, -0.035, 0.045, 64.0),     # between: the farther of both
])
def test_what_would_decide_grows_with_the_square_of_the_doubt(difference, low, high, times):
    c = SimpleNamespace(margin=0.01)
    said = _to_decide(c, SimpleNamespace(difference=difference, low=low, high=high))
    assert f"about {times:g} times as many trainings and validation rows" in said
    assert ("more than a difference so small is worth" in said) == (times > 20)


def test_of_a_setting_without_two_seeds_in_common_nothing_is_forecast():
    assert _to_decide(SimpleNamespace(margin=0.01), SimpleNamespace(difference=None)) == "more time (`--budget`) would decide"


def test_batch_sizes_that_time_left_out_are_named_unless_their_neighbours_rule_them_out():
    def left_out(steps):
        plan = decide(evidence({at(b): Truth(steps=s) for b, s in steps.items()}))
        return [s.split(":")[0] for s in plan.unresolved if "was left of the budget" in s]

    assert left_out({8: 2000, 32: 600, 128: 400}) == ["batch size 512, 1,600"]
    assert left_out({8: 2000, 32: 600, 128: 400, 512: 300, 1600: 290}) == []
    assert left_out({8: 2000, 32: 600, 128: 4000}) == []           # 128 is far slower, so beyond it nothing is missed
    assert left_out({32: 600, 128: 400, 512: 300, 1600: 290}) == ["batch size 8"]


def test_limits_whose_intervals_overlap_are_not_said_to_bind():
    truths = {at(b): Truth(steps=250 * (1 + 200 / b)) for b in (8, 32, 128, 512)}
    known = decide(evidence(truths))
    vague = dataclasses.replace(known.derived[0], low=0.0, high=10.0**6)
    context = Context(evidence=known.evidence, goal="fastest", arms=known.arms, chosen=known.arms[1], present=known.arms[1],
                      against=known.arms[1], margin=known.margin, target=1.0, critical=vague, optimal=known.derived[1], ratio=None)
    assert binding(context).startswith("not known: whether larger")
    assert not binding(context._replace(critical=known.derived[0])).startswith("not known: whether larger")
