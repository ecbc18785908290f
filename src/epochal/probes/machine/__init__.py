"""What the machine allows: how large a batch fits into memory, and what reading the rows takes."""
