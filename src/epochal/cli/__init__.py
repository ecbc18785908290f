"""The command line: `epochal plan`, `fit`, `predict`, `study` and the other verbs; arguments in, progress and answer out."""

from .main import main as main
