"""Floor 7: the Python face. Keras' argument names in, records out, progress on the way."""

from .plan import plan as plan
