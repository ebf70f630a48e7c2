"""A database of records opened: by its place, checked for its version, one transaction at a time."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import URL, Connection, inspect

from qa import database, history, tables
from qa.reading import RecordError
from qa.widening import version


def default_database() -> str:
    """The database in IGRTQA_DATABASE (a path or an SQLAlchemy URL), else a file of this user's own."""
    if named := os.environ.get("IGRTQA_DATABASE", "").strip():
        return named
    if sys.platform == "win32":
        folder = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        folder = Path.home() / "Library" / "Application Support"
    else:
        folder = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    return str(folder / "igrtqa" / "records.sqlite")


class Opened:
    """A database of records that was opened, and created when it was not there."""

    def __init__(self, url: str | Path | URL | None = None, make: bool = True, own_name: Callable[[str], str] = str) -> None:
        """Opens the database, and creates it when it does not exist unless ``make`` is False: ``url`` is a path or an SQLAlchemy URL.

        ``own_name`` says which machine a record is of by the name that it is stored under (a site knows): whatever is asked of a machine
        is asked under all its names. Without it every name is a machine of its own.
        """
        self._own_name = own_name
        self._url = database.location(default_database() if url is None else url)
        self.where = self._url.database if self._url.get_backend_name() == "sqlite" else self._url.render_as_string(hide_password=True)
        if not make and database.missing(self._url):
            raise RecordError(f"{self.where}: there is no such file of records; name the one that there is with --database")
        self._engine = database.engine(self._url, str(self.where))
        self._indexed = False
        with self._transaction() as connection:
            found = set(inspect(connection).get_table_names())
            ours = found & set(tables.metadata.tables)
        if "schema_version" not in ours:
            if ours or (found and self._engine.dialect.name == "sqlite"):
                raise RecordError(f"{self.where}: this database belongs to something else; name another file for the records")
            self._create()
        self._check_version()

    def _create(self) -> None:
        with self._transaction(writing=True) as connection:
            database.alone(connection)
            if "schema_version" in inspect(connection).get_table_names():
                return  # another process was faster
            tables.metadata.create_all(connection, checkfirst=False)
            for statement in tables.triggers(connection.dialect.name):
                connection.exec_driver_sql(statement)
            connection.execute(tables.schema_version.insert(), {"version": tables.SCHEMA_VERSION})

    def _check_version(self) -> None:
        with self._transaction() as connection:
            found = version(connection)
        if not 1 <= found <= tables.SCHEMA_VERSION:
            known = f"this program knows versions 1 to {tables.SCHEMA_VERSION}"
            raise RecordError(f"{self.where}: the records are of version {found}, {known}; update the program")

    @contextmanager
    def _transaction(self, writing: bool = False, steady: bool = False) -> Iterator[Connection]:
        """``steady``: what other programs write meanwhile is not seen, as always in SQLite."""
        with database.refusals(str(self.where)), self._engine.connect() as plain:
            connection = plain.execution_options(igrtqa_writing=writing)
            if steady and self._engine.dialect.name == "postgresql":
                connection = connection.execution_options(isolation_level="REPEATABLE READ")
            with connection.begin():
                database.settle(connection)
                yield connection

    def names(self, machine: str) -> tuple[str, ...]:
        """The names that records of the machine are stored under, and the given one."""
        with self._transaction() as connection:
            return self._names(connection, machine)

    def _names(self, connection: Connection, machine: str) -> tuple[str, ...]:
        own = self._own_name(machine)
        return tuple(sorted({machine, *(name for name in history.machines(connection) if self._own_name(name) == own)}))
