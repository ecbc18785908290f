"""The data of the two figures over batch size: seconds of a step, and updates to the target loss. Pure."""

import math
from dataclasses import dataclass

import numpy as np

from ...base.text import number, quantity
from ...records import Evidence, Outcome, Setting, StepTime
from .curves import Missing
from .rows import label_of, recommended


@dataclass(frozen=True, slots=True, kw_only=True)
class StepTimes:
    """Seconds of one training step against batch size.

    Attributes:
        points: the measured `StepTime`s.
        line: `(batch size, t0 + c * batch size)` over the measured range, where positive; empty where not fitted.
        knee: smallest batch size close to the best throughput; `None` where not known.
        hardware: B_hw = t0/c, where half of a step is fixed cost; `None` where it is not bounded on both sides.
        recommended: the batch size to train with.
    """

    points: tuple[StepTime, ...]
    line: tuple[tuple[float, float], ...]
    knee: float | None
    hardware: float | None
    recommended: int

    def rows(self):
        yield ("batch size", "time of a step", "fastest to slowest")
        for p in self.points:
            yield (number(p.batch_size), quantity("s", p.seconds), quantity("s", p.low, p.high))


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdatesPoint:
    """One arm's updates to the target loss; `high` is `None` where the interval is open above."""

    label: str
    setting: Setting
    present: bool
    recommended: bool
    steps: float
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Updates:
    """Updates to the target loss against batch size.

    Attributes:
        points: the arms that reached the target.
        line: `(batch size, S_min + E_min / batch size)`; empty where not fitted.
        critical: `(B_crit, low, high)`, or `(low, low, None)` where it is open above; `None` where not fitted.
        notes: what is not drawn and why, a sentence each.
    """

    points: tuple[UpdatesPoint, ...]
    line: tuple[tuple[float, float], ...]
    critical: tuple[float, float, float | None] | None
    notes: tuple[str, ...]

    def rows(self):
        yield ("arm", "updates to the target", "95 % interval")
        for p in self.points:
            span = "–" if p.low is None else quantity("", p.low, math.inf if p.high is None else p.high)
            yield (p.label, number(p.steps), span)


def step_times(plan):
    """`StepTimes` from the reading `"throughput"`, or `Missing`."""
    reading = plan.evidence.get("throughput")
    if reading is None or not reading.points:
        why = plan.evidence.why_not("throughput").value if reading is None else "the reading holds no measured points"
        return Missing(because=f"The time of a step is not known: {why}.")
    details = dict(reading.details)
    t0, c = details.get("t0"), details.get("c")
    fitted = t0 is not None and c is not None
    sizes = _grid(point.batch_size for point in reading.points)
    return StepTimes(
        points=tuple(sorted(reading.points, key=lambda point: point.batch_size)),
        line=tuple((b, t0 + c * b) for b in sizes if t0 + c * b > 0) if fitted else (),
        knee=details.get("knee"),
        hardware=reading.value if reading.outcome is Outcome.OK and reading.value > 0 else None,
        recommended=int(plan.batch_size.value))


def updates_to_target(plan):
    """`Updates` of the arms that reached the target loss, with the fitted hyperbola where there is one; or `Missing`.

    The hyperbola is S(B) = S_min (1 + B_crit / B) = S_min + E_min / B of McCandlish et al. 2018 (arXiv:1812.06162).
    """
    points = tuple(_point(plan, arm) for arm in plan.arms if arm.steps is not None)
    if not points:
        return Missing(because="No setting reached the target loss with enough seeds to count its updates.")
    notes = [f"{label_of(plan, arm)} did not reach the target with enough seeds." for arm in plan.arms if arm.steps is None]
    known = Evidence(readings=plan.derived)
    reading = known.get("critical_batch")
    if reading is None:
        why = known.why_not("critical_batch")
        notes.append(f"No hyperbola is drawn: the critical batch size is not known ({why.value}).")
        return Updates(points=points, line=(), critical=None, notes=tuple(notes))
    s_min, e_min = reading.detail("s_min"), reading.detail("e_min")
    value = reading.low if reading.outcome is Outcome.LOWER_BOUND else reading.value
    return Updates(points=points, line=tuple((b, s_min + e_min / b) for b in _grid(p.setting.batch_size for p in points)),
                   critical=(value, reading.low, _finite(reading.high)), notes=tuple(notes))


def _point(plan, arm):
    return UpdatesPoint(label=label_of(plan, arm), setting=arm.setting, present=arm.present,
                        recommended=arm is recommended(plan), steps=arm.steps, low=_finite(arm.steps_low),
                        high=_finite(arm.steps_high))


def _finite(x):
    return x if x is not None and math.isfinite(x) else None


def _grid(sizes):
    sizes = list(sizes)
    return np.geomspace(min(sizes), max(sizes), 60).tolist()
