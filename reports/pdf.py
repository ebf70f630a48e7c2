"""The PDF report of a stored record: the same record and sign-offs give the same bytes, in five years as today."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qa.record import Record

if TYPE_CHECKING:
    from qa.site_tables import Keys
    from qa.standing import Standing


def render(record: Record, standing: Standing | None = None) -> bytes:
    """The report as PDF bytes, a function of the record and of what the store says of it: A4, fonts embedded, all text extractable."""
    from reportlab.platypus import Flowable, KeepTogether

    from qa.standing import unstored
    from reports import budgets, engines, exceptions, figures, images, index, page, parts, provenance, quantities, signatures, verdict
    from reports.style import register_fonts

    register_fonts()
    standing = standing or unstored(record)
    common, flags = index.common(record), index.shared_flags(record)
    short = index.without(record, common, flags)  # what all have in common is said once
    sections: list[tuple[str, str, list[Flowable]]] = [
        ("Results", "results", quantities.table(short, common, flags)),
        ("Results per part", "parts", parts.table(short)),
        ("Results per image", "images", images.table(short)),
        ("Evidence", "evidence", list(figures.flow(record))),
        ("Second engine", "engines", engines.section(short)),
        ("Uncertainty budgets", "budgets", budgets.table(short, common)),
    ]
    story = [*verdict.opening(short), *signatures.section(standing), *exceptions.section(short, flags)]
    for title, key, flowables in sections:
        if flowables and isinstance(flowables[0], KeepTogether):  # a picture: its heading goes where it goes
            story += [KeepTogether([*page.heading(title, key, flowables), flowables[0]]), *flowables[1:]]
        elif flowables:
            story += [*page.heading(title, key, flowables), *flowables]
    return page.build(record, standing, [*story, *provenance.section(record), *signatures.vouched(standing)])


def write(record: Record, path: Path, standing: Standing | None = None, keys: Keys | None = None) -> str:
    """The report in a file that is either complete or not there, signed with ``keys`` where there are; what to say of it.

    QaError when the disk refuses, saying what to do.
    """
    from reports import pdf_signature

    return pdf_signature.put(render(record, standing), path, keys, f"report of record {record.record_id}")
