"""python -m bench.speed: wall time and peak memory beside pylinac, the same files, one core, least of several runs.

The real set of 17 images comes from the folder that IGRTQA_REAL_DATA names; without it a simulated set of as many stands in.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before numpy is imported, here and in every child

import argparse
import gc
import importlib.metadata
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from zipfile import ZipFile

import numpy as np

from bench.table import MET, MISSED, Row, show, within
from phantoms import rtimage
from phantoms.linac import BallSetup, Rod, Shot, expose, typical

SET_RATIO, SET_MIB, IMAGE_MS, HELP_SHARE = 8.0, 350.0, 30.0, 0.1  # the goals
CLI = "from qa.cli import app; app()"
PEER = """
import sys
from pylinac import WinstonLutz
found = WinstonLutz.from_zip(sys.argv[1])
found.analyze(bb_size_mm=5)
found.publish_pdf(sys.argv[2])
"""


@dataclass(frozen=True)
class Run:
    """One process: wall time, and the peak resident memory of the process itself."""

    seconds: float
    mib: float


def process(arguments: Sequence[str], accepted: Sequence[int] = (0,)) -> Run:
    """One Python process from start to end; RuntimeError with its output when it ends in an unexpected way."""
    with tempfile.TemporaryFile() as output:
        start = time.perf_counter()
        child = subprocess.Popen([sys.executable, *arguments], stdout=output, stderr=output)
        _, status, usage = os.wait4(child.pid, 0)
        seconds = time.perf_counter() - start
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode not in accepted:
            output.seek(0)
            raise RuntimeError(f"{arguments} ended with {child.returncode}:\n{output.read().decode(errors='replace')[-2000:]}")
    return Run(seconds, usage.ru_maxrss / 1024)


def alternating(runs: int, *commands: Callable[[], Run]) -> list[list[Run]]:
    """Each command in turn, so that what else the machine does falls on all alike."""
    found: list[list[Run]] = [[] for _ in commands]
    for _ in range(runs):
        for results, command in zip(found, commands, strict=True):
            results.append(command())
    return found


def whole_set(folder: Path, runs: int) -> list[Row]:
    """(a) A zip of 17 images to report and database, against pylinac to its report."""
    images, what = _seventeen(folder)

    def ours() -> Run:
        with tempfile.TemporaryDirectory() as out:
            options = ["--pdf", f"{out}/report.pdf", "--database", f"{out}/records.db"]
            return process(["-c", CLI, "run", str(images), *options], accepted=(0, 1, 3))  # judged: passed, failed, undecided

    def theirs() -> Run:
        with tempfile.TemporaryDirectory() as out:
            return process(["-W", "ignore", "-c", PEER, str(images), f"{out}/report.pdf"])

    mine, other = alternating(runs, ours, theirs)
    seconds, peer_seconds = min(r.seconds for r in mine), min(r.seconds for r in other)
    memory, peer_memory = max(r.mib for r in mine), max(r.mib for r in other)
    remark = f"all runs: ours {_list(mine)} s, pylinac {_list(other)} s; pylinac writes no database"
    ratio = peer_seconds / seconds
    whole = f"(a) {what} to PDF and database, whole process"
    cells = f"{seconds:.2f} s", f"{peer_seconds:.2f} s", _at_least(ratio, SET_RATIO), f"{ratio:.1f} times", (remark,)
    return [
        Row(whole, runs, f"{SET_RATIO:g} times faster", *cells),
        Row("(a) the same, peak memory", runs, f"{SET_MIB:g} MiB", f"{memory:.0f} MiB", f"{peer_memory:.0f} MiB", within(memory, SET_MIB)),
    ]


def one_image(repeats: int) -> list[Row]:
    """(b) One full AS1200 image, warm, pixels in memory: with and without the symmetry self-test."""
    from bench import peer
    from qa import dicom, frames, shots
    from qa.features.ball_in_field import MARGIN_MM, _measure
    from qa.features.region import locate
    from qa.features.surface import Surface

    linac = replace(typical(), panel_rotation_deg=0.0)
    exposures = expose(linac, BallSetup((0.4, -0.6, 0.5), 5.0, rods=(Rod(),)), [Shot(90.0)], np.random.default_rng(1))
    with tempfile.TemporaryDirectory() as folder:
        (path,) = rtimage.write(exposures, Path(folder), seed=1)
        with dicom.opened([path]) as batch:
            pixels = batch.acquisitions[0].images[0].pixels
            image = replace(batch.acquisitions[0].images[0], load=lambda: pixels)

        def alone() -> None:
            pitch = frames.pixel_mm(image)
            region = locate(pixels, pitch)
            _measure(Surface.around(pixels, pitch, region, MARGIN_MM), region)

        def theirs() -> float:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                from pylinac.winston_lutz import WinstonLutz2D

                fresh = WinstonLutz2D(path)
                return _timed(partial(fresh.analyze, bb_size_mm=5))

        assert isinstance(shots.measure(image, 7), shots.Shot)
        peer.image(path, 5.0)
        gc.disable()
        full, bare, other = [], [], []
        for _ in range(repeats):
            full.append(_timed(partial(shots.measure, image, 7)))
            bare.append(_timed(alone))
            other.append(theirs())
        gc.enable()
    times = [1000 * min(values) for values in (full, bare, other)]
    middle = [1000 * float(np.median(values)) for values in (full, bare, other)]
    cells = [f"{least:.1f} ms (median {mid:.1f})" for least, mid in zip(times, middle, strict=True)]
    whats = "(b) one AS1200 image with the symmetry self-test, warm, one core", "(b) the same without the self-test"
    return [
        Row(what, repeats, f"{IMAGE_MS:g} ms", cell, cells[2], within(least, IMAGE_MS), f"{times[2] / least:.1f} times")
        for what, cell, least in zip(whats, cells, times, strict=False)
    ]


def the_help(runs: int) -> list[Row]:
    """(c) The command line's help against importing pylinac."""
    ours, theirs = alternating(runs, lambda: process(["-c", CLI, "--help"]), lambda: process(["-W", "ignore", "-c", "import pylinac"]))
    seconds, peer_seconds = min(r.seconds for r in ours), min(r.seconds for r in theirs)
    share = seconds / peer_seconds
    cells = f"{seconds:.2f} s", f"{peer_seconds:.2f} s", within(share, HELP_SHARE), f"{share:.3f} of it"
    return [Row("(c) igrtqa --help against import pylinac", runs, f"{HELP_SHARE:g} of it", *cells)]


def _seventeen(folder: Path) -> tuple[Path, str]:
    real = os.environ.get("IGRTQA_REAL_DATA")
    if real:
        return Path(real) / "winston_lutz_17.zip", "17 real images"
    shots = [Shot(gantry_deg=g) for g in range(0, 360, 45)]
    shots += [Shot(collimator_deg=c) for c in (45, 90, 270, 315)] + [Shot(couch_deg=c) for c in (30, 60, 90, 270, 300)]
    setup = BallSetup((0.4, -0.6, 0.5), 5.0, rods=(Rod(),))
    paths = rtimage.write(expose(typical(), setup, shots, np.random.default_rng(1)), folder, seed=1)
    with ZipFile(folder / "set.zip", "w") as archive:
        for path in paths:
            archive.write(path, path.name)
    return folder / "set.zip", "17 simulated images (IGRTQA_REAL_DATA names no real ones)"


def _timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _at_least(value: float, goal: float) -> str:
    return MET if value >= goal else MISSED


def _list(runs: Sequence[Run]) -> str:
    return ", ".join(f"{run.seconds:.2f}" for run in runs)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; 1 when a goal is missed."""
    parser = argparse.ArgumentParser(prog="python -m bench.speed", description="Speed side by side with pylinac.")
    parser.add_argument("--runs", type=int, default=3, help="whole processes, each of both (default 3)")
    parser.add_argument("--repeats", type=int, default=25, help="single images, each of both (default 25)")
    asked = parser.parse_args(arguments)
    load = os.getloadavg()[0]
    print(f"# Speed beside pylinac {importlib.metadata.version('pylinac')}\n")
    print(f"{os.cpu_count()} cores, shared with other work (load {load:.1f} at the start): least of all runs, taken in turns.")
    with tempfile.TemporaryDirectory() as folder:
        rows = [*whole_set(Path(folder), asked.runs), *one_image(asked.repeats), *the_help(asked.runs + 2)]
    show(f"Wall time and memory (load {os.getloadavg()[0]:.1f} at the end); the column 'bound' holds the ratio", rows)
    return 1 if any(MISSED in row.verdict for row in rows) else 0


if __name__ == "__main__":
    raise SystemExit(main())
