"""The MTF of a reconstructed slice from a bead or a wire across it: the point's image transformed, its own size divided out.

The slice is sampled where its pixels are, so the curve ends at the Nyquist frequency of the coarser pitch; the pixel's aperture is in it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qa.features.mtf import LEVELS, Mtf, first_crossing, frozen, name, not_reached
from qa.features.number import Number, number
from qa.features.position import Array, middle
from qa.reading import AnalysisError

PADDED = 128  # points of the transform: fine enough that rings are 1/60 per mm at half a millimetre
RING = 0.62  # of the distance to the patch's border, from where on only background is seen
KNOWN_AT = 12  # frequencies at which the curve's uncertainty is worked out; straight lines between
NUMERIC = 2e-3  # of the frequency: what a point without noise is known to, cut off six blurs out
SMALLEST_SHARE = 0.3  # of the object's own spectrum: below it, dividing would multiply the noise by more than three
LARGEST_U = 0.2  # of the frequency: noisier than this there is no answer
APART, PLAIN = 0.25, 4.0  # of the frequency; times u: beyond both the two algorithms contradict each other
FLAT, FAR = 0.7, 6.0  # of the point's surroundings: share that counts fully; how many blurs out they reach
FEWEST = 9  # pixels of the patch's side
WEAKEST = 8.0  # times the noise of a pixel that a point must stand out by


def ball_spectrum(frequency_per_mm: Array, radius_mm: float) -> Array:
    """The spectrum of a ball's projection: 3 (sin k - k cos k)/k^3, k = 2 pi f radius. For slices that hold the whole bead."""
    k = 2 * np.pi * np.maximum(frequency_per_mm * radius_mm, 1e-4)
    return np.asarray(3 * (np.sin(k) - k * np.cos(k)) / k**3)


def wire_spectrum(frequency_per_mm: Array, radius_mm: float) -> Array:
    """The spectrum of a wire across the slice, a disc: 2 J1(k)/k, k = 2 pi f radius; by its series, exact to 1e-6 up to k = 3."""
    h = (np.pi * frequency_per_mm * radius_mm) ** 2
    return np.asarray(1 - h / 2 * (1 - h / 6 * (1 - h / 12 * (1 - h / 20 * (1 - h / 30)))))


def mtf_of_point(
    patch: Array, pitch_mm: tuple[float, float], radius_mm: float, own: Callable[[Array, float], Array] = ball_spectrum
) -> Mtf:
    """The mean MTF over all directions from a patch with one bead or wire near its middle; ``pitch_mm`` (row, column).

    ``own``: ``ball_spectrum`` or ``wire_spectrum`` for ``radius_mm``. A plane through the patch's outer part is removed; the second
    algorithm reads the point's image as a Gaussian. AnalysisError where no single point stands out of the noise, where it is cut off, or
    where the two algorithms contradict each other.
    """
    if min(patch.shape) < FEWEST:
        raise AnalysisError(f"the patch round the point is {min(patch.shape)} pixels wide and must have {FEWEST}; take a smaller pixel")
    ring = _distance(patch.shape, pitch_mm, None)[0] > RING
    clean = _without_plane(patch, pitch_mm, ring)
    noise, alike = _noise(clean, ring)
    top = clean.flat[int(np.argmax(np.abs(np.where(ring, 0, clean))))]
    if abs(top) < max(WEAKEST * noise, 1e-9):
        raise AnalysisError("no bead or wire stands out of the noise where one was expected")
    clean = clean * np.sign(top)
    if float(clean[ring].max()) > 0.25 * abs(top):
        raise AnalysisError("the bead or wire is at the border of its patch, or something else lies beside it")
    blur, centre = _as_gaussian(clean, pitch_mm)
    away, border = _distance(patch.shape, pitch_mm, centre)
    reach = min(border, FAR * blur)
    taper = np.cos(np.pi / 2 * np.clip((away - FLAT * reach) / ((1 - FLAT) * reach), 0, 1)) ** 2
    spectrum = np.fft.fft2(clean * taper, (_padded(patch.shape),) * 2)
    rings = _rings(_padded(patch.shape), pitch_mm)
    share = own(rings.frequency, radius_mm)
    keep = slice(0, int(np.argmax(share < SMALLEST_SHARE)) if (share < SMALLEST_SHARE).any() else len(share))
    height = float(spectrum[0, 0].real)
    power = rings.mean(np.abs(spectrum) ** 2) - rings.mean(_noise_power(taper, noise, alike, _padded(patch.shape)))
    mtf = (np.sqrt(np.maximum(power, 0.0)) / height / share)[keep]
    frequency = rings.frequency[keep]
    some = np.unique(np.linspace(1, len(frequency) - 1, KNOWN_AT).astype(np.intp))
    known = [_ring_u(int(k), rings, spectrum, taper, ring, pitch_mm, (noise, alike)) / share[k] for k in some]
    u = np.interp(frequency, np.append(0.0, frequency[some]), np.append(0.0, known))
    true_blur = float(np.sqrt(max(blur**2 - (radius_mm**2 / 5 if own is ball_spectrum else radius_mm**2 / 4), 1e-6)))
    at = {name(level): _level(frequency, mtf, u, level, true_blur) for level in LEVELS}
    half = at[name(LEVELS[0])]
    if isinstance(half, AnalysisError) and mtf[-1] < LEVELS[0]:
        raise half
    frequency, mtf, u = frozen(frequency, mtf, u)
    others = {name(level): _gaussian(true_blur, level) for level in LEVELS}
    return Mtf(frequency, mtf, u, at, "bead" if own is ball_spectrum else "wire", others)


@dataclass(frozen=True)
class Rings:
    """Which ring every point of a padded transform is in (-1 beyond the Nyquist frequency), and the rings' mean frequency and size."""

    place: NDArray[np.intp]
    frequency: Array
    count: Array

    def mean(self, power: Array) -> Array:
        """The mean of a picture over every ring."""
        use = self.place >= 0
        return np.asarray(np.bincount(self.place[use], power[use]) / self.count)


def _padded(shape: tuple[int, ...]) -> int:
    """Points of the transform: room for the patch against itself, a power of two."""
    return int(max(PADDED, 2 ** np.ceil(np.log2(2 * max(shape)))))


def _rings(padded: int, pitch_mm: tuple[float, float]) -> Rings:
    """Rings one frequency step wide up to the Nyquist frequency of the coarser pitch."""
    f = np.hypot(np.fft.fftfreq(padded, pitch_mm[0])[:, None], np.fft.fftfreq(padded, pitch_mm[1])[None, :])
    place = np.where(f <= 0.5 / max(pitch_mm), np.floor(f * padded * min(pitch_mm) + 0.5), -1).astype(np.intp)
    use = place >= 0
    count = np.bincount(place[use]).astype(np.float64)
    return Rings(place, np.asarray(np.bincount(place[use], f[use]) / count), count)


def _alikeness(alike: float, padded: int) -> Array:
    """How alike the noise of two pixels is by their distance: a Gaussian, 1 at none, ``alike`` at one pixel."""
    lag = np.fft.fftfreq(padded, 1 / padded) ** 2
    return np.asarray(np.maximum(alike, 1e-9) ** (lag[:, None] + lag[None, :]))


def _noise_power(taper: Array, noise: float, alike: float, padded: int) -> Array:
    """The mean squared transform of noise behind the taper."""
    overlap = np.fft.ifft2(np.abs(np.fft.fft2(taper, (padded, padded))) ** 2).real
    return np.asarray(noise**2 * np.fft.fft2(overlap * _alikeness(alike, padded)).real)


def _ring_u(
    k: int,
    rings: Rings,
    spectrum: NDArray[np.complex128],
    taper: Array,
    ring: NDArray[np.bool_],
    pitch_mm: tuple[float, float],
    noise: tuple[float, float],
) -> float:
    """Standard uncertainty of a ring's magnitude over that at zero: what each pixel is worth to it, and how alike their noise is."""
    padded, height = len(spectrum), float(spectrum[0, 0].real)
    in_ring = rings.place == k
    size = float(np.sqrt((np.abs(spectrum[in_ring]) ** 2).mean()))
    back = np.fft.ifft2(np.where(in_ring, spectrum, 0)).real[: taper.shape[0], : taper.shape[1]] * (padded * padded)
    worth = (back / (rings.count[k] * max(size, 1e-12)) - size / height) * taper / height
    plane = _plane(taper.shape, pitch_mm)
    worth[ring] -= np.linalg.pinv(plane[ring]).T @ np.tensordot(worth, plane, axes=2)
    overlap = np.fft.ifft2(np.abs(np.fft.fft2(worth, (padded, padded))) ** 2).real
    return float(noise[0] * np.sqrt(max(float((overlap * _alikeness(noise[1], padded)).sum()), 0.0)))


def _plane(shape: tuple[int, ...], pitch_mm: tuple[float, float]) -> Array:
    """Constant, x and y: (rows, columns, 3)."""
    y, x = np.indices(shape) - np.array(shape)[:, None, None] / 2
    return np.stack([np.ones(shape), x * pitch_mm[1], y * pitch_mm[0]], axis=2)


def _distance(shape: tuple[int, ...], pitch_mm: tuple[float, float], centre: tuple[float, float] | None) -> tuple[Array, float]:
    """Distance of every pixel from (row, column) in mm, and how far the border is; from the middle, as a share of that, for None."""
    middle_px = (shape[0] - 1) / 2, (shape[1] - 1) / 2
    row, column = centre or middle_px
    away = np.hypot((np.arange(shape[0]) - row)[:, None] * pitch_mm[0], (np.arange(shape[1]) - column)[None, :] * pitch_mm[1])
    border = min(min(at, n - 1 - at) * p for at, n, p in zip((row, column), shape, pitch_mm, strict=True))
    return (away / border, 1.0) if centre is None else (away, border)


def _without_plane(patch: Array, pitch_mm: tuple[float, float], ring: NDArray[np.bool_]) -> Array:
    """The patch minus the plane through its ring."""
    plane = _plane(patch.shape, pitch_mm)
    solution = np.linalg.lstsq(plane[ring], patch[ring], rcond=None)[0]
    return np.asarray(patch - plane @ solution)


def _noise(clean: Array, ring: NDArray[np.bool_]) -> tuple[float, float]:
    """Standard deviation of a pixel in the ring, robust, and how alike neighbours are there."""
    noise = 1.4826 * middle(np.abs(clean[ring]))
    both = ring[:, 1:] & ring[:, :-1]
    square = float(np.mean(np.clip(clean[ring] / max(noise, 1e-12), -3, 3) ** 2))
    limited = np.clip(clean / max(noise, 1e-12), -3, 3)
    return noise, float(np.clip(np.mean((limited[:, 1:] * limited[:, :-1])[both]) / max(square, 1e-12), 0.0, 0.95))


def _as_gaussian(clean: Array, pitch_mm: tuple[float, float]) -> tuple[float, tuple[float, float]]:
    """The standard deviation (mm) of the Gaussian through the point's image above a fifth of its height, and its centre (row, column).

    The log of the values is a straight line over the squared distance from the centre; AnalysisError where it does not fall.
    """
    row, column = np.indices(clean.shape)
    weight = np.where(clean > 0.3 * clean.max(), clean, 0)
    at = float((row * weight).sum() / weight.sum()), float((column * weight).sum() / weight.sum())
    square = _distance(clean.shape, pitch_mm, at)[0] ** 2
    good = clean > 0.2 * clean.max()
    slope = float(np.polyfit(square[good], np.log(clean[good]), 1, w=clean[good])[0]) if good.sum() > 3 else 0.0
    if slope >= 0:
        raise AnalysisError("what stands out is no point: it is a single pixel or an extended thing")
    return float(np.sqrt(-0.5 / slope)), at


def _gaussian(blur_mm: float, level: float) -> float:
    """Where the MTF of a Gaussian blur falls to a level."""
    return float(np.sqrt(-2 * np.log(level)) / (2 * np.pi * blur_mm))


def _level(frequency: Array, mtf: Array, u: Array, level: float, blur_mm: float) -> Number | AnalysisError:
    """The frequency at a level with its budget, or why there is none."""
    found = first_crossing(frequency, mtf, level)
    if found is None:
        return not_reached(level, frequency)
    noise = float(np.interp(found, frequency, u) / max(-np.interp(found, frequency, np.gradient(mtf, frequency)), 1e-6))
    apart = abs(_gaussian(blur_mm, level) - found)
    if level == LEVELS[0] and apart > APART * found and apart > PLAIN * noise:
        said = f"{found:.3g} and {_gaussian(blur_mm, level):.3g} per mm"
        return AnalysisError(f"two ways of reading the point put the MTF's {name(level)} % at {said}; average several slices")
    result = number(found, {"noise": noise}, least_u=NUMERIC * found)
    if result.u > LARGEST_U * found:
        return AnalysisError(f"the point is too noisy to say where the MTF falls to {name(level)} %; average several slices")
    return result
