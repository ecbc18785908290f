"""What a model is known by: its settings, its `Task`, and the code that the user wrote."""
