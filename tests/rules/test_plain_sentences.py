"""Every sentence that a study can say, in one list for a person to read, and none in words that only this project uses.

`pytest -s -k one_list tests/rules/test_plain_sentences.py` prints the list.
"""

import ast
import math
import pathlib
import re

import numpy as np
import pytest
from rules.study_runs import confirmed, design, trained

from epochal.experiments.conclude import conclude
from epochal.records import Machine, Outcome, Reading, StepTime, TunedRate
from epochal.rules.study.contrasts import contrasts

SOURCE = pathlib.Path(__file__).parents[2] / "src" / "epochal"
BANNED = (
    "What binds", "shown to bind", "do not tell the limits apart", "Not resolvable", "not resolvable", "would tell",
    "it equals yours", "compiling and judging", "stands untested", "can neither be told from", "nor shown equivalent",
    "were it as it looks", "by the spread of the clock", "no file of ours", "does not believe", "of a world with", "settled every")
LUCK = np.random.default_rng(5).normal(size=8)


def rate(size, budget="epochs", interior=True):
    return TunedRate(budget=budget, batch_size=size, value=1e-3, vertex=None, low=1e-3, high=1e-3, interior=interior, n_rates=5,
                     n_trials=15)


def study_sentences():
    """One sentence of each kind, by what happened."""
    machine, found = Machine(backend="jax", device="cpu", n_cores=2, memory_bytes=None), {}
    alone = np.random.default_rng(6).normal(size=8)
    alone = (alone - alone.mean()) / alone.std(ddof=1)  # so that a shift is the difference, and the noise its spread

    def say(what, shift, noise, *, budget="epochs", sizes=(32, 1024), margin=0.01, interior=True, n_seeds=8, n_epochs=4,
            tutorial=False, readings=(), no_rate=(), **options):
        luck = LUCK[:n_seeds]
        losses = {size: (1 + luck + (shift + noise * alone[:n_seeds]) * (size != 32)).tolist() for size in sizes}
        curves = options.pop("curves", None) or confirmed(losses, n_epochs=n_epochs)
        of = design(batch_sizes=sizes, equal=(budget,), tutorial=tutorial)
        rates = [rate(size, budget, interior) for size in sizes if size not in no_rate]
        record = trained(of, curves, rates, {(budget, size): 4 for size in sizes}, margin, **options)
        compared = conclude(record, machine, readings).contrasts if readings else contrasts(record)
        found.update({f"{what}, batch size {c.setting.batch_size}, {c.budget}": c.sentence for c in compared if c.sentence})

    say("equivalent", 0.0, 0.001)
    say("equivalent, though different beyond chance", 0.002, 0.0001)
    say("equivalent by the tests alone", 0.0, 0.0136)
    say("better", -0.1, 0.01)
    say("worse", 0.1, 0.01, budget="steps")
    say("worse, perhaps by less than the margin", 0.02, 0.017)
    say("undecided, more seeds would do", 0.05, 0.1)
    say("undecided, no number of seeds would do", 0.0099, 0.3)
    say("undecided, alone it would be shown", 0.012, 0.0113, sizes=(32, 64, 128, 256, 1024))
    say("the rate may not be the best", 0.1, 0.01, interior=False)
    say("the tutorial's protocol", 0.1, 0.01, tutorial=True)
    say("one pair of trainings", 0.1, 0.01, n_seeds=1)
    say("diverged with fresh seeds", 0.0, 0.0, curves=confirmed({32: (1 + LUCK).tolist(), 1024: [1.0, math.inf]}))
    say("the reference diverged", 0.0, 0.0, curves=confirmed({1024: (1 + LUCK).tolist(), 32: [1.0, math.inf]}))
    say("every rate diverged", 0.0, 0.001, no_rate=(1024,))
    say("no memory", 0.0, 0.001, curves=confirmed({32: (1 + LUCK).tolist()}), no_memory=(1024,))
    noisy = Reading(name="step_time", value=1e-3, unit="s", repeats=3,
                    points=(StepTime(batch_size=32, seconds=1e-3, low=9e-4, high=2e-3),
                            StepTime(batch_size=1024, seconds=9e-3, low=5e-3, high=2e-2)))
    say("timing noise", 0.1, 0.01, budget="time", readings=(noisy,))
    say("whole epochs are too long", 0.1, 0.01, budget="steps", sizes=(32, 1024), readings=(noisy,))
    gone = Reading(name="engine/1024", outcome=Outcome.OUT_OF_MEMORY)
    say("no memory, as the engine found", 0.0, 0.001, curves=confirmed({32: (1 + LUCK).tolist()}), readings=(gone,))
    return found


def test_the_sentences_of_a_study_in_one_list_are_plain():
    found = study_sentences()
    print("\n".join(["", *(f"{what}:\n    {sentence}" for what, sentence in found.items())]))
    assert len({re.sub(r"[\d.,]+", "#", sentence) for sentence in found.values()}) >= 14
    for sentence in found.values():
        assert sentence.startswith("Batch size ")
        assert sentence.endswith(".")
        assert "nan" not in sentence
        assert "None" not in sentence


@pytest.mark.parametrize("path", [path.relative_to(SOURCE) for path in sorted(SOURCE.rglob("*.py"))], ids=str)
def test_no_sentence_uses_words_that_only_this_project_knows(path):
    """String constants that are no docstrings: what a user can meet."""
    tree = ast.parse((SOURCE / path).read_text(encoding="utf-8"))
    documents = {id(node.body[0].value) for node in ast.walk(tree) if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
                 and node.body and isinstance(node.body[0], ast.Expr)}
    words = [node.value for node in ast.walk(tree)
             if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documents]
    assert [(phrase, said) for said in words for phrase in BANNED if phrase in said] == []


def test_no_page_uses_words_that_only_this_project_knows():
    pages = sorted((SOURCE / "report" / "templates").glob("*.html"))
    assert pages
    assert [(page.name, phrase) for page in pages for phrase in BANNED if phrase in page.read_text(encoding="utf-8")] == []
