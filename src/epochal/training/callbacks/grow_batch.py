"""`GrowBatch`: another batch size from epoch to epoch, each row once in each."""

import math
import warnings

import keras
import numpy as np

from ...base.errors import UsageError
from ...base.validate import is_number, one_of, positive_number, require, whole_number
from ...rules.steering import batch_size as rule
from ..fit.arguments import without_scaling
from .growing import Growing
from .noise import n_wanted, noise_of
from .steering import Steering, as_rows

_OPTIONS = {"plateau": {"monitor": "val_loss", "patience": 5, "min_delta": 0.0}, "noise_scale": {}, "norm_test": {"theta": 0.5},
            "seesaw": {"schedule": None}}
_BY_GRADIENTS = ("noise_scale", "norm_test")
_MOST_SHARE = 10  # a batch holds at most so small a part of the rows (Smith et al. 2018)


class GrowBatch(Steering):
    """Grow the batch while the model trains, and shrink it again where the rule says so.

    Rules (`by`):
        "plateau": where `ReduceLROnPlateau` would divide the rate by `factor`, the batch is multiplied by it (Smith et al. 2018);
            at the largest size the rate is divided after all. Options: `monitor`, `patience`, `min_delta`.
        "noise_scale": by `factor` towards the interval of the simple noise scale, where that does not lead past it.
        "norm_test": by `factor` where the noise of a batch's gradient exceeds `theta` (0.5) times its length (Byrd et al. 2012).
        "seesaw": beside a schedule, `schedule=f(epoch) -> rate`: where it divides the rate by α, the rate is divided by √α and the
            batch multiplied by α (arXiv:2510.14717).

    Under `ep.fit` arrays and Parquet files are cut anew at an epoch's end. `model.fit` fixes the batches of arrays when it begins:
    there pass `data=growing(x, y)`, and the same as its `x`; that may grow, and shrink down to where it began.

    Args:
        data: what `growing` returned. rows: `(x, y)` to take gradients of, where x cuts its own batches.
        factor: of one change. least, most: rows; the size at the beginning, and a tenth of all rows.
        rate_exponent: the rate is multiplied by (new size / old size) to this power: 0 leaves it (as Smith et al. do), 0.5 goes
            with Adam, 1 with SGD. Not for "seesaw", which sets it.

    Logs `batch_size` and `learning_rate` of the epoch; for the two rules by gradients `noise_scale` too.
    """

    def __init__(self, by="plateau", *, data=None, rows=None, factor=2.0, least=None, most=None, rate_exponent=0.0,
                 **options):
        super().__init__()
        one_of("by", by, _OPTIONS, 'Pass by="plateau".')
        known = _OPTIONS[by]
        for name, value in options.items():
            require(name in known, name, value, f"left out with by={by!r}, which takes {', '.join(known) or 'no option'}")
        self._how = known | options
        require(data is None or isinstance(data, Growing), "data", type(data).__name__,
                "what epochal.callbacks.growing(x, y) returned")
        require(is_number(factor) and factor > 1, "factor", factor, "a number above 1", "Pass 2.")
        for name, value in (("least", least), ("most", most)):
            if value is not None:
                whole_number(name, value, cure="Leave it out.")
        require(is_number(rate_exponent), "rate_exponent", rate_exponent, "a number, such as 0, 0.5 or 1")
        self._check_options(by)
        self.by, self._data, self._rows, self._factor, self._exponent = by, data, as_rows(rows), float(factor), float(rate_exponent)
        self._least, self._most, self.size, self._bounds = least, most, None, None
        self._best, self._waited, self._first, self._filter = math.inf, 0, None, None

    def _check_options(self, by):
        how = self._how
        if by == "plateau":
            whole_number("patience", how["patience"], cure="Pass 5.")
            require(is_number(how["min_delta"]) and how["min_delta"] >= 0, "min_delta", how["min_delta"], "a number, 0 or more")
        if by == "norm_test":
            positive_number("theta", how["theta"], "Pass 0.5.")
        if by == "seesaw":
            require(callable(how["schedule"]), "schedule", how["schedule"], "a function of the epoch that returns a rate",
                    "Pass schedule=lambda epoch: 0.001 * 0.5 ** (epoch // 10).")

    def on_train_begin(self, logs=None):
        size, n_rows = self._at_hand()
        least = min(self._least or size, size)
        if self.held is None:
            require(self.model.steps_per_execution == 1, "steps_per_execution", self.model.steps_per_execution, "1 under "
                    "model.fit, where an execution that runs out of batches would lose them", "Train with ep.fit.")
            require(least >= size, "least", self._least, f"at least {size} under model.fit, which takes no more batches than "
                    "at the beginning", "Train with ep.fit, whose batches may shrink further.")
        most = max(self._most or n_rows // _MOST_SHARE, size)
        self.size, self._bounds = size, rule.Bounds(least, most, self._factor)
        self._best, self._waited, self._first = math.inf, 0, (size, None)
        if self.by in ("plateau", "seesaw") or self._exponent:
            self.refuse_schedule()
        if self.by in _BY_GRADIENTS:
            self._gradients_of(1)  # refuse now what could not be measured later

    @property
    def _optimizer(self):
        return without_scaling(self.model.optimizer)

    def _at_hand(self):
        """Batch size and number of rows, or a `UsageError` where the size cannot be changed."""
        if self._data is not None:
            return self._data.batch_size, self._data.n_rows
        if self.held is None:
            raise UsageError("`data` must be given to GrowBatch under model.fit, which fixes the batches of arrays when it begins; "
                             "got None. Make data = epochal.callbacks.growing(x, y, batch_size=32), and pass it as x and as "
                             "GrowBatch(data=data); or train with ep.fit.")
        if self.held.batch_size is None or self.held.n_rows is None:
            raise UsageError("`x` must be arrays or a Parquet file, in whole passes, for GrowBatch: what cuts its own batches, or "
                             "trains steps_per_epoch of them, cannot be cut anew. Pass arrays, and leave steps_per_epoch out.")
        return self.held.batch_size, self.held.n_rows

    def resumed(self):
        """A checkpoint has put back the size that it was at."""
        size = self._at_hand()[0]
        if self.size is not None and self.size != size:
            self._cut(self.size)

    def on_epoch_begin(self, epoch, logs=None):
        super().on_epoch_begin(epoch, logs)
        if self.held is None:
            self._began, self._n = int(keras.ops.convert_to_numpy(self._optimizer.iterations)), 0

    def on_train_batch_end(self, batch, logs=None):
        self._n = batch + 1

    def on_epoch_end(self, epoch, logs=None):
        logs = {} if logs is None else logs
        if self._filter is not None:  # TensorFlow counts the update that finds no batch any more
            self._optimizer.iterations.assign(self._began + self._n)
        now, rate = self.size, self.rate
        wanted, wanted_rate = getattr(self, f"_by_{self.by}")(epoch, rate, logs)
        logs |= {"batch_size": now, "learning_rate": rate}
        if wanted != now:
            wanted_rate *= (wanted / now) ** self._exponent if self.by != "seesaw" else 1.0
            self._cut(wanted)
            self.size = wanted
        if wanted_rate != rate:
            self.rate = wanted_rate

    def on_train_end(self, logs=None):
        if self._filter is not None and self._filter in warnings.filters:
            warnings.filters.remove(self._filter)
        self._filter = None

    def _by_plateau(self, epoch, rate, logs):
        name = self._how["monitor"]
        require(name in logs, "monitor", name, f"one of what is logged, {', '.join(logs)}",
                'Pass validation_data, or monitor="loss".')
        state, due = rule.plateau(rule.Plateau(self._best, self._waited), float(logs[name]), patience=self._how["patience"],
                                  min_delta=self._how["min_delta"])
        self._best, self._waited = state.best, state.waited
        if not due:
            return self.size, rate
        size, divided = rule.instead_of_rate(self.size, self._factor, self._bounds)
        return size, rate / divided if divided > 1 + 0.5 / size else rate  # less is the rounding of the size

    def _by_noise_scale(self, epoch, rate, logs):
        found = self._noise(epoch, logs)
        return rule.by_noise_scale(self.size, found.low, found.high, self._bounds), rate

    def _by_norm_test(self, epoch, rate, logs):
        found = self._noise(epoch, logs)
        return rule.by_norm_test(self.size, found.trace, found.square, self._how["theta"], self._bounds), rate

    def _by_seesaw(self, epoch, rate, logs):
        size, first = self._first
        first = rate if first is None else first
        self._first = size, first
        share = float(self._how["schedule"](epoch + 1)) / float(self._how["schedule"](0))
        wanted, of_rate = rule.seesaw(size, share, self._bounds)
        return wanted, first * of_rate

    def _noise(self, epoch, logs):
        batch, n_chunks = self._gradients_of(epoch)
        found = noise_of(self.looking, batch, n_chunks)
        logs["noise_scale"] = found.scale
        return found

    def _gradients_of(self, seed):
        rows = self._rows or (self._data.rows if self._data is not None else None)
        n = rows.n_rows if rows is not None else self.held.n_rows
        chunk, n_chunks = n_wanted(self.model, self.size, n)
        return self.rows_for(rows, chunk * max(1, n_chunks), np.random.default_rng(seed)), n_chunks

    def _cut(self, size):
        if self._data is None:
            self.held.recut(size)
            return
        self._data.recut(size)
        if self.held is not None:
            self.held.recut(size, self._data.num_batches)
        elif self._filter is None:  # Keras takes an epoch of fewer batches, and warns of what is meant here
            warnings.filterwarnings("ignore", message="Your input ran out of data")
            self._filter = warnings.filters[0]
