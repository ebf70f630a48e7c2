"""What a scanner shows of a sphere: blurred in plane and along the axis, averaged over the slice, as a table over radius and slice.

A sphere is a chord of half length h = sqrt(R^2 - rho^2) at every distance rho from its axis. Along the axis, chord and slice average and
axial blur have a closed form; in plane, a Gaussian blur of a round function is an integral over one Bessel function. Pixels are taken as
part of the in-plane blur (the square's variance; its corners change an edge by a thousandth, evenly on all sides).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from qa.features.position import Array

STEP_MM = 0.05  # of the table: linear interpolation between its values is right to 0.05 % of the ball's contrast
FADED = 5.0  # standard deviations beyond its edge a ball has faded to a millionth
NODES = 48  # of the integral over the ball's radius: 0.2 mm apart for a ball of 12 mm, below any blur seen


@dataclass(frozen=True)
class Sphere:
    """Radius, blur in plane (standard deviation, pixel included), blur along the axis besides the slice's own thickness, all mm."""

    radius_mm: float
    plane_mm: float
    axial_mm: float


def profile(sphere: Sphere, thickness_mm: float, z_mm: Array, reach_mm: float) -> Array:
    """Contrast (1 = the ball's own) at distances 0, STEP_MM, ... up to ``reach_mm`` from its axis (first index), per slice (second).

    The table ends where the ball has faded; beyond its end the last value holds.

    ``z_mm`` (n,): the slices' distances from the ball's centre; each is an average over ``thickness_mm``.
    """
    from scipy.special import i0e

    nodes, weights = _rule()
    angle = (nodes + 1) * np.pi / 4
    rho, half = sphere.radius_mm * np.sin(angle), sphere.radius_mm * np.cos(angle)
    seen = _passed(z_mm[None, :] + half[:, None], thickness_mm, sphere.axial_mm) - _passed(
        z_mm[None, :] - half[:, None], thickness_mm, sphere.axial_mm
    )
    out = np.arange(0.0, reach_mm + 2 * STEP_MM, STEP_MM)
    variance = sphere.plane_mm**2
    ring = np.exp(-((out[:, None] - rho) ** 2) / (2 * variance)) * i0e(out[:, None] * rho / variance) / variance
    return np.asarray((ring * (rho * half * weights * np.pi / 4)) @ seen)


@cache
def _rule() -> tuple[Array, Array]:
    """Gauss's nodes and weights between -1 and 1: to make them took half the time of a fit."""
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    nodes.flags.writeable = weights.flags.writeable = False
    return nodes, weights


def at(table: Array, rho_mm: Array, which: NDArray[np.intp]) -> tuple[Array, Array]:
    """Value and slope (1/mm) of such a table at distances from the axis, in the slices ``which``."""
    position = np.minimum(rho_mm / STEP_MM, len(table) - 1.001)
    low = position.astype(np.intp)
    flat = table.ravel()
    first, second = flat[low * table.shape[1] + which], flat[(low + 1) * table.shape[1] + which]
    return first + (second - first) * (position - low), (second - first) / STEP_MM


def _passed(t: Array, thickness: float, sigma: float) -> Array:
    """Share of a slice average behind a Gaussian that lies before t: the integral of box and Gaussian."""
    return np.asarray((_ramp(t + thickness / 2, sigma) - _ramp(t - thickness / 2, sigma)) / thickness)


def _ramp(t: Array, sigma: float) -> Array:
    """The integral of a Gaussian's distribution function."""
    from scipy.special import ndtr

    q = t / sigma
    return np.asarray(t * ndtr(q) + sigma * np.exp(-(q**2) / 2) / np.sqrt(2 * np.pi))
