"""What is looked for in code: one file a kind, each a function from a story to the spots where it was found."""

from .accumulated_batch_norm import KIND as _accumulated
from .batch_size_ignored import KIND as _batch_size
from .chosen_by_test import KIND as _test_selects
from .fitted_before_split import KIND as _fitted
from .kind import Kind as Kind
from .last_weights import KIND as _last_weights
from .model_reused import KIND as _reused
from .not_shuffled import KIND as _not_shuffled
from .one_seed import KIND as _one_seed
from .ordered_split import KIND as _ordered
from .rows_dropped import KIND as _dropped
from .training_metric import KIND as _training_metric

KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        _reused,
        _ordered,
        _test_selects,
        _fitted,
        _last_weights,
        _batch_size,
        _dropped,
        _not_shuffled,
        _one_seed,
        _training_metric,
        _accumulated,
    )
}
