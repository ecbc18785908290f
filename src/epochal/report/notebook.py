"""A plan or a study as a small table for a notebook."""

import functools
import re

from ..records import Study
from .plan.rows import choice_rows
from .study.rows import heading


def html_for(record):
    """A `Plan` or a `Study` as HTML that takes the colours of the notebook it stands in; no script, nothing fetched."""
    if isinstance(record, Study):
        page = templates().get_template("study_notebook.html")
        return page.render(study=record, heading=heading(record), comparison=list(record.rows()))
    return templates().get_template("notebook.html").render(plan=record, choices=list(choice_rows(record)))


@functools.cache
def templates():
    """The Jinja environment of the report's pages: everything is escaped, a name that is missing is an error."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(loader=PackageLoader("epochal.report"), autoescape=True, undefined=StrictUndefined,
                              trim_blocks=True, lstrip_blocks=True)
    environment.filters["ticks"] = _ticks
    return environment


def _ticks(text):
    """What stands between backticks as code; all else, markup included, as plain text."""
    from markupsafe import Markup, escape

    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))
