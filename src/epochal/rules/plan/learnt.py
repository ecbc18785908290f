"""Whether anything was learnt, and where nothing was, the likeliest cause."""

import math

from ...base.stats import mean_interval
from ...base.text import difference as difference_of
from ...base.text import number
from ..margin import without_learning
from .quality import cross_fitted

_FAR = {"regression": 10.0}  # times the loss of the best constant answer, that an untrained network has where rows are not scaled
_FAR_OF_CLASSES = 3.0        # the same, or times that of a coin
_BY_HEART = 0.7              # of the loss of the best constant answer: training losses below it have learnt the training rows


def nothing_learnt(evidence, arms):
    """Sentences where no setting came below what a constant answer reaches, or the untrained network; else nothing. Nothing also
    where rows are weighted in training, perhaps otherwise than in judging: then another answer is meant to be learnt.

    Args:
        evidence: with `"untrained_loss"`. arms: the settings that were compared, not all of which diverged.
    """
    least, without = min(arm.quality for arm in arms if arm.quality is not None), without_learning(evidence)
    if evidence.task.trained_before:
        return _no_better_than_before(evidence)
    if least < without or evidence.task.weighted:
        return ""
    task = evidence.task
    return (f"Nothing was learnt: {task.judged_in} {number(task.as_judged(least))} at best, {number(task.as_judged(without))} for "
            f"always the same answer. {_cause(evidence, without)}")


def _no_better_than_before(evidence):
    """A sentence where no setting was shown to be better than the weights that all of them started from; else nothing.

    A run counts by its difference from the loss before training on the same rows, and the rows held out in turn as one each.
    """
    start, runs = evidence.get("untrained_loss"), {}
    before = dict(start.details)
    for stage in ("present", "confirm"):
        for curve in evidence.of(stage):
            difference = cross_fitted(curve) - before.get(f"fold {curve.fold}", start.value)
            runs.setdefault(curve.setting, {}).setdefault(curve.fold, []).append(difference)
    found = [mean_interval([sum(of) / len(of) for of in (folds.values() if len(folds) > 1 else [[d] for d in folds.popitem()[1]])])
             for folds in runs.values() if all(math.isfinite(d) for of in folds.values() for d in of)]
    found = [one for one in found if math.isfinite(one[2] - one[1])]  # of two trainings or more
    if not found:
        return ""  # every setting has runs that diverged, which is said elsewhere
    mean, low, high = min(found)
    if high < 0:
        return ""
    task = evidence.task
    shown = f"{task.judged_in} {difference_of(*task.apart(mean, low, high))} beside {number(task.as_judged(start.value))} before"
    if low > 0:
        return f"Training makes it worse: {shown}, at best. Keep the weights as they are, or plan from a lower learning rate."
    return f"No setting was shown to be better than before training: {shown}, at best. Allow more validation rows, or more time."


def _cause(evidence, without):
    untrained, kind = evidence.get("untrained_loss").value, evidence.task.kind
    coin = 0.0 if kind == "regression" else math.log(2)
    if evidence.task.decides != "loss":
        return "Are inputs scaled, targets right, last layer and loss made for them? `--metric val_loss` may show more."
    if kind != "custom" and untrained > _FAR.get(kind, _FAR_OF_CLASSES) * max(without, coin):
        what = "inputs and targets" if kind == "regression" else "inputs"
        return f"Scale the {what}, likeliest: before training the loss is {number(untrained)}."
    trained = [curve.train_loss[-1] for stage in ("present", "confirm") for curve in evidence.of(stage) if curve.train_loss]
    if trained and min(trained) < _BY_HEART * without:
        return f"Only the training rows were (loss {number(min(trained))}): does each target belong to its row?"
    return "Training loss does not fall either: are inputs scaled, targets right, last layer and loss made for them?"
