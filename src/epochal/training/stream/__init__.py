"""Rows that keep arriving, answered and then learned from: replay, alarms of drift, and what is kept of it all."""
