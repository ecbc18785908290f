"""A threshold that a metric chooses is chosen on other rows than those it is applied to: a half on the other, the test on both."""

import keras
import numpy as np
import pytest
from contracts.rigs import BINDS

import epochal as ep
from epochal.seam import Data, Part
from epochal.seam.rigs.keras_rig import KerasRig

N_PART, PRECISION = 3000, 0.6  # more rows than are judged in one block


def network():
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, activation="sigmoid")])
    model.compile("sgd", "binary_crossentropy", metrics=["accuracy", ep.RecallAtPrecision(PRECISION, n_bins=200)])
    return model


def parts(n_parts):
    """Halves and test rows of one input, the class the rarer the later the part, so that they want other thresholds."""
    rng = np.random.default_rng(3)
    shares = (0.4, 0.3, 0.2)[:n_parts]
    for share in (0.5, *shares):
        y = (rng.random(N_PART) < share).astype("float32")
        yield Part((rng.normal(size=(N_PART, 1)) + 1.5 * y[:, None]).astype("float32"), y, None)


def recall(scores, y, other_scores, other_y):
    """Recall at the lowest threshold, a multiple of 1/200, that reaches the precision on the other rows."""
    reaching = [t for t in np.arange(200) / 200 if (other_scores >= t).any() and other_y[other_scores >= t].mean() >= PRECISION]
    return float((scores[y == 1] >= min(reaching)).mean()) if reaching else 0.0


@pytest.mark.parametrize("bind", BINDS)
@pytest.mark.parametrize("n_parts", [2, 3])
def test_a_threshold_is_chosen_on_other_rows_than_it_is_applied_to(bind, n_parts):
    train, *judged = parts(n_parts)
    rig = KerasRig(network, Data("drawn", "binary", train, *judged), BINDS[bind])
    state = rig.move(rig.fresh(0), np.array([1.3, -1.0]) - rig.weights(rig.fresh(0)))
    kernel, bias = rig.weights(state)
    scores = [1 / (1 + np.exp(-(part.x[:, 0] * kernel + bias))) for part in judged]
    both = np.concatenate(scores[:2]), np.concatenate([part.y for part in judged[:2]])
    chosen_on = [(scores[1], judged[1].y), (scores[0], judged[0].y), both][:n_parts]
    expected = [recall(mine, part.y, *others) for mine, part, others in zip(scores, judged, chosen_on, strict=True)]
    on_itself = [recall(mine, part.y, mine, part.y) for mine, part in zip(scores, judged, strict=True)]
    found = rig.evaluate(state)[:, 2]
    np.testing.assert_allclose(found, expected, atol=0.004)   # a score at the edge of a bin may round into the next one
    assert np.abs(np.subtract(expected, on_itself)).min() > 0.01
    right = [((mine > 0.5) == part.y).mean() for mine, part in zip(scores, judged, strict=True)]
    np.testing.assert_allclose(rig.evaluate(state)[:, 1], right, atol=0.002)
