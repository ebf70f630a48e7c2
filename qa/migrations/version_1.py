"""Version 1: records with their inputs, readings, judgements and evidence, append-only."""

from __future__ import annotations

from qa.migrations import check, checked, create, guard, numbers, of_record, texts
from qa.migrations.judgements import TABLE, columns

VALUE_WITH_U = (
    "(value IS NOT NULL AND u IS NOT NULL AND u > 0 AND u < 1e300 AND abs(value) < 1e300 AND reason IS NULL) OR "
    "(value IS NULL AND u IS NULL AND low IS NULL AND high IS NULL AND reason IS NOT NULL AND trim(reason) <> '')"
)


def upgrade() -> None:
    """An empty database of version 1: what nobody needs but who wants to see that all versions end in the same one."""
    from alembic import op
    from sqlalchemy import Boolean, Column, Double, Integer, LargeBinary, Text

    from qa import tables

    connection = op.get_bind()
    create("schema_version", Column("version", Integer, primary_key=True, autoincrement=False))
    create(
        "record",
        checked("record_id", "record_id <> ''", key=True),
        *texts("record_hash", "procedure", "procedure_version", "title", "machine", "phantom", "performer", "protocol", "protocol_title"),
        Column("coverage_factor", Double, nullable=False),
        *texts("acquired", needed=False),
        *texts("analysed", "versions", "procedure_title", "notes"),
    )
    create("input", *of_record(), *texts("name", "sha256", "sop_instance_uid"), Column("used", Boolean, nullable=False), *texts("reason"))
    create(
        "reading",
        *of_record(),
        *texts("procedure", "quantity", "unit", "meaning", "source"),
        *numbers("value", "u", "low", "high"),
        Column("at", Text, nullable=False),
        *texts("flags", "budget", "missing", "reason", needed=False),
        check("value_with_u_or_reason", VALUE_WITH_U),
        check("interval_has_two_ends", "(low IS NULL) = (high IS NULL) AND (low IS NULL OR low <= high)"),
        check("value_is_a_number", "typeof(value) IN ('real', 'null') AND typeof(u) IN ('real', 'null')", "sqlite"),
    )
    create(TABLE, *columns(1))
    create("evidence", *of_record(), *texts("kind", "title"), Column("data", LargeBinary, nullable=False))
    for statement in tables.functions(connection.dialect.name):
        connection.exec_driver_sql(statement)
    guard("schema_version", "record", "input", "reading", TABLE, "evidence")
