"""`batch_size` given with what cuts its own batches: it has no effect, or is refused."""

from ..values import Story, constant, is_none
from .asking import cuts_batches, fits, is_model, x_of
from .kind import Kind, Spot


def _look(story: Story):
    for event in [*fits(story), *(one for one in story.calls("evaluate", "predict") if is_model(one.receiver))]:
        size = event.keywords.get("batch_size") or event.argument(
            "batch_size", {"fit": 2, "evaluate": 2, "predict": 1}.get(event.name)
        )
        if size is None or is_none(size) or not (isinstance(constant(size), int) or size.names or size.kind == "operation"):
            continue
        what = cuts_batches(x_of(event))
        if what:
            yield Spot(
                event.node,
                f"batch_size is given to {event.name}, but its data is a {what} that cuts its own batches: Keras "
                "ignores the number, or refuses it.",
            )


KIND = Kind(
    "batch-size-ignored",
    "advice",
    "batch_size beside a dataset or generator",
    "Leave batch_size out here, and set it where the batches are made (.batch(64), batch_size of the loader).",
    """data = tf.data.Dataset.from_tensor_slices((x, y)).batch(32)
model.fit(data, batch_size=256, epochs=10)""",
    """data = tf.data.Dataset.from_tensor_slices((x, y)).batch(256)
model.fit(data, epochs=10)""",
    _look,
)
