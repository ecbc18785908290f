"""What a column of a table holds: numbers, dates or words, however they are written, and whether it can help."""
