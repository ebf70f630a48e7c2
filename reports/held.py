"""A printed report held against the store: its record is the stored one, its sign-offs are there, its pages are whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from io import BytesIO
from typing import TYPE_CHECKING

import qa
from qa.reading import QaError, RecordError
from qa.record import Record, json_hash
from qa.standing import Standing
from reports import attached, pdf, pdf_added, pdf_signature
from reports.pdf_signature import Signature

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

    from qa.store import Store


class Pages(Enum):
    """What became of the pages of a report whose record is the stored one."""

    SAME = "every byte of it is as this program prints the record"
    WORDS = "its words are those of the record; its pictures and looks were printed by another installation or changed: print it again"
    SIGNED = "its words are those of the record, and the site's own signature covers every byte of it"
    OTHER = "another version of the program printed it, so its pages could not be compared: print it again and compare by eye"
    CHANGED = "its pages do not say what the record says, or cannot be read"


@dataclass(frozen=True)
class Held:
    """``faults``: where the report and the store contradict each other. ``later``: if nowhere, what was signed since it was printed.

    ``signed`` are the electronic signatures of the file.
    """

    record_id: str
    faults: tuple[str, ...]
    pages: Pages | None
    later: tuple[str, ...] = ()
    signed: tuple[Signature, ...] = ()

    @property
    def whole(self) -> bool:
        """Whether it is the record's report, every byte of it."""
        return not self.faults and self.pages in (Pages.SAME, Pages.SIGNED)


@dataclass(frozen=True)
class Told:
    """A file in words: what is wrong with it, what else there is to say, and whether nothing is left open."""

    faults: tuple[str, ...]
    said: tuple[str, ...]
    whole: bool


def told(content: bytes, store: Store, trusted: Sequence[Certificate]) -> Told:
    """What is to be said of a file: a report against the store; one without a record, as an audit is, by its signatures alone.

    A report whose record cannot be read, as one of a later version of the program, is left open. QaError when it has neither.
    """
    try:
        held = hold(content, store, trusted)
    except QaError:
        signed = pdf_signature.signatures(content, trusted)
        if not signed:
            raise
        faults = tuple(one.fault for one in signed if one.fault)
        said = [*(one.words for one in signed if not one.fault), "no record can be read in it: its pages are not held against the store"]
        is_report = attached.RECORD.encode() in content  # as this program names it, where the signature is good
        return Told(faults, tuple(said), not faults and signed[-1].good and not is_report)
    stored = [f"record {held.record_id} is the stored one; {held.pages.value}"] if held.pages is not None and not held.faults else []
    signers = [one.words for one in held.signed if not one.fault]  # of a whole file, it is the store that was changed
    unsigned = [] if held.signed else ["nobody signed the file electronically"]
    later = [f"since it was printed: {word}" for word in held.later]
    return Told(held.faults, (*stored, *signers, *unsigned, *later), held.whole)


def hold(content: bytes, store: Store, trusted: Sequence[Certificate] = ()) -> Held:
    """The report of these bytes against the store, and whether who signed it is ``trusted``.

    QaError when it is no report with its record inside.
    """
    signed = pdf_signature.signatures(content, trusted)
    plain, standing = attached.read(content)
    own = json_hash(plain)
    faults = [one.fault for one in signed if one.fault]
    faults += [] if own == standing.record_hash else ["the record inside it is not the one that its hash was printed for"]
    try:
        record, now = store.get(standing.record_id), store.standing(standing.record_id)
    except RecordError as error:
        return Held(standing.record_id, (*faults, str(error)), None, (), signed)
    if record.record_id != standing.record_id or now.record_hash != own:
        faults.append(f"the store's record {record.record_id} has another hash ({now.record_hash[:16]}…, the report's is {own[:16]}…)")
    faults += store.contradicted(standing)
    pages = None if faults else _pages(content, record, standing, signed)
    later = () if faults else tuple(f"{one.said} by {one.who}" for one in now.signatures if one not in standing.signatures)
    return Held(record.record_id, (*faults, *([pages.value] if pages is Pages.CHANGED else [])), pages, later, signed)


def _pages(content: bytes, record: Record, standing: Standing, signed: Sequence[Signature]) -> Pages:
    again = pdf.render(record, standing)
    if again == content or (signed and signed[0].exact and signed[-1].whole and pdf_added.only_signed(content, again)):
        return Pages.SAME
    try:
        words, creator = _read(content)
    except Exception:  # pypdf raises many kinds of its own, for every kind of damage
        return Pages.CHANGED
    if words == _read(again)[0]:
        return Pages.SIGNED if any(one.good for one in signed) else Pages.WORDS
    return Pages.CHANGED if creator == f"igrtqa {qa.__version__}" else Pages.OTHER


def _read(content: bytes) -> tuple[list[str], str]:
    """The words of every page, and which program made it."""
    from pypdf import PdfReader

    reader = PdfReader(BytesIO(content))
    creator = reader.metadata.creator if reader.metadata is not None else None
    return [" ".join(page.extract_text().split()) for page in reader.pages], str(creator)
