"""`GuardRate`: a lower learning rate and the last good weights once a training is confirmed to be unstable."""

import math

from ...base.validate import positive_number, require, whole_number
from ...rules.steering.instability import confirmed, suspicious
from ...seam.looking import sync
from .steering import Steering, assign, copies


class GuardRate(Steering):
    """Multiply the rate by `factor` and go back to the last good weights and optimizer state after a confirmed instability.

    Confirmed: the training loss is no number; or `confirm` looks in a row it is above its lowest by more than `errors` times the
    noise of the curve and by more than a tenth. A single spike changes nothing.

    Args:
        monitor: what is watched. factor: of the rate. errors, confirm: see above.
        every: look every so many updates (at the mean loss since the last look) beside the end of every epoch.
        most: so many times; then training stops.

    Logs `learning_rate`, and `guard_restored`: how often it has gone back.
    """

    def __init__(self, monitor="loss", *, factor=0.5, errors=5.0, confirm=2, every=None, most=5):
        super().__init__()
        positive_number("errors", errors, "Pass 5.")
        positive_number("factor", factor, "Pass 0.5.")
        require(factor < 1, "factor", factor, "below 1", "Pass 0.5.")
        for name, value in (("confirm", confirm), ("most", most), *((("every", every),) if every is not None else ())):
            whole_number(name, value, cure="Leave it out.")
        self.monitor, self.factor, self.errors, self.confirm, self.every, self.most = monitor, factor, errors, confirm, every, most
        self._begin()

    def _begin(self):
        self.restored, self._losses, self._suspicious, self._good, self._mean = 0, [], 0, None, (0, 0.0)

    def on_train_begin(self, logs=None):
        self.refuse_schedule()
        self._begin()
        self._good = self._copies()

    def on_epoch_begin(self, epoch, logs=None):
        super().on_epoch_begin(epoch, logs)
        self._mean = 0, 0.0

    def on_train_batch_end(self, batch, logs=None):
        if not self.is_due(batch):
            return
        before, mean = self._mean
        now, n = float((logs or {}).get(self.monitor, math.nan)), batch + 1
        self._mean = n, now
        sync(self.model)
        if self._look((now * n - mean * before) / (n - before) if n > before else now):
            self.model.reset_metrics()  # a mean that holds what is no number stays so
            self._mean, self._done = (0, 0.0), 0

    def on_epoch_end(self, epoch, logs=None):
        logs = {} if logs is None else logs
        require(self.monitor in logs, "monitor", self.monitor, f"one of what is logged, {', '.join(logs)}", 'Pass "loss".')
        rate, loss = self.rate, float(logs[self.monitor])
        if not self.every or not math.isfinite(loss):
            self._look(loss)
        logs |= {"learning_rate": rate, "guard_restored": self.restored}

    def _look(self, loss):
        """Whether it went back."""
        doubtful = suspicious(self._losses, loss, errors=self.errors)
        self._suspicious = self._suspicious + 1 if doubtful else 0
        if confirmed(self._suspicious, loss, confirm=self.confirm):
            self._go_back()
            return True
        if not doubtful:
            self._losses.append(loss)
            self._good = self._copies()
        return False

    def _go_back(self):
        rate = self.rate
        assign([*self.model.variables, *self.model.optimizer.variables], self._good)
        self.rate, self._suspicious = rate * self.factor, 0
        self.restored += 1
        self._losses = self._losses[-1:]  # another rate has another curve
        if self.restored >= self.most:
            self.model.stop_training = True

    def _copies(self):
        return copies([*self.model.variables, *self.model.optimizer.variables])
