"""A database of an older version becomes one of the newest, one version after the other; no row of it is changed."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from qa import tables

if TYPE_CHECKING:
    from sqlalchemy import Connection


def version(connection: Connection) -> int:
    """Which version the records are of; 0 when the database does not say."""
    from sqlalchemy import select

    return max(connection.scalars(select(tables.schema_version.c.version)).all(), default=0)


def widen(connection: Connection) -> None:
    """From an older version to the newest, in the caller's transaction; what was stored before there was a chain is adopted into it.

    Done when something is written, never when it is read, so that an old or read-only database opens as it is.
    """
    if connection.dialect.name == "postgresql":  # one writer at a time, from here to the commit, as BEGIN IMMEDIATE does in SQLite
        connection.exec_driver_sql("LOCK TABLE schema_version IN SHARE ROW EXCLUSIVE MODE")  # readers go on
    if 1 <= (found := version(connection)) < tables.SCHEMA_VERSION:
        migrate(connection, found)


def migrate(connection: Connection, found: int, wanted: int = tables.SCHEMA_VERSION) -> None:
    """The migrations (``qa/migrations``) after version ``found`` up to ``wanted``; 0 is an empty database."""
    from alembic.operations import Operations
    from alembic.runtime.migration import MigrationContext

    with Operations.context(MigrationContext.configure(connection)):
        for later in range(found + 1, wanted + 1):
            import_module(f"qa.migrations.version_{later}").upgrade()
            connection.execute(tables.schema_version.insert(), {"version": later})
