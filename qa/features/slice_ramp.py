"""The slice thickness from a ramp: a wire, or beads, that rise at a known angle show the slice's sensitivity as a profile.

Two algorithms that must agree: the width at half height, and a box behind a blur fitted to the whole profile.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from qa.features.edge_model import normal_cdf, normal_pdf
from qa.features.number import Number, number
from qa.features.position import Array, middle
from qa.reading import AnalysisError

FAINTEST = 5.0  # times the noise that the ramp must stand out by
STRANGE = 0.06  # of the height: a triangle in place of the box leaves 0.02
APART, PLAIN = 0.15, 4.0  # of the width; times u: beyond both the two algorithms contradict each other
OUTER = 0.15  # of the profile at either end: background to start from
ROUNDS = 60  # of the fit
NUMERIC = 2e-3  # of the width: what a profile without noise is known to between its samples


@dataclass(frozen=True)
class Ramp:
    """A slice's thickness with u, ``centre_mm`` along the profile (u: where the slice cuts the ramp), the width along the profile, and
    the thickness by the second algorithm; ``distance_mm`` and ``value`` the profile without its background."""

    thickness_mm: Number
    centre_mm: Number
    width_mm: float
    second_mm: Number
    distance_mm: Array
    value: Array


def ramp_profile(
    image: Array, pitch_mm: tuple[float, float], centre_mm: tuple[float, float], length_mm: float, width_mm: float, angle_deg: float
) -> tuple[Array, Array]:
    """(distance, value): a strip along a ramp summed across its width less its borders, about (x, y) mm; ``angle_deg`` from x towards y.

    Summing takes the blur across the wire away from the answer. The strip is ``width_mm`` wide for the wire, and half of that more on
    either side for its background. AnalysisError when it leaves the image.
    """
    step = min(pitch_mm) / 2
    along = np.arange(-round(length_mm / 2 / step), round(length_mm / 2 / step) + 1) * step
    across = np.arange(-round(width_mm / step), round(width_mm / step) + 1) * step
    cos, sin = math.cos(math.radians(angle_deg)), math.sin(math.radians(angle_deg))
    x = centre_mm[0] + along[None, :] * cos - across[:, None] * sin
    y = centre_mm[1] + along[None, :] * sin + across[:, None] * cos
    row, column = y / pitch_mm[0], x / pitch_mm[1]
    if row.min() < 0 or column.min() < 0 or row.max() > image.shape[0] - 1 or column.max() > image.shape[1] - 1:
        raise AnalysisError("the slice ramp lies at the border of the image; take a larger field of view")
    r, c = np.minimum(row.astype(int), image.shape[0] - 2), np.minimum(column.astype(int), image.shape[1] - 2)
    a, b = row - r, column - c
    value = (image[r, c] * (1 - b) + image[r, c + 1] * b) * (1 - a) + (image[r + 1, c] * (1 - b) + image[r + 1, c + 1] * b) * a
    inside = np.abs(across) <= width_mm / 2
    return np.asarray(along, dtype=np.float64), np.asarray(value[inside].sum(axis=0) - value[~inside].mean(axis=0) * inside.sum())


def ramp_thickness(distance_mm: Array, value: Array, tangent: float, blur_mm: float = 0.0) -> Ramp:
    """The thickness of a slice from the profile of a ramp: width at half height times the ramp's tangent (rise over run).

    ``blur_mm`` is the standard deviation of the image's blur along the profile, where known (0.187/MTF50): it widens the ramp of a thin
    slice; the width at half height of a box that is wider than 2.4 blurs is not changed by it, a thinner one is refused. AnalysisError
    where no single ramp stands out, where it is cut off, or where the two algorithms contradict each other.
    """
    clean, noise, alike = _without_background(distance_mm, value)
    if float(np.convolve(clean, np.full(3, 1 / 3), "same").max()) < max(FAINTEST * noise, 1e-9):
        raise AnalysisError("the slice ramp does not stand out of the noise; average several slices or repeat with more exposure")
    left, right, top, _ = _half_crossings(distance_mm, clean, noise, alike)
    box, blur, top, u_box, middle_mm, u_middle, rough = _box(distance_mm, clean, (left, right), top, alike)
    left, right, _, u_width = _half_crossings(distance_mm, clean, noise, alike, top)
    width = right - left
    if rough > max(STRANGE * top, 2 * noise):
        raise AnalysisError("the profile is not that of one ramp: something else lies on it")
    if width < 2.4 * blur_mm or (box < 2.4 * blur_mm and blur < 1.5 * blur_mm):
        raise AnalysisError(
            "the slice is too thin for the image's blur to be read from this ramp; use a bead ramp or a finer reconstruction"
        )
    thickness, second = width * tangent, _half_width(box, blur) * tangent
    apart = abs(thickness - second)
    u_both = math.hypot(u_width, u_box) * tangent
    if apart > APART * thickness and apart > PLAIN * u_both:
        raise AnalysisError(f"two ways of reading the slice ramp give {thickness:.2f} and {second:.2f} mm: something else lies on the ramp")
    budget = {"noise": u_width * tangent, "shape of the slice": max(apart - 2 * u_both, 0.0) / 2}
    return Ramp(
        number(thickness, budget, least_u=NUMERIC * thickness),
        number(middle_mm, {"noise": u_middle}, least_u=NUMERIC * width),
        width,
        number(second, {"noise": u_box * tangent}, least_u=NUMERIC * thickness),
        distance_mm,
        clean,
    )


def _without_background(d: Array, value: Array) -> tuple[Array, float, float]:
    """The profile standing up from a straight background, its noise, and how many samples share their noise."""
    if len(d) < 12:
        raise AnalysisError("the profile of the slice ramp has fewer than 12 samples; take a smaller pixel")
    ends = np.arange(len(d))
    use = (ends < OUTER * len(d)) | (ends >= (1 - OUTER) * len(d))
    level = np.asarray(np.zeros(len(d)))
    for _ in range(12):
        level = np.asarray(np.polyval(np.polyfit(d[use], value[use], 1), d), dtype=np.float64)
        left = value - level
        kept = np.abs(left) <= max(3 * 1.4826 * middle(np.abs(left[use])), 1e-9 * float(np.ptp(value)))
        if kept.sum() < 6 or (kept == use).all():
            break
        use = kept
    clean = value - level
    clean = clean * (1.0 if float(clean.max()) >= -float(clean.min()) else -1.0)
    rest = np.where(use, clean, 0.0)
    noise = float(np.sqrt(np.mean(clean[use] ** 2)))
    both = use[1:] & use[:-1]
    near = float(np.mean((rest[1:] * rest[:-1])[both])) / max(noise**2, 1e-300) if both.any() and noise > 0 else 0.0
    q = float(np.clip(near, 0.0, 0.95))
    return np.asarray(clean), noise, (1 + q) / (1 - q)


def _half_crossings(d: Array, clean: Array, noise: float, alike: float, height: float | None = None) -> tuple[float, float, float, float]:
    """Where the profile rises and falls through half of its height, its height, and the u of the width from noise.

    Each crossing is that of a line through the samples round it between a quarter and three quarters of the height; the height is the
    one given, or the mean over the middle third.
    """
    smooth = np.convolve(clean, np.full(3, 1 / 3), "same")
    start, top = int(np.argmax(smooth)), float(smooth.max())
    for _ in range(3):
        i, j = _ends(smooth, start, top / 2)
        third = max((j - i) // 6, 1)
        core = clean[(i + j) // 2 - third : (i + j) // 2 + third + 1]
        start, top = (i + j) // 2, float(core.mean()) if height is None else height
    places, square = [], 0.0
    for end, way in ((i, -1), (j, 1)):
        outer, inner = end, end - way
        while 0 < outer < len(d) - 1 and smooth[outer] > 0.25 * top:
            outer += way
        while smooth[inner] < 0.75 * top and abs(inner - end) < abs(j - i) // 2:
            inner -= way
        some = slice(min(outer, inner), max(outer, inner) + 1)
        slope, at = np.polyfit(d[some], clean[some], 1)
        places.append(float((top / 2 - at) / slope))
        count = some.stop - some.start
        square += (noise / slope) ** 2 * (min(alike / count, 1.0)) + 0.25 * (noise / slope) ** 2 * min(alike / len(core), 1.0)
    return places[0], places[1], top, math.sqrt(square)


def _ends(smooth: Array, start: int, level: float) -> tuple[int, int]:
    """The first and last sample above a level round ``start``; AnalysisError where there is no room beside them."""
    i = j = start
    while i > 0 and smooth[i - 1] > level:
        i -= 1
    while j < len(smooth) - 1 and smooth[j + 1] > level:
        j += 1
    if i < 2 or j > len(smooth) - 3:
        raise AnalysisError("the slice ramp is cut off: the phantom is tilted or displaced along the axis")
    return i, j


def _box(d: Array, clean: Array, start: tuple[float, float], top: float, alike: float) -> tuple[float, ...]:
    """A box behind a Gaussian, by Gauss-Newton: width, blur, height of both, u of the width at half height, centre with u, what is left."""
    p = np.array([start[0], start[1], math.log(0.2 * (start[1] - start[0])), top])
    low = float(np.median(np.diff(d))) / 4
    damping, best = 1e-3, math.inf
    jacobian, left = np.zeros((len(d), 4)), clean
    for _ in range(ROUNDS):
        trial_jacobian, trial_left = _box_lines(p, d, clean)
        square = float(trial_left @ trial_left)
        if square <= best:
            jacobian, left, kept, damping = trial_jacobian, trial_left, p, damping / 4
            done, best = best - square < 1e-10 * square, square
            if done:
                break
        else:
            damping *= 8
        normal = jacobian.T @ jacobian
        step = np.linalg.lstsq(normal + damping * np.diag(np.diag(normal) + 1e-12), jacobian.T @ left, rcond=None)[0]
        p = kept + step
        p[2] = np.clip(p[2], math.log(low), math.log(2 * (start[1] - start[0])))
    covariance = np.linalg.pinv(jacobian.T @ jacobian) * best / max(len(d) - 6, 1) * alike
    width, blur, centre = float(kept[1] - kept[0]), math.exp(kept[2]), float((kept[0] + kept[1]) / 2)
    of_width, of_blur = ((_half_width(width * a, blur * b) - _half_width(width / a, blur / b)) / 0.02 for a, b in ((1.01, 1), (1, 1.01)))
    across, along = np.array([-of_width / width, of_width / width, of_blur, 0]), np.array([0.5, 0.5, 0, 0])
    u_width, u_centre = (float(np.sqrt(max(k @ covariance @ k, 0.0))) for k in (across, along))
    rough = float(np.sqrt(np.mean(left[np.abs(d - centre) <= 1.5 * width + 2 * blur] ** 2)))
    height = float(kept[3] * (2 * normal_cdf(np.array(width / 2 / blur)) - 1))
    return width, blur, height, u_width, centre, u_centre, rough


def _half_width(box: float, blur: float) -> float:
    """The width at half height of a box behind a Gaussian: the box's own where it is wide, 2.355 blurs where it is narrow."""
    x = np.linspace(0, box / 2 + 3 * blur, 2000)
    shape = normal_cdf((x + box / 2) / blur) - normal_cdf((x - box / 2) / blur)
    return float(2 * np.interp(-shape[0] / 2, -shape, x))


def _box_lines(p: Array, d: Array, clean: Array) -> tuple[Array, Array]:
    """How the blurred box changes with its parameters, and what it leaves."""
    s = math.exp(p[2])
    a, b = (d - p[0]) / s, (d - p[1]) / s
    shape = normal_cdf(a) - normal_cdf(b)
    lines = [-p[3] * normal_pdf(a) / s, p[3] * normal_pdf(b) / s, p[3] * (b * normal_pdf(b) - a * normal_pdf(a)), shape]
    return np.stack(lines, axis=1), np.asarray(clean - p[3] * shape)
