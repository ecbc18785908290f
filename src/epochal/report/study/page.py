"""What the page of a study holds: what was found, the comparison, the pictures, the conditions."""

from . import rows, tutorial
from .pictures import study_pictures


def study_page(study):
    """What the template `study.html` is filled with."""
    return {"study": study, "heading": rows.heading(study), "comparison": list(study.rows()),
            "tested": list(rows.test_rows(study)), "rates": list(rows.rate_rows(study)),
            "readings": list(rows.study_readings(study)), "conditions": list(rows.study_conditions(study)),
            "pictures": study_pictures(study), "printed": list(tutorial.tutorial_lines(study)),
            "as_tutorial": list(tutorial.tutorial_rows(study)), "fair": list(tutorial.fair_rows(study)),
            "why": list(tutorial.why_they_differ(study)), "found": tutorial.sentences_of(study, tutorial=False),
            "found_as_tutorial": tutorial.sentences_of(study, tutorial=True), "changed": tutorial.what_changed(study)}
