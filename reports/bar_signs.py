"""The signs of a picture of bars and what they mean: dot with ± U, certificate's box, edges of bands, brackets about baselines."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from reports import legend
from reports.bar_rows import Row
from reports.shapes import Canvas, path
from reports.style import DASHES, INK, MUTED, SERIES, WHITE
from reports.tolerances import Band


def items(rows: Sequence[Row], bands: Sequence[Band], relative: bool) -> list[legend.Item]:
    """What the signs mean."""
    found = [legend.Item("value − nominal, ± U = 2u" if relative else "value, ± U = 2u", _dot_sample)]
    if any(row.certificate and row.centre is not None for row in rows):
        found.append(legend.Item("range of the phantom's certificate", _box_sample))
    if any(row.bracket and row.centre is not None for row in rows):
        found.append(
            legend.Item(
                "where a limit of its own lets it be (about its baseline, where it has one)",
                lambda canvas, x, y: bracket(canvas, x, x + 12, y),
            )
        )
    return [*found, *(legend.Item(band.words, partial(_band_sample, n)) for n, band in enumerate(bands))]


def _dot_sample(canvas: Canvas, x: float, y: float) -> None:
    canvas.setStrokeColor(SERIES[0])
    canvas.setFillColor(SERIES[0])
    canvas.setLineWidth(0.8)
    canvas.lines([(x, y, x + 12, y), (x, y - 2, x, y + 2), (x + 12, y - 2, x + 12, y + 2)])
    canvas.circle(x + 6, y, 1.9, stroke=0, fill=1)


def _box_sample(canvas: Canvas, x: float, y: float) -> None:
    canvas.setStrokeColor(MUTED)
    canvas.setFillColor(WHITE)
    canvas.setLineWidth(0.6)
    canvas.rect(x, y - 2.5, 12, 5, stroke=1, fill=1)


def _band_sample(n: int, canvas: Canvas, x: float, y: float) -> None:
    edge(canvas, n, [(x, y), (x + 12, y)])


def edge(canvas: Canvas, n: int, ends: Sequence[tuple[float, float]]) -> None:
    """The edge of a band, told from the others by its dash."""
    canvas.setStrokeColor(INK)
    canvas.setLineWidth(0.8)
    canvas.setDash(list(DASHES[(n + 1) % len(DASHES)]))
    path(canvas, ends)
    canvas.setDash([])


def bracket(canvas: Canvas, low: float, high: float, y: float) -> None:
    """Where a part may be."""
    canvas.setStrokeColor(INK)
    canvas.setLineWidth(0.7)
    path(canvas, [(low + 1.5, y + 4), (low, y + 4), (low, y - 4), (low + 1.5, y - 4)])
    path(canvas, [(high - 1.5, y + 4), (high, y + 4), (high, y - 4), (high - 1.5, y - 4)])
