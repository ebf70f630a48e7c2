"""The scans of a certified ball phantom as evidence: every scan with its balls drawn, how well they fit, where each was found."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from qa.acquisition import Volume
from qa.ball_moves import Readout, Scanned
from qa.ball_pose import Posed
from qa.evidence import Evidence, Mark, Overlay, Table

ALONG = 0.999  # cosine: a volume's axes that are those of the room
ROW = "The balls of every scan, brightest (cavities: darkest) voxel along the couch"


def show(scans: Sequence[Scanned]) -> tuple[Evidence, ...]:
    """Pictures, scans, balls."""
    pictures = [picture for scan in scans if (picture := _picture(scan)) is not None]
    balls = [_balls(scan.name, scan.posed) for scan in scans if isinstance(scan.posed, Posed)]
    return (*pictures, _scans(scans), *balls)


def _scans(scans: Sequence[Scanned]) -> Table:
    rows = []
    for scan in scans:
        taken = scan.volume.acquired.strftime("%H:%M:%S") if scan.volume.acquired else "not known"
        if isinstance(scan.posed, str):
            rows.append((scan.name, taken, _said(scan.readout), "-", "-", scan.posed))
            continue
        value, u = scan.posed.scale
        scale = f"{100 * value:+.3f} ± {200 * u:.3f}"
        rows.append((scan.name, taken, _said(scan.readout), f"{scan.posed.pose.fre_mm:.3f}", scale, scan.volume.name))
    header = ("scan", "taken", "couch x, y, z / mm; pitch, roll, yaw / deg", "fit residual / mm", "scale off by / %", "file, or why not")
    return Table("The scans", header, tuple(rows), "The residual says whether the balls fit the certificate, not how good the pose is.")


def _said(one: Readout) -> str:
    lengths = "not known" if one.mm is None else ", ".join(f"{v:.2f}" for v in one.mm)
    angles = ", ".join("?" if v is None else f"{v:.2f}" for v in (one.pitch_deg, one.roll_deg, one.yaw_deg))
    return f"{lengths}; {angles}"


def _balls(name: str, posed: Posed) -> Table:
    rows = []
    for one, left in zip(posed.balls, posed.pose.residual_mm, strict=True):
        u = np.sqrt(np.diag(one.covariance))
        place = ", ".join(f"{v:+.3f}" for v in one.point_mm)
        rows.append(
            (one.ball.name, place, f"{2 * float(u.max()):.3f}", f"{2 * one.place.radius_mm:.2f}", ", ".join(f"{v:+.3f}" for v in left))
        )
    header = ("ball", "x, y, z / mm", "largest U / mm", "diameter seen / mm", "found - placed by the pose / mm")
    return Table(f"Balls in {name}", header, tuple(rows), posed.certificate.words)


def _picture(scan: Scanned) -> Overlay | None:
    """The whole volume seen along its slices' normal, with every ball; none where the slices do not lie in the room's axes."""
    if not isinstance(scan.posed, Posed):
        return None
    volume = scan.volume
    axes = np.array(volume.steps_mm) / np.array(volume.pitch_mm)[:, None]
    across = [int(np.abs(axis).argmax()) for axis in axes]
    if any(np.abs(axis).max() < ALONG for axis in axes):
        return None
    cavity = all(one.ball.cavity for one in scan.posed.balls)
    grey, extent = _seen_through(volume, cavity)
    right, up = across[2], across[1]
    marks = []
    for one in scan.posed.balls:
        centre = one.point_mm[[right, up]]
        angle = np.linspace(0, 2 * np.pi, 33)
        ring = centre + one.place.radius_mm * np.stack([np.cos(angle), np.sin(angle)], axis=1)
        marks.append(Mark("outline", "ball", tuple((float(a), float(b)) for a, b in ring), one.ball.name))
    origin = ((0.0, 0.0),)
    marks.append(Mark("plus", "imaging isocentre", origin))
    names = ("x / mm", "y / mm", "z / mm")
    return Overlay(scan.name, grey, extent, tuple(marks), (names[right], names[up]), volume.name, row=ROW)


def _seen_through(volume: Volume, cavity: bool) -> tuple[NDArray[np.uint8], tuple[float, float, float, float]]:
    """Largest (cavities: smallest) voxel along the slices, right and up along growing coordinates, and its extent."""
    voxels = volume.voxels
    flat = voxels.min(axis=0) if cavity else voxels.max(axis=0)
    (_, down, along), (_, rows, columns) = np.array(volume.steps_mm), volume.shape
    right, up = int(np.abs(along).argmax()), int(np.abs(down).argmax())
    if along[right] < 0:
        flat = flat[:, ::-1]
    if down[up] > 0:
        flat = flat[::-1]
    ends = []
    for axis, step, count in ((right, along, columns), (up, down, rows)):
        start, stop = volume.origin_mm[axis], volume.origin_mm[axis] + (count - 1) * step[axis]
        half = abs(step[axis]) / 2
        ends += [float(min(start, stop) - half), float(max(start, stop) + half)]
    low, high = float(flat.min()), float(flat.max())
    grey = np.rint((flat - low) * (255.0 / max(high - low, 1e-30))).astype(np.uint8)
    return np.ascontiguousarray(grey), (ends[0], ends[1], ends[2], ends[3])
