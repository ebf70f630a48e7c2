"""A drawing as a file: PDF, SVG, or pixels made of the PDF."""

from __future__ import annotations

import io
from pathlib import Path

from reports import disk
from reports.plain_canvas import Svg
from reports.strokes import Picture


def save(drawn: Picture, title: str, place: Path, kind: str) -> Path:
    """As ".png", ".svg" or ".pdf" in a file that is either complete or not there. QaError when the disk refuses."""
    if kind == ".svg":
        canvas = Svg(drawn.width, drawn.height)
        drawn.paint(canvas)
        return disk.put(canvas.content(), place)
    return disk.put(_png(_pdf(drawn, title, packed=False)) if kind == ".png" else _pdf(drawn, title), place)


def _pdf(drawn: Picture, title: str, packed: bool = True) -> bytes:
    """One page of the drawing's size; the same drawing gives the same bytes."""
    from reportlab.pdfgen.canvas import Canvas as Page

    target = io.BytesIO()
    page = Page(target, pagesize=(drawn.width, drawn.height), invariant=1, pageCompression=int(packed))
    page.setTitle(title)
    drawn.paint(page)
    page.save()
    return target.getvalue()


def _png(content: bytes) -> bytes:
    """The page as pixels, 2 a point."""
    from pypdfium2 import PdfDocument

    document, target = PdfDocument(content), io.BytesIO()
    document[0].render(scale=2).to_pil().save(target, "PNG", dpi=(144, 144), compress_level=3)
    document.close()
    return target.getvalue()
