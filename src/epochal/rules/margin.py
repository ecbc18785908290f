"""The difference in validation loss that counts as none, declared before anything is compared."""

import math

SHARE = 0.01  # of what training gains over a network that has learnt nothing


def without_learning(evidence):
    """The validation loss of a network that has learnt nothing: untrained, or giving the best constant answer."""
    untrained, constant = evidence.get("untrained_loss").value, evidence.task.constant_loss
    return untrained if constant is None else min(untrained, constant)


def margin_and_target(untrained, present_runs, best_screened):
    """The margin and the target loss.

    The margin is 1 % of the drop in validation loss from a network that has learnt nothing (untrained, or always giving the best
    constant answer, whichever is lower) to the present setting (or, where that gains nothing, to the best one tried). The
    target, whose first reaching is timed, is one margin above the present setting's mean quality, and one above what each of
    its runs reached: else the clock would run for ever on a seed that the present setting itself is unlucky with, or stop by
    chance on one where another setting is equally unlucky.

    Args:
        untrained: validation loss of a network that has learnt nothing.
        present_runs: `(quality, lowest validation loss)` of each run of the present setting; infinite where it diverged.
        best_screened: the lowest quality among trials, or infinity.

    Returns:
        `(margin, target)`.
    """
    quality = sum(q for q, _ in present_runs) / len(present_runs)
    reached = quality if quality < untrained else min(best_screened, untrained)
    margin = SHARE * (untrained - reached) if untrained > reached else SHARE * abs(untrained)
    worst = max((lowest for _, lowest in present_runs if math.isfinite(lowest)), default=reached)
    return margin, max(reached + margin, min(worst + margin, untrained))
