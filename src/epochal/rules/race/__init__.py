"""The race: which settings start, how long its levels are, who goes on, and how far one of them is ahead."""
