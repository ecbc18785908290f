"""What is measured of a model beside its trainings to the end: one file a measurement, and the agenda of them all."""

from .back_ends import BACK_ENDS
from .critical_rate import CRITICAL_RATE
from .fit_parts import COMPILATION, VALIDATION
from .machine.memory import MEMORY
from .noise.simple import NOISE_SCALE
from .prediction import PREDICTION
from .switches import SWITCHES
from .throughput import THROUGHPUT

PROBES = {probe.name: probe for probe in (
    MEMORY,
    THROUGHPUT,
    NOISE_SCALE,
    CRITICAL_RATE,
    COMPILATION,
    VALIDATION,
    PREDICTION,
    SWITCHES,
    BACK_ENDS,
)}
AFTERWARDS = (COMPILATION, VALIDATION, PREDICTION, SWITCHES, BACK_ENDS)  # taken after the comparisons, which do without them
