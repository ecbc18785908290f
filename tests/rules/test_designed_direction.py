"""Whether more of a metric is better, read off its name; a name that does not tell is no guess."""

import pytest

from epochal.base.errors import UsageError
from epochal.rules.metric import more_is_better

MORE = ("accuracy", "acc", "sparse_top_k_categorical_accuracy", "auc", "auc_1", "pr_auc", "precision", "recall_at_precision_0.9",
        "average_precision", "f1_score", "fbeta_score", "mean_io_u", "one_hot_mean_io_u", "r2_score", "cosine_similarity",
        "sensitivity_at_specificity", "error_head_accuracy", "MyAccuracy")
LESS = ("loss", "mae", "mse", "mean_squared_error", "root_mean_squared_error", "mean_absolute_percentage_error", "tower2_mae",
        "account_mse", "precision_loss", "binary_crossentropy", "kl_divergence", "squared_hinge", "poisson", "logcosh", "AccError")


@pytest.mark.parametrize("name", MORE)
def test_more_of_it_is_better(name):
    assert more_is_better(name)


@pytest.mark.parametrize("name", LESS)
def test_less_of_it_is_better(name):
    assert not more_is_better(name)


@pytest.mark.parametrize("name", ["beauty", "m_3", "surface", "place_auction"])
def test_a_name_that_does_not_tell_is_refused(name):
    with pytest.raises(UsageError, match=f"`mode` must be \"min\" or \"max\" for '{name}'"):
        more_is_better(name)
