"""Writes a study as one web page that needs no network: what was found, the comparison, the pictures, the conditions."""

import pathlib

from ...base.files import write_whole
from ...base.validate import require
from ..notebook import templates
from . import rows as study_rows
from . import tutorial as study_tutorial
from .pictures import study_pictures


def write_study_report(study, path):
    """Write `study` to `path` as one self-contained HTML file of about 5 MB, nearly all of it Plotly's script.

    Args:
        study: a `Study`. What it lacks is left out of the page with a sentence that says why.
        path: the file to write, `.html`; its folder is made where it does not exist.

    Returns:
        The path. The same study gives the same bytes.

    Raises:
        UsageError: `path` is a folder.
    """
    path = pathlib.Path(path)
    require(not path.is_dir(), "path", str(path), "a file", f"Pass {str(path / 'report.html')!r}.")
    write_whole(path, study_page(study))
    return path


def study_page(study):
    """The whole page as text."""
    from plotly.offline import get_plotlyjs

    drawn = study_pictures(study)
    return templates().get_template("study.html").render(
        study=study, heading=study_rows.heading(study), comparison=list(study.rows()), tested=list(study_rows.test_rows(study)),
        rates=list(study_rows.rate_rows(study)), readings=list(study_rows.study_readings(study)),
        conditions=list(study_rows.study_conditions(study)), pictures=drawn, printed=list(study_tutorial.tutorial_lines(study)),
        as_tutorial=list(study_tutorial.tutorial_rows(study)), fair=list(study_tutorial.fair_rows(study)),
        why=list(study_tutorial.why_they_differ(study)),
        found=study_tutorial.sentences_of(study, tutorial=False),
        found_as_tutorial=study_tutorial.sentences_of(study, tutorial=True),
        changed=study_tutorial.what_changed(study),
        plotly=get_plotlyjs() if any(p.drawing for p in drawn) else "")
