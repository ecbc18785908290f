"""Rows that keep arriving, answered and then learned from: the rows at hand, replay, alarms of drift, and what is kept of it all."""
