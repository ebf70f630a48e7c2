"""A whole store held against its chain: the first link that is broken, and what it is that broke it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, inspect

from qa import chain, tables
from qa.as_stored import UNREADABLE, Look, known, record_fault, rows_of, told
from qa.widening import version

Row = Mapping[str, Any]
MANY = 20  # faults, after which links are not looked for elsewhere: with everything broken that would take hours
_STORED = {"record": tables.record, **chain.BESIDE}


@dataclass(frozen=True)
class Fault:
    """What does not fit: ``number`` of the link, None where no link is concerned; ``what`` in two words, ``words`` in full."""

    number: int | None
    what: str
    words: str

    def __str__(self) -> str:
        """The fault as one line."""
        return f"{f'link {self.number}' if self.number is not None else 'no link'}: {self.what}: {self.words}"


@dataclass
class Verified:
    """What was looked at and what does not fit, the first link first; ``remarks`` are worth knowing and break nothing."""

    links: int = 0
    records: int = 0
    events: int = 0
    imported: int = 0
    adopted: int = 0
    end: str = ""
    chained: bool = True
    faults: list[Fault] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    @property
    def intact(self) -> bool:
        """Whether there is a chain and all that is stored fits it."""
        return self.chained and not self.faults


def check(connection: Connection, say: Callable[[str], None] = lambda text: None) -> Verified:
    """Every link, every record and every event of the database, as its bytes are now; ``say`` is told how far it is."""
    look, found = Look(connection, version(connection)), Verified()
    _file(look, found)
    if gone := {table.name for table in known(look)} - set(inspect(connection).get_table_names()):
        found.faults.append(Fault(None, "table missing", f"{', '.join(sorted(gone))}: restore the database from a backup"))
        return found
    stored = {kind: _ids(look, kind, found) for kind in _STORED}
    found.records, found.events = len(stored["record"]), sum(len(stored[kind]) for kind in chain.EVENTS)
    found.imported = len(stored["imported"])
    _orphans(look, found)
    if look.version < tables.SINCE[tables.link]:
        _unchained(look, stored["record"], found, say)
    else:
        _chained(look, stored, found, say)
    found.faults.sort(key=lambda fault: (fault.number is None, fault.number or 0))
    return found


def _file(look: Look, found: Verified) -> None:
    """What SQLite says of its own file, and whether all its guards are there."""
    if look.connection.dialect.name != "sqlite":
        return
    try:
        said = [str(row[0]) for row in look.connection.exec_driver_sql("PRAGMA integrity_check(1)")]
    except UNREADABLE as error:
        said = [told(error)]
    if said != ["ok"]:
        found.faults.append(Fault(None, "file damaged", f"{'; '.join(said)}; restore it from a backup"))
    there = {row[0]: row[1] for row in look.connection.exec_driver_sql("SELECT name, type FROM sqlite_schema")}
    wanted = [statement.split()[2] for statement in tables.triggers("sqlite", known(look))]
    if missing := [name for name in wanted if there.get(name) != "trigger"]:
        found.remarks.append(f"{len(missing)} guards against changes were removed from the database (first: {missing[0]})")
    if look.version < tables.SINCE[tables.link] and "link" in there:
        found.faults.append(Fault(None, "version changed", "the database says that it is older than its chain"))


def _ids(look: Look, kind: str, found: Verified) -> dict[str, Row]:
    """What is stored of that kind, by what a link calls it; of an event the row, of a record nothing."""
    table = _STORED[kind]
    if tables.SINCE.get(table, 1) > look.version:
        return {}
    try:
        if kind == "record":
            return {str(row["record_id"]): {} for row in rows_of(look, table, ("record_id",))}
        return {chain.event_id(kind, row): row for row in rows_of(look, table)}
    except UNREADABLE as error:
        found.faults.append(Fault(None, f"{kind} changed", f"the table {table.name} cannot be read ({told(error)})"))
        return {}


def _orphans(look: Look, found: Verified) -> None:
    """Rows that belong to no record."""
    for table in tables.CHILDREN:
        if tables.SINCE.get(table, 1) <= look.version:
            query = f"SELECT count(*) FROM {table.name} WHERE record_id NOT IN (SELECT record_id FROM record)"
            if count := look.connection.exec_driver_sql(query).scalar():
                found.faults.append(Fault(None, "rows of no record", f"{count} in the table {table.name}"))
    if look.version >= tables.SINCE[tables.opinion]:
        query = "SELECT count(*) FROM opinion WHERE number NOT IN (SELECT number FROM imported)"
        if count := look.connection.exec_driver_sql(query).scalar():
            found.faults.append(Fault(None, "rows of no import", f"{count} in the table {tables.opinion.name}"))


def _unchained(look: Look, records: Mapping[str, Row], found: Verified, say: Callable[[str], None]) -> None:
    """A database that has no chain yet: every record can be held against its own hash only."""
    found.chained = False
    for count, record_id in enumerate(sorted(records), 1):
        say(f"record {count} of {len(records)}")
        if why := record_fault(look, record_id, None, None):
            found.faults.append(Fault(None, "record changed", f"record {record_id}: {why}"))


def _chained(look: Look, stored: Mapping[str, dict[str, Row]], found: Verified, say: Callable[[str], None]) -> None:
    """The chain from its first link to its last, and the item of every link."""
    before, expected, left = None, 1, {kind: set(items) for kind, items in stored.items()}
    numbers = [row["number"] for row in rows_of(look, tables.link, ("number",))]
    for count, number in enumerate(numbers, 1):
        say(f"link {count} of {len(numbers)}")
        link, why = _read(look, number)
        if link is None:
            found.faults.append(Fault(number if isinstance(number, int) else expected, "link changed", why))
            before, expected = None, expected + 1
            continue
        if number != expected:
            found.faults.append(Fault(expected, "link missing", f"link {number} comes where link {expected} should be"))
        few = numbers if len(found.faults) < MANY else []
        found.faults += _place(link, before, number == expected, few)
        kind = link["kind"].removeprefix(chain.ADOPTED)
        found.faults += _item(look, link, kind, stored[kind].get(link["id"]), left[kind])
        _clock(found, link, before)
        found.adopted += link["kind"] != kind
        before, expected = link, number + 1
    found.links, found.end = len(numbers), before["hash"] if before else ""
    for kind, items in left.items():
        found.faults += [Fault(None, "item without link", f"{kind} {item} was put there past this program") for item in sorted(items)]


def _read(look: Look, number: Any) -> tuple[Row | None, str]:
    """The link of that number, or why it cannot be read."""
    try:
        (link,) = rows_of(look, tables.link, where="number", equal=number)
        if not isinstance(number, int) or not all(isinstance(link[key], str) for key in link if key != "number"):
            return None, "it holds something else than text"
        if link["kind"].removeprefix(chain.ADOPTED) not in _STORED:
            return None, f"it is of no known kind ({link['kind']})"
        if datetime.fromisoformat(link["linked"]).tzinfo is None:
            return None, f"its time has no zone ({link['linked']})"
        return link, ""
    except UNREADABLE as error:
        return None, f"it cannot be read ({told(error)})"


def _place(link: Row, before: Row | None, follows: bool, numbers: list[Any]) -> Iterator[Fault]:
    """Whether the link is what it was, where it was; ``numbers`` are those that it may have had."""
    number = link["number"]
    if link["hash"] != chain.link_hash(link):
        was = next(
            (other for other in numbers if isinstance(other, int) and chain.link_hash({**link, "number": other}) == link["hash"]), None
        )
        if was is not None:
            yield Fault(number, "link re-ordered", f"it was link {was} ({link['kind']} {link['id']})")
        else:
            yield Fault(number, "link changed", f"its hash does not fit what it says ({link['kind']} {link['id']})")
    elif follows and (before is not None or number == 1):
        expected = before["hash"] if before is not None else chain.BEFORE_THE_FIRST
        if link["previous"] != expected:
            yield Fault(number, "link re-ordered", "it does not follow the link before it: one of the two was changed, moved or replaced")


def _item(look: Look, link: Row, kind: str, row: Row | None, left: set[str]) -> Iterator[Fault]:
    """Whether what the link is of is stored, once, as it was."""
    number, name = link["number"], f"{kind} {link['id']}"
    if row is None:
        yield Fault(number, f"{kind} missing", f"{name} is not stored any more")
        return
    if link["id"] not in left:
        yield Fault(number, "link repeated", f"{name} has an earlier link")
        return
    left.discard(link["id"])
    if kind == "record":
        if why := record_fault(look, link["id"], link["content"], link["packed"]):
            yield Fault(number, "record changed", f"{name}: {why}")
        return
    try:
        if kind == "imported":  # with all its lines, as the chain has it; those of one at a time: ten years have millions
            row = {**row, "opinions": [*rows_of(look, tables.opinion, where="number", equal=row["number"])]}
        fits = chain.content_hash(kind, row) == link["content"] and link["packed"] == ""
    except UNREADABLE:  # no JSON, or no text: so not what was stored
        fits = False
    if not fits:
        yield Fault(number, "import changed" if kind == "imported" else "event changed", f"{name} is not what was stored")


def _clock(found: Verified, link: Row, before: Row | None) -> None:
    """A clock that was set back is no fault of the chain, whose order is that of the numbers."""
    if before is not None and datetime.fromisoformat(link["linked"]) < datetime.fromisoformat(before["linked"]):
        times = f"{link['linked'][:19]} after {before['linked'][:19]}, UTC"
        found.remarks.append(f"link {link['number']} is earlier than the link before it ({times}): a clock was set back, or clocks differ")
