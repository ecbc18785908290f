"""`epochal.plan` on a real Keras model: an answer that goes into `fit`, and nothing of the user's that has changed."""

import importlib
import random

import keras
import numpy as np
import pandas as pd
import pytest
from keras import layers

import epochal as ep
from epochal.base.errors import UsageError
from epochal.records import Plan, Setting
from epochal.rules.plan.decide import GOALS
from epochal.seam.rigs.keras_rig import open_rig
from epochal.seam.rows import over
from epochal.services.source import ArraySource, TableSource

N = 96
face = importlib.import_module("epochal.services.plan")


def build():
    left, right = keras.Input((3,), name="left"), keras.Input((2,), name="right")
    body = layers.BatchNormalization()(layers.Concatenate()([left, right]))
    model = keras.Model({"left": left, "right": right}, layers.Dense(1)(body))
    model.compile(keras.optimizers.Adam(0.02), "mse", metrics=["mae"])
    return model


def rows(n=N, seed=0):
    """Inputs as a dict, targets, and sample weights."""
    rng = np.random.default_rng(seed)
    x = {"left": rng.normal(size=(n, 3)).astype("float32"), "right": rng.normal(size=(n, 2)).astype("float32")}
    return x, (x["left"].sum(1, keepdims=True) + 0.1 * rng.normal(size=(n, 1))).astype("float32"), rng.uniform(0.5, 2, n)


def everything(model, *arrays):
    """All that a model and its data hold, as bytes; and the streams of random numbers."""
    held = [keras.ops.convert_to_numpy(v).tobytes() for v in (*model.variables, *model.optimizer.variables)]
    held += [leaf.tobytes() for tree in arrays for leaf in (tree.values() if isinstance(tree, dict) else [tree])]
    held += [str(model.get_config()), str(model.optimizer.get_config()), str(model.get_compile_config()), str(random.getstate())]
    return [*held, *(part.tobytes() if isinstance(part, np.ndarray) else part for part in np.random.get_state())]


@pytest.fixture(scope="module", autouse=True)
def _cache_of_its_own_and_few_programs(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        patch.setattr(importlib.import_module("epochal.experiments.run"), "_WIDTHS", (4,))   # each further width is compiled
        yield


@pytest.fixture(scope="module")
def planned():
    """`(plan, model, held before, held after)` of one whole run, of a model that was in the middle of its own training."""
    keras.utils.set_random_seed(7)
    model, (x, y, weight) = build(), rows()
    model.fit(x, y, epochs=1, batch_size=32, verbose=0)
    before = everything(model, x, y, weight)
    plan = ep.plan(model, x, y, sample_weight=weight, budget="2 s", start="fresh", verbose=0)
    return plan, model, before, everything(model, x, y, weight)


@pytest.fixture
def opened(monkeypatch):
    """What `plan` puts on the bench, without anything being measured."""
    found = []

    def look(source, data, *now, **_):
        found.append((source, data))
        raise KeyboardInterrupt

    monkeypatch.setattr(face, "open_rig", look)

    def plan(*arguments, **options):
        with pytest.raises(KeyboardInterrupt):
            ep.plan(*arguments, **options)
        return found[-1][1]

    return plan


def test_the_answer_is_a_plan_with_four_choices_each_with_its_reason(planned):
    plan = planned[0]
    assert isinstance(plan, Plan)
    for choice in (plan.batch_size, plan.learning_rate, plan.epochs, plan.predict_batch_size):
        assert choice.low <= choice.value <= choice.high
        assert choice.because
    assert plan.evidence.present.batch_size == 32
    assert plan.evidence.present.learning_rate == pytest.approx(0.02)
    assert any(arm.present for arm in plan.arms)
    assert plan.headline in str(plan)
    assert "<" in plan._repr_html_()


def test_the_users_model_optimizer_data_and_random_numbers_are_bit_for_bit_as_before(planned):
    _, _, before, after = planned
    assert before == after


def test_the_plan_goes_straight_into_fit_and_predict(planned):
    plan, model, *_ = planned
    x, y, weight = rows()
    arguments = plan.fit_arguments()
    assert arguments == {"batch_size": plan.batch_size.value, "epochs": plan.epochs.value}
    history = model.fit(x, y, sample_weight=weight, validation_data=(x, y), **arguments | {"epochs": 2}, callbacks=plan.callbacks(),
                        verbose=0)
    assert len(history.epoch) == 2
    assert (plan.callbacks()[0].patience, plan.callbacks()[0].restore_best_weights) == (plan.stopping.patience, True)


def test_a_saved_plan_is_read_back_equal(planned, tmp_path):
    planned[0].save(tmp_path / "plan.json")
    assert ep.load(tmp_path / "plan.json") == planned[0]


@pytest.mark.parametrize("goal", GOALS)
def test_a_plan_is_evidence_and_with_it_nothing_is_measured_twice(planned, goal, monkeypatch):
    """Also for another goal, and for a function that builds the same model."""
    x, y, weight = rows()
    rig = None

    def opened(source, data, *now, **_):
        nonlocal rig
        rig = open_rig(source, data, *now)
        for verb in ("step", "evaluate", "fit_seconds", "predict_seconds", "gradient", "peak_bytes", "fresh"):
            monkeypatch.setattr(rig, verb, None)          # calling it would be an error
        rig.pure = None
        return rig

    monkeypatch.setattr(face, "open_rig", opened)
    again = ep.plan(build, x, y, sample_weight=weight, evidence=planned[0], budget="2 s", goal=goal, verbose=0)
    assert rig is not None
    assert again.evidence == planned[0].evidence
    assert again.goal == goal
    if goal == "fastest":
        assert again == planned[0]


def test_evidence_of_other_data_or_another_model_is_refused(planned):
    x, y, weight = rows(seed=1)
    with pytest.raises(ep.UsageError, match="`evidence` must be about the same model (or|and) data"):
        ep.plan(build, x, y, sample_weight=weight, evidence=planned[0], budget="2 s", verbose=0)
    x, y, weight = rows()
    wider = keras.Sequential([keras.Input((3,)), layers.Dense(2), layers.Dense(1)])
    wider.compile("adam", "mse")
    with pytest.raises(ep.UsageError, match="`evidence` must be about the same model (or|and) data"):
        ep.plan(wider, x["left"], y, evidence=planned[0].evidence, budget="2 s", verbose=0)


def test_the_rows_given_for_validation_are_the_rows_judged_on(opened):
    (x, y, _), (xv, yv, wv) = rows(), rows(20, seed=5)
    data = opened(build, x, y, validation_data=(xv, yv, wv))
    assert data.train.n_rows == N
    judged = np.concatenate([data.half_a.x["left"], data.half_b.x["left"]])
    assert sorted(map(tuple, judged)) == sorted(map(tuple, xv["left"]))
    assert sorted(np.concatenate([data.half_a.weight, data.half_b.weight])) == sorted(wv.astype("float32"))
    assert data.test is None


def test_a_validation_split_takes_the_last_rows_as_keras_does(opened):
    x, y, weight = rows()
    data = opened(build, x, y, sample_weight=weight, validation_split=0.25)
    np.testing.assert_array_equal(data.train.x["right"], x["right"][:72])
    np.testing.assert_array_equal(data.train.weight, weight[:72].astype("float32"))
    judged = np.concatenate([data.half_a.y, data.half_b.y])
    assert sorted(judged[:, 0]) == sorted(y[72:, 0])
    assert "last 24 rows" in " ".join(data.notes)


def test_without_validation_data_a_fifth_of_the_rows_is_held_out_at_random_and_said_so(opened):
    x, y, _ = rows()
    data, again, other = opened(build, x, y), opened(build, x, y), opened(build, x, y, seed=1)
    assert (data.train.n_rows, data.half_a.n_rows + data.half_b.n_rows) == (76, 20)
    everyone = np.concatenate([part.y for part in (data.train, data.half_a, data.half_b)])
    assert sorted(everyone[:, 0]) == sorted(y[:, 0])
    np.testing.assert_array_equal(data.train.y, again.train.y)
    assert not np.array_equal(data.train.y, other.train.y)
    assert not np.array_equal(data.train.y, y[:76])
    assert "held out" in " ".join(data.notes)


@pytest.mark.parametrize(("options", "sentence"), [
    ({"goal": "quick"}, r"`goal` must be one of fastest, best, frugal, smallest; got 'quick'\. Pass goal="),
    ({"budget": -1}, r"`budget` must be a positive time; got -1\. Pass"),
    ({"budget": "soon"}, r"`budget` must be a positive time; got 'soon'\. Pass"),
    ({"budget": float("nan")}, r"`budget` must be a positive time; got nan\. Pass"),
    ({"evidence": "plan.json"}, r"`evidence` must be an Evidence or a Plan; got 'str'\. Pass epochal\.load"),
    ({"validation_split": 1.5}, r"`validation_split` must be a share from 0 up to 1; got 1\.5\. Pass"),
    ({"validation_data": 3}, r"`validation_data` must be a tuple .*; got 'int'\. Pass"),
    ({"verbose": 7}, r"`verbose` must be .*; got 7\. Pass"),
    ({"y": None}, r"`y` must be the targets; got None\. Pass"),
    ({"sample_weight": np.ones(3)}, r"must hold as many targets as inputs; got \[3, 96\] rows\. Pass"),
    ({"x": np.ones((0, 3)), "y": np.ones(0)}, r"`x` must be at least two rows; got '0 rows'\. Pass"),
    ({"validation_data": (np.ones((40, 3)), np.ones(3))}, r"`validation_data` must hold as many targets as inputs; got \[3, 40\]"),
    ({"model": "adam"}, r"`model` must be a compiled Keras model or a function that returns one; got 'str'\. Pass")])
def test_a_wrong_argument_is_named_with_its_value_and_the_cure(options, sentence):
    x, y, _ = rows()
    given = {"model": build, "x": x, "y": y, "budget": "2 s", "verbose": 0} | options
    with pytest.raises(ep.UsageError, match=sentence):
        ep.plan(given.pop("model"), given.pop("x"), given.pop("y"), **given)


def test_a_run_that_was_interrupted_is_continued_by_the_next_call(planned, monkeypatch):
    x, y, weight = rows()
    asked = []

    def measured(rig, *, budget, goal, evidence, seed, keep, reporter):
        asked.append(evidence)
        if len(asked) == 1:
            keep(evidence.add(*planned[0].evidence.readings[1:3]))
            raise KeyboardInterrupt
        return planned[0].evidence

    monkeypatch.setattr(face, "measure", measured)
    with pytest.raises(KeyboardInterrupt):
        ep.plan(build, x, y, sample_weight=weight, verbose=0)
    assert ep.plan(build, x, y, sample_weight=weight, verbose=0) == planned[0]
    assert asked[1].readings == (*asked[0].readings, *planned[0].evidence.readings[1:3])
    ep.plan(build, x, y, sample_weight=weight, verbose=0)
    assert [r.name for r in asked[0].readings] == [r.name for r in asked[2].readings] == ["pace"]  # nothing is left over


@pytest.mark.parametrize(("options", "low", "high"), [({"budget": "50%", "epochs": 1000}, 0.01, 600), ({"budget": 7}, 7, 7)])
def test_a_budget_may_be_a_share_of_the_training_as_it_is_now(monkeypatch, options, low, high):
    x, y, _ = rows()
    budgets = []

    def measured(rig, *, budget, evidence, **_):
        budgets.append((budget, evidence.get("pace").value))
        raise KeyboardInterrupt

    monkeypatch.setattr(face, "measure", measured)
    with pytest.raises(KeyboardInterrupt):
        ep.plan(build, x, y, verbose=0, **options)
    [(budget, pace)] = budgets
    assert low <= budget <= high
    if "epochs" in options:
        assert budget == pytest.approx(0.5 * 1000 * 3 * pace)  # 77 rows to train on: three batches of 32


@pytest.mark.parametrize(("epochs", "seconds"), [(1, 10.0), (10**7, 60.0)])
def test_a_share_stays_within_its_bounds(monkeypatch, epochs, seconds):
    x, y, _ = rows()
    asked = face.PlanRequest(ArraySource(build, x, y), budget="10%", epochs=epochs, least=10.0, most=60.0)
    monkeypatch.setattr(face, "measure", lambda rig, *, budget, **_: pytest.fail(f"{budget}"))
    with pytest.raises(pytest.fail.Exception, match=f"{seconds}"):
        face.plan(asked)


def test_where_no_epochs_are_said_a_share_may_be_one_of_a_usual_training(monkeypatch):
    (x, y, _), budgets = rows(), []
    asked = face.PlanRequest(ArraySource(build, x, y), budget="50%", usual=True)

    def measured(rig, *, budget, evidence, **_):
        budgets.append((budget, evidence.get("pace").value))
        raise KeyboardInterrupt

    monkeypatch.setattr(face, "measure", measured)
    with pytest.raises(KeyboardInterrupt):
        face.plan(asked)
    [(budget, pace)] = budgets
    assert budget == pytest.approx(0.5 * 100 * 3 * pace)    # three batches an epoch: 100 epochs are usual


def test_a_share_needs_the_epochs_and_a_number():
    x, y, _ = rows()
    with pytest.raises(ep.UsageError, match=r"`budget` must be a time where the epochs are not said; got '10%'\. Say how many"):
        ep.plan(build, x, y, budget="10%", verbose=0)
    for wrong in ("0%", "-3%", "ten%", "%"):
        with pytest.raises(ep.UsageError, match="`budget` must be a positive share of one training"):
            ep.plan(build, x, y, budget=wrong, epochs=3, verbose=0)


def test_what_is_trained_with_now_is_compared_and_goes_on_with_the_evidence():
    (x, y, _), now = rows(), {"batch_size": 16, "learning_rate": 0.05, "epochs": 7}
    plan = ep.plan(build, x, y, budget="2 s", verbose=0, **now)
    assert plan.evidence.present == Setting(batch_size=16, learning_rate=0.05)
    assert [arm.setting for arm in plan.arms if arm.present] == [plan.evidence.present]
    assert plan.present_seconds.n_epochs == pytest.approx(7)
    assert "yours" in plan.batch_size.because
    again = ep.plan(build, x, y, evidence=plan, budget="2 s", verbose=0)
    assert again == plan
    with pytest.raises(ep.UsageError, match="`evidence` must be about the same present setting"):
        ep.plan(build, x, y, evidence=plan, batch_size=8, budget="2 s", verbose=0)


def test_another_present_setting_does_not_go_on_from_a_run_that_did_not_end(monkeypatch):
    (x, y, _), kept = rows(), []
    monkeypatch.setattr(face, "measure", lambda rig, *, keep, evidence, **_: (keep(evidence), kept.append(rig.present), 1 / 0))
    for now in ({}, {"batch_size": 16}, {"learning_rate": 0.05}, {"batch_size": 16}):
        with pytest.raises(ZeroDivisionError):
            ep.plan(build, x, y, budget="2 s", verbose=0, **now)
    assert [(now.batch_size, now.learning_rate) for now in kept] == [(32, 0.02), (16, 0.02), (32, 0.05), (16, 0.02)]


@pytest.mark.parametrize(("name", "value"), [("batch_size", 0), ("batch_size", 1.5), ("batch_size", True), ("epochs", 0),
                                             ("epochs", "20"), ("learning_rate", -1.0), ("learning_rate", float("nan"))])
def test_what_cannot_be_trained_with_is_refused_by_its_name(name, value):
    x, y, _ = rows()
    with pytest.raises(ep.UsageError, match=f"`{name}` must be a positive"):
        ep.plan(build, x, y, verbose=0, **{name: value})


def test_a_batch_beyond_the_rows_is_one_of_them_all_and_one_that_no_program_counts_is_refused():
    x, y, _ = rows()
    plan = ep.plan(build, x, y, batch_size=2**31 - 1, budget="2 s", verbose=0)
    assert plan.present_seconds.training.value > 0
    with pytest.raises(ep.UsageError, match="`batch_size` must be below 2,147,483,648; got 1000000000000"):
        ep.plan(build, x, y, batch_size=10**12, verbose=0)


def test_a_rate_beside_a_compiled_schedule_is_refused():
    model, (x, y, _) = build(), rows()
    model.compile(keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(0.02, 100)), "mse")
    with pytest.raises(ep.UsageError, match="`learning_rate` must be left out for a model compiled with a learning-rate schedule"):
        ep.plan(model, x, y, learning_rate=0.1, verbose=0)


@pytest.mark.parametrize("fixed", ["epoch", 3, ("batch_size", "x"), ("batch_size", "learning_rate", "epochs")])
def test_what_cannot_be_fixed_is_refused(fixed):
    x, y, _ = rows()
    with pytest.raises(ep.UsageError, match="`fixed` must be one of batch_size"):
        ep.plan(build, x, y, fixed=fixed, verbose=0)


def test_fixed_epochs_are_said():
    with pytest.raises(ep.UsageError, match=r"`fixed` must be beside how many epochs you train for; got 'epochs'. Pass epochs=20"):
        ep.plan(build, *rows()[:2], fixed="epochs", verbose=0)


def test_what_is_to_be_reached_is_a_metric_of_the_model_in_a_sentence_of_its_own(planned):
    plan, model = planned[0], build()
    x, y, weight = rows()
    found = ep.plan(model, x, y, sample_weight=weight, budget="2 s", evidence=plan, until="val_mae <= 100", verbose=0)
    assert (found.evidence.until.metric, found.evidence.until.value, found.evidence.until.at_least) == ("mae", 100.0, False)
    assert "reaches val_mae <= 100 with every seed" in found.headline
    missed = ep.plan(model, x, y, sample_weight=weight, budget="2 s", evidence=plan, until="mae<=1e-9", verbose=0)
    assert missed.headline.startswith("No setting reached val_mae <= 1e-09 with every seed (nearest: ")
    known = {id(run) for run in plan.evidence.curves}
    assert {id(run) for run in missed.evidence.curves} >= known          # decided on the same trainings


@pytest.mark.parametrize(("until", "sentence"), [
    ("val_accuracy>=0.9", r"`until` must be about one of loss, mae; got 'val_accuracy>=0.9'. Compile the model with that metric."),
    ("val_loss>=0.9", "`until` must be about a loss that is to be low"),
    ("val_mae", "`until` must be a validation metric, >= or <=, and a number; got 'val_mae'"),
    ("val_mae<=", "`until` must be a validation metric"),
    ("val_mae<=1e999", "`until` must be a validation metric"),
    ("val_mae==1", "`until` must be a validation metric"),
    (0.9, "`until` must be a validation metric")])
def test_what_cannot_be_reached_is_refused(until, sentence):
    x, y, _ = rows()
    with pytest.raises(ep.UsageError, match=sentence):
        ep.plan(build(), x, y, budget="2 s", until=until, verbose=0)


def test_without_validation_rows_of_the_users_own_every_part_of_the_rows_is_held_out_in_turn(planned):
    plan = planned[0]
    assert {run.fold for run in plan.evidence.of("present")} == {*range(min(5, len(plan.evidence.of("present"))))}
    assert all(len(run.blocks_a) == 4 for run in plan.evidence.of("present"))


def test_the_users_own_validation_rows_stay_and_whole_groups_take_turns_and_the_past_is_never_judged(tmp_path):
    x, y, _ = rows()
    _, data = ArraySource(build(), x, y, validation_data=(over(lambda a: a[:40], x), y[:40])).open(0)
    assert all(data.folds.all[turn].train.max() < len(y) for turn in data.folds.turns)
    lines = (f"{i},{i % 12 * 10 + i / 1000},{i % 12},{i % 2}" for i in range(120))
    (tmp_path / "t.csv").write_text("a,b,who,y\n" + "\n".join(lines))
    path = str(tmp_path / "t.csv")
    assert TableSource(path, target="y").open(0)[1].folds is not None
    assert TableSource(path, target="y", time="a").open(0)[1].folds is None
    _, data = TableSource(path, target="y", groups="who").open(0)
    b = data.folds.rows.x[:, 0]                                          # scaled, in the order that it has in the file
    who = np.unique(np.concatenate([b, data.test.x[:, 0]]), return_inverse=True)[1][: len(b)] // 10
    assert len(data.folds.turns) == 5
    assert 0 not in data.folds.turns
    for turn in data.folds.turns:
        train, *judged = (set(who[rows]) for rows in data.folds.all[turn])
        assert not train & set.union(*judged)


def test_classes_weigh_in_the_training_of_every_fold_and_not_in_judging():
    x, y = np.arange(40.0)[:, None], np.arange(40) % 2
    _, data = ArraySource(build(), x, y, class_weight={0: 1.0, 1: 3.0}).open(0)
    np.testing.assert_array_equal(data.folds.rows.weight, 1.0 + 2.0 * data.folds.rows.y)
    assert data.folds.weight is None


def test_a_network_of_ones_own_gets_a_target_of_numbers_as_it_stands(tmp_path):
    draw = np.random.default_rng(0)
    a = draw.normal(size=200)
    pd.DataFrame({"a": a, "y": 0.2 + 0.6 / (1 + np.exp(-2 * a))}).to_csv(tmp_path / "t.csv", index=False)
    (tmp_path / "own.py").write_text("import keras\n\ndef build():\n"
                                     "    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, 'sigmoid')])\n"
                                     "    model.compile('adam', 'mse')\n    return model\n")
    _, data = TableSource(str(tmp_path / "t.csv"), target="y", model=f"{tmp_path / 'own.py'}:build").open(0)
    assert 0.2 < data.train.y.min() < data.train.y.max() < 0.8
    assert any("Targets stay as they are" in note for note in data.notes)
    _, data = TableSource(str(tmp_path / "t.csv"), target="y").open(0)
    assert abs(float(data.train.y.mean())) < 1e-5


def test_groups_and_time_say_which_rows_are_held_out_or_are_refused():
    x, y = np.arange(120.0)[:, None], np.arange(120) % 2
    _, data = ArraySource(build(), x, y, groups=np.arange(120) // 6).open(0)
    assert not {*(data.train.x[:, 0] // 6)} & {*(data.half_a.x[:, 0] // 6), *(data.half_b.x[:, 0] // 6)}
    _, data = ArraySource(build(), x, y, time=-np.arange(120)).open(0)
    assert data.train.x.min() == 24
    for options, said in (({"groups": y, "time": y}, "given one at a time"),
                          ({"groups": np.arange(120) // 6, "validation_split": 0.2}, "where you hold rows out yourself"),
                          ({"time": np.arange(120), "validation_data": (x, y)}, "where you hold rows out yourself")):
        with pytest.raises(UsageError, match=said):
            ArraySource(build(), x, y, **options).open(0)
    with pytest.raises(UsageError, match="left out where x comes in batches"):
        ArraySource(build(), lambda batch_size: None, groups=y).open(0)


def test_plans_and_studies_take_groups_and_time(tmp_path):
    rng = np.random.default_rng(0)
    x, groups = rng.normal(size=(120, 5)).astype("float32"), np.arange(120) // 6
    y = x[:, :1]
    model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    plan = ep.plan(model, x, y, groups=groups, budget="3 s", verbose=0)
    assert any("whole groups of 20" in note for note in plan.evidence.task.notes)
    found = ep.study(model, x, y, time=np.arange(120), batch_sizes=[16, 32], learning_rates=[0.01], epochs=1, seeds=2,
                     trial_seeds=1, folder=tmp_path / "s", verbose=0)
    assert any("the latest ones" in note for note in found.task.notes)
