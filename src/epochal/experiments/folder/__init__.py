"""What a study is kept in: a folder with one SQLite file."""
