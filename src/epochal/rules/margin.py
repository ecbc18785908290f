"""The difference in validation loss that counts as none, declared before anything is compared."""

import math

SHARE = 0.01  # of what training gains over an untrained network


def margin_and_target(untrained, present_quality, best_screened):
    """The margin and the target loss.

    The margin is 1 % of the drop in validation loss from the untrained network to the present setting (or, where the present
    setting gains nothing, to the best one tried); the target, whose first reaching is timed, is one margin above that.

    Args:
        untrained: validation loss before training. present_quality: mean loss of the present setting.
        best_screened: the lowest mean loss among trials, or infinity.

    Returns:
        `(margin, target)`.
    """
    reached = present_quality if present_quality < untrained else min(best_screened, untrained)
    margin = SHARE * (untrained - reached) if math.isfinite(reached) and untrained > reached else SHARE * abs(untrained)
    return margin, reached + margin
