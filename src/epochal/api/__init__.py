"""Floor 7: the Python face. Keras' argument names in, records out, progress on the way."""

from .fit import fit as fit
from .plan import plan as plan
from .predict import predict as predict
from .study import study as study
