"""Ten years of a clinic, drawn: the records of its machines as a run stores them, put in at once with their hashes and their chain.

What a record of these years has not: evidence (pictures and curves, which no trend, due list or audit line reads) and a second engine.
A test has 100 sets of drawn values, each judged by ``qa.protocol.judge``; a record is one of them under an id, machine and time of its own.
Ids are random as in life.
"""

from __future__ import annotations

import calendar
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import islice
from typing import Any

import numpy as np
from sqlalchemy import Connection, Table

from qa import chain, protocol, tables
from qa.plain import encode
from qa.reading import Measured, NotMeasured, Quantity, Reading
from qa.record import Basis, Input, Record, json_hash, to_json
from qa.rows import to_rows
from qa.store import Store

LAST, FIRST = date(2026, 6, 30), datetime(1970, 1, 1, tzinfo=UTC)
DAILY, MONTHLY = ("tg142_morning", "tg142_daily"), "tg142_monthly"
SIZES = {"tg142_morning": 46, "tg142_daily": 24, MONTHLY: 30}  # readings of one record, at least those that its limits are for
NEEDED = {MONTHLY: ("isocenter_size_gantry",)}
OFTEN_FAILED, UNMEASURED = 0.003, 0.002  # shares of values that are outside their limit, and of readings that are none
AT_ONCE = 500  # records in one transaction
DIFFERENT = 100  # sets of values of a test, which its records repeat

Along = Callable[[Sequence[Sequence[date]]], Iterable[Sequence[date]]]
_Drawn = tuple[Quantity, float, dict[str, str | float]]
Rows = Mapping[str, Sequence[Mapping[str, Any]]]


@dataclass(frozen=True)
class Clinic:
    """How many machines, how many years up to ``LAST``, and the seed of all that is drawn."""

    machines: int = 20
    years: float = 10.0
    seed: int = 1

    @property
    def names(self) -> tuple[str, ...]:
        """What its machines are called."""
        return tuple(f"Linac {number}" for number in range(1, self.machines + 1))

    @property
    def days(self) -> tuple[date, ...]:
        """Its working days, the first one first."""
        every = (LAST - timedelta(days=back) for back in range(round(self.years * 365.25) - 1, -1, -1))
        return tuple(day for day in every if day.weekday() < calendar.SATURDAY)

    @property
    def site(self) -> str:
        """Its site file."""
        machines = "".join(f'[[machine]]\nname = "{name}"\nstations = ["{name.upper()}"]\n' for name in self.names)
        every = ", ".join(f'"{name}"' for name in self.names)
        tasks = [(name, "daily") for name in DAILY] + [(MONTHLY, "monthly")]
        schedule = "".join(f'[[schedule]]\nprotocol = "{name}"\nmachines = [{every}]\nevery = "{often}"\n' for name, often in tasks)
        return f'name = "Drawn"\ntime_zone = "UTC"\n{machines}{schedule}'


def records(clinic: Clinic, days: Iterable[date]) -> Iterator[Rows]:
    """The rows of what its machines measured on these days, in order of time; of a month's first week the monthly check on one day."""
    for day in days:
        for number, machine in enumerate(clinic.names):
            rng = np.random.default_rng([clinic.seed, day.toordinal(), number])
            monthly = [MONTHLY] if day.day <= 7 and day.weekday() == number % 5 else []
            for name in (*DAILY, *monthly):
                for procedure in protocol_of(name).procedures:
                    known = _known(clinic.seed, name, procedure)
                    yield _of(*known[rng.integers(len(known))], rng, machine, day)


protocol_of = cache(protocol.read)


@cache
def _quantities(name: str, procedure: str) -> tuple[_Drawn, ...]:
    """What a record of that test holds, each with the size of its values and what it is of: first what is judged, then single images."""
    limits = [one for one in protocol_of(name).limits if one.procedure == procedure and one.kind == "absolute"]
    judged: dict[str, _Drawn] = {
        one.quantity: (Quantity(one.quantity, one.unit, "judged", "drawn"), one.tolerance / 8, {"part": one.parts[0]} if one.parts else {})
        for one in limits
        if one.tolerance is not None
    }
    judged |= {key: (Quantity(key, "mm", "what a limit needs", "drawn"), 0.2, {}) for key in NEEDED.get(name, ())}
    single = (
        (Quantity(f"{procedure}_{axis}", "mm", f"one image along {axis}", "drawn"), 0.2, {"gantry_deg": 15.0 * k, "image": f"{k}.dcm"})
        for k in range(1000)
        for axis in ("u", "v")
    )
    return *judged.values(), *islice(single, SIZES[name] - len(judged))


@cache
def _known(seed: int, name: str, procedure: str) -> tuple[tuple[dict[str, Any], Rows], ...]:
    """What a record of that test may hold: as its JSON and as its rows."""
    rng = np.random.default_rng([seed, *procedure.encode()])
    drawn = [_record(rng, name, procedure) for _ in range(DIFFERENT)]
    return tuple((to_json(record), to_rows(record)) for record in drawn)


def _of(plain: Mapping[str, Any], rows: Rows, rng: np.random.Generator, machine: str, day: date) -> Rows:
    """The rows of that record under another id, of another machine and day, as ``to_rows`` makes them, in a tenth of the time."""
    taken = datetime(day.year, day.month, day.day, 6, tzinfo=UTC) + timedelta(seconds=float(rng.uniform(0, 7200)))
    own = {"record_id": str(uuid.UUID(bytes=rng.bytes(16), version=4)), "machine": machine}
    own |= {"acquired": encode(datetime, taken), "analysed": encode(datetime, taken + timedelta(minutes=2))}
    hashed = json_hash({**plain, "record": {**plain["record"], **own}})
    key = {"record_id": own["record_id"]}
    children = {name: [{**row, **key} for row in each] for name, each in rows.items() if name != "record"}
    return {"record": [{**rows["record"][0], **own, "record_hash": hashed}], **children}


def _record(rng: np.random.Generator, name: str, procedure: str) -> Record:
    judged_by, quantities = protocol_of(name), _quantities(name, procedure)
    z, u = rng.standard_normal(len(quantities)), rng.uniform(0.01, 0.05, len(quantities))
    fate = rng.random(len(quantities))
    readings: list[Reading] = []
    for k, (what, size, at) in enumerate(quantities):
        if fate[k] < UNMEASURED:
            readings.append(NotMeasured(what, "the ball was not found: repeat the image", at))
            continue
        value = abs(z[k]) * size if k < 4 else z[k] * size
        value += 24 * size if fate[k] > 1 - OFTEN_FAILED else 0.0
        readings.append(Measured(what, float(value), float(u[k]), at, {"noise": float(u[k])}))
    answers = {question: True for question in judged_by.questions}
    return Record(
        record_id="any",
        procedure=procedure,
        procedure_version="1",
        title="MV",
        machine="any",
        phantom="ball",
        performer="T. Therapist",
        protocol=name,
        protocol_title=judged_by.title,
        coverage_factor=judged_by.coverage_factor,
        acquired=FIRST,
        analysed=FIRST,
        versions=(("igrtqa", "0.1.0"),),
        inputs=tuple(Input(f"{k}.dcm", rng.bytes(32).hex(), f"1.2.3.{k}", True) for k in range(4)),
        readings=tuple(readings),
        judgements=protocol.judge(judged_by, procedure, readings, answers=answers),
        evidence=(),
        procedure_title="Drawn",
        basis=Basis(),
    )


def fill(store: Store, clinic: Clinic, along: Along = lambda parts: parts) -> tuple[int, int]:
    """All of it into an empty store: how many records and readings. The links and sign-offs have the times of the records.

    The tables, their checks and their guards are the store's own; only the rows of many records share a transaction, and the indexes for
    trends and what is due are made at the end, as ``Store.add`` makes them where they are lacking. Every monthly record is signed.
    """
    with store._transaction(writing=True) as connection:
        for index in tables.ANY_VERSION:
            index.drop(connection)
    before: chain.Link | None = None
    count = readings = 0
    size = max(1, AT_ONCE // (3 * clinic.machines))
    for days in along([clinic.days[start : start + size] for start in range(0, len(clinic.days), size)]):
        part = list(records(clinic, days))
        with store._transaction(writing=True) as connection:
            before = _insert(connection, part, before)
        count, readings = count + len(part), readings + sum(len(rows["reading"]) for rows in part)
    with store._transaction(writing=True) as connection:
        for index in tables.ANY_VERSION:
            index.create(connection)
    return count, readings


def _insert(connection: Connection, part: Sequence[Rows], before: chain.Link | None) -> chain.Link | None:
    """Records, sign-offs and links; the newest link."""
    links, signed = [], []
    for rows in part:
        (own,) = rows["record"]
        stored = max(datetime.fromisoformat(own["analysed"]), datetime.fromisoformat(before.linked) if before else FIRST)
        before = chain.following(before, "record", own["record_id"], own["record_hash"], chain.packed_hash([]), stored)
        links.append(before)
        if own["protocol"] == MONTHLY:
            row = _sign_off(own, stored)
            signed.append(row)
            before = chain.following(before, "sign-off", chain.event_id("sign-off", row), chain.content_hash("sign-off", row), "", stored)
            links.append(before)
    for table in (*tables.CHILDREN, tables.record):
        _all(connection, table, [row for rows in part for row in rows[table.name]])
    _all(connection, tables.sign_off, signed)
    _all(connection, tables.link, [vars(link) for link in links])
    return before


def _all(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    if rows:
        connection.execute(table.insert(), rows)


def _sign_off(own: Mapping[str, Any], signed: datetime) -> dict[str, Any]:
    row = {"record_id": own["record_id"], "idx": 0, "record_hash": own["record_hash"], "who": "P. Physicist", "role": "physicist"}
    return row | {"meaning": "reviewed", "signed": encode(datetime, signed), "comment": "", "own_run": False}
