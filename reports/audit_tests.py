"""The tests of an audit, subject by subject: all records of the period, and the evidence of the newest one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from PIL import Image
from reportlab.platypus import Flowable, KeepTogether

from qa import procedure
from qa.audit import Audit
from qa.audit_records import Kept
from qa.evidence import Evidence, Overlay
from qa.record import Record
from qa.signing import REJECTED
from reports import audit_words, figures, numbers
from reports.audit_page import Section
from reports.shapes import tag
from reports.style import BODY, CELL_MUTED, CELL_STRONG, SMALL_HEADING, WIDTH, paragraph
from reports.tables import Cell, grid

PIXELS = 5_000_000  # of all images of an audit together, a byte each before they are packed
FINEST, COARSEST = 512, 96  # pixels along the longer side of an image
HEAD = ("Taken", "Record", "Came out", "Protocol", "Performed by", "Signed")


def sections(audit: Audit) -> list[Section]:
    """One for each subject that the period has records of, its tests below it."""
    of: dict[str, dict[str, list[Kept]]] = {}
    for one in audit.records:
        of.setdefault(procedure.subject(one.head.procedure), {}).setdefault(one.head.procedure, []).append(one)
    finest = _finest(audit.shown)
    found: list[Section] = []
    for subject, tests in sorted(of.items()):
        count = sum(map(len, tests.values()))
        words = f"{audit_words.many(count, 'record')} of {audit_words.many(len(tests), 'test')} in this period."
        parts = [_test(audit, name, records, finest) for name, records in sorted(tests.items(), key=lambda each: each[1][0].head.test)]
        key = f"subject-{subject.replace(' ', '-')}"
        found += [Section(subject[:1].upper() + subject[1:], key, [paragraph(words, BODY)], following=parts[0].flowables), *parts]
    return found


def _test(audit: Audit, name: str, records: Sequence[Kept], finest: int) -> Section:
    shown = [record for record in audit.shown if record.procedure == name]
    flowables = [_records(audit, records), *(flowable for record in shown for flowable in _evidence(record, finest))]
    if not shown:
        flowables.append(paragraph("No record of this test counts, so there is nothing to show.", BODY))
    return Section(records[-1].head.test, f"test-{name}", flowables, 1)


def _records(audit: Audit, records: Sequence[Kept]) -> Flowable:
    """Every record of one test, the first one first; one that decides nothing says so in place of its outcome."""
    rows: list[list[Cell]] = []
    for one in records:
        bad = [numbers.technique(name) for name, outcome in one.verdicts.items() if outcome]
        came: list[Flowable] = [tag(one.outcome)] if one.counts else [paragraph("decides nothing", CELL_STRONG)]
        came += [paragraph(", ".join(bad) if one.counts else one.head.left, CELL_MUTED)] if bad or not one.counts else []
        signed = [each for each in one.head.signed if each.meaning != REJECTED] if one.counts else one.head.signed
        names = "; ".join(f"{each.said} {audit.day(each.signed)} by {each.who}" for each in signed)
        rows.append(
            [
                f"{one.head.at:%Y-%m-%d %H:%M}",
                audit_words.short(one.head.record_id),
                came,
                paragraph(f"{one.head.protocol_title}{audit_words.again(one.head)}", CELL_MUTED),
                paragraph(one.head.performer or "not stated", CELL_MUTED),
                paragraph(names or "nobody", CELL_MUTED),
            ]
        )
    return grid(HEAD, rows, [WIDTH * part for part in (0.15, 0.11, 0.17, 0.2, 0.14, 0.23)])


def _evidence(record: Record, finest: int) -> Iterator[Flowable]:
    """What a newest record shows, images no finer than ``finest`` pixels."""
    taken = numbers.moment(record.acquired or record.analysed)
    head = [
        paragraph(f"Evidence of the newest record that counts: {record.record_id}", SMALL_HEADING),
        paragraph(f"{taken}; {record.title}; phantom: {record.phantom or 'not stated'}", CELL_MUTED),
    ]
    if not record.evidence:
        yield from (*head, paragraph("This record holds no evidence.", BODY))
        return
    shown = figures.flow(replace(record, evidence=tuple(_smaller(item, finest) for item in record.evidence)))
    first = next(shown)
    yield KeepTogether([*head, *(first._content if isinstance(first, KeepTogether) else [first])])
    yield from shown


def _finest(records: Sequence[Record]) -> int:
    """How fine images may be for all of them to stay within ``PIXELS``."""
    shapes = [item.grey.shape for record in records for item in record.evidence if isinstance(item, Overlay)]
    finest = FINEST
    while finest > COARSEST and sum(_area(shape, finest) for shape in shapes) > PIXELS:
        finest -= 16
    return finest


def _area(shape: tuple[int, ...], finest: int) -> float:
    rows, columns = shape
    ratio = min(1.0, finest / max(rows, columns, 1))
    return rows * columns * ratio**2


def _smaller(item: Evidence, finest: int) -> Evidence:
    if not isinstance(item, Overlay) or max(item.grey.shape) <= finest or not item.grey.size:
        return item
    ratio = finest / max(item.grey.shape)
    rows, columns = (max(1, round(size * ratio)) for size in item.grey.shape)
    smaller = Image.fromarray(item.grey).resize((columns, rows), Image.Resampling.BOX)
    return replace(item, grey=np.asarray(smaller, dtype=np.uint8))
