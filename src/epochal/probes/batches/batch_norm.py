"""How far the moving statistics of batch-norm lag behind the weights."""

import math
from time import perf_counter

import numpy as np

from ...base.seeds import stream
from ...base.stats import mean_interval
from ...base.text import counted, number
from ...base.validate import require
from ...engine.lanes import order
from ...records import Outcome, Reading, StatisticsGap
from ...rules.moving_statistics import pooled, updates_to_warm, warm_momentum, weight_left
from ...rules.scaling import steps_per_epoch
from ..probe import LEAST_BUDGET, Probe

_BLOCKS = 15           # of equally many rows in each half of the validation rows
_FEWEST_BLOCKS = 5     # of both halves together: fewer make no interval
_NOTHING = 1e-5        # a share that is told as none
_MOST_BATCHES = 64     # that statistics are estimated anew from


def batch_norm_lag(rig, *, seed=0, epochs=10, seconds=math.inf):
    """How much worse the validation loss is with Keras' moving statistics than with statistics estimated anew for the same weights.

    Batch-norm's moving statistics begin with mean 0 and variance 1, of which momentum^n is left after n updates (0.99^80 =
    45 %), and then lag behind the weights. Training does not use them; validation, `evaluate` and `predict` do, so that few
    updates, as of large batches, look like overfitting (Wu & Johnson 2021, arXiv:2105.07576). Trained is at the present
    setting; judged after 1, 2, 4, … epochs and after the last. Anew they are estimated from batches of the present size of
    training rows, in training mode with its dropout: the mean of their means, and the mean of their variances plus the
    variance of their means.

    Args:
        epochs: most that are trained. seconds: budget, beside compiling; epochs are left out, down to one.

    Returns:
        A `Reading` in the unit of the loss (where a metric decides: of one less the metric): positive where the moving
        statistics make it look worse. Its interval is Student's over blocks of validation rows, paired, for these weights:
        another seed trains others. Points are `StatisticsGap`s. Details: `updates`, `updates_an_epoch`, `momentum` (the
        highest of a layer), `initial_weight` after all updates and `initial_weight_an_epoch` after those of one epoch,
        `updates_to_warm` (to 1 %), `warm_momentum` and `warm_momentum_an_epoch` (the largest that leaves 1 % after as many),
        `moving`, `reestimated` (the losses) and `layers`. `UNSUPPORTED` where no batch-norm layer trains, or one has
        momentum 1; `UNRESOLVED` where validation rows are too few, or an epoch takes longer than the budget; `DIVERGED`
        where a loss is not finite.
    """
    require(epochs >= 1, "epochs", epochs, "at least one epoch")
    state = rig.fresh(seed)
    momenta = [layer.momentum for layer in rig.moving_statistics(state)]
    if not momenta:
        return _without(Outcome.UNSUPPORTED, "the model has no batch-norm layer that trains: nothing lags")
    if max(momenta) >= 1:
        return _without(Outcome.UNSUPPORTED, "a batch-norm layer has a momentum of 1: its moving statistics never change")
    blocks = _blocks(rig, seed)
    if sum(map(len, blocks)) < _FEWEST_BLOCKS:
        return _without(Outcome.UNRESOLVED, f"{rig.task.n_validation} validation rows are too few to compare losses on")
    an_epoch, momentum = steps_per_epoch(rig.n_examples, _size(rig)), max(momenta)
    points, taken, done, rates = [], 0.0, 0, rig.present_schedule(epochs * an_epoch)
    while done < epochs:
        at = done * an_epoch
        state, spent = _epoch(rig, state, order(seed, done, rig.n_examples), rates[at : at + an_epoch], first=done == 0)
        done, taken = done + 1, taken + spent
        if done == 1 and 2 * taken > seconds:
            return _without(Outcome.UNRESOLVED, f"an epoch takes {taken:.2g} s: the budget does not allow one and its judging")
        last = done == epochs or taken / done * (done + 1) * 2 > seconds
        if last or done & (done - 1) == 0:
            begun = perf_counter()
            points.append(_gap(rig, state, blocks, seed, done * an_epoch, weight_left(momentum, done * an_epoch)))
            if not np.isfinite([points[-1].moving, points[-1].reestimated]).all():
                return _without(Outcome.DIVERGED, f"the validation loss is infinite or not a number after {counted(done, 'epoch')}")
            taken += (perf_counter() - begun) * (len(points) > 1)  # the first one compiles
        if last:
            break
    now, n = points[-1], done * an_epoch
    return Reading(
        name="batch_norm_lag", value=now.gap, low=now.low, high=now.high, repeats=sum(map(len, blocks)), points=tuple(points),
        details=tuple((name, float(figure)) for name, figure in (
            ("updates", n), ("updates_an_epoch", an_epoch), ("momentum", momentum), ("initial_weight", weight_left(momentum, n)),
            ("initial_weight_an_epoch", weight_left(momentum, an_epoch)), ("updates_to_warm", updates_to_warm(momentum)),
            ("warm_momentum", min(momentum, warm_momentum(n))), ("warm_momentum_an_epoch", min(momentum, warm_momentum(an_epoch))),
            ("moving", now.moving), ("reestimated", now.reestimated), ("layers", len(momenta)))),
        note=f"{counted(epochs - done, 'epoch')} of {epochs} left out, to stay inside the budget" if done < epochs else "")


def reestimated(rig, state, batches):
    """The state with the statistics of these batches of rows instead of its moving ones; weights and all else as they are.

    Read off updates at a learning rate of 0 that begin with statistics of 0, so that they hold (1 - momentum) times those of
    the batch: exact but for the rounding of one product.
    """
    layers = rig.moving_statistics(state)
    empty = rig.with_moving_statistics(state, [(0 * layer.mean, 0 * layer.variance) for layer in layers])
    found = []
    for rows in batches:
        after = rig.moving_statistics(rig.step(empty, rows, 0.0)[0])
        found.append([(layer.mean / (1 - layer.momentum), layer.variance / (1 - layer.momentum)) for layer in after])
    sizes = [len(rows) for rows in batches]
    return rig.with_moving_statistics(state, [pooled(*zip(*of_layer, strict=True), sizes) for of_layer in zip(*found, strict=True)])


def _epoch(rig, state, places, rates, *, first):
    """`(state, seconds)` after an epoch; the seconds of the first one are without its first and last update, which compile."""
    size, loss, begun = _size(rig), 0.0, perf_counter()
    counting = range(1, len(rates) - 1) if first else range(len(rates))
    for j, rate in enumerate(rates):
        if first and j in (1, len(rates) - 1):
            float(loss)  # waits
            spent, begun = perf_counter() - begun, perf_counter()
        state, loss = rig.step(state, places[j * size : (j + 1) * size], rate)
    float(loss)
    if first:
        return state, spent * len(rates) / len(counting) if counting else 0.0
    return state, perf_counter() - begun


def gap_of(rig, state, *, seed=0):
    """The `StatisticsGap` of a model as it stands: judged with its moving statistics, and with those of training rows.

    `None` where no batch-norm layer trains, or validation rows are too few. Updates and weight are those of no training: 0.
    """
    momenta, blocks = [layer.momentum for layer in rig.moving_statistics(state)], _blocks(rig, seed)
    if not momenta or max(momenta) >= 1 or sum(map(len, blocks)) < _FEWEST_BLOCKS:
        return None
    return _gap(rig, state, blocks, seed, 0, 0.0)


def _gap(rig, state, blocks, seed, n_updates, weight):
    size = _size(rig)
    rows = stream(seed, "batch_norm_lag", n_updates).permutation(rig.n_examples)
    batches = [rows[i * size : (i + 1) * size] for i in range(min(rig.n_examples // size, _MOST_BATCHES))]
    moving, anew = (np.concatenate(rig.judge(which, blocks)[:2]) for which in (state, reestimated(rig, state, batches)))
    gap, low, high = mean_interval(moving - anew)
    return StatisticsGap(n_updates=n_updates, weight=weight, moving=float(moving.mean()), reestimated=float(anew.mean()), gap=gap,
                         low=float(low), high=float(high))


def _blocks(rig, seed):
    """Blocks of equally many validation rows of each half, drawn at random: rows may be in an order of their own."""
    n = rig.task.n_validation // 2
    size = max(1, n // _BLOCKS)
    drawn = [stream(seed, "batch_norm_lag", half).permutation(n) for half in ("a", "b")]
    return tuple([rows[i * size : (i + 1) * size] for i in range(min(n // size, _BLOCKS))] for rows in drawn)


def _size(rig):
    return min(rig.present.batch_size, rig.n_examples)


def _sentences(reading, rig):
    d, what, warm = dict(reading.details), rig.task.judged_in, reading.detail("warm_momentum")
    share = f"{number(100 * d['initial_weight'])} %" if d["initial_weight"] > _NOTHING else "practically nothing"
    left = (f"After {counted(int(d['updates']), 'update')} at batch size {rig.present.batch_size:,}, {share} of what the moving "
            f"statistics of batch-norm began with is left (momentum {d['momentum']:g}), ")
    gap = "{:+.2g} ({:+.2g} to {:+.2g})".format(*rig.task.apart(reading.value, reading.low, reading.high))
    if reading.low > 0:
        momentum = f", and BatchNormalization(momentum={warm:g}) would have left 1 % by then" if warm < d["momentum"] else ""
        means = (f"{left}which changes the {what} by {gap}: early epochs look worse than the weights are, more so with "
                 "larger batches; "
                 f"`epochal.reestimate_batch_norm(model, x)` mends it{momentum}.")
    elif reading.high < 0:
        means = f"{left}and the {what} is better with them than with statistics estimated anew, by {gap}: nothing needs mending."
    else:
        means = f"{left}and in the {what} no difference from statistics estimated anew is seen: {gap}."
    return means, ("It does not mean that a large batch generalises badly or that the training overfits: both figures are "
                   "of the same "
                   "weights.")


def _without(outcome, note):
    return Reading(name="batch_norm_lag", outcome=outcome, note=note)


BATCH_NORM_LAG = Probe(
    name="batch_norm_lag", title="validation loss that lagging batch-norm statistics cost",
    what="validation loss with Keras' moving statistics of batch-norm and with statistics estimated anew",
    why="with few updates they lag, which looks like overfitting", cost=lambda budget, program: 0.1 * budget + 2 * program,
    run=batch_norm_lag, options=lambda rig, evidence, budget: {"seconds": 0.1 * budget}, least_budget=LEAST_BUDGET, explains=True,
    price="normal", sentences=_sentences)
