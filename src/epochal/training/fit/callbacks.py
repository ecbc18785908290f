"""Callbacks: the early stopping that a plan asks for, and what callbacks need: every batch, or the model's variables."""

import keras

_HOOKS = {"train": ("on_batch_begin", "on_batch_end", "on_train_batch_begin", "on_train_batch_end"),
          "test": ("on_test_batch_begin", "on_test_batch_end")}
_ON_REQUEST = {keras.callbacks.ModelCheckpoint: "save_freq", keras.callbacks.BackupAndRestore: "save_freq",
               keras.callbacks.TensorBoard: "update_freq"}  # the attribute in which they are asked for batches
_BLIND = (keras.callbacks.History, keras.callbacks.ProgbarLogger, keras.callbacks.CSVLogger,
          keras.callbacks.TerminateOnNaN)  # they read the logs alone


def callbacks_for(plan):
    """New Keras callbacks for one `model.fit`: the early stopping that goes with the plan's epochs.

    The `fit` must have validation data, or `EarlyStopping` finds no `val_loss` to watch. A fresh list on every call: a callback
    remembers its run, and two runs must not share one.
    """
    return [keras.callbacks.EarlyStopping(**plan.stopping.arguments())]


def hearing_batches(callbacks, what):
    """The callbacks with a hook around the batches of `"train"` or of `"test"`."""
    return _overriding(callbacks, _HOOKS[what])


def _overriding(callbacks, hooks):
    def overrides(callback, hook):
        own = getattr(callback, hook)
        return getattr(own, "__func__", own) is not getattr(keras.callbacks.Callback, hook)

    return [callback for callback in callbacks if any(overrides(callback, hook) for hook in hooks)]


def needing_batches(callbacks, what):
    """Those that need the hook at every batch, and not only now and then as the progress bar.

    Keras' own callbacks that look at batches on request (`ModelCheckpoint`, `BackupAndRestore` and `TensorBoard`, by `save_freq`
    and `update_freq`) count only then; a user's subclass of one of them always does. Ours (`epochal.callbacks`) are told of
    blocks of batches: see `pacing`.
    """
    return [callback for callback in hearing_batches(callbacks, what) if type(callback) is not keras.callbacks.ProgbarLogger
            and not getattr(callback, "in_blocks", False)
            and getattr(callback, _ON_REQUEST.get(type(callback), ""), None) != "epoch"]


def pacing(callbacks, what):
    """Numbers of batches: at multiples of each, some callback of ours looks at the model within the epoch."""
    return sorted({callback.every for callback in hearing_batches(callbacks, what)
                   if getattr(callback, "in_blocks", False) and callback.every})


def changing_the_model(callbacks, hooks):
    """The callbacks of a user's own with one of these hooks, which may change anything; Keras' own change what is trained."""
    own = [callback for callback in callbacks if type(callback) is keras.callbacks.LambdaCallback
           or not type(callback).__module__.startswith("keras.")]
    return _overriding(own, hooks)


def seeing_the_model(callbacks):
    """The callbacks that may read or change the model: all but those known to read the logs alone."""
    return [callback for callback in callbacks if type(callback) not in _BLIND]
