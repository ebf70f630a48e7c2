"""The PDF report of a stored record: the same record gives the same bytes, in five years as today."""

from __future__ import annotations

from pathlib import Path

from qa.record import Record
from reports import disk


def render(record: Record) -> bytes:
    """The report as PDF bytes, a function of the record alone: A4, fonts embedded, all text extractable."""
    from reportlab.platypus import Flowable, KeepTogether

    from reports import budgets, engines, exceptions, figures, images, index, page, parts, provenance, quantities, verdict
    from reports.style import register_fonts

    register_fonts()
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
    story = [*verdict.opening(short), *exceptions.section(short, flags)]
    for title, key, flowables in sections:
        if flowables and isinstance(flowables[0], KeepTogether):  # a picture: its heading goes where it goes
            story += [KeepTogether([*page.heading(title, key), flowables[0]]), *flowables[1:]]
        elif flowables:
            story += [*page.heading(title, key), *flowables]
    return page.build(record, [*story, *provenance.section(record)])


def write(record: Record, path: Path) -> Path:
    """The report in a file that is either complete or not there. QaError when the disk refuses, saying what to do."""
    return disk.put(render(record), path)
