"""A cylinder in a CT scan: its outline in single slices, its axis with pitch and yaw, and where it begins and ends.

Fails when there is no cylinder, two, one that is cut by the edge of the image, or a body that is not round.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qa.features.ct_scan import Scan, View
from qa.features.position import Array, middle
from qa.reading import AnalysisError

LOOK_MM, EVERY_MM, END_MM = 20.0, 8.0, 2.0  # along the stack: of the first look; of the outlines; of those at the ends
COARSE_MM = 4.0  # pixels of a first look: a phantom is 40 of them wide
SMALLEST_MM, LARGEST_MM = 60.0, 200.0  # radius of what can be a phantom
RAYS, HALF_MM, STEP_MM = 180, 12.0, 0.4  # rays across the outline, how far and how finely they are sampled
CUT = 0.97  # of the outline must lie in the image
ROUND_MM = 1.5  # rms of an outline about its circle: phantoms show 0.1 to 0.5 mm, bodies of patients 10
STRAIGHT = 0.03  # scatter of the radius along the axis over the radius
FEWEST = 3  # outlines that make an axis
SHARED_RAYS = 3.0  # neighbouring rays whose noise is one
MARGIN_MM = 14.0  # around the outline, kept of every slice
BEYOND_MM, BEYOND = 80.0, 0.8  # of the left, right or upper edge of a slice that are no air: a body goes on beyond it; couches are thinner
OUTSIDE = "the phantom is cut by the edge of the image; take a larger field of view or centre it"


@dataclass(frozen=True)
class Outline:
    """The circle of one slice: place along the stack, centre and radius in mm, the rms of its edge about it, the share that was seen."""

    slice: int
    y_mm: float
    x_mm: float
    z_mm: float
    radius_mm: float
    rms_mm: float
    seen: float


@dataclass(frozen=True)
class Body:
    """A cylinder: its axis is (x, z) = ``at_mm`` + ``slope`` * (y - ``y_mm``), with u; ``low_mm`` to ``high_mm`` what the scan shows.

    ``outlines`` are those of single slices, ``window`` the part of each slice that holds it, ``air_hu`` what is around it.
    """

    outlines: tuple[Outline, ...]
    y_mm: float
    at_mm: tuple[float, float]
    slope: tuple[float, float]
    u_at_mm: tuple[float, float]
    u_slope: tuple[float, float]
    radius_mm: float
    u_radius_mm: float
    low_mm: float
    high_mm: float
    window: tuple[int, int, int, int]
    air_hu: float

    def centre(self, y_mm: float) -> tuple[float, float]:
        """(x, z) of the axis at a place along the stack."""
        (x, z), (along_x, along_z), away = self.at_mm, self.slope, y_mm - self.y_mm
        return x + along_x * away, z + along_z * away


def find(scan: Scan) -> Body:
    """The one cylinder in a scan. AnalysisError says what was seen instead."""
    whole = (0, scan.volume.shape[1], 0, scan.volume.shape[2])
    step = max(round(LOOK_MM / scan.slice_mm), 1)
    first = list(range(scan.count // 2 % step, scan.count, step))
    views = {k: scan.picture(plane, whole) for k, plane in zip(first, _thinned(scan, first, whole), strict=True)}
    level, air = _level([view.pixels for view in views.values()])
    seen = {k: _discs(_coarse(view), level) for k, view in views.items()}
    if sum(len(discs) > 1 for discs in seen.values()) > 1:
        raise AnalysisError("there are two bodies in this scan; scan one phantom at a time")
    discs = [discs[0] for discs in seen.values() if discs]
    if sum(_beyond(view, level) for view in views.values()) > len(views) / 2:
        raise AnalysisError(OUTSIDE)
    if not discs:
        raise AnalysisError("no phantom was found: nothing round of 12 to 40 cm stands in the scan; check what was scanned")
    x, z, radius = (middle(np.array([disc[i] for disc in discs])) for i in range(3))
    spread = max(np.hypot(d[0] - x, d[1] - z) + max(d[2] - radius, 0.0) for d in discs)
    window = scan.window(x, z, radius + MARGIN_MM + min(spread, 30.0))
    stride = max(int(EVERY_MM / scan.slice_mm), 1)
    return _body(scan, _outlines(scan, window, level, stride), window, air, stride * scan.slice_mm)


def _outlines(scan: Scan, window: tuple[int, int, int, int], level: float, stride: int) -> list[Outline]:
    """The circles of every so many slices, and of more where the cylinder begins and ends: a slice that a tilted end cuts is none."""

    def circles(slices: Sequence[int]) -> dict[int, Outline]:
        crops = scan.crops(slices, window)
        found = {k: _outline(scan, k, scan.picture(crop, window), level) for k, crop in zip(slices, crops, strict=True)}
        return {k: outline for k, outline in found.items() if outline is not None}

    seen = circles(range(0, scan.count, stride))
    if not seen:
        return []
    radius = middle(np.array([outline.radius_mm for outline in seen.values()]))
    good = [k for k, outline in seen.items() if abs(outline.radius_mm - radius) <= STRAIGHT * radius] or list(seen)
    fine, low, high = max(int(END_MM / scan.slice_mm), 1), min(good), max(good)
    ends = *range(max(low - stride + 1, 0), low, fine), *range(min(high + stride - 1, scan.count - 1), high, -fine)
    more = {k: outline for k, outline in circles(ends).items() if abs(outline.radius_mm - radius) <= STRAIGHT * radius}
    return list((seen | more).values())


def _thinned(scan: Scan, slices: Sequence[int], window: tuple[int, int, int, int]) -> list[NDArray[np.float32]]:
    """Whole slices, decoded one by one and not kept."""
    top, bottom, left, right = window
    return [scan.volume.planes([k])[0][top:bottom, left:right] for k in slices]


def _coarse(view: View) -> View:
    """Every n-th pixel."""
    down, across = (max(int(COARSE_MM / pitch), 1) for pitch in view.pitch_mm)
    return View(view.pixels[::down, ::across], (view.column[0], view.column[1] * across), (view.row[0], view.row[1] * down))


def _beyond(view: View, level: float) -> bool:
    """Whether a body goes on beyond the left, the right or the upper edge of a slice."""
    top = view.pixels[-1] if view.row[1] > 0 else view.pixels[0]
    edges = ((view.pixels[:, 0], view.pitch_mm[0]), (view.pixels[:, -1], view.pitch_mm[0]), (top, view.pitch_mm[1]))
    lengths = [max(round(BEYOND_MM / pitch), 1) for _, pitch in edges]
    shares = [np.convolve(edge > level, np.full(n, 1 / n), "valid") for (edge, _), n in zip(edges, lengths, strict=True) if len(edge) >= n]
    return any(float(share.max()) > BEYOND for share in shares)


def _level(planes: Sequence[NDArray[np.float32]]) -> tuple[float, float]:
    """The value halfway between air and body, and that of air: the two classes of Otsu's threshold over all slices of a first look."""
    values = np.concatenate([plane[::4, ::4].ravel() for plane in planes]).astype(np.float64)
    values = values[np.isfinite(values)]
    if not len(values):
        raise AnalysisError("the scan holds no numbers")
    low, high = np.quantile(values, [0.002, 0.998])
    counts, edges = np.histogram(np.clip(values, low, high), 256)
    if high <= low:
        raise AnalysisError("the scan shows the same value everywhere; check what was scanned")
    middles, weight = (edges[:-1] + edges[1:]) / 2, np.cumsum(counts)
    total = np.cumsum(counts * middles)
    share = weight[:-1] / weight[-1]
    between = (total[-1] * share - total[:-1]) ** 2 / np.maximum(share * (1 - share), 1e-12)
    cut = float(edges[int(np.argmax(between)) + 1])
    air, body = middle(values[values <= cut]), middle(values[values > cut])
    return (air + body) / 2, air


def _discs(view: View, level: float) -> list[tuple[float, float, float]]:
    """(x, z, radius) of the largest circles that fit into what is above the level, in mm: the largest first, none over another."""
    from scipy import ndimage

    mask = np.pad(ndimage.binary_fill_holes(view.pixels > level), 1)
    found: list[tuple[float, float, float]] = []
    depth = ndimage.distance_transform_edt(mask, sampling=view.pitch_mm)
    x = view.column[0] + view.column[1] * (np.arange(mask.shape[1]) - 1)
    z = view.row[0] + view.row[1] * (np.arange(mask.shape[0]) - 1)
    while (radius := float(depth.max())) >= SMALLEST_MM and len(found) < 3:
        row, column = np.unravel_index(int(np.argmax(depth)), depth.shape)
        near = np.hypot(x[None, :] - x[column], z[:, None] - z[row]) < radius / 2
        top = near & (depth >= radius - 0.5 * min(view.pitch_mm))
        place = float((top * x[None, :]).sum() / top.sum()), float((top * z[:, None]).sum() / top.sum())
        found.append((*place, radius))
        depth = depth * (np.hypot(x[None, :] - place[0], z[:, None] - place[1]) > 1.6 * radius)
    return found


def _outline(scan: Scan, k: int, view: View, level: float) -> Outline | None:
    """The circle of one slice, or None where there is none."""
    discs = _discs(_coarse(view), level)
    if not discs:
        return None
    x, z, radius = discs[0]
    angle = np.arange(RAYS) * (2 * np.pi / RAYS)
    right, up = np.cos(angle), np.sin(angle)
    for _ in range(2):
        distance = radius + np.arange(-HALF_MM, HALF_MM + STEP_MM, STEP_MM)
        rays = view.sampled(x + right[:, None] * distance, z + up[:, None] * distance)
        inside = _in_view(view, x + right * (radius + 2), z + up * (radius + 2))
        edge = _crossings(rays, distance, level, inside)
        good = np.isfinite(edge)
        if good.sum() < RAYS / 4:
            return None
        x, z, radius, left = _circle(x + right[good] * edge[good], z + up[good] * edge[good])
    return Outline(k, float(scan.y_mm(k)), x, z, radius, float(np.sqrt(np.mean(left**2))), float(inside.mean()))


def _in_view(view: View, x: Array, z: Array) -> NDArray[np.bool_]:
    columns, rows = view.x_mm, view.z_mm
    return np.asarray((x > columns.min()) & (x < columns.max()) & (z > rows.min()) & (z < rows.max()))


def _crossings(rays: Array, distance: Array, level: float, inside: NDArray[np.bool_]) -> Array:
    """Distance at which each ray falls through the level: the crossing nearest to the middle, NaN where there is none."""
    falls = (rays[:, :-1] > level) & (rays[:, 1:] <= level)
    away = np.where(falls, np.abs(np.arange(falls.shape[1]) - falls.shape[1] / 2)[None, :], np.inf)
    at = np.argmin(away, axis=1)
    each = np.arange(len(rays))
    above, below = rays[each, at], rays[each, at + 1]
    drop = np.where(above > below, above - below, 1.0)
    place = distance[at] + (above - level) / drop * (distance[1] - distance[0])
    return np.asarray(np.where(np.isfinite(away[each, at]) & inside, place, np.nan))


def _circle(x: Array, z: Array) -> tuple[float, float, float, Array]:
    """The circle through points, those far off it left out: centre, radius, and what is left over."""
    use = np.ones(len(x), dtype=bool)
    for _ in range(4):
        design = np.stack([x[use], z[use], np.ones(use.sum())], axis=1)
        a, b, c = np.linalg.lstsq(design, x[use] ** 2 + z[use] ** 2, rcond=None)[0]
        x0, z0 = a / 2, b / 2
        radius = float(np.sqrt(c + x0**2 + z0**2))
        left = np.hypot(x - x0, z - z0) - radius
        spread = 1.4826 * middle(np.abs(left[use]))
        use = np.abs(left) <= max(4 * spread, 0.05)
        if use.sum() < len(x) / 2:
            use = np.abs(left) <= np.sort(np.abs(left))[len(left) // 2]
    return float(x0), float(z0), radius, np.asarray(np.minimum(np.abs(left), 30.0))


def _body(scan: Scan, outlines: Sequence[Outline], window: tuple[int, int, int, int], air: float, every_mm: float) -> Body:
    """The cylinder through the outlines, or what they are instead."""
    if len(outlines) < FEWEST:
        raise AnalysisError("no phantom was found: fewer than three slices show something round; scan the whole phantom")
    radius = middle(np.array([o.radius_mm for o in outlines]))
    same = sorted((o for o in outlines if abs(o.radius_mm - radius) <= STRAIGHT * radius), key=lambda o: o.y_mm)
    if len(same) < FEWEST or len(same) < 0.6 * len(outlines):
        raise AnalysisError("what stands in the scan changes its width along the couch: it is no cylinder, so no phantom that is known")
    if middle(np.array([o.seen for o in same])) < CUT:
        raise AnalysisError(OUTSIDE)
    if middle(np.array([o.rms_mm for o in same])) > ROUND_MM:
        raise AnalysisError("what stands in the scan is not round: it is not a phantom that is known (a patient?)")
    y, x, z, r = (np.array([getattr(o, name) for o in same]) for name in ("y_mm", "x_mm", "z_mm", "radius_mm"))
    gaps = np.diff(y)
    if len(gaps) and gaps.max() > max(2.5 * every_mm, 8.0):
        k = int(np.argmax(gaps))
        if min(y[k] - y[0], y[-1] - y[k + 1]) > 25:
            raise AnalysisError("there are two bodies, one behind the other, in this scan; scan one phantom at a time")
    at, slope, u_at, u_slope = zip(*(_line(y, v) for v in (x, z)), strict=True)
    u_radius = float(np.std(r, ddof=1) / np.sqrt(len(r)))
    return Body(
        tuple(same), float(y.mean()), at, slope, u_at, u_slope, middle(r), max(u_radius, 1e-3), float(y[0]), float(y[-1]), window, air
    )  # fmt: skip


def _line(y: Array, v: Array) -> tuple[float, float, float, float]:
    """Value at the mean and slope of a straight line, points far off it left out, with u of both from what is left over."""
    use = np.ones(len(y), dtype=bool)
    away = y - y.mean()
    for _ in range(4):
        slope, start = np.polyfit(away[use], v[use], 1) if use.sum() > 2 else (0.0, middle(v[use]))
        left = v - start - slope * away
        use = np.abs(left) <= max(4 * 1.4826 * middle(np.abs(left[use])), 0.02)
    sd = max(float(np.sqrt((left[use] ** 2).sum() / max(use.sum() - 2, 1))), 1e-3)
    spread = float(np.sqrt(((away[use] - away[use].mean()) ** 2).sum()))
    kept = left[use]
    alike = float(np.clip((kept[1:] * kept[:-1]).sum() / max((kept**2).sum(), 1e-12), 0.0, 0.9))  # neighbours that are off the same way
    bowed = float(np.sqrt((1 + alike) / (1 - alike)))
    return float(start), float(slope), bowed * sd / float(np.sqrt(use.sum())), bowed * sd / max(spread, 1e-9)
