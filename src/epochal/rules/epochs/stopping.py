"""Rules that end a training, replayed on its losses: Keras' early stopping, and the three of Prechelt."""

import itertools

import numpy as np

from ..patience import replay

STRIP = 5  # epochs of a strip, as in Prechelt (1998)


def stopped(rule, validation, training=()):
    """The epoch, counted from 1, after which the rule ends a training with these losses; the last one where it never does.

    Args:
        rule: a `StoppingRule`.
        validation, training: losses after each epoch. The rule `"PQ"` needs those of training; Prechelt's need losses above 0.

    >>> from epochal.records import StoppingRule
    >>> stopped(StoppingRule("patience", 2), [3.0, 1.0, 2.0, 1.5, 0.5])
    4
    """
    n = len(validation)
    if rule.kind == "patience":
        return replay(validation, int(rule.value), rule.min_delta)[1]
    if rule.kind == "UP":
        return _risen(validation, int(rule.value))
    loss = generalization_loss(validation)
    if rule.kind == "GL":
        return next((t + 1 for t in range(n) if loss[t] > rule.value), n)
    progress = progress_of(training, STRIP)
    ends = range(STRIP - 1, n, STRIP)  # looked at where a strip ends
    return next((t + 1 for t in ends if progress[t] > 0 and loss[t] / progress[t] > rule.value), n)


def kept(rule, validation, training=()):
    """The epoch, counted from 1, whose weights are kept: the best one before the rule ends the training, by what the rule counts
    as better."""
    if rule.kind == "patience":
        return max(1, replay(validation, int(rule.value), rule.min_delta)[0])
    return best_of(validation[: stopped(rule, validation, training)])


def best_of(validation):
    """The epoch, counted from 1, with the lowest loss; the earlier of equals."""
    return min(range(len(validation)), key=validation.__getitem__) + 1


def generalization_loss(validation):
    """`GL(t) = 100 (E(t) / lowest so far - 1)` in per cent, after each epoch (Prechelt 1998, Early stopping - but when?)."""
    losses = np.asarray(validation, float)
    return 100 * (losses / np.minimum.accumulate(losses) - 1)


def progress_of(training, strip=STRIP):
    """`P(t) = 1000 (mean of the last epochs of training loss / their least - 1)`; nan before the first strip is full."""
    losses = np.asarray(training, float)
    found = np.full(len(losses), np.nan)
    for t in range(strip - 1, len(losses)):
        last = losses[t - strip + 1: t + 1]
        found[t] = 1000 * (last.mean() / last.min() - 1)
    return found


def _risen(losses, strips):
    """The end of the last of so many successive strips, each of which ended higher than the one before."""
    ends, risen = range(STRIP - 1, len(losses), STRIP), 0
    for before, now in itertools.pairwise(ends):
        risen = risen + 1 if losses[now] > losses[before] else 0
        if risen == strips:
            return now + 1
    return len(losses)
