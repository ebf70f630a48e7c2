"""Why nothing of a record may pass, whatever its numbers are: as a session finds it, and as a stored record tells it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from qa.compared import doubted
from qa.limit import Judgement, Outcome
from qa.protocol import YES, Baselines, Protocol, judge
from qa.reading import QaError, identity
from qa.record import Record

_LOWERED = frozenset({Outcome.PASS, Outcome.INDETERMINATE})  # what a doubt leaves none of
_REST = " (the rest: {})"
UNKNOWN = "it does not tell whether anything was against a pass beside its numbers: hand the images in again"


def unread(lost: Sequence[str]) -> list[str]:
    """Why nothing passes when images were handed in that could not be read: the worst one may be among them."""
    if not lost:
        return []
    return [f"{len(lost)} image(s) handed in could not be read ({', '.join(lost)}): export them again, or hand in the others alone"]


def not_applied(protocol: Protocol, asked: Sequence[str], applied: Collection[str]) -> list[str]:
    """Why nothing passes when the protocol applies a calibration and none is in force: what was judged is not what it judges."""
    lacking = [kind for kind in asked if kind not in applied]
    return [f"{protocol.title} applies the calibration {kind}, and none is in force: calibrate, and accept the record" for kind in lacking]


def lowered(judgements: Sequence[Judgement], doubts: Sequence[str]) -> tuple[Judgement, ...]:
    """The judgements, none a pass where there are doubts about all of them."""
    if not doubts:
        return tuple(judgements)
    why = "; ".join(doubts)
    return tuple(
        replace(one, outcome=Outcome.NOT_MEASURED, reason=why + _REST.format(one.reason)) if one.outcome in _LOWERED else one
        for one in judgements
    )


def of_record(record: Record) -> tuple[str, ...]:
    """What was against a pass of a stored record. QaError where it does not tell.

    Where an older program did not keep it, its judgements tell it: a doubt left neither a pass nor a value too close to tell, so one of
    them shows that there was none; and what the stored limits say of the stored numbers alone shows what a doubt made of it.
    """
    if record.basis is not None:
        return record.basis.doubts
    was, alone = record.judgements, doubted(_by_limits_alone(record), record.readings, record.comparisons)
    if [(one.limit, one.reading) for one in was] != [(one.limit, one.reading) for one in alone]:
        raise QaError(UNKNOWN)
    found: dict[str, None] = {}
    for one, other in zip(was, alone, strict=True):
        if one.outcome is other.outcome:
            continue
        rest = _REST.format(other.reason)
        if one.outcome is not Outcome.NOT_MEASURED or other.outcome not in _LOWERED or not one.reason.endswith(rest):
            raise QaError(UNKNOWN)
        found[one.reason.removesuffix(rest)] = None
    if not found and _LOWERED.isdisjoint(one.outcome for one in was):
        raise QaError(UNKNOWN)
    return tuple(found)


def answers(record: Record) -> dict[tuple[str, str], bool]:
    """What the performer answered to the questions of a stored record, by name and words of the question."""
    found = {}
    for one in record.judgements:
        question = one.limit.quantity, one.limit.note
        if one.limit.kind != "functional":
            continue
        if one.outcome is Outcome.FAIL:
            found[question] = False
        elif one.outcome is Outcome.PASS or one.reason.endswith(_REST.format(f"{one.limit.note} {YES}")):
            found[question] = True
    return found


def _by_limits_alone(record: Record) -> tuple[Judgement, ...]:
    """What the limits and baselines in the record say of its numbers, without any doubt."""
    limits = tuple(dict.fromkeys(one.limit for one in record.judgements))
    protocol = Protocol(record.protocol, record.protocol_title, record.coverage_factor, limits, "", "")
    of = {index: (reading.quantity.key, identity(reading.at)) for index, reading in enumerate(record.readings)}
    held = {of[one.reading]: one.baseline for one in record.judgements if one.baseline is not None}
    said = {name: yes for (name, _), yes in answers(record).items()}
    return judge(protocol, record.procedure, record.readings, Baselines(held), said)
