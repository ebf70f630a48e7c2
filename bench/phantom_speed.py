"""python -m bench.phantom_speed: a CatPhan from zip to PDF and one analysis beside pylinac: wall time and peak memory.

The real scans come from the folder that IGRTQA_REAL_DATA names; beside them stands a drawn CatPhan 604 of 100 slices of 512 x 512.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before numpy is imported, here and in every child

import argparse
import importlib.metadata
import tempfile
import time
import warnings
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from bench.speed import CLI, Run, alternating, process
from bench.table import MISSED, Row, show, within

PROCESS_SHARE, ANALYSIS_SHARE, MEMORY_MB = 0.5, 0.7, 300.0  # the goals: of pylinac's time, and the peak in MB (1e6 bytes)
MODELS = {"catphan604": "CatPhan604", "catphan504": "CatPhan504"}
PEER = """
import sys
import pylinac
found = getattr(pylinac, sys.argv[2]).from_zip(sys.argv[1])
found.analyze()
found.publish_pdf(sys.argv[3])
"""


def whole(archive: Path, model: str, runs: int) -> list[Row]:
    """From the zip to the PDF and the database, each in a process of its own."""

    def ours() -> Run:
        with tempfile.TemporaryDirectory() as out:
            options = ["--pdf", f"{out}/report.pdf", "--database", f"{out}/records.db"]
            return process(["-c", CLI, "run", str(archive), *options], accepted=(0, 1, 3))  # judged: passed, failed, undecided

    def theirs() -> Run:
        with tempfile.TemporaryDirectory() as out:
            return process(["-W", "ignore", "-c", PEER, str(archive), model, f"{out}/report.pdf"])

    mine, other = alternating(runs, ours, theirs)
    seconds, peer_seconds = min(run.seconds for run in mine), min(run.seconds for run in other)
    share = seconds / peer_seconds
    cells = f"{seconds:.2f} s", f"{peer_seconds:.2f} s", within(share, PROCESS_SHARE), f"{share:.2f} of it"
    remark = f"all runs: ours {_list(mine)} s, pylinac {_list(other)} s; pylinac writes no database"
    memory, peer_memory = (max(run.mib for run in both) * 1.048576 for both in (mine, other))
    held = within(memory, MEMORY_MB)
    return [
        Row(f"{archive.stem}: zip to PDF, whole process", runs, f"{PROCESS_SHARE:g} of it", *cells, (remark,)),
        Row(f"{archive.stem}: peak memory", runs, f"{MEMORY_MB:g} MB", f"{memory:.0f} MB", f"{peer_memory:.0f} MB", held),
    ]


def drawn(folder: Path) -> Path:
    """A zip with a CatPhan 604 in 100 slices of 512 x 512, as pylinac reads it: slices of 2 mm, pixels of 0.5 mm."""
    import numpy as np

    from phantoms import ctphantom, ctseries
    from phantoms.examples import typical
    from phantoms.models import ct_models
    from phantoms.volume import Grid

    model = next(one for one in ct_models() if one.key == "catphan604")
    middle = sum(module.y_mm for module in model.modules) / len(model.modules)
    grid = Grid((100, 512, 512), (2.0, 0.5, 0.5), (0.0, middle, 0.0))
    scan = ctphantom.scan_phantom(model, grid, np.random.default_rng(1), how=ctphantom.Imaging((0.45, 0.5), noise_hu=9.0))
    machine = typical()
    files = ctseries.write(scan, folder / "drawn", seed=1, name=machine.name, serial=machine.serial)
    archive = folder / "drawn604_100_slices.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        for file in files:
            packed.write(file, file.name)
    return archive


def analysis(archive: Path, model: str, runs: int) -> list[Row]:
    """The analysis alone, warm, each from a fresh object: pylinac's images are loaded before, ours are read by the analysis."""
    import pylinac

    from qa import dicom
    from qa.procedure import load

    procedure = load("cbct_quality")
    mine, other = [], []
    with dicom.opened([archive]) as batch, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        (acquisition,) = [a for a in batch.acquisitions if a.volumes and not a.day]
        fresh = [replace(acquisition) for _ in range(runs)]
        for copy in fresh:
            theirs = getattr(pylinac, model).from_zip(archive)
            start = time.perf_counter()
            theirs.analyze()
            between = time.perf_counter()
            procedure.analyse(copy)
            mine.append(time.perf_counter() - between)
            other.append(between - start)
    share = min(mine) / min(other)
    cells = f"{min(mine):.2f} s", f"{min(other):.2f} s", within(share, ANALYSIS_SHARE), f"{share:.2f} of it"
    remark = f"all runs: ours {', '.join(f'{s:.2f}' for s in mine)} s, pylinac {', '.join(f'{s:.2f}' for s in other)} s"
    return [Row(f"{archive.stem}: analysis alone, warm", runs, f"{ANALYSIS_SHARE:g} of it", *cells, (remark,))]



def _list(runs: Sequence[Run]) -> str:
    return ", ".join(f"{run.seconds:.2f}" for run in runs)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; 1 when a goal is missed."""
    parser = argparse.ArgumentParser(prog="python -m bench.phantom_speed", description="CatPhan scans side by side with pylinac.")
    parser.add_argument("--runs", type=int, default=3, help="runs of each (default 3)")
    asked = parser.parse_args(arguments)
    real = os.environ.get("IGRTQA_REAL_DATA")
    print(f"# CatPhan scans beside pylinac {importlib.metadata.version('pylinac')}\n")
    print(f"{os.cpu_count()} cores, shared with other work (load {os.getloadavg()[0]:.1f}): least of all runs, taken in turns.")
    if not real:
        print("\nIGRTQA_REAL_DATA names no folder with real CatPhan scans: the drawn one alone.")
    scans = [(Path(real) / f"{name}.zip", model) for name, model in MODELS.items()] if real else []
    rows = [row for scan, model in scans for row in whole(scan, model, asked.runs)]
    with tempfile.TemporaryDirectory() as folder:
        rows += whole(drawn(Path(folder)), MODELS["catphan604"], asked.runs)
    rows += [row for scan, model in scans for row in analysis(scan, model, asked.runs)]
    show("Wall time and memory; the column 'bound' holds the ratio", rows)
    return 1 if any(MISSED in row.verdict for row in rows) else 0


if __name__ == "__main__":
    raise SystemExit(main())
