"""Floor 4: one module, one function, one reading."""
