"""Another ball that shows only part of its rim: covered, cut by a blade, or at the image's edge.

A spot detector sees whole balls. Here every steep place of the image votes for the centres of the circles it may be the rim of, and a
circle counts when rays from its centre find enough of a rim that runs across them. Straight edges, bars and handles do not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qa.features.open_candidates import Candidate, Grid, fitted_circle, thinned
from qa.features.position import Array

GRID_SHARE = 0.2  # grid step over the ball's radius: a rim of a fifth of a turn is then six steps long
SIZES = 0.6 * 1.12 ** np.arange(9)  # of the other circle over the ball's: from 0.6 to 1.5; votes fall together within 6 %
STEEP, NOISY = 0.2, 7.0  # the rim rises by this share of the ball's depth over two steps, and by this many noises
OWN = 0.35  # of the radius to both sides of the ball's own rim nothing votes
VOTES = 0.17  # of the places on a whole rim must vote for one centre before it is looked at
LOOKED_AT, AGAIN = 8, 0.25  # centres in all; another within this share of the radius is the same
RAYS, REACH = 60, 0.3  # the rim is looked for within that share of the radius
ROUND, COARSE = 0.05, 0.4  # a ray's rim belongs to the circle within this share of the radius, or of a step,
ALONG = 0.96  # when it also runs across the ray to 16 degrees: of a straight edge no more than 0.09 of a circle does both
STEM, STEM_MM, BESIDE_MM = 0.06, 0.5, 6.0  # a stem takes that share of what the ball takes, near the line to the handle, less beside it
ARC, RUN = 0.26, 0.14  # of the circle in all, and in one run, which a stem may end


@dataclass(frozen=True)
class _Slopes:
    """Differences over two steps (rows, columns) of a thinned image that is dark inside a ball, on its inner pixels; ``first`` is the
    place (x, y) mm of the first of these, ``least`` what a rim rises by at least.
    """

    down: Grid
    across: Grid
    step: tuple[float, float]
    first: tuple[float, float]
    least: float


def arc(
    signal: Grid, pitch_mm: tuple[float, float], sign: int, ball: Candidate, radii_mm: tuple[float, float]
) -> tuple[float, float, float] | None:
    """Centre (x, y) and radius (mm) of another circle as deep as the ball, whole or in part; None when there is none.

    ``signal`` is about 1 where the field is open, ``sign`` -1 for a dark ball, ``radii_mm`` the smallest and largest radius at half depth
    that count, from 0.6 to 1.5 times the ball's. What is less than 0.28 of a circle is not found.
    """
    slopes = _slopes(signal, pitch_mm, sign, ball)
    x, y, out_x, out_y = _steep(slopes, ball)
    best: list[tuple[float, float, float, float]] = []
    for radius in SIZES * ball.radius_mm:
        if radii_mm[0] / 1.06 < radius < radii_mm[1] * 1.06:
            best += _votes(x - radius * out_x, y - radius * out_y, float(radius), slopes)
    tried: list[Array] = []
    for _, centre_x, centre_y, radius in sorted(best, reverse=True):
        place = np.array([centre_x, centre_y, radius])
        if len(tried) == LOOKED_AT:
            break
        if any(float(np.abs(place - other).max()) < AGAIN * radius for other in tried):
            continue
        tried.append(place)
        seen = _followed(slopes, (centre_x, centre_y, radius), ball)
        if seen is not None and radii_mm[0] <= seen[2] <= radii_mm[1] and not on_the_stem(signal, pitch_mm, sign, seen, ball):
            return seen
    return None


def on_the_stem(signal: Grid, pitch_mm: tuple[float, float], sign: int, circle: tuple[float, float, float], ball: Candidate) -> bool:
    """Whether a stem leads from the ball straight to a circle (x, y, radius), all mm, which then is the end of its handle."""
    from scipy.ndimage import map_coordinates

    towards = np.array([circle[0] - ball.x_mm, circle[1] - ball.y_mm])
    length = float(np.hypot(*towards))
    towards = towards / length
    along = np.arange(1.2 * ball.radius_mm + 0.5, length - circle[2], 0.5)[:, None]
    beside = np.array([-BESIDE_MM, -STEM_MM, 0.0, STEM_MM, BESIDE_MM])
    x = ball.x_mm + along * towards[0] - beside * towards[1]
    y = ball.y_mm + along * towards[1] + beside * towards[0]
    level = -sign * map_coordinates(signal, [y / pitch_mm[0], x / pitch_mm[1]], order=1, mode="nearest")
    taken = np.minimum(level[:, 0], level[:, -1]) - level[:, 1:-1].min(axis=1)
    return bool(len(taken)) and float(np.mean(taken > STEM * ball.depth)) > 0.9


def _slopes(signal: Grid, pitch_mm: tuple[float, float], sign: int, ball: Candidate) -> _Slopes:
    every = max(1, round(GRID_SHARE * ball.radius_mm / pitch_mm[0])), max(1, round(GRID_SHARE * ball.radius_mm / pitch_mm[1]))
    grid = thinned(signal, every) * np.float32(-sign)
    down, across = grid[2:, 1:-1] - grid[:-2, 1:-1], grid[1:-1, 2:] - grid[1:-1, :-2]
    noise = float(np.median(np.abs(down[::3, ::3]))) / 0.674
    first = (1.5 * every[1] - 0.5) * pitch_mm[1], (1.5 * every[0] - 0.5) * pitch_mm[0]
    return _Slopes(down, across, (every[0] * pitch_mm[0], every[1] * pitch_mm[1]), first, max(STEEP * ball.depth, NOISY * noise))


def _steep(slopes: _Slopes, ball: Candidate) -> tuple[Array, Array, Array, Array]:
    """Places (x, y) mm where the signal is steep, but for the ball's own rim, and the directions out of what is dark there."""
    square = slopes.down * slopes.down + slopes.across * slopes.across
    row, column = np.nonzero(square > np.float32(slopes.least**2))
    size = np.sqrt(square[row, column], dtype=np.float64)
    x, y = slopes.first[0] + column * slopes.step[1], slopes.first[1] + row * slopes.step[0]
    other = np.abs(np.hypot(x - ball.x_mm, y - ball.y_mm) - ball.radius_mm) > OWN * ball.radius_mm
    out_x, out_y = slopes.across[row, column] / size, slopes.down[row, column] / size
    return x[other], y[other], out_x[other], out_y[other]


def _votes(x: Array, y: Array, radius: float, slopes: _Slopes) -> list[tuple[float, float, float, float]]:
    """The centres with most votes at one radius: (share of a rim, x, y, radius); centres may lie outside the image by one radius."""
    step, shape = slopes.step, slopes.down.shape
    margin = radius / step[1] + 2.5, radius / step[0] + 2.5
    columns, rows = int(shape[1] + 2 * margin[0]) + 1, int(shape[0] + 2 * margin[1]) + 1
    column = ((x - slopes.first[0]) / step[1] + margin[0]).astype(np.intp)
    row = ((y - slopes.first[1]) / step[0] + margin[1]).astype(np.intp)
    inside = (column > 0) & (column < columns - 1) & (row > 0) & (row < rows - 1)
    count = np.bincount(row[inside] * columns + column[inside], minlength=1)
    rim = 2 * np.pi * radius / float(np.sqrt(step[0] * step[1]))
    cell = np.nonzero(count > VOTES * rim / 6)[0]  # a rim's votes fall on some nine cells
    found = []
    for at in cell[np.argsort(count[cell])[::-1][:LOOKED_AT]]:
        i, k = divmod(int(at), columns)
        near = inside & (np.abs(row - i) <= 1) & (np.abs(column - k) <= 1)
        share = float(near.sum()) / rim
        if share > VOTES:
            found.append((share, float(x[near].mean()), float(y[near].mean()), radius))
    return found


def _followed(slopes: _Slopes, circle: tuple[float, float, float], ball: Candidate) -> tuple[float, float, float] | None:
    """The circle through the steepest places of rays from a centre, or None when too little of it can be seen."""
    from scipy.ndimage import map_coordinates

    angle = (np.arange(RAYS) + 0.5) * 2 * np.pi / RAYS
    normal = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    centre, radius = np.array(circle[:2]), circle[2]
    for _ in range(3):
        r = np.linspace((1 - REACH) * radius, (1 + REACH) * radius, 31)
        places = centre + r[:, None, None] * normal
        at = [(places[..., 1] - slopes.first[1]) / slopes.step[0], (places[..., 0] - slopes.first[0]) / slopes.step[1]]
        out_x, out_y = (map_coordinates(part, at, order=1, mode="constant", cval=0.0) for part in (slopes.across, slopes.down))
        rise = out_x * normal[:, 0] + out_y * normal[:, 1]
        k = np.clip(np.argmax(rise, axis=0), 1, len(r) - 2)
        before, top, after = (rise[k + step, np.arange(RAYS)] for step in (-1, 0, 1))
        where = r[k] + 0.5 * (r[1] - r[0]) * (before - after) / np.minimum(before - 2 * top + after, -1e-9)
        along = top > ALONG * np.hypot(out_x[k, np.arange(RAYS)], out_y[k, np.arange(RAYS)])
        rim = centre + where[:, None] * normal
        own = np.abs(np.hypot(rim[:, 0] - ball.x_mm, rim[:, 1] - ball.y_mm) - ball.radius_mm) < OWN * ball.radius_mm
        use = (top > slopes.least) & (top > before) & (top >= after) & along & ~own
        shift, found, good = fitted_circle(np.where(use, where, np.nan), normal, max(ROUND, COARSE * max(slopes.step) / radius))
        if good.mean() < 0.7 * ARC or not 1 - REACH < found / radius < 1 + REACH:
            return None
        centre, radius = centre + shift, found
    enough = good.mean() >= ARC and _longest(good) >= RUN
    return (float(centre[0]), float(centre[1]), float(radius)) if enough else None


def _longest(good: NDArray[np.bool_]) -> float:
    """The longest run of neighbouring rays, one missing now and then, as a share of all."""
    good = good | (np.roll(good, 1) & np.roll(good, -1))
    missed = np.nonzero(~good)[0]
    if not len(missed):
        return 1.0
    return float((np.diff(np.append(missed, missed[0] + len(good))).max() - 1) / len(good))
