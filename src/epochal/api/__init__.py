"""The Python face: `epochal.plan`, `fit`, `predict`, `study` and the other verbs, with Keras' argument names."""

from .diagnose import diagnose as diagnose
from .stream import stream as stream
from .verbs import check as check
from .verbs import epochs as epochs
from .verbs import fit as fit
from .verbs import load as load
from .verbs import measure as measure
from .verbs import plan as plan
from .verbs import predict as predict
from .verbs import study as study
