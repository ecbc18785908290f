"""`EarlyStopping` without `restore_best_weights`, where the model is used afterwards and nothing else restores the best."""

from ..values import Story, ancestors, constant
from .asking import callbacks_of, fits, later
from .kind import Kind, Spot

_USES = frozenset(
    {
        "evaluate",
        "predict",
        "predict_on_batch",
        "save",
        "save_weights",
        "export",
        "predict_generator",
        "evaluate_generator",
        "predict_classes",
        "save_model",
        "to_json",
    }
)


def _look(story: Story):
    for fit in fits(story):
        callbacks = callbacks_of(fit)
        if any(one.last in ("ModelCheckpoint", "BackupAndRestore") or "heckpoint" in one.last for one in callbacks):
            continue
        for stopping in callbacks:
            if (
                stopping.last == "EarlyStopping"
                and stopping.path.startswith("keras")
                and _keeps_last(stopping)
                and _used(fit, story)
            ):
                yield Spot(
                    stopping.node,
                    "EarlyStopping stops some epochs after the best one and, without restore_best_weights=True, "
                    "leaves the weights of the last epoch: those are used afterwards.",
                )


def _keeps_last(stopping):
    restores = stopping.keywords.get("restore_best_weights")
    if restores is not None and constant(restores) is not False:
        return False
    if len(stopping.parents) > 6:
        return False
    quantity = constant(stopping.keywords.get("monitor"), stopping.parents[0].constant if stopping.parents else "val_loss")
    return isinstance(quantity, str) and quantity.startswith("val_")


def _used(fit, story):
    """Whether the model is used, handed on or returned after the training."""
    model = fit.receiver
    for event in later(fit, story):
        if event.name in _USES and (event.receiver is model or any(one is model for one in event.arguments)):
            return True
        if event.what == "call" and event.name in ("load_weights", "set_weights") and event.receiver is model:
            return False
        if (
            event.what == "call"
            and event.receiver is model
            and event.name == getattr(getattr(event.node, "func", None), "id", "")
        ):
            return True  # model(x)
        if event.what == "return" and any(one is model for value in event.arguments for one in ancestors(value, most=100)):
            return True
    return False


KIND = Kind(
    "last-weights-kept",
    "advice",
    "EarlyStopping without restore_best_weights",
    "Write EarlyStopping(..., restore_best_weights=True).",
    """model.fit(x, y, validation_split=0.2, epochs=100, callbacks=[EarlyStopping(patience=5)])
model.save("best.keras")""",
    """model.fit(x, y, validation_split=0.2, epochs=100, callbacks=[EarlyStopping(patience=5, restore_best_weights=True)])
model.save("best.keras")""",
    _look,
)
