"""Moved to `errors`."""

from .errors import advise as advise
