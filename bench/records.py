"""python -m bench.records: is every change by force of a store and of a report found, and is anything lost when writers are killed?"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np

from bench.drawn_records import drawn
from bench.killing import killed
from bench.table import MET, MISSED, NONE, Row, progress, show
from bench.tampering import change, damage, forced, undo
from qa import keystore
from qa import progress as bars
from qa.events import ACTION, SERVICE
from qa.reading import QaError
from qa.site_tables import Keys
from qa.store import Store
from reports import pdf, pdf_signature
from reports.held import hold

RECORDS = 6
Along = Callable[[Sequence[int]], Iterable[int]]


def filled(path: Path | str, seed: int, count: int = RECORDS) -> Store:
    """A store of drawn records with sign-offs and acceptances."""
    store = Store(path)
    for k in range(count):
        record_id = f"trial-{k}"
        store.add(drawn(np.random.default_rng([seed, k]), record_id))
        store.sign(record_id, "Reviewer", "physicist", "reviewed", f"number {k}")
        store.accept(record_id, "Physicist", "")
    return store


def with_events(store: Store) -> Store:
    """The same, with two events put down and a baseline accepted."""
    store.put_down(ACTION, "", "trial-0", date(2026, 1, 5), "Physicist", "the ball was set up again")
    store.put_down(SERVICE, "Linac 1", "", date(2026, 1, 5), "Physicist", "panel replaced")
    store.accept_baseline(["trial-1", "trial-0"], "Physicist", "panel replaced", "ball 7", renewed=date(2026, 1, 5))
    return store


def with_import(store: Store) -> Store:
    """The same, with a check of another program taken in."""
    said = {"source": "Another", "machine": "Linac 1", "serial": "4711", "name": "check 1", "template": "daily", "who": "Physicist"}
    said |= {"clock": "2026-01-05T07:10:30", "zone": "UTC", "sha256": "0" * 64}
    line = {"name": "Group/Size", "unit": "mm", "value": "0.30", "threshold": "0.5", "verdict": "Pass"}
    store.take_in([(said, datetime(2026, 1, 5, 7, 10, 30, tzinfo=UTC), [line, {**line, "name": "Group/Shift"}])])
    return store


def unfound(store: Store, changes: int, seed: int, along: Along = lambda numbers: numbers) -> list[str]:
    """Of so many random changes those that verifying does not find; each is undone before the next. RuntimeError when undoing fails."""
    rng, missed = np.random.default_rng(seed), []
    connection = forced(Path(store.where or ""))
    for count in along(range(changes)):
        made = change(rng, connection)
        if all(fault.what == "file damaged" for fault in store.verify().faults):  # SQLite's own word for broken constraints is not enough
            missed.append(str(made))
        undo(connection, made)
        if (count % 50 == 0 or count == changes - 1) and store.verify().faults:  # else everything after it would seem to be found
            raise RuntimeError(f"the store is not as it was after undoing: {made}")
    connection.close()
    return missed


def whole_after_damage(
    store: Store, damages: int, seed: int, along: Along = lambda numbers: numbers, keys: Keys | None = None
) -> list[str]:
    """Of so many reports, each with one random byte changed, those that are called whole or end in an error that says nothing.

    Reports signed with ``keys`` where there are: every second change is then in the part that the signature added.
    """
    rng, missed = np.random.default_rng(seed), []
    plain = pdf.render(store.get("trial-0"), store.standing("trial-0"))
    content = pdf_signature.sign(plain, keystore.opened(keys), "") if keys else plain
    trusted = keystore.trusted(keys)
    for count in along(range(damages)):
        kept = content[: len(plain)] if count % 2 and keys else b""
        place, other = damage(rng, content[len(kept) :])
        place, other = place + len(kept), kept + other
        try:
            found = hold(other, store, trusted)
        except QaError:  # it says that this is no report
            continue
        except Exception as error:  # what a user would see as a fault of the program
            missed.append(f"report, byte {place}: {type(error).__name__}: {error}")
            continue
        if found.whole:
            missed.append(f"report, byte {place}: called whole")
    return missed


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a table; 1 when a goal is missed."""
    parser = argparse.ArgumentParser(prog="python -m bench.records", description="Does the store keep what it promises?")
    parser.add_argument("--changes", type=int, default=1000)
    parser.add_argument("--damages", type=int, default=1000, help="of a byte of a report, half of them of signed ones")
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--records", type=int, default=200, help="how many to time a verification on")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args(arguments)
    rows = []
    with tempfile.TemporaryDirectory() as name, bars.shown() as tell:
        folder = Path(name)
        if asked.changes:
            store = with_import(with_events(filled(folder / "changed.sqlite", asked.seed)))
            missed = unfound(store, asked.changes, asked.seed, lambda numbers: progress(numbers, "changes"))
            print("".join(f"not found: {text}\n" for text in missed), end="")
            rows.append(_row("changes by force that are found", asked.changes, "all", f"{asked.changes - len(missed)}", not missed))
        if asked.damages:
            store = filled(folder / "printed.sqlite", asked.seed, 1)
            keys = Keys(file=folder / "key.p12", trusted=(keystore.make(folder / "key.p12", "drawn"),))
            half = asked.damages // 2
            missed = whole_after_damage(store, asked.damages - half, asked.seed, lambda numbers: progress(numbers, "reports"))
            missed += whole_after_damage(store, half, asked.seed, lambda numbers: progress(numbers, "signed reports"), keys)
            print("".join(f"not found: {text}\n" for text in missed), end="")
            rows.append(
                _row("damaged reports (PDF) that are not called whole", asked.damages, "all", f"{asked.damages - len(missed)}", not missed)
            )
        if asked.kills:
            left = killed(folder, asked.kills, asked.seed, tell)
            print("".join(f"{fault}\n" for fault in left.verified.faults), end="")
            rows.append(_row("kill -9: said to be stored and lost", left.said, "0", f"{len(left.lost)}", not left.lost))
            state = f"{left.verified.links} links, {len(left.verified.faults)} faults"
            rows.append(_row("kill -9: the chain afterwards", left.kills, "intact", state, left.verified.intact))
        if asked.records:
            store = filled(folder / "timed.sqlite", asked.seed, asked.records)
            start = time.perf_counter()
            store.verify()
            taken = time.perf_counter() - start
            rows.append(Row("verification, ms per record with two events", asked.records, NONE, f"{1e3 * taken / asked.records:.1f}", NONE))
    show("Stored records", rows)
    return 1 if any(MISSED in row.verdict for row in rows) else 0


def _row(what: str, n: int, goal: str, found: str, met: bool) -> Row:
    return Row(what, n, goal, found, NONE, MET if met else MISSED)


if __name__ == "__main__":
    raise SystemExit(main())
