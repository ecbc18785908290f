"""A diagnosis as one web page that needs no network: the curves with the findings on them, and every finding in words."""

import math

from ..base.text import capital, number
from ..records import Epochs
from .page import script, templates, write_html
from .pictures.chart import COLOURS, Axis, Chart, Key, Line, Picture, Pointer, Strip, axis_of

_MOST_POINTERS = 6  # beside each other no more can be read


def write_diagnosis(found, path):
    """Write a `Diagnosis` to `path` as one self-contained HTML file.

    Returns:
        The path. The same record gives the same bytes.

    Raises:
        UsageError: `path` is a folder.
    """
    return write_html(path, templates().get_template("diagnosis.html").render(
        found=found, pictures=diagnosis_pictures(found), plotly=script()))


def diagnosis_pictures(found):
    """The curves of the training, losses and metrics apart, with each finding over the epochs that it is about."""
    curves = dict(found.history.curves)
    losses = [name for name in curves if name in ("loss", "val_loss")]
    metrics = {name.removeprefix("val_"): None for name in curves if name not in losses}
    pictures = [_picture(found, "losses", "The loss by epoch", "loss", losses)] if losses else []
    for metric in metrics:
        names = [name for name in (metric, f"val_{metric}") if name in curves]
        pictures.append(_picture(found, f"metric-{len(pictures)}", f"{capital(metric.replace('_', ' '))} by epoch", metric, names))
    return tuple(pictures)


def _picture(found, anchor, title, quality, names):
    sentence = ("Solid: training, as Keras prints it, a mean over the epoch; dashed: validation, at its end. Shaded: the epochs "
                "that a finding is about, named at its first epoch.")
    series = [(name, dict(found.history.curves)[name], "") for name in names]
    if found.baseline is not None:
        before = dict(found.baseline.curves)
        series += [(name, before[name], "the baseline's ") for name in names if name in before]
    values = [value for _, curve, _ in series for value in curve if math.isfinite(value)]
    n = max(len(curve) for _, curve, _ in series)
    if not values:
        return Picture(name=anchor, title=title, sentence=sentence, missing="None of its values is finite.")
    spoken = [one for one in found.findings if isinstance(one.where, Epochs) and set(one.where.curves) & set(names)]
    marks = [Strip(along="x", low=one.where.first, high=one.where.last) for one in spoken
             if one.where.last > one.where.first and (one.where.first > 1 or one.where.last < n)]
    keys = []
    for place, (name, curve, whose) in enumerate(series):
        key = Key(label=f"{whose}{name}", colour=COLOURS[(place // 2 * 2 if whose else place) % len(COLOURS)],
                  dash=("dot" if whose else "dash" if name.startswith("val_") else "solid"))
        keys.append(key)
        marks.append(Line(x=tuple(range(1, len(curve) + 1)), dash=key.dash,
                          y=tuple(value if math.isfinite(value) else math.nan for value in curve), **key.about))
    marks += [Pointer(x=one.where.first, text=one.kind, level=level) for level, one in enumerate(spoken[:_MOST_POINTERS])]
    rows = [("epoch", *(f"{whose}{name}" for name, _, whose in series))]
    rows += [(str(epoch + 1), *(number(curve[epoch]) if epoch < len(curve) else "" for _, curve, _ in series))
             for epoch in range(n)]
    chart = Chart(x=Axis(title="epoch", span=(1, max(n, 2))), y=axis_of(quality, values, times=20), marks=tuple(marks),
                  keys=tuple(keys))
    notes = tuple(f"{capital(one.kind)}: {one.sentence}" for one in spoken)
    return Picture(name=anchor, title=title, sentence=sentence, charts={"all": chart}, rows=tuple(rows), notes=notes)
