"""Which reading belongs to which image and part, which judgement to which reading, what all have in common, and what an image is called."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from qa.limit import Judgement
from qa.reading import At, Measured, Reading
from qa.record import Record

UID, SERIES, SETTING, PART = "sop_instance_uid", "series_instance_uid", "setting", "part"
ORDER = ("set", "target", PART, "gantry_deg", "collimator_deg", "couch_deg")  # of the states that a reading was taken at
Indexed = tuple[int, Reading]  # a reading and its index in the record


def per_image(reading: Reading) -> bool:
    """Whether a reading belongs to one image, and not to the whole set."""
    return bool(reading.at.get(UID))


def of_part(reading: Reading) -> bool:
    """Whether a reading belongs to one part of a phantom: an insert, a disc, a direction."""
    return bool(reading.at.get(PART))


def common(record: Record) -> dict[str, str]:
    """What the states of all readings have in common and need not repeat: the setting, the series, the one image they are all of."""
    states = [reading.at for reading in record.readings]
    found = {}
    for key in (SETTING, SERIES, UID):
        values = {str(at[key]) for at in states if at.get(key)}
        if len(values) == 1 and (key != UID or all(at.get(key) for at in states)):
            found[key] = values.pop()
    return found


def without(record: Record, keys: Iterable[str] = ()) -> Record:
    """The record with these parts of every state left out, for sections that say once what all have in common.

    States and budgets are put in one order: a database keeps none, and the same record must give the same report.
    """
    keys = set(keys)

    def rest(at: At) -> At:
        return {key: at[key] for key in sorted(at, key=_rank) if key not in keys}

    def tidy(reading: Reading) -> Reading:
        if isinstance(reading, Measured):
            return replace(reading, at=rest(reading.at), budget=dict(sorted(reading.budget.items())))
        return replace(reading, at=rest(reading.at))

    comparisons = tuple(replace(one, at=rest(one.at)) for one in record.comparisons)
    return replace(record, readings=tuple(map(tidy, record.readings)), comparisons=comparisons)


def _rank(key: str) -> tuple[int, str]:
    """Sets and parts before angles as people name them, then everything else by name."""
    return (ORDER.index(key) if key in ORDER else len(ORDER)), key


def judgements_of(record: Record) -> dict[int, list[Judgement]]:
    """The judgements of every reading by its index; under -1 those that found no reading."""
    of: dict[int, list[Judgement]] = {}
    for judgement in record.judgements:
        index = judgement.reading if 0 <= judgement.reading < len(record.readings) else -1
        of.setdefault(index, []).append(judgement)
    return of


def image_names(record: Record) -> dict[str, str]:
    """What each image is called: its number in the list of files, or its UID where the list has no such file."""
    names = {str(r.at[UID]): str(r.at[UID]) for r in record.readings if per_image(r)}
    return names | {entry.sop_instance_uid: str(n) for n, entry in enumerate(record.inputs, 1) if entry.sop_instance_uid}


def together(readings: Sequence[Indexed]) -> list[list[Indexed]]:
    """Readings that share a table: all that are of no part, then quantities of the same parts."""
    parts: dict[str, set[str]] = {}
    for _, reading in readings:
        parts.setdefault(_family(reading), set()).add(str(reading.at.get(PART, "")))
    groups: dict[frozenset[str], list[str]] = {}
    for family, own in parts.items():
        groups.setdefault(frozenset(own), []).append(family)
    return [[pair for pair in readings if _family(pair[1]) in families] for families in groups.values()]


def _family(reading: Reading) -> str:
    return reading.quantity.key if of_part(reading) else ""
