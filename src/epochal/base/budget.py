"""Moved to `text`."""

from .text import seconds_of as seconds_of
