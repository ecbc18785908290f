"""What the text of a plan says, read back: numbers, times, settings; and all of its text in one list."""

import math
import re
from typing import NamedTuple

from epochal.records import Arm, Plan, Setting
from epochal.report.pictures.chart import Picture, Pointer
from epochal.report.plan.pictures import pictures
from epochal.report.plan.rows import ahead, choice_rows, condition_rows, reading_rows

COUNT = r"\d+(?:,\d{3})*"
FIGURE = rf"[-+]?(?:{COUNT}(?:\.\d+)?(?:e[-+]?\d+)?|unbounded|inf|nan)"
TIME = rf"{FIGURE} (?:h|min|ms|µs|s)\b"
SIZE = rf"{FIGURE} (?:KiB|MiB|GiB)\b"
_SECONDS = {"h": 3600.0, "min": 60.0, "s": 1.0, "ms": 1e-3, "µs": 1e-6}


class Said(NamedTuple):
    """A piece of a plan's text, and where it stands."""

    where: str
    text: str


def figure(text: str) -> float:
    """The number in a text."""
    return float(text.replace(",", "").replace("unbounded", "inf"))


def figures(pattern: str, text: str) -> list[float] | None:
    """The numbers in the groups of a pattern, where it is first found; `None` where it is not."""
    found = re.search(pattern, text)
    return None if found is None else [figure(group) for group in found.groups() if group is not None]


def seconds(text: str) -> float:
    """Seconds in a text such as `"2.1 ms"`."""
    value, unit = text.split(" ")[:2]
    return figure(value) * _SECONDS[unit]


def in_bytes(text: str) -> float:
    """Bytes in a text such as `"2.1 MiB"`."""
    value, unit = text.split(" ")[:2]
    return figure(value) * 2.0 ** {"KiB": 10, "MiB": 20, "GiB": 30}[unit]


def alike(shown: float, true: float | None, digits: int = 3) -> bool:
    """Whether a number as it is shown is the true one, to so many digits."""
    if true is None or math.isinf(shown) or math.isinf(true):
        return shown == true
    return abs(shown - true) <= 0.501 * 10.0 ** (1 - digits) * max(abs(shown), abs(true)) + 1e-300


def named_in(text: str) -> list[tuple[int, float]]:
    """The settings that a text names, `(batch size, rate as shown)`, in their order."""
    long, short = rf"[Bb]atch size ({COUNT}), learning rate ({FIGURE})", rf"\b({COUNT}) at ({FIGURE})"
    found = sorted((match.start(), match) for pattern in (long, short) for match in re.finditer(pattern, text))
    return [(int(figure(match[1])), figure(match[2])) for _, match in found]


def is_setting(named: tuple[int, float], setting: Setting) -> bool:
    """Whether a setting is the one that is named."""
    return named[0] == setting.batch_size and alike(named[1], setting.learning_rate)


def chosen_setting(plan: Plan) -> tuple[int | float, float]:
    """What is recommended, `(batch size, rate)`."""
    return plan.batch_size.value, plan.learning_rate.value


def changes(plan: Plan) -> bool:
    """Whether another setting than the present one is recommended."""
    present = plan.evidence.present
    return present is not None and chosen_setting(plan) != (present.batch_size, present.learning_rate)


def chosen_arm(plan: Plan) -> Arm | None:
    """The arm of what is recommended."""
    return next((arm for arm in plan.arms if (arm.setting.batch_size, arm.setting.learning_rate) == chosen_setting(plan)), None)


def present_arm(plan: Plan) -> Arm | None:
    """The arm of what is trained with now."""
    return next((arm for arm in plan.arms if arm.present), None)


def arm_named(plan: Plan, named: tuple[int, float]) -> Arm | None:
    """The arm that is named."""
    return next((arm for arm in plan.arms if is_setting(named, arm.setting)), None)


def whole(plan: Plan) -> bool:
    """Whether settings were compared, and not by a race."""
    return bool(plan.arms) and all(arm.raced is None for arm in plan.arms) and not plan.leads and plan.whole


def apart(plan: Plan, one) -> tuple[float, float, float]:
    """The difference of an arm or a lead with its interval, in what is judged."""
    task = plan.evidence.task
    return (one.difference, one.low, one.high) if task is None else task.apart(one.difference, one.low, one.high)


def arm_of_label(plan: Plan, label: str) -> Arm | None:
    """The arm by what it is called in a picture."""
    named = named_in(label)
    return arm_named(plan, named[0]) if named else None


def drawn(plan: Plan) -> dict[str, Picture]:
    """The pictures of a plan by their names."""
    return {picture.name: picture for picture in pictures(plan)}


def texts(plan: Plan, shown: dict[str, Picture]) -> list[Said]:
    """All that a plan says, on the screen, in the report and in its code."""
    found = [Said("the headline", plan.headline), Said("the code", plan.code()), Said("how it was compared", plan.how_compared())]
    found += [Said(f"{name!r}", sentence) for name, sentence in plan.sentences()]
    for where, rows in (("the choices", plan.rows()), ("the times", plan.time_rows()), ("the leads", plan.lead_rows()),
                        ("the arms", plan.arm_rows()), ("the details", plan.detail_rows()),
                        ("the choices of the report", choice_rows(plan)), ("the conditions", condition_rows(plan)),
                        ("the readings", reading_rows((*plan.evidence.readings, *plan.derived)))):
        found += [Said(where, cell) for row in rows for cell in row]
    if plan.leads:
        found.append(Said("who is ahead", ahead(plan)))
    for name, picture in shown.items():
        where = f"the picture {name!r}"
        found += [Said(where, text) for text in (picture.title, picture.sentence, picture.missing, *picture.notes)]
        found += [Said(where, cell) for row in picture.rows for cell in row]
        for chart in picture.charts.values():
            found += [Said(where, key.label) for key in chart.keys]
            found += [Said(where, mark.text) for mark in chart.marks if isinstance(mark, Pointer)]
            found += [Said(where, word) for mark in chart.marks for word in getattr(mark, "words", ())]
    return [said for said in found if said.text]
