"""What a model is known by: its parts, the user's own code, and what decides how fast it runs."""
