"""The right batch size, learning rate and number of epochs for your Keras model: measured, with intervals and reasons."""

from importlib import import_module
from typing import TYPE_CHECKING

from .base import lookup

if TYPE_CHECKING:  # for editors and type checkers; a run imports a name when it is first used
    from .api import check, diagnose, epochs, fit, load, measure, plan, predict, stream, study
    from .base.errors import Advice, EpochalError, MeasurementFailed, Unsupported, UsageError
    from .records import (
        Checked,
        Choice,
        Contrast,
        Curve,
        Design,
        Diagnosis,
        EpochChoice,
        Evidence,
        Finding,
        History,
        Outcome,
        Plan,
        Reading,
        StreamReport,
        Study,
        TunedRate,
    )
    from .rules.training.prior import corrected
    from .seam.model.metrics import AveragePrecision, RecallAtPrecision
    from .training import callbacks
    from .training.fit.batch_norm import reestimate_batch_norm

__version__ = "0.1.0"

__all__ = ["Advice", "AveragePrecision", "Checked", "Choice", "Contrast", "Curve", "Design", "Diagnosis", "EpochChoice",
           "EpochalError", "Evidence", "Finding", "History", "MeasurementFailed", "Outcome", "Plan", "Reading",
           "RecallAtPrecision", "StreamReport", "Study", "TunedRate", "Unsupported", "UsageError", "callbacks", "check",
           "corrected", "diagnose", "epochs", "fit", "load", "measure", "plan", "predict", "reestimate_batch_norm", "stream",
           "study"]

_HOME = {
    "check diagnose epochs fit load measure plan predict stream study": "epochal.api",
    "Advice EpochalError MeasurementFailed Unsupported UsageError": "epochal.base.errors",
    "Checked Choice Contrast Curve Design Diagnosis EpochChoice Evidence Finding History": "epochal.records",
    "Outcome Plan Reading StreamReport Study TunedRate": "epochal.records",
    "corrected": "epochal.rules.training.prior",
    "callbacks": "epochal.training",  # a room that is public as a whole
    "AveragePrecision RecallAtPrecision": "epochal.seam.model.metrics",
    "reestimate_batch_norm": "epochal.training.fit.batch_norm",
}
_HOME = {name: home for names, home in _HOME.items() for name in names.split()}

# What records ask for by name (see `base/lookup.py`): verbs of higher floors that a record offers as a method.
_METHODS = {
    "callbacks_for": "epochal.training.fit.callbacks",
    "code_for": "epochal.report",
    "html_for": "epochal.report",
    "save": "epochal.records",
    "study_plot": "epochal.report",
    "study_table": "epochal.report",
}


if not TYPE_CHECKING:  # which would take every name for one of the package's

    def __getattr__(name):
        """Import a public name when it is first used, so that `import epochal` costs nothing."""
        if name not in _HOME:
            raise AttributeError(f"module 'epochal' has no attribute {name!r}; it has {', '.join(__all__)}")
        return _find(_HOME[name], name)


def __dir__():
    return __all__


def _find(home, name):
    module = import_module(home)
    return getattr(module, name) if hasattr(module, name) else import_module(f"{home}.{name}")


lookup.open_with(lambda name: _find(_METHODS[name], name))
