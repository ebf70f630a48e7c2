"""A store that remembers what it was given: whoever stops a run is told what is kept."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from qa.exits import Stopped
from qa.record import Record

if TYPE_CHECKING:
    from qa.store import Store


class Kept:
    """The records that one command stored: their ids in ``ids``."""

    def __init__(self, store: Store) -> None:
        """Nothing is kept yet."""
        self._store = store
        self.where = str(store.where)
        self.ids: list[str] = []

    def add(self, record: Record) -> str:
        """Stores the record and remembers its id."""
        self.ids.append(self._store.add(record))
        return record.record_id


@contextmanager
def keeping(database: str | None) -> Iterator[Kept]:
    """The database, opened before any work is done. RecordError when it cannot be, Stopped when a person interrupts the block."""
    from qa.store import Store

    kept = Kept(Store(database))
    try:
        yield kept
    except KeyboardInterrupt as stop:
        stored = f"stored before: {', '.join(kept.ids)} in {kept.where}" if kept.ids else "nothing was stored"
        raise Stopped(f"stopped; {stored}") from stop
