"""A store's rows as the database holds them, to the bit, and whether they are those of the record that was linked."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import Boolean, Connection, Table
from sqlalchemy.exc import SQLAlchemyError

from qa import chain, tables
from qa.reading import RecordError
from qa.rows import from_rows, to_rows

UNREADABLE = (RecordError, SQLAlchemyError, sqlite3.Error, ValueError, TypeError, KeyError, AttributeError, OverflowError)


@dataclass(frozen=True)
class Look:
    """A database and which version its records are of."""

    connection: Connection
    version: int


def known(look: Look) -> list[Table]:
    """The tables that a database of that version has."""
    return [table for table in tables.metadata.sorted_tables if tables.SINCE.get(table, 1) <= look.version]


def record_fault(look: Look, record_id: str, content: str | None, packed: str | None) -> str:
    """What of a record's rows is not as it was stored, "" when all is: in value, type and spelling; None = no link says."""
    try:
        stored = _rows(look, record_id)
        expected = to_rows(from_rows(stored), packed=False)
        if expected["record"][0]["record_hash"] != (stored["record"][0]["record_hash"] if content is None else content):
            return "its hash does not fit"
        if packed is not None and chain.packed_hash(row["data"] for row in stored["evidence"]) != packed:
            return "its evidence is packed otherwise"
    except UNREADABLE as error:
        return f"it cannot be read ({told(error)})"
    for name, rows in stored.items():
        if len(rows) != len(expected[name]):
            return f"{name} has {len(rows)} rows, not {len(expected[name])}"
        for row, fitting in zip(rows, expected[name], strict=True):
            if wrong := [key for key in row if key != "data" and not _same(row[key], fitting[key])]:
                return f"{name}.{wrong[0]} is not what was stored"
    return ""


def told(error: Exception) -> str:
    """What the database said, without the statement that it said it of."""
    return str(getattr(error, "orig", None) or error)


def _same(one: Any, other: Any) -> bool:
    """Equal to the bit; -0.0 is not 0.0."""
    if isinstance(other, float):
        return repr(one) == repr(other) != "-0.0"  # which is never stored
    return one == other and isinstance(one, str) == isinstance(other, str)


def _rows(look: Look, record_id: str) -> dict[str, list[dict[str, Any]]]:
    known = [table for table in (tables.record, *tables.CHILDREN) if tables.SINCE.get(table, 1) <= look.version]
    return {table.name: list(rows_of(look, table, where="record_id", equal=record_id)) for table in known}


def rows_of(look: Look, table: Table, names: tuple[str, ...] = (), where: str = "", equal: Any = None) -> Iterator[dict[str, Any]]:
    """Rows as the database holds them, in order of their keys: SQLite has no yes and no, only numbers, and there 3 must not be a yes."""
    names = names or tuple(column.name for column in tables.columns(table, look.version))
    query, answers = _query(table, names, where, "?" if look.connection.dialect.name == "sqlite" else "%s")
    for row in look.connection.exec_driver_sql(query, (equal,) if where else ()):
        yield {name: bool(value) if name in answers and value in (0, 1) else value for name, value in zip(names, row, strict=True)}


@cache
def _query(table: Table, names: tuple[str, ...], where: str, mark: str) -> tuple[str, frozenset[str]]:
    """The statement, and which columns are answered with yes or no."""
    condition = f" WHERE {where} = {mark}" if where else ""
    keys = ", ".join(column.name for column in table.primary_key)
    answers = frozenset(column.name for column in table.columns if isinstance(column.type, Boolean))
    return f"SELECT {', '.join(names)} FROM {table.name}{condition} ORDER BY {keys}", answers
