"""What everything may use and knows nothing of training: errors, checks, statistics, random streams, text, files."""
