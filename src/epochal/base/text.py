"""Numbers, times and rows of a table as text, and back: a time as people write it."""

import io
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from .validate import require

_SECONDS = {"": 1.0, "s": 1.0, "sec": 1.0, "second": 1.0, "seconds": 1.0, "min": 60.0, "m": 60.0, "minute": 60.0, "minutes": 60.0,
            "h": 3600.0, "hour": 3600.0, "hours": 3600.0}
_BYTES = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "kib": 2**10, "mib": 2**20, "gib": 2**30}
_SCALES = {
    "s": ((3600.0, 3600.0, "h"), (60.0, 60.0, "min"), (1.0, 1.0, "s"), (1e-3, 1e-3, "ms"), (0.0, 1e-6, "µs")),
    "B": ((2.0**30, 2.0**30, "GiB"), (2.0**20, 2.0**20, "MiB"), (0.0, 2.0**10, "KiB")),
}


_HIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def visible(text: str) -> str:
    """Text whose control characters are written out: in a name of somebody's they could colour, move or hide what stands around.

    >>> print(visible("a" + chr(27) + "[2Jb"))
    a\\x1b[2Jb
    """
    return _HIDDEN.sub(lambda found: ascii(found[0])[1:-1], text)


def number(x: float) -> str:
    """Three significant digits, but never `4.1e+03` for 4096.

    >>> number(4096), number(0.00123456), number(12.3456), number(float("inf"))
    ('4,096', '0.00123', '12.3', 'unbounded')
    """
    if x == float("inf"):
        return "unbounded"
    return f"{x:,.0f}" if 1000 <= abs(x) < 1e15 else f"{x:.3g}"


class Wording(str):
    """Text that `repr` leaves without quotes, for the value in an error message: `got 2 infinite values`."""

    __slots__ = ()
    __repr__ = str.__str__


def counted(n: int, noun: str) -> Wording:
    """A number of things, in words.

    >>> counted(1, "row"), counted(1200, "row")
    (1 row, 1,200 rows)
    """
    return Wording(f"{n:,} {noun}{'s' * (n != 1)}")


def first_few(words: Iterable[Any], most: int = 20, write: Callable[[Any], str] = repr) -> str:
    """The first words, each written so, and how many more there are.

    >>> first_few(["a", "b", "c"], most=2)
    "'a', 'b' and 1 more"
    """
    words = list(map(write, words))
    return ", ".join(words[:most]) + (f" and {len(words) - most} more" if len(words) > most else "")


def capital(words: str) -> str:
    """The words with a capital letter in front, as a sentence begins.

    >>> capital("the default")
    'The default'
    """
    return words[:1].upper() + words[1:]


def listed(words: Iterable[str]) -> str:
    """`a, b and c`."""
    *most, last = words
    return f"{', '.join(most)} and {last}" if most else last


def quantity(unit: str, *values: float) -> str:
    """Values with their unit, all in the scale of the largest, so that they compare at a glance.

    >>> quantity("s", 0.0021), quantity("s", 0.002, 0.003), quantity("examples", 512)
    ('2.1 ms', '2 to 3 ms', '512 examples')
    """
    largest = max((abs(v) for v in values if v != float("inf")), default=0.0)
    for floor, factor, name in _SCALES.get(unit, ((0.0, 1.0, unit),)):
        if largest >= floor:
            return f"{' to '.join(number(v / factor) for v in values)} {name}".strip()
    raise AssertionError("every scale ends at zero")


def difference(mean: float | None, low: float | None, high: float | None) -> str:
    """A difference with its interval, its sign always shown; a dash where there is none.

    >>> difference(0.012, -0.003, 0.027)
    '+0.012 (-0.003 to +0.027)'
    """
    return "–" if mean is None else f"{mean:+.2g} ({low:+.2g} to {high:+.2g})"


def duration(seconds: float) -> str:
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


def seconds_of(budget: float | str, name: str = "budget") -> float:
    """Seconds in a number, or in words such as `"2 min"`, `"90 s"`, `"1 h"`.

    Raises:
        UsageError: it is no positive, finite time.

    >>> seconds_of("2 min"), seconds_of(45), seconds_of("1.5h")
    (120.0, 45.0, 5400.0)
    """
    seconds = budget
    if isinstance(budget, str):
        found = re.fullmatch(r"\s*([0-9]*\.?[0-9]+)\s*([a-z]*)\s*", budget.lower())
        seconds = float(found[1]) * _SECONDS.get(found[2], 0.0) if found is not None else 0.0
    fine = isinstance(seconds, int | float) and 0 < seconds < float("inf")
    require(fine, name, budget, "a positive time", 'Pass "2 min", "90 s" or a number of seconds.')
    return float(seconds)


def bytes_of(memory: float | str) -> int:
    """Bytes in a number, or in words such as `"4 GB"`, `"500 MiB"`.

    Raises:
        UsageError: it is no positive, finite amount.

    >>> bytes_of("4 GB"), bytes_of("1.5 GiB"), bytes_of(1000)
    (4000000000, 1610612736, 1000)
    """
    amount = memory
    if isinstance(memory, str):
        found = re.fullmatch(r"\s*([0-9]*\.?[0-9]+)\s*([a-z]*)\s*", memory.lower())
        amount = float(found[1]) * _BYTES.get(found[2], 0) if found is not None else 0
    fine = isinstance(amount, int | float) and 1 <= amount < float("inf")
    require(fine, "max_memory", memory, "a positive amount of memory", 'Pass "4 GB", "500 MB" or a number of bytes.')
    return int(amount)


def share_of(budget: float | str) -> float | None:
    """The share in words such as `"10%"`; `None` where they say a time.

    Raises:
        UsageError: it is no positive share.

    >>> share_of("10%"), share_of("2 min")
    (0.1, None)
    """
    if not isinstance(budget, str) or not budget.strip().endswith("%"):
        return None
    found = re.fullmatch(r"\s*([0-9]*\.?[0-9]+)\s*%\s*", budget)
    share = float(found[1]) / 100 if found is not None else 0.0
    require(0 < share < float("inf"), "budget", budget, "a positive share of one training", 'Pass "10%".')
    return share


def first_line(error: BaseException) -> str:
    """What an error says, up to its first line's end; its name where it says nothing, or cannot be asked."""
    return next(iter(said_by(error).splitlines()), type(error).__name__).rstrip(".")


def said_by(error: BaseException) -> str:
    """What an error says; nothing where its own `__str__`, which may be a user's, fails."""
    try:
        return str(error).strip()
    except (TypeError, ValueError, AttributeError, LookupError, ArithmeticError, RuntimeError, OSError):
        return ""


def time_left(seconds):
    """How long something still takes, by an estimate: `under 1 s left`, `about 1 min 15 s left`."""
    return f"{duration(seconds)} left" if seconds < 1 else f"about {duration(seconds)} left"


def table(rows: Iterable[Sequence[str]], *, width: int = 100) -> str:
    """Rows of strings, the first of them the heading, as an aligned text table (drawn by Rich)."""
    from rich.console import Console

    page = io.StringIO()
    console = Console(file=page, width=width, color_system=None)
    console.print(RichTable(rows))
    return "\n".join(line.rstrip() for line in page.getvalue().rstrip().splitlines())


class RichTable:
    """The same table as an object that a Rich console draws at the width of the terminal: none is too narrow for it.

    Rich itself narrows the widest columns whatever words they hold, and a `min_width` then makes the table wider than the page,
    which cuts its last column off. So the columns are told how wide they may be: as wide as a fair share of the page, but no
    narrower than their longest word; where the words alone are wider than the page, the longest words break.
    """

    _GAP = 3  # between two columns

    def __init__(self, rows: Iterable[Sequence[str]]) -> None:
        self._heading, *self._body = rows

    def __rich_console__(self, console, options):
        from rich.box import SIMPLE_HEAD
        from rich.table import Table
        from rich.text import Text

        grid = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
        for heading, width in zip(self._heading, self._widths(options.max_width), strict=True):
            grid.add_column(Text(heading), max_width=width, overflow="fold")
        for row in self._body:
            grid.add_row(*map(Text, row))  # a name in brackets is no markup
        yield grid

    def _widths(self, page):
        """The most characters each column may take."""
        columns = list(zip(self._heading, *self._body, strict=True))
        whole = [max(map(len, cells)) for cells in columns]
        words = [max((len(word) for cell in cells for word in cell.split()), default=1) for cells in columns]
        room = page - self._GAP * (len(columns) - 1)
        longest = next((cap for cap in range(max(words), 0, -1) if sum(min(word, cap) for word in words) <= room), 1)
        floors = [min(word, longest) for word in words]
        shares = ([min(max(low, share), high) for low, high in zip(floors, whole, strict=True)] for share in range(page, 0, -1))
        return next((widths for widths in shares if sum(widths) <= room), floors)
