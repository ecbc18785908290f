"""The right batch size, learning rate and number of epochs for your Keras model: measured, with intervals and reasons."""

from importlib import import_module

from .base import lookup

__version__ = "0.1.0"

_HOME = {
    "Advice": "epochal.base.errors",
    "AveragePrecision": "epochal.seam.model.metrics",
    "Choice": "epochal.records",
    "Contrast": "epochal.records",
    "Curve": "epochal.records",
    "EpochalError": "epochal.base.errors",
    "Design": "epochal.records",
    "Evidence": "epochal.records",
    "MeasurementFailed": "epochal.base.errors",
    "Outcome": "epochal.records",
    "Plan": "epochal.records",
    "Reading": "epochal.records",
    "RecallAtPrecision": "epochal.seam.model.metrics",
    "Study": "epochal.records",
    "TunedRate": "epochal.records",
    "Unsupported": "epochal.base.errors",
    "UsageError": "epochal.base.errors",
    "corrected": "epochal.rules.training.prior",
    "fit": "epochal.api",
    "load": "epochal.records.store:read",
    "plan": "epochal.api",
    "predict": "epochal.api",
    "reestimate_batch_norm": "epochal.training.fit.batch_norm",
    "study": "epochal.api",
}

# What records ask for by name (see `base/lookup.py`): verbs of higher floors that a record offers as a method.
_METHODS = {
    "callbacks_for": "epochal.training.fit.early_stopping",
    "code_for": "epochal.report",
    "html_for": "epochal.report",
    "save": "epochal.records",
    "study_plot": "epochal.report",
    "study_table": "epochal.report",
}

__all__ = sorted(_HOME)


def __getattr__(name):
    """Import a public name when it is first used, so that `import epochal` costs nothing."""
    if name not in _HOME:
        raise AttributeError(f"module 'epochal' has no attribute {name!r}; it has {', '.join(__all__)}")
    return _find(_HOME[name], name)


def __dir__():
    return __all__


def _find(home, name):
    module, _, attribute = home.partition(":")
    return getattr(import_module(module), attribute or name)


lookup.open_with(lambda name: _find(_METHODS[name], name))
