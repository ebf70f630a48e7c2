"""The spread of an edge as a sum of one or two Gaussian blurs on straight plateaus, fitted by least squares.

Two Gaussians (the second may be negative) describe a detector with glare, and a reconstruction filter that overshoots.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np

from qa.features.position import Array
from qa.reading import AnalysisError

BETTER = 12.0  # F of two blurs against one: noise alone reaches it in 1 of 1000 edges
WIDER = (1.3, 8.0)  # the second blur over the first: nearer than this the two cannot be told apart
DONE = 1e-6  # relative step at which the search ends


@cache
def _table() -> tuple[Array, Array]:
    """The normal distribution at every thousandth from -8 to 8: straight lines between are right to 3e-8."""
    z = np.arange(-8000, 8001) / 1000
    return z, np.array([0.5 * (1 + math.erf(one / math.sqrt(2))) for one in z.tolist()])


def normal_cdf(z: Array) -> Array:
    """The area of the normal distribution below z, to 3e-8."""
    return np.asarray(np.interp(z, *_table()))


def normal_pdf(z: Array) -> Array:
    """The normal distribution's density."""
    return np.asarray(np.exp(-0.5 * z * z) / math.sqrt(2 * math.pi))


@dataclass(frozen=True)
class EdgeModel:
    """Value at distance d: plateaus (level, slope, another slope beyond the edge) + sum of steps K_i Phi((d - place)/blur_i).

    ``blurs_mm`` (1 or 2) are those of the samples, ``steps`` their heights; ``coefficients`` are all linear parameters in order.
    """

    place_mm: float
    blurs_mm: tuple[float, ...]
    coefficients: Array
    slopes: bool

    @property
    def steps(self) -> Array:
        """The height of each step."""
        return self.coefficients[-len(self.blurs_mm) :]

    @property
    def step(self) -> float:
        """The height of the whole edge: the difference of the plateaus, read at the edge."""
        return float(self.steps.sum())

    def value(self, distance_mm: Array) -> Array:
        """The edge at these distances."""
        return np.asarray(_columns(distance_mm, self.place_mm, self.blurs_mm, self.slopes) @ self.coefficients)

    def slope(self, distance_mm: Array) -> Array:
        """Its derivative there, without the plateaus' slopes."""
        parts = [k / s * normal_pdf((distance_mm - self.place_mm) / s) for k, s in zip(self.steps, self.blurs_mm, strict=True)]
        return np.asarray(sum(parts))

    def spectrum(self, frequency_per_mm: Array, bin_mm2: float) -> Array:
        """The Fourier transform of the derivative (complex); what bins added to the squared blur, ``bin_mm2``, is taken off."""
        squares = [max(s * s - bin_mm2, 0.0) for s in self.blurs_mm]
        parts = [k * np.exp(-2 * np.pi**2 * frequency_per_mm**2 * s2) for k, s2 in zip(self.steps, squares, strict=True)]
        return np.asarray(sum(parts) * np.exp(-2j * np.pi * frequency_per_mm * self.place_mm))

    @property
    def width_mm(self) -> float:
        """The largest of the blurs that carries at least a twentieth of the step."""
        return max(s for k, s in zip(self.steps, self.blurs_mm, strict=True) if abs(k) >= 0.05 * abs(self.step))


def _columns(d: Array, place: float, blurs: tuple[float, ...], slopes: bool) -> Array:
    """The linear parameters' functions: (points, functions)."""
    x = d - place
    result = [np.ones_like(d)]
    if slopes:
        z = x / blurs[0]
        result += [x, x * normal_cdf(z) + blurs[0] * normal_pdf(z)]
    return np.stack(result + [normal_cdf(x / s) for s in blurs], axis=1)


def fit_one(d: Array, values: Array, weight: Array, blur_mm: tuple[float, float, float], slopes: bool) -> EdgeModel:
    """The model with one blur through values at distances d (mm); weights are numbers of samples.

    ``blur_mm`` is (smallest, first guess, largest). AnalysisError when no step is found between the largest and the smallest blur.
    """
    least, guess, most = blur_mm
    tries = [refined(EdgeModel(0.0, (g,), np.zeros(1), slopes), d, values, weight, (least, most)) for g in (guess, 2.5 * guess)]
    one = min(tries, key=lambda model: _left(model, d, values, weight))
    if not least < one.blurs_mm[0] < 0.999 * most or abs(one.place_mm) > float(np.ptp(d)) / 4:
        raise AnalysisError("no blurred edge was found where one was expected: take the patch where a single edge crosses its middle")
    return one


def fit_more(one: EdgeModel, d: Array, values: Array, weight: Array, range_mm: tuple[float, float]) -> EdgeModel:
    """The model with two blurs where they explain more than noise, else the one with one."""
    (least, most), slopes = range_mm, one.slopes
    first, best = one.blurs_mm[0], one
    left_one = _left(one, d, values, weight)
    for narrow, wide in ((0.9, 2.2), (0.7, 1.2)):
        start = EdgeModel(one.place_mm, (max(narrow * first, 1.01 * least), min(wide * first, 0.9 * most)), np.zeros(2), slopes)
        two = refined(start, d, values, weight, range_mm, rounds=15)
        left = _left(two, d, values, weight)
        freedom = len(d) - (8 if slopes else 6)
        if freedom > 0 and (left_one - left) / 2 > BETTER * left / freedom and left < _left(best, d, values, weight):
            best = two
    return best


def refined(model: EdgeModel, d: Array, values: Array, weight: Array, range_mm: tuple[float, float], rounds: int = 25) -> EdgeModel:
    """The model moved downhill in place and blurs; the linear parameters follow (variable projection, damped Gauss-Newton)."""
    root = np.sqrt(weight)
    p = np.array([model.place_mm, *np.log(model.blurs_mm)])
    left, residual, jacobian, solution = _projected(p, d, values, root, model.slopes)
    damping = 1e-3
    for _ in range(rounds):
        normal, gradient = jacobian.T @ jacobian, jacobian.T @ residual
        normal[np.diag_indices_from(normal)] *= 1 + damping
        normal[np.diag_indices_from(normal)] += 1e-12 * normal.trace() + 1e-300
        step = np.linalg.solve(normal, gradient)
        trial = _bounded(p + np.clip(step, -0.7, 0.7), range_mm)
        found = _projected(trial, d, values, root, model.slopes)
        if found[0] <= left:
            moved = float(np.abs(trial - p).max())
            p, (left, residual, jacobian, solution), damping = trial, found, max(damping / 5, 1e-9)
            if moved < DONE:
                break
        else:
            damping *= 6
            if damping > 1e6:
                break
    return EdgeModel(float(p[0]), tuple(float(s) for s in np.exp(p[1:])), solution, model.slopes)


def _bounded(p: Array, range_mm: tuple[float, float]) -> Array:
    """Blurs kept within their range, the second wider than the first."""
    p[1:] = np.clip(p[1:], *np.log(range_mm))
    if len(p) == 3:
        p[2] = np.clip(p[2], p[1] + math.log(WIDER[0]), p[1] + math.log(WIDER[1]))
    return p


def _projected(p: Array, d: Array, values: Array, root: Array, slopes: bool) -> tuple[float, Array, Array, Array]:
    """Squares left, residuals, how they fall with place and blurs, and the linear parameters."""
    blurs = tuple(np.exp(p[1:]).tolist())
    columns = _columns(d, float(p[0]), blurs, slopes) * root[:, None]
    q, r = np.linalg.qr(columns)
    pivots = np.abs(r.diagonal())
    known = q.T @ (values * root)
    solution = np.linalg.solve(r, known) if pivots.min() > 1e-10 * pivots.max() else np.linalg.lstsq(r, known, rcond=1e-10)[0]
    residual = values * root - columns @ solution
    derivative = np.zeros((len(d), len(p)))
    for i, (s, k) in enumerate(zip(blurs, solution[-len(blurs) :], strict=True)):
        z = (d - p[0]) / s
        density = k * normal_pdf(z)
        derivative[:, 0] -= density / s
        derivative[:, 1 + i] = -density * z
    derivative *= root[:, None]
    derivative -= q @ (q.T @ derivative)
    return float(residual @ residual), residual, derivative, solution


def _left(model: EdgeModel, d: Array, values: Array, weight: Array) -> float:
    """The weighted squares that a model leaves."""
    return float((weight * (values - model.value(d)) ** 2).sum())
