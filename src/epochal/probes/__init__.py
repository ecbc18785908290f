"""What is measured of a model before any training to the end: one file a measurement, and the agenda of them all."""

from .critical_rate import critical_rate
from .memory import memory
from .noise import noise_scale
from .prediction import prediction
from .throughput import throughput

PROBES = {
    "memory": memory,
    "throughput": throughput,
    "noise_scale": noise_scale,
    "critical_rate": critical_rate,
    "prediction": prediction,
}
