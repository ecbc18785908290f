"""Which epoch's weights `epochal fit` has kept, as it is told after early stopping."""

from types import SimpleNamespace

from epochal.records import Stopping
from epochal.services.fit import _best


def history(values, name="val_loss", first=0):
    return SimpleNamespace(history={name: values}, epoch=list(range(first, first + len(values))))


def test_the_best_epoch_is_the_lowest_loss_and_never_nan():
    plan = SimpleNamespace(stopping=Stopping(patience=3))
    assert _best(plan, history([3.0, 1.0, float("nan"), 1.0])) == ("val_loss", 2)
    assert _best(plan, history([3.0, 1.0], first=10)) == ("val_loss", 12)  # a training that went on after a kill


def test_of_a_metric_of_which_more_is_better_it_is_the_highest():
    plan = SimpleNamespace(stopping=Stopping(patience=3, monitor="val_auc", mode="max"))
    assert _best(plan, history([0.5, 0.9, 0.7], "val_auc")) == ("val_auc", 2)
