"""A point that turns about an axis: where the axis is, and how far the point wanders, whatever the ball's set-up error."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
RESAMPLES = 256
SEED = 20260102  # resampling is part of the algorithm: the same input gives the same answer


@dataclass(frozen=True)
class Turn:
    """A circle fitted to (u, v) of a turning point, mm.

    ``centre_mm`` (2,), ``arm_mm`` (2,) the point relative to the centre at angle 0, ``covariance`` (4, 4) of both,
    ``residual_mm`` and ``u_mm`` (n, 2),
    ``angle_deg`` (n,) and ``mirror`` (+1, or -1 when u runs against x as at gantry 180).
    """

    centre_mm: Array
    arm_mm: Array
    covariance: Array
    residual_mm: Array
    u_mm: Array
    angle_deg: Array
    mirror: float

    def largest(self, arm_mm: Array, arm_covariance: Array) -> tuple[float, float]:
        """The largest distance from the centre on the path of a point with that arm, noise taken out, and its standard uncertainty.

        What the circle leaves over counts, in as far as noise does not explain it. Noise makes the largest of several distances larger: by
        how much, on that path shaken by the images' uncertainties, is taken out.
        """
        blocks, rng = turning(self.angle_deg, self.mirror), np.random.default_rng(SEED)
        design = np.concatenate([np.broadcast_to(np.eye(2), blocks.shape), blocks], axis=2).reshape(-1, 4)
        left = np.eye(len(design)) - design @ np.linalg.pinv(design)
        shaken = (rng.standard_normal((RESAMPLES, len(design))) * self.u_mm.ravel() @ left.T).reshape(RESAMPLES, -1, 2)
        arms = arm_mm + rng.multivariate_normal(np.zeros(2), arm_covariance, RESAMPLES, method="eigh")
        explained = float(np.trace((left * self.u_mm.ravel() ** 2) @ left.T))
        real = self.residual_mm * np.sqrt(max(0.0, 1 - explained / max(float((self.residual_mm**2).sum()), 1e-300)))
        circle = np.einsum("nij,j->ni", blocks, arm_mm)
        again = np.einsum("nij,bj->bni", blocks, arms) + real + shaken
        most = np.hypot(again[..., 0], again[..., 1]).max(axis=1)
        grown = float(np.mean(most**2)) - float(((circle + real) ** 2).sum(axis=1).max())
        raw = float(((circle + self.residual_mm) ** 2).sum(axis=1).max())
        return float(np.sqrt(max(0.0, raw - max(grown, 0.0)))), float(np.std(most))


def turning(angle_deg: Array, mirror: float) -> Array:
    """(n, 2, 2): counter-clockwise turns of (x, y), with x then mirrored into u."""
    a = np.radians(angle_deg)
    return np.stack([np.stack([mirror * np.cos(a), -mirror * np.sin(a)], -1), np.stack([np.sin(a), np.cos(a)], -1)], -2)


def fit_turn(angle_deg: Array, points_mm: Array, u_mm: Array, mirror: float = 1.0) -> Turn:
    """The circle (u, v) = centre + R(angle) arm through ``points_mm`` (n, 2) with standard uncertainties ``u_mm`` (n, 2); n >= 3."""
    blocks = turning(angle_deg, mirror)
    design = np.concatenate([np.broadcast_to(np.eye(2), blocks.shape), blocks], axis=2).reshape(-1, 4)
    inverse = np.linalg.pinv(design)
    solution = inverse @ points_mm.ravel()
    covariance = (inverse * u_mm.ravel() ** 2) @ inverse.T
    residual = (points_mm.ravel() - design @ solution).reshape(-1, 2)
    return Turn(solution[:2], solution[2:], covariance, residual, u_mm, angle_deg, mirror)


def length(vector: Array, covariance: Array) -> tuple[float, float]:
    """Length of a vector without the noise's share, and its standard uncertainty.

    E|v|^2 = |v|^2 + trace(cov), so the trace is taken out; the uncertainty is that along the vector, and never less than along the
    widest direction when the vector is not longer than its noise.
    """
    raw = float(np.linalg.norm(vector))
    spread = float(np.trace(covariance))
    value = float(np.sqrt(max(0.0, raw**2 - spread)))
    widest = float(np.sqrt(np.linalg.eigvalsh(covariance)[-1]))
    if raw < 2 * widest:
        return value, widest
    unit = vector / raw
    return value, float(np.sqrt(unit @ covariance @ unit))
