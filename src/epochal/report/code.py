"""The lines of Python that train with a plan's answer, for a Keras script that has `model` and its arrays."""

import json

from .rows import recommended

# Keras' optimizers that can be made from a learning rate alone (those that wrap another optimizer cannot).
_OPTIMIZERS = ("Adadelta", "Adafactor", "Adagrad", "Adam", "AdamW", "Adamax", "Ftrl", "Lamb", "Lion", "Muon", "Nadam",
               "RMSprop", "SGD")
# Compiled metrics whose name alone is enough for `compile` to make them again.
_METRICS = ("accuracy", "binary_accuracy", "categorical_accuracy", "sparse_categorical_accuracy", "mae", "mse",
            "mean_absolute_error", "mean_squared_error", "root_mean_squared_error", "auc", "r2_score")


def code_for(plan):
    """The lines to paste into a Keras script: compile, fit with early stopping, predict.

    Args:
        plan: a `Plan`. Names are all that it knows of the optimizer and the loss; where a name is not enough to make
            them again (a custom loss, an optimizer of the user's own, a learning-rate schedule), the lines leave the
            compiled model as it is and set at most its learning rate.

    Returns:
        Valid Python. It expects `model`, `x_train`, `y_train`, `x_val` and `y_val`, and leaves `history` and `y_hat`.
    """
    stopping = ", ".join(f"{name}={_literal(value)}" for name, value in plan.stopping.arguments().items())
    return "\n".join([
        f"# {_one_line(plan.headline)}",
        "import keras",
        "",
        *_compile(plan),
        "history = model.fit(",
        "    x_train, y_train,",
        "    validation_data=(x_val, y_val),",
        f"    batch_size={_literal(plan.batch_size.value)},",
        f"    epochs={_literal(plan.epochs.value)},  # at most: early stopping ends the training before it overfits",
        f"    callbacks=[keras.callbacks.EarlyStopping({stopping})],",
        ")",
        f"y_hat = model.predict(x_val, batch_size={_literal(plan.predict_batch_size.value)})",
        "",
    ])


def _compile(plan):
    task, arm = plan.evidence.task, recommended(plan)
    if arm is not None and arm.setting.schedule != "constant":
        return _schedule(plan, arm)
    rate = _literal(plan.learning_rate.value)
    optimizer = task and next((name for name in _OPTIMIZERS if name.lower() == task.optimizer.lower()), None)
    if optimizer is None or task.kind == "custom":
        return ["# The rest of the model stays as you compiled it.", f"model.optimizer.learning_rate = {rate}"]
    metrics = [name for name in task.metrics if name in _METRICS]
    return [
        "# Repeat here what else you gave to your optimizer and loss, such as momentum or from_logits.",
        "model.compile(",
        f"    optimizer=keras.optimizers.{optimizer}(learning_rate={rate}),",
        f"    loss={_literal(task.loss)},",
        *([f"    metrics=[{', '.join(map(_literal, metrics))}],"] if metrics else []),
        ")",
    ]


def _schedule(plan, arm):
    """Comments alone: how a compiled schedule was scaled is known, what is in it is not."""
    lines = [f"# Keep the model as you compiled it, with its {_one_line(arm.setting.schedule)} schedule."]
    present = plan.evidence.present
    if present is not None and arm.setting != present:
        share = f"{present.batch_size}/{arm.setting.batch_size}"
        lines += [f"# Scale the whole schedule so that it begins at {_literal(arm.setting.learning_rate)}, and let it",
                  f"# run over the same examples: multiply its numbers of steps by {share}."]
    return lines


def _literal(value):
    if isinstance(value, str):
        return json.dumps(value)  # double quotes and \u escapes, which Python reads alike
    return f"{value:.6g}" if isinstance(value, float) else repr(value)


def _one_line(text):
    """Text that cannot end the comment it stands in."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
