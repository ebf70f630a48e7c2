"""Readings of parts of a phantom as rows of text: a row per part, a column per quantity, each value with its worst outcome."""

from __future__ import annotations

from collections.abc import Iterator

from qa.limit import Outcome
from qa.reading import Measured, Reading
from qa.record import Record
from reports import numbers
from reports.index import UID, common, image_names, judgements_of, of_part, per_image, together, without

Marked = tuple[Outcome | None, str]
NOTHING: Marked = (None, "")


def part_rows(record: Record) -> Iterator[tuple[tuple[str, ...], tuple[tuple[Marked, ...], ...]]]:
    """(header, rows) of every table that the parts make; of single images only what a limit judged."""
    record = without(record, common(record))
    judged, names = judgements_of(record), image_names(record)
    chosen = [(n, r) for n, r in enumerate(record.readings) if of_part(r) and (n in judged or not per_image(r))]
    for group in together(chosen):
        quantities = {reading.quantity.key: reading.quantity for _, reading in group}
        rows: dict[str, dict[str, Marked]] = {}
        for index, reading in group:
            outcome = max((judgement.outcome for judgement in judged.get(index, [])), default=None)
            place = _place(reading, names)
            while reading.quantity.key in rows.get(place, {}):  # a second reading of the same part gets its own row
                place += " (again)"
            rows.setdefault(place, {})[reading.quantity.key] = (outcome, _text(reading))
        heads = (numbers.with_unit(key.replace("_", " "), f"/ {q.unit}" if q.unit else "") for key, q in quantities.items())
        body = tuple(((None, place), *(row.get(key, NOTHING) for key in quantities)) for place, row in rows.items())
        yield ("Part", *heads), body


def _place(reading: Reading, names: dict[str, str]) -> str:
    image = f"image {names[str(reading.at[UID])]}, " if per_image(reading) else ""
    return f"{image}{numbers.state(reading.at)}"


def _text(reading: Reading) -> str:
    return numbers.pair(reading) if isinstance(reading, Measured) else "not measured"
