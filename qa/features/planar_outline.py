"""Where a planar phantom may be, roughly: rectangles at any angle and circles whose whole outline shows, with what else is in view.

An outline is found by its sides alone: couch edges, blades and what the phantom holds are lines too, but few fours of them close a
rectangle over most of its length. A side may be brighter or darker than what is outside, or both in turn: a frame before a couch is.
Fails when a side is outside the image or has no contrast.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qa.features.position import Array
from qa.reading import AnalysisError

STEP_MM = 1.0  # the search grid: a QC-3's thin frame is 8 mm wide, and a full panel takes a few milliseconds
WEAKEST = 0.012  # of the signal's range per mm of blur: a plastic frame's edge on a couch has 0.02, noise on this grid under 0.005
TURN_DEG = 7  # how far the direction of the gradient of one place of an edge may be off
ANGLES, PEAKS, CANDIDATES = 5, 9, 14  # angles looked at, sides per direction, outlines handed on
SHORTEST_MM, LARGEST = 45.0, 1.5  # of an outline on the isocentre plane; largest ratio of its sides
SUPPORT = 0.5  # of every side must show: frames have rounded corners, and a couch edge or a clamp hides a part
RADII_MM = (50.0, 130.0)  # of round phantoms on the isocentre plane: 150 mm wide, 0.67 to 1.7 times as large
ROUND = 0.5  # of a circle that must show


@dataclass(frozen=True)
class Coarse:
    """The image on the search grid: ``signal`` scaled to 0..1, ``step_mm`` (row, column), ``corner_mm`` (row, column) of its first value.

    ``levels`` are the image's values at 0 and 1.
    """

    signal: Array
    step_mm: tuple[float, float]
    corner_mm: tuple[float, float]
    levels: tuple[float, float]


@dataclass(frozen=True)
class Outline:
    """A rectangle or circle on the pixel frame, mm on the isocentre plane (x with columns, y with rows).

    ``angle_deg`` of the width's direction from +x towards +y, in [0, 90); ``shape`` "rectangle" or "circle" (both sizes the diameter);
    ``support`` is the share of the outline that shows, of its worst side.
    """

    shape: str
    centre_mm: tuple[float, float]
    size_mm: tuple[float, float]
    angle_deg: float
    support: float


def coarse(pixels: NDArray[np.float32], pitch_mm: tuple[float, float]) -> Coarse:
    """The image averaged over blocks of a millimetre. AnalysisError when it is blank or not of numbers."""
    every = max(1, round(STEP_MM / pitch_mm[0])), max(1, round(STEP_MM / pitch_mm[1]))
    rows, columns = pixels.shape[0] // every[0], pixels.shape[1] // every[1]
    if min(rows, columns) < 16:
        raise AnalysisError("the image is too small to show a phantom; export the whole image")
    blocks = pixels[: rows * every[0], : columns * every[1]].reshape(rows, every[0], columns, every[1])
    grid = np.asarray(blocks.mean(axis=3).mean(axis=1), dtype=np.float64)
    if not np.isfinite(grid).all():
        raise AnalysisError("the image holds pixels that are not numbers; export it again")
    low, high = np.percentile(grid, (0.5, 99.0))
    if high - low <= 1e-6 * max(abs(float(high)), 1.0):
        raise AnalysisError("the image is blank: nothing stands out; check that the beam was on and repeat the exposure")
    corner = (every[0] - 1) / 2 * pitch_mm[0], (every[1] - 1) / 2 * pitch_mm[1]
    signal = np.clip((grid - low) / (high - low), -0.1, 1.1)
    return Coarse(signal, (every[0] * pitch_mm[0], every[1] * pitch_mm[1]), corner, (float(low), float(high)))


def outlines(image: Coarse) -> tuple[Outline, ...]:
    """Everything that may be the outline of a phantom, the best supported first; () when there is nothing."""
    x, y, toward = edge_points(image)
    if len(x) < 60:
        return ()
    found = [*rectangles(x, y, toward), *circles(x, y, toward)]
    return tuple(sorted(found, key=lambda o: -o.support * sum(o.size_mm) ** 0.5))


def edge_points(image: Coarse) -> tuple[Array, Array, Array]:
    """(x, y, direction towards the brighter side in radians) of every place where the signal is steepest across."""
    from scipy.ndimage import gaussian_filter

    smooth = gaussian_filter(image.signal, 0.9)
    down, across = (np.asarray(part) for part in np.gradient(smooth, *image.step_mm))
    size = np.asarray(np.hypot(down, across))
    noise = 1.5 * float(np.median(size))  # an even image has hardly anything but noise
    rows, columns = np.nonzero(size[2:-2, 2:-2] > max(WEAKEST, min(noise, 3 * WEAKEST)))
    rows, columns = rows + 2, columns + 2
    here = size[rows, columns]
    # one step along the gradient on either side must be less steep
    r, c = np.rint(down[rows, columns] / here).astype(int), np.rint(across[rows, columns] / here).astype(int)
    top = (here >= size[rows + r, columns + c]) & (here > size[rows - r, columns - c])
    rows, columns = rows[top], columns[top]
    x = image.corner_mm[1] + columns * image.step_mm[1]
    y = image.corner_mm[0] + rows * image.step_mm[0]
    return x, y, np.arctan2(down[rows, columns], across[rows, columns])


def rectangles(x: Array, y: Array, toward: Array) -> list[Outline]:
    """Rectangles of which most of every side shows, from straight lines in four directions."""
    middle = float(np.mean(x)), float(np.mean(y))
    u, v = x - middle[0], y - middle[1]
    votes, reach = _votes(u, v, toward)
    found: list[Outline] = []
    for base in _bases(votes):
        sides = [_sides(u, v, toward, votes[(base + 90 * k) % 360], base + 90 * k, reach) for k in range(4)]
        if all(len(side[0]) for side in sides):
            found += _closed(sides, base, middle)
    return _distinct(found)


def _votes(u: Array, v: Array, toward: Array) -> tuple[Array, float]:
    """How many places lie on the line with that outward direction (360 degrees) and distance from the middle (1 mm bins)."""
    reach = float(np.ceil(np.hypot(u, v).max())) + 3.0
    bins = int(2 * reach) + 1
    angle = (np.rint(np.degrees(toward)).astype(int) + np.arange(-TURN_DEG, TURN_DEG + 1)[:, None]) % 180
    turn = np.radians(np.arange(180))
    rho = u * np.cos(turn)[angle] + v * np.sin(turn)[angle]
    half = np.bincount((angle * bins + np.rint(rho + reach).astype(int)).ravel(), minlength=180 * bins).reshape(180, bins).astype(float)
    return np.concatenate([half, half[:, ::-1]]), reach  # seen from its other side a line's distance changes its sign


def _bases(votes: Array) -> list[int]:
    """Angles 0..89 at which lines stand out in all four directions, the strongest first, none near another."""
    peak = np.sort(votes, axis=1)[:, -3:].sum(axis=1)
    four = peak.reshape(4, 90)
    strength = four.sum(axis=0) + 2 * four.min(axis=0)
    bases: list[int] = []
    for angle in np.argsort(-strength, kind="stable"):
        if all(min(abs(angle - b), 90 - abs(angle - b)) > 4 for b in bases):
            bases.append(int(angle))
        if len(bases) == ANGLES:
            break
    return bases


def _sides(u: Array, v: Array, toward: Array, line: Array, degrees: int, reach: float) -> tuple[Array, Array]:
    """(Distances of the strongest lines of one direction, (lines, bins) running count of millimetres at which each shows)."""
    angle = np.radians(degrees)
    smooth = line.copy()
    smooth[1:-1] += (line[:-2] + line[2:]) / 2
    rhos: list[float] = []
    for k in np.argsort(-smooth, kind="stable")[: 6 * PEAKS]:
        if smooth[k] < 0.25 * SHORTEST_MM or len(rhos) == PEAKS:
            break
        if all(abs(k - reach - rho) > 2.5 for rho in rhos):
            near = line[max(k - 1, 0) : k + 2]
            rhos.append(float(max(k - 1, 0) + (near @ np.arange(len(near))) / near.sum() - reach))
    turned = np.abs((toward - angle + np.pi / 2) % np.pi - np.pi / 2) < np.radians(2 * TURN_DEG)
    across = u[turned] * np.cos(angle) + v[turned] * np.sin(angle)
    along = -u[turned] * np.sin(angle) + v[turned] * np.cos(angle)
    shown = np.zeros((len(rhos), int(2 * reach) + 2), dtype=bool)
    for k, rho in enumerate(rhos):
        at = np.rint(along[np.abs(across - rho) < 2.0] + reach).astype(int)
        shown[k, at] = True
        shown[k, at + 1] = True  # the grid's diagonal is longer than a bin
    counts = np.zeros((len(rhos), shown.shape[1] + 1))
    np.cumsum(shown, axis=1, out=counts[:, 1:])
    return np.array(rhos), counts


def _closed(sides: list[tuple[Array, Array]], base: int, middle: tuple[float, float]) -> list[Outline]:
    """Every two pairs of opposite sides that close a rectangle of which most shows."""
    (right, r_run), (low, l_run), (left, f_run), (up, u_run) = sides
    i, j, k, m = (a.ravel() for a in np.meshgrid(*(np.arange(len(s[0])) for s in sides), indexing="ij"))
    width, height = right[i] + left[k], low[j] + up[m]
    fits = (np.minimum(width, height) > SHORTEST_MM) & (np.maximum(width, height) < LARGEST * np.minimum(width, height))
    i, j, k, m = (a[fits] for a in (i, j, k, m))
    width, height = width[fits], height[fits]
    if not len(i):
        return []
    reach = (r_run.shape[1] - 3) / 2
    # along a side with outward direction d the coordinate grows with the next side's direction (d + 90 degrees)
    support = [
        _share(r_run, i, -up[m], low[j], reach),
        _share(l_run, j, -right[i], left[k], reach),
        _share(f_run, k, -low[j], up[m], reach),
        _share(u_run, m, -left[k], right[i], reach),
    ]
    least, mean = np.min(support, axis=0), np.mean(support, axis=0)
    cos, sin = np.cos(np.radians(base)), np.sin(np.radians(base))
    best = np.argsort(-np.where(least > SUPPORT, mean * np.sqrt(width + height), 0.0), kind="stable")[:40]
    found = []
    for n in best[least[best] > SUPPORT]:
        a, b = (right[i[n]] - left[k[n]]) / 2, (low[j[n]] - up[m[n]]) / 2
        centre = middle[0] + a * cos - b * sin, middle[1] + a * sin + b * cos
        size = float(width[n]), float(height[n])
        found.append(Outline("rectangle", (float(centre[0]), float(centre[1])), size, float(base), float(least[n])))
    return found


def _share(runs: Array, which: NDArray[np.intp], start: Array, stop: Array, reach: float) -> Array:
    """Share of the stretch from start to stop (mm along the side) at which the side shows."""
    last = runs.shape[1] - 1
    first, end = (np.clip(np.rint(at + reach).astype(int), 0, last) for at in (start, stop))
    return np.asarray((runs[which, end] - runs[which, first]) / np.maximum(stop - start, 1.0))


def _distinct(found: list[Outline]) -> list[Outline]:
    """The best of those that nearly coincide."""
    kept: list[Outline] = []
    for one in sorted(found, key=lambda o: -o.support * sum(o.size_mm) ** 0.5):
        if not any(_same(one, other) for other in kept):
            kept.append(one)
        if len(kept) == CANDIDATES:
            break
    return kept


def _same(one: Outline, other: Outline) -> bool:
    near = np.hypot(one.centre_mm[0] - other.centre_mm[0], one.centre_mm[1] - other.centre_mm[1]) < 2.5
    return bool(near and abs(one.size_mm[0] - other.size_mm[0]) < 4.0 and abs(one.size_mm[1] - other.size_mm[1]) < 4.0)


def circles(x: Array, y: Array, toward: Array) -> list[Outline]:
    """Circles of which most of the rim shows: centres voted for by every place of an edge, radius by radius."""
    radii = np.arange(*RADII_MM, 2.0)
    origin, cell = (float(x.min()), float(y.min())), 2.0
    columns, rows = int(np.ptp(x) / cell) + 2, int(np.ptp(y) / cell) + 2
    found: list[Outline] = []
    cos, sin = (np.stack([a, -a]) for a in (np.cos(toward), np.sin(toward)))
    for radius in radii:
        c = np.rint((x + radius * cos - origin[0]) / cell).astype(int)
        r = np.rint((y + radius * sin - origin[1]) / cell).astype(int)
        inside = (c >= 0) & (c < columns) & (r >= 0) & (r < rows)
        if inside.sum() < 0.3 * ROUND * 2 * np.pi * radius:
            continue
        votes = np.bincount(r[inside] * columns + c[inside], minlength=rows * columns)
        at = int(np.argmax(votes))
        centre = origin[0] + (at % columns) * cell, origin[1] + (at // columns) * cell
        if votes[at] > 0.06 * 2 * np.pi * radius:
            found += _rim(x, y, toward, centre, float(radius))
    return _distinct(found)


def _rim(x: Array, y: Array, toward: Array, centre: tuple[float, float], radius: float) -> list[Outline]:
    """The circle fitted to what lies on it, when it goes round."""
    for _ in range(3):
        dx, dy = x - centre[0], y - centre[1]
        distance, direction = np.hypot(dx, dy), np.arctan2(dy, dx)
        turned = np.abs((toward - direction + np.pi / 2) % np.pi - np.pi / 2) < np.radians(20)
        on = turned & (np.abs(distance - radius) < 3.0)
        if on.sum() < 30:
            return []
        design = np.stack([x[on], y[on], np.ones(int(on.sum()))], axis=1)
        a, b, c = np.linalg.lstsq(design, x[on] ** 2 + y[on] ** 2, rcond=None)[0]
        centre, radius = (float(a / 2), float(b / 2)), float(np.sqrt(max(c + (a**2 + b**2) / 4, 1.0)))
    sectors = np.unique(np.floor(direction[on] / (2 * np.pi) * 120)).size / 120
    return [Outline("circle", centre, (2 * radius, 2 * radius), 0.0, float(sectors))] if sectors > ROUND and radius > RADII_MM[0] else []
