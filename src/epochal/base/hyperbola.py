"""The law S(B) = Smin (1 + Bc / B) of steps against batch size, fitted where some runs ended before the target."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit, log_ndtr

from .stats import student
from .validate import require

_SMALLEST_SPREAD = 1e-6  # of log S: keeps the likelihood finite where the points lie exactly on the law
_BEYOND = 9.0  # how far beyond the batch sizes Bc is told from its limits 0 and ∞: a factor of 8,000
_NEWTON_STEPS, _HALVINGS = 60, 30


class HyperbolaFit(NamedTuple):
    """S(B) = s_min (1 + b_crit / B), with the 95 % interval of `b_crit`."""

    s_min: float  # steps that no batch, however large, goes below
    # The batch size at which twice `s_min` steps are needed; 0 where steps do not fall with the batch size, infinite where they
    # fall as 1/B throughout (then `s_min` is 0 and only `e_min` is known).
    b_crit: float
    low: float  # to `high`: profile-likelihood interval; 0 or infinite on the side that the batch sizes do not reach
    high: float
    e_min: float  # s_min · b_crit, the examples that no batch, however small, goes below
    sigma: float  # standard deviation of log S about the law


def hyperbola_fit(batch_sizes: ArrayLike, steps: ArrayLike, censored: ArrayLike | None = None, *,
                  early: ArrayLike | None = None) -> HyperbolaFit:
    """Maximum likelihood under log S = log Smin + log(1 + Bc / B) + N(0, σ²), with censoring on both sides.

    The law is McCandlish et al. 2018 (arXiv:1812.06162), eq. 2.11; real curves bend away from it by some percent.

    Args:
        batch_sizes: float[n], positive, repeated where several seeds ran.
        steps: float[n], positive: updates to the target; where censored, the updates after which it was not reached.
        censored: bool[n]: the truth is above `steps`. Default: none is.
        early: bool[n]: the truth is at most `steps`: the target was reached before the first look. Default: none was.

    Returns:
        A `HyperbolaFit`. The interval's threshold is n log(1 + t² / (n - 2)), n the reached runs: exact to first order without
        censoring, where the usual χ² limit is too narrow for few runs. All figures are `nan` and the interval is (0, inf)
        where fewer than three runs, or only one batch size, reached the target.
    """
    b, s = np.asarray(batch_sizes, float), np.asarray(steps, float)
    late, early = (np.zeros(b.shape, bool) if known is None else np.asarray(known, bool) for known in (censored, early))
    require(b.shape == s.shape == late.shape == early.shape and b.ndim == 1, "steps", s.shape,
            f"as long as `batch_sizes`, {b.shape}")
    require(not (late & early).any(), "early", early.tolist(), "false where `censored` is true")
    censored = late | early
    require(bool((b > 0).all() and (s > 0).all() and np.isfinite(s).all()), "steps", s.tolist(), "positive and finite",
            "Pass the updates made so far, and `censored`, for a run that did not arrive.")
    reached = int((~censored).sum())
    if np.unique(b[~censored]).size < 2 or reached < 3:
        return HyperbolaFit(np.nan, np.nan, 0.0, np.inf, np.nan, np.nan)
    middle = float(np.exp(np.log(b).mean()))
    profile = _Profile(np.log(s), b / middle, late, early)
    nearest, furthest = np.log(b.min() / middle) - _BEYOND, np.log(b.max() / middle) + _BEYOND
    grid = np.concatenate([[-np.inf], np.linspace(nearest, furthest, 160), [np.inf]])  # log of Bc / middle, and both limits
    heights, _, _ = profile.at(grid)
    best = _summit(profile, grid, heights)
    (top,), (level,), (sigma,) = profile.at(np.array([best]))
    allowed = reached * np.log1p(student(reached - 2) ** 2 / (reached - 2))
    at = np.searchsorted(grid, best)
    grid, heights = np.insert(grid, at, best), np.insert(heights, at, top)
    low, high = (_crossing(profile, grid[::way], heights[::way], top - allowed / 2) for way in (1, -1))
    share, s_middle = float(expit(best)), float(np.exp(level))  # S(middle) = Smin + Emin / middle, in shares of it
    b_crit, low, high = (float(middle * np.exp(t)) for t in (best, low, high))
    return HyperbolaFit(s_middle * (1 - share), b_crit, low, high, s_middle * middle * share, float(sigma))


class _Profile:
    """The log likelihood as a function of Bc alone, the level and σ chosen best for each."""

    def __init__(self, log_steps, b, late, early):
        self.log_steps, self.b, self.censored = log_steps, b, late | early
        self.side = np.where(early, -1.0, 1.0)[self.censored]  # on which side of `steps` the truth lies

    def at(self, t):
        """Heights, levels and σ, each float[len(t)], for Bc = exp(t)."""
        z = self.log_steps - _log_shape(t, self.b)
        exact = z[:, ~self.censored]
        level = exact.mean(1)
        sigma = np.maximum(np.sqrt(np.mean((exact - level[:, None]) ** 2, 1)), _SMALLEST_SPREAD)
        if self.censored.any():
            with np.errstate(over="ignore", invalid="ignore"):  # a step too long overflows, is no better, and is halved
                level, sigma = self._newton(exact, z[:, self.censored], level, sigma)
        return _height(exact, z[:, self.censored], self.side, level, sigma), level, sigma

    def _newton(self, exact, beyond, level, sigma):
        """Olsen 1978: in δ = level / σ and γ = 1 / σ the censored likelihood is concave, so damped Newton steps suffice."""
        gamma, delta = 1 / sigma, level / sigma
        side = self.side
        height = _height(exact, beyond, side, level, sigma)
        for _ in range(_NEWTON_STEPS):
            r = gamma[:, None] * exact - delta[:, None]
            u = side * (gamma[:, None] * beyond - delta[:, None])
            hazard = np.exp(-0.5 * u**2 - 0.5 * np.log(2 * np.pi) - log_ndtr(-u))
            bend = hazard * (hazard - u)
            slope_d = r.sum(1) + (side * hazard).sum(1)
            curve_dd = exact.shape[1] + bend.sum(1)
            slope_g = exact.shape[1] / gamma - (exact * r).sum(1) - (side * beyond * hazard).sum(1)
            curve_gg = exact.shape[1] / gamma**2 + (exact**2).sum(1) + (beyond**2 * bend).sum(1)
            curve_dg = -exact.sum(1) - (beyond * bend).sum(1)
            det = np.maximum(curve_dd * curve_gg - curve_dg**2, 1e-300)
            step_d = (curve_gg * slope_d - curve_dg * slope_g) / det
            step_g = (curve_dd * slope_g - curve_dg * slope_d) / det
            before = height
            waiting, length = np.ones(gamma.shape, bool), 1.0
            for _ in range(_HALVINGS):
                g = np.clip(gamma + length * step_g, gamma / 4, 1 / _SMALLEST_SPREAD)
                d = delta + length * step_d
                new = _height(exact, beyond, side, d / g, 1 / g)
                better = waiting & (new >= before - 1e-12)
                gamma, delta, height = (np.where(better, now, old)
                                        for now, old in ((g, gamma), (d, delta), (new, height)))
                waiting &= ~better
                if not waiting.any():
                    break
                length /= 2
            if np.max(height - before) < 1e-10:
                break
        return delta / gamma, 1 / gamma


def _height(exact, beyond, side, level, sigma):
    r, u = ((z - level[:, None]) / sigma[:, None] for z in (exact, beyond))
    return -0.5 * (r**2).sum(1) - exact.shape[1] * np.log(sigma) + log_ndtr(-side * u).sum(1)


def _log_shape(t, b):
    """log S(B) less log S(1), for Bc = exp(t): float[len(t), len(b)]; finite in both limits, Bc = 0 and Bc → ∞."""
    share = expit(t)[:, None]
    return np.log(1 - share + share / b)


def _summit(profile, grid, heights):
    """Where the profile is highest: the best point of the grid, refined between its neighbours."""
    i = int(np.argmax(heights))
    for _ in range(6):
        near = grid[max(i - 1, 0):i + 2]
        near = near[np.isfinite(near)]
        if np.isinf(grid[i]) or near[0] == near[-1]:
            break
        grid = np.linspace(near[0], near[-1], 17)
        i = int(np.argmax(profile.at(grid)[0]))
    return float(grid[i])


def _crossing(profile, grid, heights, threshold):
    """The outermost place, coming from the grid's beginning, where the profile reaches the threshold."""
    for _ in range(4):
        i = int(np.argmax(heights >= threshold))
        if i == 0 or not np.isfinite(grid[i - 1:i + 1]).all():
            return float(grid[max(i - 1, 0)])  # next to a limit of the law: its outer side, to be safe
        grid = np.linspace(grid[i - 1], grid[i], 17)
        heights = profile.at(grid)[0]
        heights[-1] = np.inf  # inside by construction: rounding must not lose it
    return float(grid[int(np.argmax(heights >= threshold))])
