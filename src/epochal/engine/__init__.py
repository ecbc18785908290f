"""Many trainings at once, as one compiled program or step by step."""

from .lanes import N_HALVES as N_HALVES
from .lanes import Batches as Batches
from .lanes import Lane as Lane
from .lanes import Run as Run
from .lanes import n_trained as n_trained
from .mode import measure_mode as measure_mode
from .programs import local_devices as local_devices
from .programs import prepare as prepare
from .train import train as train
