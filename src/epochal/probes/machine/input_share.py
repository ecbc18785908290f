"""How much of an epoch goes into reading the rows: what a larger batch cannot make shorter."""

from time import perf_counter

import numpy as np

from ...base.text import number
from ...records import Outcome, Reading
from ..probe import LEAST_BUDGET, Probe
from ..step_time import call_lengths, in_turns

_RESOLUTION = 0.05  # seconds that one timing must last
_REPEATS = 6        # the least and the largest of six hold the median in 1 - 2 / 2**6 = 97 % of cases
_MUCH, _LITTLE = 0.5, 0.1


def input_share(rig, *, seed=0, seconds=10.0):  # noqa: ARG001 - nothing is drawn
    """Seconds of reading batches alone over seconds of `fit` from the same source, batch for batch.

    Reading and `fit` take turns, so that a slow moment of the machine hits both; each counts by the difference of a long and a
    short call, which takes the start of a pass, and compiling, out (of whole epochs where those are short). Where `fit` reads ahead
    while it computes, the share says how much of its time reading would fill: at 1, the computer waits for rows. However fast the
    updates, an epoch is never shorter than reading: the reciprocal bounds what any batch size can gain.

    Args:
        seconds: budget; turns are left out down to three, beside the first calls.

    Returns:
        A `Reading` without unit: the median of the turns, `low` and `high` the least and the largest of them, which hold the median
        in 97 % of cases where there are six (75 % of three). Details: `read` and `fit`, seconds a batch; `batches` of an epoch.
        More than 1 where `fit` reads in more threads than one reader does. `UNSUPPORTED` where the batches can be read once only;
        `UNRESOLVED` where the machine was too busy. Holds for this machine and disk under today's load: what the system keeps of
        files in memory makes later epochs faster than a first one.
    """
    started, whole = perf_counter(), rig.source_batches()
    if not whole:
        return Reading(name="input_share", outcome=Outcome.UNSUPPORTED,
                       note="its batches can be read once only, or have no end; pass what makes them, or steps_per_epoch")
    calls = {"read": rig.read_seconds, "fit": rig.fit_source_seconds}

    def clock(what, n):
        return calls[what](n)

    lengths = {what: call_lengths(clock, what, whole, _RESOLUTION)[0] for what in calls}
    taken = in_turns(clock, lengths, _REPEATS, started + seconds)
    if min(map(min, taken.values())) <= 0:
        return Reading(name="input_share", outcome=Outcome.UNRESOLVED,
                       note="the machine was too busy: longer calls took no longer than short ones")
    shares = np.array(taken["read"]) / np.array(taken["fit"])
    repeats = len(shares)
    return Reading(
        name="input_share", value=float(np.median(shares)), low=float(shares.min()), high=float(shares.max()), repeats=repeats,
        details=(("read", float(np.median(taken["read"]))), ("fit", float(np.median(taken["fit"]))), ("batches", float(whole))),
        note="" if repeats >= _REPEATS else f"{repeats} turns, to stay inside the budget: their range holds the median in "
             f"{100 * (1 - 2 ** (1 - repeats)):.0f} % of cases")


def _sentences(reading, rig):  # noqa: ARG001
    share, read = min(reading.value, 1.0), f"{100 * min(reading.value, 1.0):.0f} % of an epoch's time"
    if reading.low > _MUCH:
        means = (f"Reading the rows fills {read}: a larger batch will not help, since no batch size makes an epoch more than "
                 f"{number(1 / max(share, 1e-9))} times as fast; read faster first (more workers, `prefetch`, smaller files).")
    elif reading.high < _LITTLE:
        means = f"Reading the rows fills {read}: it does not keep a larger batch from being faster."
    else:
        means = (f"Reading the rows fills {read}: no batch size makes an epoch more than {number(1 / max(share, 1e-9))} times as "
                 "fast.")
    return means, ("It says nothing about how a batch size learns, and does not mean that this time is lost where `fit` reads "
                   "ahead while it computes.")


INPUT_SHARE = Probe(
    name="input_share", title="share of an epoch that reading the rows takes",
    what="seconds of reading alone against seconds of `fit`", why="a larger batch does not help where rows are waited for",
    cost=lambda budget, program: min(0.15 * budget, 4 + 2 * program),
    run=input_share, options=lambda rig, evidence, budget: {"seconds": 0.1 * budget}, least_budget=LEAST_BUDGET, price="normal",
    sentences=_sentences)
