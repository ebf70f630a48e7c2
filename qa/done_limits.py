"""Whether a record was judged by all that a protocol asks for now: records keep their limits, and of the protocol only its name."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Mapping
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, literal, select

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
    note: str
    techniques: str
    needs: str
    parts: str


_JUDGED = tables.judgement.c
_COLUMNS = (_JUDGED.limit_id, _JUDGED.quantity, _JUDGED.unit, _JUDGED.kind, _JUDGED.tolerance, _JUDGED.note)
_LISTS = (_JUDGED.techniques, _JUDGED.needs)
_OF_THESE = _JUDGED.record_id.in_(bindparam("these", expanding=True))
_KEPT = select(_JUDGED.record_id, *_COLUMNS, *_LISTS, _JUDGED.parts).where(_OF_THESE)
_KEPT_BEFORE_PARTS = select(_JUDGED.record_id, *_COLUMNS, *_LISTS, literal("[]")).where(_OF_THESE)


class Judged(NamedTuple):
    """By which protocol a record was judged, of which test it is, and at which k."""

    protocol: str
    procedure: str
    k: float


def short(connection: Connection, heads: Mapping[str, Judged], judged_by: Mapping[str, Protocol]) -> set[str]:
    """Those of the records, by id, that were judged by fewer or looser limits than the protocol of their name has for their test.

    ``judged_by`` are the protocols by name; a record of another one is not among them.
    """
    asked = {record_id: head for record_id, head in heads.items() if head.protocol in judged_by}
    with_parts = _JUDGED.parts in tables.columns(tables.judgement, version(connection))
    kept: dict[str, set[_Kept]] = defaultdict(set)
    for record_id, *row in connection.execute(_KEPT if with_parts else _KEPT_BEFORE_PARTS, {"these": list(asked)}).all():
        kept[record_id].add(_Kept(*row))
    known: dict[object, bool] = {}
    found = set()
    for record_id, head in asked.items():
        by = head, frozenset(kept[record_id])
        if by not in known:
            known[by] = _as_strict(judged_by[head.protocol], head.procedure, head.k, kept[record_id])
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
    if limit.kind == "functional" and kept.note != limit.note:  # an answer to another question
        return False
    if limit.tolerance is not None and (kept.tolerance is None or kept.tolerance > limit.tolerance):
        return False
    techniques, needs, parts = (set(json.loads(text)) for text in (kept.techniques, kept.needs, kept.parts))
    of_all_parts = bool(parts) == bool(limit.parts) and parts.issuperset(limit.parts)  # one for all there are asks for none by name
    return techniques.issuperset(limit.techniques) and needs.issuperset(limit.needs) and of_all_parts
