"""Everything that `epochal measure` can measure, by the word that asks for it; a word may stand for several readings."""

from .back_ends import BACK_ENDS
from .critical_rate import CRITICAL_RATE
from .curvature.ascent import KESKAR_SHARPNESS, SAM_SHARPNESS
from .curvature.sharpness import PRECONDITIONED_SHARPNESS, SHARPNESS
from .fit_parts import COMPILATION, VALIDATION
from .memory import MEMORY
from .noise.along import NOISE_SCALE_TRAINING
from .noise.preconditioned import NOISE_SCALE_PRECONDITIONED
from .noise.simple import NOISE_SCALE
from .prediction import PREDICTION
from .switches import SWITCHES
from .throughput import THROUGHPUT

MEASURES = {
    "memory": (MEMORY,),
    "throughput": (THROUGHPUT, COMPILATION, VALIDATION, SWITCHES, BACK_ENDS),
    "noise_scale": (NOISE_SCALE, NOISE_SCALE_PRECONDITIONED, NOISE_SCALE_TRAINING),
    "sharpness": (SHARPNESS, PRECONDITIONED_SHARPNESS, SAM_SHARPNESS, KESKAR_SHARPNESS),
    "learning_rate": (CRITICAL_RATE,),
    "predict": (PREDICTION,),
}
