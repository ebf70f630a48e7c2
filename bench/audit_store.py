"""A month of a machine as a clinic would have it: a morning check on every working day and one monthly check of each test, all measured."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from qa import procedure, protocol, session
from qa.events import ACTION, NOT_USED
from qa.limit import Outcome
from qa.record import Record
from qa.store import Store

MACHINE = "Linac 1"
FIRST = date(2024, 10, 1)  # a Tuesday
MORNINGS = 20
SCHEDULE = """
[[schedule]]
protocol = "tg142_morning"
machines = ["Linac 1"]
every = "daily"

[[schedule]]
protocol = "mppg9a_monthly"
machines = ["Linac 1"]
every = "monthly"
"""
SITE = f"""
name = "Clinic A"
time_zone = "UTC"

[[machine]]
name = "Linac 1"
techniques = ["conventional", "imrt", "srs", "sbrt"]
{SCHEDULE}"""


class Shelf:
    """What a run hands its records to: they are kept here until they are dated."""

    def __init__(self) -> None:
        self.records: list[Record] = []

    def add(self, record: Record) -> str:
        self.records.append(record)
        return record.record_id

    def get(self, record_id: str) -> Record:
        return next(one for one in self.records if one.record_id == record_id)

    def accepted(self, machine: str | None, procedures: Sequence[str] | None) -> tuple[()]:
        return ()

    def newest(self, machine: str, procedures: Sequence[str]) -> None:
        return None


def demonstrated(names: Sequence[str] | None = None, say: Callable[[str], None] = lambda text: None) -> Iterator[Record]:
    """The records of the tests of these names (None: of all that can be demonstrated), each by the protocol that it is demonstrated by."""
    for found in map(procedure.load, names if names is not None else procedure.names()):
        if found.demonstrate is None:
            continue
        say(f"measuring: {found.title}")
        with tempfile.TemporaryDirectory() as folder:
            images = found.demonstrate(Path(folder), lambda text: None)
            judged_by, shelf = protocol.read(found.demonstration_protocol), Shelf()
            answers = dict.fromkeys(judged_by.questions, True)
            session.run(images, judged_by, procedures=[found.name], machine=MACHINE, performer="Ann Lee", store=shelf, answers=answers)
        yield from shelf.records


def dated(record: Record, record_id: str, day: date, hour: int = 7) -> Record:
    """The same, as if it had been taken that day."""
    taken = datetime(day.year, day.month, day.day, hour, 30, tzinfo=UTC)
    return replace(record, record_id=record_id, acquired=taken, analysed=taken + timedelta(minutes=5))


def working_days(first: date, count: int) -> list[date]:
    """So many days from Monday to Friday."""
    days = (first + timedelta(days=k) for k in range(2 * count + 7))
    return [day for day in days if day.weekday() < 5][:count]


def filled(path: Path, records: Sequence[Record], mornings: int = MORNINGS) -> Store:
    """The store: the daily record on every working day, one skipped, the others once, one failure with what was done, reviews."""
    store = Store(path)
    daily = [one for one in records if procedure.subject(one.procedure) == "daily"]
    days = working_days(FIRST, mornings + 1)
    for k, day in enumerate(days):
        if k == len(days) // 2:
            store.put_down(NOT_USED, MACHINE, protocol.read(daily[0].protocol).name, day, "Ann Lee", "no patients today")
            continue
        for one in daily:
            store.add(dated(one, f"day-{k:02d}-{one.procedure}", day))
    for one in records:
        if one not in daily:
            store.add(dated(one, f"month-{one.procedure}-{one.record_id[:8]}", FIRST + timedelta(days=2), 17))
    _signed(store)
    return store


def _signed(store: Store) -> None:
    for summary in store.list(1000):
        store.sign(summary.record_id, "Bob Kay", "physicist", "reviewed")
        if max(summary.verdicts.values(), default=Outcome.PASS) in (Outcome.FAIL, Outcome.DISAGREEMENT):
            store.put_down(ACTION, "", summary.record_id, FIRST + timedelta(days=3), "Bob Kay", "ball set up again, measured again")
