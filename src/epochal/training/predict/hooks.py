"""Keras' callbacks around predicting, the genuine progress bar among them."""

import keras


class Hooks:
    """What hears of every block; nothing at all where nobody listens.

    Args:
        callbacks: the user's: a list, a `CallbackList`, or `None`. verbose: as in Keras. steps: how many there will be, if known.
    """

    def __init__(self, model, callbacks, verbose, steps):
        self._model, self._own, self._params = model, bool(callbacks), {"verbose": verbose, "epochs": 1, "steps": steps}
        if isinstance(callbacks, keras.callbacks.CallbackList):
            self._list = callbacks
        elif callbacks or verbose != 0:
            if callbacks and not isinstance(callbacks, (list, tuple)):
                callbacks = [callbacks]  # else Keras would call it from another thread
            self._list = keras.callbacks.CallbackList(callbacks, add_progbar=verbose != 0, model=model, **self._params)
        else:
            self._list = None

    def begin(self):
        self._model.stop_predicting = False
        if self._list is not None:
            self._list.on_predict_begin()

    def expect(self, steps, batch_size):
        """The number of steps is known now; so is the batch size."""
        if self._list is None:
            return
        self._params |= {"steps": steps, "batch_size": batch_size}
        self._list.set_params(self._params)
        for callback in self._list.callbacks:
            if isinstance(callback, keras.callbacks.ProgbarLogger) and callback.progbar is not None:
                callback.progbar.target = steps

    def before(self, step):
        if self._list is not None:
            self._list.on_predict_batch_begin(step)

    def after(self, step, outputs, block=None, done=0):
        """Tell of a step; whether a callback wants it to be the last. Of a `Block`, outputs for the rows after `done` are shown."""
        if self._list is None:
            return False
        if self._own and block is not None and (done > block.first or len(block.again)):
            rows = slice(done - block.first, block.last - block.first)
            outputs = keras.tree.map_structure(lambda leaf: leaf[rows], outputs)
        self._list.on_predict_batch_end(step, {"outputs": outputs} if self._own else None)
        return self._model.stop_predicting

    def end(self):
        if self._list is not None:
            self._list.on_predict_end()


class Begun:
    """Around the blocks: the model's variables as they are now, and the hooks that come first and last."""

    def __init__(self, forward, hooks, source=None):
        self._forward, self._hooks, self._source = forward, hooks, source

    def __enter__(self):
        self._forward.begin()
        self._hooks.begin()
        getattr(self._source, "begin", bool)()

    def __exit__(self, kind, error, trace):
        self._forward.end()
        if error is None:
            getattr(self._source, "end", bool)()
            self._hooks.end()
