"""A model trained on another back end, in a process of its own."""
