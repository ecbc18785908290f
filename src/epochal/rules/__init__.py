"""Decisions, from records to records: no clock, no device; chance only from a generator that is handed in."""
