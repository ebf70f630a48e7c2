"""Readings of single images in one compact table: a row per image, a column per quantity."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from reportlab.platypus import Flowable

from qa.limit import Judgement, Limit, Outcome
from qa.reading import Measured, Quantity, Reading
from qa.record import Record
from reports import numbers
from reports.index import UID, image_names, judgements_of, per_image
from reports.limits import limit_cell
from reports.page import small_heading
from reports.shapes import marked
from reports.style import CELL, CELL_MUTED, CELL_STRONG, FACES, WIDTH, paragraph
from reports.tables import Cell, columns, grid

NOTE = "Image numbers are those of the list of files at the end. Every value is given ± U, U = 2u."


def table(record: Record) -> list[Flowable]:
    """The table, what its columns mean, remarks on single values, and the limits on single images; nothing when no image has a reading."""
    readings = [(index, reading) for index, reading in enumerate(record.readings) if per_image(reading)]
    if not readings:
        return []
    names, of, remarks = image_names(record), judgements_of(record), _Remarks()
    states = list(dict.fromkeys(key for _, reading in readings for key in reading.at if key != UID))
    quantities = {reading.quantity.key: reading.quantity for _, reading in readings}
    rows: dict[tuple[object, ...], dict[str, Cell]] = {}
    for index, reading in readings:
        place: tuple[object, ...] = tuple(sorted((key, str(value)) for key, value in reading.at.items()))
        while reading.quantity.key in rows.get(place, {}):  # a second reading of the same state gets its own row
            place = (*place, "again")
        row = rows.setdefault(place, _lead(reading, names, states))
        row[reading.quantity.key] = _cell(reading, of.get(index, []), remarks)
    header = ["Image", *(_head(numbers.name(key), numbers.unit(key)) for key in states)]
    header += [_head(key.replace("_", " "), quantity.unit) for key, quantity in quantities.items()]
    body = [[row.get(key, "") for key in (UID, *map(_state, states), *quantities)] for row in rows.values()]
    below = [*map(_meaning, quantities.values()), *remarks.paragraphs(), *_limits(record)]
    return [paragraph(NOTE, CELL_MUTED), *columns(header, body, fixed=1 + len(states)), *below]


class _Remarks:
    """Remarks under a compact table, numbered in order of first use."""

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}

    def mark(self, texts: Iterable[str]) -> str:
        return ",".join(f"n{self.numbers.setdefault(text, len(self.numbers) + 1)}" for text in texts)

    def paragraphs(self) -> list[Flowable]:
        return [paragraph(f"n{number}: {text}", CELL_MUTED) for text, number in self.numbers.items()]


def _lead(reading: Reading, names: dict[str, str], states: Sequence[str]) -> dict[str, Cell]:
    row: dict[str, Cell] = {_state(key): numbers.number(reading.at[key]) for key in states if key in reading.at}
    return row | {UID: names[str(reading.at[UID])]}


def _state(key: str) -> str:
    """The column of a state; a quantity may have the same key."""
    return f"at {key}"


def _cell(reading: Reading, judgements: Sequence[Judgement], remarks: _Remarks) -> Cell:
    if isinstance(reading, Measured):
        text = " ".join(filter(None, (numbers.pair(reading), numbers.interval(reading), remarks.mark(reading.flags))))
    else:
        text = f"not measured {remarks.mark([reading.reason])}"
    return marked(max(judgement.outcome for judgement in judgements), text, CELL.fontSize) if judgements else text


def _head(text: str, unit: str) -> str:
    return f"{text} / {unit}" if unit else text


def _meaning(quantity: Quantity) -> Flowable:
    source = f" Defined in {quantity.source}." if quantity.source else ""
    return paragraph(f"{quantity.key.replace('_', ' ')} ({quantity.key}): {quantity.meaning}.{source}", CELL_MUTED)


def _limits(record: Record) -> list[Flowable]:
    """Each limit on single images once, with how many images it found how."""
    counts: dict[Limit, dict[Outcome, int]] = {}
    for index, judgements in judgements_of(record).items():
        for judgement in judgements if index >= 0 and per_image(record.readings[index]) else []:
            count = counts.setdefault(judgement.limit, {})
            count[judgement.outcome] = count.get(judgement.outcome, 0) + 1
    if not counts:
        return []
    rows: list[list[Cell]] = []
    for limit, count in counts.items():
        worst_first = [marked(outcome, f"{n} {FACES[outcome].word}", CELL.fontSize) for outcome, n in sorted(count.items(), reverse=True)]
        rows.append([paragraph(limit.quantity, CELL_STRONG), limit_cell(limit, [limit.note]), worst_first])
    widths = [WIDTH * part for part in (0.3, 0.45, 0.25)]
    return [*small_heading("Limits on single images"), grid(("Quantity", "Limit and source", "Images"), rows, widths)]
