"""What every rig must satisfy, as tests: a rig of a new back end inherits them."""

import numpy as np


class RigContract:
    """Inherit from it in a test module, and give it a fixture `rig`; pytest finds the rest.

    The rig's loss must be a mean over rows, so its model must have no batch-norm and no dropout: then the gradient of many
    rows is the mean of the gradients of each. It must hold at least 24 rows, and its optimizer must be at rest at a rate of zero.

    Examples:
        class TestMyRig(RigContract):
            @pytest.fixture
            def rig(self):
                return MyRig(…)
    """

    rows = np.arange(16)
    gradient_error = 1e-4   # relative, of a gradient against another way to the same
    slope_error = 0.02      # relative, of a derivative against a difference in float32
    curvature_error = 1e-4  # relative, of H v against another way to the same; of a difference of gradients 0.02

    def test_the_same_seed_gives_the_same_state_and_another_seed_other_weights(self, rig):
        first, other = rig.fresh(3), rig.fresh(4)
        future = self._future(rig, first)
        again = rig.fresh(3)  # after the rig has trained: nothing of that may stay
        np.testing.assert_array_equal(rig.weights(first), rig.weights(again))
        np.testing.assert_array_equal(self._future(rig, again), future)
        assert not np.array_equal(rig.weights(first), rig.weights(other))

    def test_the_records_agree_with_the_rig(self, rig):
        assert rig.weights(rig.fresh(0)).shape == (rig.n_params,) == (rig.task.n_params,)
        assert rig.task.n_train == rig.n_examples >= 24
        assert rig.present.learning_rate > 0
        assert rig.present_schedule(7).shape == (7,)
        assert rig.present_schedule(7)[0] == np.float32(rig.present.learning_rate)

    def test_move_adds(self, rig):
        state, v = rig.fresh(0), np.linspace(-1, 1, rig.n_params, dtype=np.float32)
        np.testing.assert_allclose(rig.weights(rig.move(state, v)), rig.weights(state) + v, rtol=1e-6, atol=1e-6)

    def test_a_half_judged_in_blocks_is_judged_as_a_whole(self, rig):
        state, _ = rig.step(rig.fresh(0), self.rows, 0.1)
        n = rig.task.n_validation // 2
        for half in (0, 1):
            blocks = np.array_split(np.arange(n), 2)
            losses = [judged_on(rig, state, half, rows) for rows in blocks if len(rows)]
            mean = np.average(losses, weights=[len(rows) for rows in blocks if len(rows)])
            assert _distance(mean, rig.evaluate(state)[half, 0]) < 1e-5

    def test_no_verb_changes_its_input(self, rig):
        state, v = rig.fresh(0), np.ones(rig.n_params, np.float32)
        weights, rows = np.array(rig.weights(state)), self.rows.copy()
        future = self._future(rig, state)
        after, _ = rig.step(state, rows, 0.1)
        rig.step(after, rows, 0.1)
        rig.move(state, v)
        rig.evaluate(state)
        rig.judge(state, ([], [rows[:1]]))
        rig.loss(state, rows)
        rig.gradient(state, rows, draw=1)
        rig.slope(state, rows)
        rig.curvature(state, rows, v)
        rig.preconditioner(state)
        rig.peak_bytes(16)
        np.testing.assert_array_equal(rig.weights(state), weights)
        np.testing.assert_array_equal(rows, self.rows)
        np.testing.assert_array_equal(v, 1)
        np.testing.assert_array_equal(self._future(rig, state), future)

    def test_a_step_can_be_repeated(self, rig):
        state = rig.fresh(0)
        (first, a), (second, b) = (rig.step(state, self.rows, 0.1) for _ in range(2))
        assert float(a) == float(b)
        np.testing.assert_array_equal(rig.weights(first), rig.weights(second))
        self._assert_same_future(rig, first, second)

    def test_a_rate_of_zero_moves_no_weights(self, rig):
        state = rig.fresh(0)
        np.testing.assert_array_equal(rig.weights(rig.step(state, self.rows, 0.0)[0]), rig.weights(state))

    def test_the_rate_scales_the_first_step(self, rig):
        state = rig.fresh(0)
        once, twice = (rig.weights(rig.step(state, self.rows, rate)[0]) - rig.weights(state) for rate in (0.125, 0.25))
        assert np.any(once)
        assert _distance(2 * once, twice) < 1e-4

    def test_the_gradient_is_the_mean_over_rows(self, rig):
        state = rig.fresh(0)
        each = np.mean([rig.gradient(state, self.rows[i:i + 1]) for i in range(len(self.rows))], axis=0)
        assert _distance(rig.gradient(state, self.rows), each) < self.gradient_error

    def test_the_gradient_is_the_slope_of_the_loss(self, rig):
        state = rig.fresh(0)
        gradient = np.asarray(rig.gradient(state, self.rows))
        reach = 1e-2 * _length(rig.weights(state)) * gradient / _length(gradient)
        ahead, behind = (rig.loss(rig.move(state, sign * reach), self.rows) for sign in (1, -1))
        assert abs((ahead - behind) / (2 * reach @ gradient) - 1) < self.slope_error

    def test_the_slope_is_the_gradient_without_dropout(self, rig):
        state = rig.fresh(0)
        slope = rig.slope(state, self.rows)
        assert np.shape(slope) == (rig.n_params,)
        assert _distance(slope, rig.gradient(state, self.rows)) < self.gradient_error  # the model has none

    def test_curvature_is_how_the_slope_changes(self, rig):
        state = rig.fresh(0)
        v = self._direction(rig, 1)
        bent = rig.curvature(state, self.rows, v)
        reach = 3e-3 * _length(rig.weights(state))
        ahead, behind = (np.asarray(rig.slope(rig.move(state, sign * reach * v), self.rows), float) for sign in (1, -1))
        assert np.shape(bent) == (rig.n_params,)
        assert _distance((ahead - behind) / (2 * reach), bent) < self.slope_error

    def test_curvature_is_a_symmetric_matrix_times_the_vector(self, rig):
        state, (u, v) = rig.fresh(0), (self._direction(rig, place) for place in (1, 2))
        hu, hv = (np.asarray(rig.curvature(state, self.rows, w), float) for w in (u, v))
        size = max(_length(hu), _length(hv))
        assert abs(v @ hu - u @ hv) < self.curvature_error * size
        both = rig.curvature(state, self.rows, 2 * u - 3 * v)
        assert _length(2 * hu - 3 * hv - both) < 5 * self.curvature_error * size
        assert not np.any(rig.curvature(state, self.rows, 0 * u))

    def test_the_curvature_of_rows_is_the_mean_over_them(self, rig):
        state, v = rig.fresh(0), self._direction(rig, 1)
        each = np.mean([rig.curvature(state, self.rows[i:i + 1], v) for i in range(len(self.rows))], axis=0)
        assert _distance(rig.curvature(state, self.rows, v), each) < self.curvature_error

    def test_the_preconditioner_is_positive_for_every_weight_or_none(self, rig):
        assert rig.preconditioner(rig.fresh(0)) is None  # before the first update there is nothing to tell
        found = rig.preconditioner(rig.step(rig.fresh(0), self.rows, 0.1)[0])
        assert found is None or (np.shape(found) == (rig.n_params,) and np.all(found > 0) and np.isfinite(found).all())

    def test_momentum_is_a_kind_and_a_share_or_not_known(self, rig):
        found = rig.momentum()
        if found is not None:
            kind, m, scales = found
            assert kind in ("heavy_ball", "nesterov", "average", "nesterov_average")
            assert 0 <= m < 1
            assert scales is (rig.preconditioner(rig.step(rig.fresh(0), self.rows, 0.1)[0]) is not None)

    def test_a_short_last_batch_is_a_real_smaller_batch(self, rig):
        state, short = rig.fresh(0), self.rows[:3]
        exact = np.mean([rig.gradient(state, short[i:i + 1]) for i in range(3)], axis=0)
        assert _distance(rig.gradient(state, short), exact) < self.gradient_error
        moved = [rig.weights(rig.step(state, rows, 0.1)[0]) for rows in (short, self.rows)]
        assert not np.array_equal(*moved)

    def test_evaluate_gives_a_row_for_each_part_and_a_column_for_loss_and_each_metric(self, rig):
        scores = np.asarray(rig.evaluate(rig.fresh(0)))
        assert scores.dtype == np.float32
        assert scores.shape == (3 if rig.task.n_test else 2, 1 + len(rig.task.metrics))
        assert np.isfinite(scores).all()

    def test_sizes_are_whole_bytes_or_unknown(self, rig):
        for size in (rig.peak_bytes(16), rig.capacity_bytes()):
            assert size is None or (size > 0 and size == int(size))

    def test_only_memory_errors_count_as_out_of_memory(self, rig):
        assert not rig.out_of_memory(ValueError("out of memory"))
        assert not rig.out_of_memory(KeyError("rows"))

    def test_time_passes_while_fitting_and_predicting(self, rig):
        assert rig.fit_seconds(8, 3) > 0
        assert rig.epoch_seconds(8, 1) > 0
        assert rig.predict_seconds(8, 20) > 0
        compiling = rig.compile_seconds(8)  # on PyTorch nothing is: a busy machine hides the little that a first call takes longer
        assert compiling > 0 or (compiling == 0 and rig.machine.backend == "torch")
        assert isinstance(rig.validation_seconds(8, 2), float)
        rig.wait()

    def _direction(self, rig, place):
        v = np.random.default_rng(place).normal(size=rig.n_params)
        return (v / _length(v)).astype(np.float32)

    def _assert_same_future(self, rig, a, b):
        np.testing.assert_array_equal(self._future(rig, a), self._future(rig, b))

    def _future(self, rig, state):
        """What a state becomes, so that momenta and random streams count, which only the rig can read."""
        losses = []
        for rows in (self.rows, self.rows[:5], self.rows + 8):
            state, loss = rig.step(state, rows, 0.05)
            losses.append(float(loss))
        return np.concatenate([losses, rig.weights(state), np.ravel(rig.evaluate(state))])


def judged_on(rig, state, half, rows):
    """The loss on some rows of one half."""
    return rig.judge(state, ([rows], []) if half == 0 else ([], [rows]))[half][0]


def _length(v):
    return float(np.linalg.norm(np.asarray(v, np.float64)))


def _distance(a, b):
    """‖a - b‖ as a share of ‖b‖."""
    return _length(np.asarray(a, np.float64) - np.asarray(b, np.float64)) / _length(b)
