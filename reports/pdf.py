"""The PDF report of a stored record: the same record gives the same bytes, in five years as today."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from uuid import uuid4

from qa.reading import QaError
from qa.record import Record

ADVICE = {
    errno.ENOSPC: "the disk is full: free some space and print the report again",
    errno.EDQUOT: "your disk quota is used up: free some space and print the report again",
    errno.EROFS: "the disk is read-only: choose another folder",
    errno.EACCES: "you may not write there: choose another folder or ask for the right to write",
    errno.EPERM: "you may not write there: choose another folder or ask for the right to write",
    errno.ENOENT: "there is no such folder: create it or choose another one",
    errno.ENOTDIR: "part of the path is a file, not a folder: choose another folder",
    errno.EISDIR: "this is a folder: give the name of a file in it",
    errno.ENAMETOOLONG: "the name is too long for this disk: choose a shorter one",
}


def render(record: Record) -> bytes:
    """The report as PDF bytes, a function of the record alone: A4, fonts embedded, all text extractable."""
    from reportlab.platypus import Flowable, KeepTogether

    from reports import budgets, engines, exceptions, figures, images, index, page, parts, provenance, quantities, verdict
    from reports.style import register_fonts

    register_fonts()
    common = index.common(record)
    short = index.without(record, common)  # what all states have in common is said once
    sections: list[tuple[str, str, list[Flowable]]] = [
        ("Results", "results", quantities.table(short, common)),
        ("Results per part", "parts", parts.table(short)),
        ("Results per image", "images", images.table(short)),
        ("Second engine", "engines", engines.section(short)),
        ("Uncertainty budgets", "budgets", budgets.table(short)),
        ("Evidence", "evidence", list(figures.flow(record))),
    ]
    story = [*verdict.opening(short), *exceptions.section(short)]
    for title, key, flowables in sections:
        if flowables and isinstance(flowables[0], KeepTogether):  # a picture: its heading goes where it goes
            story += [KeepTogether([*page.heading(title, key), flowables[0]]), *flowables[1:]]
        elif flowables:
            story += [*page.heading(title, key), *flowables]
    return page.build(record, [*story, *provenance.section(record)])


def write(record: Record, path: Path) -> Path:
    """The report in a file that is either complete or not there. QaError when the disk refuses, saying what to do."""
    content = render(record)
    temporary = path.parent / f".{uuid4().hex}.part"
    try:
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        with temporary.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        advice = ADVICE.get(error.errno or 0, "choose another folder")
        raise QaError(f"the report could not be written to {path} ({error.strerror or error}): {advice}") from error
    finally:
        if temporary.exists():
            temporary.unlink(missing_ok=True)
    return path
