"""When Keras' switches are told: only where they are shown to save more of a training than compiling takes longer."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
from rules.worlds import Truth, at, evidence

from epochal.base.errors import UsageError
from epochal.records import Evidence, Outcome, Reading, SwitchTime, dump, load
from epochal.records.clock import FitSeconds, Seconds
from epochal.report.plan.code import code_for
from epochal.rules.plan.decide import decide
from epochal.rules.plan.faster import faster_fit

NOW = SwitchTime(batch_size=32, steps_per_execution=1, jit_compile=False, seconds=1e-3, sooner=1.0, low=1.0, high=1.0,
                 compile_seconds=2.0)


def fit(training):
    seconds = Seconds(value=training, low=training, high=training)
    return FitSeconds(n_epochs=3, training=seconds, validation=None, compilation=None, first_epoch=seconds)


def found(*others, batch_size=32, training=60.0, n_train=1000, **changes):
    reading = Reading(name="switches", value=2.0, low=1.5, high=2.5, repeats=5, points=(NOW, *others), **changes)
    evidence = SimpleNamespace(get=Evidence(readings=(reading,)).get, task=SimpleNamespace(n_train=n_train))
    return faster_fit(evidence, batch_size, fit(training))


def way(seconds, *, steps=16, jit=False, compilation=2.0):
    return replace(NOW, steps_per_execution=steps, jit_compile=jit, seconds=seconds, sooner=1e-3 / seconds,
                   low=0.9e-3 / seconds, high=1.2e-3 / seconds, compile_seconds=compilation)


def test_what_it_saves_is_told_in_seconds():
    told = found(way(0.5e-3))
    assert (told.steps_per_execution, told.jit_compile, told.sooner) == (16, False, 2.0)
    assert "`steps_per_execution=16`" in told.because
    assert "1 min" in told.because
    assert "30" in told.because
    assert told.low == pytest.approx(0.9 / 0.5)
    assert told.high == pytest.approx(1.2 / 0.5)


def test_less_than_a_tenth_is_not_told():
    assert found(way(0.83e-3)) is None  # 1.08 times sooner in one turn
    assert found(way(0.81e-3)) is not None  # 1.11 times


def test_longer_compiling_must_be_made_up_for():
    compiled = way(0.5e-3, steps=1, jit=True, compilation=12.0)
    assert found(compiled, training=19.0) is None
    told = found(compiled, training=60.0)
    assert told.jit_compile
    assert told.steps_per_execution == 1
    assert "last digits" in told.because
    assert "compiling takes" not in told.because  # a sixth of the training: not worth the words
    assert "compiling takes 10 s longer" in found(compiled, training=40.0).because


def test_the_one_that_saves_most_of_this_training_is_told():
    both = way(0.5e-3), way(0.4e-3, jit=True, compilation=12.0)
    assert not found(*both, training=60.0).jit_compile
    assert found(*both, training=600.0).jit_compile


def test_nothing_is_told_for_another_batch_size_or_a_failed_measurement():
    assert found(way(0.5e-3), batch_size=64) is None
    assert found(way(0.5e-3), outcome=Outcome.UNRESOLVED) is None
    assert found(way(0.5e-3), batch_size=5000, n_train=32) is not None  # all rows in one batch


@pytest.mark.parametrize("damaged", [{"points": ()}, {"points": (NOW, replace(NOW, sooner=0.0, low=0.0, high=0.0))}])
def test_a_file_that_holds_nothing_to_compare_is_refused(damaged):
    reading = replace(Reading(name="switches", value=2.0, low=1.5, high=2.5, repeats=5, points=(NOW,)), **damaged)
    with pytest.raises(UsageError, match="damaged"):
        load(dump(reading))


def test_the_lines_to_paste_set_what_is_told():
    plan = decide(evidence({at(32): Truth(0.0, 40), at(128): Truth(0.0, 30)}))
    lines = code_for(replace(plan, switches=found(way(0.5e-3, jit=True))))
    compile(lines, "pasted", "exec")
    assert "model.steps_per_execution = 16  # " in lines
    assert "model.jit_compile = True" in lines
    assert lines.index("steps_per_execution") < lines.index("model.fit")
    assert "steps_per_execution" not in code_for(replace(plan, switches=None))
