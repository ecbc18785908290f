"""Gradient accumulation in a model with batch-norm: the statistics are those of the small batches, not of the large one."""

import ast

from ..values import Story, Value, ancestors, constant, is_none
from .asking import bases
from .kind import Kind, Spot

_WITH_BATCH_NORM = ("ResNet", "EfficientNet", "MobileNet", "DenseNet", "Inception", "Xception", "NASNet", "RegNet")


def _look(story: Story):
    for event in story.calls("compile"):
        optimizer = event.argument("optimizer", 0)
        for one in ancestors(optimizer, most=200):
            steps = one.keywords.get("gradient_accumulation_steps")
            if is_none(steps) or constant(steps) == 1:
                continue
            if normalises(event.receiver):
                yield Spot(
                    one.node,
                    "gradient_accumulation_steps sums gradients over several batches, but batch-norm still takes its "
                    "mean and variance from each small batch: it is not the same as training with the large one.",
                )
                break


def normalises(model: Value | None, depth: int = 0) -> bool:
    """Whether a model is known to hold batch-norm."""
    for one in ancestors(model):
        if one.kind == "call" and one.last == "BatchNormalization":
            return True
        if one.kind == "model" and one.path.startswith("keras.applications") and one.last.startswith(_WITH_BATCH_NORM):
            frozen = constant(one.attributes.get("trainable")) is False
            if not frozen:
                return True
        if one.kind in ("model", "instance", "class") and isinstance(one.definition, ast.ClassDef):
            named = {name for node in ast.walk(one.definition) for name in (getattr(node, "id", ""), getattr(node, "attr", ""))}
            if "BatchNormalization" in named:
                return True
            if depth < 3 and any(normalises(value, depth + 1) for value in one.attributes.values()):
                return True
            if any(
                "BatchNormalization" in ast.dump(parent.definition)
                for parent in bases(one)
                if isinstance(parent.definition, ast.ClassDef)
            ):
                return True
    return False


KIND = Kind(
    "accumulated-batch-norm",
    "advice",
    "gradient accumulation in a model with batch-norm",
    "Use GroupNormalization or LayerNormalization, or a batch that fits without accumulation.",
    """model = Sequential([Conv2D(16, 3), BatchNormalization(), Flatten(), Dense(10)])
model.compile(Adam(gradient_accumulation_steps=4), "mse")""",
    """model = Sequential([Conv2D(16, 3), GroupNormalization(4), Flatten(), Dense(10)])
model.compile(Adam(gradient_accumulation_steps=4), "mse")""",
    _look,
)
