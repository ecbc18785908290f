"""Lines of text that keep arriving, as cells by name: CSV, or JSON with an object a line."""

import csv
import json

from ...base.text import counted
from ...base.validate import require

_BYTES, _LONGEST = 2**18, 2**24  # read at once, and of a line
_SIGNS = (",", ";", "\t", "|")
_NAMED = {"tab": "\t", "blanks": " "}


class Lines:
    """Reads lines and makes cells of them.

    A row is a line: a line break inside quotes ends it. Empty lines are no rows. The first line of CSV names the columns, unless
    all of its cells are numbers; the columns are then called 0, 1, 2.

    Args:
        options: a `TableOptions`, of which the separator, the encoding, the header and lines to skip are used.
        names: of the columns of CSV where they are known from an earlier run: a first line that repeats them is passed over.
    """

    def __init__(self, options, names=None):
        self._options, self.names, self._began = options, names, False
        self._sign = _NAMED.get(options.separator, options.separator)
        self.is_json = names == ()
        self._known = names is not None
        self._skip = options.skip or 0

    def batches(self, file):
        """Lists of lines, as they arrive: bytes without their ends, empty ones left out.

        Args:
            file: binary, with `read1`.
        """
        rest = b""
        while piece := file.read1(_BYTES):
            *lines, rest = (rest + piece).split(b"\n")
            require(len(rest) <= _LONGEST, "source", counted(len(rest), "byte") + " without an end of line", "lines of text",
                    "Pass CSV with a header, or a JSON object a line.")
            if found := [line for line in lines if line.strip()]:
                yield found
        if rest.strip():
            yield [rest]

    def rows(self, lines):
        """`(cells, why)` of each line that is a row: a dict by name and `None`, or `None` and why it is none."""
        for line in lines:
            if self._skip and not self._known:
                self._skip -= 1
                continue
            try:
                text = line.decode(self._options.encoding or "utf-8-sig").strip("\r\n")
            except (UnicodeDecodeError, LookupError) as error:
                yield None, f"it is no text in {self._options.encoding or 'UTF-8'} ({error})"
                continue
            if not self._began:
                self._began = True
                if self._begins(text):
                    continue
            yield self._json(text) if self.is_json else self._cells(text)

    def _begins(self, text):
        """Look at the first line; whether it is no row."""
        if self._known:
            return not self.is_json and (self._split(text) or [""])[0:] == list(self.names)
        if text.lstrip().startswith("{"):
            self.is_json, self.names = True, ()
            return False
        if self._sign is None:
            self._sign = max(_SIGNS, key=text.count)
        cells = self._split(text) or []
        headless = all(_is_number(cell) for cell in cells) if self._options.header is None else not self._options.header
        self.names = tuple(map(str, range(len(cells)))) if headless else tuple(cell.strip() for cell in cells)
        twice = [name for name in self.names if self.names.count(name) > 1]
        require(not twice, "source", twice[0] if twice else "", "a table whose columns have different names", "Rename one of them.")
        return not headless

    @property
    def sign(self):
        """What stands between cells; `None` before the first line."""
        return self._sign

    def go_on(self, sign):
        """Cells are separated as in an earlier run."""
        self._sign = sign

    def _split(self, text):
        try:
            if self._sign == " ":
                return text.split()
            return next(csv.reader([text], delimiter=self._sign, strict=True), None)
        except csv.Error:
            return None

    def _cells(self, text):
        cells = self._split(text)
        if cells is None:
            return None, "its quotes do not fit together"
        if len(cells) != len(self.names):
            return None, f"it has {counted(len(cells), 'value')}, and there are {counted(len(self.names), 'column')}"
        return dict(zip(self.names, cells, strict=True)), None

    def _json(self, text):
        try:
            found = json.loads(text)
        except (ValueError, RecursionError) as error:
            return None, f"it is no JSON ({error})"
        if not isinstance(found, dict):
            return None, f"it is JSON, but no object with the columns' names: {text[:40]!r}"
        nested = [name for name, value in found.items() if isinstance(value, dict | list)]
        if nested:
            return None, f"`{nested[0]}` holds a list or an object, not a value"
        return found, None


def _is_number(text):
    try:
        float(text)
    except ValueError:
        return False
    return True
