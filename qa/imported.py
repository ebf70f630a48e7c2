"""What another program measured and judged, kept as that program said it: nobody's record of ours, and never judged again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, select

from qa import chain, tables
from qa.names import several, words
from qa.plain import encode
from qa.widening import version

File = tuple[Mapping[str, str], datetime, Sequence[Mapping[str, str]]]  # texts of ``Imported``, when it was taken, texts of its lines


@dataclass(frozen=True)
class Imported:
    """One file: ``clock`` is its time as stated and ``zone`` the one it was read in, ``taken`` the two together, ``lines`` how many."""

    number: int
    source: str
    machine: str
    serial: str
    name: str
    template: str
    clock: str
    zone: str
    taken: datetime
    sha256: str
    who: str
    written: datetime
    lines: int = 0


@dataclass(frozen=True)
class Opinion:
    """One line of a file, value, threshold ("" = none stated) and verdict as its program stated them."""

    of: Imported
    name: str
    unit: str
    value: str
    threshold: str
    verdict: str

    @property
    def number(self) -> float:
        """The value as a number, in ``unit``."""
        return float(self.value)


def unwritable(connection: Connection, said: Mapping[str, str], names: Sequence[str], lines: int) -> str:
    """Why this file cannot be taken in, "" when it can; ``said`` are the texts of ``Imported``, ``names`` the machine's."""
    if not words(said["who"]):
        return "say who imports it, with --by NAME"
    if several(said["who"]):
        return f"{said['who']!r} names several persons; one of them imports it, as Given Surname"
    if not said["machine"].strip() or not lines:
        return "it names no machine, or holds nothing"
    own = tables.imported.c
    of_source = own.source == said["source"]
    before = connection.execute(select(own.number, own.sha256, own.machine).where(of_source, own.name == said["name"])).first()
    if before is not None:
        same = "the same file" if before.sha256 == said["sha256"] else "another content under the same name"
        return f"{same} was imported before (import {before.number}, of {before.machine})"
    others = connection.scalars(select(own.machine).where(of_source, own.serial == said["serial"]).distinct())
    if other := [one for one in others if one not in names]:
        return f"serial number {said['serial']} was imported as {other[0]} before, and not as {said['machine']}"
    return ""


def add(connection: Connection, said: Mapping[str, str], taken: datetime, lines: Sequence[Mapping[str, str]]) -> Imported:
    """Writes the file with all its lines just now, in the caller's transaction, which ``unwritable`` had nothing against."""
    now, before = chain.clock(), connection.scalar(select(func.max(tables.imported.c.number))) or 0
    row: dict[str, Any] = {"number": before + 1, "taken": encode(datetime, taken), "written": encode(datetime, now)}
    row |= {name: encode(str, text.strip()) for name, text in said.items()}
    rows = [
        {"number": row["number"], "idx": index, **{name: encode(str, text) for name, text in line.items()}}
        for index, line in enumerate(lines)
    ]
    connection.execute(tables.opinion.insert(), rows)
    connection.execute(tables.imported.insert(), row)  # closes it
    chain.append(connection, "imported", str(row["number"]), chain.content_hash("imported", {**row, "opinions": rows}), now=now)
    return _imported(row, len(rows))


def found(connection: Connection, names: Sequence[str] | None = None) -> tuple[Imported, ...]:
    """All imports of a machine (its names), or of all machines (None), the first one first; none in a database of an older version."""
    if version(connection) < tables.SINCE[tables.imported]:
        return ()
    query = select(tables.imported).order_by(tables.imported.c.number)
    counted = select(tables.opinion.c.number, func.count()).group_by(tables.opinion.c.number)
    if names is not None:
        query = query.where(tables.imported.c.machine.in_(names))
        counted = counted.where(tables.opinion.c.number.in_(query.with_only_columns(tables.imported.c.number).order_by(None)))
    lines = {number: count for number, count in connection.execute(counted)}
    return tuple(_imported(dict(row), lines.get(row["number"], 0)) for row in connection.execute(query).mappings())


def opinions(connection: Connection, names: Sequence[str], source: str, of: Sequence[str]) -> tuple[Opinion, ...]:
    """What that program said of a machine (its names) under these names, the one taken first first."""
    if version(connection) < tables.SINCE[tables.opinion] or not of:
        return ()
    own, line = tables.imported, tables.opinion
    said = line.c.name, line.c.unit, line.c.value, line.c.threshold, line.c.verdict
    query = select(*own.c, *said).join(line, own.c.number == line.c.number)
    query = query.where(line.c.name.in_(of), own.c.machine.in_(names), own.c.source == source)
    width, made = len(own.c), []
    for row in connection.execute(query.order_by(own.c.taken, own.c.number, line.c.idx)):
        made.append(Opinion(_imported(dict(zip(own.c.keys(), row[:width], strict=True))), *row[width:]))
    return tuple(made)


def lines(connection: Connection, files: Sequence[Imported]) -> tuple[Opinion, ...]:
    """All that these files say, file by file and line by line."""
    own = tables.opinion.c
    made: list[Opinion] = []
    for one in files:
        query = select(own.name, own.unit, own.value, own.threshold, own.verdict).where(own.number == one.number).order_by(own.idx)
        made += (Opinion(one, *row) for row in connection.execute(query))
    return tuple(made)


def _imported(row: Mapping[str, Any], lines: int = 0) -> Imported:
    times = {name: datetime.fromisoformat(row[name]) for name in ("taken", "written")}
    return Imported(**{**row, **times}, lines=lines)
