"""Where the middle of a narrow beam is, all along it, by two algorithms: half-height edges, and mirror symmetry.

Profiles at right angles to the beam, not circles about the star's middle: a circle meets the two edges of a beam at different distances.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qa.reading import AnalysisError

Array = NDArray[np.float64]
HALF_WIDTHS = 1.25  # profiles reach this many widths to either side: a beam as wide as its penumbra has fallen to 1 % there
FINE = 0.5  # of a pixel between the samples of a profile
BAND_MM, BAND_PX = 1.0, 3.0  # rows of a band that are averaged: longer than noise correlates
BASE = 0.12  # of a profile at either end: what is around the beam
LOWEST = 0.5  # of an arm's usual height: where it falls below, the arm ends
END = 2  # bands that are left out at an end: the strip's own penumbra
FEWEST = 6  # bands of an arm


@dataclass(frozen=True)
class Arm:
    """Half a beam in bands, outwards or inwards: ``along_mm`` (n,) from the star's middle along the axis (negative behind it), the beam's
    middle ``across_mm`` (n, 2) to the left of the axis by half height and by symmetry, ``width_mm`` (n,) at half height. ``uneven`` is the
    largest difference of its usual profile from its mirror image, in heights.
    """

    along_mm: Array
    across_mm: Array
    width_mm: Array
    uneven: float


@dataclass(frozen=True)
class Smooth:
    """A picture ready to be read between its pixels; ``pitch_mm`` (row, column)."""

    coefficients: Array
    pitch_mm: tuple[float, float]

    def holds(self, x_mm: Array, y_mm: Array) -> NDArray[np.bool_]:
        """Whether places (x along columns, y along rows, from the first pixel's centre) are between pixel centres."""
        down, right = ((n - 1) * p for n, p in zip(self.coefficients.shape, self.pitch_mm, strict=True))
        return np.asarray((x_mm >= 0) & (y_mm >= 0) & (x_mm <= right) & (y_mm <= down))

    def at(self, x_mm: Array, y_mm: Array) -> Array:
        """Values at places that it holds."""
        from scipy.ndimage import map_coordinates

        places = [y_mm / self.pitch_mm[0], x_mm / self.pitch_mm[1]]
        return np.asarray(map_coordinates(self.coefficients, places, order=3, mode="mirror", prefilter=False))


def smooth(pixels: NDArray[np.float32], pitch_mm: tuple[float, float]) -> Smooth:
    """Cubic splines through the pixels."""
    from scipy.ndimage import spline_filter

    return Smooth(np.asarray(spline_filter(pixels, order=3, output=np.float64, mode="mirror")), pitch_mm)


def arm(picture: Smooth, centre_mm: Array, direction: Array, across: Array, width_mm: float, from_mm: float) -> Arm:
    """The arm that leaves ``centre_mm`` along ``direction``, measured from ``from_mm`` on; ``across`` is to the left of the beam's axis.

    AnalysisError when it is too short.
    """
    pitch = min(picture.pitch_mm)
    half = HALF_WIDTHS * width_mm
    count = 2 * int(np.ceil(half / (FINE * pitch))) + 1
    t = np.linspace(-half, half, count)
    band = max(BAND_MM, BAND_PX * max(picture.pitch_mm))
    rows = max(2, round(band / (FINE * pitch)))
    reach = float(np.hypot(*(np.multiply(picture.coefficients.shape, picture.pitch_mm))))
    s = from_mm + (np.arange(int((reach - from_mm) / band) * rows) + 0.5) * band / rows
    x, y = (centre_mm[k] + s[:, None] * direction[k] + t[None, :] * across[k] for k in (0, 1))
    bands = int(np.argmin(np.append(picture.holds(x, y).all(axis=1), False))) // rows
    values = picture.at(x[: bands * rows], y[: bands * rows]).reshape(bands, rows, count)
    profiles = _grounded(values.mean(axis=1), t)
    kept = _before_its_end(profiles)
    if len(kept) < FEWEST:
        short = f"shorter than {FEWEST * band:.0f} mm where it is free of the others"
        raise AnalysisError(f"an arm of the star is {short}: longer or narrower beams are needed")
    low, high = _edges(kept, t)
    middle = s[: len(kept) * rows].reshape(len(kept), rows).mean(axis=1)
    sign = 1.0 if direction[0] * across[1] - direction[1] * across[0] > 0 else -1.0
    across_mm = np.stack([(low + high) / 2, _mirrored(kept, t)], -1)
    return Arm(sign * middle, across_mm, high - low, _uneven(np.median(kept, axis=0), t, float(np.median(across_mm))))


def _uneven(profile: Array, t: Array, centre: float) -> float:
    """The largest difference of a profile from its mirror image about a place, in heights."""
    twin = 2 * centre - t
    inside = (twin > t[0]) & (twin < t[-1])
    return float(np.abs(profile - np.interp(twin, t, profile))[inside].max() / profile.max())


def _grounded(values: Array, t: Array) -> Array:
    """Profiles above the straight line through what is at their two ends."""
    ends = max(2, int(BASE * len(t)))
    left, right = values[:, :ends].mean(axis=1), values[:, -ends:].mean(axis=1)
    a, b = t[:ends].mean(), t[-ends:].mean()
    return np.asarray(values - left[:, None] - (right - left)[:, None] * (t[None, :] - a) / (b - a))


def _before_its_end(profiles: Array) -> Array:
    """The bands from the first one up to where the beam ends."""
    if len(profiles) < FEWEST:
        return profiles[:0]
    heights = profiles[:, profiles.shape[1] // 4 : -profiles.shape[1] // 4].max(axis=1)
    usual = float(np.median(heights[:FEWEST]))
    falls = np.flatnonzero(heights < LOWEST * usual)
    return profiles[: int(falls[0]) - END] if len(falls) else profiles


def _edges(profiles: Array, t: Array) -> tuple[Array, Array]:
    """Where each profile passes half of its height, outwards from its top. AnalysisError when it does not."""
    from scipy.ndimage import gaussian_filter1d

    calm = gaussian_filter1d(profiles, 1.5, axis=1)  # so that noise does not make the top or a second crossing
    half = 0.5 * np.partition(calm, -3, axis=1)[:, -3:].mean(axis=1)
    top = calm.argmax(axis=1)
    rows, places = np.arange(len(profiles)), np.arange(len(t))
    below = calm < half[:, None]
    before, after = below & (places < top[:, None]), below & (places > top[:, None])
    if not (before.any(axis=1) & after.any(axis=1)).all() or (half <= 0).any():
        raise AnalysisError("an arm of the star has no clear edges: too much noise, or another beam beside it")
    left, right = len(t) - 1 - before[:, ::-1].argmax(axis=1), after.argmax(axis=1)

    def crossing(outer: NDArray[np.intp], inner: NDArray[np.intp]) -> Array:
        a, b = calm[rows, outer], calm[rows, inner]
        return np.asarray(t[outer] + (t[inner] - t[outer]) * (half - a) / (b - a))

    return crossing(left, left + 1), crossing(right, right - 1)


def _mirrored(profiles: Array, t: Array) -> Array:
    """The place about which each profile is most like its mirror image: the top of its convolution with itself."""
    from scipy.signal import fftconvolve

    twice = fftconvolve(profiles, profiles, mode="full", axes=1)
    count = len(t)
    near = slice(count - 1 - count // 2, count + count // 2)
    top = np.clip(twice[:, near].argmax(axis=1) + near.start, 1, twice.shape[1] - 2)
    rows = np.arange(len(profiles))
    a, b, c = (twice[rows, top + k] for k in (-1, 0, 1))
    shift = 0.5 * (a - c) / np.where(a - 2 * b + c == 0, 1.0, a - 2 * b + c)
    return np.asarray(t[0] + (top + np.clip(shift, -1, 1)) * (t[1] - t[0]) / 2)
