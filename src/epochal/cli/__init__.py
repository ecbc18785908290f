"""The command line: `epochal plan`, `fit`, `predict`, `study`, `measure` and `stream`; arguments in, progress and answer out."""

from .main import main as main
