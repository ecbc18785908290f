"""From the trainings of a study to its result: pure, so that it can be drawn again from the folder alone."""

import math
from dataclasses import replace

from ..base.text import quantity
from ..records import Machine, Outcome, Reading, Study, Verdict
from ..rules.scaling import steps_per_epoch
from ..rules.study.contrasts import Trained, contrasts
from ..rules.study.updates_to_target import critical_batch_of

_WORTH_SAYING = 1.25  # times as much, or as many epochs by timing noise alone, from which the sentence says so

_NOT_TRAINED = (Verdict.DIVERGED, Verdict.NO_MEMORY)


def conclude(trained: Trained, machine: Machine, readings: tuple[Reading, ...]) -> Study:
    """The `Study` of what was trained, and of the readings beside it: the seconds of `fit`, and what there was no memory for."""
    design = trained.design
    step_time = next((r for r in readings if r.name == "step_time"), None)
    too_large = {r.name for r in readings if r.outcome is Outcome.OUT_OF_MEMORY}
    trained = replace(
        trained, no_memory=tuple(size for size in design.batch_sizes if f"engine/{size}" in too_large),
        fit_seconds={point.batch_size: point.seconds for point in step_time.points} if step_time is not None else {})
    compared = contrasts(trained)
    if step_time is not None:
        compared = tuple(_with_timing_noise(contrast, design, trained.task.n_train, step_time) for contrast in compared)
    compared = tuple(_with_what_it_got(contrast, compared, design) for contrast in compared)
    critical = critical_batch_of(design, trained.task.metrics, trained.curves, compared, trained.margin)
    return Study(design=design, task=trained.task, machine=machine, margin=trained.margin, readings=readings, curves=trained.curves,
                 rates=trained.rates, contrasts=compared, derived=(critical,))


def _with_what_it_got(contrast, compared, design):
    """At equal steps or time, what an arm got, where whole epochs are too long to give it as much as the reference."""
    reference = next(other for other in compared if other.budget == contrast.budget
                     and other.setting.batch_size == design.reference)
    mine, theirs = {"steps": (contrast.n_updates, reference.n_updates), "time": (contrast.seconds, reference.seconds)}.get(
        contrast.budget, (None, None))
    if contrast.verdict in _NOT_TRAINED or not mine or not theirs or max(mine, theirs) <= _WORTH_SAYING * min(mine, theirs):
        return contrast
    got = f"{mine:,} updates, the reference {theirs:,}" if contrast.budget == "steps" else (
        f"{quantity('s', mine)} of `fit`, the reference {quantity('s', theirs)}")
    return replace(contrast, sentence=f"{contrast.sentence} It got {got}: trainings are made in whole epochs.")


def _with_timing_noise(contrast, design, n_train, step_time):
    """At equal time, how many epochs an arm would have got by the fastest and the slowest timings, where these lie far apart."""
    size = contrast.setting.batch_size
    if contrast.budget != "time" or size == design.reference or contrast.verdict in _NOT_TRAINED:
        return contrast
    reference, mine = (next(point for point in step_time.points if point.batch_size == b) for b in (design.reference, size))
    share = design.epochs * steps_per_epoch(n_train, design.reference) / steps_per_epoch(n_train, size)
    low, high = (max(1, math.floor(share * ratio)) for ratio in (reference.low / mine.high, reference.high / mine.low))
    if high <= _WORTH_SAYING * low:
        return contrast
    noise = f" It got {contrast.n_epochs:,} epochs (timings differ so much that equal time may be {low:,} to {high:,} epochs)."
    return replace(contrast, sentence=contrast.sentence + noise)
