"""Standard output and error, whatever the world does to them: readers that go away, full devices, signs that cannot be shown."""

import errno
import io
import os
import sys
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_SIGNS = {"–": "-", "—": "-", "×": "x", "·": "*", "µ": "u", "→": "->", "≤": "<=", "≥": ">=", "±": "+/-", "√": "sqrt", "∞": "inf",
          "Σ": "Sum", "Δ": "D", "σ": "sigma", "η": "eta", "β": "beta", "ß": "ss", "‘": "'", "’": "'", "“": '"', "”": '"'}


class Stream(io.TextIOBase):
    """A stream for text that no writing ends in an error.

    A sign that it cannot encode is written as one that looks like it. When it cannot be written any more, `failed` is the error,
    and what comes later is dropped: the work goes on, and its files are written.
    """

    def __init__(self, stream: Any) -> None:
        self._stream, self.failed = stream, None

    @property
    def encoding(self):
        return getattr(self._stream, "encoding", None) or "utf-8"

    @property
    def errors(self):
        return "strict"

    def write(self, text):
        self._try(lambda: self._stream.write(shown(text, self.encoding)))
        return len(text)

    def flush(self):
        self._try(self._stream.flush)

    def isatty(self):
        return self._stream.isatty()

    def fileno(self):
        return self._stream.fileno()

    def writable(self):
        return True

    def _try(self, act):
        if self.failed is not None:
            return
        try:
            act()
        except OSError as error:
            self.failed = error
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())  # or Python itself would fail at its end, writing what is left
            os.close(nowhere)


@contextmanager
def streams() -> Iterator[tuple[Stream, Stream]]:
    """A block in which `sys.stdout` and `sys.stderr` are such streams."""
    before = sys.stdout, sys.stderr
    out, err = (Stream(one if one is not None else io.StringIO()) for one in before)
    sys.stdout, sys.stderr = out, err
    try:
        yield out, err
    finally:
        out.flush()
        err.flush()
        sys.stdout, sys.stderr = before


def lost(stream: Stream) -> str | None:
    """Why something could not be written to the stream, in words; `None` where nothing was, or where its reader went away."""
    if stream.failed is None or stream.failed.errno in (errno.EPIPE, errno.ECONNRESET, errno.EINVAL):  # the last: on Windows
        return None
    return stream.failed.strerror or str(stream.failed)


def shown(text: str, encoding: str) -> str:
    """A text with other signs for those that an encoding lacks."""
    return text if _has(encoding, text) else "".join(sign if _has(encoding, sign) else _instead(sign) for sign in text)


def _instead(sign):
    name = unicodedata.name(sign, "")
    if name.startswith(("BOX DRAWINGS", "BLOCK")):
        return "|" if "VERTICAL" in name and "HORIZONTAL" not in name else "-"
    if name.startswith("BRAILLE"):  # of a spinner
        return "*"
    return _SIGNS.get(sign) or unicodedata.normalize("NFKD", sign).encode("ascii", "ignore").decode() or "?"


def _has(encoding, text):
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True
