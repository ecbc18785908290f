"""The command line: `epochal plan`, `fit`, `predict`, `study` and `measure`; arguments in, progress and answer out."""

from .main import main as main
