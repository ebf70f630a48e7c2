"""The runs of one test on one machine, from the store's rows: when, of which version, of which images; no record is opened."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from qa import tables
from qa.acceptance import STATED, Stored, as_stored


@dataclass(frozen=True)
class Run:
    """A record, its ``notes``, and the ``images`` that it used: the SHA-256 and the SOP instance UID of each."""

    record: Stored
    notes: tuple[str, ...]
    images: frozenset[str]


def read(connection: Connection, machines: Sequence[str], procedure: str) -> tuple[Run, ...]:
    """All of a machine, by its names, the one taken last first; of the same moment the one analysed last."""
    own, handed_in = tables.record.c, tables.input_.c
    of_it = own.machine.in_(machines), own.procedure == procedure
    images: dict[str, set[str]] = defaultdict(set)
    among = select(own.record_id).where(*of_it)
    named = select(handed_in.record_id, handed_in.sha256, handed_in.sop_instance_uid).where(handed_in.record_id.in_(among), handed_in.used)
    for record_id, digest, uid in connection.execute(named):
        images[record_id].update({digest, uid} - {""})  # the same image exported again is another file of the same UID
    query = select(*(own[name] for name in STATED), own.notes).where(*of_it)
    order = func.coalesce(own.acquired, own.analysed).desc(), own.analysed.desc(), own.record_id
    rows = connection.execute(query.order_by(*order)).mappings()
    return tuple(Run(as_stored(row), tuple(json.loads(row["notes"])), frozenset(images[row["record_id"]])) for row in rows)
