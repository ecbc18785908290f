"""A plan as a web page: its rows, pictures and code to paste."""
