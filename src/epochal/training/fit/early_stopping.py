"""The early stopping of a plan, as Keras' own callback."""

import keras


def callbacks_for(plan):
    """New Keras callbacks for one `model.fit`: the early stopping that goes with the plan's epochs.

    Args:
        plan: a `Plan`; the `fit` must have validation data, or `EarlyStopping` finds no `val_loss` to watch.

    Returns:
        A fresh list on every call: a callback remembers its run, and two runs must not share one.
    """
    return [keras.callbacks.EarlyStopping(**plan.stopping.arguments())]
