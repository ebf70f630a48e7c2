"""What a star shows: the picture with every axis, the middle enlarged with the circle, the spokes' residuals, the checks."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from qa import frames
from qa.acquisition import Image
from qa.evidence import Curve, Evidence, Mark, Overlay, Series, Table
from qa.starshot_star import Spoke, Star

Array = NDArray[np.float64]
PICTURE_PX = 360  # largest side of the kept picture
CLOSE = 3.0  # the enlarged middle shows this many radii of the circle
LEAST_MM = 0.4


def show(star: Star, title: str) -> tuple[Evidence, ...]:
    """The picture first, then the middle, then along the spokes, then the table."""
    return _picture(star, title), _middle(star), _along(star), _table(star)


def _picture(star: Star, title: str) -> Overlay:
    """The sum of the images, or the one there is, with the axes drawn over it and the circle in their middle."""
    images = list({id(spoke.image): spoke.image for spoke in star.spokes}.values())
    grey, extent = _summed(images)
    receptor = frames.receptor_mm(images[0])
    marks = [Mark("line", "spoke axes", _ends(spoke, star, receptor)) for spoke in star.spokes]
    marks.append(Mark("plus", "circle's centre", (_pair(star.origin_mm + star.meeting.point_mm - receptor),)))
    summed = f"sum of {len(images)} images" if len(images) > 1 else images[0].name
    note = f"smallest circle that touches all {len(star.spokes)} axes: {star.size.diameter_mm:.3f} ± {2 * star.size.u_mm:.3f} mm; {summed}"
    return Overlay(title, grey, extent, tuple(marks), ("u / mm", "v / mm"), note)


def _summed(images: Sequence[Image]) -> tuple[NDArray[np.uint8], tuple[float, float, float, float]]:
    first = images[0]
    total = np.zeros(first.shape)
    for image in images:
        if image.shape == first.shape:
            pixels = image.pixels.astype(np.float64)
            total += pixels - np.median(pixels)
    rows, columns = first.shape
    by = max(1, -(-max(rows, columns) // PICTURE_PX))
    rows, columns = rows // by * by, columns // by * by
    small = total[:rows, :columns].reshape(rows // by, by, columns // by, by).mean(axis=(1, 3))
    low, high = (float(v) for v in np.percentile(small, [1, 99.8]))
    grey = np.rint(np.clip((small - low) / max(high - low, 1e-30), 0, 1) * 255).astype(np.uint8)
    grey = grey if first.row_v < 0 else grey[::-1]
    grey = grey if first.column_u > 0 else grey[:, ::-1]
    (ua, va), (ub, vb) = frames.to_plane(first, -0.5, -0.5), frames.to_plane(first, rows - 0.5, columns - 0.5)
    return np.ascontiguousarray(grey), (min(ua, ub), max(ua, ub), min(va, vb), max(va, vb))


def _pair(point: Array) -> tuple[float, float]:
    return float(point[0]), float(point[1])


def _along_axis(spoke: Spoke) -> Array:
    return np.array([spoke.normal[1], -spoke.normal[0]])


def _ends(spoke: Spoke, star: Star, receptor: Array) -> tuple[tuple[float, float], ...]:
    """From the end of one arm to the end of the other."""
    foot = spoke.offset_mm * spoke.normal
    foot = foot + ((star.origin_mm - foot) @ _along_axis(spoke)) * _along_axis(spoke) - receptor
    reach = min(float(np.abs(arm.along_mm).max()) for arm in spoke.line.arms)
    return _pair(foot - reach * _along_axis(spoke)), _pair(foot + reach * _along_axis(spoke))


def _middle(star: Star) -> Curve:
    """The axes near the circle's centre, from that centre."""
    centre = star.origin_mm + star.meeting.point_mm
    reach = max(CLOSE * star.meeting.radius_mm, LEAST_MM)
    series = []
    for spoke in star.spokes:
        foot = (spoke.offset_mm - spoke.normal @ centre) * spoke.normal
        ends = foot[:, None] + np.outer(_along_axis(spoke), [-reach, reach])
        series.append(Series("spoke axes", tuple(ends[0].tolist()), tuple(ends[1].tolist()), "line"))
    angle = np.linspace(0, 2 * np.pi, 121)
    circle = star.meeting.radius_mm * np.stack([np.cos(angle), np.sin(angle)])
    squares = star.least_squares_mm - star.meeting.point_mm
    series += [
        Series("smallest circle", tuple(circle[0].tolist()), tuple(circle[1].tolist()), "line"),
        Series("least-squares point", (float(squares[0]),), (float(squares[1]),), "points"),
    ]
    raw, freed = star.size.raw_mm, star.size.diameter_mm
    note = f"The circle drawn holds noise: {raw:.4f} mm; without: {freed:.4f} mm; certificate {2e3 * star.meeting.gap_mm:.2f} µm."
    return Curve("Where the spokes meet", ("u from the circle's centre / mm", "v from the circle's centre / mm"), tuple(series), True, note)


def _along(star: Star) -> Curve:
    """How far the beams' middles are from their own axes, along them: a straight beam scatters about 0."""
    series = []
    for k, spoke in enumerate(star.spokes):
        s = np.concatenate([arm.along_mm for arm in spoke.line.arms])
        t = np.concatenate([arm.across_mm.mean(axis=1) for arm in spoke.line.arms])
        rest = t - np.polynomial.Polynomial.fit(s, t, 1)(s)
        order = np.argsort(s)
        series.append(Series(f"spoke {k + 1}", tuple(s[order].tolist()), tuple((1e3 * rest[order]).tolist()), "points"))
    return Curve("Beam middles from their straight axes", ("along the spoke / mm", "across / µm"), tuple(series))


def _table(star: Star) -> Table:
    """Every spoke with its checks, and the step to the next one."""
    angles = [spoke.angle_deg for spoke in star.spokes]
    steps = [*(b - a for a, b in pairwise(angles)), angles[0] + 180.0 - angles[-1]]
    rows = tuple(
        (
            f"spoke {k + 1}",
            f"{spoke.angle_deg:.3f}",
            f"{step:.3f}",
            f"{1e3 * residual:.1f}",
            f"{2e3 * u:.1f}",
            f"{spoke.line.width_mm:.2f}",
            f"{1e3 * spoke.line.apart_mm:.1f}",
            f"{1e3 * spoke.line.scatter_mm:.1f}",
            spoke.image.name,
        )
        for k, (spoke, step, residual, u) in enumerate(zip(star.spokes, steps, star.residual_mm, star.u_residual_mm, strict=True))
    )
    checks = ("symmetry - edges / µm", "scatter / µm", "image")
    header = ("spoke", "angle / deg", "to the next / deg", "residual / µm", "U / µm", "width / mm", *checks)
    note = "Residual: the axis from the least-squares point, to the left of its direction. Two algorithms place every axis."
    return Table("Spokes", header, rows, note)
