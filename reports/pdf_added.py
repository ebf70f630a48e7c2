"""What was added to a PDF after it was printed: signatures alone, or more."""

from __future__ import annotations

import re
from io import BytesIO
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyhanko.pdf_utils.generic import DictionaryObject
    from pyhanko.pdf_utils.reader import PdfFileReader
    from pyhanko.sign.diff_analysis import StandardDiffPolicy

SIGNING = {"/ModDate", "/Producer"}  # what a program that signs says of the file


def only_signed(content: bytes, first: bytes) -> bool:
    """Whether the file is ``first`` and, after that, nothing but signatures that cover no spot of a page."""
    from pyhanko.pdf_utils.reader import PdfFileReader
    from pyhanko.sign.diff_analysis import SuspiciousModification

    if not content.startswith(first):
        return False
    try:
        reader = PdfFileReader(BytesIO(content))
        found = _policy().review_file(reader, 0)
        signed = reader.embedded_signatures
        fields = [one.get_object() for one in reader.root["/AcroForm"]["/Fields"]]
        unseen = len(fields) == len(signed) and all(map(_unseen, fields))
        alone = reader.xrefs.total_revisions == 1 + len(signed)
        open_ = alone and _nothing_hidden(reader, content, len(first)) and _says_the_same(reader, PdfFileReader(BytesIO(first)))
    except Exception:  # pyHanko raises many kinds of its own and of Python's; what cannot be read is not the same
        return False
    return unseen and open_ and not isinstance(found, SuspiciousModification)


def _unseen(field: DictionaryObject) -> bool:
    """Whether a field is a signature that is made and covers no spot; an empty one is none, and readers draw it over what is printed."""
    return "/V" in field and "/Kids" not in field and all(float(edge) == 0.0 for edge in field["/Rect"])


def _nothing_hidden(reader: PdfFileReader, content: bytes, begin: int) -> bool:
    """Whether the bytes from ``begin`` on hold the objects that their tables list and no other.

    A PDF reader that does not trust a table searches the file for objects itself, and would show those of a forger.
    """
    from pyhanko.pdf_utils.generic import StreamObject

    count, added = reader.xrefs.total_revisions, content[begin:]
    listed = [(one, number) for number in range(1, count) for one in reader.xrefs.explicit_refs_in_revision(number)]
    places = set()
    for one, number in listed:
        place = reader.xrefs.get_historical_ref(one, number)
        if (
            not isinstance(place, int)
            or place < begin
            or not re.match(rb"\s*%d\s+%d\s+obj\b" % (one.idnum, one.generation), content[place:])
        ):
            return False
        places.add(place)
        of_the_file = one == reader.root.get_value_as_reference("/Metadata", optional=True)
        if isinstance(reader.get_historical_resolver(number)(one), StreamObject) and not of_the_file:
            return False
    said = len(re.findall(rb"(?<!end)obj", added)), added.count(b"trailer"), added.count(b"startxref")
    return len(places) == len(listed) and said == (len(listed), count - 1, count - 1)


def _says_the_same(reader: PdfFileReader, printed: PdfFileReader) -> bool:
    """Whether title, author and the like are those that were printed; a signing program dates the file and adds its own name."""
    from pyhanko.pdf_utils.metadata.model import PDF_PRODUCER, RDF_ABOUT, XMP_MODDATE
    from pyhanko.pdf_utils.metadata.xmp_xml import parse_xmp

    old, new = ({key: value for key, value in one.trailer_view["/Info"].items() if key not in SIGNING} for one in (printed, reader))
    stated = parse_xmp(BytesIO(reader.root["/Metadata"].data)) if "/Metadata" in reader.root else ()
    return old == new and all(name in (PDF_PRODUCER, RDF_ABOUT, XMP_MODDATE) for one in stated for name, _ in one)


def _policy() -> StandardDiffPolicy:
    """What a signature alone changes: new fields of signatures and their values, and what the file says of itself."""
    from pyhanko.sign import diff_analysis as diff

    level = diff.ModificationLevel.LTA_UPDATES
    catalog = diff.CatalogModificationRule({"/AcroForm", "/Metadata", "/Extensions", "/Version"})
    rules = [catalog, *(rule.as_qualified(level) for rule in (diff.DocInfoRule(), diff.MetadataUpdateRule()))]
    fields = [diff.SigFieldCreationRule(), diff.SigFieldModificationRule()]
    form = diff.FormUpdatingRule(fields, ignored_acroform_keys={"/Fields", "/SigFlags"})
    return diff.StandardDiffPolicy(rules, form, ignore_orphaned_objects=False)
