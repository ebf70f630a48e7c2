"""What a session asks of the records there are, and hands to them: a store, or whoever stands before one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from qa.reading import RecordError
from qa.record import Record, record_hash

if TYPE_CHECKING:
    from qa.acceptance import Acceptance, Stored
    from qa.accepted_baselines import AcceptedBaseline, Member


class Archive(Protocol):
    """The records that are kept; every method fails with RecordError."""

    def add(self, record: Record) -> str:
        """Stores the record as a whole and returns its id."""

    def get(self, record_id: str) -> Record:
        """The record of that id, whole and unchanged."""

    def accepted(self, machine: str | None, procedures: Sequence[str] | None) -> tuple[Acceptance, ...]:
        """What was accepted of a machine and of these procedures, the first one first."""

    def accepted_baselines(self, machine: str | None, procedures: Sequence[str] | None) -> tuple[AcceptedBaseline, ...]:
        """The baselines that were accepted of a machine and of these procedures, the first one first."""

    def sealed(self, record_id: str) -> tuple[Record, str]:
        """The record of that id without its evidence, and a seal of all that is stored of it."""

    def newest(self, machine: str, procedures: Sequence[str]) -> Stored | None:
        """The record of that machine, of any of these procedures, with a number in it that was taken last; accepted or not."""


def unchanged(archive: Archive, accepted: Acceptance) -> Record:
    """The record as it was accepted; RecordError when it is not that any more."""
    record = archive.get(accepted.record.record_id)
    if record_hash(record) != accepted.record_hash:
        raise RecordError(f"record {record.record_id} is not what {accepted.who} accepted: restore it from a backup")
    return record


def unchanged_member(archive: Archive, member: Member, who: str) -> Record:
    """The record of an accepted baseline as it was accepted, without its evidence; RecordError when it is not that any more."""
    record, seal = archive.sealed(member.record.record_id)
    if seal != member.seal:
        raise RecordError(f"record {record.record_id} is not what {who} accepted: restore it from a backup")
    return record
