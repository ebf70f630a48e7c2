"""python -m bench.daily: the morning check of a real machine, from zip to verdict, PDF and database, beside pylinac on its MV images alone.

The images come from the folder that IGRTQA_REAL_DATA names. No open tool does the chain: pylinac is timed for its import, loading the MV
images and its Winston-Lutz analysis, without kV images, couch, verdict or report. Wall time says what a person waits, processor time what
the program costs while other work shares the machine. A second table says where this suite's time goes.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before numpy is imported, here and in every child

import argparse
import importlib.metadata
import resource
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

from bench.speed import CLI, process
from bench.table import MISSED, NONE, Row, show, within

GOAL_S = 2.0
CHAIN, BEAM = "igrt_chain.zip", "mv_winston_lutz/"
SILENT = "IGRTQA_REAL_DATA names no folder of real images, and there is nothing else to time"
PEER = """
import sys
from pylinac import WinstonLutz
found = WinstonLutz(sys.argv[1])
found.analyze(bb_size_mm=7)
"""
STAGES = "\n".join(
    (
        "import sys, time",
        "print('interpreter', time.process_time(), sep='\\t')",
        "def lap(name, last=[time.process_time()]):",
        "    now = time.process_time()",
        "    print(name, now - last[0], sep='\\t')",
        "    last[0] = now",
        "import numpy, qa.session, qa.dicom; lap('import: arrays, DICOM, session')",
        "import scipy.ndimage; lap('import: filters')",
        "import qa.store; lap('import: database')",
        "import reportlab.platypus, reports.pdf, reports.page, reports.figures; lap('import: report')",
        "from qa import ball_images, keeping, protocol, session; from pathlib import Path",
        "import qa.daily_readings, qa.features.open_ball, qa.features.ball_in_field; lap('import: the test')",
        "with qa.dicom.opened([Path(sys.argv[1])]) as batch:",
        "    lap('files unpacked, hashed, read')",
        "    images = next(one for one in batch.acquisitions if one.day).images",
        "    kv = [image for image in images if image.radiation == 'kV']",
        "    mv = [image for image in images if image.radiation == 'MV' and abs((image.couch_deg + 180) % 360 - 180) < 1]",
        "    ball_images.in_megavolt(mv); lap(f'ball and field in {len(mv)} MV images')",
        "    [ball_images.in_open_field(image, k % 7 + 1) for k, image in enumerate(kv)]; lap(f'ball in {len(kv)} kV images')",
        "from qa.protocol import read",
        "asked = read('tg142_morning')",
        "with keeping.keeping(sys.argv[2] + '/r.db') as kept:",
        "    result = session.run([sys.argv[1]], asked, procedures=['daily_igrt'], store=kept)",
        "lap('')",
        "from reports.pdf import write",
        "write(result.records[0], Path(sys.argv[2] + '/r.pdf')); lap('PDF')",
    )
)


def rows(chain: Path, runs: int) -> list[Row]:
    """The whole process, and its processor time."""
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(chain) as archive:
        archive.extractall(folder, [name for name in archive.namelist() if name.startswith(BEAM)])
        timed: list[list[tuple[float, float]]] = [[], []]

        def ours() -> None:
            with tempfile.TemporaryDirectory() as out:
                options = ["--pdf", f"{out}/report.pdf", "--database", f"{out}/records.db"]
                timed[0].append(_timed(lambda: process(["-c", CLI, "daily", str(chain), *options], accepted=(0, 1, 3)).seconds))

        def theirs() -> None:
            timed[1].append(_timed(lambda: process(["-W", "ignore", "-c", PEER, f"{folder}/{BEAM}"]).seconds))

        for _ in range(runs):
            ours()
            theirs()
    (wall, other_wall), (cpu, other_cpu) = ([min(one[k] for one in found) for found in timed] for k in range(2))
    all_runs = "; ".join(
        f"{who} {', '.join(f'{seconds:.2f} ({used:.2f})' for seconds, used in found)}"
        for who, found in zip(("ours", "pylinac"), timed, strict=True)
    )
    what = "morning check, real images, zip to verdict, PDF and database"
    remark = f"all runs, wall (processor) s: {all_runs}; pylinac: its import, and the 12 MV images loaded and analysed, nothing else"
    return [
        Row(f"{what}: wall time", runs, f"{GOAL_S:g} s", f"{wall:.2f} s", f"{other_wall:.2f} s", within(wall, GOAL_S), NONE, (remark,)),
        Row(f"{what}: processor time", runs, f"{GOAL_S:g} s", f"{cpu:.2f} s", f"{other_cpu:.2f} s", within(cpu, GOAL_S)),
    ]


def stages(chain: Path) -> list[tuple[str, float]]:
    """Processor seconds of each stage, done one after the other in one process."""
    with tempfile.TemporaryDirectory() as out:
        done = subprocess.run([sys.executable, "-c", STAGES, str(chain), out], capture_output=True, text=True, check=True)
    pairs = [line.split("\t") for line in done.stdout.splitlines()]
    return [(name, float(seconds)) for name, seconds in pairs if name]


def _timed(run: Callable[[], float]) -> tuple[float, float]:
    """Wall and processor seconds of a child process."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    wall = run()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the tables; 1 when a goal is missed."""
    parser = argparse.ArgumentParser(prog="python -m bench.daily", description="The morning check: how long a person waits.")
    parser.add_argument("--runs", type=int, default=3, help="whole processes, each of both (default 3)")
    asked = parser.parse_args(arguments)
    real = os.environ.get("IGRTQA_REAL_DATA")
    if not real:
        parser.error(SILENT)
    load = os.getloadavg()[0]
    print(f"# The morning check beside pylinac {importlib.metadata.version('pylinac')}\n")
    print(f"{os.cpu_count()} cores, shared with other work (load {load:.1f} at the start): least of all runs, taken in turns.")
    found = rows(Path(real) / CHAIN, asked.runs)
    show("Wall and processor time", found)
    print("\n## Where this suite's processor time goes\n\n| stage | ms |\n|---|---|")
    for name, seconds in stages(Path(real) / CHAIN):
        print(f"| {name} | {1000 * seconds:.0f} |")
    return 1 if any(MISSED in row.verdict for row in found) else 0


if __name__ == "__main__":
    raise SystemExit(main())
