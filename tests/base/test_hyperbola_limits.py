"""The fit at the edge of what can be fitted says nothing wrong, and says it without a warning."""

import numpy as np

from epochal.base.hyperbola import hyperbola_fit


def test_updates_that_fall_as_one_over_the_batch_throughout_give_no_warning():
    fit = hyperbola_fit([1, 32, 100, 4096], [1600, 50, 16, 7], [False, False, False, True])
    assert np.isinf(fit.high) or fit.high > 100
