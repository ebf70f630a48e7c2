"""The MTF from groups of bars: by the variance in each group less the noise's (Droege and Morin), and by its fundamental wave.

A square wave of height D holds waves of amplitude 2 D/(pi k), k = 1, 3, 5 ...; behind the MTF its variance is the sum of
2 D^2/pi^2 MTF(k f)^2/k^2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qa.features.mtf import LEVELS, Mtf, frozen, name
from qa.features.number import Number, number
from qa.features.position import Array
from qa.features.roi import Roi
from qa.reading import AnalysisError

FEWEST_PERIODS = 1.5  # of bars in a region: fewer and the wave is not told from a slope
HARMONICS = (3, 5, 7, 9, 11)
APART, PLAIN = 0.15, 4.0  # of the modulation; times u: beyond both the two ways of reading a group contradict each other
LARGEST_U = 0.25  # of the frequency: noisier than this there is no answer
AT_NYQUIST = 0.5  # periods over a region: nearer than this to the Nyquist frequency the phase decides what is seen


@dataclass(frozen=True)
class Bars:
    """What one group of bars shows, in pixel values.

    ``sd`` is the standard deviation of its wave without noise, ``fundamental`` the amplitude of the wave of its own frequency over sqrt(2);
    ``mean`` what the wave goes about, ``periods`` how many are in the region.
    """

    frequency_per_mm: float
    sd: Number
    fundamental: Number
    periods: float
    flags: tuple[str, ...] = ()
    mean: float = 0.0


def bar_group(
    image: Array, use: NDArray[np.bool_], pitch_mm: tuple[float, float], frequency_per_mm: float, direction_deg: float, noise: Roi
) -> Bars:
    """The wave in one group; ``use`` the pixels well inside it, ``direction_deg`` across the bars, from x towards y, to 5 degrees.

    ``noise``: a uniform region of the same noise. The region's borders cut the wave at any phase: with N periods its variance is off by up
    to 1/(4 pi N), which is in u. AnalysisError where fewer than 1.5 periods or 20 pixels are in the region.
    """
    rows, columns = np.nonzero(use)
    y, x = rows * pitch_mm[0], columns * pitch_mm[1]
    values = image[use].astype(np.float64)
    angle = np.radians(direction_deg)
    across = x * np.cos(angle) + y * np.sin(angle)
    periods = float(np.ptp(across)) * frequency_per_mm if len(across) else 0.0
    if periods < FEWEST_PERIODS or len(values) < 20:
        raise AnalysisError(f"a group of bars shows {periods:.1f} periods in {len(values)} pixels; take a larger image of the phantom")
    n, sigma, shared = len(values), noise.noise.value, noise.shared_px
    total = float(values.var(ddof=1))
    square = total - sigma**2
    random = np.sqrt(4 * max(square, 0) * sigma**2 * shared / n + 2 * sigma**4 * max(shared, 1) / n)
    parts = {
        "noise": random,
        "noise taken off": 2 * sigma * noise.noise.u,
        "cut periods": max(square, 0) / (4 * np.pi * periods) / np.sqrt(2),
    }
    sd = _root(square, parts, total)
    wave, mean = _wave(x - x.mean(), y - y.mean(), values, frequency_per_mm, angle)
    wave_square = wave**2 / 2 - 2 * sigma**2 * shared / n
    u_wave = np.sqrt(4 * max(wave_square, 0) * sigma**2 * shared / n + (2 * sigma**2 * shared / n) ** 2)
    fundamental = _root(wave_square, {"noise": float(u_wave), "other waves": 0.02 * max(wave_square, 0)}, total)
    flags = _nyquist(frequency_per_mm, angle, pitch_mm, float(np.ptp(across)))
    return Bars(frequency_per_mm, sd, fundamental, periods, flags, mean)


def _root(square: float, parts: dict[str, float], total: float) -> Number:
    """A standard deviation from its square and the budget of that; where the square is not above its u, the u of the root is that of 0."""
    u_square = float(np.sqrt(sum(part**2 for part in parts.values())))
    value = float(np.sqrt(max(square, 0.0)))
    slope = 1 / (2 * max(value, np.sqrt(max(u_square, 1e-300)) / 2))
    return number(value, {key: part * slope for key, part in parts.items()}, least_u=1e-6 * np.sqrt(max(total, 1e-300)))


def _wave(x: Array, y: Array, values: Array, frequency: float, angle: float) -> tuple[float, float]:
    """Amplitude of the wave of about that frequency and direction, its wave vector fitted, and what it goes about, cut periods or not."""
    vector = frequency * np.array([np.cos(angle), np.sin(angle)])
    most = 0.12 * frequency
    start = vector.copy()
    for _ in range(6):
        phase = 2 * np.pi * (vector[0] * x + vector[1] * y)
        cos, sin = np.cos(phase), np.sin(phase)
        design = np.stack([np.ones_like(x), cos, sin], axis=1)
        mean, a, b = np.linalg.lstsq(design, values, rcond=None)[0]
        turn = 2 * np.pi * (b * cos - a * sin)
        more = np.concatenate([design, np.stack([turn * x, turn * y], axis=1)], axis=1)
        step = np.linalg.lstsq(more, values, rcond=1e-6)[0][3:]
        if np.hypot(*(vector + step - start)) > most or np.hypot(*step) < 1e-5 * frequency:
            break
        vector = vector + step
    return float(np.hypot(a, b)), float(mean)


def _nyquist(frequency: float, angle: float, pitch_mm: tuple[float, float], length_mm: float) -> tuple[str, ...]:
    """A caveat where bars beat with the pixels so slowly that the region does not hold a beat."""
    along = abs(frequency * np.cos(angle)) * pitch_mm[1], abs(frequency * np.sin(angle)) * pitch_mm[0]
    beats = [abs(2 * part - round(2 * part)) / pitch for part, pitch in zip(along, (pitch_mm[1], pitch_mm[0]), strict=True)]
    high = any(part > 0.4 for part in along)
    return ("near a multiple of the Nyquist frequency",) if high and max(beats) * length_mm < AT_NYQUIST else ()


def mtf_of_bars(groups: Sequence[Bars], plateau: Number | None) -> Mtf:
    """The MTF at the groups' frequencies, never rising; ``plateau`` is |bar - gap| where bars are wide.

    With a plateau: MTF(f)^2 = (pi^2/2) sd^2/D^2 - sum MTF(k f)^2/k^2, the harmonics read from higher groups, so no group must lie above a
    third of the cut-off. Without one: the same divided by the lowest group's value, which is then 1 by definition (relative). AnalysisError
    for fewer than three groups, or where the variance and the fundamental wave contradict each other.
    """
    groups = sorted(groups, key=lambda group: group.frequency_per_mm)
    if len(groups) < 3:
        raise AnalysisError(f"{len(groups)} groups of bars can be measured and three are needed")
    f = np.array([group.frequency_per_mm for group in groups])
    height = plateau.value if plateau is not None else 1.0
    u_height = plateau.u / plateau.value if plateau is not None else 0.0
    mtf = _without_harmonics(f, np.array([group.sd.value for group in groups]) * np.pi / np.sqrt(2) / height, plateau is not None)
    u = np.array([group.sd.u for group in groups]) * np.pi / np.sqrt(2) / height
    second = np.array([group.fundamental.value for group in groups]) * np.pi / np.sqrt(2) / height
    u_second = np.array([group.fundamental.u for group in groups]) * np.pi / np.sqrt(2) / height
    flags = tuple(dict.fromkeys(flag for group in groups for flag in group.flags))
    if plateau is None:
        low, low_second = mtf[0], second[0]
        if not min(low, low_second) > 0:
            raise AnalysisError(f"the bars of {f[0]:.3g} per mm, the coarsest, are not seen")
        u, u_second, mtf, second = np.hypot(u / low, mtf / low * u[0] / low), u_second / low_second, mtf / low, second / low_second
        u[0] = u[0] / np.sqrt(2)
    else:
        u = np.hypot(u, mtf * u_height)
    contradicted = np.abs(mtf - second) > np.maximum(PLAIN * np.hypot(u, u_second), APART * np.maximum(mtf, 0.05))
    if contradicted.any():
        worst = f[int(np.argmax(contradicted))]
        raise AnalysisError(
            f"the bars of {worst:.3g} per mm show waves of other frequencies: the region is not on the bars, or they are not seen"
        )
    falling = _falling(mtf, u)
    if np.any(np.abs(falling - mtf) > 2 * u):
        flags = (*flags, "the MTF rises between groups")
    start, curve_u = (f, u) if plateau is None else (np.append(0.0, f), np.append(u_height, u))
    curve = falling if plateau is None else np.append(1.0, np.minimum(falling, 1.05))
    at = {name(level): _level(start, curve, curve_u, level) for level in LEVELS}
    half = at[name(LEVELS[0])]
    if isinstance(half, AnalysisError) and curve[-1] < LEVELS[0]:
        raise half
    others = {
        name(level): x for level in LEVELS if (x := _between(start, np.append(curve[: len(start) - len(f)], _falling(second, u)), level))
    }
    start, curve, curve_u = frozen(start, curve, np.maximum(curve_u, 1e-9))
    return Mtf(start, curve, curve_u, at, "bars", others, relative=plateau is None, flags=flags)


def _without_harmonics(f: Array, first: Array, known_height: bool) -> Array:
    """The MTF from the sum of harmonics: highest group first, each one's harmonics read from those above it.

    Above the highest group the MTF goes on as a Gaussian through the last two. With an unknown height two rounds give the scale.
    """
    scale = 1.0 if known_height else max(float(first[0]), 1e-12)
    mtf = first / scale
    for _ in range(3):
        harmonic = np.zeros_like(f)
        for k in HARMONICS:
            harmonic = harmonic + (_beyond(f, mtf, k * f) / k) ** 2
        mtf = np.sqrt(np.maximum((first / scale) ** 2 - harmonic, 0.0))
    return np.asarray(mtf * scale)


def _beyond(f: Array, mtf: Array, at: Array) -> Array:
    """The curve at other frequencies: straight lines inside, a Gaussian through the last two groups beyond."""
    last, before = max(mtf[-1], 1e-9), max(mtf[-2], mtf[-1] + 1e-9, 1e-9)
    fall = np.log(before / last) / (f[-1] ** 2 - f[-2] ** 2)
    return np.where(at <= f[-1], np.interp(at, f, mtf), last * np.exp(-fall * np.maximum(at**2 - f[-1] ** 2, 0)))


def _falling(mtf: Array, u: Array) -> Array:
    """The nearest curve that never rises, weighted by 1/u^2 (pool adjacent violators)."""
    blocks: list[list[float]] = []
    for value, weight in zip(mtf, 1 / np.maximum(u, 1e-9) ** 2, strict=True):
        blocks.append([float(value), float(weight), 1])
        while len(blocks) > 1 and blocks[-1][0] > blocks[-2][0]:
            v, w, n = blocks.pop()
            v0, w0, n0 = blocks[-1]
            blocks[-1] = [(v * w + v0 * w0) / (w + w0), w + w0, n + n0]
    return np.concatenate([np.full(int(n), value) for value, _, n in blocks])


def _between(f: Array, mtf: Array, level: float) -> float | None:
    """Where the curve falls to a level: a Gaussian through the two groups on either side; None where it does not."""
    below = np.nonzero(mtf <= level)[0]
    if not len(below) or below[0] == 0:
        return None
    i = int(below[0])
    high, low = mtf[i - 1], max(mtf[i], 0.02)
    part = np.log(high / level) / np.log(high / min(low, level)) if low < high else 0.5
    return float(np.sqrt(f[i - 1] ** 2 + min(part, 1.0) * (f[i] ** 2 - f[i - 1] ** 2)))


def _level(f: Array, mtf: Array, u: Array, level: float) -> Number | AnalysisError:
    """The frequency at a level with its budget: noise of the two groups round it, and how the curve may go between them."""
    found = _between(f, mtf, level)
    if found is None:
        return AnalysisError(f"the MTF does not fall to {name(level)} % within the groups of bars, the finest {f[-1]:.3g} per mm")
    i = int(np.nonzero(mtf <= level)[0][0])
    slope = (mtf[i - 1] - mtf[i]) / (f[i] - f[i - 1])
    straight = float(f[i - 1] + (mtf[i - 1] - level) / slope)
    part = (found - f[i - 1]) / (f[i] - f[i - 1])
    noise = float(np.hypot((1 - part) * u[i - 1], part * u[i]) / slope)
    result = number(found, {"noise": noise, "between groups": abs(straight - found) / 2}, least_u=1e-4 * found)
    if result.u > LARGEST_U * found:
        return AnalysisError(f"the bars are too noisy to say where the MTF falls to {name(level)} %; repeat with more exposure")
    return result
