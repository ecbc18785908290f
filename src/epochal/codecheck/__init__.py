"""Scripts and notebooks that train Keras models, read without running them: what in them leads to wrong or misleading results."""

from .check import check as check
from .kinds import KINDS as KINDS
from .sarif import as_sarif as as_sarif
