"""A plan as a small table for a notebook."""

import functools
import re

from .rows import choice_rows


def html_for(plan):
    """The answer as HTML that takes the colours of the notebook it stands in; no script, nothing fetched."""
    return templates().get_template("notebook.html").render(plan=plan, choices=list(choice_rows(plan)))


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
