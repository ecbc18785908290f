"""Plans, races and trainings that a metric decides, from the public face."""

import importlib

import keras
import numpy as np
import pytest
from cli.command import inside
from keras import layers

import epochal as ep
from epochal.rules.plan.quality import cross_fitted
from epochal.seam.rigs.keras_rig import open_rig
from epochal.services.source import TableSource

fitting = importlib.import_module("epochal.services.fit")


@pytest.fixture(scope="module", autouse=True)
def _cache_of_its_own(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        patch.setattr(importlib.import_module("epochal.experiments.run"), "_WIDTHS", (4,))
        yield


def build():
    model = keras.Sequential([keras.Input((6,)), layers.Dense(8, "tanh"), layers.Dense(1, "sigmoid")])
    model.compile(keras.optimizers.Adam(0.01), "binary_crossentropy", metrics=["accuracy"])
    return model


def rows(n=160):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n, 6)).astype("float32")
    return x, (x[:, 0] + 0.3 * rng.normal(size=n) > 0).astype("float32")


@pytest.fixture(scope="module")
def planned():
    return ep.plan(build, *rows(), metric="val_accuracy", budget="3 s", verbose=0)


def test_settings_are_compared_by_it_and_trainings_are_stopped_by_it(planned):
    task = planned.evidence.task
    assert (task.decides, task.larger_is_better, task.metrics) == ("accuracy", True, ("loss",))
    for curve in planned.evidence.of("present"):
        share = np.array(curve.half_a) * task.n_validation / 2     # one less the accuracy of some 16 rows, in whole rows
        assert 0 <= cross_fitted(curve) <= 1
        assert share == pytest.approx(np.round(share), abs=0.6)
        assert curve.metrics[0] != curve.validation_loss           # the loss
    assert task.constant_loss == pytest.approx(0.5, abs=0.15)
    (stopping,) = planned.callbacks()
    assert (stopping.monitor, stopping.mode if isinstance(stopping.mode, str) else "max") == ("val_accuracy", "max")
    assert 'monitor="val_accuracy", mode="max"' in planned.code()
    model, (x, y) = build(), rows()
    history = model.fit(x, y, validation_split=0.2, verbose=0, callbacks=planned.callbacks(), **planned.fit_arguments())
    assert max(history.history["val_accuracy"]) > 0.7


def test_evidence_says_by_what_and_is_of_no_use_by_another(planned):
    again = ep.plan(build, *rows(), evidence=planned, budget="3 s", verbose=0)
    assert again.evidence.task.decides == "accuracy"
    assert again.evidence.curves == planned.evidence.curves
    with pytest.raises(ep.UsageError, match="what decides"):
        ep.plan(build, *rows(), evidence=planned, metric="val_loss", budget="3 s", verbose=0)


@pytest.mark.second
def test_a_race_has_the_metrics_beside_what_decides():
    x, y = rows(200_000)
    found = {metric: ep.plan(build, x, y, metric=metric, budget="9 s", verbose=0) for metric in ("val_loss", "accuracy")}
    for metric, plan in found.items():
        marks = [mark for run in plan.evidence.runs for mark in run.marks]
        assert marks
        assert {len(mark.metrics) for mark in marks} == {1}
        heading, *table = plan.arm_rows()
        assert heading[3:5] == (("val. loss", "accuracy") if metric == "val_loss" else ("val. accuracy", "loss"))
        column = heading.index("accuracy" if metric == "val_loss" else "val. accuracy")
        assert all(0.4 < float(row[column]) <= 1 for row in table if row[column] != "–")
    assert "accuracy" in found["accuracy"].headline + found["accuracy"].binding + " ".join(found["accuracy"].unresolved)


def test_where_numbers_are_measured_for_a_training_it_may_be_said_by_what_they_are(monkeypatch):
    asked = []

    def make_plan(request, **options):
        asked.append(request.metric)
        raise KeyboardInterrupt

    monkeypatch.setattr(fitting, "make_plan", make_plan)
    with pytest.raises(KeyboardInterrupt):
        ep.fit(build(), *rows(), batch_size="auto", epochs="auto", metric="val_accuracy", validation_split=0.2, verbose=0)
    assert asked == ["val_accuracy"]
    with pytest.raises(ep.UsageError, match="`metric` must be left out where nothing is \"auto\", or a plan is given"):
        ep.fit(build(), *rows(), epochs=1, metric="val_accuracy", verbose=0)


@pytest.mark.parametrize(("options", "sentence"), [
    ({"metric": "val_auc"}, "`metric` must be one of val_loss, val_accuracy; got 'val_auc'. Compile the model with it."),
    ({"metric": "accuracy", "mode": "up"}, "`mode` must be \"auto\", \"min\" or \"max\"; got 'up'"),
    ({"metric": "val_loss", "mode": "max"}, "`mode` must be \"min\" or \"auto\" for a loss")])
def test_what_cannot_decide_is_refused(options, sentence):
    with pytest.raises(ep.UsageError, match=sentence):
        ep.plan(build, *rows(), budget="2 s", verbose=0, **options)


@pytest.mark.second
def test_on_the_command_line_a_metric_of_a_rare_class_decides_and_a_plan_made_by_it_trains(tmp_path):
    done = inside("plan", "breast_cancer", "--metric", "val_average_precision", "--budget", "12s", "--out", tmp_path)
    assert done.exit_code == 0, done.stderr
    assert "whether average precision or loss" in done.stdout or "validation average precision" in " ".join(done.stdout.split())
    assert 'monitor="val_average_precision", mode="max"' in done.stdout
    done = inside("fit", "breast_cancer", "--plan", tmp_path / "plan.json", "--out", tmp_path / "m.keras")
    assert done.exit_code == 0, done.stderr
    assert "average_precision" in done.stdout
    done = inside("fit", "breast_cancer", "--plan", tmp_path / "plan.json", "--metric", "val_loss", "--out", tmp_path / "m.keras")
    assert done.exit_code == 2
    assert "`--metric` must be left out beside --plan" in done.stderr
    done = inside("fit", "breast_cancer", "--epochs", "1", "--metric", "val_loss", "--out", tmp_path / "m.keras")
    assert done.exit_code == 2
    assert "`--metric` must be left out where the numbers are given" in done.stderr


@pytest.mark.parametrize(("share", "metrics"), [(0.05, ("accuracy", "average_precision")), (0.4, ("accuracy",))])
def test_a_table_with_a_rare_class_is_told_by_average_precision_too(tmp_path, share, metrics):
    rng = np.random.default_rng(0)
    lines = [f"{rng.normal():.4f},{rng.normal():.4f},{'yes' if i < share * 400 else 'no'}" for i in range(400)]
    (tmp_path / "rare.csv").write_text("\n".join(["a,b,y", *lines]))
    assert open_rig(*TableSource(str(tmp_path / "rare.csv"), target="y").open(0)).task.metrics == metrics


@pytest.mark.skipif(keras.backend.backend() != "jax", reason="other back ends do not tell what a program takes")
def test_where_memory_is_the_goal_it_stands_beside_every_setting():
    found = ep.plan(build, *rows(), goal="smallest", budget="3 s", verbose=0)
    assert all(arm.peak_bytes for arm in found.arms)
    heading, *table = found.arm_rows()
    assert heading[-1] == "memory"
    assert all(row[-1].endswith("B") for row in table)
