"""The Python face: `epochal.plan`, `fit`, `predict` and `study`, with Keras' argument names."""

from .fit import fit as fit
from .plan import plan as plan
from .predict import predict as predict
from .study import study as study
