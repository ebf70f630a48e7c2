"""Where a planar phantom may be, roughly: rectangles at any angle and circles whose whole outline shows, with what else is in view.

An outline is found by its sides alone: couch edges, blades and what the phantom holds are lines too, but few fours of them close a
rectangle over most of its length. A side may be brighter or darker than what is outside, or both in turn: a frame before a couch is.
Fails when a side is outside the image or has no contrast.
"""

from __future__ import annotations

import numpy as np

from qa.features.planar_edges import Coarse, Outline, coarse, distinct, edge_points
from qa.features.planar_rectangles import rectangles
from qa.features.position import Array

__all__ = ["Coarse", "Outline", "coarse", "outlines"]
RADII_MM = (50.0, 130.0)  # of round phantoms on the isocentre plane: 150 mm wide, 0.67 to 1.7 times as large
ROUND = 0.5  # of a circle that must show


def outlines(image: Coarse, ratios: tuple[float, ...] = ()) -> tuple[Outline, ...]:
    """Everything that may be the outline of a phantom, the best supported first; () when there is nothing.

    ``ratios``: longer over shorter sides of the rectangles looked for; () any.
    """
    x, y, toward = edge_points(image)
    if len(x) < 60:
        return ()
    found = [*rectangles(x, y, toward, ratios), *circles(x, y, toward)]
    return tuple(sorted(found, key=lambda o: -o.support * sum(o.size_mm) ** 0.5))


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
    return distinct(found)


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
