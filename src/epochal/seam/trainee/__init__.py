"""The user's own model in training, one file a back end."""

from ..model.build import build as build
from .open import build_for_training as build_for_training
from .open import only_keras as only_keras
from .open import open_trainee as open_trainee
from .protocol import epoch_logs as epoch_logs
from .protocol import logs_of_its_own as logs_of_its_own
