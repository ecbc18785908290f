"""Floor 6: measure, then decide. The package's one workflow."""

from ..experiments.journal import Journal as Journal
from .measure import measure as measure
