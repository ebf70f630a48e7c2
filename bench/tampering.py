"""Changes by force: one value or one byte of a stored record, event or link, past every guard, and back again; one byte of a file."""

from __future__ import annotations

import math
import sqlite3
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

RECORD = ("record", "input", "reading", "judgement", "baseline", "comparison", "basis", "evidence")
EVENTS = ("acceptance", "sign_off", "event", "accepted_baseline")
# a kind is drawn first: all are tried alike
TABLES = {"record": RECORD, "event": EVENTS, "import": ("imported", "opinion"), "link": ("link",)}
TRIES = 100


@dataclass(frozen=True)
class Change:
    """What was changed by force; ``values`` are the row's key after it."""

    table: str
    column: str
    before: Any
    after: Any
    undo: tuple[str, tuple[Any, ...]]

    def __str__(self) -> str:
        return f"{self.table}.{self.column}: {self.before!r} became {self.after!r}"


def forced(path: Path) -> sqlite3.Connection:
    """The database without its guards, as a program that means harm opens it."""
    connection = sqlite3.connect(path, isolation_level=None)
    for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'").fetchall():
        connection.execute(f"DROP TRIGGER {name}")
    connection.execute("PRAGMA ignore_check_constraints = ON")
    connection.execute("PRAGMA synchronous = OFF")
    return connection


def change(rng: np.random.Generator, connection: sqlite3.Connection) -> Change:
    """One random value of a random row, changed in one byte, bit or digit."""
    for _ in range(TRIES):
        table = str(rng.choice(TABLES[str(rng.choice(list(TABLES)))]))
        columns = connection.execute(f"PRAGMA table_info({table})").fetchall()  # (number, name, type, not null, default, place in the key)
        keys = [column[1] for column in columns if column[5]]
        name, kind, required = columns[rng.integers(len(columns))][1:4]
        count = connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
        if not count:
            continue
        query = f"SELECT {name}, {', '.join(keys)} FROM {table} LIMIT 1 OFFSET {rng.integers(count)}"
        before, *key = connection.execute(query).fetchone()
        after = _other(rng, before, kind)
        if before is None and required:
            continue
        mark = "CAST(? AS TEXT)" if kind == "TEXT" else "?"
        where = " AND ".join(f"{column} = ?" for column in keys)
        try:
            connection.execute(f"UPDATE {table} SET {name} = {mark} WHERE {where}", (after, *key))
        except sqlite3.IntegrityError:  # the key of another row
            continue
        moved = [after if column == name else value for column, value in zip(keys, key, strict=True)]
        back = " AND ".join(f"{column} = {mark if column == name else '?'}" for column in keys)
        return Change(table, name, before, after, (f"UPDATE {table} SET {name} = ? WHERE {back}", (before, *moved)))
    raise RuntimeError("nothing in this database can be changed")


def undo(connection: sqlite3.Connection, made: Change) -> None:
    """The value as it was."""
    if connection.execute(*made.undo).rowcount != 1:
        raise RuntimeError(f"could not be undone: {made}")


def damage(rng: np.random.Generator, content: bytes) -> tuple[int, bytes]:
    """The content with one random byte changed, and where that is."""
    place = int(rng.integers(len(content)))
    return place, content[:place] + bytes([(content[place] + int(rng.integers(1, 256))) % 256]) + content[place + 1 :]


def _other(rng: np.random.Generator, value: Any, kind: str) -> Any:
    """Another value of the column's type: of text and blobs one byte, of numbers one bit."""
    if value is None:
        return {"TEXT": b"x", "BLOB": b"x"}.get(kind, 0.5)
    if isinstance(value, str | bytes):
        raw = bytearray(value.encode() if isinstance(value, str) else value)
        if not raw:
            return b"x"
        place = rng.integers(len(raw))
        raw[place] = (raw[place] + rng.integers(1, 256)) % 256
        return bytes(raw)
    if isinstance(value, int):
        return value ^ (1 << int(rng.integers(3)))
    while True:  # of the 64 bits of a number those that leave it finite and another one: zero has two signs, SQLite keeps one
        (bits,) = struct.unpack("<Q", struct.pack("<d", value))
        (other,) = struct.unpack("<d", struct.pack("<Q", bits ^ (1 << int(rng.integers(64)))))
        if math.isfinite(other) and other != value:
            return other
