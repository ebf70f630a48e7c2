"""What the store says of itself: where a record stands, whether it is all there, whether a report can be its own."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from qa import chain, standing, verification
from qa.standing import Place, Standing
from qa.store_records import Records
from qa.verification import Verified


class Checked(Records):
    """The store held against its chain, and a printed report against the store."""

    def end(self) -> tuple[Place | None, datetime | None]:
        """The newest link of all, and when it was stored; None in a database without a chain."""
        with self._transaction() as connection:
            link = chain.last(connection)
            return (None, None) if link is None else (Place(link.number, link.hash), datetime.fromisoformat(link.linked))

    def standing(self, record_id: str) -> Standing:
        """What the store says of that record beside what is in it: who signed it, its place in the chain, and the chain's end."""
        with self._transaction(steady=True) as connection:
            return standing.of(connection, self._get(connection, record_id))

    def contradicted(self, printed: Standing) -> tuple[str, ...]:
        """Why a report that says this of a record cannot have been printed from this database; () when it can."""
        with self._transaction(steady=True) as connection:
            return tuple(standing.contradicted(connection, self._get(connection, printed.record_id), printed))

    def verify(self, progress: Callable[[str], None] = lambda text: None) -> Verified:
        """Every record, every event and the whole chain held against each other; nothing is changed, and other programs go on."""
        with self._transaction(steady=True) as connection:
            return verification.check(connection, progress)
