"""From a declared design to a study's verdicts: budgets, learning rates, comparisons, and their sentences."""
