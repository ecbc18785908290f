"""What is tested of a training with its model and data: each test is one question, and what cannot be asked is said."""

import warnings
from collections.abc import Callable, Iterator

import numpy as np

from ..base.errors import Advice
from ..base.text import counted
from ..probes.batches.batch_norm import gap_of
from ..probes.critical_rate import critical_rate
from ..probes.trained.courses import at_lower_rates, courses
from ..probes.trained.reference import reference
from ..records import Finding, History, Unchecked
from ..rules.diagnosis import rows, tested
from ..rules.diagnosis.seen import level, seen
from ..seam.model.copying import is_builder
from ..seam.rigs.keras_rig import open_rig
from ..seam.rows import leaves
from .source import ArraySource, TableSource

_MOST_EPOCHS = 300
_BLOCKS = 20          # of validation rows, that two kinds of model are compared on
_SHARES = {"courses": 0.4, "orders": 0.2, "rates": 0.25}  # of the budget


def tests_of(source: ArraySource | TableSource, history: History, seconds: float, seed: int,
             tell: Callable[[float, str], None]) -> tuple[Finding | Unchecked, ...]:
    """Findings of all tests, and what could not be tested. The user's model is only read: rigs copy it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Advice)  # what it would say is among the findings
        model, data = source.open(seed)
    known, answers = history.known, list(_of_rows(source, data, tell))
    now = known.batch_size or 32, known.learning_rate
    fresh = open_rig(model, data, *now, start="fresh")
    answers += _of_new_trainings(fresh, history, seconds, seed, tell)
    if is_builder(model) or not _has_learnt(model):
        answers.append(Unchecked("the trained model", "what was passed builds a new model: pass the trained one to have its "
                                 "batch-norm, its rare classes and its fit tested as it stands."))
    else:
        here = open_rig(model, data, *now, start="here")
        answers += _of_the_model(here, data, history, seed, tell)
    return tuple(one for one in answers if one is not None)


def _has_learnt(model):
    return (model.built and getattr(model.optimizer, "built", False)) or (model.built and len(model.weights) > 0)


def _of_rows(source, data, tell):
    """What the rows alone show."""
    tell(0.02, "looking at the rows")
    train, held = data.train, (data.half_a, data.half_b)
    if all(isinstance(one, np.ndarray) for one in (train.x, train.y)):
        x, y = train.x.reshape(len(train.x), -1), train.y
        y = y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y.argmax(1) if y.ndim == 2 and y.dtype.kind in "iuf" else y
        yield rows.answer_among_inputs(x, y) if x.shape[1] <= 2000 else Unchecked(
            "leakage", f"{x.shape[1]:,} inputs a row are too many to look at each for the target.")
        yield rows.in_both(x, np.concatenate([part.x.reshape(len(part.x), -1) for part in held]))
    else:
        yield Unchecked("leakage", "inputs that are no single array are not looked at one by one.")
    if isinstance(source, ArraySource) and source.validation_split and len(targets := leaves(source.y)) == 1:
        cut = len(targets[0]) - int(len(targets[0]) * source.validation_split)
        yield rows.in_order(np.asarray(targets[0])[:cut], np.asarray(targets[0])[cut:])


def _of_new_trainings(rig, history, seconds, seed, tell) -> Iterator[Finding | Unchecked | None]:
    """What trainings from new weights show: overfitting, how much chance there is, whether a lower rate does better."""
    epochs = min(max(history.n_epochs, 1), _MOST_EPOCHS)
    tell(0.1, "training anew, with other seeds")
    made = courses(rig, epochs=epochs, seed=seed, seconds=_SHARES["courses"] * seconds)
    if made is None:
        yield Unchecked("overfitting by a test", f"{counted(epochs, 'epoch')} with four seeds take longer than the budget: pass a "
                        "larger one.")
    elif made.diverged and not made.n_epochs:
        yield Unchecked("overfitting by a test", "every training from new weights ended in losses that are not finite.")
    else:
        if made.n_epochs < made.wanted:
            yield Unchecked("overfitting to the end", f"{made.n_epochs} of {made.wanted} epochs fit into the budget; what is said "
                            "of overfitting is of these.")
        yield tested.overfits(made.losses)
    tell(0.4, "training anew, with the rows in other orders")
    state = rig.fresh(seed)
    made = courses(rig, epochs=epochs, seed=seed + 1, seconds=_SHARES["orders"] * seconds, state=state)
    yield Unchecked("noise", "trainings with other orders of the rows take longer than the budget.") \
        if made is None or made.losses.shape[0] < 3 else tested.order_matters(made.losses)
    tell(0.6, "training at lower rates")
    before, after = max(1, min(epochs // 3, 20)), max(2, min(epochs // 3, 20))
    branches = at_lower_rates(rig, epochs=after, before=before, seed=seed, seconds=_SHARES["rates"] * seconds)
    if branches is None or not branches[0][1.0].size:
        yield Unchecked("rate too high by a test", "branches at lower rates take longer than the budget: pass a larger one.")
    else:
        reading = critical_rate(rig, seed=seed, seconds=0.1 * seconds)
        critical = (reading.value, reading.low, reading.high) if reading.known else None
        yield tested.rate_too_high(*branches, rig.present.learning_rate, critical)


def _of_the_model(rig, data, history, seed, tell) -> Iterator[Finding | Unchecked | None]:
    """What the trained model shows as it stands."""
    tell(0.85, "looking at the trained model")
    state = rig.fresh(seed)
    gap = gap_of(rig, state, seed=seed)
    if gap is not None and np.isfinite([gap.moving, gap.reestimated]).all():
        yield tested.statistics_lag(gap)
    classes = rig.classes()
    if classes is not None and len(classes):
        yield tested.rare_class(*_answers(rig, state, classes), rig.present.batch_size, history.n_epochs)
    tell(0.92, "fitting gradient boosting to the same rows")
    yield _beside_boosting(rig, state, data, history, seed)


def _answers(rig, state, classes):
    """`(rows of each class, how many are answered right)` among the training rows; answers of at most 20,000 of them."""
    some = np.random.default_rng(0).permutation(len(classes))[:20_000]
    outputs = rig.predicted(state, some, min(1024, len(some)))
    given = np.asarray(outputs[0])
    n = int(classes.max()) + 1
    given = given.reshape(len(some), -1)
    answers = (given[:, 0] > 0.5).astype(int) if given.shape[1] == 1 else given.argmax(1)
    right = classes[some][answers == classes[some]]
    return np.bincount(classes, minlength=max(n, 2)).tolist(), np.bincount(right, minlength=max(n, 2)).tolist()


def _beside_boosting(rig, state, data, history, seed):
    judged = (data.half_a, data.half_b)
    kind = rig.task.kind
    if any(part.weight is not None for part in (data.train, *judged)) or kind not in ("binary", "multiclass", "regression"):
        return Unchecked("underfitting by a test", "gradient boosting is not compared on weighted rows, or other targets.")
    other = reference(data.train, judged, kind, seed=seed)
    constant = rig.constant()
    if other is None or constant is None:
        return Unchecked("underfitting by a test", "gradient boosting takes one table of numbers and one target.")
    ours, theirs = float(np.asarray(constant)[:2, 0].mean()), float(other.constant.mean())
    if not 0.8 < ours / max(theirs, 1e-12) < 1.25:
        return Unchecked("underfitting by a test", "the compiled loss is neither cross entropy nor squared error, by which "
                         "gradient boosting is judged.")
    n_a, n_b = (part.n_rows for part in judged)
    n = max(1, min(n_a, n_b) // (_BLOCKS // 2))
    blocks = [[np.arange(i, i + n) for i in range(0, size - n + 1, n)] for size in (n_a, n_b)]
    own = np.concatenate(rig.judge(state, blocks)[:2])
    places = [*blocks[0], *(block + n_a for block in blocks[1])]
    return tested.underfits(np.asarray(own, float), np.array([other.losses[at].mean() for at in places]),
                            np.array([other.constant[at].mean() for at in places]), _training_loss(history))


def _training_loss(history):
    curves = seen(history)
    return float("nan") if history.known.class_weighted or not curves.loss.size else level(curves.loss)
