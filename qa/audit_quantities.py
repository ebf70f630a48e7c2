"""Every quantity of a period: the newest reading of each thing that was measured, with what judged it and its course over a year."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from qa.audit_records import Kept
from qa.audit_rows import Head, Number, Rows
from qa.limit import Judgement, Outcome
from qa.reading import Identity, Measured, Reading

Key = tuple[str, str, Identity]
"""A procedure, a quantity and what a reading is of."""


@dataclass(frozen=True)
class Past:
    """One number of the twelve months: ``outside`` is its outcome where that is no pass."""

    at: datetime
    value: float
    outside: Outcome | None


@dataclass(frozen=True)
class Newest:
    """The newest of one quantity: ``readings`` of the record ``head``, one unless it has several of that quantity and thing.

    ``indices`` are theirs in the record, ``judgements`` are of those. ``past`` are the numbers in the same unit; it is empty where records
    have several and nothing tells which is which.
    """

    head: Head
    of: Identity
    indices: tuple[int, ...]
    readings: tuple[Reading, ...]
    judgements: tuple[Judgement, ...]
    past: tuple[Past, ...]

    @property
    def numbers(self) -> tuple[Measured, ...]:
        """Those that were measured."""
        return tuple(one for one in self.readings if isinstance(one, Measured))

    def used(self) -> tuple[float, float] | None:
        """The largest part of a tolerance that a number uses, and that its worst end within k u uses; None where no number decides."""
        by_index = dict(zip(self.indices, self.readings, strict=True))
        found = [
            judged.limit.used(one, self.head.k, judged.baseline)
            for judged in self.judgements
            if isinstance(one := by_index[judged.reading], Measured)
        ]
        parts = [part for part in found if part is not None]
        return (max(value for value, _ in parts), max(worst for _, worst in parts)) if parts else None


def newest(
    rows: Rows, records: Sequence[Kept], readings: Callable[[Sequence[str]], Mapping[tuple[str, int], Reading]]
) -> tuple[Newest, ...]:
    """One for each quantity and thing that a record of the period that counts holds, and for each protocol that judged it, test by test.

    ``readings`` reads records' readings.
    """
    counting = {one.head.record_id: one for one in records if one.counts}
    of = _by_key(rows)
    last: dict[Key, tuple[Head, list[Number]]] = {}
    for key, found in of.items():
        own = [(head, numbers) for head, numbers in found if head.record_id in counting]
        if own:
            last[key] = own[-1]
    shown = {key: each for key, each in last.items() if not _told_otherwise(key, each, last)}
    every = [(key, *each) for key in shown for each in _by_protocol(of[key], counting)]
    read = readings(sorted({head.record_id for _, head, _ in every}))
    made = []
    for key, head, numbers in every:
        indices = tuple(number.index for number in numbers)
        judged = tuple(one for one in counting[head.record_id].judgements if one.reading in indices)
        past = tuple(_past(of[key], numbers[0].unit, rows.outside))
        made.append(Newest(head, key[2], indices, tuple(read[head.record_id, index] for index in indices), judged, past))
    return tuple(made)


def _by_protocol(found: Sequence[tuple[Head, list[Number]]], counting: Mapping[str, Kept]) -> Iterable[tuple[Head, list[Number]]]:
    """The newest of all, and the newest that each other protocol judged: its limits are others."""
    own = [(head, numbers) for head, numbers in found if head.record_id in counting]
    last = {head.protocol: (head, numbers) for head, numbers in own if _judged(numbers, counting[head.record_id])}
    last[own[-1][0].protocol] = own[-1]
    return sorted(last.values(), key=lambda each: each[0].at)


def _judged(numbers: Iterable[Number], kept: Kept) -> bool:
    indices = {number.index for number in numbers}
    return any(judgement.reading in indices for judgement in kept.judgements)


def _by_key(rows: Rows) -> dict[Key, list[tuple[Head, list[Number]]]]:
    """The numbers of every quantity and thing, record by record in order of time; only of records that count."""
    of_record: dict[str, dict[tuple[str, Identity], list[Number]]] = defaultdict(lambda: defaultdict(list))
    for number in rows.numbers:
        of_record[number.record_id][number.quantity, number.of].append(number)
    found: dict[Key, list[tuple[Head, list[Number]]]] = defaultdict(list)
    for head in rows.heads:
        for (quantity, of), numbers in of_record[head.record_id].items() if not head.left else ():
            found[head.procedure, quantity, of].append((head, numbers))
    return found


def _told_otherwise(key: Key, found: tuple[Head, list[Number]], last: Mapping[Key, tuple[Head, list[Number]]]) -> bool:
    """Whether something was not measured as a whole, and a newer record has numbers of what it may be."""
    (head, numbers), (procedure, quantity, of) = found, key
    if any(number.value is not None for number in numbers):
        return False
    return any(
        other[:2] == (procedure, quantity) and other[2] != of and set(of) <= set(other[2]) and each[0].at > head.at and _measured(each[1])
        for other, each in last.items()
    )


def _measured(numbers: Iterable[Number]) -> bool:
    return any(number.value is not None for number in numbers)


def _past(found: Iterable[tuple[Head, list[Number]]], unit: str, outside: Mapping[tuple[str, int], Outcome]) -> Iterable[Past]:
    """Those in that unit: others have no place on the same line. What was judged again is one number, by the worst of its judgements."""
    several = False
    course: dict[tuple[str, int], Past] = {}
    for head, numbers in found:
        several = several or len(numbers) > 1
        for one in numbers:
            if one.value is not None and one.unit == unit:
                key, came = (head.measured_as, one.index), outside.get((one.record_id, one.index))
                before = course[key].outside if key in course else None
                worst = max((each for each in (came, before) if each is not None), default=None)
                course[key] = Past(head.at, one.value, worst)
    return () if several else course.values()
