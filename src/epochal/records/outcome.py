"""How a measurement ended."""

import enum


class Outcome(enum.Enum):
    """The value is the sentence a user reads."""

    OK = "measured"
    LOWER_BOUND = "only a lower bound: the rows do not suffice for an upper one"
    DIVERGED = "the loss became infinite or not a number; try a smaller learning rate"
    OUT_OF_MEMORY = "the device ran out of memory; try a smaller batch"
    UNRESOLVED = "the interval is wider than the effect; allow more repetitions or more rows"
    SKIPPED = "not measured, to stay inside the budget; allow more time"
    UNSUPPORTED = "this model or back end does not allow this measurement"
    UNKNOWN = "this device does not report it; pass it by hand"
