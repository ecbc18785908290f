"""Writes a plan as one web page that needs no network: the answer, its reasons, the figures, the conditions."""

import pathlib
from dataclasses import dataclass

from ...base.files import write_whole
from ...base.validate import require
from ..notebook import templates
from ..pictures.canvas import plain
from . import curves, figures, rows, sizes
from .code import code_for
from .look import Key, Look


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """One figure of the page, or the sentence that says why it is missing.

    Attributes:
        name: its anchor in the page.
        title, sentence: what it shows, in a heading and in one sentence; together they are its alternative text.
        missing: why it is not drawn; empty where it is.
        drawing: Plotly's figure as plain data; `None` where it is not drawn.
        keys: the legend.
        rows: the numbers behind it, the heading first.
        notes: what of it could not be drawn.
        views: `(what it is called, Plotly's figure)` of every view, where there are several; the first is `drawing`.
    """

    name: str
    title: str
    sentence: str
    missing: str = ""
    drawing: dict | None = None
    keys: tuple[Key, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    notes: tuple[str, ...] = ()
    views: tuple[tuple[str, dict], ...] = ()


_PICTURES = (
    ("loss", "Validation loss by epoch", curves.loss_by_epoch, figures.draw_losses,
     "Each line is one setting (batch size at learning rate): the median over its seeds, in a band around the middle half "
     "of them. The marker is its best epoch, the dotted line the epochs to pass to fit; early stopping ends most trainings "
     "before."),
    ("rate", "Quality against learning rate, per batch size", curves.quality_by_rate, figures.draw_rates,
     "Each point is one training; the line is the mean over seeds, the band reaches from the lowest to the highest. Quality "
     "is validation loss at the best epoch, chosen on one half of the rows and judged on the other: lower is better. "
     "Shaded: the plausible learning rates. A cross at the top: a training that diverged."),
    ("step", "Time of a training step against batch size", sizes.step_times, figures.draw_step_times,
     "Points are medians, bars reach from the fastest to the slowest timing; the line is the fit t(B) = t0 + c·B. Up to "
     "B_hw = t0/c the fixed cost of a step dominates; beyond the knee a larger batch hardly trains more examples a second."),
    ("updates", "Updates to the target loss against batch size", sizes.updates_to_target, figures.draw_updates,
     "Points are settings with 95 % intervals over seeds; the curve is the fit S(B) = S_min (1 + B_crit / B). Well below "
     "the critical batch size B_crit a larger batch saves updates, well above it hardly any. Shaded: its interval."),
)


def write_report(plan, path):
    """Write `plan` to `path` as one self-contained HTML file of about 5 MB, nearly all of it Plotly's script.

    Args:
        plan: a `Plan`. What its evidence lacks is left out of the page with a sentence that says why.
        path: the file to write, `.html`; its folder is made where it does not exist.

    Returns:
        The path. The same plan gives the same bytes.

    Raises:
        UsageError: `path` is a folder.
    """
    path = pathlib.Path(path)
    require(not path.is_dir(), "path", str(path), "a file", f"Pass {str(path / 'report.html')!r}.")
    write_whole(path, page(plan))
    return path


def pictures(plan):
    """The page's figures in their order, drawn or with the reason why not."""
    look = Look(plan)
    return tuple(_picture(plan, look, *entry) for entry in _PICTURES)


def page(plan):
    """The whole page as text."""
    from plotly.offline import get_plotlyjs

    drawn = pictures(plan)
    return templates().get_template("report.html").render(
        plan=plan, choices=list(rows.choice_rows(plan)), arms=_arms(plan), arm_heading=next(iter(plan.arm_rows())),
        pictures=drawn, readings=list(rows.reading_rows((*plan.evidence.readings, *plan.derived))),
        conditions=list(rows.condition_rows(plan)), code=code_for(plan),
        plotly=get_plotlyjs() if any(p.drawing for p in drawn) else "")


def _picture(plan, look, name, title, prepare, draw, sentence):
    data = prepare(plan)
    if isinstance(data, curves.Missing):
        return Picture(name=name, title=title, sentence=sentence, missing=data.because)
    figure, keys = draw(data, look)
    return Picture(name=name, title=title, sentence=sentence, drawing=plain(figure), keys=keys,
                   rows=tuple(data.rows()), notes=getattr(data, "notes", ()))


def _arms(plan):
    _, *body = plan.arm_rows()
    return [(arm is rows.recommended(plan), cells) for arm, cells in zip(plan.arms, body, strict=True)]
