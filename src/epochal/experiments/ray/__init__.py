"""A study's trainings on a Ray cluster."""
