"""The noise power spectrum of regions of one size, in value^2 mm^2 on true frequency axes; its sum is the variance (Parseval).

Source: ICRU Report 87 equation 11.1, IEC 62220-1-1: pitch_x pitch_y/(Nx Ny) times the mean of |FFT(region - smooth fit)|^2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from qa.features.mtf import frozen
from qa.features.number import Number, number
from qa.features.position import Array
from qa.reading import AnalysisError

SMALLEST = 16  # pixels of a region's side: a smaller one blurs the spectrum beyond use
LEAST_KEPT = 0.25  # of a frequency's power: where a removed surface takes more, it is not given back
TRENDS = {0: 1, 1: 3, 2: 6}  # order of the removed surface, and how many parameters it has


@dataclass(frozen=True)
class Nps:
    """A noise power spectrum.

    ``power`` (rows, columns) at ``v_per_mm`` and ``u_per_mm`` (cycles per mm, down a column and along a row; zero in the middle);
    ``curve`` at ``frequency_per_mm`` is its mean over rings (or along an axis), with what the removed surface took from white noise at the
    lowest frequencies given back; ``curve_u`` the standard uncertainty of each point from the number of periodogram values, ``samples``;
    ``variance`` of the detrended regions, ``integral`` the sum of the power times du dv; ``noise`` the standard deviation;
    ``mean_frequency`` of the curve; ``peak_per_mm`` where it is highest; ``mean_value`` of the regions before detrending.
    """

    u_per_mm: Array
    v_per_mm: Array
    power: Array
    frequency_per_mm: Array
    curve: Array
    curve_u: Array
    samples: Array
    variance: float
    integral: float
    noise: Number
    mean_frequency: Number
    peak_per_mm: Number
    mean_value: float
    regions: int

    def normalised(self) -> Array:
        """NNPS, the curve over the squared mean value (mm^2). AnalysisError where the mean value is not positive: CT numbers have none."""
        if self.mean_value <= 0:
            raise AnalysisError("a spectrum over the squared mean needs values that are proportional to dose, above zero")
        return np.asarray(self.curve / self.mean_value**2)


def noise_power(
    regions: Sequence[Array],
    pitch_mm: tuple[float, float],
    trend: int = 2,
    without_axes: bool = False,
    along: str = "ring",
    independent: float | None = None,
    difference: bool = False,
) -> Nps:
    """The noise power spectrum of regions of one shape; ``pitch_mm`` (row, column).

    ``trend``: order of the surface that is removed from each (0, 1, 2). ``without_axes`` leaves the rows and columns through zero frequency
    out of the curve (lines of the panel). ``along``: "ring" is the mean over all directions up to the Nyquist frequency of the coarser
    pitch; "u" or "v" the mean of 7 rows on either side of an axis, the axis left out (IEC). ``independent``: how many of the regions do not
    overlap; None is all of them. ``difference``: the regions are differences of two images of the same thing, so their power is halved.
    AnalysisError for regions that are too small, or hold no noise.
    """
    shape = regions[0].shape if regions else (0, 0)
    if min(shape) < SMALLEST or any(region.shape != shape for region in regions):
        raise AnalysisError(f"a noise spectrum needs regions of one size, at least {SMALLEST} pixels wide; take a larger uniform region")
    half = 0.5 if difference else 1.0
    left = np.stack([detrended(region, trend) for region in regions]) * np.sqrt(half)
    variance = float(np.mean(left**2))
    if not variance > 0:
        raise AnalysisError("the uniform region holds no noise at all: these are not pixel values as the detector gave them")
    ny, nx = shape
    power = _periodogram(left, pitch_mm)
    v, u = (np.fft.fftshift(np.fft.fftfreq(n, p)) for n, p in ((ny, pitch_mm[0]), (nx, pitch_mm[1])))
    cell = 1 / (nx * ny * pitch_mm[0] * pitch_mm[1])
    count = float(len(regions)) if independent is None else independent
    kept = np.maximum(_kept(shape, trend), LEAST_KEPT)

    def curve_of(power: Array) -> tuple[Array, Array, Array]:
        return _ring(power / kept, u, v, without_axes) if along == "ring" else _axis(power / kept, u, v, along)

    frequency, curve, samples = curve_of(power)
    curve_u = curve / np.sqrt(np.maximum(samples * count / 2, 1))  # a value and its mirror image are one
    noise = np.sqrt(variance)
    u_variance = cell * np.sqrt(2 * float((power**2).sum()) / count / (1 + 1 / max(count, 1)))  # E of P^2 is more than (E of P)^2
    trend_u = variance * TRENDS[trend] / (nx * ny) / 2
    mean_value = float(np.mean([region.mean() for region in regions]))
    soft = curve_of(_tapered(left, pitch_mm))[1]
    u, v, power, frequency, curve, curve_u, samples = frozen(u, v, power, frequency, curve, curve_u, samples)
    return Nps(
        u,
        v,
        power,
        frequency,
        curve,
        curve_u,
        samples,
        variance,
        float(power.sum() * cell),
        number(noise, {"few samples": u_variance / 2 / noise, "removed surface": trend_u / 2 / noise}),
        _mean_frequency(frequency, curve, curve_u, soft),
        _peak(frequency, curve, curve_u),
        mean_value,
        len(regions),
    )


def _periodogram(left: Array, pitch_mm: tuple[float, float]) -> Array:
    """pitch_x pitch_y/(Nx Ny) times the mean of the squared transforms, zero frequency in the middle."""
    squares = (np.abs(np.fft.fft2(left)) ** 2).mean(axis=0)
    return np.asarray(np.fft.fftshift(squares) * (pitch_mm[0] * pitch_mm[1] / squares.size), dtype=np.float64)


def _tapered(left: Array, pitch_mm: tuple[float, float]) -> Array:
    """The spectrum behind a Hann window of the same energy, which leaks a thousand times less from one frequency to far others."""
    y, x = (np.sin(np.pi * (np.arange(n) + 0.5) / n) ** 2 * np.sqrt(8 / 3) for n in left.shape[1:])
    return _periodogram(left * y[:, None] * x[None, :], pitch_mm)


def detrended(region: Array, order: int) -> Array:
    """A region minus the least-squares surface of that order through it."""
    y, x = (np.linspace(-1, 1, n) for n in region.shape)
    result: Array = region.astype(np.float64) - region.mean()
    if order == 0:
        return result
    py, px = (np.stack([np.ones_like(t), t, t * t - (t * t).mean()]) for t in (y, x))
    for i in range(order + 1):  # on a full rectangle these products are orthogonal: each is fitted alone
        for j in range(order + 1 - i):
            weight = float(py[i] @ result @ px[j]) / float((py[i] ** 2).sum() * (px[j] ** 2).sum())
            result = result - weight * np.outer(py[i], px[j])
    return np.asarray(result)


def _kept(shape: tuple[int, ...], order: int) -> Array:
    """The share of white noise's power that is left at every frequency after the surface is removed, zero frequency in the middle."""
    down, along = (
        [np.abs(np.fft.fft(t)) ** 2 / float((t * t).sum()) / n for t in (np.ones(n), x, x * x - (x * x).mean())]
        for n, x in ((n, np.linspace(-1, 1, n)) for n in shape)
    )
    pairs = [(i, j) for i in range(order + 1) for j in range(order + 1 - i)]
    return np.asarray(np.fft.fftshift(1 - sum(np.outer(down[i], along[j]) for i, j in pairs)))


def _ring(power: Array, u: Array, v: Array, without_axes: bool) -> tuple[Array, Array, Array]:
    """Mean over rings as wide as the coarser frequency step: mean frequency of each, mean power, how many values."""
    step = max(u[1] - u[0], v[1] - v[0])
    f = np.hypot(u[None, :], v[:, None])
    use = (f > step / 2) & (f <= min(-u[0], -v[0]))
    if without_axes:
        use &= (u[None, :] != 0) & (v[:, None] != 0)
    ring = np.floor(f[use] / step + 0.5).astype(np.intp)
    count = np.bincount(ring).astype(np.float64)
    seen = count > 0
    total = np.bincount(ring, power[use])[seen]
    return np.asarray(np.bincount(ring, f[use])[seen] / count[seen]), np.asarray(total / count[seen]), count[seen]


def _axis(power: Array, u: Array, v: Array, along: str) -> tuple[Array, Array, Array]:
    """Mean of the 7 rows on either side of an axis, without it: both halves folded together."""
    rows, axis, other = (power, u, v) if along == "u" else (power.T, v, u)
    zero = int(np.argmin(np.abs(other)))
    near = [k for k in range(zero - 7, zero + 8) if k != zero and 0 <= k < len(other)]
    curve = rows[near].mean(axis=0)
    f = np.hypot(axis[None, :], other[near][:, None]).mean(axis=0)
    order = np.nonzero(axis > 0)[0]
    mirror = 2 * int(np.argmin(np.abs(axis))) - order
    folded = (curve[order] + curve[mirror]) / 2
    return f[order], folded, np.full(len(order), 2.0 * len(near))


def _mean_frequency(f: Array, curve: Array, curve_u: Array, soft: Array) -> Number:
    """The curve's mean frequency, sum f P/sum P, and how it differs behind a window that leaks less.

    The lowest ring holds what the removed surface left and what leaks from above: the straight line through the next two stands for it.
    """
    matrix = np.vstack([np.zeros((2, len(f))), np.eye(len(f))[1:]])
    part = (f[1] - np.array([0.0, f[0]])) / (f[2] - f[1])
    matrix[:2, 1], matrix[:2, 2] = 1 + part, -part
    places = np.append(0.0, f)
    width = np.convolve(np.diff(places), [0.5, 0.5])

    def mean_of(line: Array) -> tuple[float, float]:
        down = np.maximum(matrix @ line, 0.0)
        return float((places * down * width).sum() / (down * width).sum()), float((down * width).sum())

    mean, total = mean_of(curve)
    noise = float(np.sqrt(((((places - mean) * width) @ matrix * curve_u) ** 2).sum())) / total
    apart = abs(mean_of(soft)[0] - mean)
    return number(mean, {"noise": noise, "leakage": max(apart - noise, 0.0)})


def _peak(f: Array, curve: Array, curve_u: Array) -> Number:
    """Where the curve is highest: the vertex of a parabola through the points above 0.8 of the smoothed maximum.

    Its u holds the noise of the points, and a quarter of the width of those points where the curve is flat.
    """
    smooth = np.convolve(np.pad(curve, 1, mode="edge"), [0.25, 0.5, 0.25], "valid")
    top = int(np.argmax(smooth))
    low = high = top
    while low > 0 and smooth[low - 1] >= 0.8 * smooth[top]:
        low -= 1
    while high < len(f) - 1 and smooth[high + 1] >= 0.8 * smooth[top]:
        high += 1
    low, high = max(min(low, top - 1), 0), min(max(high, top + 1), len(f) - 1)
    at, width = f[low : high + 1], float(f[high] - f[low])
    design = np.stack([np.ones_like(at), at - f[top], (at - f[top]) ** 2], axis=1) / curve_u[low : high + 1, None]
    solution = np.linalg.lstsq(design, curve[low : high + 1] / curve_u[low : high + 1], rcond=None)[0]
    if len(at) < 4 or solution[2] >= 0:
        return number(float(f[top]), {"flat top": width / 4})
    vertex = float(np.clip(f[top] - solution[1] / 2 / solution[2], f[low], f[high]))
    covariance = np.linalg.pinv(design.T @ design)
    gradient = np.array([0.0, -1 / (2 * solution[2]), solution[1] / (2 * solution[2] ** 2)])
    noise = float(np.sqrt(gradient @ covariance @ gradient))
    return number(vertex, {"noise": min(noise, width / 4), "grid": float(f[1] - f[0]) / np.sqrt(12)})
