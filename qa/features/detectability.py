"""How visible a low-contrast disc is: contrast to noise, the non-prewhitening observer with and without an eye, and the statistical method.

Plain contrast to noise says little about visibility because noise is correlated; d' takes the MTF and the noise spectrum into account.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qa.features.mtf import Mtf
from qa.features.nps import Nps
from qa.features.number import Number, number
from qa.features.position import Array
from qa.features.roi import Roi
from qa.reading import AnalysisError

CONFIDENT = 3.29  # standard deviations between two levels that are told apart with 95 % confidence either way (2 x 1.645)
EYE = (1.3, 0.04)  # exponents of the eye filter f^1.3 exp(-0.04 f^2), f in cycles per degree: highest at 4
VIEWING_MM, ZOOM = 500.0, 1.0  # from eye to screen; mm on the screen per mm in the object
GRID = 400  # points of the integrals
LOST = 3.0  # of the surface's 6 parameters, 0 (noise without low frequencies) to 6 (white noise) are lost to the disc means
FEWEST_DISCS = 12  # of which a standard deviation is taken: its own u is then a fifth


def contrast_to_noise(one: Roi, other: Roi) -> Number:
    """CNR = |m1 - m2|/sqrt((s1^2 + s2^2)/2), s the noise about a plane. AnalysisError without noise."""
    noise = np.sqrt((one.noise.value**2 + other.noise.value**2) / 2)
    if not noise > 1e-9 * max(abs(one.mean.value), abs(other.mean.value), 1.0):
        raise AnalysisError("the regions hold no noise, so there is no contrast to noise")
    difference = abs(one.mean.value - other.mean.value)
    u_noise = np.hypot(one.noise.value * one.noise.u, other.noise.value * other.noise.u) / 2 / noise
    return number(difference / noise, {"contrast": np.hypot(one.mean.u, other.mean.u) / noise, "noise": difference * u_noise / noise**2})


def area_weighted(cnr: Number, radius_mm: float) -> Number:
    """CNR times the square root of the disc's area, mm: what counts in white noise (after Rose), and not in correlated noise: see d'."""
    side = float(np.sqrt(np.pi)) * radius_mm
    return number(cnr.value * side, {name: part * side for name, part in cnr.budget.items()})


@dataclass(frozen=True)
class Observer:
    """A model observer's d' for a disc; ``eye`` says whether an eye filter is in it, ``contrast_at_d1`` what contrast gives d' = 1."""

    d_prime: Number
    contrast_at_d1: Number
    radius_mm: float
    eye: bool


def non_prewhitening(contrast: Number, radius_mm: float, mtf: Mtf | None, nps: Nps, eye: bool = False) -> Observer:
    """d' of the non-prewhitening observer for a disc of that contrast: d'^2 = [Int |W|^2 M^2 E^2]^2/Int |W|^2 M^2 E^4 NPS, over the plane.

    W = C R J1(2 pi R f)/f, M the system's MTF (None: 1), E the eye filter f^1.3 exp(-0.04 f^2) of a screen at 500 mm and true size, or 1.
    The noise spectrum's ring mean is used; below its lowest frequency it is taken as constant. Part of u is what the spectrum's points
    leave unknown and how much of the integral lies below the lowest of them. AnalysisError when the disc is too large for the regions that
    the spectrum is from: all of its signal lies below their lowest frequency.
    """
    lowest = float(nps.frequency_per_mm[0])
    if 0.61 / radius_mm < lowest:
        raise AnalysisError(f"a disc of {2 * radius_mm:.3g} mm needs a noise spectrum of regions wider than {radius_mm / 0.61:.3g} mm")
    f = (np.arange(GRID) + 0.5) / GRID * float(nps.frequency_per_mm[-1])
    task = (radius_mm * _j1(2 * np.pi * radius_mm * f) / f) ** 2 * f
    response = np.ones(GRID) if mtf is None else np.interp(f, mtf.frequency_per_mm, mtf.mtf, right=0.0)
    cycles = f * VIEWING_MM * np.pi / 180 / ZOOM
    filter_2 = (cycles ** EYE[0] * np.exp(-EYE[1] * cycles**2)) ** 2 if eye else np.ones(GRID)
    signal = task * response**2 * filter_2
    noise = np.interp(f, nps.frequency_per_mm, nps.curve)
    step = 2 * np.pi * f[0] * 2
    top, bottom = float(signal.sum()) * step, float((signal * filter_2 * noise).sum()) * step
    unit = top / np.sqrt(bottom)  # d' of contrast 1
    share = signal * filter_2 / float((signal * filter_2 * noise).sum())
    points = _hats(f, nps.frequency_per_mm) @ share * nps.curve_u
    below = float((share * noise)[f < lowest].sum())
    relative = {
        "noise spectrum": float(np.sqrt((points**2).sum())) / 2,
        "below its lowest frequency": below / 2 * float(nps.curve_u[0] / nps.curve[0]),
        "MTF": 0.0 if mtf is None else _of_mtf(f, signal, filter_2, noise, response, np.interp(f, mtf.frequency_per_mm, mtf.u)),
    }
    d = abs(contrast.value) * unit
    budget = {"contrast": contrast.u * unit} | {name: part * d for name, part in relative.items()}
    need = number(1 / unit, {name: part / unit for name, part in relative.items()})
    return Observer(number(d, budget), need, radius_mm, eye)


def _of_mtf(f: Array, signal: Array, filter_2: Array, noise: Array, response: Array, u: Array) -> float:
    """The relative u of d' that the MTF's u makes: taken as wrong in the same direction at all frequencies, the careful way."""
    part = 2 * u / np.maximum(response, 1e-3)
    return abs(
        float((signal * part).sum() / signal.sum() - (signal * filter_2 * noise * part).sum() / (signal * filter_2 * noise).sum() / 2)
    )


def _hats(f: Array, points: Array) -> Array:
    """What each of the points contributes to a straight-line interpolation at f: (points, frequencies)."""
    return np.stack([np.interp(f, points, row) for row in np.eye(len(points))])


def _j1(x: Array) -> Array:
    """The Bessel function J1 from its integral, Int cos(t - x sin t) dt/pi over 0..pi: exact to rounding with more points than x."""
    count = int(np.max(np.abs(x))) + 40
    t = (np.arange(count) + 0.5) * np.pi / count
    return np.asarray(np.cos(t[None, :] - x[:, None] * np.sin(t[None, :])).mean(axis=1))


def statistical_contrast(image: Array, use: NDArray[np.bool_], pitch_mm: tuple[float, float], radius_mm: float) -> Number:
    """The contrast that a disc must have to be told from noise with 95 % confidence: 3.29 standard deviations of disc means.

    Means of discs that do not overlap, in the uniform region ``use``, about a surface of second order. AnalysisError where fewer than 12
    discs fit.
    """
    rows, columns = np.nonzero(use)
    y, x = rows * pitch_mm[0], columns * pitch_mm[1]
    a, b = (y - y.mean()) / max(np.ptp(y), 1e-9), (x - x.mean()) / max(np.ptp(x), 1e-9)
    surface = np.stack([np.ones_like(a), a, b, a * a, a * b, b * b], axis=1)
    values = image[use].astype(np.float64)
    left = values - surface @ np.linalg.lstsq(surface, values, rcond=None)[0]
    high = np.sqrt(3.0) * radius_mm  # rows of a hexagonal packing
    line = np.floor((y - y.min()) / high + 0.5).astype(np.intp)
    shifted = x - x.min() + radius_mm * (line % 2)
    cell = np.floor(shifted / (2 * radius_mm)).astype(np.intp)
    inside = np.hypot(y - y.min() - line * high, shifted - (cell + 0.5) * 2 * radius_mm) <= radius_mm
    key = (line * (cell.max() + 1) + cell)[inside]
    count, total = np.bincount(key), np.bincount(key, left[inside])
    full = count >= 0.9 * np.pi * radius_mm**2 / (pitch_mm[0] * pitch_mm[1])
    discs = int(full.sum())
    if discs < FEWEST_DISCS:
        raise AnalysisError(
            f"{discs} discs of {2 * radius_mm:.3g} mm fit into the uniform region and {FEWEST_DISCS} are needed; take a smaller disc"
        )
    means = total[full] / count[full]
    sd = float(np.sqrt((means**2).sum() / (discs - LOST)))
    if not sd > 0:
        raise AnalysisError("the uniform region holds no noise at all: these are not pixel values as the detector gave them")
    parts = {"few discs": 1 / np.sqrt(2 * (discs - LOST)), "removed surface": LOST / 2 / discs / np.sqrt(3)}
    return number(CONFIDENT * sd, {name: part * CONFIDENT * sd for name, part in parts.items()})
