"""The lines to paste into a Keras script are Python, do what the plan says, and do no harm to what it does not know."""

import ast
import dataclasses
import os

os.environ.setdefault("KERAS_BACKEND", "jax")

import keras
import numpy as np
import pytest
from report.report_plans import PRESENT, TASK, arms, plan

from epochal.records import Choice, Setting, Stopping
from epochal.report import code_for


def exactly(value):
    return Choice(value=value, low=value, high=value, because="")


def run(made, optimizer="adam", **more):
    """Execute the lines as a user's script would; returns the namespace afterwards."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, activation="softmax")])
    model.compile(optimizer=optimizer, loss="sparse_categorical_crossentropy")
    generator = np.random.default_rng(0)
    x, y = generator.normal(size=(24, 4)).astype("float32"), np.arange(24, dtype="int32") % 3
    scope = {"model": model, "x_train": x, "y_train": y, "x_val": x, "y_val": y, **more}
    exec(compile(ast.parse(code_for(made)), "pasted", "exec"), scope)
    return scope


def small(**changes):
    return plan(**{"batch_size": exactly(8), "learning_rate": exactly(0.0031622776601683794), "epochs": exactly(4),
                   "predict_batch_size": exactly(16), "stopping": Stopping(patience=9), **changes})


def test_the_lines_train_with_the_plan():
    scope = run(small())
    model, history = scope["model"], scope["history"]
    assert isinstance(model.optimizer, keras.optimizers.Adam)
    assert float(model.optimizer.learning_rate) == pytest.approx(0.00316228)
    assert int(model.optimizer.iterations) == 4 * 3  # four epochs of three batches of eight
    assert len(history.history["val_loss"]) == 4
    assert scope["y_hat"].shape == (24, 3)


def test_weights_that_were_measured_with_are_trained_with():
    weighed = small(task=dataclasses.replace(TASK, weighted=True))
    plain = run(small())["history"].history["loss"]
    assert run(weighed, w_train=np.ones(24))["history"].history["loss"] == pytest.approx(plain)
    assert run(weighed, w_train=np.full(24, 2.0))["history"].history["loss"][0] > 1.2 * plain[0]


def test_predict_has_a_batch_size_of_its_own():
    assert code_for(small()).rstrip().endswith("model.predict(x_val, batch_size=16)")


@pytest.mark.parametrize("task", [dataclasses.replace(TASK, optimizer="MyOwn"), dataclasses.replace(TASK, kind="custom"),
                                  None])
def test_a_model_that_names_cannot_rebuild_is_left_as_compiled_but_for_its_rate(task):
    own = keras.optimizers.SGD(0.5, momentum=0.9)
    scope = run(small(task=task), own)
    assert scope["model"].optimizer is own
    assert float(own.learning_rate) == pytest.approx(0.00316228)


def test_a_schedule_of_the_user_is_kept():
    setting = Setting(batch_size=8, learning_rate=0.01, schedule="CosineDecay")
    arm = dataclasses.replace(arms()[0], setting=setting)
    code = code_for(small(learning_rate=exactly(0.01), arms=(arm,)))
    assert "CosineDecay" in code
    assert "highest rate is 0.01," in code
    assert "steps by 32/8." in code
    assert "learning_rate" not in code
    assert ".compile(" not in code


@pytest.mark.parametrize("text", ["two\nimport nothing_at_all", "a\rraise SystemExit", "quote \" ' \\",
                                  "null \0 and \x85 and \u2028x"])
def test_no_text_of_the_user_becomes_code(text):
    trees = [ast.parse(code_for(plan(headline=headline))) for headline in (text, "x")]
    assert ast.dump(trees[0]) == ast.dump(trees[1])


def test_the_method_of_the_plan_is_this():
    assert plan().code() == code_for(plan())
    assert PRESENT.batch_size != 256
    assert "batch_size=256," in plan().code()
