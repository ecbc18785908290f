"""Floor 2, pure wing: from records to records. No clock, no device, no chance."""
