"""The pictures of a study by name: what each shows in words, and its data."""

from ..pictures.canvas import plain
from ..pictures.plotly import draw_chart
from ..plan.curves import Missing
from ..plan.page import Picture
from .losses import quality_by_epoch
from .sizes import quality_by_size, steps_by_size
from .trials import quality_by_rate

PREPARE = {"quality": quality_by_size, "losses": quality_by_epoch, "rates": quality_by_rate, "steps": steps_by_size}

_TITLES = {"quality": "Quality against batch size", "losses": "Quality by epoch and by update",
           "rates": "Quality against learning rate, per batch size", "steps": "Updates to the target against batch size"}

_SENTENCES = {
    "quality": "Each line is one way to make the comparison equal. Points are means over the fresh seeds, bars their 95 % "
               "intervals, each for itself; the differences in the table are paired over seeds, and so are known better than "
               "the bars show. Shaded: within the margin of the reference, which counts as no difference.",
    "losses": "Each line is one arm (batch size at learning rate, and the budgets it is compared under): the median over its "
              "fresh seeds, in a band around the middle half of them. The marker is where the median is best.",
    "rates": "Small points are single trials, the line is their mean. The large marker is the rate that was chosen, the thick "
             "stroke the rates that are as good within one standard error, the upright stroke the vertex of the parabola through "
             "the best. At the edge: a cross is a rate at which trials diverged, a ring one that was ended early.",
    "steps": "The target is one margin short of what the reference reaches. Points are medians over the fresh seeds of the arm "
             "that gets there first, with 95 % intervals; a triangle is a batch size that did not get there. The curve is the "
             "fit S(B) = S_min (1 + B_crit / B): well below the critical batch size B_crit a larger batch saves updates, well "
             "above it hardly any. Shaded: its 95 % interval.",
}
_VIEWS = {"epochs": "against epochs", "updates": "against updates"}


def chart_of(data, view=None):
    """The `Chart` of one view; the first where none is named."""
    return data.series(view or data.views[0]) if data.views else data.series()


def study_pictures(study):
    """The page's pictures in their order, drawn or with the reason why not."""
    return tuple(_picture(study, name) for name in PREPARE)


def _picture(study, name):
    data, about = PREPARE[name](study), {"name": name, "title": _TITLES[name], "sentence": _SENTENCES[name]}
    if isinstance(data, Missing):
        return Picture(**about, missing=data.because)
    charts = {view: chart_of(data, view) for view in (data.views or (None,))}
    drawings = {view: plain(draw_chart(chart)) for view, chart in charts.items()}
    says = {view: _VIEWS.get(view, "") if name == "losses" else f"equal {view}" for view in charts}
    first = next(iter(charts))
    return Picture(**about, drawing=drawings[first], keys=charts[first].keys, rows=tuple(data.rows()), notes=data.notes,
                   views=tuple((says[view], drawing) for view, drawing in drawings.items()) if len(drawings) > 1 else ())
