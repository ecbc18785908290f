"""A model made ready to train."""

from epochal.seam.trainee import build_for_training, open_trainee


def opened(model, sample):
    """The `Trainee` of a compiled model, whose variables are made from a few rows."""
    build_for_training(model, sample)
    return open_trainee(model)
