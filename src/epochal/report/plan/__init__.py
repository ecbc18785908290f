"""A plan as a web page: its figures, tables and code to paste."""
