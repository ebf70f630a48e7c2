"""What a Winston-Lutz record shows: every image with what was found, the isocentre, the paths, offsets against angle."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from qa.evidence import Curve, Evidence, Mark, Overlay, Series, Table
from qa.frames import angle_difference
from qa.isocentre import rows, towards_source
from qa.shot_sets import Axis, Isocentre, Sphere
from qa.shots import Shot
from qa.winston_lutz_readings import Geometry

Array = NDArray[np.float64]
LINE_MM = 1.6  # beam axes are drawn this far to either side of the isocentre


def show(seen: Sequence[Shot], found: Geometry) -> tuple[Evidence, ...]:
    """Pictures first, then the geometry, then the checks."""
    curves: list[Evidence] = []
    if not isinstance(found.isocentre, str):
        curves += _beams(seen, found.isocentre)
    if not isinstance(found.collimator, str):
        curves.append(_path("Field centre about the collimator's axis", "collimator", seen, found.collimator[1], -1.0))
    if not isinstance(found.couch, str):
        curves.append(_path("Ball from the field centre as the couch turns", "couch", seen, found.couch[1], 1.0))
    curves += _against_angle(seen)
    return (*(_overlay(shot) for shot in seen), *curves, _spheres(found), _checks(seen))


def _label(shot: Shot) -> str:
    image = shot.image
    gantry, collimator, couch = (round(a, 1) % 360 for a in (image.gantry_deg, image.collimator_deg, image.couch_deg))
    return f"G {gantry:.1f}  C {collimator:.1f}  T {couch:.1f}"


def _overlay(shot: Shot) -> Overlay:
    """The picture with the ball's rim, its centre, the field's edge and its centre."""
    angle = np.linspace(0, 2 * np.pi, 49)
    ball = shot.ball_mm[:, None] + shot.radius_mm * np.stack([np.cos(angle), np.sin(angle)])
    marks = (
        Mark("outline", "field", _points(_field_outline(shot))),
        Mark("plus", "field centre", _points(shot.field_mm[:, None])),
        Mark("outline", "ball", _points(ball)),
        Mark("cross", "ball centre", _points(shot.ball_mm[:, None])),
    )
    (u, v), (uu, uv) = shot.offset_mm, 2 * shot.offset_u_mm
    note = f"ball - field: u {u:+.3f} ± {uu:.3f}, v {v:+.3f} ± {uv:.3f} mm; {shot.image.name}"
    return Overlay(_label(shot), shot.picture, shot.extent_mm, marks, ("u / mm", "v / mm"), note)


def _field_outline(shot: Shot) -> Array:
    """(2, n) the 50 % edge in (u, v)."""
    width, height, angle_deg = shot.field_size_mm
    if shot.field_shape == "cone":
        angle = np.linspace(0, 2 * np.pi, 73)
        corners = width / 2 * np.stack([np.cos(angle), np.sin(angle)])
    else:
        corners = np.array([[1, 1, -1, -1], [1, -1, -1, 1]]) / 2 * np.array([[width], [height]])
    a = np.radians(angle_deg)
    x, y = np.cos(a) * corners[0] - np.sin(a) * corners[1], np.sin(a) * corners[0] + np.cos(a) * corners[1]
    return np.asarray(shot.field_mm[:, None] + np.stack([shot.image.column_u * x, shot.image.row_v * y]))


def _points(columns: Array) -> tuple[tuple[float, float], ...]:
    return tuple((float(x), float(y)) for x, y in columns.T)


def _beams(seen: Sequence[Shot], found: Isocentre) -> list[Evidence]:
    """Every beam axis near the treatment isocentre, from three sides; the origin is the isocentre, the ball stands where it stands."""
    names, axes = ("x / mm", "y / mm", "z / mm"), (("across (x, z)", 0, 2), ("from above (x, y)", 0, 1), ("from the side (y, z)", 1, 2))
    centre = found.meeting.point_mm
    curves: list[Evidence] = []
    for title, i, j in axes:
        series = []
        for k in found.indices:
            start, end = _beam_ends(seen[k], centre, found.couch_deg)
            series.append(Series("beam axes", (start[i], end[i]), (start[j], end[j]), "line"))
        angle = np.linspace(0, 2 * np.pi, 73)
        radius = found.meeting.radius_mm
        series.append(Series("smallest sphere", tuple(radius * np.cos(angle)), tuple(radius * np.sin(angle)), "line"))
        least = found.least_squares_mm - centre
        series.append(Series("treatment isocentre", (0.0,), (0.0,), "points"))
        series.append(Series("least squares", (float(least[i]),), (float(least[j]),), "points"))
        series.append(Series("ball", (float(-centre[i]),), (float(-centre[j]),), "points"))
        note = "Fixed frame, origin at the treatment isocentre (smallest sphere)."
        curves.append(Curve(f"Beam axes {title}", (names[i], names[j]), tuple(series), equal=True, note=note))
    return curves


def _beam_ends(shot: Shot, centre: Array, couch_deg: float) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Two points of a beam axis in F, from the treatment isocentre; the ball is the reference."""
    gantry, couch = np.array([shot.image.gantry_deg]), np.array([angle_difference(shot.image.couch_deg, couch_deg)])
    (across, along), up = rows(gantry, couch)[0], towards_source(gantry, couch)[0]
    point = -shot.offset_mm[0] * across - shot.offset_mm[1] * along - centre
    point = point - (point @ up) * up
    return tuple(float(v) for v in point - LINE_MM * up), tuple(float(v) for v in point + LINE_MM * up)


def _path(title: str, name: str, seen: Sequence[Shot], axis: Axis, sign: float) -> Curve:
    """Measured points and the circle through them; residuals are in the note."""
    points = np.array([sign * seen[k].offset_mm for k in axis.indices])
    u = tuple(float(seen[k].offset_u_mm[1]) for k in axis.indices)
    radius, centre = float(np.hypot(*axis.turn.arm_mm)), axis.turn.centre_mm
    angle = np.linspace(0, 2 * np.pi, 121)
    circle = centre[:, None] + radius * np.stack([np.cos(angle), np.sin(angle)])
    rest = float(np.hypot(*axis.turn.residual_mm.T).max())
    series = (
        Series("images", tuple(points[:, 0].tolist()), tuple(points[:, 1].tolist()), "points", u),
        Series("fitted circle", tuple(circle[0].tolist()), tuple(circle[1].tolist()), "line"),
        Series("axis", (float(centre[0]),), (float(centre[1]),), "points"),
    )
    note = f"{len(points)} {name} angles; radius {radius:.3f} mm; largest distance of an image from the circle's prediction {rest:.3f} mm."
    return Curve(title, ("u / mm", "v / mm"), series, equal=True, note=note)


def _against_angle(seen: Sequence[Shot]) -> list[Evidence]:
    """Ball minus field, and field on the panel, against the gantry angle."""
    order = sorted(range(len(seen)), key=lambda k: seen[k].image.gantry_deg % 360)
    angles = tuple(float(seen[k].image.gantry_deg % 360) for k in order)
    offset, field = np.array([seen[k].offset_mm for k in order]), np.array([seen[k].field_mm for k in order])
    offset_u, field_u = np.array([seen[k].offset_u_mm for k in order]), np.array([seen[k].field_u_mm for k in order])

    def curve(title: str, y: str, values: Array, u: Array) -> Curve:
        series = tuple(Series(name, angles, tuple(values[:, k].tolist()), "points", tuple(u[:, k].tolist())) for k, name in enumerate("uv"))
        return Curve(title, ("gantry angle / deg", y), series)

    return [
        curve("Ball minus field against gantry angle", "ball - field / mm", offset, offset_u),
        curve("Field centre on the panel against gantry angle", "field from centre pixel / mm", field, field_u),
    ]


def _spheres(found: Geometry) -> Table:
    """Each smallest sphere with its certificate."""
    parts: list[tuple[str, Sphere | str]] = [("gantry", found.gantry)]
    parts += [
        (name, part if isinstance(part, str) else part[0]) for name, part in (("collimator", found.collimator), ("couch", found.couch))
    ]
    parts.append(("all", found.everything))
    rows = [
        (name, "not measured", "", "", "", "")
        if isinstance(part, str)
        else (
            name,
            f"{part.size.diameter_mm:.4f}",
            f"{2 * part.size.u_mm:.4f}",
            f"{part.size.interval_mm[0]:.4f} to {part.size.interval_mm[1]:.4f}",
            f"{part.size.raw_mm:.4f}",
            f"{2e3 * part.meeting.gap_mm:.2f}",
        )
        for name, part in parts
    ]
    header = ("axes", "diameter / mm", "U / mm", "95 % / mm", "raw / mm", "certificate / µm")
    note = "Raw: before the noise was taken out. Certificate: how far, at most, the raw diameter is above the smallest possible one."
    return Table("Isocentre sizes", header, tuple(rows), note)


def _checks(seen: Sequence[Shot]) -> Table:
    """Second algorithms and the symmetry self-test, per image, in micrometres."""
    rows = tuple(
        (
            s.image.name,
            _label(s),
            f"{1e3 * s.apart_mm[0]:.1f}",
            f"{1e3 * s.apart_mm[1]:.1f}",
            f"{1e3 * s.turned_mm:.2f}",
            f"{2 * s.radius_mm:.2f}",
        )
        for s in seen
    )
    header = (
        "image",
        "angles / deg",
        "ball: profile - rim / µm",
        "field: mirror - 50 % / µm",
        "turned picture / µm",
        "ball width at half depth / mm",
    )
    note = "Two algorithms with different failure modes must agree, and the answer must turn with the picture."
    return Table("Checks on every image", header, rows, note)
