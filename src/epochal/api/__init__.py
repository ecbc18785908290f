"""The Python face: `epochal.plan`, `fit`, `predict` and `study`, with Keras' argument names."""

from .verbs import fit as fit
from .verbs import load as load
from .verbs import plan as plan
from .verbs import predict as predict
from .verbs import study as study
