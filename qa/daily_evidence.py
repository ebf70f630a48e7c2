"""What a daily check shows: the chain as a table, and the ball in every look."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from qa import rigid
from qa.acquisition import Acquisition
from qa.ball_day import Day
from qa.ball_evidence import overlay, used, view
from qa.ball_looks import Route
from qa.ball_looks_evidence import chain
from qa.ball_moves import Scanned
from qa.evidence import Evidence, Table
from qa.reading import AnalysisError


def show(acquisition: Acquisition, day: Day, routes: Sequence[Route]) -> tuple[Evidence, ...]:
    """Where the ball was in every look, then the pictures, then what was used."""
    items = dict.fromkeys(item.name for route in routes for look in route.looks for item in look.sets)
    shown = [item for item in day.sets if item.name in items]
    pictures = [view(item, k) for item in shown for k in range(len(item.views))]
    pictures += [overlay(seen, item) for item in shown for seen in item.images]
    scans = [look.scan for route in routes for look in route.looks if look.scan is not None]
    if not scans:
        return (chain(routes), *pictures, used(acquisition, day))
    from qa import ball_scans

    return (chain(routes), _poses(scans), *pictures, *ball_scans.show(scans), used(acquisition, day))


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
