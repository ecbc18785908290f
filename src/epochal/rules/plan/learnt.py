"""Whether anything was learnt, and where nothing was, the likeliest cause."""

import math

from ...base.text import number
from ..margin import without_learning

_FAR = {"regression": 10.0}  # times the loss of the best constant answer, that an untrained network has where rows are not scaled
_FAR_OF_CLASSES = 3.0        # the same, or times that of a coin
_BY_HEART = 0.7              # of the loss of the best constant answer: training losses below it have learnt the training rows


def nothing_learnt(evidence, arms):
    """Sentences where no setting came below what a constant answer reaches, or the untrained network; else nothing.

    Args:
        evidence: with `"untrained_loss"`. arms: the settings that were compared, not all of which diverged.
    """
    least, without = min(arm.quality for arm in arms if arm.quality is not None), without_learning(evidence)
    if least < without:
        return ""
    return (f"Nothing was learnt: no validation loss ({number(least)} at best) is below that of an answer that is always the same "
            f"({number(without)}). {_cause(evidence, without)}")


def _cause(evidence, without):
    untrained, kind = evidence.get("untrained_loss").value, evidence.task.kind
    coin = 0.0 if kind == "regression" else math.log(2)
    if kind != "custom" and untrained > _FAR.get(kind, _FAR_OF_CLASSES) * max(without, coin):
        what = "inputs or targets" if kind == "regression" else "inputs"
        return (f"Likeliest cause: {what} that are not scaled, since the loss before training is {number(untrained)}; bring each "
                "column to mean 0 and standard deviation 1.")
    trained = [curve.train_loss[-1] for stage in ("present", "confirm") for curve in evidence.of(stage) if curve.train_loss]
    if trained and min(trained) < _BY_HEART * without:
        return (f"Training losses do fall (to {number(min(trained))}), so the training rows alone were learnt: see that each "
                "target belongs to its row, and whether the inputs can tell it at all.")
    return ("Training losses do not fall either: see that the inputs are scaled, that each target belongs to its row, and that "
            "the last layer and the loss are made for such targets.")
