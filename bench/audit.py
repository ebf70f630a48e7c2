"""python -m bench.audit: how long a monthly audit takes, signed, how large it is, and whether PDF readers complain of it.

The store is of one machine: a morning check on 20 days and the monthly checks once each, all measured from drawn images (one measured
morning stands on every day, so that drawing does not take an hour; its evidence is printed once as it would be anyway).
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before numpy is imported, here and in every child

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import audit_store
from bench.table import MET, MISSED, NONE, Row, show, within
from qa import keystore, progress
from qa.record import Record

GOAL_S, GOAL_MB = 5.0, 10.0
CLI = "from qa.cli import app; app()"
READERS = {  # each prints what it complains of, and nothing else, to its error output
    "Poppler": ["pdftoppm", "-r", "30", "FILE", "OUT"],
    "MuPDF": ["mutool", "draw", "-N", "-q", "-r", "30", "-o", "OUT%d.png", "FILE"],
}


@dataclass(frozen=True)
class Run:
    """One audit as a process: wall and processor seconds, bytes, what it printed, what readers complain of, and which readers there are."""

    seconds: float
    processor: float
    size: int
    said: str
    complaints: tuple[str, ...]
    readers: tuple[str, ...]


def timed(folder: Path, records: Sequence[Record], mornings: int = audit_store.MORNINGS, runs: int = 1) -> Run:
    """The store made in that folder, and the quickest of some runs of the command."""
    store = audit_store.filled(folder / "r.sqlite", records, mornings)
    place, site = folder / "audit.pdf", folder / "site.toml"
    keystore.make(folder / "site.p12", audit_store.MACHINE)
    site.write_text(audit_store.SITE + '\n[keystore]\nfile = "site.p12"\ntrusted = ["site.pem"]\n', "utf-8")
    month = f"{audit_store.FIRST:%Y-%m}"
    options = ["--machine", audit_store.MACHINE, "--month", month, "--site", str(site), "--database", str(store.where), "--pdf", str(place)]
    found = [_process(["-c", CLI, "audit", *options], folder / "said.txt") for _ in range(runs)]
    complaints = tuple(words for name in readers() for words in complained(name, place, folder))
    seconds, processor = min(found)
    said = (folder / "said.txt").read_text("utf-8")
    return Run(seconds, processor, place.stat().st_size, said, complaints, readers())


def readers() -> tuple[str, ...]:
    """The PDF readers that are installed here."""
    return tuple(name for name, command in READERS.items() if shutil.which(command[0]))


def complained(name: str, place: Path, folder: Path) -> list[str]:
    """What a reader says of the file beside its pages."""
    command = [word.replace("FILE", str(place)).replace("OUT", str(folder / "page")) for word in READERS[name]]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    said = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    return [f"{name}: {line}" for line in said] + ([f"{name} ended with {done.returncode}"] if done.returncode else [])


def _process(arguments: Sequence[str], output: Path) -> tuple[float, float]:
    """Wall and processor seconds; RuntimeError with its output when it ends in an unexpected way."""
    with output.open("w") as file:
        start = time.perf_counter()
        child = subprocess.Popen([sys.executable, *arguments], stdout=file, stderr=file)
        _, status, usage = os.wait4(child.pid, 0)
        seconds = time.perf_counter() - start
        child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode not in (0, 1, 3):
        raise RuntimeError(f"{arguments} ended with {child.returncode}:\n{output.read_text('utf-8')[-2000:]}")
    return seconds, usage.ru_utime + usage.ru_stime


def rows(runs: int) -> list[Row]:
    """Time, size, readers."""
    with tempfile.TemporaryDirectory() as name:
        with progress.shown() as say:
            records = list(audit_store.demonstrated(say=say))
        found = timed(Path(name), records, runs=runs)
    monthly = len(records) - 1
    what = f"audit of {audit_store.MORNINGS} mornings and {monthly} monthly records, signed, whole process"
    remark = f"processor time {found.processor:.2f} s; load {os.getloadavg()[0]:.1f}"
    lacking = [reader for reader in READERS if reader not in found.readers]
    note = (f"not installed here: {', '.join(lacking)}",) if lacking else ()
    return [
        Row(what, runs, f"{GOAL_S:g} s", f"{found.seconds:.2f} s", NONE, within(found.seconds, GOAL_S), remarks=(remark,)),
        Row("its PDF", 1, f"{GOAL_MB:g} MB", f"{found.size / 1e6:.2f} MB", NONE, within(found.size, GOAL_MB * 1e6)),
        Row(
            f"complaints of {', '.join(found.readers) or 'no reader'}",
            len(found.readers),
            "0",
            f"{len(found.complaints)}",
            NONE,
            MISSED if found.complaints else MET if found.readers else NONE,
            remarks=(*found.complaints[:5], *note),
        ),
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a table; 1 when a goal is missed."""
    parser = argparse.ArgumentParser(prog="python -m bench.audit", description="Is a monthly audit quick, small and readable?")
    parser.add_argument("--runs", type=int, default=3)
    asked = parser.parse_args(arguments)
    found = rows(asked.runs)
    show("Monthly audit", found)
    return 1 if any(MISSED in row.verdict for row in found) else 0


if __name__ == "__main__":
    raise SystemExit(main())
