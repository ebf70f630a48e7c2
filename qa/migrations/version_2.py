"""Version 2: comparisons with a second engine, and a fifth outcome where the two disagree."""

from __future__ import annotations

from qa.migrations import check, checked, create, guard, numbers, of_record, texts
from qa.migrations.judgements import OUTCOME, made_anew, outcomes, replaced

FITS = (
    "(outcome IS NULL AND allowed IS NULL) OR (outcome = 'NOT_MEASURED' AND allowed IS NULL) OR "
    "(outcome = 'PASS' AND difference IS NOT NULL AND allowed IS NOT NULL AND abs(difference) <= allowed) OR "
    "(outcome = 'DISAGREEMENT' AND difference IS NOT NULL AND allowed IS NOT NULL AND abs(difference) > allowed)"
)


def upgrade() -> None:
    """From version 1."""
    from alembic import op

    create(
        "comparison",
        *of_record(),
        *texts("quantity", "unit", "at"),
        *numbers("value", "u", "their_value", "their_u"),
        *texts("engine", "engine_version", "really"),
        *numbers("difference", "allowed"),
        *texts("outcome", needed=False),
        checked("reason", "trim(reason) <> ''"),
        check("comparison_value_with_u", "(value IS NULL) = (u IS NULL) AND (u IS NULL OR (u > 0 AND u < 1e300))"),
        check("outcome_fits_the_numbers", FITS),
    )
    guard("comparison")
    if op.get_bind().dialect.name == "sqlite":
        made_anew(2)
    else:
        replaced(OUTCOME, outcomes(2))
