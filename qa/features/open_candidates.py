"""Where a ball may be in an open image, roughly: round spots, dark or bright, of any size from 1.5 to 16 mm.

Found by the curvature of the smoothed signal on thinned grids, then looked at along rays: how deep, how large, and how much of the rim is
a circle. Nothing finer is decided here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qa.features.position import Array
from qa.reading import AnalysisError

Grid = NDArray[np.float32]

RADII_MM = (0.9, 1.4, 2.1, 3.2, 4.8, 7.2)  # a factor 1.5 apart: every ball lies within a factor 1.25 of one
GRID_SHARE = 0.6  # grid step over radius: finer tells no more
SIGNIFICANT = 7.0  # times the median size of the curvature elsewhere, at that scale
STRONG = 0.12  # is looked at whatever the rest: in a small image that is full of things nothing is noise (a metal ball gives 0.2 to 0.3)
FAINTEST = 0.004  # of the open signal: under half a percent of contrast no ball phantom is
PEAKS = 5  # looked at per scale
KEEP_SHARE = 0.12  # of the strongest response: fainter spots are not rivals of the ball
RAYS = 40
ALIKE = 0.07  # a ray's half-depth radius belongs to the circle within this share of the radius: 0.3 of a pixel for a ball of 4 pixels
RISE_MM = 1.2  # over which a rim rises: turns noise of the signal into noise of the radius
LEFT_OUT_MM = 2.0  # spots nearer than this to the image's border cannot have open field all round


@dataclass(frozen=True)
class Candidate:
    """A spot: centre (x, y) mm in the pixel frame, radius at half depth, depth as a share of the open signal around it (positive),
    ``arc``, the share of its rim that is a circle, and ``response``, how strongly it stands out at its scale.
    """

    x_mm: float
    y_mm: float
    radius_mm: float
    depth: float
    arc: float
    response: float


def candidates(signal: Grid, pitch_mm: tuple[float, float], sign: int, radii_mm: tuple[float, ...] = RADII_MM) -> list[Candidate]:
    """Spots of an image, the strongest first; an empty list when nothing stands out.

    ``signal`` (rows, columns) with 0 where no radiation is and about 1 where the field is open, ``pitch_mm`` (row, column) on the isocentre
    plane, ``sign`` -1 for dark spots and +1 for bright ones.
    """
    spots: list[tuple[float, float, float, float]] = []  # response, x, y, radius
    grids: dict[tuple[int, int], Grid] = {}
    for radius in radii_mm:
        every = (max(1, int(GRID_SHARE * radius / pitch_mm[0])), max(1, int(GRID_SHARE * radius / pitch_mm[1])))
        if every not in grids:
            grids[every] = thinned(signal, every)
        step = every[0] * pitch_mm[0], every[1] * pitch_mm[1]
        spots += [
            (response, (column + 0.5) * step[1] - pitch_mm[1] / 2, (row + 0.5) * step[0] - pitch_mm[0] / 2, radius)
            for response, row, column in _peaks(-sign * grids[every], step, radius)
        ]
    spots.sort(reverse=True)
    found: list[Candidate] = []
    for response, x, y, radius in spots:
        if response < KEEP_SHARE * spots[0][0]:
            break
        if any(np.hypot(x - other.x_mm, y - other.y_mm) < 1.1 * max(other.radius_mm, radius) for other in found):
            continue
        seen = look(signal, pitch_mm, sign, (x, y), radius)
        if seen is not None and not any(np.hypot(seen[0][0] - o.x_mm, seen[0][1] - o.y_mm) < o.radius_mm for o in found):
            found.append(Candidate(*seen[0], *seen[1:], response))
    return found


def normalised(pixels: NDArray[np.float32]) -> Grid:
    """Pixels as a share of the open signal, 0 where no radiation is; AnalysisError when the image is blank or not made of numbers."""
    sample = pixels[::7, ::5]
    if not np.isfinite(float(pixels.sum(dtype=np.float64))):
        raise AnalysisError("the image holds pixels that are not numbers; export it again")
    dark = min(0.0, float(pixels.min()))
    level = float(np.percentile(sample, 90)) - dark
    if level <= 0 or float(np.ptp(sample)) <= 1e-6 * level:
        raise AnalysisError("the image is blank; check that the beam was on and repeat the exposure")
    return np.asarray((pixels - np.float32(dark)) * np.float32(1 / level), dtype=np.float32)


def thinned(signal: Grid, every: tuple[int, int]) -> Grid:
    """Means of blocks; what does not fill a block at the end is left out."""
    rows, columns = signal.shape[0] // every[0], signal.shape[1] // every[1]
    cut = signal[: rows * every[0], : columns * every[1]]
    tall = cut[:: every[0]].copy()
    for k in range(1, every[0]):  # slices: several times as fast as sums over short axes
        tall += cut[k :: every[0]]
    wide = tall[:, :: every[1]].copy()
    for k in range(1, every[1]):
        wide += tall[:, k :: every[1]]
    wide *= np.float32(1 / (every[0] * every[1]))
    return np.asarray(wide, dtype=np.float32)


def _peaks(grid: Grid, step: tuple[float, float], radius: float) -> list[tuple[float, int, int]]:
    """The strongest dips (response, row, column) of a grid at one scale, one per neighbourhood."""
    from scipy.ndimage import gaussian_filter

    sigma = radius / 1.41 / step[0], radius / 1.41 / step[1]
    border = [int(np.ceil(max(LEFT_OUT_MM, 0.5 * radius) / s)) for s in step]
    if min(n - 2 * b for n, b in zip(grid.shape, border, strict=True)) < 3:
        return []
    smooth = gaussian_filter(grid, sigma, mode="nearest", truncate=3.0)
    response = _smaller_eigenvalue(smooth, sigma)[border[0] : -border[0], border[1] : -border[1]]
    noise = float(np.median(np.abs(response[::3, ::3])))
    found = []
    near = max(1, int(radius / step[0])), max(1, int(radius / step[1]))
    for _ in range(PEAKS):
        row, column = (int(k) for k in np.unravel_index(int(np.argmax(response)), response.shape))
        value = float(response[row, column])
        if value < max(min(SIGNIFICANT * noise, STRONG), FAINTEST):
            break
        found.append((value, row + border[0], column + border[1]))
        response[max(0, row - near[0]) : row + near[0] + 1, max(0, column - near[1]) : column + near[1] + 1] = -np.inf
    return found


def _smaller_eigenvalue(smooth: Grid, sigma: tuple[float, float]) -> Grid:
    """Of the scale-normalised Hessian: positive where the signal dips in every direction; a rod or an edge has none."""
    dyy, dxx, dxy = (np.zeros_like(smooth) for _ in range(3))
    dyy[1:-1] = smooth[2:] - 2 * smooth[1:-1] + smooth[:-2]
    dxx[:, 1:-1] = smooth[:, 2:] - 2 * smooth[:, 1:-1] + smooth[:, :-2]
    dxy[1:-1, 1:-1] = smooth[2:, 2:] - smooth[2:, :-2] - smooth[:-2, 2:] + smooth[:-2, :-2]
    dyy *= np.float32(sigma[0] ** 2 / 2)
    dxx *= np.float32(sigma[1] ** 2 / 2)
    dxy *= np.float32(sigma[0] * sigma[1] / 4)
    return np.asarray(dxx + dyy - np.sqrt((dxx - dyy) ** 2 + dxy**2), dtype=np.float32)


def look(
    signal: Grid, pitch_mm: tuple[float, float], sign: int, centre: tuple[float, float], radius: float
) -> tuple[tuple[float, float], float, float, float] | None:
    """Centre, half-depth radius, depth and circular share of the rim by rays from a first guess; None when there is no rim at all."""
    from scipy.ndimage import map_coordinates

    angle = (np.arange(RAYS) + 0.5) * 2 * np.pi / RAYS
    normal = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    at, depth, arc = np.array(centre, dtype=np.float64), 0.0, 0.0
    for _ in range(4):
        r = np.linspace(0.0, 2.2 * radius, 56)
        rows, columns = ((at[k] + r * normal[:, k : k + 1]) / pitch_mm[1 - k] for k in (1, 0))
        rays = map_coordinates(signal, [rows, columns], order=1, mode="nearest").astype(np.float64)
        inside = (rows >= 0) & (rows <= signal.shape[0] - 1) & (columns >= 0) & (columns <= signal.shape[1] - 1)
        core, open_level = float(np.median(rays[:, r < 0.4 * radius])), _open_level(rays, r, radius)
        depth = sign * (core - open_level) / max(abs(open_level), 1e-6)
        if depth <= 0:
            return None
        crossing = _first_crossing(sign * (rays - (core + open_level) / 2), r)
        crossing[~inside.all(axis=1) & ~np.isfinite(crossing)] = np.nan
        unsteady = 1.5 * float(np.median(np.abs(np.diff(rays[:, -12::4], axis=1)))) / max(abs(core - open_level), 1e-9) * RISE_MM
        shift, radius_new, good = fitted_circle(crossing, normal, ALIKE + min(3 * unsteady / radius, 0.1))
        if good.sum() < 8 or not 0.3 * radius < radius_new < 2.2 * radius:
            return None
        at, radius, arc = at + shift, radius_new, float(good.mean())
    return (float(at[0]), float(at[1])), radius, depth, arc


def _open_level(rays: Array, r: Array, radius: float) -> float:
    """The level beyond the rim that most rays share."""
    return float(np.median(rays[:, (r > 1.4 * radius) & (r < 2.0 * radius)]))


def _first_crossing(height: Array, r: Array) -> Array:
    """Radius at which each ray (positive inside) first falls below zero; NaN when it never does or never was inside."""
    below = height < 0
    first = np.argmax(below, axis=1)
    usable = below.any(axis=1) & (first > 0)
    before, after = (np.take_along_axis(height, np.maximum(first - k, 0)[:, None], axis=1)[:, 0] for k in (1, 0))
    return np.where(usable, r[np.maximum(first - 1, 0)] + before / np.where(usable, before - after, 1.0) * (r[1] - r[0]), np.nan)


def fitted_circle(radius: Array, normal: Array, alike: float) -> tuple[Array, float, NDArray[np.bool_]]:
    """Shift of the centre, radius, and which rays belong to the circle that most rays share."""
    good = np.isfinite(radius)
    if good.sum() < 8:
        return np.zeros(2), 0.0, good
    middle = float(np.median(radius[good]))
    good &= np.abs(np.where(good, radius, 0.0) - middle) < 0.3 * middle
    solution = np.array([middle, 0.0, 0.0])
    design = np.hstack([np.ones((len(radius), 1)), normal])
    for share in (0.3, 1.5 * alike, alike):
        if good.sum() < 8:
            return np.zeros(2), 0.0, good
        solution = np.linalg.lstsq(design[good], radius[good], rcond=None)[0]
        good = np.isfinite(radius) & (np.abs(np.nan_to_num(radius) - design @ solution) < share * abs(solution[0]))
    return np.asarray(solution[1:]), float(solution[0]), good
