"""The lines of Python that train with a plan's answer, for a Keras script that has `model` and its arrays."""

import json

from .rows import is_recommended, recommended


def code_for(plan):
    """The lines to paste into a Keras script: the learning rate, fit with early stopping, predict.

    They leave the compiled model as it is and set at most its learning rate.

    Returns:
        Valid Python. It expects `model`, `x_train`, `y_train`, `x_val`, `y_val`, and `w_train` where rows are weighed, and leaves
        `history` and `y_hat`.
    """
    task, own = plan.evidence.task, plan.evidence.trains_with == "epochal"
    stopping = ", ".join(f"{name}={_literal(value)}" for name, value in plan.stopping.arguments().items())
    return "\n".join([
        f"# {_one_line(plan.headline)}",
        *([f"# Faster on another back end: {_one_line(plan.back_end)}"] if plan.back_end else []),
        *(["import epochal"] if own else []),
        "import keras",
        "",
        *_rows_of(task),
        *_compile(plan),
        *_watched(plan),
        *_switches(plan.switches),
        "history = epochal.fit(" if own else "history = model.fit(",
        f"    {'model, ' * own}x_train, y_train,",
        *(["    sample_weight=w_train,  # or class_weight={class: weight}"] if task and task.weighted else []),
        "    validation_data=(x_val, y_val),",
        f"    batch_size={_literal(plan.batch_size.value)},",
        f"    epochs={_literal(plan.epochs.value)},  # at most: early stopping ends the training before it overfits",
        f"    callbacks=[keras.callbacks.EarlyStopping({stopping})],",
        ")",
        f"y_hat = model.predict(x_val, batch_size={_literal(plan.predict_batch_size.value)})",
        "",
    ])


def _rows_of(task):
    """What the arrays hold where the rows were a table's, as comments: the numbers hold for rows made alike."""
    if task is None or not task.columns:
        return []
    lines = ["# x_train and the others are the table's columns as numbers, as the plan's notes say;",
             "# `epochal fit DATA --plan plan.json --out model.keras` makes them itself."]
    if (task.target_mean, task.target_scale) != (0, 1):
        lines += [f"# Targets are standardised: (target - {_literal(task.target_mean)}) / {_literal(task.target_scale)}; turn "
                  f"answers back by y_hat * {_literal(task.target_scale)} + {_literal(task.target_mean)}."]
    return lines


def _compile(plan):
    """The learning rate alone; of a compiled schedule comments, since how it was scaled is known, what is in it is not."""
    task, present, arm = plan.evidence.task, plan.evidence.present, recommended(plan)
    setting = arm.setting if arm is not None else present if present is not None and is_recommended(plan, present) else None
    start = "with the weights it had learnt" if task is not None and task.trained_before else "newly built"
    if setting is None or setting.schedule == "constant":
        rate = _literal(plan.learning_rate.value)
        if task is not None and task.optimizer == "MultiOptimizer" and present is not None:
            share = _literal(plan.learning_rate.value / present.learning_rate)
            return [f"for part in model.optimizer.optimizers:  # the model as you compiled it, {start}",
                    f"    part.learning_rate = float(part.learning_rate) * {share}"]
        return [f"model.optimizer.learning_rate = {rate}  # the model as you compiled it, {start}"]
    lines = [f"# Keep the model as you compiled it, with its {_one_line(setting.schedule)} schedule."]
    if present is not None and setting != present:
        share = f"{present.batch_size}/{setting.batch_size}"
        lines += [f"# Scale the whole schedule so that its highest rate is {_literal(setting.learning_rate)}, and let it",
                  f"# run over the same examples: multiply its numbers of steps by {share}."]
    return lines


def _watched(plan):
    """That the metric which early stopping watches has to be compiled, as a comment."""
    if plan.stopping.monitor == "val_loss":
        return []
    metric = plan.stopping.monitor.removeprefix("val_")
    ours = {"average_precision": "epochal.AveragePrecision()"}.get(metric, "")
    return [f"# The model has to be compiled with the metric {_one_line(metric)}"
            + (f": model.compile(..., metrics=[{ours}])." if ours else ", which early stopping watches.")]


def _switches(switches):
    """Keras' switches, before the first `fit`."""
    if switches is None:
        return []
    lines = [f"model.steps_per_execution = {_literal(switches.steps_per_execution)}"] if switches.steps_per_execution > 1 else []
    lines += ["model.jit_compile = True"] if switches.jit_compile else []
    return [f"{lines[0]}  # as in `compile`: the same updates, {switches.sooner:.2g} times sooner", *lines[1:]]


def _literal(value):
    if isinstance(value, str):
        return json.dumps(value)  # double quotes and \u escapes, which Python reads alike
    return f"{value:.6g}" if isinstance(value, float) else repr(value)


def _one_line(text):
    """Text that cannot end the comment it stands in."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
