"""How validation rows are judged: the loss, the compiled metrics, and what decides between settings, in blocks of rows."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ...base.validate import require
from ..model.metrics import chosen_elsewhere
from ..rows import leaves, over

EVALUATION_BLOCK = 2048  # rows judged at once at most, so that judging needs no more memory than training
N_BLOCKS = 4             # of equally many rows in each half, whose losses are kept: a row or two may be left to no block
_CLOSE = 1e-4            # of a metric, as far as sums over rows may round
_DIGITS = 6              # after the point, of one less a metric: what is beyond is rounding


class Decider(NamedTuple):
    """What decides between settings in the place of the loss: a compiled metric, as a score of which less is better.

    Attributes:
        name: of the metric. place: among those compiled. larger_is_better: then the score is one less the metric.
    """

    name: str
    place: int
    larger_is_better: bool

    def score(self, value):
        return (1 - value).round(_DIGITS) if self.larger_is_better else value


class Judged(NamedTuple):
    """What a part of the rows was seen to be.

    Attributes:
        loss: the mean over its rows. counted: the values of the metrics' variables after them.
        losses: of blocks of equally many rows. ends: the values of those variables before the first block and after each; `None`
            where nothing but the loss decides. They are sums over rows: what a block adds is the difference of two.
    """

    loss: Any
    counted: Sequence[Any]
    losses: Any
    ends: Sequence[Any] | None


def blocks_of(n_rows):
    """How a part of so many rows is judged: `(rows of a block, blocks)`; rows that are left over make a shorter one."""
    n = min(n_rows, N_BLOCKS * -(-n_rows // (N_BLOCKS * EVALUATION_BLOCK)))
    return n_rows // n, n


def judged_in_blocks(part, metrics, judge, *, every_end):
    """The `Judged` of a part `(x, y, weight)`.

    `metrics` are the values of the metrics' variables before; `judge` is `(metrics, x, y, weight) -> (loss, metrics)` of a block.
    """
    n, total, losses, ends = len(leaves(part[0])[0]), np.float32(0), [], [metrics]
    size, n_blocks = blocks_of(n)
    for start in range(0, n, size):
        rows = slice(start, min(start + size, n))
        loss, metrics = judge(metrics, *(over(lambda a, rows=rows: a[rows], tree) for tree in part))
        losses.append(np.float32(float(loss)))
        ends.append(metrics)
        with np.errstate(all="ignore"):  # of a run that diverges
            total += np.float32(rows.stop - rows.start) * losses[-1]
    every = n_blocks // min(N_BLOCKS, n_blocks)
    return Judged(total / np.float32(n), metrics, kept_blocks(np.array(losses[:n_blocks])),
                  ends[: n_blocks + 1 : every] if every_end else None)


def judged_rows(blocks, metrics, judge, *, every_end):
    """The `Judged` of blocks of equally many rows each; `judge` is `(metrics, rows) -> (loss, metrics)`."""
    losses, ends = [], [metrics]
    for rows in blocks:
        loss, metrics = judge(metrics, np.asarray(rows, np.int32))
        losses.append(float(loss))
        ends.append(metrics)
    return Judged(np.mean(losses) if losses else np.nan, metrics, np.array(losses), ends if every_end else None)


def kept_blocks(losses):
    """The losses of at most `N_BLOCKS` blocks, of those that a part was judged in."""
    return losses.reshape(min(N_BLOCKS, len(losses)), -1).mean(1)


def figures_of(numpy, model, parts, results, decider):
    """Loss and metrics of each part, as Keras' `evaluate` would print them; and what the blocks of both halves were seen to be.

    Args:
        numpy: the library of the arrays. parts: a `Judged` of each, the two halves first.
        results: `(values of the metrics' variables) -> metrics`, in the order of the twin's `metric_names`.
        decider: a `Decider`. Its score then stands in the place of the loss, also in the blocks, and the loss in the place of the
            metric. `None` where the loss decides.

    Returns:
        A list of arrays [1 + n_metrics], one for each part, and of two arrays [n_blocks].
    """
    filled = chosen_elsewhere(model, [part.counted for part in parts])
    figures = [numpy.stack([part.loss, *results(values)]) for part, values in zip(parts, filled, strict=True)]
    if decider is None:
        return figures, [part.losses for part in parts[:2]]
    blocks = [_scores(numpy, part, values, results, decider) for part, values in zip(parts[:2], filled, strict=False)]
    return [_score_first(numpy, of, decider) for of in figures], blocks


def _score_first(numpy, figures, decider):
    """The figures with the score first, which is no number where the loss is none, and the loss in its place."""
    loss, place = figures[0], 1 + decider.place
    score = numpy.where(numpy.isfinite(loss), decider.score(figures[place]), numpy.nan)
    return numpy.stack([score, *figures[1:place], loss, *figures[place + 1:]])


def _scores(numpy, part, filled, results, decider):
    """The score of every block, such that their mean is that of all rows: n times the score of all, less n - 1 times that of all
    other blocks (the pseudo-values of Tukey's jackknife). For a mean over rows it is the mean over the block's."""
    *_, last = part.ends
    n = len(part.ends) - 1
    if not n:
        return part.losses
    within = [value - (all_of_them - end) for value, all_of_them, end in zip(filled, part.counted, last, strict=True)]
    whole = decider.score(results(within)[decider.place])
    if n == 1:
        return numpy.where(numpy.isfinite(part.losses), whole, numpy.nan)
    others = [decider.score(results([value - (after - before) for value, before, after in zip(within, *ends, strict=True)])
                            [decider.place]) for ends in zip(part.ends, part.ends[1:], strict=False)]
    return numpy.where(numpy.isfinite(part.losses), n * whole - (n - 1) * numpy.stack(others), numpy.nan)


def evaluation(twin, judged):
    """Figures of each part, float32[n_parts, 1 + n_metrics], and blocks of both halves, float32[2, n_blocks], as `figures_of`.

    `judged` gives a `Judged` for each part.
    """
    figures, blocks = figures_of(np, twin.model, list(judged), lambda values: results_of(twin, values), twin.decider)
    return np.array(figures, np.float32), both_halves(np, blocks)


def results_of(twin, values):
    """The metrics, a list of floats, once their variables hold these values."""
    for variable, value in zip(twin.model.metrics_variables, values, strict=True):
        variable.assign(value)
    results = twin.model.get_metrics_result()
    return [np.float32(float(results[name])) for name in twin.metric_names]


def both_halves(numpy, blocks):
    """float32[2, n_blocks]; `numpy` is the library of the arrays. One half may have a row more, and so a block more where rows are
    few."""
    n = min(len(half) for half in blocks[:2])
    return numpy.stack([numpy.asarray(half[:n], numpy.float32) for half in blocks[:2]])


def require_sums(twin, judge, n_rows):
    """Refuse a metric that decides but is not made of sums over rows, of which blocks of rows could be told apart.

    `judge` is `(blocks of rows) -> Judged` on one half, which has so many rows.
    """
    rows = np.arange(min(n_rows, EVALUATION_BLOCK))
    if len(rows) < 2:
        return
    first, second = np.array_split(rows[: len(rows) // 2 * 2], 2)
    both, one, other = (judge(blocks) for blocks in ([first, second], [first], [second]))
    added = [np.asarray(a) + np.asarray(b) - np.asarray(start) for a, b, start in zip(one.counted, other.counted, both.ends[0],
                                                                                      strict=True)]
    name, place, _ = twin.decider
    found, expected = (float(results_of(twin, values)[place]) for values in (both.counted, added))
    require(abs(found - expected) <= _CLOSE * max(1.0, abs(found)), "metric", name, "made of sums over rows, to decide by it",
            "Name another metric, or leave it out to decide by the loss.")
