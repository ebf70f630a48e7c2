"""Which reading belongs to which image and part, which judgement to which reading, what all have in common, and what an image is called."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from qa.limit import Judgement
from qa.reading import At, Measured, Reading
from qa.record import Record

UID, SERIES, SETTING, PART = "sop_instance_uid", "series_instance_uid", "setting", "part"
ORDER = ("set", "target", PART, "gantry_deg", "collimator_deg", "couch_deg")  # of the states that a reading was taken at
NAMES = ("set", "target", PART)  # of states that tell readings apart: shown even where there is one only
SEVERAL = 4
Indexed = tuple[int, Reading]  # a reading and its index in the record


def per_image(reading: Reading) -> bool:
    """Whether a reading belongs to one image, and not to the whole set."""
    return bool(reading.at.get(UID))


def of_part(reading: Reading) -> bool:
    """Whether a reading belongs to one part of a phantom: an insert, a disc, a direction."""
    return bool(reading.at.get(PART))


def common(record: Record) -> dict[str, float | str]:
    """What the states of all readings have in common and need not repeat: the setting, the series, the one image, and its angles.

    Angles, and an image that what is missing belongs to no more than to another, only where the readings share a setting.
    """
    states = [reading.at for reading in record.readings]
    found: dict[str, float | str] = {}
    for key in dict.fromkeys((SETTING, SERIES, UID, *sorted({key for at in states for key in at} - set(NAMES)))):
        values = {at[key] for at in states if at.get(key, "") != ""}
        measured = all(key in reading.at for reading in record.readings if isinstance(reading, Measured))
        everywhere = all(at.get(key) for at in states)
        if len(values) == 1 and (key in (SETTING, SERIES) or (SETTING in found and measured) or (key == UID and everywhere)):
            found[key] = values.pop()
    return found


def shared_flags(record: Record) -> tuple[str, ...]:
    """Caveats that every number carries, where the readings share a setting: they are said once, of all."""
    measured = [reading for reading in record.readings if isinstance(reading, Measured)]
    if len(measured) < SEVERAL or SETTING not in common(record):
        return ()
    return tuple(flag for flag in measured[0].flags if all(flag in reading.flags for reading in measured))


def without(record: Record, keys: Iterable[str] = (), flags: Collection[str] = ()) -> Record:
    """The record with these parts of every state and these flags left out, for sections that say once what all have in common.

    States and budgets are put in one order: a database keeps none, and the same record must give the same report.
    """
    keys = set(keys)

    def rest(at: At) -> At:
        return {key: at[key] for key in sorted(at, key=_rank) if key not in keys}

    def tidy(reading: Reading) -> Reading:
        if isinstance(reading, Measured):
            own = tuple(flag for flag in reading.flags if flag not in flags)
            return replace(reading, at=rest(reading.at), budget=dict(sorted(reading.budget.items())), flags=own)
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


def again(record: Record) -> str:
    """Where the readings of a record that was judged again come from, and how they came out then; "" where they are its own."""
    return record.notes[0] if record.basis is not None and record.basis.judged_again and record.notes else ""
