"""By whose seconds a plan decides: those of Keras' own `fit`, or of ours."""

import importlib
from dataclasses import replace

import keras
import pytest
from services.two_classes import X, Y, build

import epochal as ep
from epochal.records import Evidence, Reading, Run, Setting
from epochal.seam.rigs.keras_rig import open_rig
from epochal.services.fit import fit
from epochal.services.source import ArraySource
from epochal.training.fit.arguments import FitRequest

planning, fitting = (importlib.import_module(f"epochal.services.{name}") for name in ("plan", "fit"))


@pytest.fixture(autouse=True)
def _cache_of_its_own(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def test_the_seconds_of_a_training_are_those_of_who_trains():
    asked = []

    def trains(model, x, y, **arguments):
        asked.append((model, len(x), len(y), arguments))

    rig = open_rig(*ArraySource(build, X, Y, validation_data=(X, Y)).open(0), fit=trains)
    assert rig.fit_seconds(32, 6) < 1.0
    rig.validation_seconds(64, 3)
    assert rig.compile_seconds(32) == pytest.approx(0.0, abs=0.1)
    assert [(n, m, given["batch_size"], given["epochs"]) for _, n, m, given in asked[:3]] == [
        (192, 192, 32, 1), (32, 32, 32, 3), (32, 32, 32, 3)]
    assert [given["validation_batch_size"] for *_, given in asked[:3]] == [None, 64, None]
    assert len(asked[1][3]["validation_data"][0]) == len(X)
    assert all(isinstance(model, keras.Model) for model, *_ in asked)
    assert rig.switches() == {}      # they are of Keras' own `fit`
    assert open_rig(*ArraySource(build, X, Y).open(0)).switches() or keras.backend.backend() == "torch"


def test_evidence_for_who_else_trains_keeps_what_does_not_hang_on_its_clock():
    names = ("pace", "memory", "throughput", "validation", "compilation", "noise_scale", "switches", "back_ends",
             "untrained_loss", "race", "study")
    run = Run(setting=Setting(batch_size=32, learning_rate=0.1), seed=0, stage="race", marks=())
    known = Evidence(readings=tuple(Reading(name=name, value=1.0) for name in names), runs=(run,))
    assert known.clocked("keras") is known
    other = known.clocked("epochal")
    assert {reading.name for reading in other.readings} == {"pace", "memory", "noise_scale", "study"}
    assert (other.runs, other.trains_with, other.curves) == ((), "epochal", known.curves)
    assert replace(known, trains_with="epochal").clocked("keras").runs == ()


@pytest.fixture(scope="module")
def planned(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        return ep.plan(build, X, Y, budget=12, trains_with="epochal", verbose=0)


def test_a_plan_for_our_own_training_says_so_and_its_lines_run(planned):
    assert planned.evidence.trains_with == "epochal"
    assert next(iter(planned.time_rows()))[0] in ("one full epochal.fit", "one epoch of epochal.fit")
    assert not {"switches", "back_ends"} & {reading.name for reading in planned.evidence.readings}
    assert "the clock of `epochal.fit`" in planned._repr_html_() or not planned.leads
    scope = {"model": build(), "x_train": X, "y_train": Y, "x_val": X, "y_val": Y}
    lines = planned.code().replace(f"epochs={planned.epochs.value}", "epochs=2")
    exec(lines, scope)
    assert "engine" in scope["history"].params      # ours, not that of Keras
    assert scope["y_hat"].shape == (200, 2)


def test_who_trains_is_as_the_evidence_says_and_another_has_its_own_clock(planned, monkeypatch):
    def measured(**options):
        heard = []

        def measure(rig, *, evidence, **more):
            heard.append(evidence)
            raise ep.UsageError("heard")

        monkeypatch.setattr(planning, "measure", measure)
        with pytest.raises(ep.UsageError, match="heard"):
            ep.plan(build, X, Y, budget=12, evidence=planned, verbose=0, **options)
        return heard[0]

    assert measured() == planned.evidence
    other = measured(trains_with="keras")
    assert (other.trains_with, other.curves) == ("keras", planned.evidence.curves)
    assert "throughput" not in other
    assert "memory" in other
    with pytest.raises(ep.UsageError, match="`trains_with` must be one of keras, epochal; got 'me'"):
        ep.plan(build, X, Y, trains_with="me")


@pytest.mark.parametrize(("engine", "who"), [("auto", "epochal"), ("keras", "keras"), ("stepwise", "epochal")])
def test_what_is_auto_is_found_by_the_clock_of_the_training_that_follows(engine, who, monkeypatch):
    asked = []

    def seen(request, **_):
        asked.append(request.trains_with)
        raise ep.UsageError("seen")

    monkeypatch.setattr(fitting, "make_plan", seen)
    with pytest.raises(ep.UsageError, match="seen"):
        fit(FitRequest(build(), X, Y, batch_size="auto", engine=engine))
    assert asked == [who]
