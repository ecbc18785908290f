"""The order of the rows of one epoch, such that every batch holds its share of each class.

An order is cut into consecutive batches, the last one short. Both orders are made in the same way: first it is settled how many
rows of each class a batch holds, then which rows.
"""

import numpy as np

from ...base.validate import require


def stratified(classes, batch_size, rng):
    """Every row exactly once, and in every batch as many of each class as its share of the rows, rounded down or up.

    That such a rounding exists, with whole batches and whole classes, is the theorem on controlled rounding (Cox 1987, JASA
    82:520). Which rows go where, who is rounded up, and the places within a batch are random.

    A class with at least as many rows as there are batches is in every batch, as far as the rows of a short last batch go
    round: there the commonest classes give up their places, and may have less than their share.

    Args:
        classes: int[n], a code for the class of each row; codes below 65,536 are quickest.
        batch_size: rows of a batch, at least 1.
        rng: a NumPy `Generator` or `RandomState`; draws another order each time.

    Returns:
        int64[n], a permutation of the rows.
    """
    codes = _checked(classes, batch_size)
    counts = np.bincount(codes)
    n_full, n_last = divmod(len(codes), int(batch_size))
    last = _short_batch(counts, n_last, n_full + 1, rng)
    return _filled(_places(counts - last, last, n_full, rng), codes, counts, rng)


def balanced(classes, batch_size, n_rows, rng):
    """Every class equally often in every batch: rare classes are repeated, of common ones a part is left out.

    The counts of a batch differ by at most 1, and so do those of the whole epoch; who has one more is random. The rows of a
    class are taken in turn, in a random order: none is used twice before all have been used once, so that a batch holds a row
    twice only if it has more places for the class than the class has rows.

    The model then learns the probabilities of a world in which all classes are equally common: see `rules/prior.py`.

    Args:
        classes: int[n], a code for the class of each row; a class without rows has no part in it.
        batch_size: rows of a batch, at least 1.
        n_rows: rows of the epoch, at least 1; usually n.
        rng: a NumPy `Generator` or `RandomState`; draws another order each time.

    Returns:
        int64[n_rows], rows between 0 and n - 1.
    """
    codes = _checked(classes, batch_size)
    require(n_rows >= 1, "n_rows", n_rows, "at least 1")
    counts = np.bincount(codes)
    n_full, n_last = divmod(int(n_rows), int(batch_size))
    turn = rng.permutation(np.flatnonzero(counts))
    full, last = np.zeros_like(counts), np.zeros_like(counts)
    each, n_more = divmod(n_rows - n_last, len(turn))
    full[turn] = each
    full[turn[:n_more]] += 1
    each, n_most = divmod(n_last, len(turn))
    last[turn] = each
    last[np.roll(turn, -n_more)[:n_most]] += 1  # those whose turn it is
    return _filled(_places(full, last, n_full, rng), codes, counts, rng)


def _checked(classes, batch_size):
    """The codes, small enough to be counted, in the narrowest type: that sorts fastest."""
    codes = np.asarray(classes)
    require(codes.ndim == 1 and len(codes) >= 1 and codes.dtype.kind in "iub", "classes", f"{codes.dtype}{list(codes.shape)}",
            "one whole number a row", "Pass `np.unique(y, return_inverse=True)[1]`.")
    require(batch_size >= 1, "batch_size", batch_size, "at least 1")
    if codes.min() < 0 or codes.max() >= 1 << 16:
        codes = np.unique(codes, return_inverse=True)[1]
    return codes.astype(np.min_scalar_type(codes.max()))


def _short_batch(counts, size, n_batches, rng):
    """How many rows of each class go into the short last batch: its share, the rare first among those rounded up."""
    held, rest = np.divmod(size * counts, counts.sum())
    n_up = size - held.sum()
    rare = rng.permutation(np.flatnonzero((held == 0) & (counts >= n_batches)))
    up, still_absent, n_others = rare[:n_up], rare[n_up:], n_up - len(rare)
    held[up] += 1
    if n_others > 0:  # by systematic sampling: each is rounded up with a chance in proportion to its rest
        rest[rare] = 0
        others = rng.permutation(np.flatnonzero(rest))
        edges = rest[others].cumsum() / rest.sum()
        held[others[np.searchsorted(edges[:-1], (rng.random() + np.arange(n_others)) / n_others, side="right")]] += 1
    for code in still_absent:
        commonest = held.argmax()
        if held[commonest] < 2:
            break
        held[commonest] -= 1
        held[code] += 1
    return held


def _places(full, last, n_full, rng):
    """The class of every place of the epoch, given how many rows of each go into the full batches and into the last one."""
    kind = np.min_scalar_type(len(full))
    codes = np.arange(len(full), dtype=kind)
    short = rng.permutation(np.repeat(codes, last))
    if not n_full:
        return short
    always = np.repeat(codes, full // n_full)
    extra, boxes = _dealt(full % n_full, n_full, rng)
    places = np.empty((n_full, len(always) + len(extra)), kind)
    places[:, : len(always)] = always
    places[boxes, len(always) + np.arange(len(extra))[:, None]] = extra
    places = np.take_along_axis(places, rng.random(places.shape).argsort(1), 1)
    return np.concatenate([places.ravel(), short])


def _dealt(n_items, n_boxes, rng):
    """Deal items of several kinds into boxes: as many into each, and no kind twice into one.

    Kind by kind, always to the boxes with most room, ties at random: so everything fits (Gale 1957; Ryser 1957). Dealt round
    after round, in a fresh order each time; a kind that goes on into the next round begins there with boxes it is not in.
    Of each kind there are at most as many items as boxes; together a multiple of these. Returns both as int[n_rounds, n_boxes].
    """
    order = rng.permutation(len(n_items))
    kinds = np.repeat(order, n_items[order]).reshape(-1, n_boxes)
    boxes = np.empty_like(kinds)
    for i in range(len(kinds)):
        box = rng.permutation(n_boxes)
        if i and kinds[i - 1, -1] == kinds[i, 0]:
            has_it = np.zeros(n_boxes, bool)
            has_it[boxes[i - 1, kinds[i - 1] == kinds[i, 0]]] = True
            first = np.flatnonzero(~has_it[box])[: np.count_nonzero(kinds[i] == kinds[i, 0])]
            box = np.concatenate([box[first], np.delete(box, first)])
        boxes[i] = box
    return kinds, boxes


def _filled(places, codes, counts, rng):
    """A row for every place: those of each class in a random order, over and over."""
    shuffled = rng.permutation(len(codes))
    rows_by_class = shuffled[codes[shuffled].argsort(kind="stable")]
    places_by_class = places.argsort(kind="stable")
    of_class = places[places_by_class]
    drawn = np.bincount(places, minlength=len(counts))
    nth = np.arange(len(places)) - (drawn.cumsum() - drawn)[of_class]
    rows = np.empty(len(places), np.int64)
    rows[places_by_class] = rows_by_class[(counts.cumsum() - counts)[of_class] + nth % counts[of_class]]
    return rows
