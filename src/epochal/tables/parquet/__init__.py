"""Parquet files larger than memory: their rows as numbers, read in pieces of a bounded size."""
