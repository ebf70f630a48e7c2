"""Version 3: what a judgement was held against, accepted records, and limits for parts of a phantom."""

from __future__ import annotations

from qa.migrations import check, checked, create, guard, numbers, of_record, texts
from qa.migrations.judgements import TABLE, made_anew


def upgrade() -> None:
    """From version 2."""
    from alembic import op
    from sqlalchemy import Column, Double, Text

    create(
        "baseline",
        *of_record(),
        *texts("of_record", "taken", "unit"),
        Column("value", Double, nullable=False),
        Column("u", Double, nullable=False),
        *numbers("low", "high"),
        check("baseline_value_with_u", "u > 0 AND u < 1e300 AND abs(value) < 1e300"),
        check("baseline_interval_has_two_ends", "(low IS NULL) = (high IS NULL) AND (low IS NULL OR low <= high)"),
        check("baseline_value_is_a_number", "typeof(value) = 'real' AND typeof(u) = 'real'", "sqlite"),
    )
    create("acceptance", *of_record(), *texts("record_hash"), checked("who", "trim(who) <> ''"), *texts("accepted", "comment"))
    op.create_index("record_of_machine", "record", ["machine", "procedure"])
    guard("baseline", "acceptance")
    if op.get_bind().dialect.name == "sqlite":
        made_anew(3)
    else:
        op.add_column(TABLE, Column("parts", Text, nullable=False, server_default="[]"))
        op.alter_column(TABLE, "parts", server_default=None)
