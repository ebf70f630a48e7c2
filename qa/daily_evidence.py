"""What a daily check shows: the chain as a table, and the ball in every look."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from qa import rigid
from qa.acquisition import Acquisition
from qa.ball_day import Day
from qa.ball_evidence import couch, overlay, used, view
from qa.ball_moves import Scanned
from qa.daily_routes import Look, Route
from qa.evidence import Evidence, Table
from qa.reading import AnalysisError


def show(acquisition: Acquisition, day: Day, routes: Sequence[Route]) -> tuple[Evidence, ...]:
    """Where the ball was in every look, then the pictures, then what was used."""
    items = dict.fromkeys(item.name for route in routes for look in (route.looks[0], route.looks[-1]) for item in look.sets)
    shown = [item for item in day.sets if item.name in items]
    pictures = [view(item, k) for item in shown for k in range(len(item.views))]
    pictures += [overlay(seen, item) for item in shown for seen in item.images]
    scans = [look.scan for route in routes for look in route.looks if look.scan is not None]
    if not scans:
        return (_chain(routes), *pictures, used(acquisition, day))
    from qa import ball_scans

    return (_chain(routes), _poses(scans), *pictures, *ball_scans.show(scans), used(acquisition, day))


def _poses(scans: Sequence[Scanned]) -> Table:
    """How the phantom lay in every scan: docs/physics/daily_igrt.md, section 7."""
    rows = []
    for scan in scans:
        if isinstance(scan.posed, str):
            rows.append((scan.name, scan.posed, "", ""))
            continue
        pose = scan.posed.pose
        try:
            gain, angles = rigid.angle_gain(pose.rotation), rigid.angles_deg(pose.rotation)
        except AnalysisError as error:
            rows.append((scan.name, str(error), "", ""))
            continue
        u = np.sqrt(np.diag(gain @ pose.covariance[:3, :3] @ gain.T))
        pitch, roll, yaw = (f"{value:+.3f} ± {2 * one:.3f}" for value, one in zip(angles, u, strict=True))
        rows.append((scan.name, pitch, roll, yaw))
    header = ("scan", "pitch / deg", "roll / deg", "yaw / deg")
    return Table("How the phantom lies in every scan, against how it is meant to lie", header, tuple(rows), "With U = 2u.")


def _chain(routes: Sequence[Route]) -> Table:
    rows = []
    for route in routes:
        for k, look in enumerate(route.looks):
            rows.append((route.name, _when(k, len(route.looks)), _time(look), couch(look.couch_mm), *_place(look)))
    header = ("route", "look", "taken at", "couch / mm", "x / mm", "y / mm", "z / mm")
    return Table("The ball in every look, from the imaging isocentre", header, tuple(rows), "With U = 2u. Times are those of the files.")


def _when(k: int, looks: int) -> str:
    return "before" if k == 0 else "after" if k == looks - 1 else "between"


def _time(look: Look) -> str:
    return f"{look.acquired:%H:%M:%S}" if look.acquired is not None else "unknown"


def _place(look: Look) -> tuple[str, str, str]:
    if isinstance(look.position, str):
        return str(look.position), "", ""
    point, variance = look.position.point_mm, look.position.covariance.diagonal()
    x, y, z = (f"{value:+.3f} ± {2 * var**0.5:.3f}" for value, var in zip(point, variance, strict=True))
    return x, y, z
