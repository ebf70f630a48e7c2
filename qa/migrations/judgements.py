"""The table of judgements, which changed with versions 2, 3 and 4, and how it is made anew in SQLite, which cannot change a condition."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qa.migrations import check, checked, create, guard, numbers, of_record, texts
from qa.reading import RecordError

if TYPE_CHECKING:
    from sqlalchemy.schema import SchemaItem

TABLE, PASSES, OUTCOME = "judgement", "pass_needs_reading_and_tolerance", "judgement_outcome_check"  # the last: PostgreSQL's name for it


def outcomes(version: int) -> str:
    """Which outcomes a judgement of that version has: version 1 knew no second engine."""
    known = ("PASS", "INDETERMINATE", "NOT_MEASURED", *(["DISAGREEMENT"] if version > 1 else []), "FAIL")
    return f"outcome IN ({', '.join(map(repr, known))})"


def passes(version: int) -> str:
    """What a pass needs: up to version 3 always a number, from 4 on a person's answer is enough where a question was asked."""
    question = "kind = 'functional' OR " if version > 3 else ""
    return f"outcome <> 'PASS' OR {question}(reading >= 0 AND tolerance IS NOT NULL)"


def columns(version: int) -> tuple[SchemaItem, ...]:
    """The table of that version; parts came with 3."""
    from sqlalchemy import Boolean, Column, Integer

    return (
        *of_record(),
        Column("reading", Integer, nullable=False),
        checked("outcome", outcomes(version)),
        *texts("reason", "limit_id", "procedure", "quantity", "unit"),
        *numbers("tolerance", "action"),
        *texts("kind", "techniques", "frequency", "source"),
        Column("confirmed", Boolean, nullable=False),
        *texts("needs", "note", *(["parts"] if version > 2 else [])),
        check(PASSES, passes(version)),
    )


def made_anew(version: int) -> None:
    """In SQLite: the judgements in a table of that version, as many as there were; every record's hash still vouches for them.

    A judgement of a version without parts is for all of them.
    """
    from alembic import op

    connection, before = op.get_bind(), f"{TABLE}_{version - 1}"
    op.rename_table(TABLE, before)
    create(TABLE, *columns(version))
    names = [row[1] for row in connection.exec_driver_sql(f"PRAGMA table_info({before})")]
    into, of = ", ".join(names), ", ".join(names)
    if version > 2 and "parts" not in names:
        into, of = f"{into}, parts", f"{of}, '[]'"
    connection.exec_driver_sql(f"INSERT INTO {TABLE} ({into}) SELECT {of} FROM {before}")
    counts = {connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar() for table in (TABLE, before)}
    if len(counts) != 1:
        raise RecordError("the judgements of the older database could not be carried over: nothing was changed; report this fault")
    op.drop_table(before)
    guard(TABLE)


def replaced(name: str, condition: str) -> None:
    """In PostgreSQL: another condition under the same name."""
    from alembic import op

    op.drop_constraint(name, TABLE, type_="check")
    op.create_check_constraint(name, TABLE, condition)
