"""A file or a built-in data set becomes arrays, a task and a split."""

from . import home as home  # first: before skrub is imported
from .open import open_table as open_table
from .table import Table as Table
