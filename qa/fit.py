"""Whether a record is fit to be part of a baseline: all that judged it was decided, and nothing in it failed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date
from typing import TYPE_CHECKING

from qa.limit import NO_BASELINE, NO_NUMBER, Judgement, Outcome
from qa.reading import Identity, Measured, identity
from qa.record import Record

if TYPE_CHECKING:
    from qa.history import Judged

Key = tuple[str, Identity]
"""A quantity, and what it is of."""

_UNDECIDED = (Outcome.INDETERMINATE, Outcome.NOT_MEASURED)


def unfit(record: Record, renewed: date | None = None) -> str:
    """Why the record cannot be part of a baseline, "" when it can.

    ``renewed`` is the day of the machine's last service: what a limit said against a baseline from before it does not count, because that
    is the baseline to be replaced. Nor does it count that there is no baseline yet, or that the source of a limit gives no number.
    """
    if Outcome.DISAGREEMENT in {*(one.outcome for one in record.judgements), *(one.outcome for one in record.comparisons)}:
        return "two engines disagree about its numbers: find out which is right, and measure again"
    held = [one for one in record.judgements if not of_before(one, renewed)]
    if failed := _named(one for one in held if one.outcome is Outcome.FAIL):
        return f"it failed ({failed}): a machine is not compared with a failure"
    if undecided := _named(one for one in held if one.outcome in _UNDECIDED and not _waits(record, one)):
        return f"it was not decided ({undecided}): repeat or complete it"
    if not record.judgements:
        return "no limit judged it: run its images with a protocol that has limits for it"
    if not numbers(record):
        return "it has no whole number to compare with"
    return ""


def of_before(judgement: Judgement | Judged, renewed: date | None) -> bool:
    """Whether it was held against a baseline from before that day."""
    held = judgement.baseline
    return renewed is not None and held is not None and held.taken.astimezone(UTC).date() < renewed


def numbers(record: Record) -> dict[Key, Measured]:
    """The whole numbers of which the record has exactly one."""
    return {key: ones[0] for key, ones in whole(record).items() if len(ones) == 1}


def whole(record: Record) -> dict[Key, list[Measured]]:
    """All numbers of which nothing is missing."""
    found: dict[Key, list[Measured]] = {}
    for reading in record.readings:
        if isinstance(reading, Measured) and not reading.missing:
            found.setdefault((reading.quantity.key, identity(reading.at)), []).append(reading)
    return found


def _waits(record: Record, judgement: Judgement) -> bool:
    """Whether all that lacks is a baseline, or a number in the limit's source."""
    if judgement.reading < 0 or judgement.outcome is not Outcome.NOT_MEASURED or judgement.limit.kind == "functional":
        return False
    reading = record.readings[judgement.reading]
    measured = {one.quantity.key for one in record.readings if isinstance(one, Measured)}
    if not isinstance(reading, Measured) or reading.missing or not measured.issuperset(judgement.limit.needs):
        return False
    none_yet = judgement.limit.kind == "baseline" and judgement.baseline is None and judgement.reason.startswith(NO_BASELINE)
    return none_yet or judgement.reason == NO_NUMBER


def _named(judgements: Iterator[Judgement]) -> str:
    return ", ".join(dict.fromkeys(one.limit.limit_id for one in judgements))


def averaged(records: Sequence[Record]) -> tuple[dict[Key, list[tuple[Record, Measured]]], dict[Key, str]]:
    """The numbers of these records by what they are of, each with its record, and why others give no mean.

    The same wherever a baseline is proposed, accepted or used.
    """
    found: dict[Key, list[tuple[Record, Measured]]] = {}
    why: dict[Key, str] = {}
    for record in records:
        for key, ones in whole(record).items():
            if len(ones) > 1:
                why[key] = f"record {record.record_id} has {len(ones)} such numbers and nothing tells which"
            else:
                found.setdefault(key, []).append((record, ones[0]))
    for key, each in found.items():
        if len(units := {one.quantity.unit for _, one in each}) > 1:
            why[key] = f"it is in several units: {', '.join(sorted(units))}"
    return {key: each for key, each in found.items() if key not in why}, why
