"""Types of the columns of a Parquet file: which of them are numbers and which are text, and their values as such."""

import pyarrow
from pyarrow import types


def value_type(kind):
    """The type of the values, those of categories too."""
    return kind.value_type if types.is_dictionary(kind) else kind


def is_number(kind):
    """Whether these are numbers or booleans."""
    return types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind) or types.is_decimal(kind)


def is_text(kind):
    """Whether this is text, or categories of text."""
    kind = value_type(kind)
    return types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind)


def plain(column):
    """Categories as their values."""
    return column.dictionary_decode() if types.is_dictionary(column.type) else column


def as_text(column):
    """The values as strings."""
    return plain(column).cast(pyarrow.string())


def first_unknown(column, codes):
    """The first value without a code, `None` where all have one."""
    unknown = column.filter(codes.is_null())
    return unknown[0].as_py() if len(unknown) else None


def some(names, most=20):
    """The first names, and how many more there are."""
    return ", ".join(repr(name) for name in names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
