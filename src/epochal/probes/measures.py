"""Everything that `epochal measure` can measure, by the word that asks for it; a word may stand for several readings."""

from .back_ends import BACK_ENDS
from .critical_rate import CRITICAL_RATE
from .fit_parts import COMPILATION, VALIDATION
from .machine.input_share import INPUT_SHARE
from .machine.memory import MEMORY, MEMORY_PREDICT, MEMORY_VALIDATION
from .noise import NOISE_SCALE
from .prediction import PREDICTION
from .switches import SWITCHES
from .throughput import THROUGHPUT

MEASURES = {
    "memory": (MEMORY, MEMORY_VALIDATION, MEMORY_PREDICT),
    "throughput": (THROUGHPUT, INPUT_SHARE, COMPILATION, VALIDATION, SWITCHES, BACK_ENDS),
    "noise_scale": (NOISE_SCALE,),
    "learning_rate": (CRITICAL_RATE,),
    "predict": (PREDICTION,),
}
