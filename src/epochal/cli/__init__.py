"""Floor 7: the command line."""

from .main import main as main
