"""Row 6: real couch moves. The ball against the panel must move as the couch readout says."""

from __future__ import annotations

import os
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench import peer
from bench.table import MISSED, NONE, Row, between, within
from qa import dicom
from qa.acquisition import Image
from qa.procedure import load
from qa.reading import Measured

Array = NDArray[np.float64]
VARIABLE = "IGRTQA_REAL_DATA"
GOAL_MM = 0.02
DIAMETER_MM = 7.0  # the ball's, told to pylinac
SETS = ("lateral_3mm", "longitudinal_3mm")


@dataclass(frozen=True)
class Seen:
    """The ball against the panel in one image, (u, v) mm, by both programs; ``u_mm`` is ours, ``refused`` why ours has no answer."""

    image: Image
    peer_mm: Array
    ours_mm: Array | None = None
    u_mm: Array | None = None
    refused: str = ""


@dataclass(frozen=True)
class Move:
    """One displacement (u, v) mm: by the readouts, by pylinac, and by us with its standard uncertainty unless refused."""

    what: str
    gantry_deg: int
    expected_mm: Array
    peer_mm: Array
    ours_mm: Array | None
    u_mm: Array | None
    refused: str


def rows(quick: bool, seed: int) -> list[Row]:
    """Displacements against the readout, then the gain per axis; skipped with the reason when there are no real images."""
    folder = os.environ.get(VARIABLE)
    if folder is None:
        why = f"{VARIABLE} names no folder of real images"
        return [Row("6 real couch moves", 0, f"{GOAL_MM:g} mm", "skipped", "skipped", NONE, remarks=(why,))]
    seen = {(name, round(s.image.gantry_deg) % 360): s for name, s in _all(Path(folder) / "couch_shift.zip")}
    moves = [_move(name, gantry, seen["reference", gantry], seen[name, gantry]) for name in SETS for gantry in (0, 90, 180, 270)]
    return [*(_line(move, k) for move in moves for k in (0, 1)), _gain("lateral", moves, 0), _gain("longitudinal", moves, 1)]


def _line(move: Move, k: int) -> Row:
    """One axis of one displacement."""
    what = f"6 {move.what}, gantry {move.gantry_deg}, {'uv'[k]}: couch {move.expected_mm[k]:+.4f} mm"
    other = f"{move.peer_mm[k] - move.expected_mm[k]:+.4f}"
    if move.ours_mm is None or move.u_mm is None:
        return Row(what, 1, f"{GOAL_MM:g} mm", "refused", other, f"{MISSED} (refused)", remarks=(move.refused,) if k == 0 else ())
    miss, U = move.ours_mm[k] - move.expected_mm[k], 2 * move.u_mm[k]
    held = "within U" if abs(miss) <= U else "**beyond U**"
    return Row(what, 1, f"{GOAL_MM:g} mm", f"{miss:+.4f} (U {U:.4f}, {held})", other, within(abs(miss), GOAL_MM))


def expected_mm(first: Image, second: Image) -> Array:
    """Where the ball goes by the readouts: u = dx cos g - dz sin g, v = dy (IEC 61217; x lateral, y longitudinal, z vertical)."""
    assert first.couch_mm is not None
    assert second.couch_mm is not None
    dx, dy, dz = np.subtract(second.couch_mm, first.couch_mm)
    g = np.radians(second.gantry_deg)
    return np.array([dx * np.cos(g) - dz * np.sin(g), dy])


def _move(what: str, gantry_deg: int, first: Seen, second: Seen) -> Move:
    expected, other = expected_mm(first.image, second.image), second.peer_mm - first.peer_mm
    if first.ours_mm is None or second.ours_mm is None or first.u_mm is None or second.u_mm is None:
        return Move(what, gantry_deg, expected, other, None, None, first.refused or second.refused)
    return Move(what, gantry_deg, expected, other, second.ours_mm - first.ours_mm, np.hypot(first.u_mm, second.u_mm), "")


def _gain(axis: str, moves: list[Move], k: int) -> Row:
    """Found over read out; opposite gantry angles in one mean, so that a shift of the panel between the sets drops out."""
    chosen = [m for m in moves if m.what.startswith(axis) and abs(m.expected_mm[k]) > 1.0]
    other = float(np.mean([m.peer_mm[k] / m.expected_mm[k] for m in chosen]))
    pairs = {m.gantry_deg % 180 for m in chosen if m.ours_mm is None}
    whole = [m for m in chosen if m.gantry_deg % 180 not in pairs]
    mine = float(np.mean([m.ours_mm[k] / m.expected_mm[k] for m in whole]))
    u = float(np.sqrt(np.sum([(m.u_mm[k] / m.expected_mm[k]) ** 2 for m in whole])) / len(whole))
    goal = GOAL_MM / 3.0
    what = f"6 gain {axis}, mean over gantry {', '.join(str(m.gantry_deg) for m in whole)}"
    return Row(what, len(whole), f"1 +/- {goal:.4f}", f"{mine:.4f} (U {2 * u:.4f})", f"{other:.4f}", between(mine, 1 - goal, 1 + goal, 0.0))


def _all(path: Path) -> Iterator[tuple[str, Seen]]:
    plan = load("winston_lutz")
    with dicom.opened([path]) as batch, tempfile.TemporaryDirectory() as folder:
        with zipfile.ZipFile(path) as archive:
            archive.extractall(folder)
        for acquisition in batch.acquisitions:
            readings = {(r.quantity.key, str(r.at.get("sop_instance_uid", ""))): r for r in plan.analyse(acquisition).readings}
            for image in acquisition.images:
                name = image.name.split("/", 1)[1]
                other = _peer(Path(folder) / name, image)
                found = [readings[f"ball_panel_{axis}", image.sop_instance_uid] for axis in "uv"]
                if all(isinstance(r, Measured) for r in found):
                    seen = Seen(image, other, np.array([r.value for r in found]), np.array([r.u for r in found]))
                else:
                    seen = Seen(image, other, refused=found[0].reason)
                yield name.split("/")[0], seen


def _peer(path: Path, image: Image) -> Array:
    """pylinac's ball from the middle of its image, in our axes (its rows run down, v up)."""
    found = peer.image(path, DIAMETER_MM)
    scale = image.sad_mm / image.sid_mm
    rows, columns = found.shape
    u = (found.bb.x - (columns - 1) / 2) * image.spacing_mm[1] * scale
    v = -(found.bb.y - (rows - 1) / 2) * image.spacing_mm[0] * scale
    return np.array([u, v])
