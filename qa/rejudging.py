"""A stored record judged again by other limits: a new record of the same readings, which nothing passes that was doubted then.

docs/records.md says what the new record is beside the old one, which stays as it is.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import qa
from qa import compared, no_pass, protocol, site_said
from qa import procedure as procedures
from qa.baselines import baselines
from qa.calibrations import NONE_IN_FORCE, in_force
from qa.limit import Judgement, Outcome
from qa.names import same_person, several, words
from qa.procedure import Procedure
from qa.protocol import Protocol, judge
from qa.reading import Measured, QaError
from qa.record import Basis, Record, record_hash
from qa.site import Site
from qa.store import Store

AGAIN = "hand the images in again"
JUDGED_BY = "igrtqa, judged again"  # among a record's versions: the others are those that its numbers were measured with


def rejudged(store: Store, record_id: str, by_protocol: Protocol, who: str, site: Site | None = None) -> Record:
    """The new record, not stored yet: what the stored one measured, judged by the limits of ``by_protocol`` and today's baselines.

    ``who`` asks for it. QaError for a record that nobody can judge without its images, or that it brings nothing new for; RecordError
    for one that there is not or that was changed.
    """
    former, standing = next(store.each([store.get(record_id).record_id]))
    procedure = procedures.load(former.procedure)
    if why := _unnamed(who) or _hopeless(former, by_protocol) or _rejected(store, former):
        raise QaError(f"record {former.record_id} cannot be judged again: {why}")
    protocol.check(by_protocol, procedure.name, procedure.quantities)
    try:
        doubts = [*no_pass.of_record(former), *_other_calibrations(store, procedure, by_protocol, former)]
    except QaError as error:
        raise QaError(f"record {former.record_id} cannot be judged again: {error}") from error
    doubts += site_said.doubts_of(site, former) if site is not None else []
    judged, told = _judged(store, procedure, by_protocol, former, tuple(dict.fromkeys(doubts)))
    if same := _said_already(store, former, by_protocol, judged):
        raise QaError(f"nothing new: judged by {by_protocol.name}, it comes out as record {same} says already")
    performers = [one.who for one in standing.signatures if one.meaning == "performed"]
    return replace(
        former,
        record_id=str(uuid.uuid4()),
        performer=_performers(who.strip(), [former.performer, *performers]),
        protocol=by_protocol.name,
        protocol_title=by_protocol.title,
        coverage_factor=by_protocol.coverage_factor,
        analysed=datetime.now(UTC),
        versions=(*(one for one in former.versions if one[0] != JUDGED_BY), (JUDGED_BY, qa.__version__)),
        judgements=judged,
        notes=(*_said(former, procedure, who.strip()), *told, *(one for one in former.notes if not one.startswith("baseline"))),
        basis=Basis(tuple(dict.fromkeys(doubts)), former.basis.applied if former.basis else (), former.record_id),
    )


def _unnamed(who: str) -> str:
    if not words(who):
        return "say who asks for it, with --by NAME"
    return f"{who!r} names several persons; one of them asks for it, as Given Surname" if several(who) else ""


def _hopeless(former: Record, by_protocol: Protocol) -> str:
    """Why this record cannot be judged by that protocol without its images, "" when it can."""
    if former.procedure not in by_protocol.procedures:
        named = former.procedure_title or former.procedure
        return f"{by_protocol.title} has no limit for its test ({named}); it has limits for {', '.join(by_protocol.procedures)}"
    if not any(isinstance(reading, Measured) for reading in former.readings):
        return f"nothing was measured in it: {AGAIN}"
    if former.acquired is None:
        return "its images do not say when they were taken, and a new record would be of today: measure them again (igrtqa run)"
    return ""


def _rejected(store: Store, former: Record) -> str:
    """Who rejected these readings, in this record or in one that they came from, "" nobody did."""
    for one in _line(store, former):
        if (against := store.rejected(one.record_id)) is not None:
            other = "" if one.record_id == former.record_id else f"its readings are those of record {one.record_id}, which "
            return f"{other or 'it '}was {against}: measure again"
    return ""


def _line(store: Store, record: Record) -> Iterator[Record]:
    """The record, and those that its readings came from."""
    seen: set[str] = set()
    while record.record_id not in seen:  # a ring can only be forged
        seen.add(record.record_id)
        yield record
        if record.basis is not None and record.basis.judged_again:
            record = store.get(record.basis.judged_again)


def _other_calibrations(store: Store, procedure: Procedure, by_protocol: Protocol, former: Record) -> list[str]:
    """Why its numbers are not those that the protocol judges: what they were corrected by is fixed. QaError where it does not tell."""
    if former.basis is None and procedure.applies:
        raise QaError(f"it does not tell which calibrations its numbers were corrected by: {AGAIN}")
    applied = former.basis.applied if former.basis is not None else ()
    asked = [kind for kind in procedure.applies if kind in by_protocol.apply]
    title = by_protocol.title
    found = [f"{title} applies the calibration {kind}, and it was not applied then: {AGAIN}" for kind in asked if kind not in applied]
    found += [f"{title} does not apply the calibration {kind}, and it was applied then: {AGAIN}" for kind in applied if kind not in asked]
    kinds = (*procedure.uses, *applied)
    _, now = in_force(store, kinds, former.machine, former.acquired)
    if _named(former.notes, kinds) != _named(now, kinds):
        found.append(f"other calibrations are in force for these images today ({'; '.join(now) or 'none'}): {AGAIN}")
    return found


def _named(notes: Sequence[str], kinds: Sequence[str]) -> set[str]:
    """Those of the notes that name a calibration in force."""
    none = tuple(f"{kind}: {NONE_IN_FORCE}" for kind in kinds)
    return {note for note in notes if note.startswith(tuple(f"{kind}: " for kind in kinds)) and not note.startswith(none)}


def _judged(
    store: Store, procedure: Procedure, by_protocol: Protocol, former: Record, doubts: Sequence[str]
) -> tuple[tuple[Judgement, ...], tuple[str, ...]]:
    """The judgements, and what must be said of the baselines."""
    images = [name for one in former.inputs if one.used for name in (one.sha256, one.sop_instance_uid)]
    of_then, asked = replace(procedure, version=former.procedure_version), by_protocol.compared(procedure.name)
    against = baselines(store, of_then, former.machine, asked, former.readings, images, former.acquired, former.phantom)
    said = no_pass.answers(former)
    answers = {name: said[name, note] for name, note in by_protocol.questions.items() if (name, note) in said}
    alone = judge(by_protocol, procedure.name, former.readings, against, answers)
    alone = tuple(_as_measured(one, procedure, former) for one in alone)
    judged = compared.doubted(no_pass.lowered(alone, doubts), former.readings, former.comparisons)
    return judged, against.notes


def _as_measured(judged: Judgement, procedure: Procedure, former: Record) -> Judgement:
    """The judgement, none a pass of a quantity that meant something else then; what was not measured says what to do."""
    if judged.limit.kind == "functional":
        return judged
    if judged.reading < 0:
        return replace(judged, reason=f"{judged.reason}: not measured then; {AGAIN}")
    asked = [procedure.quantity(key) for key in (judged.limit.quantity, *judged.limit.needs)]
    then = {one.quantity.key: one.quantity.meaning for one in former.readings}
    other = [
        f"{one.key} was {then[one.key]!r} then, and is {one.meaning!r} today"
        for one in asked
        if one.meaning != then.get(one.key, one.meaning)
    ]
    if not other:
        return judged
    changed = f"{'; '.join(other)}: {AGAIN} (the rest: {judged.reason})"
    return replace(judged, outcome=max(judged.outcome, Outcome.NOT_MEASURED), reason=changed)


def _said_already(store: Store, former: Record, by_protocol: Protocol, judged: Sequence[Judgement]) -> str:
    """The id of the record, this one or another of the same readings, that says all of that already, "" none does."""
    new = by_protocol.name, by_protocol.coverage_factor, [_decided(one) for one in judged]
    known = [former, *(store.get(name) for name in store.same_readings(former.record_id))]
    same = (one.record_id for one in known if (one.protocol, one.coverage_factor, [*map(_decided, one.judgements)]) == new)
    return next(same, "")


def _decided(judged: Judgement) -> tuple[object, ...]:
    return judged.limit, judged.reading, judged.outcome, judged.baseline


def _performers(who: str, before: Sequence[str]) -> str:
    """Who asks and who took the images: none of them reviews it."""
    named = [who]
    for one in before:
        if words(one) and not any(same_person(name, one) for name in named):
            named.append(one)
    return "; ".join(named)


def _said(former: Record, procedure: Procedure, who: str) -> Iterator[str]:
    """What a reader must know of where it comes from."""
    outcomes = [*(one.outcome for one in former.judgements), *(one.outcome for one in former.comparisons if one.outcome)]
    worst = max(outcomes).name.replace("_", " ") if outcomes else "not judged"
    yield (
        f"judged again on behalf of {who}: nothing was measured anew; the readings are those of record {former.record_id} (hash "
        f"{record_hash(former)}), which {former.protocol_title} ({former.protocol}) judged on {former.analysed:%Y-%m-%d}: {worst}"
    )
    if former.procedure_version != procedure.version:
        yield f"its readings are of version {former.procedure_version} of this test, which is {procedure.version} today"
