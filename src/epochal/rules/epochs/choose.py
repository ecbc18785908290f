"""Which rule to stop by, and how long to train: every rule is replayed on trainings that went on beyond it."""

import math
import statistics

import numpy as np

from ...base.stats import mean_interval
from ...base.text import counted, number
from ...records import EpochChoice, Finding, Replayed, StoppingRule
from .stopping import best_of, kept, stopped

PATIENCES = (1, 2, 3, 5, 8, 10, 15, 20, 30, 50)
PRECHELT = (*(StoppingRule("GL", value) for value in (1.0, 2.0, 3.0, 5.0)),
             *(StoppingRule("PQ", value) for value in (0.5, 0.75, 1.0, 2.0, 3.0)),
             *(StoppingRule("UP", value) for value in (2.0, 3.0, 4.0, 6.0, 8.0)))
_LATE, _EARLY = 0.75, 0.1  # of the epochs trained: a best epoch beyond, or before, asks for longer, or far shorter, training
_FEWEST = 3                # trainings of which each in turn can be left out
_TAIL = 0.5                # of a training's epochs, the last, in which its losses change little but by chance


def choose_epochs(curves, margin, setting=None, rows=None, decides="validation loss"):
    """An `EpochChoice` from trainings of one setting.

    A rule is judged by the validation loss at the epoch it would have kept, less that at the best epoch in hindsight. Both are
    chosen on one half of the validation rows and judged on the other, and the halves take turns: on the rows that chose it the
    best of many epochs looks better than it is, by about two standard deviations of the noise in twenty epochs.

    Args:
        curves: `Curve`s of one setting that did not diverge, at least one, as long as they were trained. What a rule would have
            done beyond their end is not known: then it counts as not stopping.
        margin: a difference in validation loss that is too small to matter.
        setting: theirs; `None` where not known.
        rows: `(rows trained on, rows to validate)`, for a last training on all of them; `None` where not known.
        decides: what the curves hold, in words.
    """
    noise = paired_noise(curves)
    rules = [StoppingRule("patience", float(p), delta) for delta in ([0.0] if not noise else [0.0, noise]) for p in PATIENCES]
    if all(min(*c.half_a, *c.half_b) > 0 for c in curves):
        ready = all(len(c.train_loss) == c.n_epochs and min(c.train_loss) > 0 for c in curves)
        rules += [rule for rule in PRECHELT if rule.kind != "PQ" or ready]
    regrets = np.array([[regret_of(rule, curve) for curve in curves] for rule in rules])
    lengths = np.array([[stopped(rule, c.validation_loss, c.train_loss) for c in curves] for rule in rules])
    ended = np.array([[last < c.n_epochs for last, c in zip(of, curves, strict=True)] for of in lengths])
    ours = np.array([rule.kind == "patience" for rule in rules])
    chosen = _choose(regrets, lengths, ours, margin)
    replayed = tuple(Replayed(rule=rule, regret=mean, low=low, high=high, n_epochs=float(of.mean()),
                              share_stopped=float(some.mean()))
                     for rule, (mean, low, high), of, some in
                     zip(rules, map(mean_interval, regrets), lengths, ended, strict=True))
    best = tuple(best_of(c.validation_loss) for c in curves)
    trained = tuple(c.n_epochs for c in curves)
    expected = _left_out(regrets, lengths, ours, margin) if len(curves) >= _FEWEST else (None, None, None)
    passes = max(1, round(statistics.median(best)))
    return EpochChoice(
        setting=setting, best=best, trained=trained, margin=margin, chosen=replayed[chosen],
        expected_regret=expected[0], expected_low=expected[1], expected_high=expected[2], replayed=replayed, noise=noise,
        decides=decides, honest=any(c.half_a != c.half_b for c in curves), refit_passes=passes,
        refit_epochs_of_updates=None if rows is None or setting is None else _as_many_updates(passes, setting, rows),
        advice=tuple(_advice(best, trained)))


def paired_noise(curves):
    """The standard error, by the choice of the validation rows, of a change of validation loss from one epoch to the next.

    The halves of the rows see the same weights, so what their changes differ by is noise: half the root mean square of that
    difference, over the later half of each training. `None` where the halves were not kept.
    """
    apart = []
    for curve in curves:
        a, b = np.asarray(curve.half_a), np.asarray(curve.half_b)
        changes = (np.diff(a) - np.diff(b))[int(_TAIL * len(a)):]
        apart.extend(changes.tolist())
    if not apart or not any(apart):
        return None
    return float(np.sqrt(np.mean(np.square(apart))) / 2)


def regret_of(rule, curve):
    """The loss given away against the best epoch in hindsight, chosen on one half and judged on the other."""
    found = []
    for chooses, judges in ((curve.half_a, curve.half_b), (curve.half_b, curve.half_a)):
        found.append(judges[kept(rule, chooses, curve.train_loss) - 1] - judges[best_of(chooses) - 1])
    return sum(found) / 2


def _choose(regrets, lengths, ours, margin):
    """The place of Keras' rule with the fewest epochs that gives away half the margin at most; else of the one that gives away
    least, the shorter of equals."""
    mean, epochs = regrets.mean(1), lengths.mean(1)
    good = np.flatnonzero(ours & (mean <= margin / 2))
    if len(good):
        return int(min(good, key=lambda at: (epochs[at], mean[at])))
    return int(min(np.flatnonzero(ours), key=lambda at: (mean[at], epochs[at])))


def _left_out(regrets, lengths, ours, margin):
    """The regret of choosing, on trainings that had no part in the choice."""
    found = []
    for one in range(regrets.shape[1]):
        others = np.arange(regrets.shape[1]) != one
        found.append(regrets[_choose(regrets[:, others], lengths[:, others], ours, margin), one])
    return mean_interval(found)


def _as_many_updates(passes, setting, rows):
    """Epochs over training and validation rows that make as many updates as `passes` epochs over the training rows."""
    n_train, n_validation = rows
    steps, of_all = (math.ceil(n / setting.batch_size) for n in (n_train, n_train + n_validation))
    return max(1, round(passes * steps / of_all))


def _advice(best, trained):
    late = sum(b > _LATE * t for b, t in zip(best, trained, strict=True))
    early = sum(b <= _EARLY * t for b, t in zip(best, trained, strict=True))
    figures = (("trainings", float(len(best))), ("median best epoch", float(statistics.median(best))),
               ("median epochs trained", float(statistics.median(trained))))
    if 2 * late > len(best):
        yield Finding("too short", "advice", f"{late} of {counted(len(best), 'training')} had the best epoch in the last quarter: "
                      "it may get better yet.", "Train longer, or with a higher learning rate.", figures,
                      certainty="counted")
    elif 2 * early > len(best):
        yield Finding("far too long", "advice", f"{early} of {counted(len(best), 'training')} had the best epoch in the first "
                      f"tenth of {number(statistics.median(trained))} epochs: the rest was of no use.",
                      "Stop early, or lower the learning rate: so early a best epoch often means that it is too high.", figures,
                      certainty="counted")


