"""Cramer-Rao bounds: what no unbiased estimator can beat, from the derivative of the noise-free image."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from phantoms.epid import draw
from phantoms.view import View

STEP_MM = 0.02  # of the central difference; its error is below 1e-4 of the derivative for a blur of 0.6 mm


def ball_bound_mm(view: View, sigma: float) -> float:
    """Smallest possible rms 2D error of the ball's centre in white noise of ``sigma`` (of the open beam), everything else known.

    With I the noise-free image and x the centre: Cov >= F^-1, F_jk = sum over pixels of dI/dx_j dI/dx_k / sigma^2. An estimator that must
    also find field, contrast and blur can only do worse.
    """
    ball = view.balls[0]
    slopes = []
    for du, dv in ((STEP_MM, 0.0), (0.0, STEP_MM)):
        ahead, behind = (replace(view, balls=(replace(ball, u_mm=ball.u_mm + s * du, v_mm=ball.v_mm + s * dv),)) for s in (1, -1))
        slopes.append(((draw(ahead) - draw(behind)) / (2 * STEP_MM)).ravel())
    information = np.array([[a @ b for b in slopes] for a in slopes]) / sigma**2
    return float(np.sqrt(np.trace(np.linalg.inv(information))))


def largest_of(n: int, rms_2d_mm: float) -> float:
    """Median of the largest of n distances whose components are Gaussian with that rms 2D: P(r < x) = 1 - exp(-x^2 / rms^2)."""
    return float(rms_2d_mm * np.sqrt(-np.log(1 - 0.5 ** (1 / n))))
