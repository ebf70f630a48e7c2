"""A database of an older version learns of second engines, baselines, acceptances, answers and the chain; no row of it is changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qa import tables
from qa.reading import RecordError

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
    dialect = connection.dialect.name
    if dialect == "postgresql":  # one writer at a time, from here to the commit, as BEGIN IMMEDIATE does in SQLite; readers go on
        connection.exec_driver_sql("LOCK TABLE schema_version IN SHARE ROW EXCLUSIVE MODE")
    from qa.chain import adopt

    found = version(connection)
    if not 1 <= found < tables.SCHEMA_VERSION:
        return
    new = [table for table, since in tables.SINCE.items() if since > found]
    if found < 4:
        _widen_judgements(connection, found)
    for table in new:
        table.create(connection, checkfirst=False)
    if dialect == "sqlite" and found < 4:
        new.append(tables.judgement)
    if found < 3:
        tables.of_machine.create(connection)
    adopt(connection)
    for statement in tables.triggers(dialect, new):
        connection.exec_driver_sql(statement)
    connection.execute(tables.schema_version.insert(), [{"version": later} for later in range(found + 1, tables.SCHEMA_VERSION + 1)])


def _widen_judgements(connection: Connection, found: int) -> None:
    """A fifth outcome for version 1, for 1 and 2 the parts of a phantom that a limit is for (none is named, so it is for all), and a pass
    without a number where a person answers.

    SQLite cannot change a constraint: the judgements move into a new table, as many as there were, and every record's hash still vouches
    for them on reading.
    """
    from sqlalchemy import func, inspect, select

    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("ALTER TABLE judgement RENAME TO judgement_1")
        tables.judgement.create(connection, checkfirst=False)
        names = ", ".join(column.name for column in tables.judgement.columns if column.name != "parts")
        before = connection.exec_driver_sql("SELECT count(*) FROM judgement_1").scalar()
        parts = "parts" if found > 2 else "'[]'"
        connection.exec_driver_sql(f"INSERT INTO judgement ({names}, parts) SELECT {names}, {parts} FROM judgement_1")
        if connection.scalar(select(func.count()).select_from(tables.judgement)) != before:
            raise RecordError("the judgements of the older database could not be carried over: nothing was changed; report this fault")
        connection.exec_driver_sql("DROP TABLE judgement_1")
        return
    connection.exec_driver_sql("ALTER TABLE judgement DROP CONSTRAINT pass_needs_reading_and_tolerance")
    connection.exec_driver_sql(f"ALTER TABLE judgement ADD CONSTRAINT pass_needs_reading_and_tolerance CHECK ({tables.PASS_NEEDS})")
    if found > 2:
        return
    connection.exec_driver_sql("ALTER TABLE judgement ADD COLUMN parts TEXT NOT NULL DEFAULT '[]'")
    connection.exec_driver_sql("ALTER TABLE judgement ALTER COLUMN parts DROP DEFAULT")
    if found > 1:
        return
    checks = [check["name"] for check in inspect(connection).get_check_constraints("judgement") if "INDETERMINATE" in check["sqltext"]]
    for name in checks:
        connection.exec_driver_sql(f'ALTER TABLE judgement DROP CONSTRAINT "{name}"')
    connection.exec_driver_sql(f"ALTER TABLE judgement ADD CONSTRAINT judgement_outcome_check CHECK (outcome IN ({tables.OUTCOMES}))")
