"""Rectangles at any angle of which most of every side shows, from straight lines in four directions."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qa.features.planar_edges import Outline, distinct
from qa.features.position import Array

TURN_DEG = 7  # how far the direction of the gradient of one place of an edge may be off
ANGLES, PEAKS = 8, 9  # angles looked at, sides per direction
APART_DEG = 1  # of angles looked at: a phantom is often laid almost along a couch or the blades, whose lines are the stronger ones
ON_MM = 2.5  # from a coarse side: what belongs to it
SHORTEST_MM, LARGEST = 45.0, 1.5  # of an outline on the isocentre plane; largest ratio of its sides
SUPPORT = 0.5  # of every side must show: frames have rounded corners, and a couch edge or a clamp hides a part
FORM = 0.04  # of the ratio of the sides: whole millimetres of the shortest side


def rectangles(x: Array, y: Array, toward: Array, ratios: tuple[float, ...] = ()) -> list[Outline]:
    """Rectangles of which most of every side shows, from straight lines in four directions."""
    middle = float(np.mean(x)), float(np.mean(y))
    u, v = x - middle[0], y - middle[1]
    votes, reach = _votes(u, v, toward)
    found: list[Outline] = []
    for base in _bases(votes):
        sides: list[tuple[Array, Array]] = []
        for k in range(4):
            sides.append(_sides(u, v, toward, votes[(base + 90 * k) % 360], base + 90 * k, reach))
            if not len(sides[-1][0]):
                break
        else:
            found += _closed(sides, base, ratios)
    return distinct([_fitted(u, v, toward, one, middle) for one in distinct(found)])


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
        if all(min(abs(angle - b), 90 - abs(angle - b)) >= APART_DEG for b in bases):
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


def _closed(sides: list[tuple[Array, Array]], base: int, ratios: tuple[float, ...]) -> list[Outline]:
    """Every two pairs of opposite sides that close a rectangle of which most shows; its place is from the middle of all edges."""
    (right, r_run), (low, l_run), (left, f_run), (up, u_run) = sides
    i, j, k, m = (a.ravel() for a in np.meshgrid(*(np.arange(len(s[0])) for s in sides), indexing="ij"))
    width, height = right[i] + left[k], low[j] + up[m]
    fits = (np.minimum(width, height) > SHORTEST_MM) & (np.maximum(width, height) < LARGEST * np.minimum(width, height))
    if ratios:
        longer, shorter = np.maximum(width, height), np.minimum(width, height)
        fits &= np.any([np.abs(longer - wanted * shorter) < FORM * longer for wanted in ratios], axis=0)
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
        centre = a * cos - b * sin, a * sin + b * cos
        size = float(width[n]), float(height[n])
        found.append(Outline("rectangle", (float(centre[0]), float(centre[1])), size, float(base), float(least[n])))
    return found


def _fitted(u: Array, v: Array, toward: Array, coarse: Outline, middle: tuple[float, float]) -> Outline:
    """The rectangle with each side a straight line through the edges on it: its angle is known to a tenth of a degree then."""
    base = np.radians(coarse.angle_deg)
    lines = []
    cos, sin = float(np.cos(base)), float(np.sin(base))
    du, dv = u - coarse.centre_mm[0], v - coarse.centre_mm[1]
    p, q = du * cos + dv * sin, dv * cos - du * sin
    for k, (across, along) in enumerate(((p, q), (q, -p), (-p, -q), (-q, p))):
        near = np.flatnonzero(np.abs(across - coarse.size_mm[k % 2] / 2) < ON_MM)
        near = near[np.abs(along[near]) < 0.95 * coarse.size_mm[1 - k % 2] / 2]
        turned = np.abs((toward[near] - base - (k - 1) * np.pi / 2) % np.pi - np.pi / 2) < np.radians(2 * TURN_DEG)
        near = near[turned]
        lines.append(_line(along[near], across[near] - coarse.size_mm[k % 2] / 2))
    slopes, offsets = np.array([line[1] for line in lines]), [line[0] for line in lines]
    slope = float(np.median(slopes))
    a, b = (offsets[0] - offsets[2]) / 2, (offsets[1] - offsets[3]) / 2
    centre = middle[0] + coarse.centre_mm[0] + a * cos - b * sin, middle[1] + coarse.centre_mm[1] + a * sin + b * cos
    size = coarse.size_mm[0] + offsets[0] + offsets[2], coarse.size_mm[1] + offsets[1] + offsets[3]
    angle = coarse.angle_deg - float(np.degrees(np.arctan(slope)))  # a side whose offset grows along its tangent is turned back
    if not 0 <= angle < 90:  # the width's direction stays in the first quarter
        size, angle = size[::-1], angle % 90
    return Outline(coarse.shape, (float(centre[0]), float(centre[1])), (float(size[0]), float(size[1])), angle, coarse.support)


def _line(along: Array, across: Array) -> tuple[float, float]:
    """(Offset, slope) of a straight line through places of an edge, the wild ones left out."""
    use = np.ones(len(along), dtype=bool)
    offset = slope = 0.0
    for reach in (np.inf, 1.2, 0.6):
        use = np.abs(across - offset - slope * along) < reach
        if use.sum() < 10:
            break
        t, d = along[use], across[use]
        far = t - t.mean()
        slope = float(far @ d / max(float(far @ far), 1.0))
        offset = float(d.mean() - slope * t.mean())
    return offset, slope


def _share(runs: Array, which: NDArray[np.intp], start: Array, stop: Array, reach: float) -> Array:
    """Share of the stretch from start to stop (mm along the side) at which the side shows."""
    last = runs.shape[1] - 1
    first, end = (np.clip(np.rint(at + reach).astype(int), 0, last) for at in (start, stop))
    return np.asarray((runs[which, end] - runs[which, first]) / np.maximum(stop - start, 1.0))
