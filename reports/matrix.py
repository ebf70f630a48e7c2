"""Many readings in few lines: a row per image or part, a column per quantity; what columns, remarks and limits mean is said once, below."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from reportlab.platypus import Flowable, Table

from qa.limit import Judgement, Limit, Outcome
from qa.reading import Measured, Quantity, Reading
from reports import numbers
from reports.index import PART, UID, Indexed
from reports.limits import limit_cell
from reports.page import small_heading
from reports.shapes import marked
from reports.style import CELL, CELL_MUTED, CELL_STRONG, FACES, WIDTH, paragraph
from reports.tables import Cell, columns, grid

FLAT = 4  # rows: a table with fewer of them than columns is turned, if it has more than
LONG = 8  # columns
Place = tuple[object, ...]  # a state, sorted


class Remarks:
    """Remarks under compact tables, numbered in order of first use."""

    def __init__(self) -> None:
        """None yet."""
        self.numbers: dict[str, int] = {}

    def mark(self, texts: Iterable[str]) -> str:
        """The numbers that stand for these texts."""
        return ",".join(f"n{self.numbers.setdefault(text, len(self.numbers) + 1)}" for text in texts)

    def paragraphs(self) -> list[Flowable]:
        """Every remark under its number."""
        return [paragraph(f"n{number}: {text}", CELL_MUTED) for text, number in self.numbers.items()]


def table(
    readings: Sequence[Indexed],
    judged: Mapping[int, Sequence[Judgement]],
    remarks: Remarks,
    names: Mapping[str, str] | None = None,
) -> list[Flowable]:
    """The table and what its columns mean; ``names`` are those of the images, None for readings of the whole."""
    states = list(dict.fromkeys(key for _, reading in readings for key in reading.at if key != UID))
    quantities = {reading.quantity.key: reading.quantity for _, reading in readings}
    rows: dict[Place, dict[str, Cell]] = {}
    for index, reading in readings:
        place: Place = tuple(sorted((key, str(value)) for key, value in reading.at.items()))
        while reading.quantity.key in rows.get(place, {}):  # a second reading of the same state gets its own row
            place = (*place, "again")
        row = rows.setdefault(place, _lead(reading, names, states))
        row[reading.quantity.key] = _cell(reading, judged.get(index, []), remarks)
        against = [judgement.baseline for judgement in judged.get(index, []) if judgement.baseline is not None]
        if against:
            row[f"baseline {reading.quantity.key}"] = numbers.estimate(against[0].value, against[0].u)
    lead = [*([UID] if names is not None else []), *map(_state, states)]
    header = [*(["Image"] if names is not None else []), *map(_state_head, states)]
    if len(rows) <= FLAT and len(quantities) > LONG:
        tables = _turned(rows, dict(zip(lead, header, strict=True)), quantities)
    else:
        based = {key for key in quantities if any(f"baseline {key}" in row for row in rows.values())}
        heads = {key: _head(key.replace("_", " "), quantity.unit) for key, quantity in quantities.items()}
        shown = [(name, head) for key, head in heads.items() for name, head in _with_baseline(key, head, key in based)]
        header += [head for _, head in shown]
        tables = columns(header, [[row.get(key, "") for key in (*lead, *(name for name, _ in shown))] for row in rows.values()], len(lead))
    return [*tables, *map(_meaning, quantities.values())]


def limits(judged: Mapping[int, Sequence[Judgement]], readings: Sequence[Indexed], of: str) -> list[Flowable]:
    """Each limit on single images or parts once, with how many of them it found how."""
    counts: dict[Limit, dict[Outcome, int]] = {}
    against: dict[Limit, dict[str, None]] = {}
    for index, _ in readings:
        for judgement in judged.get(index, []):
            count = counts.setdefault(judgement.limit, {})
            count[judgement.outcome] = count.get(judgement.outcome, 0) + 1
            if (b := judgement.baseline) is not None:
                against.setdefault(judgement.limit, {})[f"baseline: record {b.record_id} of {numbers.moment(b.taken)}"] = None
    if not counts:
        return []
    rows: list[list[Cell]] = []
    for limit, count in counts.items():
        worst_first = [marked(outcome, f"{n} {FACES[outcome].word}", CELL.fontSize) for outcome, n in sorted(count.items(), reverse=True)]
        rows.append([paragraph(limit.quantity, CELL_STRONG), limit_cell(limit, [limit.note, *against.get(limit, {})]), worst_first])
    widths = [WIDTH * part for part in (0.3, 0.45, 0.25)]
    return [*small_heading(f"Limits on single {of}"), grid(("Quantity", "Limit and source", of.capitalize()), rows, widths)]


def _with_baseline(key: str, head: str, based: bool) -> list[tuple[str, str]]:
    """The columns of a quantity: its values, and what they were judged against."""
    return [(key, head), *([(f"baseline {key}", "its baseline")] if based else [])]


def _turned(
    rows: Mapping[tuple[object, ...], Mapping[str, Cell]], lead: Mapping[str, str], quantities: Mapping[str, Quantity]
) -> list[Table]:
    """A row per quantity and a column per image, where the images are few and the quantities many."""
    heads = [", ".join(f"{head} {row[key]}" for key, head in lead.items() if row.get(key)) for row in rows.values()]
    body = [[_head(key.replace("_", " "), q.unit), *(row.get(key, "") for row in rows.values())] for key, q in quantities.items()]
    return columns(("Quantity", *heads), body)


def _lead(reading: Reading, names: Mapping[str, str] | None, states: Sequence[str]) -> dict[str, Cell]:
    row: dict[str, Cell] = {_state(key): numbers.number(reading.at[key]) for key in states if key in reading.at}
    return row | ({UID: names[str(reading.at[UID])]} if names is not None else {})


def _state(key: str) -> str:
    """The column of a state; a quantity may have the same key."""
    return f"at {key}"


def _state_head(key: str) -> str:
    return "Part" if key == PART else _head(numbers.name(key), numbers.unit(key))


def _cell(reading: Reading, judgements: Sequence[Judgement], remarks: Remarks) -> Cell:
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
