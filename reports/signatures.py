"""Who signed the record, as what and when, and the hashes by which this report can be held against the store; only from the store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reportlab.platypus import Flowable

from reports import numbers
from reports.page import heading
from reports.style import BODY, CELL_MUTED, CELL_STRONG, WIDTH, paragraph
from reports.tables import Cell, grid

if TYPE_CHECKING:
    from qa.standing import Place, Standing

NOT_STORED = "No store has spoken of this record: nothing vouches for it."
NO_CHAIN = "The store has no chain of records yet: its next record begins one, and a report printed then names its place in it."


def section(standing: Standing) -> list[Flowable]:
    """The sign-offs in order of time; nothing when there are none."""
    if not standing.signatures:
        return []
    rows: list[list[Cell]] = [
        [paragraph(one.said, CELL_STRONG), *map(paragraph, (numbers.moment(one.signed), one.who, one.role, one.comment))]
        for one in standing.signatures
    ]
    widths = [WIDTH * part for part in (0.14, 0.2, 0.24, 0.16, 0.26)]
    table = grid(("Signed as", "When", "Name", "Role", "Comment"), rows, widths)
    return [*heading("Signed", "signed", [table]), table]


def vouched(standing: Standing) -> list[Flowable]:
    """The record's hash, its place in the chain and where the chain ended when this was printed."""
    rows: list[list[Cell]] = [["SHA-256 of the record", paragraph(standing.record_hash, CELL_MUTED)]]
    for what, place in (("its link in the chain", standing.place), ("last link when printed", standing.end)):
        if place is not None:
            rows.append([what, paragraph(_place(place), CELL_MUTED)])
    table = grid(("", ""), rows, (WIDTH * 0.25, WIDTH * 0.75))
    if standing.place is not None:
        words = "igrtqa verify FILE holds this report, with the record inside it, against the store."
    else:
        words = NOT_STORED if standing.stored is False else NO_CHAIN
    body = [table, paragraph(words, BODY)]
    return [*heading("Record and chain", "chain", body), *body]


def _place(place: Place) -> str:
    return f"{place.number}: {place.hash}"
