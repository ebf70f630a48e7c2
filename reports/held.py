"""A printed report held against the store: its record is the stored one, its sign-offs are there, its pages are whole."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from io import BytesIO
from typing import TYPE_CHECKING

import qa
from qa.reading import RecordError
from qa.record import Record, json_hash
from qa.standing import Standing
from reports import attached, pdf

if TYPE_CHECKING:
    from qa.store import Store


class Pages(Enum):
    """What became of the pages of a report whose record is the stored one."""

    SAME = "every byte of it is as this program prints the record"
    WORDS = "its words are those of the record; its pictures and looks were printed by another installation or changed: print it again"
    OTHER = "another version of the program printed it, so its pages could not be compared: print it again and compare by eye"
    CHANGED = "its pages do not say what the record says, or cannot be read"


@dataclass(frozen=True)
class Held:
    """``faults``: where the report and the store contradict each other. ``later``: if nowhere, what was signed since it was printed."""

    record_id: str
    faults: tuple[str, ...]
    pages: Pages | None
    later: tuple[str, ...] = ()


def hold(content: bytes, store: Store) -> Held:
    """The report of these bytes against the store; QaError when it is no report with its record inside."""
    plain, standing = attached.read(content)
    own = json_hash(plain)
    faults = [] if own == standing.record_hash else ["the record inside it is not the one that its hash was printed for"]
    try:
        record, now = store.get(standing.record_id), store.standing(standing.record_id)
    except RecordError as error:
        return Held(standing.record_id, (*faults, str(error)), None)
    if record.record_id != standing.record_id or now.record_hash != own:
        faults.append(f"the store's record {record.record_id} has another hash ({now.record_hash[:16]}…, the report's is {own[:16]}…)")
    faults += store.contradicted(standing)
    pages = None if faults else _pages(content, record, standing)
    later = () if faults else tuple(f"{one.said} by {one.who}" for one in now.signatures if one not in standing.signatures)
    return Held(record.record_id, (*faults, *([pages.value] if pages is Pages.CHANGED else [])), pages, later)


def _pages(content: bytes, record: Record, standing: Standing) -> Pages:
    again = pdf.render(record, standing)
    if again == content:
        return Pages.SAME
    try:
        words, creator = _read(content)
    except Exception:  # pypdf raises many kinds of its own, for every kind of damage
        return Pages.CHANGED
    if words == _read(again)[0]:
        return Pages.WORDS
    return Pages.CHANGED if creator == f"igrtqa {qa.__version__}" else Pages.OTHER


def _read(content: bytes) -> tuple[list[str], str]:
    """The words of every page, and which program made it."""
    from pypdf import PdfReader

    reader = PdfReader(BytesIO(content))
    creator = reader.metadata.creator if reader.metadata is not None else None
    return [" ".join(page.extract_text().split()) for page in reader.pages], str(creator)
