"""Evidence on paper: marks stand where their millimetres are, ticks are round and apart, shapes differ without colour."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from io import BytesIO
from typing import Any

import numpy as np
import pypdfium2
import pypdfium2.raw as pdfium
import pytest
from numpy.typing import NDArray
from reportlab.pdfbase.pdfmetrics import stringWidth
from reportlab.pdfgen.canvas import Canvas

from qa.evidence import Curve, Mark, Overlay, Series
from qa.limit import Outcome
from reports import axes, curves, legend, overlays, shapes, style

WIDTH = 160.0
Box = tuple[float, float, float, float]


@pytest.fixture(autouse=True)
def _fonts() -> None:
    style.register_fonts()


def drawn(paint: Callable[[Any], None], size: tuple[float, float] = (200, 300)) -> pypdfium2.PdfPage:
    """One page of that size with what ``paint`` draws at (10, 10)."""
    target = BytesIO()
    canvas = Canvas(target, pagesize=size, initialFontName=style.FONT)
    canvas.translate(10, 10)
    paint(canvas)
    canvas.showPage()
    canvas.save()
    return pypdfium2.PdfDocument(target.getvalue())[0]


def boxes(page: pypdfium2.PdfPage, kind: int) -> list[Box]:
    """(left, bottom, right, top) on the page of every object of a kind."""
    return [item.get_bounds() for item in page.get_objects(filter=[kind])]


def test_many_discs_are_each_where_they_belong() -> None:
    """A page is told only the step from one to the next: after a thousand of them the last one has not moved."""
    rng = np.random.default_rng(4)
    centres = [(float(x), float(y)) for x, y in rng.uniform(20, 160, (1000, 2))]
    page = drawn(lambda canvas: shapes.discs(canvas, centres, 1.5))
    found = [((left + right) / 2 - 10, (bottom + top) / 2 - 10) for left, bottom, right, top in boxes(page, pdfium.FPDF_PAGEOBJ_PATH)]
    assert np.allclose(found, centres, rtol=0, atol=0.005)


def overlay(marks: tuple[Mark, ...], shape: tuple[int, int] = (40, 80), extent: Box = (-10.0, 30.0, -15.0, 5.0)) -> Overlay:
    grey = np.arange(shape[0] * shape[1], dtype=np.uint32).reshape(shape).astype(np.uint8)
    return Overlay("an overlay", grey, extent, marks, ("u / mm", "v / mm"))


def test_a_mark_stands_where_its_millimetres_are() -> None:
    """A rectangle from (0, -10) to (15, -2) mm on (-10..30, -15..5) mm: quarters and fractions known by hand."""
    rectangle = Mark("outline", "field", ((0.0, -10.0), (15.0, -10.0), (15.0, -2.0), (0.0, -2.0)))
    picture, _ = overlays.picture(overlay((rectangle,)), WIDTH, ["field"])
    page = drawn(picture.paint)
    left, bottom, right, top = boxes(page, pdfium.FPDF_PAGEOBJ_IMAGE)[0]
    wide, high = right - left, top - bottom
    assert wide / high == pytest.approx(40 / 20, rel=1e-3)  # millimetres are square although the pixels need not be
    expected = (left + wide * 10 / 40, bottom + high * 5 / 20, left + wide * 25 / 40, bottom + high * 13 / 20)
    found = [box for box in boxes(page, pdfium.FPDF_PAGEOBJ_PATH) if np.allclose(box, expected, atol=2.0)]
    assert len(found) == 2  # the halo and the line, whose widths widen their boxes alike on all sides
    for box in found:
        assert (box[0] + box[2], box[1] + box[3]) == pytest.approx((expected[0] + expected[2], expected[1] + expected[3]), abs=0.1)


def test_row_0_of_an_overlay_is_at_the_top() -> None:
    grey = np.zeros((30, 60), np.uint8)
    grey[:5] = 255
    picture, _ = overlays.picture(Overlay("", grey, (-30, 30, -15, 15), (), ("u / mm", "v / mm")), WIDTH, [])
    page = drawn(picture.paint)
    left, bottom, right, top = boxes(page, pdfium.FPDF_PAGEOBJ_IMAGE)[0]
    pixels = page.render(scale=1, grayscale=True).to_numpy().squeeze()
    column = pixels[:, int((left + right) / 2)]
    height = len(column)
    assert column[int(height - top) + 3] > 200
    assert column[int(height - bottom) - 6] < 50


def test_a_mark_outside_the_picture_is_said_to_be_outside() -> None:
    marks = (Mark("cross", "ball", ((100.0, 0.0),)), Mark("plus", "field", ((0.0, 0.0),)))
    picture, _ = overlays.picture(overlay(marks), WIDTH, ["ball", "field"])
    text = drawn(picture.paint).get_textpage().get_text_bounded()
    assert "ball (outside this picture)" in " ".join(text.split())
    assert "field (outside" not in " ".join(text.split())


def test_an_equal_curve_keeps_its_shape() -> None:
    """An ellipse twice as long as high stays so on paper, whatever the frame."""
    turns = np.linspace(0, 2 * math.pi, 181)
    ellipse = Series("path", tuple(2 * np.cos(turns)), tuple(np.sin(turns)), "line")
    picture, _ = curves.picture(Curve("c", ("X / mm", "Y / mm"), (ellipse,), equal=True), WIDTH)
    sizes = [(r - x, t - b) for x, b, r, t in boxes(drawn(picture.paint), pdfium.FPDF_PAGEOBJ_PATH)]
    assert any(wide > 40 and wide / high == pytest.approx(2.0, rel=0.03) for wide, high in sizes if high > 1)


def test_a_bar_reaches_from_minus_to_plus_two_u() -> None:
    """With values 0 and 10 and u = 1 the bars span 4 of the 14 units between the lowest and the highest bar end."""
    series = Series("s", (0.0, 1.0), (0.0, 10.0), "points", (1.0, 1.0))
    picture, _ = curves.picture(Curve("c", ("x", "y / mm"), (series,)), WIDTH)
    page = drawn(picture.paint)
    frame = max(boxes(page, pdfium.FPDF_PAGEOBJ_PATH), key=lambda box: (box[2] - box[0]) * (box[3] - box[1]))
    bars = [b for b in boxes(page, pdfium.FPDF_PAGEOBJ_PATH) if 2 < b[2] - b[0] < 6 and b[3] - b[1] > 8]
    assert len(bars) == 2
    unit = (frame[3] - frame[1]) / (14 * 1.12)  # the axis leaves 6 % on either side
    for bar in bars:
        assert bar[3] - bar[1] == pytest.approx(4 * unit, abs=1.5)


@pytest.mark.parametrize(
    ("limits", "name", "expected"),
    [
        ((0.0, 10.0), "u / mm", ("0", "2", "4", "6", "8", "10")),
        ((0.0, 1.0), "u / mm", ("0.0", "0.2", "0.4", "0.6", "0.8", "1.0")),
        ((-0.12, 0.12), "u / mm", ("-0.10", "-0.05", "0.00", "0.05", "0.10")),
        ((0.0, 360.0), "gantry / deg", ("0", "90", "180", "270", "360")),
        ((5.0, -5.0), "u / mm", ("-4", "-2", "0", "2", "4")),
        ((0.0, 5e6), "counts", ("0", "1e+06", "2e+06", "3e+06", "4e+06", "5e+06")),
    ],
)
def test_ticks_are_round_and_named_with_the_digits_they_need(limits: tuple[float, float], name: str, expected: tuple[str, ...]) -> None:
    assert axes.scale(limits, name, 100.0, 20.0).labels == expected


@pytest.mark.parametrize("span", [1e-12, 3e-7, 0.011, 0.7, 42.0, 9.9e5, 1e12])
@pytest.mark.parametrize("start", [0.0, -0.3, 17.3])
def test_ticks_lie_inside_their_axis_and_labels_differ(span: float, start: float) -> None:
    low = start * span
    scale = axes.scale((low, low + span), "x", 100.0, 20.0)
    assert 2 <= len(scale.ticks) <= 6
    assert all(low - 1e-6 * span <= tick <= low + span * (1 + 1e-6) for tick in scale.ticks)
    assert len(set(scale.labels)) == len(scale.labels)
    assert [float(label) for label in scale.labels] == pytest.approx(scale.ticks, abs=1e-3 * span)


def test_a_legend_places_every_name_or_hands_it_back() -> None:
    items = [legend.Item(f"name {n} " + "of a mark " * (n % 7), lambda canvas, x, y: None) for n in range(90)]
    placed = legend.place(items, 110.0)
    told = [" ".join(text) for _, text, _, _ in placed.places]
    assert told + [" ".join(name.split()) for name in placed.left_over] == [" ".join(item.name.split()) for item in items]
    assert placed.rows <= legend.MOST
    rows = sorted((row, x) for _, _, x, row in placed.places)
    assert len(set(rows)) == len(rows)


def test_lines_lose_no_character_and_keep_to_the_width() -> None:
    text = "a fieldsize " + "x" * 300 + " Δu ± µ " + "W" * 5
    broken = style.lines(text, 60.0, 7)
    assert "".join(broken).replace(" ", "") == text.replace(" ", "")
    assert max(stringWidth(line, style.FONT, 7) for line in broken) <= 60.0


def silhouette(outcome: Outcome | None) -> NDArray[np.bool_]:
    """The sign of an outcome, 60 pixels wide, in black and white."""
    page = drawn(lambda canvas: shapes.symbol(canvas, outcome, 40, 40, 60), (100, 100))
    return np.asarray(page.render(scale=1, grayscale=True).to_numpy().squeeze()[20:80, 20:80] < 200)


def test_outcomes_are_told_apart_without_colour() -> None:
    """As black-and-white pictures any two signs differ in at least a tenth of the area of their box."""
    signs = {outcome: silhouette(outcome) for outcome in (*Outcome, None)}
    for one, other in itertools.combinations(signs, 2):
        assert np.mean(signs[one] != signs[other]) > 0.1, (one, other)


def test_outcome_colours_are_dark_enough_to_read() -> None:
    """Contrast with the tint behind them of at least 4.5, as WCAG 2 asks of text."""

    def luminance(colour: Any) -> float:
        parts = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in colour.rgb()]
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]

    for face in style.FACES.values():
        assert (luminance(face.tint) + 0.05) / (luminance(face.colour) + 0.05) >= 4.5, face.word
