"""Every sentence the rules of a plan can say, in one list for a person to read (`pytest -s`)."""

import itertools
import re
from functools import lru_cache

from rules.test_sentences import any_world, decided
from rules.worlds import MARGIN, PRESENT, Truth, at, clock, evidence
from tiers import cases as cases_to_draw

from epochal.records import Outcome, PassTime, Reading
from epochal.rules.plan.decide import GOALS, decide

LONGEST = 200  # two lines of 100 characters
SIZES = (8, 32, 128, 512, 1600)


def whole_fit():
    """The readings behind a whole `fit`, of the longest words."""
    return {"compilation": Reading(name="compilation", value=12.34, unit="s", low=12.34, high=12.34, repeats=1),
            "validation": Reading(name="validation", value=2e-2, unit="s", low=1e-2, high=3e-2, repeats=3, points=tuple(
                PassTime(batch_size=b, seconds_a_pass=2e-2, low=1e-2, high=3e-2) for b in (32, 512)))}


def cases():
    """`(name, evidence)` of every case that the rules tell apart."""
    falls = {at(b): Truth(steps=250 * (1 + 200 / b), private=MARGIN / 9) for b in SIZES}
    yield "faster", evidence(falls, **whole_fit())
    yield "faster, long numbers", evidence({at(32, 1.234e-5): Truth(steps=900), at(1600, 3.162e-3): Truth(steps=90)},
                                           present=at(32, 1.234e-5), **whole_fit())
    yield "faster, whole fit unknown", evidence(falls)
    yield "nothing better", evidence({PRESENT: Truth(), at(128): Truth(steps=9000)}, **whole_fit())
    yield "yours diverges", evidence({PRESENT: Truth(diverges=True), at(128): Truth()}, **whole_fit())
    yield "nothing to compare", evidence({PRESENT: Truth()})
    yield "another is better", evidence({PRESENT: Truth(excess=9 * MARGIN, private=MARGIN / 9), at(128): Truth(private=MARGIN / 9)},
                                        **whole_fit())
    yield "better by less than the margin", evidence({PRESENT: Truth(excess=MARGIN / 2, private=MARGIN / 99),
                                                      at(128): Truth(private=MARGIN / 99)}, **whole_fit())
    yield "undecided", evidence({PRESENT: Truth(steps=2400, private=MARGIN), at(128): Truth(steps=100, private=MARGIN)}, n_seeds=4)
    yield "larger is worse", evidence({s: t._replace(excess=9 * MARGIN * (s.batch_size > 32)) for s, t in falls.items()})
    yield "memory", evidence(falls, memory=Reading(name="memory", value=200.0, unit="examples", low=200, high=210, repeats=1))
    yield "hardware", evidence(falls, throughput=clock(1e-5, 1e-6))
    yield "no fixed cost", evidence(falls, throughput=clock(0.0, 1e-5))
    yield "no cost of an example", evidence(falls, throughput=clock(1e-3, 0.0))
    yield "a larger batch saves nothing", evidence({at(b): Truth(steps=600 + 2 * b) for b in SIZES[:4]})
    yield "one batch holds all", evidence(falls, n_train=512)
    yield "few validation rows", evidence(falls, n_validation=90)
    for outcome in (Outcome.UNKNOWN, Outcome.UNRESOLVED, Outcome.SKIPPED, Outcome.OUT_OF_MEMORY, Outcome.UNSUPPORTED):
        names = ("memory", "throughput", "noise_scale", "critical_rate", "prediction", "compilation", "validation")
        yield f"not measured: {outcome.name}", evidence(falls, **{n: Reading(name=n, outcome=outcome) for n in names})
    yield "nothing finite", evidence({PRESENT: Truth(diverges=True)})
    yield "missing", evidence(falls, memory=None, throughput=None, prediction=None)
    yield from ((f"any world {seed}", any_world(seed)) for seed in range(cases_to_draw(20)))


@lru_cache
def answers():
    """`(case, plan or None, why there is none)`."""
    return [(name, *decided(known, goal)) for (name, known), goal in itertools.product(cases(), GOALS)]


def said():
    """`{sentence without its numbers: the sentence as it is first said}`."""
    found = {}
    for _, plan, refusal in answers():
        rows = () if plan is None else (*plan.rows(), *plan.time_rows(), *plan.detail_rows())
        whole = [refusal] if plan is None else [plan.headline, *map(": ".join, plan.sentences())]
        for sentence in (*whole, *(text for row in rows for text in row if " " in text)):
            found.setdefault(re.sub(r"[\d,]*\.?\d+(e-\d+)?", "#", sentence), sentence)
    return found


def test_every_sentence_is_printed_for_a_person_to_read():
    found = said()
    print()
    for sentence in sorted(found.values()):
        print(f"  {sentence}")
    together = "\n".join(found.values())
    for words in ("Keep yours (batch size 32, learning rate 0.001): ", "diverges", "no worse than yours",
                  "no other setting could be compared in this time; raise `--budget`",
                  "better than yours", "more validation loss", "times the examples", "the least memory",
                  "a whole `fit` takes",
                  "Why not larger: not known: whether larger", "Why not larger: memory", "Why not larger: rows",
                  "Why not larger: quality",
                  "Why not larger: learning", "Why not larger: machine",
                  "may be as good and cheaper", "estimated fastest batch size",
                  "within 10 % of the best time", "order of magnitude", "Cannot recommend"):
        assert words in together, f"no case says {words!r}"


def test_the_headline_fits_in_two_lines_of_100_characters_in_every_case():
    for name, plan, _ in answers():
        assert plan is None or len(plan.headline) <= LONGEST, (name, plan.headline)


def test_a_whole_fit_is_told_part_by_part_for_both_settings():
    known = dict(cases())["faster"]
    plan = decide(known)
    heading, recommended, yours = plan.time_rows()
    assert heading == ("one full fit", "epochs on average", "training", "validation", "compilation", "total")
    assert (recommended[0], yours[0]) == ("recommended", "yours")
    assert f"a whole `fit` takes {plan.seconds.total}, yours {plan.present_seconds.total}" in plan.headline
    assert plan.seconds.total.value == plan.seconds.training.value + plan.seconds.validation.value + 12.34
