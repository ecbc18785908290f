"""Rows of a table that keep arriving: CSV and JSON lines, rows by name, a Kafka topic; encoded as their first rows say."""
