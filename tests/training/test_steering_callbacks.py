"""The other callbacks of `epochal.callbacks`, under `ep.fit` and under `model.fit`."""

import math

import keras
import numpy as np
import pytest
from keras import layers
from parity.same_fit import numpy
from training.side_by_side import network

import epochal as ep
from epochal.base.errors import UsageError

C = ep.callbacks
FITS = pytest.mark.parametrize("fit", ["ep", "keras"])
COLD = pytest.mark.filterwarnings("ignore:After .* updates the moving statistics")


def run(fit, model, x, y, **options):
    return ep.fit(model, x, y, verbose=0, **options) if fit == "ep" else model.fit(x, y, verbose=0, **options)


def normed():
    model = keras.Sequential([keras.Input((5,)), layers.Dense(8, activation="relu"), layers.BatchNormalization(),
                              layers.Dropout(0.3), layers.Dense(1)])
    model.compile(keras.optimizers.Adam(0.01), "mse", metrics=["mae"])
    rng = np.random.default_rng(0)
    x = rng.normal(size=(160, 5)).astype("float32")
    return model, x, x[:, :1] + 0.1 * rng.normal(size=(160, 1)).astype("float32")


@COLD
@FITS
def test_watching_changes_no_number(fit):
    ends = []
    for watched in (False, True):
        keras.utils.set_random_seed(0)
        model, x, y = normed()
        rows = (x, y) if fit == "keras" else None
        watching = [C.WatchNoise(rows, batch_size=16), C.WatchBatchNorm(rows), C.Progress(), C.WatchInput(),
                    C.StopWhenSure(patience=10**6, errors=1e6, restore_best_weights=False, validation_data=(x[:32], y[:32])),
                    C.GuardRate(errors=1e9)] if watched else []
        history = run(fit, model, x, y, batch_size=16, epochs=4, validation_data=(x[:40], y[:40]), callbacks=watching).history
        ends.append(({name: history[name] for name in ("loss", "mae", "val_loss", "val_mae")},
                     [numpy(v) for v in model.variables + model.optimizer.variables]))
        if watched:  # what follows changes the model, which has been looked at
            assert set(history) >= {"noise_scale", "noise_scale_low", "noise_scale_high", "batch_norm_gap",
                                    "batch_norm_initial_weight",
                                    "updates_per_second", "examples_per_second", "seconds_left", "input_share", "val_loss_error",
                                    "learning_rate", "guard_restored"}
            assert all(low <= scale <= high for low, scale, high in zip(
                history["noise_scale_low"], history["noise_scale"], history["noise_scale_high"], strict=True))
            assert history["batch_norm_initial_weight"] == pytest.approx([0.99 ** (10 * n) for n in (1, 2, 3, 4)])
            moving = model.evaluate(x, y, verbose=0)[0]
            assert ep.reestimate_batch_norm(model, x, batch_size=16) == 10
            assert history["batch_norm_gap"][-1] == pytest.approx(moving - model.evaluate(x, y, verbose=0)[0], rel=0.2)
            assert all(0 <= share <= 1 for share in history["input_share"])
            assert all(speed > 0 for speed in history["updates_per_second"])
            assert history["seconds_left"][-1] == 0
    assert ends[0][0] == ends[1][0]
    for plain, beside in zip(ends[0][1], ends[1][1], strict=True):
        np.testing.assert_array_equal(plain, beside)


@COLD
def test_only_what_looks_within_an_epoch_is_told_of_blocks_and_none_of_single_batches():
    model, x, y = normed()

    class Counted(C.Progress):
        n = 0

        def on_train_batch_end(self, batch, logs=None):
            super().on_train_batch_end(batch, logs)
            self.n += 1

    counted = Counted()
    history = ep.fit(model, x, y, batch_size=2, epochs=3, callbacks=[counted], engine="fused" if keras.backend.backend() == "jax"
                     else "auto", verbose=0)
    assert counted.n < 3 * 80
    assert history.params["because"] != "a callback looks at every batch"


@FITS
def test_stop_when_sure_goes_back_to_the_best_weights_of_a_loss_that_rises(fit):
    keras.utils.set_random_seed(1)
    model, data = network()
    stop = C.StopWhenSure(patience=30)
    history = run(fit, model, **data, batch_size=8, epochs=200, callbacks=[stop])
    assert 3 < len(history.epoch) < 200
    assert stop.why in ("rising", "flat")
    assert "Stopped: val_loss" in stop.sentence
    best = model.evaluate(*data["validation_data"], verbose=0, return_dict=True)["loss"]
    assert best == pytest.approx(min(history.history["val_loss"]), rel=1e-4) == pytest.approx(stop.best, rel=1e-4)
    assert stop.looks == len(history.epoch)


@FITS
def test_stop_when_sure_looks_within_an_epoch(fit):
    keras.utils.set_random_seed(1)
    model, data = network()
    x, y = (np.tile(data[name], (8, 1)) for name in ("x", "y"))
    stop = C.StopWhenSure(validation_data=data["validation_data"], every=20, patience=15)
    updates = []
    history = run(fit, model, x, y, batch_size=4, epochs=40, callbacks=[stop, keras.callbacks.LambdaCallback(
        on_train_end=lambda logs: updates.append(int(numpy(model.optimizer.iterations))))])
    assert stop.why
    assert len(history.epoch) < 40
    # 106 updates an epoch, looked at after 20, 40, 60, 80 and 100
    assert stop.looks == updates[0] // 106 * 5 + updates[0] % 106 // 20
    assert model.evaluate(*data["validation_data"], verbose=0, return_dict=True)["loss"] == pytest.approx(stop.best, rel=1e-4)


@FITS
@pytest.mark.parametrize("every", [None, 3])
def test_guard_rate_goes_back_and_halves_the_rate_when_losses_are_no_numbers_any_more(fit, every):
    model, data = network(keras.optimizers.SGD(0.05, momentum=0.9))

    class Explode(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 3:
                self.before = [numpy(v) for v in self.model.trainable_variables]
                model.trainable_variables[0].assign(np.full((5, 16), np.nan, "float32"))

    data.pop("validation_data")
    guard = C.GuardRate(every=every)
    history = run(fit, model, **data, batch_size=8, epochs=6, callbacks=[guard, explode := Explode()]).history
    assert guard.restored == 1
    assert history["learning_rate"][-1] == pytest.approx(0.025)
    assert history["guard_restored"][-1] == 1
    assert np.isfinite(history["loss"][4:]).all()
    assert all(np.isfinite(numpy(v)).all() for v in model.variables)
    assert all(np.abs(numpy(v) - old).max() < 1 for v, old in zip(model.trainable_variables, explode.before, strict=True))


def test_guard_rate_puts_weights_and_optimizer_back_as_they_were_at_the_last_good_look():
    model, data = network(keras.optimizers.SGD(0.01, momentum=0.9))
    seen = []

    class Spoil(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            seen.append([numpy(v) for v in model.variables + model.optimizer.variables])
            if epoch == 2:
                model.trainable_variables[0].assign(np.full((5, 16), np.inf, "float32"))

    ep.fit(model, data["x"], data["y"], batch_size=8, epochs=3, callbacks=[Spoil(), C.GuardRate(factor=0.1)], verbose=0)
    now = [numpy(v) for v in model.variables + model.optimizer.variables]
    rate = [i for i, v in enumerate(model.variables + model.optimizer.variables) if v is model.optimizer.learning_rate]
    for i, (a, b) in enumerate(zip(now, seen[2], strict=True)):
        np.testing.assert_allclose(a, b * (0.1 if i in rate else 1), rtol=1e-6)


def test_guard_rate_stops_after_so_many_times():
    model, data = network(keras.optimizers.SGD(1e20))
    guard = C.GuardRate(most=3)
    with np.errstate(all="ignore"):
        history = ep.fit(model, data["x"], data["y"], batch_size=8, epochs=20, callbacks=[guard], verbose=0)
    assert guard.restored == 3
    assert len(history.epoch) == 3


def test_progress_tells_a_sentence():
    told = []
    model, data = network()
    ep.fit(model, **data, batch_size=8, epochs=2, callbacks=[C.Progress(tell=told.append)], verbose=0)
    assert len(told) == 2
    assert told[0].startswith("Epoch 1 of 2: ")
    assert told[1].endswith(" left.")


@pytest.mark.parametrize(("make", "match"), [
    (lambda: C.StopWhenSure(patience=0), "`patience`"), (lambda: C.StopWhenSure(mode="least"), "`mode`"),
    (lambda: C.StopWhenSure("loss", every=3), "`monitor`"), (lambda: C.StopWhenSure(errors=math.nan), "`errors`"),
    (lambda: C.GuardRate(factor=1.5), "`factor`"), (lambda: C.GuardRate(every=0), "`every`"), 
    (lambda: C.WatchNoise(every=0), "`every`"), (lambda: C.Progress(tell=3), "`tell`")])
def test_bad_arguments_of_callbacks_are_refused_by_name(make, match):
    with pytest.raises(UsageError, match=match):
        make()


@pytest.mark.parametrize(("make", "match"), [
    (lambda: C.WatchNoise(), r"`rows`.*WatchNoise\(rows=\(x, y\)\)"), (lambda: C.WatchBatchNorm(), "nothing to watch"),
    (lambda: C.StopWhenSure(every=2), "`validation_data`"), (lambda: C.GuardRate("f1"), "`monitor`")])
def test_what_cannot_be_seen_under_model_fit_is_asked_for(make, match):
    model, data = network()
    with pytest.raises(UsageError, match=match):
        model.fit(data["x"], data["y"], epochs=1, callbacks=[make()], verbose=0)


def test_a_schedule_of_the_rate_is_refused_by_what_sets_it():
    model, data = network(keras.optimizers.SGD(keras.optimizers.schedules.CosineDecay(0.1, 10)))
    with pytest.raises(UsageError, match="got a schedule. Compile with a number"):
        model.fit(data["x"], data["y"], callbacks=[C.GuardRate()], verbose=0)


@pytest.mark.needs("tensorboard", "tensorflow")
def test_tensorboard_gets_what_they_log(tmp_path):
    import tensorflow as tf

    model, data = network()
    model.fit(**data, batch_size=8, epochs=2, verbose=0, callbacks=[
        C.WatchNoise((data["x"], data["y"])), C.GuardRate(), keras.callbacks.TensorBoard(tmp_path, write_graph=False)])
    tags = {value.tag for file in tmp_path.rglob("events.*") for record in tf.data.TFRecordDataset(str(file)).as_numpy_iterator()
            for value in tf.compat.v1.Event.FromString(record).summary.value}
    assert {"epoch_noise_scale", "epoch_guard_restored", "epoch_learning_rate"} <= tags


@pytest.mark.needs("mlflow", "sqlalchemy", "alembic")
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning", "ignore::FutureWarning")  # of MLflow's own
def test_mlflows_callback_gets_what_they_log(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    import mlflow
    from mlflow.keras import MlflowCallback

    mlflow.set_tracking_uri("sqlite:///" + (tmp_path / "mlflow.db").as_posix())
    model, data = network()
    with mlflow.start_run() as run:
        model.fit(**data, batch_size=8, epochs=2, verbose=0, callbacks=[
            C.WatchNoise((data["x"], data["y"])), C.Progress(len(data["x"])), MlflowCallback()])
    found = mlflow.MlflowClient().get_run(run.info.run_id).data.metrics
    assert {"noise_scale", "seconds_left", "examples_per_second", "val_loss"} <= set(found)


def test_csv_logger_gets_what_they_log_where_it_comes_after_them(tmp_path):
    model, data = network()
    ep.fit(model, **data, batch_size=8, epochs=2, verbose=0,
           callbacks=[C.GrowBatch(most=16), C.Progress(), keras.callbacks.CSVLogger(tmp_path / "log.csv")])
    head, *rows = (tmp_path / "log.csv").read_text().splitlines()
    assert {"batch_size", "learning_rate", "seconds_left", "val_loss"} <= set(head.split(","))
    assert len(rows) == 2
