"""One file a workflow: a frozen request comes in, a record goes out; progress and a stop are handed in."""

from ..experiments.journal import Journal as Journal
from .measure import measure as measure
