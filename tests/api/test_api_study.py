"""`epochal.study` as it is called from Python: what it answers, what it leaves untouched, what it refuses."""

import importlib
from dataclasses import replace

import keras
import numpy as np
import pytest

import epochal as ep
from epochal.experiments import StudyFolder, read_folder
from epochal.records import Verdict

verb = importlib.import_module("epochal.services.study")
QUICK = {"batch_sizes": (8, 32), "epochs": 4, "seeds": 3, "trial_seeds": 1, "equal": "epochs", "learning_rates": (0.01, 0.1),
         "verbose": 0}


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setattr(verb, "cache_folder", lambda: tmp_path / "epochal")
    return tmp_path / "epochal" / "studies"


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(120, 3)).astype("float32")
    return x, (x.sum(1, keepdims=True) + rng.normal(size=(120, 1)) > 0.5).astype("float32")


def build(metrics=("accuracy",), loss="binary_crossentropy", rate=0.05, units=1):
    head = "sigmoid" if loss == "binary_crossentropy" else None
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(units, activation=head)])
    model.compile(keras.optimizers.Adam(rate), loss, metrics=list(metrics))
    return model


@pytest.fixture(scope="module")
def model():
    return build()


def test_the_answer_compares_every_batch_size_and_leaves_the_model_as_it_was(data, model):
    before = [w.copy() for w in model.get_weights()]
    found = ep.study(model, *data, **QUICK)
    assert [c.setting.batch_size for c in found.contrasts] == [8, 32]
    assert [c.verdict is Verdict.REFERENCE for c in found.contrasts] == [False, True]  # 32, which is what people have
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
    assert "batch size" in str(found)
    assert found.to_pandas().shape[0] == 2


@pytest.mark.second
def test_without_a_folder_nothing_is_left_behind_and_an_interrupted_call_is_continued(data, model, cache, monkeypatch):
    commit, names = StudyFolder.commit, []

    def once(self, name, *arguments, **options):
        if names:
            raise KeyboardInterrupt
        names.append(name)
        commit(self, name, *arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(StudyFolder, "commit", once)
        with pytest.raises(KeyboardInterrupt):
            ep.study(model, *data, **QUICK)
    assert len(list(cache.iterdir())) == 1
    committed = []
    with monkeypatch.context() as patch:
        patch.setattr(StudyFolder, "commit", lambda self, name, *a, **o: (committed.append(name), commit(self, name, *a, **o)))
        ep.study(model, *data, **QUICK)
    assert committed
    assert not set(committed) & set(names)
    assert not list(cache.iterdir())


def test_a_folder_keeps_every_training_with_where_and_when_it_was_made(data, model, tmp_path):
    found = ep.study(model, *data, folder=tmp_path / "kept", **QUICK)
    *_, blocks = read_folder(tmp_path / "kept")
    assert sum(map(len, blocks.values())) == len(found.curves)
    with StudyFolder(tmp_path / "kept") as kept:
        facts = kept.provenance(kept.blocks()[0])
    assert "keras" in facts["machine"].lower()
    assert facts["finished"].startswith("20")


@pytest.mark.second
def test_more_of_an_accuracy_is_better_and_it_is_judged_on_both_halves(data, model):
    found = ep.study(model, *data, metric="val_accuracy", **QUICK)
    assert found.design.metric == "accuracy"
    assert found.design.larger_is_better
    assert all(0 < c.quality <= 1 for c in found.contrasts)
    curve = next(c for c in found.curves if c.n_epochs)
    assert np.allclose(np.mean([curve.metrics_a[0], curve.metrics_b[0]], 0), curve.metrics[0], atol=1e-5)


def test_test_rows_are_judged_and_have_no_part_in_any_choice(data, model):
    x, y = data
    found = ep.study(model, x[:90], y[:90], test_data=(x[90:], y[90:]), metric="val_accuracy", **QUICK)
    upside_down = ep.study(model, x[:90], y[:90], test_data=(x[90:], 1 - y[90:]), metric="val_accuracy", **QUICK)
    assert [c.test for c in upside_down.contrasts] == pytest.approx([1 - c.test for c in found.contrasts], abs=1e-5)
    assert found.rates == upside_down.rates
    plain = [[replace(c, test=None, test_difference=None, test_low=None, test_high=None, test_floor=None) for c in study.contrasts]
             for study in (found, upside_down)]
    assert plain[0] == plain[1]
    assert all(c.test_floor == pytest.approx((c.test * (1 - c.test) / 30) ** 0.5) for c in found.contrasts)


def test_class_weights_scale_the_training_loss_and_not_the_judging(data, model):
    plain, heavy = (ep.study(model, *data, class_weight=weight, **QUICK) for weight in (None, {0: 1.0, 1: 50.0}))
    first = [next(c for c in study.curves if c.setting == plain.curves[0].setting and c.seed == plain.curves[0].seed)
             for study in (plain, heavy)]
    assert first[1].train_loss[0] > 5 * first[0].train_loss[0]
    assert first[1].validation_loss[0] < 3 * first[0].validation_loss[0]


def test_class_weights_of_targets_that_are_no_classes_are_refused(data):
    x, _ = data
    with pytest.raises(ep.UsageError, match="`class_weight` must be left out where the targets are no classes"):
        ep.study(lambda: build(("mae",), "mse"), x, x[:, :1] + 0.123, class_weight={0: 1.0, 1: 2.0}, **QUICK)


def test_numpy_numbers_are_numbers(data, model):
    found = ep.study(model, *data, **QUICK | {"seeds": np.int64(2), "epochs": np.int32(2), "seed": np.int64(1)})
    assert (found.design.n_seeds, found.design.epochs, found.design.seed) == (2, 2, 1)


@pytest.mark.second
def test_a_regression_and_a_classification_of_three_and_two_inputs_are_compared_too(data):
    x, y = data
    assert ep.study(lambda: build(("mae",), "mse"), x, y, metric="val_mae", **QUICK).contrasts[0].difference is not None
    classes = (x[:, 0] > 0).astype("int32") + (x[:, 1] > 0)
    softmax = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    assert ep.study(lambda: build((), softmax, units=3), x, classes, **QUICK).contrasts[0].difference is not None


def test_batch_norm_and_dropout_have_streams_of_their_own_in_every_lane(data):
    def network():
        model = keras.Sequential([keras.Input((3,)), keras.layers.BatchNormalization(), keras.layers.Dropout(0.5),
                                  keras.layers.Dense(1, activation="sigmoid", kernel_initializer="zeros")])
        model.compile(keras.optimizers.SGD(1e-6), "binary_crossentropy")
        return model

    found = ep.study(network, *data, **QUICK | {"learning_rates": (1e-6, 1e-5)})
    losses = {c.train_loss for c in found.curves if c.stage == "confirm"}
    assert len(losses) == len([c for c in found.curves if c.stage == "confirm"])


@pytest.mark.parametrize(("wrong", "sentence"), [
    ({"batch_sizes": (32,)}, "`batch_sizes` must be at least two different sizes"),
    ({"batch_sizes": (32, 32)}, "`batch_sizes` must be at least two different sizes"),
    ({"batch_sizes": (0, 32)}, "`batch_sizes` must be a list of whole numbers"),
    ({"batch_sizes": 32}, "`batch_sizes` must be a list of whole numbers"),
    ({"batch_sizes": (8.5, 32)}, "`batch_sizes` must be a list of whole numbers"),
    ({"batch_sizes": (32, 96, 5000)}, "`batch_sizes` must be different trainings: 96 and 5,000 are all of the 96 training rows"),
    ({"equal": None}, "`equal` must be some of epochs, steps, time"),
    ({"metric": None}, '`metric` must be "val_loss" or the name'),
    ({"margin": "0.1"}, "`margin` must be a positive difference"),
    ({"learning_rates": "many"}, '`learning_rates` must be "auto" or a list'),
    ({"learning_rates": (0.1, -1)}, "`learning_rates` must be positive numbers"),
    ({"learning_rates": (0.1, 0.1)}, "`learning_rates` must be different rates"),
    ({"learning_rates": 0.1}, "`learning_rates` must be"),
    ({"learning_rates": ()}, "`learning_rates` must be"),
    ({"seeds": 1}, "`seeds` must be a whole number, 2 or more"),
    ({"seeds": 2.5}, "`seeds` must be a whole number, 2 or more"),
    ({"epochs": 0}, "`epochs` must be a positive whole number"),
    ({"equal": "money"}, "`equal` must be some of epochs, steps, time"),
    ({"equal": ()}, "`equal` must be some of epochs, steps, time"),
    ({"metric": "val_auc"}, "`metric` must be one of val_loss, val_accuracy"),
    ({"margin": 0}, "`margin` must be a positive difference"),
    ({"margin": float("nan")}, "`margin` must be a positive difference"),
    ({"reference": 64}, "`reference` must be one of the batch sizes"),
    ({"protocol": "unfair"}, '`protocol` must be "fair" or "tutorial"'),
    ({"mode": "up"}, "`mode` must be"),
    ({"test_data": 3}, "`test_data` must be a tuple"),
    ({"class_weight": [1, 2]}, "`class_weight` must be a dict"),
    ({"class_weight": {0: 0, 1: 0, 2: 0}}, "`class_weight` must be more than 0 for a class that has rows"),
    ({"class_weight": {0: "a"}}, "`class_weight` must be a dict from class to a weight"),
    ({"seed": -1}, "`seed` must be a whole number, 0 or more"),
    ({"seed": "a"}, "`seed` must be a whole number, 0 or more"),
    ({"seed": 1.5}, "`seed` must be a whole number, 0 or more"),
    ({"batch_sizes": (32, float("inf"))}, "`batch_sizes` must be a list of whole numbers"),
    ({"equal": [["epochs"]]}, "`equal` must be some of epochs, steps, time"),
    ({"reference": True}, "`reference` must be one of the batch sizes"),
    ({"mode": "max"}, '`mode` must be "min" or "auto" for a loss'),
    ({"validation_split": None}, "`validation_split` must be a share from 0 up to 1; got None"),
    ({"validation_split": "0.2"}, "`validation_split` must be a share from 0 up to 1; got '0.2'"),
    ({"folder": 5}, "`folder` must be a path, or None; got 5"),
    ({"halving": "no"}, "`halving` must be True or False; got 'no'"),
    ({"x": [[1.0, 2.0], [3.0, 4.0]]}, "`x` and `y` must be arrays; got a float, alone or in a list"),
    ({"validation_data": (np.zeros((9, 7)), np.zeros(9))}, "`model` must fit validation_data; got "),
    ({"test_data": (np.zeros((9, 7)), np.zeros(9))}, "`model` must fit test_data; got "),
])
def test_what_cannot_be_is_refused_by_name_before_anything_is_trained(data, model, wrong, sentence):
    with pytest.raises(ep.UsageError) as refused:
        ep.study(model, **dict(zip("xy", data, strict=True)) | QUICK | wrong)
    assert str(refused.value).startswith(sentence)


@pytest.mark.second
def test_a_schedule_has_the_shape_of_a_whole_run_and_is_compared_at_equal_epochs_alone(data):
    def network():
        return build(rate=keras.optimizers.schedules.CosineDecay(0.05, 60))

    with pytest.raises(ep.UsageError, match='"epochs" alone for a model compiled with the schedule CosineDecay'):
        ep.study(network, *data, **QUICK | {"equal": ("epochs", "steps")})
    found = ep.study(network, *data, **QUICK)
    assert {c.setting.schedule for c in found.curves} == {"CosineDecay"}
