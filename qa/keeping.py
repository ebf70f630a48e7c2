"""A store that remembers what it was given: whoever stops a run is told what is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from qa.exits import Stopped
from qa.reading import RecordError
from qa.record import Record

if TYPE_CHECKING:
    from qa.acceptance import Acceptance, Stored
    from qa.accepted_baselines import AcceptedBaseline
    from qa.standing import Standing
    from qa.store import Store


class Kept:
    """The records that one command hands to the store."""

    def __init__(self, store: Store) -> None:
        """Nothing is handed in yet."""
        self._store = store
        self._handed_in: list[str] = []
        self.where = str(store.where)

    def add(self, record: Record) -> str:
        """Stores the record and remembers that it was tried."""
        self._handed_in.append(record.record_id)
        return self._store.add(record)

    def get(self, record_id: str) -> Record:
        """As of the store."""
        return self._store.get(record_id)

    def accepted(self, machine: str | None, procedures: Sequence[str] | None) -> tuple[Acceptance, ...]:
        """As of the store."""
        return self._store.accepted(machine, procedures)

    def accepted_baselines(self, machine: str | None, procedures: Sequence[str] | None) -> tuple[AcceptedBaseline, ...]:
        """As of the store."""
        return self._store.accepted_baselines(machine, procedures)

    def sealed(self, record_id: str) -> tuple[Record, str]:
        """As of the store."""
        return self._store.sealed(record_id)

    def newest(self, machine: str, procedures: Sequence[str]) -> Stored | None:
        """As of the store."""
        return self._store.newest(machine, procedures)

    def standing(self, record_id: str) -> Standing:
        """As of the store."""
        return self._store.standing(record_id)

    @property
    def stored(self) -> tuple[str, ...]:
        """The ids of those that are in the store now, as the store says."""
        return tuple(record_id for record_id in self._handed_in if self._has(record_id))

    def _has(self, record_id: str) -> bool:
        try:
            return self._store.get(record_id).record_id == record_id
        except RecordError:
            return False


@contextmanager
def keeping(database: str | None, own_name: Callable[[str], str] = str) -> Iterator[Kept]:
    """The database, opened before any work is done. RecordError when it cannot be, Stopped when a person interrupts the block.

    ``own_name`` as of the store.
    """
    from qa.store import Store

    kept = Kept(Store(database, own_name=own_name))
    try:
        yield kept
    except KeyboardInterrupt as stop:
        stored = f"stored before: {', '.join(kept.stored)} in {kept.where}" if kept.stored else "nothing was stored"
        raise Stopped(f"stopped; {stored}") from stop
