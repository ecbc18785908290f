"""From what was measured to a plan: what to train, how settings compare, what to recommend, in which words."""
