"""A plan or a study as one web page that needs no network, and as a small table for a notebook."""

import functools
import pathlib
import re

from ..base.files import write_whole
from ..base.validate import require
from ..records import Study
from .columns import column_rows
from .glossary import GLOSSARY
from .pictures.plotly import drawing_of
from .plan.code import code_for
from .plan.pictures import pictures
from .plan.rows import ahead, choice_rows, condition_rows, raced, reading_rows, recommended
from .study import rows, tutorial
from .study.pictures import study_pictures

# Everyday words are explained where they stand alone, as a heading or a verdict, and not in every sentence.
_EVERYDAY = {"batch size", "learning rate", "epoch", "update", "difference", "better", "worse", "trial", "arm", "budget"}
_TERM = re.compile(rf"\b({'|'.join(sorted(map(re.escape, GLOSSARY.keys() - _EVERYDAY), key=len, reverse=True))})s?\b",
                   re.IGNORECASE)


def write_report(record, path):
    """Write a `Plan` or a `Study` to `path` as one self-contained HTML file of about 1.3 MB, nearly all of it Plotly's script.

    Args:
        record: what it lacks is left out of the page with a sentence that says why.
        path: the file to write, `.html`; its folder is made where it does not exist.

    Returns:
        The path. The same record gives the same bytes.

    Raises:
        UsageError: `path` is a folder.
    """
    return write_html(path, page(record))


def write_html(path, html):
    """Write a page to `path`, which is returned; raises `UsageError` where that is a folder."""
    path = pathlib.Path(path)
    require(not path.is_dir(), "path", str(path), "a file", f"Pass {str(path / 'report.html')!r}.")
    write_whole(path, html)
    return path


def page(record):
    """The whole page of a `Plan` or a `Study` as text."""
    template, about = ("study.html", _of_study(record)) if isinstance(record, Study) else ("plan.html", _of_plan(record))
    drawn = any(picture.charts for picture in about["pictures"])
    return templates().get_template(template).render(**about, plotly=script() if drawn else "")


def html_for(record):
    """A `Plan` or a `Study` as HTML that takes the colours of the notebook it stands in; no script, nothing fetched."""
    if isinstance(record, Study):
        about = {"title": record.headline, "tables": [(rows.heading(record), list(record.rows()))],
                 "sentences": [("", words) for words in record.sentences()]}
    else:
        about = {"title": record.headline, "sentences": list(record.sentences()),
                 "tables": [("", [("", "use", "plausible", "because"), *choice_rows(record)]), *_leads(record)]}
    return templates().get_template("notebook.html").render(**about)


def _of_plan(plan):
    heading, *body = plan.arm_rows()
    return {"plan": plan, "choices": list(choice_rows(plan)), "times": list(plan.time_rows()),
            "details": list(plan.detail_rows()),
            "leads": _leads(plan), "raced": raced(plan), "arm_heading": heading,
            "arms": [(arm is recommended(plan), cells) for arm, cells in zip(plan.arms, body, strict=True)],
            "pictures": pictures(plan), "readings": list(reading_rows((*plan.evidence.readings, *plan.derived))),
            "conditions": list(condition_rows(plan)), "code": code_for(plan), "columns": _columns(plan.evidence.task)}


def _leads(plan):
    """How far the one ahead was in front, as `(how to read it, rows)`; none where nothing was raced."""
    if not plan.leads:
        return []
    whose, fit, task = plan.evidence.whose, plan.evidence.fit, plan.evidence.task
    side = "below" if task is None else task.side
    return [(f"{ahead(plan)} against {whose}, after equally many seconds of training by the clock of `{fit}`, without "
             f"validation and compilation. A difference {side} 0 is in its favour. Times sooner: how many times less training "
             f"it needed for the {plan.evidence.decides} that {whose} had at the end of that time; below 1 it needed more. The "
             "last row decides.",
             list(plan.lead_rows()))]


def _columns(task):
    """What became of the columns of a table, as rows; none where it was no table."""
    return list(column_rows(task.columns)) if task is not None and task.columns else []


def _of_study(study):
    return {"study": study, "heading": rows.heading(study), "comparison": list(study.rows()),
            "tested": list(rows.test_rows(study)), "rates": list(rows.rate_rows(study)),
            "readings": list(rows.study_readings(study)), "conditions": list(rows.study_conditions(study)),
            "columns": _columns(study.task),
            "pictures": study_pictures(study), "printed": list(tutorial.tutorial_lines(study)),
            "as_tutorial": list(tutorial.tutorial_rows(study)), "fair": list(tutorial.fair_rows(study)),
            "why": list(tutorial.why_they_differ(study)), "found": tutorial.sentences_of(study, tutorial=False),
            "found_as_tutorial": tutorial.sentences_of(study, tutorial=True), "changed": tutorial.what_changed(study)}


@functools.cache
def script():
    """Plotly's script of the basic charts (`plotly.js-basic-dist-min` on npm, MIT): a quarter of the one that the Python package
    brings, which has maps and solids too."""
    return (pathlib.Path(__file__).parent / "templates" / "plotly-basic.min.js").read_text(encoding="utf-8")


@functools.cache
def templates():
    """The Jinja environment of the report's pages: everything is escaped, a name that is missing is an error."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(loader=PackageLoader("epochal.report"), autoescape=True, undefined=StrictUndefined,
                              trim_blocks=True, lstrip_blocks=True)
    environment.filters["ticks"] = _ticks
    environment.filters["drawn"] = drawing_of
    return environment


def _ticks(text, explain=True):
    """What stands between backticks as code, and terms of the glossary with their meaning as hover text, once in each text; all
    else, markup included, as plain text."""
    from markupsafe import Markup, escape

    seen = set()

    def explained(found):
        term = found[1].lower()
        if term in seen:
            return found[0]
        seen.add(term)
        return f'<abbr title="{escape(GLOSSARY[term])}">{found[0]}</abbr>'

    if explain and str(text).lower() in GLOSSARY:
        return Markup(f'<abbr title="{escape(GLOSSARY[str(text).lower()])}">{escape(text)}</abbr>')
    parts = re.split(r"`([^`]+)`", str(text))  # every second one stood between backticks
    return Markup("".join(f"<code>{escape(part)}</code>" if i % 2 else
                          _TERM.sub(explained, str(escape(part))) if explain else str(escape(part))
                          for i, part in enumerate(parts)))
