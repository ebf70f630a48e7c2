"""Files inside a PDF: the record that a report shows, so that the report can be held against the store without anything else."""

from __future__ import annotations

import json
import logging
import zlib
from collections.abc import Mapping
from io import BytesIO
from typing import Any

from qa.plain import canonical, decode, encode
from qa.reading import QaError, RecordError
from qa.record import Record, to_json
from qa.standing import Standing
from reports.shapes import Canvas

logging.getLogger("pypdf").setLevel(logging.CRITICAL + 1)  # what it cannot read is said here in words
RECORD, STANDING = "record.json", "standing.json"
JSON = "/application#2Fjson"  # a PDF name: PDFName leaves the slash as it is


def contents(record: Record, standing: Standing) -> dict[str, bytes]:
    """The files by their names: the record's canonical JSON, and what the store said of it."""
    return {RECORD: canonical(to_json(record)).encode(), STANDING: canonical(encode(Standing, standing)).encode()}


def attach(canvas: Canvas, files: Mapping[str, bytes]) -> None:
    """Puts the files into the document that the canvas draws."""
    from reportlab.pdfbase.pdfdoc import PDFArray, PDFDictionary, PDFName, PDFStream, PDFString

    document, names = canvas._doc, []
    for name, content in sorted(files.items()):
        kind = {"Type": PDFName("EmbeddedFile"), "Subtype": JSON, "Filter": PDFName("FlateDecode")}
        stream = PDFStream(PDFDictionary(kind), zlib.compress(content, 1))
        entry = {"Type": PDFName("Filespec"), "F": PDFString(name), "UF": PDFString(name), "AFRelationship": PDFName("Data")}
        entry |= {"EF": PDFDictionary({"F": document.Reference(stream)})}
        names += [PDFString(name), document.Reference(PDFDictionary(entry))]
    document.Catalog.Names = PDFDictionary({"EmbeddedFiles": PDFDictionary({"Names": PDFArray(names)})})


def read(content: bytes) -> tuple[Mapping[str, Any], Standing]:
    """The record's JSON and what the store said, from a report's bytes. QaError when this is no report with them."""
    from pypdf import PdfReader

    if b"%PDF-" not in content[:1024]:
        raise QaError("this is no PDF: name a report, or no file to check the store alone")
    try:
        found = PdfReader(BytesIO(content)).attachments
        plain, standing = (json.loads(found[name][0]) for name in (RECORD, STANDING))
        if not isinstance(plain, dict):
            raise TypeError("its record is no record")
        return plain, decode(Standing, standing, STANDING)
    except (RecordError, RecursionError) as error:
        raise QaError(f"the report's attachments are damaged ({error}): print it again from the store") from error
    except Exception as error:  # pypdf raises many kinds of its own, for every kind of damage
        raise QaError(
            f"this is no report with its record inside ({type(error).__name__}: {error}): print it again from the store"
        ) from error
