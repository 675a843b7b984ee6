"""The Universal Scalability Law: throughput against concurrency, with contention and coherency."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import least_squares, nnls

from alertlab.errors import BadInput

FEW_POINTS = 6
"""Fewer measurements hardly tell three parameters from their noise (R's usl warns below it)."""

NO_PEAK = "no peak within the observed range"
_MIN_POINTS, _MIN_LEVELS = 4, 3
_NORMAL_95 = 1.959963984540054  # half width of a 95 % interval in standard errors
_TINY = 1e-9  # a parameter below it stands at its bound
_CONTENTIONS = (0.0, 0.01, 0.1, 0.5)  # where searches begin


@dataclass(frozen=True)
class UslFit:
    """X(N) = lam N / (1 + sigma (N - 1) + kappa N (N - 1)), with standard errors.

    sigma : contention; kappa : coherency; both ratios from 0 to 1
    lam : throughput of one worker, in the unit of the throughput
    peak_concurrency, peak_throughput : where it is highest.  Without coherency there is no peak:
        the first is infinite, the second the limit, and their errors are NaN
    residual_se : of the throughput
    Standard errors are those of the linearised law, as if there were no bounds.
    """

    sigma: float
    kappa: float
    lam: float
    sigma_se: float
    kappa_se: float
    lam_se: float
    peak_concurrency: float
    peak_concurrency_se: float
    peak_throughput: float
    peak_throughput_se: float
    residual_se: float
    n_points: int
    notes: tuple[str, ...] = ()

    @property
    def limit_throughput(self) -> float:
        """Return what contention alone would allow, with any concurrency; infinite without it."""
        return self.lam / self.sigma if self.sigma else math.inf

    @property
    def optimal_concurrency(self) -> float:
        """Return where the line of one worker's throughput meets the limit: 1 / sigma."""
        return 1 / self.sigma if self.sigma else math.inf

    def throughput(self, concurrency: np.ndarray | float) -> np.ndarray | float:
        """Return the throughput at a concurrency, same shape."""
        n = np.asarray(concurrency, float)
        found = self.lam * _speedup(n, self.sigma, self.kappa)
        return found if n.ndim else float(found)

    def concurrency(self, throughput: np.ndarray | float) -> np.ndarray | float:
        """Return the least concurrency with a throughput, same shape; NaN of more than the peak."""
        x = np.asarray(throughput, float)
        b = self.lam - x * (self.sigma - self.kappa)
        with np.errstate(invalid="ignore", divide="ignore"):
            root = np.sqrt(b**2 - 4 * self.kappa * x**2 * (1 - self.sigma))
            found = 2 * x * (1 - self.sigma) / (b + root)
        found = np.where((b > 0) & (b + root > 0), found, np.nan)
        return found if x.ndim else float(found)


def fit_usl(
    concurrency: Sequence[float] | np.ndarray, throughput: Sequence[float] | np.ndarray
) -> UslFit:
    """Which Universal Scalability Law do measurements follow?

    concurrency, throughput : shape (n_points,), at least four points and three levels of
        concurrency above 0; throughput in any unit

    Least squares with sigma and kappa from 0 to 1; errors by the inverse of J'J and the residuals'
    variance.  BadInput for what is no measurement.
    Gunther, Guerrilla Capacity Planning (2007); bounds and errors are those of R's package usl.
    """
    n, x = _checked(concurrency, throughput)
    scale = float(np.max(x / n))  # so that all parameters are near 1

    def residuals(parameters: np.ndarray) -> np.ndarray:
        sigma, kappa, lam = parameters
        return lam * _speedup(n, sigma, kappa) - x / scale

    def slopes(parameters: np.ndarray) -> np.ndarray:
        return _slopes(n, *parameters)

    fits = [
        least_squares(
            residuals, start, slopes, bounds=([0, 0, 0], [1, 1, np.inf]), x_scale="jac",
            xtol=1e-15, ftol=1e-15, gtol=1e-15, max_nfev=1_000,
        )
        for start in _starts(n, x / scale)
    ]  # fmt: skip
    parameters, squares = min(
        (_at_bounds(one.x, residuals, n, x / scale) for one in fits), key=lambda one: one[1]
    )
    covariance = _covariance(slopes(parameters), squares)
    sigma, kappa, lam = (float(one) for one in parameters)
    sigma_se, kappa_se, lam_se = np.sqrt(np.diag(covariance)).tolist()
    peak, peak_se = _peak(sigma, kappa, lam, covariance)
    return UslFit(
        sigma, kappa, lam * scale, sigma_se, kappa_se, lam_se * scale,
        peak[0], peak_se[0], peak[1] * scale, peak_se[1] * scale,
        math.sqrt(squares / (len(n) - 3)) * scale, len(n), _notes(n, kappa, kappa_se, peak[0]),
    )  # fmt: skip


def _checked(concurrency: object, throughput: object) -> tuple[np.ndarray, np.ndarray]:
    n, x = np.asarray(concurrency, float), np.asarray(throughput, float)
    if n.ndim != 1 or n.shape != x.shape:
        raise BadInput(
            f"{n.size} concurrencies and {x.size} throughputs do not belong together; give one "
            "throughput for each concurrency, in one row"
        )
    bad = np.flatnonzero(~(np.isfinite(n) & np.isfinite(x) & (n > 0) & (x >= 0)))
    if len(bad):
        raise BadInput(
            f"point {bad[0] + 1} (concurrency {n[bad[0]]:g}, throughput {x[bad[0]]:g}) is no "
            "measurement; both must be finite, concurrency above 0 and throughput not below"
        )
    if len(n) < _MIN_POINTS or len(np.unique(n)) < _MIN_LEVELS:
        raise BadInput(
            f"{len(n)} points at {len(np.unique(n))} levels of concurrency do not tell the law's "
            f"three parameters; measure at {FEW_POINTS} levels or more"
        )
    if not x.any():
        raise BadInput("every throughput is 0, so nothing was measured")
    return n, x


def _speedup(n: np.ndarray, sigma: np.ndarray | float, kappa: np.ndarray | float) -> np.ndarray:
    return n / (1 + sigma * (n - 1) + kappa * n * (n - 1))


def _starts(n: np.ndarray, x: np.ndarray) -> list[np.ndarray]:
    """Return where to search from: near the law of the reciprocals, and around it.

    n / x is linear in 1 / lam, sigma / lam and kappa / lam; weights undo what the reciprocal does.
    """
    weights = x**2 / n
    terms = np.stack([np.ones_like(n), n - 1, n * (n - 1)], axis=1)
    known = x > 0
    found, _ = nnls(terms[known] * weights[known, None], (weights * n)[known] / x[known])
    starts = [np.array([sigma, 0.1 / n.max() ** 2, 1.0]) for sigma in _CONTENTIONS]
    starts += [np.array([sigma, 10.0 / n.max() ** 2, 1.0]) for sigma in _CONTENTIONS]
    if found[0] > 0:
        starts.append(np.array([found[1], found[2], 1.0]) / found[0])
    return [np.clip(one, 0, [1, 1, np.inf]) for one in [*starts, _best_of_grid(n, x)]]


def _best_of_grid(n: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Return the best of a grid of laws, each with its best lam: an outlier may peak early."""
    sigma, kappa = np.meshgrid(
        np.linspace(0, 1, 21), np.append(0, np.geomspace(0.01 / max(n.max(), 1) ** 2, 1, 60))
    )
    speedup = _speedup(n, sigma.ravel()[:, None], kappa.ravel()[:, None])
    lam = speedup @ x / (speedup**2).sum(axis=1)
    best = ((lam[:, None] * speedup - x) ** 2).sum(axis=1).argmin()
    return np.array([sigma.flat[best], kappa.flat[best], lam[best]])


def _slopes(n: np.ndarray, sigma: float, kappa: float, lam: float) -> np.ndarray:
    """Return the law's derivatives by sigma, kappa and lam; shape (n_points, 3)."""
    speedup = _speedup(n, sigma, kappa)
    by_sigma = -lam * speedup**2 * (n - 1) / n
    return np.stack([by_sigma, by_sigma * n, speedup], axis=1)


def _at_bounds(
    parameters: np.ndarray,
    residuals: Callable[[np.ndarray], np.ndarray],
    n: np.ndarray,
    x: np.ndarray,
) -> tuple[np.ndarray, float]:
    """Put what stands next to a bound onto it, and say what squares are left."""
    sigma, kappa, _ = parameters
    sigma = 0.0 if sigma < _TINY else sigma
    kappa = 0.0 if kappa < _TINY / n.max() else kappa
    speedup = _speedup(n, sigma, kappa)
    lam = float(speedup @ x / (speedup @ speedup))
    found = np.array([sigma, kappa, lam])
    return found, float((residuals(found) ** 2).sum())


def _covariance(slopes: np.ndarray, squares: float) -> np.ndarray:
    """Return the parameters' covariance by the linearised law; shape (3, 3)."""
    sizes = np.linalg.norm(slopes, axis=0)  # sigma and kappa differ by the concurrency
    sizes[sizes == 0] = 1.0
    inner = slopes / sizes
    inverse = np.linalg.pinv(inner.T @ inner, rcond=1e-14)
    return inverse / np.outer(sizes, sizes) * squares / (len(slopes) - 3)


def _peak(
    sigma: float, kappa: float, lam: float, covariance: np.ndarray
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return the peak's concurrency and throughput, and their errors by the delta method."""
    if kappa == 0:
        return (math.inf, lam / sigma if sigma else math.inf), (math.nan, math.nan)
    if (1 - sigma) / kappa <= 1:
        return (1.0, lam), (math.nan, math.sqrt(covariance[2, 2]))  # it falls from one worker on
    n = math.sqrt((1 - sigma) / kappa)
    by_n = np.array([-n / (2 * (1 - sigma)), -n / (2 * kappa), 0.0])
    # At the peak the throughput does not change with N, so only the law itself moves it.
    by_x = _slopes(np.array([n]), sigma, kappa, lam)[0]
    errors = (math.sqrt(max(one @ covariance @ one, 0.0)) for one in (by_n, by_x))
    return (n, lam * float(_speedup(np.array(n), sigma, kappa))), tuple(errors)


def _notes(n: np.ndarray, kappa: float, kappa_se: float, peak: float) -> tuple[str, ...]:
    notes = []
    if kappa == 0 or kappa - _NORMAL_95 * kappa_se <= 0:
        notes.append(NO_PEAK)
    elif peak > n.max():
        notes.append(f"the peak lies beyond the highest concurrency measured, {n.max():g}")
    if len(n) < FEW_POINTS:
        notes.append(f"only {len(n)} points: the fit hangs on each of them")
    return tuple(notes)
