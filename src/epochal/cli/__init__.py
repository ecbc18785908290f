"""The command line: `epochal plan`, `fit`, `predict` and `study`; arguments in, progress and answer out."""

from .main import main as main
