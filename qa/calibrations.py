"""A calibration is in force from the day it was taken until the protocol that judged it asks for the next one, once it is accepted."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from qa import procedure as procedures_
from qa.acceptance import counts_no_more, lasting
from qa.acquisition import Calibration
from qa.archive import Archive, unchanged
from qa.reading import RecordError
from qa.record import Record

if TYPE_CHECKING:
    from qa.acceptance import Stored

PERIOD_DAYS = {"daily": 1, "weekly": 7, "monthly": 31, "quarterly": 92, "semiannual": 183, "annual": 366}  # the longest there are
NONE_IN_FORCE = "no calibration is in force"
GRACE = 0.1  # of the period: nobody repeats a check to the hour; 2.4 hours of a day, 3 days of a month, 5 weeks of a year


def in_force(
    archive: Archive | None, uses: Sequence[str], machine: str, when: datetime | None
) -> tuple[tuple[Calibration, ...], tuple[str, ...]]:
    """The machine's calibrations of these kinds for images taken at ``when``, and a note for each: which one, or why not the one there is.

    Of each kind the accepted one counts that was taken last before the images: an older one was replaced by it, even where it is of no use.
    One that was rejected is followed by what was accepted later than that only.
    Where files do not say when they were taken, the time of their analysis counts (``when`` None: now), and the note says so.
    """
    found: list[Calibration] = []
    notes: list[str] = []
    if archive is None:
        return (), ()
    for kind in uses:
        one, words = _of_kind(archive, kind, machine, when or datetime.now(UTC))
        found += [one] if one is not None else []
        notes += [f"{kind}: {words if one is not None else f'{NONE_IN_FORCE}: {words}'}"] if words else []
    return tuple(found), tuple(notes)


def _of_kind(archive: Archive, kind: str, machine: str, when: datetime) -> tuple[Calibration | None, str]:
    """The calibration and its name, or why the one there is does not count; "" when there is none at all."""
    providers = [name for name in procedures_.names() if procedures_.load(name).provides == kind]
    if not providers:
        return None, ""
    accepted = archive.accepted(machine, providers)
    if not accepted:
        newest = archive.newest(machine, providers)
        return None, f"{_named(newest, machine)} is not accepted: igrtqa accept {newest.record_id} --by NAME" if newest is not None else ""
    before = sorted((one for one in accepted if one.record.taken <= when), key=lambda one: one.record.taken, reverse=True)
    last = next(lasting(before), None)
    if last is None and before:
        return None, f"{counts_no_more(before)}: calibrate again, or accept a good one with: igrtqa accept RECORD --by NAME"
    if last is None:
        return None, f"{_named(min((one.record for one in accepted), key=lambda one: one.taken), machine)} is younger than these images"
    try:
        return _if_valid(unchanged(archive, last), last.record, kind, machine, when)
    except RecordError as error:
        return None, str(error)


def _if_valid(record: Record, stored: Stored, kind: str, machine: str, when: datetime) -> tuple[Calibration | None, str]:
    """The calibration in the record and its name, or why it is not valid at that time."""
    named = _named(stored, machine)
    periods = [PERIOD_DAYS[one.limit.frequency] for one in record.judgements if one.reading >= 0 and one.limit.frequency in PERIOD_DAYS]
    if not periods:
        return None, f"{named} was judged by no limit that says how often to repeat it, so its expiry is not known"
    expires = stored.taken + timedelta(days=min(periods) * (1 + GRACE))
    if when > expires:
        return None, f"{named} expired {_day(expires)}: calibrate again"
    return Calibration(kind, record.record_id, stored.taken, expires, record.readings), f"{named} valid until {_day(expires)}"


def _named(stored: Stored, machine: str) -> str:
    doubt = "" if stored.acquired is not None else " (its images do not say when they were taken: this is when they were analysed)"
    other = f", stored for {stored.machine!r}" if stored.machine != machine else ""
    return f"record {stored.record_id}, taken {_day(stored.taken)}{doubt}{other},"


def _day(time: datetime) -> str:
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
