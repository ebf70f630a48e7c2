"""A person signs a stored record: performed, reviewed, approved or rejected. Nobody reviews or approves what they performed."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from qa import chain, tables
from qa.plain import encode
from qa.record import Record, record_hash
from qa.widening import version

PERFORMED = "performed"
INDEPENDENT = ("reviewed", "approved")  # not by who performed it
REJECTED = "rejected"
MEANINGS = (PERFORMED, *INDEPENDENT, REJECTED)
_BETWEEN = re.compile(r"[,;/&+\n]|\band\b|\bund\b|\bet\b")  # names of several persons in one line


@dataclass(frozen=True)
class SignOff:
    """Who signed which record, as what, with what meaning and when; ``record_hash`` is the record's own at that time."""

    record_id: str
    idx: int
    record_hash: str
    who: str
    role: str
    meaning: str
    signed: datetime
    comment: str = ""


def unsignable(record: Record, before: Sequence[SignOff], who: str, role: str, meaning: str, own_run: bool = False) -> str:
    """Why this person cannot sign this record so, "" when they can; ``before`` is what was signed of it already.

    ``own_run`` True lets a person review and approve what they performed.
    """
    if meaning not in MEANINGS:
        return f"{meaning!r} is no meaning of a signature; say one of {', '.join(MEANINGS)}"
    if not _letters(who):
        return "say who signs it, with --by NAME"
    if not _letters(role):
        return "say in which role, with --role, e.g. therapist or physicist"
    performers = [record.performer, *(one.who for one in before if one.meaning == PERFORMED)]
    if meaning in INDEPENDENT and not own_run:
        if not any(map(_letters, performers)):
            return f"it does not say who performed it, so nobody can be told apart from them: sign it first with --as {PERFORMED}"
        if own := next((name for name in performers if same_person(name, who)), ""):
            return f"{own} performed it; it is {meaning} by another person"
    if meaning == PERFORMED and not own_run:
        independent = [one for one in before if one.meaning in INDEPENDENT and same_person(one.who, who)]
        if independent:
            return f"{independent[0].who} signed it as {independent[0].meaning} already, and nobody does that to their own run"
    return ""


def same_person(performers: str, who: str) -> bool:
    """Whether the name is that of a performer, or among several of them; case, blanks, accents and the order of the words do not count."""
    names = {performers, *_BETWEEN.split(performers.casefold())}
    wanted = {_letters(who), _words(who)}
    return any(_letters(name) and not wanted.isdisjoint({_letters(name), _words(name)}) for name in names)


def _letters(name: str) -> str:
    """What is left of a name without case, blanks, accents and signs; "" for nobody's."""
    bare = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", name).casefold())
    return "".join(character for character in bare if character.isalnum())


def _words(name: str) -> str:
    """The same with its words in order of the alphabet."""
    return "".join(sorted(filter(None, map(_letters, re.split(r"[\s,.]+", name)))))


def add(connection: Connection, record: Record, who: str, role: str, meaning: str, comment: str, own_run: bool) -> SignOff:
    """Writes that the record was signed just now, in the caller's transaction. ValueError, with the reason, when it cannot be."""
    before = found(connection, [record.record_id])[record.record_id]
    if why := unsignable(record, before, who, role, meaning, own_run):
        raise ValueError(why)
    now = chain.clock()
    row: dict[str, Any] = {"record_id": record.record_id, "idx": len(before), "record_hash": record_hash(record)}
    row |= {"meaning": meaning, "signed": encode(datetime, now)}
    row |= {name: encode(str, text.strip()) for name, text in (("who", who), ("role", role), ("comment", comment))}
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
