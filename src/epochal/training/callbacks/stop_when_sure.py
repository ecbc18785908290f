"""`StopWhenSure`: early stopping whose patience is measured in the noise of the validation loss."""

import math

import numpy as np

from ...base.errors import UsageError
from ...base.validate import one_of, positive_number, require, whole_number
from ...rules.steering.stopping import Patience, look, noise_of, paired_error, wobble
from ...seam.looking import sync
from .steering import Steering, as_rows, assign, copies, in_blocks, n_rows_in, rest_of

_BLOCKS, _MOST_ROWS = 16, 8192


class StopWhenSure(Steering):
    """Stop once the validation loss surely rises, or has surely not fallen for some time, and go back to the best weights.

    An improvement counts where it exceeds `errors` standard errors of the difference. The error comes from blocks of the validation
    rows, paired, where they are at hand (arrays under `ep.fit`, or `validation_data`), and from how much the curve wobbles.

    Args:
        monitor: what is watched; losses of blocks are taken for `"val_loss"` alone.
        validation_data: `(x, y)`, to look at within an epoch, or under `model.fit`.
        patience: looks without a sure improvement. errors: standard errors that make it sure.
        every: look every so many updates instead of at the end of every epoch.
        mode: "min", or "max" where more is better.
        restore_best_weights: go back to the weights of the best look when training ends.

    Logs `val_loss_error` (by the name of `monitor`): the standard error of the last difference to the best. Afterwards `why` is
    "rising", "flat" or "" (it did not stop), `sentence` says it, and `best`, `best_look` and `looks` are numbers.
    """

    def __init__(self, monitor="val_loss", *, validation_data=None, patience=10, errors=2.0, every=None, mode="min",
                 restore_best_weights=True):
        super().__init__()
        whole_number("patience", patience, cure="Pass 10.")
        positive_number("errors", errors, "Pass 2.")
        one_of("mode", mode, ("min", "max"), 'Pass "min".')
        if every is not None:
            whole_number("every", every, cure="Pass 100, or leave it out.")
            require(monitor == "val_loss", "monitor", monitor, "val_loss where it looks within epochs", "Leave `every` out.")
        self.monitor, self.patience, self.errors, self.every = monitor, patience, errors, every
        self._sign = -1 if mode == "max" else 1
        self._given, self._restores = as_rows(validation_data), restore_best_weights
        self._begin()

    def _begin(self):
        self.why = self.sentence = ""
        self._state, self._losses, self._blocks, self._rest, self._kept, self._error = Patience(), [], None, None, None, math.nan
        self._of_best = self._of_reference = None

    @property
    def best(self):
        return self._sign * self._state.best

    @property
    def best_look(self):
        return self._state.best_at

    @property
    def looks(self):
        return self._state.looks

    def on_train_begin(self, logs=None):
        self._begin()
        if self.monitor == "val_loss":
            batch = self._given.take(slice(0, _MOST_ROWS)) if self._given is not None else (
                self.held and self.held.validation_rows(_MOST_ROWS))
            if batch and n_rows_in(batch) >= _BLOCKS:
                self._blocks, self._rest = in_blocks(batch, _BLOCKS), rest_of(batch, _BLOCKS)
        if self.every and self._blocks is None:
            raise UsageError(f"`validation_data` must be at least {_BLOCKS} rows for StopWhenSure to look within an epoch; got "
                             "none. Pass StopWhenSure(validation_data=(x, y), every=100), or leave `every` out.")

    def on_train_batch_end(self, batch, logs=None):
        if self.is_due(batch):
            self._look(None)

    def on_epoch_end(self, epoch, logs=None):
        logs = {} if logs is None else logs
        if not self.every:
            require(self.monitor in logs or self._blocks is not None, "monitor", self.monitor,
                    f"one of what is logged, {', '.join(logs)}", "Pass validation_data to fit.")
            self._look(logs.get(self.monitor))
        logs[f"{self.monitor}_error"] = self._error

    def on_train_end(self, logs=None):
        if self._restores and self._kept is not None:
            assign(self.model.variables, self._kept)
        self._kept = None

    def _look(self, logged):
        blocks = None
        if self._blocks is not None:
            if self.every:
                sync(self.model)
            blocks = self.looking.losses(self._blocks)
        loss = self._sign * float(logged) if logged is not None else self._mean(blocks)
        curve = [*self._losses, loss]  # what few losses say of noise counts less where it would stop the training
        to_reference = self._error_to(blocks, self._of_reference, noise_of(curve))
        self._error = self._error_to(blocks, self._of_best, wobble(curve))
        self._losses.append(loss)
        self._state, verdict = look(self._state, loss, to_reference, self._error, patience=self.patience, errors=self.errors)
        if verdict.moved:
            self._of_reference = blocks
        if verdict.best:
            self._of_best = blocks
            if self._restores:
                self._kept = copies(self.model.variables)
        if verdict.why and not self.why:
            self.why, self.model.stop_training = verdict.why, True
            self.sentence = {
                "rising": f"Stopped: {self.monitor} has surely risen above its best, {self.best:.4g}, by more than {self.errors:g} "
                          "standard errors three times in a row.",
                "flat": f"Stopped: {self.monitor} has not fallen by more than {self.errors:g} standard errors in "
                        f"{self.patience} looks; its best is {self.best:.4g}."}[verdict.why]

    def _mean(self, blocks):
        """The loss on all validation rows: those of the blocks, and the few that are left over."""
        if not n_rows_in(self._rest):
            return float(blocks.mean())
        sizes = [n_rows_in(self._blocks[0]) * len(blocks), n_rows_in(self._rest)]
        return float(np.average([blocks.mean(), self.looking.losses([self._rest])[0]], weights=sizes))

    def _error_to(self, blocks, other, of_curve):
        """The standard error of the difference to another look: of the rows, and of what the curve wobbles."""
        paired = math.nan if blocks is None or other is None else paired_error(blocks, other)
        parts = [part for part in (paired, math.sqrt(2) * of_curve) if math.isfinite(part)]
        return math.hypot(*parts) if parts else math.nan
