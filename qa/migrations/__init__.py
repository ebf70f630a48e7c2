"""How a database of one version becomes one of the next: ``version_N.upgrade()`` makes N of N - 1, by Alembic's operations.

They run in the caller's transaction, on SQLite and PostgreSQL (``qa/widening.py``). What a version was stays written out here, whatever
``qa/tables.py`` becomes; the guards are those of today. Which version a database is of is said by its own table ``schema_version``,
append-only as all that is stored: Alembic's own table, a row that is written over, is not kept beside it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sqlalchemy.schema import SchemaItem


def create(name: str, *items: SchemaItem) -> None:
    """A table of that version, without row numbers in SQLite."""
    from alembic import op

    op.create_table(name, *items, sqlite_with_rowid=False)


def of_record() -> tuple[SchemaItem, ...]:
    """The key of a row of a record."""
    from sqlalchemy import Column, ForeignKey, Integer, Text

    reference = ForeignKey("record.record_id", deferrable=True, initially="DEFERRED")
    return Column("record_id", Text, reference, primary_key=True), Column("idx", Integer, primary_key=True)


def texts(*names: str, needed: bool = True) -> tuple[SchemaItem, ...]:
    """Columns of text."""
    from sqlalchemy import Column, Text

    return tuple(Column(name, Text, nullable=not needed) for name in names)


def numbers(*names: str) -> tuple[SchemaItem, ...]:
    """Columns of numbers, or of none."""
    from sqlalchemy import Column, Double

    return tuple(Column(name, Double) for name in names)


def checked(name: str, condition: str, key: bool = False) -> SchemaItem:
    """A column of text that fulfils a condition."""
    from sqlalchemy import CheckConstraint, Column, Text

    return Column(name, Text, CheckConstraint(condition), nullable=False, primary_key=key)


def check(name: str, condition: str, dialect: str = "") -> Any:
    """A condition on a row, of one dialect or of all ("")."""
    from sqlalchemy import CheckConstraint

    made = CheckConstraint(condition, name=name)
    return made.ddl_if(dialect) if dialect else made


def guard(*names: str) -> None:
    """Makes these tables append-only."""
    from alembic import op

    from qa import tables

    for statement in tables.triggers(op.get_bind().dialect.name, [tables.metadata.tables[name] for name in names]):
        op.get_bind().exec_driver_sql(statement)
