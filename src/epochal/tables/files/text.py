"""How a file of text is written: its encoding, what separates its values, where the table begins, whether columns are named."""

import bz2
import codecs
import csv
import gzip
import io
import lzma
import re
import zipfile
import zlib
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise

from ...base.errors import UsageError
from ...base.text import capital, counted, first_line
from ...base.validate import require

UNREADABLE = (UnicodeError, gzip.BadGzipFile, zipfile.BadZipFile, lzma.LZMAError, EOFError, zlib.error, OSError)
BLANKS = r"\s+"
_SEPARATORS = ",;\t|"
_HEAD = 2**18  # bytes that are looked at
_LOOKED_AT = 300  # rows
_ALIKE = 0.8  # of the rows that a separator must cut into equally many values
_LONGEST_FOREWORD = 30  # lines before the table
_LEAST_BELOW = 20  # rows that tell of which columns hold numbers
_OPEN = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
_OTHER = {b"\x1f\x8b": "packed with gzip: name it so, table.csv.gz", b"BZh": "packed with bzip2: name it so, table.csv.bz2",
          b"\xfd7zXZ": "packed with xz: name it so, table.csv.xz", b"%PDF": "a PDF: save the table as CSV",
          b"PK\x03\x04": "an Excel workbook (save it as CSV) or a zip archive (name it table.csv.zip)",
          b"version https://git-lfs": "a pointer of Git LFS and not the file: fetch it by git lfs pull",
          b"@relation": "an ARFF file: save it as CSV", b"@RELATION": "an ARFF file: save it as CSV"}
_WORD = re.compile(r'"[^"]*"|\S+')
_GROUPED = re.compile(r"-?[1-9]\d{0,2}\.\d{3}")
_NUMBER = re.compile(r"[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How the table in a file of text is written."""

    encoding: str
    separator: str  # `BLANKS` for any number of blanks
    skip: tuple[int, ...]  # lines that are no part of the table, from 0
    names: tuple[str, ...] | None  # of the columns, where the file does not name them
    decimal: str  # `","` where most decimals near the beginning are written so
    closed: bool  # whether rows end in a separator that their heading lacks
    n_named: int  # columns that the heading names
    notes: tuple[str, ...]

    @property
    def options(self):
        """As arguments of `pandas.read_csv`."""
        named = {} if self.names is None else {"header": None, "names": list(self.names)}
        return named | {"sep": self.separator, "encoding": self.encoding, "skiprows": list(self.skip), "decimal": self.decimal,
                        "skipinitialspace": True, "keep_default_na": False, "na_values": [""], "low_memory": False,
                        **({"index_col": False} if self.closed else {})}


def opened(path):
    """The bytes of the text in the file at `path`, unpacked; raises `UsageError` for an archive of several files."""
    ending = path.suffix.lower()
    if ending != ".zip":
        return _OPEN.get(ending, open)(path, "rb")
    with zipfile.ZipFile(path) as archive:
        files = [name for name in archive.namelist() if not name.endswith("/") and not name.startswith("__MACOSX")
                 and not name.rsplit("/", 1)[-1].startswith(".")]
        require(len(files) == 1, "source", path.name, "an archive of one table",
                f"It holds {counted(len(files), 'file')}; unpack it.")
        return archive.open(files[0])


def beginning(path):
    """The first bytes of the text in the file at `path`."""
    try:
        with opened(path) as file:
            return file.read(_HEAD)
    except UNREADABLE as error:
        raise no_table(path, "a table as text", error) from error


def in_memory(path):
    """The bytes of the text in the file at `path`, all of them."""
    with opened(path) as file:
        return io.BytesIO(file.read())


def layout_of(path, options):
    """The `Layout` of the file at `path`, where `TableOptions` do not say it.

    Raises:
        UsageError: it holds no table.
    """
    text, encoding, notes = _head(path, options.encoding)
    _check_is_table(path, text)
    lines = text.splitlines(keepends=True)[options.skip or 0:]
    require(any(line.strip() for line in lines), "source", path.name, "a table with columns and rows",
            "The file is empty; write the table again.")
    separator = _named_separator(options.separator) if options.separator else _separator(lines)
    rows = _rows(lines, separator)
    counts = [len(row) for row, _ in rows]
    usual = Counter(counts[1:] or counts).most_common(1)[0][0]
    foreword = 0 if options.skip is not None else _foreword([row for row, _ in rows], usual, separator)
    n_before = rows[foreword][1]
    if foreword:
        notes.append(f"{capital(_first(n_before))} of {path.name} {'is' if n_before == 1 else 'are'} no part of the table: left "
                     "out (--skip says how many).")
    first, below = rows[foreword][0], rows[foreword + 1:]
    further = [] if options.header is False else _further_headings([row for row, _ in below])
    if further:
        hold = "hold" if further[1:] else "holds"
        notes.append(f"Below the columns' names, {counted(len(further), 'line')} of {path.name} {hold} no values but words such as "
                     f"{next(filter(None, below[0][0]))!r}: left out.")
    skip = (*range((options.skip or 0) + n_before), *((options.skip or 0) + below[i][1] for i in further))
    below = [row for i, (row, _) in enumerate(below) if i not in further]
    beginning = "".join(lines).strip().splitlines()[0][:60]
    require(max(len(first), usual) > 1, "source", path.name, "a table with two or more columns",
            f"Its first line is {beginning!r}: separate the columns' names and the values by commas."
            + (" If columns stand at fixed places, read it by pandas.read_fwf and save it as CSV." if "  " in beginning else ""))
    headed = _are_names(first, below) if options.header is None else options.header
    if not headed:
        notes.append(f"{path.name} does not name its columns: they are called column_1 to column_{len(first)}."
                     + (" Where its first line does, after all, write --header." if options.header is None else ""))
    decimal = options.decimal or _decimal(below, separator)
    grouped = [name for i, name in enumerate(first) if decimal == "." and options.decimal is None and separator != ","
               and len(below) >= _LEAST_BELOW and all(len(row) > i and _GROUPED.fullmatch(row[i].strip()) for row in below)]
    if grouped:
        notes.append(f"`{grouped[0]}`: {below[0][first.index(grouped[0])]!r} is read with decimals; where the point separates "
                     "thousands, write --decimal ','.")
    if separator != ",":
        spoken = {"\t": "a tab", BLANKS: "blanks"}.get(separator, repr(separator))
        notes.append(f"Columns are separated by {spoken}" + (" and decimals written with a comma." if decimal == "," else "."))
    closed = headed and usual == len(first) + 1 and all(len(row) < usual or not row[-1] for row in below)
    return Layout(encoding=encoding, separator=separator, skip=skip, decimal=decimal, closed=closed, n_named=len(first),
                  names=None if headed else tuple(f"column_{i + 1}" for i in range(len(first))), notes=tuple(notes))


def no_table(path, must, error):
    return UsageError(f"`source` must be {must}; got {path.name!r}, which cannot be read ({first_line(error)}). "
                      "If lines stand before the table, --skip says how many; else open it where it came from and save it again as "
                      "CSV in UTF-8, or as Parquet.")


def first_row(path, layout):
    """The values of the first line of the table: the columns' names where the file has them."""
    lines = codecs.getincrementaldecoder(layout.encoding)().decode(beginning(path)).splitlines(keepends=True)
    return _rows([line for i, line in enumerate(lines) if i not in layout.skip], layout.separator)[0][0]


def _head(path, wanted):
    """The first characters, the encoding, and a list of notes."""
    raw = beginning(path)
    encoding, notes = wanted or _encoding(raw), []
    kind = next((kind for start, kind in _OTHER.items() if raw.startswith(start)), None)
    require(kind is None, "source", path.name, "a table as text", f"It is {kind}.")
    require(wanted is None or _is_codec(wanted), "--encoding", wanted, "the name of an encoding", "Write utf-8, cp1252 or latin-1.")
    require(b"\0" not in raw or encoding.startswith(("utf-16", "utf-32")), "source", path.name, "a table as text",
            "It holds binary data; save the table as CSV in UTF-8.")
    if encoding == "cp1252":
        notes.append(not_utf8(path))
    try:
        text = codecs.getincrementaldecoder(encoding)().decode(raw)
    except UnicodeError as error:
        raise no_table(path, "a table as UTF-8 text, or in the encoding that --encoding names", error) from error
    if len(raw) == _HEAD and "\n" in text:
        text = text[:text.rindex("\n") + 1]  # whole lines
    return text, encoding, notes


def not_utf8(path):
    return f"{path.name} is not in UTF-8: read as cp1252 (Western European Windows; --encoding names another)."


def _encoding(raw):
    if raw.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return "utf-32"
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    try:
        codecs.getincrementaldecoder("utf-8")().decode(raw)
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8-sig"


def _is_codec(name):
    try:
        return isinstance("a".encode(name), bytes)
    except (LookupError, ValueError, TypeError):
        return False


def _check_is_table(path, text):
    start = text.lstrip()[:200].lower()
    kind = ("a web page" if start.startswith(("<!doctype", "<html", "<?xml", "<head")) or "<body" in start else
            "JSON" if re.match(r"\{\s*\"|\[\s*[\[{]", start) else None)
    cures = {"a web page": "Download the file itself: on a page that shows it, look for \"raw\" or \"download\".",
             "JSON": "Save it as CSV: pandas.read_json(…).to_csv('table.csv', index=False)."}
    cure = cures.get(kind or "", "Save the table as CSV.")
    require(kind is None, "source", path.name, "a table as text", f"It holds {kind}. {cure}")


def _named_separator(name):
    known = {"tab": "\t", "\\t": "\t", "blanks": BLANKS, "blank": BLANKS, "space": BLANKS, "comma": ",", "semicolon": ";"}
    separator = known.get(name.lower(), name)
    require(len(separator) == 1 or separator == BLANKS, "--sep", name, "one character, or tab or blanks", "Write --sep ';'.")
    return separator


def _separator(lines):
    best, most = ",", (0.0, 0)
    for separator in _SEPARATORS:
        counts = [len(row) for row, _ in _rows(lines, separator)]
        usual, n = max(Counter(count for count in counts if count > 1).items(), key=lambda one: one[1], default=(0, 0))
        if usual and (n / len(counts), usual) > most:
            best, most = separator, (n / len(counts), usual)
    by_blanks = [len(row) for row, _ in _rows(lines, BLANKS)]
    if len(by_blanks) > _LONGEST_FOREWORD:
        by_blanks = by_blanks[len(by_blanks) // 2:]  # behind what may stand before the table
    usual, n = Counter(by_blanks).most_common(1)[0]
    alike = usual > 1 and n >= 0.95 * len(by_blanks) and len(by_blanks) > 1
    cut = [row for row, _ in _rows(lines, best)]
    # decimal commas, and blanks between: the heading has none of the former
    torn = len(cut[0]) == 1 < most[1] and len(_WORD.findall(cut[0][0])) == usual
    packed = all(sum(bool(_NUMBER.fullmatch(word)) for word in _WORD.findall(row[0])) > 2 for row, _ in _rows(lines, best)[1:])
    if alike and (most[0] < _ALIKE or (usual > most[1] and packed) or torn):
        return BLANKS
    return best if most[0] >= 0.5 or not alike else BLANKS


def _first(n):
    return "the first line" if n == 1 else f"the first {n} lines"


def _rows(lines, separator):
    """Pairs of the values of a row and the number of lines before it, of the first rows that are not empty."""
    if separator == BLANKS:
        found = [(_WORD.findall(line), i) for i, line in enumerate(lines[:2 * _LOOKED_AT])]
    else:
        reader, found, before = csv.reader(lines, delimiter=separator, skipinitialspace=True), [], 0
        try:
            for row in reader:
                found.append((row, before))
                before = reader.line_num
                if len(found) == 2 * _LOOKED_AT:
                    break
        except csv.Error:  # a value longer than the reader takes: what came before tells
            pass
    return [(row, line) for row, line in found if any(value.strip() for value in row)][:_LOOKED_AT] or [([""], 0)]


def _foreword(rows, usual, separator):
    """Rows before the first that has as many values as are usual, most of them not empty; 0 where they may be a heading that
    lacks a name."""
    odd = [i for i, row in enumerate(rows[: len(rows) // 2]) if len(row) != usual]
    if separator == BLANKS and odd and odd[-1] < _LONGEST_FOREWORD and not (odd == [0] and len(rows[0]) == usual - 1):
        return odd[-1] + 1  # prose may have as many words
    n_filled = [sum(map(bool, map(str.strip, row))) for row in rows]
    before = next((i for i, row in enumerate(rows)
                   if len(row) >= usual and (len(row) < 3 or n_filled[i] > max(1, len(row) // 4))), 0)
    near = before == 1 and usual > 2 and len(rows[0]) == usual - 1
    return 0 if near or before > _LONGEST_FOREWORD or before >= len(rows) - 1 else before


def _further_headings(rows):
    """The first rows, two at most, that hold no number in any column of numbers: units, or the columns' types."""
    later = rows[2:]
    if len(later) < _LEAST_BELOW:
        return []
    width = min(map(len, later))
    of_numbers = [i for i in range(width) if sum(bool(_NUMBER.fullmatch(row[i].strip())) for row in later) > 0.9 * len(later)]
    if len(of_numbers) < 2:
        return []

    cells = [[row[i].strip() for i in of_numbers] if len(row) >= width else ["0"] for row in rows[:2]]
    of_words = [not any(_NUMBER.fullmatch(cell) for cell in row) for row in cells]
    named = sum(any(letter.isalpha() for letter in cell) for cell in cells[0]) > len(of_numbers) / 2
    return [] if not (of_words[0] and named) else [0, 1] if of_words[1] else [0]


def _are_names(first, below):
    """Whether the first row names the columns, rather than holding values of them.

    It holds values where one is a number with decimals, or where some are numbers and a word stands again below; and where all
    are whole numbers, unless these count 0, 1, 2 or are years, as headings do.
    """
    numbers = [value for value in map(str.strip, first) if _NUMBER.fullmatch(value)]
    if not numbers or not below:
        return True
    if any("." in value for value in numbers):
        return False
    again = [name for i, name in enumerate(map(str.strip, first)) if name and not _NUMBER.fullmatch(name)
             and any(len(row) > i and row[i].strip() == name for row in below)]
    if again:
        return False
    if len(numbers) < len([value for value in first if value.strip()]):
        return True
    whole = [int(value) for value in numbers if value.lstrip("+-").isdigit()]
    steps = {after - before for before, after in pairwise(whole)}
    return len(whole) == len(numbers) and steps == {1}


def _decimal(rows, separator):
    if separator == ",":
        return "."
    values = [value.strip() for row in rows for value in row]
    with_comma, with_point = (sum(bool(re.fullmatch(rf"[+-]?\d+{mark}\d+", value)) for value in values) for mark in (",", r"\."))
    return "," if with_comma > with_point else "."
