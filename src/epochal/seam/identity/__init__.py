"""What a model is known by: its settings (checkpoints, remembered speeds), its `Task` (evidence, folders), the user's own code."""
