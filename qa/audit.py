"""An audit: all that a store knows of one machine over a month or a year, gathered and not judged again.

docs/audit.md says what each part of it is. Only the schedule is the site file's; everything else is the store's.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from qa import audit_compliance, audit_quantities, audit_records, calibrations, procedure
from qa.audit_compliance import Asked, Reviews
from qa.audit_period import Period
from qa.audit_quantities import Newest
from qa.audit_records import Finding, Kept, Verdict
from qa.audit_rows import Rows
from qa.events import ACTION, BACK, SERVICE, Event, in_service
from qa.reading import QaError
from qa.record import Record
from qa.spelling import nearest

if TYPE_CHECKING:
    from qa.acceptance import Acceptance
    from qa.accepted_baselines import AcceptedBaseline
    from qa.acquisition import Calibration
    from qa.imported import Opinion
    from qa.site import Site
    from qa.standing import Place
    from qa.store import Store


@dataclass(frozen=True)
class InForce:
    """What the machine has of one kind of calibration: which, or in ``words`` why there is none."""

    kind: str
    found: Calibration | None
    words: str


@dataclass(frozen=True)
class Audit:
    """``names`` are those that the machine's records are stored under; ``until`` is the last day that was looked at: today, if not over.

    ``strange`` are the names of records that may be of it and are left out: the site file has no such machine, or there is no site file
    and their spelling is all that differs.
    ``records`` are those of the period, the one taken first first, ``shown`` the newest that counts of every test and setting, whole.
    ``asked`` is None where no site file says what was to be done. ``events`` are services and returns, ``began`` the service that the
    period began under, ``opinions`` what other programs said. ``end`` is the newest link of the store, which ``stored`` is the
    time of; None in a database without a chain.
    """

    machine: str
    names: tuple[str, ...]
    strange: tuple[str, ...]
    clinic: str
    zone: str
    period: Period
    until: date
    verdicts: tuple[Verdict, ...]
    records: tuple[Kept, ...]
    findings: tuple[Finding, ...]
    quantities: tuple[Newest, ...]
    shown: tuple[Record, ...]
    asked: tuple[Asked, ...] | None
    reviews: Reviews
    events: tuple[Event, ...]
    began: Event | None
    accepted: tuple[Acceptance, ...]
    baselines: tuple[AcceptedBaseline, ...]
    calibrations: tuple[InForce, ...]
    opinions: tuple[Opinion, ...]
    end: Place | None
    stored: datetime

    def day(self, moment: datetime) -> date:
        """The day of the clinic's calendar on which a person signed or wrote something."""
        return moment.astimezone(ZoneInfo(self.zone) if self.zone else None).date()

    @property
    def counting(self) -> tuple[Kept, ...]:
        """The records that decide."""
        return tuple(one for one in self.records if one.counts)


def audit(store: Store, machine: str, period: Period, site: Site | None = None, today: date | None = None, evidence: bool = True) -> Audit:
    """The audit of a machine; ``today`` None: now. QaError for a machine that nobody knows and for a period that is still to come.

    RecordError where a record of the period, a signature on one or an event of the machine was changed by force, or a record that was
    stored since its first day is gone. Without ``evidence`` none is kept to be shown.
    """
    zone = site.zone if site else None
    today = today or datetime.now(zone).date()
    if today < period.first:
        raise QaError(f"{period.words} is still to come")
    known = store.machines()
    if site is not None:
        site.known(machine)
    elif machine not in known:
        raise QaError(f"no record is of a machine {machine!r}{nearest(machine, known)}")
    rows = store.audit_rows(machine, period, today, zone)
    days = period.days(today)
    events = tuple(sorted(store.events(machine), key=lambda event: event.day))  # also what was put down later
    records = audit_records.kept(rows, [head for head in rows.heads if head.day >= period.first])
    counting = [one for one in records if one.counts]
    treated = next((one.techniques for one in site.machine if one.name == machine), ()) if site else ()
    settings = _settings(rows)
    newest = {(one.head.procedure, settings[one.head.record_id]): one.head.record_id for one in counting} if evidence else {}
    since = _end_of(period.first - timedelta(days=2), site)  # a clock that was a little behind
    own, shown = [one.head.record_id for one in records], frozenset(newest.values())
    whole = {record.record_id: record for record in store.vouched(machine, own, since) if record.record_id in shown}
    end, stored = store.end()
    return Audit(
        machine,
        store.names(machine),
        _strange(machine, known, site),
        site.name if site else "",
        (site.time_zone if site else None) or "",
        period,
        days[-1],
        audit_records.by_technique(records, treated),
        records,
        audit_records.findings(records, [event for event in events if event.kind == ACTION], rows.meanings),
        audit_quantities.newest(rows, records, store.readings) if evidence else (),
        tuple(whole[record_id] for record_id in newest.values()),
        _asked(store, site, machine, days, events, counting, today) if site else None,
        audit_compliance.reviews(records),
        tuple(event for event in events if event.kind in (SERVICE, BACK) and period.first <= event.day <= days[-1]),
        in_service([event for event in events if event.day < period.first]),
        tuple(one for one in store.accepted(machine) if period.first <= one.accepted.astimezone(zone).date() <= days[-1]),
        tuple(one for one in store.accepted_baselines(machine) if period.first <= one.accepted.astimezone(zone).date() <= days[-1]),
        _in_force(store, machine, _end_of(days[-1], site)),
        store.lines([one for one in store.imported(machine) if period.first <= one.taken.astimezone(zone).date() <= days[-1]]),
        end,
        stored or _end_of(days[-1], site),
    )


def _strange(machine: str, known: Iterable[str], site: Site | None) -> tuple[str, ...]:
    if site is None:
        return tuple(name for name in known if name != machine and _spelt(name) == _spelt(machine))
    own = {one.name for one in site.machine}
    return tuple(name for name in known if site.own_name(name) not in own)


def _spelt(name: str) -> str:
    return "".join(filter(str.isalnum, name.casefold()))


def _settings(rows: Rows) -> dict[str, frozenset[str]]:
    """What each record's numbers say of how they were taken: another phantom or beam is another thing to show."""
    found: dict[str, set[str]] = {head.record_id: set() for head in rows.heads}
    for number in rows.numbers:
        found[number.record_id] |= {text for key, text in number.of if key == "setting"}
    return {record_id: frozenset(texts) for record_id, texts in found.items()}


def _asked(
    store: Store, site: Site, machine: str, days: tuple[date, ...], events: tuple[Event, ...], records: list[Kept], today: date
) -> tuple[Asked, ...]:
    scheduled = audit_compliance.protocols(site, machine)
    return audit_compliance.compliance(site, machine, store.done_by(machine, days, site.zone, scheduled), events, records, today)


def _in_force(store: Store, machine: str, when: datetime) -> tuple[InForce, ...]:
    """Every kind of calibration that some test provides."""
    kinds = sorted({provides for name in procedure.names() if (provides := procedure.load(name).provides)})
    made = []
    for kind in kinds:
        found, words = calibrations.in_force(store, (kind,), machine, when)
        said = "; ".join(words).removeprefix(f"{kind}: ").removeprefix("no calibration is in force: ") or "no record of such a calibration"
        made.append(InForce(kind, found[0] if found else None, said))
    return tuple(made)


def _end_of(day: date, site: Site | None) -> datetime:
    """The end of a day of the clinic's."""
    midnight = datetime.combine(day + timedelta(days=1), time())
    return (midnight.replace(tzinfo=site.zone) if site and site.zone else midnight).astimezone(UTC)
