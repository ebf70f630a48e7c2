"""What the path of a ball on a turning couch shows: its circle, errors against readouts, the images."""

from __future__ import annotations

import numpy as np

from qa.couch_rotation_path import Path
from qa.couch_rotation_readings import budget
from qa.evidence import Curve, Evidence, Series, Table

POINTS = 73  # of a circle drawn


def show(found: Path) -> tuple[Evidence, ...]:
    """The path, the errors, the table."""
    return (*([] if found.reason else [_path(found), _errors(found)]), _images(found))


def _path(found: Path) -> Curve:
    turn = np.linspace(0, 2 * np.pi, POINTS)
    x, y = (found.centre_mm[:, None] + found.arm_mm * np.stack([np.cos(turn), np.sin(turn)])).tolist()
    series = (
        Series("circle", tuple(x), tuple(y), "line"),
        Series("ball", tuple(found.places_mm[:, 0].tolist()), tuple(found.places_mm[:, 1].tolist()), "points"),
        Series("axis", (float(found.centre_mm[0]),), (float(found.centre_mm[1]),), "points"),
    )
    note = "The ball in the imager's coordinates; the circle asks no readout."
    return Curve("Path of the ball as the couch turns, from above", ("x / mm", "y / mm"), series, equal=True, note=note)


def _u_deg(found: Path) -> list[float]:
    return [float(np.sqrt(sum(part**2 for part in budget(row, found.parts).values()))) for row in np.degrees(found.turn_row)]


def _errors(found: Path) -> Curve:
    order = np.argsort(found.read_deg[1:]) + 1
    u = _u_deg(found)
    series = Series(
        "images", tuple(found.read_deg[order].tolist()), tuple(found.error_deg[order].tolist()), "points", tuple(u[k] for k in order)
    )
    axes = ("couch readout from the first / deg", "measured - readout / deg")
    return Curve("Turn of the couch minus its readout", axes, (series,), note=f"Bars u. First: couch {found.seen[0].image.couch_deg:.2f}.")


def _images(found: Path) -> Table:
    """Every image: readout, turn, error, distance from the circle; or why it was not used."""
    rows = []
    u = [] if found.reason else _u_deg(found)
    for k, ball in enumerate(found.seen):
        cells = [found.reason, "", "", ""]
        if not found.reason:
            turn, error, radial = found.turn_deg[k], found.error_deg[k], found.radial_mm[k]
            cells = [f"{turn:+.3f}", f"{error:+.3f}", f"{2 * u[k]:.3f}" if k else "", f"{radial:+.3f}"]
        rows.append((ball.image.name, f"{ball.image.couch_deg:.2f}", *cells))
    rows += [(item.name, f"{item.couch_deg:.2f}", reason, "", "", "") for item, reason in found.unseen]
    header = ("file", "couch / deg", "turned from the first / deg", "minus readout / deg", "U / deg", "off the circle / mm")
    return Table("Images of the turning couch", header, tuple(rows) or (("", "", "no image at gantry 0 or 180", "", "", ""),))
