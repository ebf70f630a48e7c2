"""A person signs a stored record: performed, reviewed, approved or rejected. Nobody reviews or approves what they performed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from qa import chain, tables
from qa.names import key, same_person, several, words
from qa.plain import encode
from qa.record import Record, record_hash
from qa.widening import version

PERFORMED = "performed"
INDEPENDENT = ("reviewed", "approved")  # not by who performed it
REJECTED = "rejected"
MEANINGS = (PERFORMED, *INDEPENDENT, REJECTED)


@dataclass(frozen=True)
class SignOff:
    """Who signed which record, as what, with what meaning and when; ``record_hash`` is the record's own at that time.

    ``own_run``: who reviewed or approved it may be who performed it, as the clinic allows; it is no second person's word.
    """

    record_id: str
    idx: int
    record_hash: str
    who: str
    role: str
    meaning: str
    signed: datetime
    comment: str = ""
    own_run: bool = False

    @property
    def said(self) -> str:
        """The meaning, which tells a person's word about their own run from another person's."""
        return f"{self.meaning} (own run)" if self.own_run else self.meaning


def unsignable(record: Record, before: Sequence[SignOff], who: str, role: str, meaning: str, own_run: bool = False) -> str:
    """Why this person cannot sign this record so, "" when they can; ``before`` is what was signed of it already.

    ``own_run`` True lets a person review and approve what they performed, once it says who performed it.
    """
    if meaning not in MEANINGS:
        return f"{meaning!r} is no meaning of a signature; say one of {', '.join(MEANINGS)}"
    if not words(who):
        return "say who signs it, with --by NAME"
    if several(who):
        return f"{who!r} names several persons; each of them signs alone, as Given Surname"
    if not words(role):
        return "say in which role, with --role, e.g. therapist or physicist"
    if meaning in INDEPENDENT:
        performers = _performers(record, before)
        if not performers:
            return f"it does not say who performed it, so nobody can be told apart from them: sign it first with --as {PERFORMED}"
        if not own_run and (own := next((name for name in performers if same_person(name, who)), "")):
            return f"{own} performed it; it is {meaning} by another person{_apart(own, who)}"
    if meaning == PERFORMED:
        independent = [one for one in before if one.meaning in INDEPENDENT and not one.own_run and same_person(one.who, who)]
        if independent:
            return f"{independent[0].who} signed it as {independent[0].meaning} already, and nobody does that to their own run"
    return ""


def rejections(signed: Sequence[SignOff]) -> tuple[SignOff, ...]:
    """The rejections that stand: of each person their newest judgement, where it is one. Only the same name takes one back."""
    newest = {key(one.who): one for one in signed if one.meaning != PERFORMED}
    return tuple(one for one in newest.values() if one.meaning == REJECTED)


def _performers(record: Record, before: Sequence[SignOff]) -> list[str]:
    names = [record.performer, *(one.who for one in before if one.meaning == PERFORMED)]
    return [name for name in names if words(name)]


def _apart(own: str, who: str) -> str:
    """What to do where two names are not the same and may still be one person's."""
    if key(own) == key(who):
        return ""
    return f" ({who!r} may be one of them: another person signs with a name that has a word which theirs lacks, and lacks one of theirs)"


def add(connection: Connection, record: Record, who: str, role: str, meaning: str, comment: str, own_run: bool) -> SignOff:
    """Writes that the record was signed just now, in the caller's transaction. ValueError, with the reason, when it cannot be."""
    before = found(connection, [record.record_id])[record.record_id]
    if why := unsignable(record, before, who, role, meaning, own_run):
        raise ValueError(why)
    now, own = chain.clock(), meaning in INDEPENDENT and any(same_person(name, who) for name in _performers(record, before))
    row: dict[str, Any] = {"record_id": record.record_id, "idx": len(before), "record_hash": record_hash(record)}
    row |= {"meaning": meaning, "signed": encode(datetime, now)}
    row |= {name: encode(str, text.strip()) for name, text in (("who", who), ("role", role), ("comment", comment))}
    row |= {"own_run": own}
    chain.add_event(connection, "sign-off", row, now)
    return _sign_off(row)


def found(connection: Connection, record_ids: Iterable[str]) -> dict[str, list[SignOff]]:
    """What was signed of these records, per record, in order of signing; nothing in a database of an older version."""
    signed: dict[str, list[SignOff]] = defaultdict(list)
    if version(connection) < tables.SINCE[tables.sign_off]:
        return signed
    own = tables.sign_off.c
    query = select(tables.sign_off).where(own.record_id.in_(list(record_ids))).order_by(own.record_id, own.idx)
    for row in connection.execute(query).mappings():
        signed[row["record_id"]].append(_sign_off(row))
    return signed


def _sign_off(row: Any) -> SignOff:
    return SignOff(**{**row, "signed": datetime.fromisoformat(row["signed"])})
