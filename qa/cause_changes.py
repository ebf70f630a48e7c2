"""What changed on a machine: numbers of the newest records against earlier ones.

Physics: docs/physics/cause.md, section 2.1. Nothing is measured or judged; what could not be compared is named.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np

from qa.angles import same
from qa.cause_signatures import INSTEAD, family
from qa.reading import At, Measured, identity

if TYPE_CHECKING:
    from qa.acceptance import Acceptance
    from qa.accepted_baselines import AcceptedBaseline
    from qa.history import Point

EARLIER = 5  # fewest earlier values: of four or fewer nobody knows the scatter (its 95 % range is then more than a factor of 3.7)
ANGLES = ("gantry_deg", "collimator_deg", "couch_deg")
WORDS = "gantry", "collimator", "couch"
RARE = "it is in too few of the earlier records that the others are in"
ALONE = "{} earlier values, {} are needed to know the usual scatter"


@dataclass(frozen=True)
class Change:
    """One number of a record against what it was; ``reference_words`` says what that is.

    ``beside`` are the other numbers of its record; ``first`` and ``last`` are when the earlier ones were taken, ``taken`` when this one.
    """

    procedure: str
    record_id: str
    key: str
    unit: str
    at: At
    value: float
    u: float
    reference: float
    reference_words: str
    earlier: tuple[float, ...]
    beside: Mapping[str, float]
    since_accepted: bool
    first: datetime
    last: datetime
    taken: datetime

    @property
    def size(self) -> float:
        """Value minus reference."""
        return self.value - self.reference

    @property
    def name(self) -> str:
        """The key, and what tells it from others of that key."""
        return _name(self.key, self.at)


@dataclass(frozen=True)
class Changes:
    """Since ``since``: the changes, and why other numbers have no place, by name."""

    since: datetime
    rows: tuple[Change, ...]
    left: tuple[tuple[str, str], ...]


def changes(
    points: Iterable[Point],
    beside: Iterable[Point],
    accepted: Sequence[Acceptance],
    since: datetime,
    baselines: Sequence[AcceptedBaseline] = (),
) -> Changes:
    """Of the readings of one machine: the newest record of each test since then against the same test's earlier records.

    ``beside`` are readings that signatures multiply by.
    """
    tests: dict[str, list[Point]] = defaultdict(list)
    for point in points:
        tests[point.procedure].append(point)
    others = _numbers(beside)
    found: list[Change] = []
    left: list[tuple[str, str]] = []
    for test in sorted(tests):
        own, why = _of_test(tests[test], others, accepted, since, [one for one in baselines if one.procedure == test])
        found += own
        left += why
    there = {family(change.key)[0] for change in found}
    kept = [one for one in found if INSTEAD.get(family(one.key)[0]) not in there]
    left += [(one.name, f"{INSTEAD[family(one.key)[0]]} tells the same of the same images") for one in found if one not in kept]
    return Changes(since, tuple(kept), tuple(left))


def _numbers(points: Iterable[Point]) -> dict[str, dict[str, float]]:
    """By record and key, the mean of its numbers."""
    found: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for point in points:
        if isinstance(point.reading, Measured):
            found[point.record_id][point.reading.quantity.key].append(point.reading.value)
    return {record: {key: float(np.mean(values)) for key, values in own.items()} for record, own in found.items()}


def _of_test(
    points: Sequence[Point],
    others: Mapping[str, Mapping[str, float]],
    accepted: Sequence[Acceptance],
    since: datetime,
    baselines: Sequence[AcceptedBaseline],
) -> tuple[list[Change], list[tuple[str, str]]]:
    """The newest record of one test against its epoch's earlier records."""
    last = {point.taken: point for point in sorted(points, key=lambda p: (p.taken, p.analysed, p.record_id))}
    counts = {point.record_id: last[point.taken].record_id for point in points}  # of images that were analysed again the later analysis
    counted = set(counts.values())
    points = [point for point in points if point.record_id in counted]
    newest = max(points, key=lambda point: (point.taken, point.record_id))
    if newest.taken < since:
        return [], []
    before = [point for point in points if point.taken < since and point.version == newest.version]
    taken = {point.record_id: point.taken for point in before}
    named, epoch = _reference({name: taken[later] for name, later in counts.items() if later in taken}, accepted, baselines)
    baseline = counts.get(named, "")
    before = [point for point in before if epoch is None or point.taken >= epoch]
    found: list[_Compared] = []
    left: list[tuple[str, str]] = []
    for now in _slots([point for point in points if point.record_id == newest.record_id]):
        one = _compared(now, before, baseline, named)
        if isinstance(one, _Compared):
            found.append(one)
        else:
            left.append((_name(now[0].reading.quantity.key, now[0].reading.at), one))
    records = _common(found)
    while found and len(records) < EARLIER:  # a mean of other records for every number would fit no geometry
        rare = min(found, key=lambda one: len(one.earlier))
        left.append((_name(rare.point.reading.quantity.key, rare.point.reading.at), RARE))
        found.remove(rare)
        records = _common(found)
    return [_change(one, records, baseline, named, others.get(newest.record_id, {})) for one in found], left


def _reference(
    taken: Mapping[str, datetime], accepted: Sequence[Acceptance], baselines: Sequence[AcceptedBaseline]
) -> tuple[str, datetime | None]:
    """Which of the records ``taken`` is the reference ("": the mean of the epoch), and when its epoch began (None: with the first)."""
    standing = [one.record.record_id for one in accepted if one.rejected is None and one.record.record_id in taken]
    record = max(standing, key=lambda one: taken[one], default="")
    members = [
        [member.record.record_id for member in one.members if member.record.record_id in taken] for one in baselines if not one.broken
    ]
    newest = next((own for own in reversed(members) if own), [])
    if newest and (not record or taken[record] <= max(taken[one] for one in newest)):
        return newest[0] if len(newest) == 1 else "", min(taken[one] for one in newest)
    return record, taken.get(record)


@dataclass(frozen=True)
class _Compared:
    """A number of the newest record, and the same in earlier records: value and u by record."""

    point: Point
    value: float
    u: float
    earlier: Mapping[str, tuple[float, float]]
    taken: Mapping[str, datetime]


def _common(found: Sequence[_Compared]) -> list[str]:
    """The records that all of these numbers are in."""
    return [record for record in found[0].earlier if all(record in one.earlier for one in found)] if found else []


def _name(key: str, at: At) -> str:
    """ "ball_offset_u (gantry 90)" """
    words = [f"{word} {at[angle]:.0f}" for word, angle in zip(WORDS, ANGLES, strict=True) if _of_an_image(at) and _stands(at, angle)]
    words += [text for _, text in identity(at)]
    return f"{key} ({', '.join(words)})" if words else key


def _stands(at: At, angle: str) -> bool:
    """Whether an angle is worth naming: a gantry's always, others when they are not 0."""
    value = at.get(angle)
    return value is not None and not isinstance(value, str) and (angle == ANGLES[0] or not same(value, 0.0))


def _of_an_image(at: At) -> bool:
    return "sop_instance_uid" in at


def _alike(one: Point, other: Point) -> bool:
    """Whether two readings are of the same thing; those of images where they stood at the same angles."""
    a, b = one.reading, other.reading
    if a.quantity.key != b.quantity.key or a.quantity.unit != b.quantity.unit or identity(a.at) != identity(b.at):
        return False
    if _of_an_image(a.at) != _of_an_image(b.at):
        return False
    return not _of_an_image(a.at) or all(_same(a.at.get(angle), b.at.get(angle)) for angle in ANGLES)


def _same(a: float | str | None, b: float | str | None) -> bool:
    return a == b or (isinstance(a, float) and isinstance(b, float) and same(a, b))


def _slots(points: Sequence[Point]) -> list[list[Point]]:
    """The readings of one record, those of the same thing together."""
    slots: list[list[Point]] = []
    for point in points:
        place = next((slot for slot in slots if _alike(slot[0], point)), None)
        if place is None:
            slots.append([point])
        else:
            place.append(point)
    return slots


def _value(points: Sequence[Point]) -> tuple[float, float] | str:
    """The mean of what one record says of one thing, and its u; or why there is no number."""
    readings = [point.reading for point in points]
    numbers = [one for one in readings if isinstance(one, Measured)]
    why = next((one.missing for one in numbers if one.missing), "") or next((o.reason for o in readings if not isinstance(o, Measured)), "")
    if not numbers or any(one.missing for one in numbers):
        return why
    return float(np.mean([one.value for one in numbers])), float(np.sqrt(np.mean([one.u**2 for one in numbers])))


def _compared(now: Sequence[Point], before: Sequence[Point], baseline: str, named: str) -> _Compared | str:
    """``baseline`` is the record whose number is the reference, ``named`` the accepted one that it counts for."""
    own = _value(now)
    if isinstance(own, str):
        return own
    alike = sorted((point for point in before if _alike(now[0], point)), key=lambda point: (point.taken, point.record_id))
    values = {record: _value(list(group)) for record, group in groupby(alike, key=lambda point: point.record_id)}
    earlier = {record: value for record, value in values.items() if not isinstance(value, str)}
    if baseline and baseline not in earlier:
        return f"the accepted record {named[:8]} has no such number"
    if len(earlier) < EARLIER:
        return ALONE.format(len(earlier), EARLIER)
    return _Compared(now[0], *own, earlier, {point.record_id: point.taken for point in alike})


def _change(one: _Compared, records: Sequence[str], baseline: str, named: str, beside: Mapping[str, float]) -> Change:
    earlier = tuple(one.earlier[record][0] for record in records)
    reference = one.earlier[baseline][0] if baseline else float(np.mean(earlier))
    words = f"accepted record {named[:8]}" if baseline else f"mean of {len(earlier)} earlier"
    reading, point = one.point.reading, one.point
    what = reading.quantity.key, reading.quantity.unit, reading.at
    own = point.procedure, point.record_id, *what, one.value, one.u
    times = [one.taken[record] for record in records]
    return Change(*own, reference, words, earlier, beside, bool(baseline), min(times), max(times), point.taken)
