"""Everything that `epochal measure` can measure, by the word that asks for it; a word may stand for several readings."""

from .back_ends import BACK_ENDS
from .batches.accumulation import ACCUMULATION
from .batches.batch_norm import BATCH_NORM_LAG
from .batches.predict_invariance import PREDICT_INVARIANCE
from .batches.rare_class import RARE_CLASS
from .batches.stratified_noise import STRATIFIED_NOISE
from .branches.critical_batch import BRANCHED_BATCH
from .critical_rate import CRITICAL_RATE
from .curvature.ascent import KESKAR_SHARPNESS, SAM_SHARPNESS
from .curvature.sharpness import PRECONDITIONED_SHARPNESS, SHARPNESS
from .fit_parts import COMPILATION, VALIDATION
from .machine.input_share import INPUT_SHARE
from .machine.memory import MEMORY, MEMORY_PREDICT, MEMORY_VALIDATION
from .noise.along import NOISE_SCALE_TRAINING
from .noise.preconditioned import NOISE_SCALE_PRECONDITIONED
from .noise.simple import NOISE_SCALE
from .prediction import PREDICTION
from .rates.best_rate import BEST_RATE
from .rates.exponent import RATE_EXPONENT
from .rates.range_test import RANGE_TEST
from .switches import SWITCHES
from .throughput import THROUGHPUT

ALL = "all"
MEASURES = {
    "memory": (MEMORY, MEMORY_VALIDATION, MEMORY_PREDICT),
    "throughput": (THROUGHPUT, INPUT_SHARE, COMPILATION, VALIDATION, SWITCHES, BACK_ENDS),
    "noise_scale": (NOISE_SCALE, NOISE_SCALE_PRECONDITIONED, NOISE_SCALE_TRAINING),
    "critical_batch": (BRANCHED_BATCH,),
    "learning_rate": (CRITICAL_RATE, RANGE_TEST, BEST_RATE, RATE_EXPONENT),
    "sharpness": (SHARPNESS, PRECONDITIONED_SHARPNESS, SAM_SHARPNESS, KESKAR_SHARPNESS),
    "rare_class": (RARE_CLASS, STRATIFIED_NOISE),
    "batch_norm": (BATCH_NORM_LAG,),
    "predict": (PREDICTION, PREDICT_INVARIANCE),
    "accumulation": (ACCUMULATION,),
}
