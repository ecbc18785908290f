"""Which batch size to try next for its memory: rising towards a limit, just below it and then just above."""

import math

_FURTHEST = 4.0  # times as large as the last may a size be, by the line through two of them
_AGREE = 1.3     # times as far as in proportion goes the line where the two agree


def next_size(tried, limit, most, *, refused=math.inf, precision=0.1):
    """The batch size to try next, larger than all of those; `None` where enough was tried.

    Memory mostly grows at most in proportion to the batch size (what is fixed does not grow), and so far a step does not pass the
    limit. The straight line through the last two sizes reaches further, too far where memory is flat before it rises: where the two
    disagree, the step ends between them; else a little short of the line. Near the limit the next size is larger by `precision`, so
    that one which does not fit is seen.

    Args:
        tried: `(batch size, bytes)` of sizes that ran, ascending.
        limit: bytes. most: examples, beyond which nothing is tried. refused: the smallest size that is known not to fit.
        precision: the search ends when a size that fits and one that does not are this close, as a share.

    >>> next_size([(32, 100), (64, 110)], 200, 10_000)
    172
    >>> next_size([(256, 170), (340, 196)], 200, 10_000)
    374
    """
    size, held = tried[-1]
    if held > limit or size >= most or refused <= max(size + 1, size * (1 + precision)):
        return None
    aim = in_proportion = size * limit / max(held, 1)
    if len(tried) > 1:
        before, held_before = tried[-2]
        slope = (held - held_before) / (size - before)
        crossing = size + (limit - held) / slope if slope > 0 else math.inf
        line = min(crossing / (1 + precision / 3), _FURTHEST * size)
        aim = line if in_proportion < line <= _AGREE * in_proportion else max(in_proportion, math.sqrt(in_proportion * line))
    aim = max(aim, size * (1 + precision))
    if aim > refused / (1 + precision / 3):
        aim = math.sqrt(size * refused)
    return int(min(max(aim, size + 1), most, refused - 1))
