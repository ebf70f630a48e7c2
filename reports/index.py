"""Which reading belongs to which image, which judgement to which reading, and what an image is called in the report."""

from __future__ import annotations

from qa.limit import Judgement
from qa.reading import Reading
from qa.record import Record

UID = "sop_instance_uid"


def per_image(reading: Reading) -> bool:
    """Whether a reading belongs to one image, and not to the whole set."""
    return bool(reading.at.get(UID))


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
