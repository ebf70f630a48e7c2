"""Whether a record was judged by all that a protocol asks for now: records keep their limits, and of the protocol only its name."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, literal, select

from qa import tables
from qa.limit import Limit
from qa.protocol import Protocol
from qa.widening import version


class _Kept(NamedTuple):
    """A limit as a record keeps it; lists are JSON."""

    limit_id: str
    quantity: str
    unit: str
    kind: str
    tolerance: float | None
    techniques: str
    needs: str
    parts: str


def short(connection: Connection, record_ids: Sequence[str], judged_by: Mapping[str, Protocol]) -> set[str]:
    """Those of the records that were judged by fewer or looser limits than the protocol of their name has for their test.

    ``judged_by`` are the protocols by name; a record of another one is not among them.
    """
    own, judged = tables.record.c, tables.judgement.c
    named = own.record_id.in_(record_ids), own.protocol.in_(judged_by)
    heads = connection.execute(select(own.record_id, own.protocol, own.procedure, own.coverage_factor).where(*named)).all()
    parts = judged.parts if judged.parts in tables.columns(tables.judgement, version(connection)) else literal("[]")
    kept: dict[str, set[_Kept]] = defaultdict(set)
    columns = judged.limit_id, judged.quantity, judged.unit, judged.kind, judged.tolerance, judged.techniques, judged.needs, parts
    for record_id, *row in connection.execute(
        select(judged.record_id, *columns).where(judged.record_id.in_([one[0] for one in heads])).distinct()
    ):
        kept[record_id].add(_Kept(*row))
    known: dict[object, bool] = {}
    found = set()
    for record_id, protocol, procedure, k in heads:
        by = protocol, procedure, k, frozenset(kept[record_id])
        if by not in known:
            known[by] = _as_strict(judged_by[protocol], procedure, k, kept[record_id])
        if not known[by]:
            found.add(record_id)
    return found


def _as_strict(protocol: Protocol, procedure: str, k: float, kept: Collection[_Kept]) -> bool:
    """Whether every limit of the protocol for that test is among those of a record, decided at no smaller k."""
    by_id = {one.limit_id: one for one in kept}
    return k >= protocol.coverage_factor and all(
        limit.limit_id in by_id and _covers(by_id[limit.limit_id], limit) for limit in protocol.limits if limit.procedure == procedure
    )


def _covers(kept: _Kept, limit: Limit) -> bool:
    """Whether what passes or fails by the kept limit was asked at least all that the other asks."""
    if (kept.quantity, kept.unit, kept.kind) != (limit.quantity, limit.unit, limit.kind):
        return False
    if limit.tolerance is not None and (kept.tolerance is None or kept.tolerance > limit.tolerance):
        return False
    techniques, needs, parts = (set(json.loads(text)) for text in (kept.techniques, kept.needs, kept.parts))
    of_all_parts = not parts or (bool(limit.parts) and parts.issuperset(limit.parts))
    return techniques.issuperset(limit.techniques) and needs.issuperset(limit.needs) and of_all_parts
