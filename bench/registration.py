"""python -m bench.registration [--quick] [--seed N] [--draws N] [--peer N]: the motion of a five-ball cube between two drawn CBCTs.

By its balls, by its voxels, and by SimpleITK, on the same draws. An error is a target registration error: the root mean square distance,
over the cube's corners and its middle, from where they went. A draw is captured when that is below a voxel and nothing was refused.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before numpy is imported: small matrices only

import argparse
import pickle
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench import registration_peer
from bench.registration_draws import CORNERS, NOISES, Drawn, Motion, certificate, draw
from bench.registration_peer import Recipe
from bench.speed import process
from bench.table import MISSED, NONE, Errors, Row, progress, show, within
from qa import ball_pose
from qa.reading import AnalysisError
from qa.registration_image import match

Array = NDArray[np.float64]
GOAL_MM, CAPTURED_MM = 0.05, 1.0
DRAWS, PEER_DRAWS = 200, 30  # a match of the peer takes longer than all of ours
BALLS, VOXELS = "our balls", "our voxels, from the balls"
PEERS = {  # name: recipe, whether it begins where the balls end
    "mutual information, from the volumes' middles": (Recipe("mutual information"), False),
    "mutual information, from the balls": (Recipe("mutual information"), True),
    "correlation, from the volumes' middles": (Recipe("correlation"), False),
    "correlation, from the balls": (Recipe("correlation"), True),
    "mutual information, from the volumes' middles, then a spline": (Recipe("mutual information", fine=True), False),
}
CHILD = "import sys; from bench.registration import child; child(sys.argv[1], sys.argv[2])"


@dataclass
class Tally:
    """What one way did: errors and refusals, draws off by less than a voxel, and processor seconds."""

    errors: Errors = field(default_factory=Errors)
    captured: int = 0
    n: int = 0
    seconds: list[float] = field(default_factory=list)
    each: list[float] = field(default_factory=list)  # every draw's error, infinite where it was refused

    def add(self, draw: Drawn, found: Motion | str, seconds: float) -> None:
        """One more draw."""
        self.n += 1
        self.seconds.append(seconds)
        if isinstance(found, str):
            self.errors.add(None, found)
            self.each.append(np.inf)
            return
        off = draw.off_mm(found)
        self.each.append(off)
        self.errors.add([off])
        self.captured += off < CAPTURED_MM

    def first(self, n: int) -> str:
        """Root mean square and largest of the first n draws."""
        return str(Errors(self.each[:n]))

    def __str__(self) -> str:
        return f"{self.errors}; {self.captured} of {self.n}; {float(np.median(self.seconds)):.1f} s"


def by_balls(one: Drawn) -> tuple[ball_pose.Pose, Array] | str:
    """The motion between both poses, and the balls; or why there is none."""
    try:
        poses = [ball_pose.posed(volume, volume.voxels, certificate()) for volume in (one.first, one.later)]
        motion, _, balls = ball_pose.change(*poses)
    except AnalysisError as error:
        return str(error)
    return motion, balls


def by_voxels(one: Drawn, begun: tuple[ball_pose.Pose, Array] | str) -> Motion | str:
    """The match that is checked before it counts; or why it does not."""
    if isinstance(begun, str):
        return begun
    try:
        image = match(one.first, one.later, (one.first.voxels, one.later.voxels), begun[1], begun[0])
    except AnalysisError as error:
        return str(error)
    return image.rotation, image.shift_mm


def _motion(found: tuple[ball_pose.Pose, Array] | str) -> Motion | str:
    return found if isinstance(found, str) else (found[0].rotation, found[0].translation_mm)


def tallies(
    draws: Callable[[int], Drawn], n: int, peers: int, what: str, recipes: Mapping[str, tuple[Recipe, bool]] = PEERS
) -> dict[str, Tally]:
    """Every way on the same draws, the peer's ``recipes`` on the first ``peers`` of them."""
    found = {name: Tally() for name in (BALLS, VOXELS, *recipes)}
    for k in progress(range(n), what):
        one = draws(k)
        start = time.process_time()
        balls = by_balls(one)
        found[BALLS].add(one, _motion(balls), time.process_time() - start)
        start = time.process_time()
        found[VOXELS].add(one, by_voxels(one, balls), time.process_time() - start)
        for name, (recipe, near) in recipes.items():
            if k >= peers or not registration_peer.installed():
                continue
            begun = _motion(balls) if near else None
            start = time.process_time()
            answer = begun if isinstance(begun, str) else registration_peer.matched(one.first, one.later, recipe, begun)
            found[name].add(one, answer, time.process_time() - start)
    return found


def noise_rows(number: int, n: int, peers: int, seed: int) -> list[Row]:
    """A row per way, of one noise."""
    table, name = [], NOISES[number]
    found = tallies(partial(draw, seed, number), n, peers, name)
    for way, tally in found.items():
        mine, refused = way in (BALLS, VOXELS), tally.errors.refused
        what = f"{name}: {'' if mine else 'SimpleITK, '}{way}"
        told = tuple(f"refused {count}: {reason[:160]}" for reason, count in refused.items())
        if not tally.n:
            table.append(Row(what, 0, NONE, NONE, "not run" if registration_peer.installed() else "not installed"))
            continue
        if not mine:
            told = (*told, f"ours of the same {tally.n}: {found[BALLS].first(tally.n)} by balls, {found[VOXELS].first(tally.n)} by voxels")
        met = within(tally.errors.rms if tally.captured == tally.n else np.inf, GOAL_MM) if mine else NONE
        ours, theirs = (str(tally), NONE) if mine else (NONE, str(tally))
        table.append(Row(what, tally.n, f"{GOAL_MM:g} mm rms, all captured" if mine else NONE, ours, theirs, met, remarks=told))
    return table


def memory_row(seed: int) -> Row:
    """Peak resident memory of a process that only reads both volumes and matches them."""
    one = draw(seed, 0, 0)
    with tempfile.TemporaryDirectory() as folder:
        volumes = []
        for k, volume in enumerate((one.first, one.later)):
            path = Path(folder) / f"{k}.npy"
            np.save(path, volume.voxels)
            volumes.append(replace(volume, load=partial(np.load, path)))
        place = Path(folder) / "draw"
        place.write_bytes(pickle.dumps(volumes))
        peers = [next(iter(PEERS)), list(PEERS)[-1]] if registration_peer.installed() else []
        mib = {way: process(["-c", CHILD, way, str(place)]).mib for way in ("nothing", BALLS, VOXELS, *peers)}
    mine = ", ".join(f"{mib[way]:.0f} ({way})" for way in ("nothing", BALLS, VOXELS))
    theirs = ", ".join(f"{mib[way]:.0f} ({way})" for way in peers) or "not installed"
    return Row("peak memory of the process, MiB", 1, NONE, mine.replace("nothing", "imports and volumes alone"), theirs)


def child(way: str, place: str) -> None:
    """One match in a process of its own."""
    first, later = pickle.loads(Path(place).read_bytes())
    one = Drawn(first, later, (np.eye(3), np.zeros(3)), CORNERS)
    if way in PEERS:
        registration_peer.matched(one.first, one.later, PEERS[way][0], None)
    elif way != "nothing":
        balls = by_balls(one)
        if way == VOXELS:
            by_voxels(one, balls)


def rows(quick: bool, seed: int, draws: int = DRAWS, peers: int = PEER_DRAWS) -> list[Row]:
    """Both noises, then memory."""
    n, few = (6, 2) if quick else (draws, peers)
    table = [row for number in range(len(NOISES)) for row in noise_rows(number, n, few, seed)]
    return [*table, memory_row(seed)]


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; 1 when a goal of ours is missed."""
    parser = argparse.ArgumentParser(prog="python -m bench.registration", description="Registration of two CBCTs of a five-ball cube")
    parser.add_argument("--quick", action="store_true", help="a few draws: a look, not a judgement")
    parser.add_argument("--seed", type=int, default=1, help="of everything that is drawn (default 1)")
    parser.add_argument("--draws", type=int, default=DRAWS, help=f"of every noise (default {DRAWS})")
    parser.add_argument("--peer", type=int, default=PEER_DRAWS, help=f"how many of them SimpleITK matches too (default {PEER_DRAWS})")
    asked = parser.parse_args(arguments)
    if not registration_peer.installed():
        print(registration_peer.MISSING, file=sys.stderr)
    found = rows(asked.quick, asked.seed, asked.draws, asked.peer)
    show(TITLE, found, PEER)
    return 1 if any(MISSED in row.verdict for row in found) else 0


PEER = f"SimpleITK {registration_peer.version()}"
TITLE = "Five-ball cube of 40 mm, 1 mm voxels: TRE rms / max, mm; captured; processor time of a match, median"


if __name__ == "__main__":
    raise SystemExit(main())
