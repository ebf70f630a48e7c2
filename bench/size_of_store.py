"""python -m bench.size_of_store: how fast is a store of twenty machines and ten years, some five million readings?"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from sqlalchemy import event, func, select

from bench.drawn_clinic import LAST, Clinic, fill
from bench.postgresql import server
from bench.table import MISSED, NONE, Row, progress, show, within
from qa import due, site, tables, trend
from qa.site import Site
from qa.store import Store

CLI = "from qa.cli import app; app()"  # igrtqa itself, installed or not
QUANTITY = "daily_residual_distance"
RUNS = 5
STORE_MS, PICTURE_S, DUE_MS = 50.0, 1.0, 100.0  # the goals
VERIFIED_YEARS = 0.05  # a store of its own: verifying ten years takes an hour and tells no more


def measured(where: str, folder: Path, clinic: Clinic, runs: int = RUNS) -> list[Row]:
    """The rows of a filled store."""
    file = folder / "site.toml"
    file.write_text(clinic.site, "utf-8")
    known = site.read(file)
    store = Store(where, own_name=known.own_name)
    machine = clinic.names[0]
    with store._transaction() as connection:
        readings = connection.scalar(select(func.count()).select_from(tables.reading)) or 0
        records = connection.scalar(select(func.count()).select_from(tables.record)) or 0
    points = len(store.history(machine, QUANTITY))
    wall, cpu = _least(lambda: store.history(machine, QUANTITY), runs)
    rows = [_row("one quantity of one machine with every judgement, in the store, ms", points, STORE_MS, wall * 1e3, cpu * 1e3)]
    wall, cpu = _least(lambda: trend.trend(store, machine, QUANTITY), runs)
    rows.append(_row("its trend (chart, epochs, drift), ms", points, "", wall * 1e3, cpu * 1e3))
    command = [sys.executable, "-c", CLI, "trend", QUANTITY, "--machine", machine]
    picture = [*command, "--png", str(folder / "trend.png"), "--database", where, "--site", str(file)]
    wall, cpu = _least(lambda: subprocess.run(picture, check=True, capture_output=True), runs, children=True)
    rows.append(_row("its picture, by the command as a process, s", points, PICTURE_S, wall, cpu))
    wall, cpu = _least(lambda: _due(store, known), runs)
    rows.append(_row(f"due list of {clinic.machines} machines, ms", records, DUE_MS, wall * 1e3, cpu * 1e3))
    wall, cpu = _least(lambda: store.newest(machine, ["winston_lutz"]), runs)
    rows.append(_row("the newest record of one test, ms", records, "", wall * 1e3, cpu * 1e3))
    size = _size(store)
    rows.append(Row("size of the store, GB", readings, NONE, f"{size / 1e9:.2f} ({size / readings:.0f} bytes a reading)", NONE))
    return rows


def verified(where: str, clinic: Clinic) -> Row:
    """Verification, in an empty store, of a few weeks of the same clinic; RuntimeError where what was put in does not hold."""
    store = Store(where)
    fill(store, replace(clinic, years=VERIFIED_YEARS))
    start = time.process_time()
    found = store.verify()
    taken = time.process_time() - start
    if not found.intact:
        raise RuntimeError(f"the drawn store is broken: {found.faults[:3]}")
    return Row("verification, ms of processor time per record", found.records, NONE, f"{1e3 * taken / found.records:.1f}", NONE)


def _due(store: Store, known: Site) -> tuple[due.Due, ...]:
    judged_by = due.protocols(known)
    return due.due(known, store.last_days(LAST, known.zone, judged_by=judged_by), LAST, store.events(), judged_by)


def _least(work: Callable[[], object], runs: int, children: bool = False) -> tuple[float, float]:
    """Seconds by the clock and of the processor, the least of each: others may use this computer at the same time."""
    wall, cpu = [], []
    for _ in range(runs):
        start, before = time.perf_counter(), os.times()
        work()
        after = os.times()
        wall.append(time.perf_counter() - start)
        spent = (after.children_user + after.children_system, before.children_user + before.children_system)
        cpu.append(spent[0] - spent[1] if children else after.user + after.system - before.user - before.system)
    return min(wall), min(cpu)


def _row(what: str, n: int, goal: float | str, wall: float, cpu: float) -> Row:
    digits = 2 if what.endswith(" s") else 0
    said = f"{wall:.{digits}f} (processor {cpu:.{digits}f})"
    return Row(
        what, n, f"{goal:g}" if isinstance(goal, float) else NONE, said, NONE, within(wall, goal) if isinstance(goal, float) else NONE
    )


def _size(store: Store) -> int:
    """Bytes on the disk."""
    with store._transaction() as connection:
        if connection.dialect.name == "postgresql":
            return int(connection.exec_driver_sql("SELECT pg_database_size(current_database())").scalar() or 0)
        pages, size = (connection.exec_driver_sql(f"PRAGMA {name}").scalar() or 0 for name in ("page_count", "page_size"))
        return int(pages * size)


def filled(where: str, clinic: Clinic) -> float:
    """Fills an empty store; seconds. SQLite does not wait for the disk meanwhile: what a power cut would spoil is drawn again."""
    store = Store(where)
    if not where.startswith("postgresql"):
        event.listen(store._engine, "connect", lambda raw, _: raw.executescript("PRAGMA synchronous = OFF; PRAGMA cache_size = -1000000"))
    start = time.perf_counter()
    fill(store, clinic, lambda parts: progress(parts, "records"))
    return time.perf_counter() - start


@contextmanager
def places(on_server: bool, folder: Path, keep: str) -> Iterator[tuple[str, str]]:
    """Where the large store is to be, and a small one."""
    if not on_server:
        yield keep or str(folder / "large.sqlite"), str(folder / "small.sqlite")
        return
    with server(shared_buffers="256MB", max_wal_size="4GB") as running:
        yield tuple(running.empty(name).render_as_string(hide_password=False) for name in ("large", "small"))  # type: ignore[misc]


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a table; 1 when a goal is missed."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    parser = argparse.ArgumentParser(prog="python -m bench.size_of_store", description="How fast is a store of ten years?")
    parser.add_argument("--machines", type=int, default=20)
    parser.add_argument("--years", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--postgresql", action="store_true", help="on a server of its own, not in an SQLite file")
    parser.add_argument(
        "--keep", default="", metavar="FILE", help="an SQLite file to fill and keep; one that is there is measured as it is"
    )
    asked = parser.parse_args(given)
    clinic = Clinic(asked.machines, asked.years, asked.seed)
    with tempfile.TemporaryDirectory() as name, places(asked.postgresql, Path(name), asked.keep) as (large, small):
        rows = []
        if not (asked.keep and Path(asked.keep).exists()):
            rows.append(Row("drawn and put in, s", len(clinic.days), NONE, f"{filled(large, clinic):.0f}", NONE))
        rows += [*measured(large, Path(name), clinic), verified(small, clinic)]
        show(
            f"A store of {asked.machines} machines and {asked.years:g} years, {'PostgreSQL' if asked.postgresql else 'SQLite'}",
            rows,
            "peer",
        )
    return 1 if any(MISSED in row.verdict for row in rows) else 0


if __name__ == "__main__":
    raise SystemExit(main())
