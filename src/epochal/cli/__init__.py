"""The command line: `epochal plan`, `fit`, `predict`, `study`, `measure`, `epochs` and `diagnose`; arguments in, answer out."""

from .main import main as main
