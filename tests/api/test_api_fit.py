"""`epochal.fit` on a function `make_dataset(batch_size)`: what "auto" is measured on, what is then trained on, what is said."""

import functools
import importlib

import keras
import numpy as np
import pytest
from report.report_plans import BEST, plan
from training.feed_probe import Cut

import epochal as ep
from epochal.seam.rows import data_from_arguments

service, rows = map(importlib.import_module, ("epochal.services.fit", "epochal.services.source"))

N, N_JUDGED = 300, 40
rng = np.random.default_rng(0)
X, XV = (rng.normal(size=(n, 5)).astype("float32") for n in (N, N_JUDGED))
Y, YV = (x[:, :1] ** 2 for x in (X, XV))
AUTO = {"batch_size": "auto", "epochs": "auto", "learning_rate": "auto", "verbose": 0}


@pytest.fixture
def measured(monkeypatch):
    """What is handed to `plan`, which answers at once, and refuses what the real one would."""
    calls = []

    def answer(request, **_):
        asked = request.source
        rows = {name: getattr(asked, name) for name in ("sample_weight", "validation_data", "validation_split")}
        data_from_arguments(asked.x, asked.y, **rows)
        calls.append({"x": asked.x, "y": asked.y, "class_weight": asked.class_weight, **rows})
        return plan()

    monkeypatch.setattr(service, "make_plan", answer)
    return calls


@pytest.mark.parametrize(("given", "now"), [({}, (None, None, None)), ({"batch_size": 64}, (64, None, None)),
                                            ({"learning_rate": 0.01, "epochs": 3}, (None, 0.01, 3))])
def test_numbers_that_are_given_are_what_is_trained_with_now(monkeypatch, given, now):
    def planned(request, **_):
        assert (request.batch_size, request.learning_rate, request.epochs) == now
        raise KeyboardInterrupt

    monkeypatch.setattr(service, "make_plan", planned)
    with pytest.raises(KeyboardInterrupt):
        ep.fit(None, X, Y, **(AUTO | given))


@pytest.mark.parametrize(("given", "budget"), [({}, "10%"), ({"epochs": 5}, "10%"), ({"budget": "2 min", "epochs": 5}, "2 min")])
def test_measuring_takes_a_tenth_of_the_training_and_a_minute_at_most(monkeypatch, given, budget):
    def planned(request, **_):
        assert (request.budget, request.least, request.most, request.usual) == (budget, 10.0, 60.0, True)
        raise KeyboardInterrupt

    monkeypatch.setattr(service, "make_plan", planned)
    with pytest.raises(KeyboardInterrupt):
        ep.fit(None, X, Y, **(AUTO | given))


class Make:
    """A function `make_dataset(batch_size)` that remembers the batch sizes it is called with."""

    def __init__(self, x=X, y=Y, **options):
        self.sizes, self._x, self._y, self._options = [], x, y, options

    def __call__(self, batch_size):
        self.sizes.append(batch_size)
        return Cut(self._x, self._y, batch_size, **self._options)


def model(n=5):
    model = keras.Sequential([keras.Input((n,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    return model


def test_it_is_measured_on_the_rows_of_the_factory_and_trained_with_the_batch_size_found(measured, capsys):
    make = Make()
    history = ep.fit(model(), make, **AUTO | {"epochs": 2})
    np.testing.assert_array_equal(measured[0]["x"], X)
    np.testing.assert_array_equal(measured[0]["y"], Y)
    assert make.sizes == [32, BEST.batch_size]
    assert (history.params["batch_size"], history.params["steps"]) == (BEST.batch_size, 2)
    assert f"Measured on all {N} rows of make_dataset(32); reading takes " in history.params["resolved"]
    assert capsys.readouterr().out == ""  # as it was asked to be silent


def test_a_sample_is_called_one(measured, monkeypatch):
    monkeypatch.setattr(rows, "gathered", functools.partial(rows.gathered, most_rows=100))
    history = ep.fit(model(), Make(), **AUTO | {"epochs": 1})
    assert len(measured[0]["x"]) == 100
    assert "Measured on the first 100 rows of make_dataset(32) in its own order, a sample: with more" in history.params["resolved"]
    assert history.params["steps"] == -(-N // BEST.batch_size)  # and trained on all of them


@pytest.mark.parametrize("judged", [lambda: Make(XV, YV), lambda: Cut(XV, YV, 16), lambda: (XV, YV)],
                         ids=["factory", "PyDataset", "arrays"])
@pytest.mark.parametrize("train", [lambda: {"x": Make()}, lambda: {"x": X, "y": Y}], ids=["of a factory", "of arrays"])
def test_validation_data_of_each_kind_are_measured_on_and_judged_by(measured, train, judged):
    history = ep.fit(model(), **train(), validation_data=judged(), **AUTO | {"epochs": 2})
    np.testing.assert_array_equal(measured[0]["validation_data"][0], XV)
    assert len(history.history["val_loss"]) == 2
    assert ("Judged on all 40 rows of validation_data." in history.params["resolved"]) == (not isinstance(judged(), tuple))


@pytest.mark.filterwarnings("ignore:`class_weight` gives")
@pytest.mark.parametrize("train", [lambda: {"x": Make(y=Y > 1)}, lambda: {"x": X, "y": Y > 1}], ids=["a factory", "arrays"])
def test_class_weights_are_measured_with_and_judge_nothing(measured, train):
    ep.fit(model(), **train(), class_weight={0: 0.5, 1: 1.0}, **AUTO | {"epochs": 1})
    assert (measured[0]["class_weight"], measured[0]["sample_weight"]) == ({0: 0.5, 1: 1.0}, None)


def test_what_has_no_end_trains_with_steps_and_epochs_that_are_given(measured):
    history = ep.fit(model(), Make(endless=True), steps_per_epoch=3, **AUTO | {"epochs": 2})
    assert (len(measured[0]["x"]), history.params["steps"]) == (20_000, 3)


def test_keras_own_fit_is_given_what_the_factory_makes():
    make, judged = Make(), Make(XV, YV)
    history = ep.fit(model(), make, batch_size=64, epochs=2, validation_data=judged, engine="keras", verbose=0)
    assert (make.sizes, judged.sizes, len(history.history["val_loss"])) == ([64], [64], 2)


@pytest.mark.parametrize(("options", "said"), [
    ({"x": Cut(X, Y, 32)}, r"`x` must be arrays, or a function make_dataset\(batch_size\).*got a Cut.*function that makes it"),
    ({"x": (batch for batch in [])}, r"make_dataset\(batch_size\).*got a generator"),
    ({"x": Cut(X, Y, 32), "plan": plan()}, r"make_dataset\(batch_size\).*or a plan is given; got a Cut"),
    ({"x": "rows.parquet", "y": "price"}, "must be numbers for a str"),
    ({"validation_data": (batch for batch in [])}, "read twice.*Pass the function that makes it"),
    ({"validation_split": 0.2}, "`validation_split` must be left out.*pass validation_data"),
    ({"batches": "stratified"}, '`batches` must be "shuffled"'),
    ({"steps_per_epoch": 3}, "`epochs` must be a number beside steps_per_epoch"),
    ({"steps_per_epoch": 3, "plan": plan()}, "`epochs` must be a number beside steps_per_epoch"),
    ({"x": X, "y": Y, "steps_per_epoch": 3}, "`epochs` must be a number beside steps_per_epoch; got 'auto'"),
    ({"x": X, "y": Y, "steps_per_epoch": 3, "plan": plan(), "epochs": None}, "steps_per_epoch; got those of the plan"),
    ({"y": Y}, "`y` must be left out"),
])
def test_what_cannot_be_measured_or_trained_is_refused_before_anything_is_measured(measured, options, said):
    with pytest.raises(ep.UsageError, match=said):
        ep.fit(model(), **{"x": Make()} | AUTO | options)
    assert measured == []


def test_a_wrong_number_of_features_is_refused_with_both_numbers_and_before_measuring():
    for options in ({}, AUTO):
        with pytest.raises(ValueError, match=r"value 13.*\((\d+|None), 5\)"):
            ep.fit(model(13), X, Y, **{"verbose": 0} | options)
