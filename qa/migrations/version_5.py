"""Version 5: sign-offs, events and the chain, into which all that was stored before is adopted.

The newest version's tables are those of ``qa/tables.py``; one that a later version changes is written out here then, as it was.
"""

from __future__ import annotations

from qa.migrations import guard


def upgrade() -> None:
    """From version 4."""
    from alembic import op

    from qa import chain, tables

    new = [table for table, since in tables.SINCE.items() if since == 5]
    for table in new:
        table.create(op.get_bind(), checkfirst=False)
    chain.adopt(op.get_bind())
    guard(*(table.name for table in new))
