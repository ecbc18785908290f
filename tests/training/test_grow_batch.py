"""`GrowBatch` sees every row exactly once in each epoch, whatever size the batches have."""

import keras
import numpy as np
import pytest
from training.counting import N, Sum, counter, counts, rows
from training.side_by_side import network

import epochal as ep
from epochal.base.errors import UsageError

UP_AND_DOWN = (4, 8, 16, 11, 4, 2, 53, 1, 7)


class Sizes(ep.callbacks.GrowBatch):
    """Goes through sizes as told, whatever is measured."""

    def __init__(self, sizes, **options):
        super().__init__(by="plateau", monitor="loss", least=1, most=N, **options)
        self.sizes = sizes

    def _by_plateau(self, epoch, rate, logs):
        return self.sizes[min(epoch + 1, len(self.sizes) - 1)], rate


def per_epoch(sizes):
    return [-(-N // size) for size in sizes]


class Updates(keras.callbacks.Callback):
    def on_train_begin(self, logs=None):
        self.seen = []

    def on_epoch_end(self, epoch, logs=None):
        self.seen.append((int(keras.ops.convert_to_numpy(self.model.optimizer.iterations)), counts(self.model)))


@pytest.mark.parametrize("options", [{}, {"shuffle": False}, {"verbose": 2}, *(
    [] if keras.backend.backend() == "torch" else [{"shuffle": "batch"}])])  # on PyTorch only Keras knows its order
def test_under_ep_fit_every_row_comes_once_an_epoch_growing_and_shrinking(options):
    model, updates = counter(), Updates()
    x, y = rows()
    history = ep.fit(model, x, y, batch_size=4, epochs=len(UP_AND_DOWN), callbacks=[Sizes(UP_AND_DOWN), updates],
                     **({"verbose": 0} | options))
    assert history.history["batch_size"] == list(UP_AND_DOWN)
    assert [seen for _, seen in updates.seen] == [[epoch + 1] * N for epoch in range(len(UP_AND_DOWN))]
    assert np.diff([0, *(n for n, _ in updates.seen)]).tolist() == per_epoch(UP_AND_DOWN)
    assert history.params["steps"] == per_epoch(UP_AND_DOWN)[-1]


@pytest.mark.parametrize("engine", ["stepwise", "auto"])
@pytest.mark.parametrize("data", [False, True])
def test_ep_fit_keeps_to_it_in_each_mode_and_on_rows_that_cut_themselves(engine, data):
    model, updates = counter(), Updates()
    x, y = rows()
    grown = ep.callbacks.growing(x, y, batch_size=4) if data else None
    given = (grown,) if data else (x, y)
    ep.fit(model, *given, epochs=4, callbacks=[Sizes((4, 8, 2, 32), data=grown), updates], engine=engine, verbose=0,
           **({} if data else {"batch_size": 4}))
    assert [seen for _, seen in updates.seen] == [[epoch + 1] * N for epoch in range(4)]
    assert np.diff([0, *(n for n, _ in updates.seen)]).tolist() == per_epoch((4, 8, 2, 32))


def test_under_model_fit_every_row_comes_once_an_epoch_growing_and_back():
    model, updates, sizes = counter(), Updates(), (4, 8, 16, 9, 4, 53)
    grown = ep.callbacks.growing(*rows(), batch_size=4)
    callback = Sizes(sizes, data=grown)
    callback._least = None
    history = model.fit(grown, epochs=len(sizes), callbacks=[callback, updates], verbose=0)
    assert history.history["batch_size"] == list(sizes)
    assert [seen for _, seen in updates.seen] == [[epoch + 1] * N for epoch in range(len(sizes))]
    assert np.diff([0, *(n for n, _ in updates.seen)]).tolist() == per_epoch(sizes)


def test_model_fit_warns_as_before_once_the_training_is_over():
    import warnings

    before = list(warnings.filters)
    grown = ep.callbacks.growing(*rows(), batch_size=4)
    callback = Sizes((4, 8, 16), data=grown)
    callback._least = None
    counter().fit(grown, epochs=3, callbacks=[callback], verbose=0)
    assert list(warnings.filters) == before


def test_arrays_under_model_fit_are_refused_with_what_to_do():
    x, y = rows()
    with pytest.raises(UsageError, match=r"growing\(x, y, batch_size=32\).*or train with ep.fit"):
        counter().fit(x, y, callbacks=[ep.callbacks.GrowBatch()], verbose=0)


def test_smaller_batches_than_at_the_beginning_are_refused_under_model_fit():
    grown = ep.callbacks.growing(*rows(), batch_size=8)
    with pytest.raises(UsageError, match="at least 8 under model.fit.*Train with ep.fit"):
        counter().fit(grown, callbacks=[ep.callbacks.GrowBatch(data=grown, least=4)], verbose=0)


@pytest.mark.parametrize(("options", "match"), [
    ({"steps_per_epoch": 3}, "steps_per_epoch"), ({"batches": "stratified"}, "`batches` must be left out")])
def test_what_a_changing_size_would_lose_rows_by_is_refused(options, match):
    model, data = network()
    data["y"] = (data["y"] > 0).astype("int32") if "batches" in options else data["y"]
    data.pop("validation_data")
    with pytest.raises(UsageError, match=match):
        ep.fit(model, **data, epochs=3, callbacks=[Sizes((8, 16))], verbose=0, batch_size=8, **options)


@pytest.mark.parametrize(("options", "match"), [
    ({"by": "luck"}, "`by`"), ({"theta": 0.5}, "`theta`"), ({"by": "seesaw"}, "`schedule`"), ({"factor": 1}, "`factor`"),
    ({"by": "norm_test", "theta": -1}, "`theta`"), ({"most": 2.5}, "`most`"), ({"patience": 0}, "`patience`"),
    ({"data": np.ones(3)}, "`data`")])
def test_bad_arguments_are_refused_by_name(options, match):
    with pytest.raises(UsageError, match=match):
        ep.callbacks.GrowBatch(**options)


@pytest.mark.second
def test_a_plateau_multiplies_the_batch_where_keras_would_divide_the_rate_and_then_divides_the_rate():
    ours, keras_own = ([], [])
    for seen, make in ((ours, lambda: ep.callbacks.GrowBatch(factor=2, patience=2, most=16, least=8)),
                       (keras_own, lambda: keras.callbacks.ReduceLROnPlateau(factor=0.5, patience=2, min_delta=0))):
        keras.utils.set_random_seed(0)
        model, data = network(keras.optimizers.SGD(1e-9))
        history = ep.fit(model, **data, batch_size=8, epochs=9, callbacks=[make()], verbose=0).history
        seen.extend(zip(history.get("batch_size", [8] * 9), np.round(np.array(history["learning_rate"]) * 1e9, 4), strict=True))
    moved = [epoch for epoch in range(1, 9) if ours[epoch] != ours[epoch - 1]]
    assert moved
    assert ours[0][0] == 8
    assert ours[moved[0]] == (16, 1.0)
    assert all(size == 16 and rate < 1 for size, rate in ours[moved[1]:])
    assert len({rate for _, rate in keras_own}) > 1


def test_seesaw_takes_the_root_of_the_schedules_cut_for_the_rate_and_the_cut_for_the_batch():
    model, data = network(keras.optimizers.SGD(0.1))
    history = ep.fit(model, **data, batch_size=4, epochs=6, verbose=0, callbacks=[
        ep.callbacks.GrowBatch(by="seesaw", schedule=lambda epoch: 0.1 * 0.25 ** (epoch // 2), most=20)]).history
    assert history["batch_size"] == [4, 4, 16, 16, 20, 20]
    np.testing.assert_allclose(history["learning_rate"], [0.1, 0.1, 0.05, 0.05, *[0.1 / 16 * np.sqrt(5)] * 2], rtol=1e-5)


@pytest.mark.parametrize("by", ["noise_scale", "norm_test"])
def test_batches_grow_where_gradients_are_noise_and_stay_where_rows_agree(by):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2000, 3)).astype("float32")
    faint = 0.2 * x[:, :1] + rng.normal(size=(2000, 1))  # at zero weights tr(Σ) / |G|² is about 4 · 4 / (2 · 0.2)² = 100
    ends = {}
    for name, y in (("noise", faint), ("agree", np.full((2000, 1), 100.0))):
        model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1, kernel_initializer="zeros")])
        model.compile(keras.optimizers.SGD(1e-4), "mse")
        ends[name] = ep.fit(model, x, y.astype("float32"), batch_size=16, epochs=4, verbose=0,
                            callbacks=[ep.callbacks.GrowBatch(by=by)]).history
    sizes = ends["noise"]["batch_size"]
    assert sizes[:2] == [16, 32]
    assert sizes == sorted(sizes)
    assert ends["agree"]["batch_size"] == [16] * 4
    assert 33 < np.median(ends["noise"]["noise_scale"]) < 300
    assert np.median(ends["agree"]["noise_scale"]) < 8


def test_a_training_goes_on_from_its_checkpoint_at_the_size_it_was_at(tmp_path):
    class Killed(RuntimeError):
        pass

    class Kill(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 3 and not again:
                raise Killed

    sizes, again, ends = (4, 8, 16, 32, 5), False, []
    for folder, kills in (("whole", False), ("cut", True)):
        keras.utils.set_random_seed(3)
        again = not kills
        options = {"batch_size": 4, "epochs": 5, "verbose": 0, "checkpoint": tmp_path / folder, "engine": "stepwise"}
        model = counter()
        if kills:
            with pytest.raises(Killed):
                ep.fit(model, *rows(), callbacks=[Sizes(sizes), Kill()], **options)
            again, model = True, counter()
        history = ep.fit(model, *rows(), callbacks=[Sizes(sizes), Kill()], **options)
        ends.append((history.history["batch_size"], counts(model), int(keras.ops.convert_to_numpy(model.optimizer.iterations))))
    assert ends[0] == ends[1] == (list(sizes), [5] * N, sum(per_epoch(sizes)))


def test_a_model_with_a_frozen_base_that_is_computed_once_sees_every_row_once_too():
    model = keras.Sequential([keras.Input((N,)), keras.layers.Dense(N, use_bias=False, kernel_initializer="identity"),
                              keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros")])
    model.layers[0].trainable = False
    model.compile(keras.optimizers.SGD(1.0), Sum())
    sizes, updates = (4, 16, 2, 53, 8, 4), Updates()
    history = ep.fit(model, *rows(), batch_size=4, epochs=len(sizes), callbacks=[Sizes(sizes), updates], verbose=0)
    assert "frozen" in history.params
    assert [seen for _, seen in updates.seen] == [[epoch + 1] * N for epoch in range(len(sizes))]
    assert np.diff([0, *(n for n, _ in updates.seen)]).tolist() == per_epoch(sizes)
