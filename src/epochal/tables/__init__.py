"""A file or a built-in data set becomes arrays, a task and a split."""

import os as _os
import tempfile as _tempfile

_HOME = _os.path.expanduser("~")
if not (_os.path.isdir(_HOME) and _os.access(_HOME, _os.W_OK)):  # skrub, when it is imported, makes a folder there
    _os.environ.setdefault("SKB_DATA_DIRECTORY", _os.path.join(_tempfile.gettempdir(), "skrub_data"))

from .open import open_table as open_table
from .table import Table as Table
