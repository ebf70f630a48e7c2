"""What a picture shows at a coarse look: a star of narrow beams, a single narrow beam, or neither; and where its arms are, roughly.

A narrow beam is told from a treatment field by circles about its middle: a strip crosses circles of very different radii at the same two
places, a field of ordinary shape only those near its own size.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qa.reading import AnalysisError

Array = NDArray[np.float64]
COARSE_MM = 1.0  # the grid of the look: narrow beams are 2 mm wide or more
SMOOTH_MM = 4.0  # the middle of a star is where most light is within this distance
RADII_MM = (4.0, 20.0, 1.0, 3.0)  # of the circles: the first, where steps of 1 mm become steps of 3 mm
SHARE = 0.3  # an arm is what rises above this part of its circle's range: exit arms of a gantry star have half of the entry's dose
CLEAR = 8.0  # times the noise that a circle's range must be above
FAINT = 0.02  # of the picture's range, and this part of it
LONG = 2.5  # a strip is seen on circles whose radii differ by this factor; a square field's corners by 1.4
LONG_STAR = 1.5  # the same of six arms or more: a field has four corners
CORE = 0.6  # of the range: what is brighter is the crossing of a star, or the whole of a single beam
NARROW = 4.0  # and a single beam is this many times as long as wide
WIDENING = 0.5  # strips keep their width, sectors widen with the radius
STRAIGHT_DEG = 6.0  # two arms this near to half a turn apart are one beam
ROUNDS = 8
SETTLED_MM = 0.2


@dataclass(frozen=True)
class Look:
    """Beams through one place: ``centre_mm`` (x, y) from the first pixel's centre, x along columns and y along rows; ``axes_deg`` (n,)
    their directions from +x towards +y, in [0, 180), sorted; ``width_mm`` at half height; ``reach_mm`` (from, to) the circles they show on.
    """

    centre_mm: Array
    axes_deg: Array
    width_mm: float
    reach_mm: tuple[float, float]


def look(pixels: NDArray[np.float32], pitch_mm: tuple[float, float]) -> Look:
    """The beams of a picture, brighter than what is around them.

    AnalysisError when there is no narrow beam, an arm has no opposite, or they do not meet.
    """
    grid, step = _coarse(pixels, pitch_mm)
    centre = _middle(grid, step)
    found: Look | None = None
    for _ in range(ROUNDS):
        found = _about(grid, step, centre)
        if np.hypot(*(found.centre_mm - centre)) < SETTLED_MM:
            return found
        centre = found.centre_mm
    raise AnalysisError("the beams do not meet in one place: no star of narrow beams")


def shows_beams(pixels: NDArray[np.float32], pitch_mm: tuple[float, float]) -> int:
    """How many narrow beams: 0 when it is another picture."""
    try:
        return len(look(pixels, pitch_mm).axes_deg)
    except AnalysisError:
        return 0


def _coarse(pixels: NDArray[np.float32], pitch_mm: tuple[float, float]) -> tuple[Array, tuple[float, float]]:
    """Block means on a grid of about a millimetre, and its pitch; AnalysisError for what are no numbers or all the same."""
    by = [max(1, min(round(COARSE_MM / p), n // 16 or 1)) for p, n in zip(pitch_mm, pixels.shape, strict=True)]
    rows, columns = (n // b * b for n, b in zip(pixels.shape, by, strict=True))
    parts = [pixels[i : rows : by[0], j : columns : by[1]] for i in range(by[0]) for j in range(by[1])]
    grid = np.asarray(sum(parts[1:], parts[0]), dtype=np.float64) / len(parts)  # eight times as fast as a mean over axes
    if not np.isfinite(grid).all():
        raise AnalysisError("pixels that are not numbers: export the image again")
    if min(grid.shape) < 16 or float(np.ptp(grid)) <= 0:
        raise AnalysisError("a blank picture: no star of narrow beams")
    return grid, (by[0] * pitch_mm[0], by[1] * pitch_mm[1])


def _middle(grid: Array, step: tuple[float, float]) -> Array:
    """(x, y) of the middle of the places with most light around them: the crossing of a star, the middle of a single beam."""
    from scipy.ndimage import gaussian_filter

    smooth = gaussian_filter(grid, (SMOOTH_MM / step[0], SMOOTH_MM / step[1]), mode="nearest")
    low, high = float(np.median(smooth)), float(smooth.max())
    rows, columns = np.nonzero(smooth >= low + CORE * (high - low))
    return np.array([columns.mean() * step[1], rows.mean() * step[0]])


def _about(grid: Array, step: tuple[float, float], centre: Array) -> Look:
    """The beams as circles about a place show them, with the place where they meet. AnalysisError when they show no beams."""
    room = [min(centre[k], (n - 1) * s - centre[k]) for k, (n, s) in enumerate(zip(grid.shape[::-1], step[::-1], strict=True))]
    near, between, fine, rough = RADII_MM
    radii = np.concatenate([np.arange(near, min(between, max(room)), fine), np.arange(between, max(room), rough)])
    if len(radii) < 2:
        raise AnalysisError("the beams meet at the picture's edge: no whole star is in it")
    noise, spread = _noise(grid), float(np.ptp(grid))
    seen = [_arcs(grid, step, centre, radius, max(CLEAR * noise, FAINT * spread)) for radius in radii]
    count, first, last = _longest(seen)
    if count < 2 or count % 2 or radii[last] < (LONG if count < 6 else LONG_STAR) * radii[first]:
        odd = count > 2 and count % 2
        raise AnalysisError("an arm without an opposite one: no whole star is in the picture" if odd else "no star of narrow beams")
    if _widening(seen[first : last + 1], radii[first : last + 1]) > WIDENING:
        raise AnalysisError("what is bright widens outwards as sectors do: no star of narrow beams, or a negative of one")
    arms, width = _followed(seen[first : last + 1])
    if count == 2 and 2 * radii[last] < NARROW * width:
        raise AnalysisError("no narrow beam: the field is nearly as wide as long")
    half = count // 2
    ahead, behind = arms[:half], arms[half:]
    if np.abs((np.degrees(behind[:, -1] - ahead[:, -1]) - 180 + 180) % 360 - 180).max() > 2 * STRAIGHT_DEG:
        raise AnalysisError("an arm without an opposite one: no whole star is in the picture")
    found = _meeting(centre, ahead, behind, radii[first : last + 1], width)
    if found is None:
        raise AnalysisError("what looks like beams is bent: no star of narrow beams")
    return found


def _noise(grid: Array) -> float:
    """Standard deviation of the coarse pixels, from differences of second neighbours: robust against beams."""
    apart = np.abs(grid[:, 2:] - 2 * grid[:, 1:-1] + grid[:, :-2])
    return float(np.median(apart)) / 0.6745 / 6**0.5


def _arcs(grid: Array, step: tuple[float, float], centre: Array, radius: float, clear: float) -> tuple[Array, Array]:
    """Middles (radians, sorted) and widths (mm) of what rises on one circle; none when it leaves the picture or nothing rises."""
    from scipy.ndimage import map_coordinates

    count = max(90, round(2 * np.pi * radius / (0.5 * COARSE_MM)))
    angle = 2 * np.pi * np.arange(count) / count
    x, y = centre[0] + radius * np.cos(angle), centre[1] + radius * np.sin(angle)
    inside = (x >= 0) & (y >= 0) & (x <= (grid.shape[1] - 1) * step[1]) & (y <= (grid.shape[0] - 1) * step[0])
    nothing = np.empty(0), np.empty(0)
    if not inside.all():
        return nothing
    profile = map_coordinates(grid, [y / step[0], x / step[1]], order=1, mode="nearest")
    low, high = float(np.partition(profile, count // 10)[count // 10]), float(profile.max())
    if high - low < clear:
        return nothing
    up = profile > low + SHARE * (high - low)
    if up.all() or not up.any():
        return nothing
    start = int(np.flatnonzero(~up)[0])  # begin in a gap, so that no arc is cut
    rolled = np.roll(up, -start).astype(np.int8)
    edges = np.diff(rolled, prepend=0, append=0)
    begin, end = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    middle = np.sort((2 * np.pi * ((begin + end - 1) / 2 + start) / count) % (2 * np.pi))
    return middle, (end - begin) * 2 * np.pi * radius / count


def _longest(seen: list[tuple[Array, Array]]) -> tuple[int, int, int]:
    """(arcs, first, last circle) of the run of neighbouring circles that show the same even number of arcs over the longest part."""
    best, start = (0, 0, 0), 0
    for k in range(1, len(seen) + 1):
        if k == len(seen) or len(seen[k][0]) != len(seen[start][0]):
            count = len(seen[start][0])
            better = count >= 2 and (k - 1 - start, count) > (best[2] - best[1] if best[0] else 0, best[0])
            best, start = ((count, start, k - 1) if better else best), k
    return best


def _widening(seen: list[tuple[Array, Array]], radii: Array) -> float:
    """The power of the radius with which arcs widen: 0 for strips, 1 for sectors."""
    half = len(seen) // 2
    near, far = (float(np.median(np.concatenate([width for _, width in part]))) for part in (seen[:half], seen[half:]))
    return float(np.log(far / near) / np.log(np.median(radii[half:]) / np.median(radii[:half]))) if half else 0.0


def _followed(seen: list[tuple[Array, Array]]) -> tuple[Array, float]:
    """(arms, circles) angles of every arm followed outwards, in order of angle on the last circle, and the median width."""
    last = seen[-1][0]
    arms = np.empty((len(last), len(seen)))
    for k, (middles, _) in enumerate(seen):
        apart = (middles[None, :] - last[:, None] + np.pi) % (2 * np.pi) - np.pi
        nearest = np.abs(apart).argmin(axis=1)
        arms[:, k] = last + apart[np.arange(len(last)), nearest]
    return arms, float(np.median(np.concatenate([width for _, width in seen])))


def _meeting(centre: Array, ahead: Array, behind: Array, radii: Array, width: float) -> Look | None:
    """Lines through the opposite arms, and the point nearest to all of them (of a single beam to the old centre); None when they bend."""
    far = len(radii) // 2
    points = [np.stack([radii * np.cos(arm), radii * np.sin(arm)], -1)[:, far:] for arm in (ahead, behind)]
    one, other = points[0].mean(axis=1), points[1].mean(axis=1)
    along = one - other
    along /= np.hypot(*along.T)[:, None]
    across = np.stack([-along[:, 1], along[:, 0]], -1)
    offset = (across * (one + other) / 2).sum(axis=1)
    if max(float(np.abs((p * across[:, None, :]).sum(-1) - offset[:, None]).max()) for p in points) > width / 2:
        return None
    place = np.linalg.lstsq(across, offset, rcond=None)[0]  # of one line the point nearest to the old centre
    axes = np.sort(np.degrees(np.arctan2(along[:, 1], along[:, 0])) % 180.0)
    return Look(centre + place, axes, width, (float(radii[0]), float(radii[-1])))
