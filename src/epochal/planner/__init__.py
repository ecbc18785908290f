"""Floor 6: measure, then decide. The package's one workflow."""

from .measure import measure as measure
from .plan import plan as plan
