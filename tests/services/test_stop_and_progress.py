"""What every workflow tells of itself, and how it ends where it is asked to: plan, study and fit alike."""

import threading
from contextlib import nullcontext

import keras
import numpy as np
import pytest
from contracts.fake_rig import FakeRig, FakeTiming
from experiments.benches import bench

import epochal.services.plan as planning
import epochal.services.study as studying
from epochal.base.errors import MeasurementFailed
from epochal.base.stop import Stop, Stopped
from epochal.experiments import read_folder
from epochal.records import Plan, Study, read
from epochal.rules.plan.decide import decide
from epochal.rules.study.design import Choices
from epochal.seam.rows import Data
from epochal.services.fit import fit
from epochal.services.plan import PlanRequest, plan
from epochal.services.study import StudyRequest, study
from epochal.training.fit.arguments import FitRequest

assert bench  # a fixture


class Source:
    """A model and data that are on the bench already."""

    running = staticmethod(nullcontext)

    def open(self, seed, tell):
        return None, Data("bench", "", None, None, None)


class Heard:
    """Progress that remembers all it is told, in order; at a step that `when` accepts, another thread sets the token."""

    def __init__(self, stop=None, when=lambda heard: False):
        self.told, self.shares, self.answers, self._stop, self._when = [], [], [], stop, when

    def start(self, agenda):
        self.told.append("start")
        assert agenda.title

    def step(self, share, sentence, detail=""):
        self.told.append("step")
        self.shares.append(share)
        self._look()

    def say(self, sentence): ...

    def answer(self, record):
        self.told.append("answer")
        self.answers.append(record)
        self._look()

    def done(self):
        self.told.append("done")

    def _look(self):
        if self._stop is not None and self._when(self):
            thread = threading.Thread(target=self._stop.set)
            thread.start()
            thread.join()


def in_order(heard, kind):
    """Whether it was told as the protocol has it, with answers that are whole records."""
    assert heard.told[0] == "start"
    assert heard.told.count("start") == heard.told.count("done") == 1
    assert heard.shares == sorted(heard.shares)
    assert 0 <= heard.shares[0] <= heard.shares[-1] <= 1 + 1e-9
    assert heard.answers
    assert all(isinstance(answer, kind) for answer in heard.answers)


@pytest.fixture
def planned(bench, monkeypatch, tmp_path):
    """The request of a plan on a bench of its own clock."""
    monkeypatch.setattr(planning, "open_rig", lambda model, data, *now, **_: bench())
    return PlanRequest(Source(), budget=100.0, out=tmp_path / "plan.json")


@pytest.fixture
def studied(monkeypatch, tmp_path):
    """The request of a study of three batch sizes on a bowl."""
    monkeypatch.setattr(studying, "open_rig", lambda model, data, **_: FakeRig(n_examples=32, n_params=4, s=0.3))
    choices = Choices(batch_sizes=(4, 8, 16), reference=4, epochs=8, seeds=3, trial_seeds=1, equal="epochs",
                      learning_rates=(0.05, 0.1))
    return StudyRequest(Source(), choices, folder=tmp_path)


def network():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    model.set_weights([np.full(w.shape, 0.1) for w in model.get_weights()])
    return model


def training(model, **options):
    x = np.random.default_rng(0).normal(size=(40, 3)).astype("float32")
    return FitRequest(model, x, x.sum(1, keepdims=True), 8, 6, 0, shuffle=False, **options)


def test_a_plan_tells_its_agenda_its_share_and_whole_plans(planned):
    heard = Heard()
    found = plan(planned, progress=heard)
    in_order(heard, Plan)
    assert len(heard.answers) > 1  # a plan so far, long before the last one
    assert heard.answers[-1] == found == read(planned.out)


def test_a_plan_that_another_thread_stops_keeps_what_is_finished_and_the_same_request_continues(planned):
    stop = Stop()
    heard = Heard(stop, when=lambda heard: bool(heard.answers))
    with pytest.raises(Stopped) as stopped:
        plan(planned, progress=heard, stop=stop)
    in_order(heard, Plan)
    so_far = stopped.value.answer
    assert isinstance(so_far, Plan)
    assert read(planned.out) == so_far
    assert "are kept in" in stopped.value.kept
    found = plan(planned)
    n = len(so_far.evidence.readings)
    assert found.evidence.readings[:n] == so_far.evidence.readings
    assert set(so_far.evidence.curves) < set(found.evidence.curves)
    assert [path.name for path in planned.out.parent.iterdir()] == ["plan.json"]


def test_in_a_race_the_answer_so_far_is_that_of_everything_kept_and_the_same_request_goes_on(bench, monkeypatch, tmp_path):
    """Stopped after the last training was begun, and before it came to its end: what it showed on the way is in the answer."""
    def opened(model, data, *now, **_):
        return bench(n_examples=4096, step_seconds=0.02, timing=FakeTiming(step=0.02, example=1e-5), s=1.0, h=1.0)

    monkeypatch.setattr(planning, "open_rig", opened)
    request, heard = PlanRequest(Source(), budget=60.0, out=tmp_path / "plan.json"), Heard()
    whole = plan(request, progress=heard)
    marks = [sum(len(run.marks) for run in answer.evidence.runs) for answer in heard.answers[:-1]]
    assert marks == list(range(len(marks)))  # one after the clock is known, and one after every look at a training
    assert all(answer == decide(answer.evidence) for answer in heard.answers)
    n, stop = len(heard.answers), Stop()
    (tmp_path / "plan.json").unlink()
    with pytest.raises(Stopped) as stopped:
        plan(request, progress=Heard(stop, when=lambda heard: len(heard.answers) == n - 3), stop=stop)
    assert stopped.value.answer == read(request.out)
    assert sum(len(run.marks) for run in stopped.value.answer.evidence.runs) == marks[n - 4]
    assert {(run.stage, run.setting, run.seed) for run in plan(request).evidence.runs} >= {
        (run.stage, run.setting, run.seed) for run in whole.evidence.runs}


def test_where_there_is_no_memory_for_the_present_batch_size_a_plan_says_so_in_a_sentence(bench, monkeypatch, tmp_path):
    rig = bench()

    def full(state, rows, rate):
        raise MemoryError

    rig.step = full
    monkeypatch.setattr(planning, "open_rig", lambda model, data, *now, **_: rig)
    with pytest.raises(MeasurementFailed, match="no memory for a batch of 8 examples"):
        plan(PlanRequest(Source(), budget=60.0, out=tmp_path / "plan.json"))


def test_a_study_tells_its_agenda_its_share_and_whole_studies(studied):
    heard = Heard()
    found = study(studied, progress=heard)
    in_order(heard, Study)
    assert [answer.design.batch_sizes for answer in heard.answers] == [(4, 8), (4, 8, 16)]
    assert heard.answers[-1] == found


def test_a_study_that_another_thread_stops_keeps_its_trainings_and_the_same_request_continues(studied):
    stop = Stop()
    heard = Heard(stop, when=lambda heard: bool(heard.answers))
    with pytest.raises(Stopped) as stopped:
        study(studied, progress=heard, stop=stop)
    so_far = stopped.value.answer
    assert isinstance(so_far, Study)
    assert so_far.design.batch_sizes == (4, 8)
    assert stopped.value.kept == studied.folder
    *_, before = read_folder(studied.folder)
    found = study(studied)
    *_, after = read_folder(studied.folder)
    assert before.items() < after.items()
    assert len(found.contrasts) == 3
    assert [c.difference for c in so_far.contrasts] == [c.difference for c in found.contrasts[:2]]


@pytest.mark.parametrize("engine", ["fused", "stepwise", "keras"])
def test_a_training_tells_its_agenda_its_epochs_and_its_history(engine):
    heard = Heard()
    history = fit(training(network(), engine=engine), progress=heard)
    in_order(heard, keras.callbacks.History)
    assert heard.shares[-1] == 1
    assert heard.answers[-1] is history
    assert len(history.epoch) == 6


@pytest.mark.parametrize("engine", ["stepwise", "keras"])
def test_a_training_that_another_thread_stops_leaves_a_whole_model_and_its_history_so_far(engine):
    stop, model = Stop(), network()
    heard = Heard(stop, when=lambda heard: len(heard.shares) == 2)
    with pytest.raises(Stopped) as stopped:
        fit(training(model, engine=engine), progress=heard, stop=stop)
    n_epochs = len(stopped.value.answer.epoch)
    assert 2 <= n_epochs < 6
    n_updates = int(model.optimizer.iterations.numpy())
    assert 5 * n_epochs <= n_updates < 5 * 6
    if engine == "stepwise":  # which stops where the token was set: between two epochs
        whole = network()
        fit(FitRequest(**{**vars(training(whole, engine=engine)), "epochs": n_epochs}))
        assert n_updates == 5 * n_epochs
        assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), whole.get_weights(), strict=True))


def test_with_a_checkpoint_the_same_training_goes_on_and_ends_as_if_it_had_not_been_stopped(tmp_path):
    stop, whole = Stop(), network()
    fit(training(whole, engine="stepwise"))
    with pytest.raises(Stopped) as stopped:
        fit(training(network(), engine="stepwise", checkpoint=tmp_path / "state"),
            progress=Heard(stop, when=lambda heard: len(heard.shares) == 2), stop=stop)
    assert stopped.value.kept == tmp_path / "state"
    again = network()
    history = fit(training(again, engine="stepwise", checkpoint=tmp_path / "state"))
    assert history.epoch == list(range(6))
    assert all(np.array_equal(a, b) for a, b in zip(whole.get_weights(), again.get_weights(), strict=True))
