"""Rows that keep arriving: faded means, batch sizes compared on the same rows, and how old a row is when it is learned from."""
