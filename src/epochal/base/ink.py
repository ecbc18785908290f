"""Turn numbers and rows into text. Knows nothing of what they mean."""

import io

_SCALES = {
    "s": ((3600.0, 3600.0, "h"), (60.0, 60.0, "min"), (1.0, 1.0, "s"), (1e-3, 1e-3, "ms"), (0.0, 1e-6, "µs")),
    "B": ((2.0**30, 2.0**30, "GiB"), (2.0**20, 2.0**20, "MiB"), (0.0, 2.0**10, "KiB")),
}


def number(x):
    """Three significant digits, but never `4.1e+03` for 4096.

    >>> number(4096), number(0.00123456), number(12.3456)
    ('4,096', '0.00123', '12.3')
    """
    return f"{x:,.0f}" if 1000 <= abs(x) < 1e15 else f"{x:.3g}"


def quantity(unit, *values):
    """Values with their unit, all in the scale of the largest, so that they compare at a glance.

    >>> quantity("s", 0.0021), quantity("s", 0.002, 0.003), quantity("examples", 512)
    ('2.1 ms', '2 to 3 ms', '512 examples')
    """
    largest = max((abs(v) for v in values if v != float("inf")), default=0.0)
    for floor, factor, name in _SCALES.get(unit, ((0.0, 1.0, unit),)):
        if largest >= floor:
            return f"{' to '.join(_or_unbounded(v / factor) for v in values)} {name}".strip()
    raise AssertionError("every scale ends at zero")


def duration(seconds):
    """Seconds as a person says them: two units at most.

    >>> duration(0.4), duration(75), duration(4000)
    ('under 1 s', '1 min 15 s', '1 h 7 min')
    """
    if seconds < 1:
        return "under 1 s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s" if whole % 60 else f"{whole // 60} min"
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60} min"


def table(rows, *, width=100):
    """Rows of strings, the first of them the heading, as an aligned text table (drawn by Rich)."""
    from rich.console import Console

    page = io.StringIO()
    console = Console(file=page, width=width, color_system=None)
    console.print(rich_table(rows))
    return "\n".join(line.rstrip() for line in page.getvalue().rstrip().splitlines())


def rich_table(rows):
    """The same table as an object that a Rich console draws at the width of the terminal."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    heading, *body = rows
    grid = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for cells in zip(heading, *body, strict=True):
        longest = max((len(word) for cell in cells for word in cell.split()), default=1)
        grid.add_column(cells[0], min_width=min(longest, 24), overflow="fold")  # lines break between words, not in them
    for row in body:
        grid.add_row(*map(Text, row))  # a name in brackets is no markup
    return grid


def _or_unbounded(x):
    return "unbounded" if x == float("inf") else number(x)
