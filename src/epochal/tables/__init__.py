"""Floor 2: a file or a built-in data set becomes arrays, a task and a split. NumPy, pandas and scikit-learn; no Keras."""

from .open import open_table as open_table
from .table import Table as Table
