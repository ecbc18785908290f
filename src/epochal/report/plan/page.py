"""What the page of a plan holds: the answer, its reasons, the pictures, the conditions."""

from .code import code_for
from .pictures import pictures
from .rows import choice_rows, condition_rows, reading_rows, recommended


def plan_page(plan):
    """What the template `plan.html` is filled with."""
    heading, *body = plan.arm_rows()
    return {"plan": plan, "choices": list(choice_rows(plan)), "arm_heading": heading,
            "arms": [(arm is recommended(plan), cells) for arm, cells in zip(plan.arms, body, strict=True)],
            "pictures": pictures(plan), "readings": list(reading_rows((*plan.evidence.readings, *plan.derived))),
            "conditions": list(condition_rows(plan)), "code": code_for(plan)}
