"""Everything that is not a pass, worst first, with its reason and what to do next; then what weakens a pass."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reportlab.platypus import Flowable

from qa.limit import NO_NUMBER, Judgement, Outcome
from qa.reading import Measured, NotMeasured, Reading
from qa.record import Record
from reports import engines, numbers
from reports.index import PART, UID, again, image_names, of_part, per_image
from reports.limits import limit_line
from reports.page import heading, small_heading
from reports.shapes import tag
from reports.style import BODY, CELL, CELL_MUTED, CELL_STRONG, FACES, STRONG, WIDTH, paragraph
from reports.tables import Cell, grid

ALL_MET = "None. Every limit of this protocol was met, with the uncertainty taken into account."
UNJUDGED = "Nothing was judged, so nothing could be found out of tolerance. A physicist has to read the numbers."
SET_ONE = "Physicist: the source gives no number. Set a limit of your own in the protocol."
NOBODY_ASKED = "No limit asks for it, so it does not change the verdict."
UNCONFIRMED = (
    "The numbers of these limits have not been confirmed in the standard's own document (marked “unconfirmed” throughout). "
    "Confirm them before you rely on the verdict."
)
Row = tuple[Outcome, list[Cell]]


def section(record: Record, flags: Sequence[str] = ()) -> list[Flowable]:
    """What went wrong or is missing, unconfirmed limits, caveats, files left out, notes; ``flags`` are caveats of all readings."""
    rows = sorted([*engines.rows(record), *_set_level(record), *_single(record), *_unjudged(record)], key=lambda row: -row[0])
    if rows:
        widths = [WIDTH * part for part in (0.185, 0.375, 0.44)]
        body = grid(("Outcome", "What", "Why, and what to do next"), [[tag(outcome), *cells] for outcome, cells in rows], widths)
    else:
        body = paragraph(ALL_MET if record.judgements else UNJUDGED, BODY)
    whole = [body, *_unconfirmed(record), *_caveats(record, flags), *_left_out(record), *_notes(record)]
    return [*heading("Exceptions", "exceptions", whole), *whole]


def _set_level(record: Record) -> Iterator[Row]:
    """One row per reading and outcome, with all limits that came to it; limits that found no reading stand alone."""
    groups: dict[tuple[object, ...], list[Judgement]] = {}
    bare: dict[str, list[Judgement]] = {}
    for judgement in _bad(record):
        reading = _reading(record, judgement)
        if reading is None:
            groups.setdefault((judgement.limit.quantity, judgement.outcome), []).append(judgement)
        elif _without_baseline(judgement, reading) and not per_image(reading) and not of_part(reading):
            bare.setdefault(judgement.reason, []).append(judgement)
        elif not per_image(reading) and not of_part(reading):
            groups.setdefault((judgement.reading, judgement.outcome), []).append(judgement)
    for judgements in groups.values():
        reading = _reading(record, judgements[0])
        what = _what(reading) if reading else [paragraph(judgements[0].limit.quantity.replace("_", " "), CELL_STRONG)]
        limits = [limit_line(judgement.limit) for judgement in judgements]
        reasons = list(dict.fromkeys(judgement.reason for judgement in judgements if judgement.reason))
        if isinstance(reading, NotMeasured) and not any(reading.reason in reason for reason in reasons):
            reasons.append(reading.reason)
        yield judgements[0].outcome, [[*what, *limits], _why(reasons, judgements)]
    for reason, judgements in bare.items():  # a machine's first record: many quantities, one thing to do
        readings = [record.readings[index] for index in dict.fromkeys(judgement.reading for judgement in judgements)]
        what = [part for reading in readings for part in _what(reading)]
        yield judgements[0].outcome, [what, _why([reason], judgements)]


def _without_baseline(judgement: Judgement, reading: Reading) -> bool:
    """Whether a number was not judged because there is nothing to compare it with."""
    return judgement.limit.kind == "baseline" and judgement.outcome is Outcome.NOT_MEASURED and isinstance(reading, Measured)


def _single(record: Record) -> Iterator[Row]:
    """One row per limit on single images or parts and outcome, every one with its reason; parts with one reason share a line."""
    names = image_names(record)
    groups: dict[tuple[str, Outcome], list[Judgement]] = {}
    for judgement in _bad(record):
        reading = _reading(record, judgement)
        if reading is not None and (per_image(reading) or of_part(reading)):
            groups.setdefault((judgement.limit.limit_id, judgement.outcome), []).append(judgement)
    for judgements in groups.values():
        reading = record.readings[judgements[0].reading]
        of = "part" if of_part(reading) else "image"
        count = f"{len(judgements)} {of}{'s' if len(judgements) > 1 else ''}"
        what = [paragraph(f"{reading.quantity.meaning}: on {count}", CELL_STRONG), limit_line(judgements[0].limit)]
        places: dict[tuple[object, ...], list[Reading]] = {}
        for judgement in judgements:
            found = record.readings[judgement.reading]
            alike = (judgement.reason,) if of_part(found) else (judgement.reason, judgement.reading)
            places.setdefault(alike, []).append(found)
        reasons = [f"{', '.join(_places(names, who))}: {alike[0]}" for alike, who in places.items()]
        yield judgements[0].outcome, [what, _why(reasons, judgements)]


def _unjudged(record: Record) -> Iterator[Row]:
    """What could not be measured and no limit asked for, one row per reason; of parts one row per quantity, every part with its reason."""
    names = image_names(record)
    judged = {judgement.reading for judgement in record.judgements}
    groups: dict[str, list[NotMeasured]] = {}
    for index, reading in enumerate(record.readings):
        if index not in judged and isinstance(reading, NotMeasured):
            groups.setdefault(reading.reason, []).append(reading)
    rows: dict[object, list[list[NotMeasured]]] = {}
    for reason, readings in groups.items():
        keys = tuple(dict.fromkeys(reading.quantity.key for reading in readings))
        rows.setdefault(keys if all(map(of_part, readings)) else reason, []).append(readings)
    for alike in rows.values():
        quantities = list(dict.fromkeys(reading.quantity for reading in alike[0]))
        places = ["; ".join(filter(None, _places(names, readings))) for readings in alike]
        words = quantities[0].meaning if len(quantities) == 1 else ", ".join(q.key.replace("_", " ") for q in quantities)
        reasons = [readings[0].reason for readings in alike]
        if len(alike) > 1:
            places, reasons = [""], [f"{place}: {reason}" for place, reason in zip(places, reasons, strict=True)]
        why = [*map(paragraph, reasons), paragraph(NOBODY_ASKED, CELL_MUTED)]
        yield Outcome.NOT_MEASURED, [[paragraph(words, CELL_STRONG), *_small(places[0])], why]


def _bad(record: Record) -> Iterator[Judgement]:
    return (judgement for judgement in record.judgements if judgement.outcome is not Outcome.PASS)


def _reading(record: Record, judgement: Judgement) -> Reading | None:
    return record.readings[judgement.reading] if 0 <= judgement.reading < len(record.readings) else None


def _what(reading: Reading) -> list[Flowable]:
    value = "not measured"
    if isinstance(reading, Measured):
        value = f"{numbers.with_unit(numbers.pair(reading), reading.quantity.unit)} {numbers.interval(reading)}".strip()
    where = numbers.state(reading.at)
    return [paragraph(reading.quantity.meaning, CELL_STRONG), *_small(where), paragraph(value, STRONG)]


def _small(text: str) -> list[Flowable]:
    return [paragraph(text, CELL_MUTED)] if text else []


def _why(reasons: Sequence[str], judgements: Sequence[Judgement]) -> list[Flowable]:
    unset = all(j.reason == NO_NUMBER for j in judgements)  # what was not measured is to be measured first
    techniques = ", ".join(dict.fromkeys(numbers.technique(name) for j in judgements for name in j.limit.techniques))
    todo = SET_ONE if unset else FACES[judgements[0].outcome].todo.format(techniques=techniques)
    return [*(paragraph(reason, CELL) for reason in reasons), paragraph(f"→ {todo}", CELL_STRONG)]


def _places(names: dict[str, str], readings: Sequence[Reading]) -> list[str]:
    """Which images or parts, each once: "image 3 (gantry 90 deg)", "Teflon", "image 1 (9 mm, 8 mm)".

    Parts that their names tell apart need no more of their state.
    """
    short = {numbers.state({key: value for key, value in reading.at.items() if key in ("set", PART)}): None for reading in readings}
    if len(short) == len(readings) and all(of_part(reading) and not per_image(reading) for reading in readings):
        return list(short)
    found: dict[str, list[str]] = {}
    for reading in readings:
        where, image = numbers.state(reading.at), f"image {names[str(reading.at[UID])]}" if per_image(reading) else ""
        if image and of_part(reading):
            found.setdefault(image, []).append(where)
        else:
            found.setdefault(f"{image} ({where})" if image and where else image or where, [])
    return [f"{place} ({', '.join(dict.fromkeys(parts))})" if parts else place for place, parts in found.items()]


def _unconfirmed(record: Record) -> list[Flowable]:
    limits = list(dict.fromkeys(j.limit for j in record.judgements if not j.limit.confirmed))
    if not limits:
        return []
    text = "; ".join(f"{limit.limit_id} ({limit.source})" for limit in limits)
    return [*small_heading(f"Unconfirmed limits: {len(limits)}"), paragraph(UNCONFIRMED, BODY), paragraph(text, CELL_MUTED)]


def _caveats(record: Record, common: Sequence[str]) -> list[Flowable]:
    """The flags of set-level readings, each once with the quantities that carry it; those of single images stand under their table."""
    flags: dict[str, list[str]] = {}
    for reading in record.readings:
        if isinstance(reading, Measured) and not per_image(reading):
            for flag in reading.flags:
                part = f" ({reading.at[PART]})" if of_part(reading) else ""
                flags.setdefault(flag, []).append(reading.quantity.key.replace("_", " ") + part)
    lines = [paragraph(f"all readings: {flag}", BODY) for flag in common]
    lines += [paragraph(f"{', '.join(dict.fromkeys(names))}: {flag}", BODY) for flag, names in flags.items()]
    return [*small_heading("Caveats"), *lines] if lines else []


def _left_out(record: Record) -> list[Flowable]:
    """Files that were left out, under their reason: nothing a user hands in disappears."""
    reasons: dict[str, list[str]] = {}
    for entry in record.inputs:
        if not entry.used:
            reasons.setdefault(entry.reason or "no reason was recorded", []).append(entry.name)
    if not reasons:
        return []
    count = sum(len(names) for names in reasons.values())
    rows: list[list[Cell]] = [[paragraph(reason), paragraph(",  ".join(names), CELL_MUTED)] for reason, names in reasons.items()]
    return [*small_heading(f"Files left out: {count}"), grid(("Reason", "Files"), rows, (WIDTH * 0.45, WIDTH * 0.55))]


def _notes(record: Record) -> list[Flowable]:
    notes = record.notes[bool(again(record)) :]  # the first page begins with that one
    if not notes:
        return []
    return [*small_heading("Notes"), *(paragraph(note, BODY) for note in notes)]
