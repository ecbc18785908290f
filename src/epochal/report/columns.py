"""What became of the columns of a table, as rows of text."""

from collections.abc import Iterable, Iterator

from ..base.text import counted
from ..records import ColumnUse


def column_rows(columns: Iterable[ColumnUse]) -> Iterator[tuple[str, ...]]:
    """The rows of a table of `ColumnUse`, the heading first."""
    yield ("column", "used as", "features", "missing", "how it was read")
    for use in columns:
        missing = "" if not use.n_missing else f"{counted(use.n_missing, 'row')}" + (f": {use.filled}" if use.filled else "")
        yield (use.name, use.kind, f"{use.n_features:,}" if use.n_features else "", missing, use.remark)
