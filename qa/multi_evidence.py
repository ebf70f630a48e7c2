"""What a multi-target record shows: each target where it is worst, distances against place and angle, targets and common components."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qa.evidence import Curve, Evidence, Mark, Overlay, Series, Table
from qa.multi_fit import NAMES, Parts
from qa.multi_sets import Found
from qa.rotation import length
from qa.shots import Shot

Array = NDArray[np.float64]
UNITS = ("mm",) * 3 + ("deg",) * 3 + ("%", "deg")


def show(found: Found) -> tuple[Evidence, ...]:
    """Pictures first, then curves, then tables; nothing for a set in which nothing could be measured."""
    if not found.seen:
        return ()
    worst: dict[str, Shot] = {}
    for shot, name in sorted(zip(found.seen, found.names, strict=True), key=lambda pair: -_distance(pair[0])[0]):
        worst.setdefault(name, shot)
    pictures = [_overlay(worst[name], name) for name in dict.fromkeys([*(t.name for t in found.targets), *found.names])]
    tables = [_targets(found)] if found.targets else []
    common = [] if isinstance(found.parts, str) else [_common(found.parts)]
    return (*pictures, *_distances(found), *tables, *common, _checks(found))


def _distance(shot: Shot) -> tuple[float, float]:
    return length(shot.offset_mm, np.diag(shot.offset_u_mm**2))


def _state(shot: Shot) -> str:
    image = shot.image
    return f"G {image.gantry_deg % 360:.1f}  C {image.collimator_deg % 360:.1f}  T {image.couch_deg % 360:.1f}"


def _overlay(shot: Shot, name: str) -> Overlay:
    """The surroundings of one target in the image where ball and field are furthest apart."""
    angle = np.linspace(0, 2 * np.pi, 49)
    circle = np.stack([np.cos(angle), np.sin(angle)])
    marks = (
        Mark("outline", "field", _points(_edge(shot, circle))),
        Mark("plus", "field centre", _points(shot.field_mm[:, None])),
        Mark("outline", "ball", _points(shot.ball_mm[:, None] + shot.radius_mm * circle)),
        Mark("cross", "ball centre", _points(shot.ball_mm[:, None])),
    )
    (u, v), (uu, uv) = shot.offset_mm, 2 * shot.offset_u_mm
    note = f"ball - field: u {u:+.3f} ± {uu:.3f}, v {v:+.3f} ± {uv:.3f} mm; {shot.image.name}"
    return Overlay(f"{name}, {_state(shot)}", shot.picture, shot.extent_mm, marks, ("u / mm", "v / mm"), note)


def _edge(shot: Shot, circle: Array) -> Array:
    """(2, n) the field's 50 % edge in (u, v)."""
    width, height, angle_deg = shot.field_size_mm
    square = np.array([[1, 1, -1, -1], [1, -1, -1, 1]]) * np.array([[width], [height]])
    x, y = (circle * width if shot.field_shape == "cone" else square) / 2
    a = np.radians(angle_deg)
    turned = np.stack([shot.image.column_u * (np.cos(a) * x - np.sin(a) * y), shot.image.row_v * (np.sin(a) * x + np.cos(a) * y)])
    return np.asarray(shot.field_mm[:, None] + turned)


def _points(columns: Array) -> tuple[tuple[float, float], ...]:
    return tuple((float(x), float(y)) for x, y in columns.T)


def _distances(found: Found) -> list[Curve]:
    """Distance of ball and field per target, against how far the target is from the isocentre, and against the gantry angle."""
    curves: list[Curve] = []
    by_place, by_angle = [], []
    for target in found.targets:
        shots = sorted((found.seen[k] for k in target.sightings), key=lambda s: s.image.gantry_deg % 360)
        values, us = zip(*map(_distance, shots), strict=True)
        letter, far = target.name.split(" ")[0], float(np.linalg.norm(target.position_mm))
        by_place.append(Series(letter, (far,) * len(values), values, "points", us))
        by_angle.append(Series(letter, tuple(float(s.image.gantry_deg % 360) for s in shots), values, "points", us))
    if by_place:
        names = "; ".join(target.name for target in found.targets)
        curves.append(Curve("Ball to field, by target", ("target from isocentre / mm", "distance / mm"), tuple(by_place), note=names))
        curves.append(Curve("Ball to field against gantry angle", ("gantry angle / deg", "distance / mm"), tuple(by_angle), note=names))
    return curves


def _targets(found: Found) -> Table:
    """Each target: where, how often seen, how far off, and how well its rays meet."""
    rows = []
    for target in found.targets:
        distances = [_distance(found.seen[k]) for k in target.sightings]
        value, u = max(distances)
        displaced = found.displacement(target)
        vector = "-" if displaced is None else ", ".join(f"{x:+.3f}" for x in displaced[0])
        space = "-" if displaced is None else "{:.3f} ± {:.3f}".format(*np.array(length(*displaced)) * (1, 2))
        rows.append((target.name, str(len(distances)), f"{value:.3f} ± {2 * u:.3f}", vector, space, f"{target.miss_mm:.2f}"))
    header = ("target", "images", "largest 2D / mm", "displacement (x, y, z) / mm", "3D / mm", "rays miss / mm")
    note = "Positions are from the imager's own origin, in the frame of the couch at 0. Displacement: ball minus field. ± is U = 2u."
    return Table("Targets", header, tuple(rows), note)


def _common(parts: Parts) -> Table:
    """The components with U, and how each is correlated with the others."""
    u = np.sqrt(np.maximum(np.diag(parts.covariance), 1e-300))
    correlation = parts.covariance / np.outer(u, u)
    rows = []
    for k, name in enumerate(NAMES):
        if k in parts.open:
            rows.append((name, "not determined", *("-" for _ in NAMES)))
        else:
            cells = ("-" if j in parts.open else f"{correlation[k, j]:+.2f}" for j in range(len(NAMES)))
            rows.append((name, f"{parts.values[k]:+.3f} ± {2 * u[k]:.3f} {UNITS[k]}", *cells))
    note = f"± is U = 2u; numbers are correlation coefficients. What is left: {parts.residual_mm:.3f} mm (root mean square)."
    return Table("What all targets have in common", ("component", "value", *NAMES), tuple(rows), note)


def _checks(found: Found) -> Table:
    """Every sighting with the checks it passed."""
    rows = tuple(
        (
            shot.image.name,
            _state(shot),
            name.split(" (x")[0],
            f"{shot.offset_mm[0]:+.3f}",
            f"{shot.offset_mm[1]:+.3f}",
            f"{1000 * shot.apart_mm[0]:.1f}",
            f"{1000 * shot.apart_mm[1]:.1f}",
            f"{1000 * shot.turned_mm:.1f}",
            "; ".join(shot.flags),
        )
        for shot, name in zip(found.seen, found.names, strict=True)
    )
    header = ("image", "angles", "target", "u / mm", "v / mm", "ball, second / um", "field, second / um", "turned / um", "remarks")
    return Table("Every target in every image", header, rows, "Second: how far the second algorithm's answer is.")
