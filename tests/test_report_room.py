"""Vectors in the room: arrows, ellipses and circles stand where their millimetres are, in every view, and no limit is invented."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO

import numpy as np
import pypdf
import pypdfium2
import pypdfium2.raw as pdfium
import pytest
from test_record import example
from test_report_figures import Box, boxes, drawn

from qa.evidence import Arrow, Curve, Mark, Overlay, Room, Series
from qa.limit import Judgement, Limit, Outcome
from qa.reading import Measured, Quantity
from qa.record import Record
from reports import axes, figures, pdf, room, shapes, style, tolerances

WIDTH = 480.0
NOTHING = ((0.0, 0.0, 0.0), (0.0, 0.0, 0.0), (0.0, 0.0, 0.0))


@pytest.fixture(autouse=True)
def _fonts() -> None:
    style.register_fonts()


def arrow(name: str, tip: tuple[float, float, float], u: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> Arrow:
    covariance = tuple(tuple(u[i] ** 2 if i == j else 0.0 for j in range(3)) for i in range(3))
    return Arrow(name, (f"{name.lower()}_isocenter_distance",), tip, covariance)  # type: ignore[arg-type]


def judgement(arrow_name: str, tolerance: float | None, techniques: tuple[str, ...], **changes: object) -> Judgement:
    key = f"{arrow_name.lower()}_isocenter_distance"
    limit = Limit(f"{key} {tolerance}", "any", key, "mm", tolerance, None, "absolute", techniques, "monthly", "test", True)
    return Judgement(replace(limit, **changes), 0, Outcome.PASS, "inside")  # type: ignore[arg-type]


def page_of(scene: Room, circles: tuple[tolerances.Circle, ...]) -> tuple[pypdfium2.PdfPage, shapes.Drawn]:
    picture, left_over = room.picture(scene, circles, WIDTH)
    assert left_over == ()
    return drawn(picture.paint, (WIDTH + 20, picture.height + 20)), picture


class Recorder:
    """A canvas that keeps what is drawn on it: polylines, circles and framed rectangles, in points of the whole picture."""

    def __init__(self) -> None:
        self.origin, self.saved = (0.0, 0.0), [(0.0, 0.0)]
        self.paths: list[list[tuple[float, float]]] = []
        self.circles: list[tuple[float, float, float]] = []
        self.frames: list[Box] = []

    def place(self, x: float, y: float) -> tuple[float, float]:
        return self.origin[0] + x, self.origin[1] + y

    def saveState(self) -> None:  # noqa: N802 - reportlab's name
        self.saved.append(self.origin)

    def restoreState(self) -> None:  # noqa: N802
        self.origin = self.saved.pop()

    def translate(self, x: float, y: float) -> None:
        self.origin = self.place(x, y)

    def beginPath(self) -> Recorder:  # noqa: N802
        begun = Recorder()
        begun.origin, begun.paths = self.origin, [[]]
        return begun

    def moveTo(self, x: float, y: float) -> None:  # noqa: N802
        self.paths[0].append(self.place(x, y))

    lineTo = moveTo  # noqa: N815

    def drawPath(self, path: Recorder, **_: object) -> None:  # noqa: N802
        self.paths += path.paths

    def circle(self, x: float, y: float, radius: float, **_: object) -> None:
        self.circles.append((*self.place(x, y), radius))

    def rect(self, x: float, y: float, width: float, height: float, stroke: int = 1, **_: object) -> None:
        if stroke:
            self.frames.append((*self.place(x, y), width, height))

    def __getattr__(self, _name: str) -> Callable[..., None]:
        return lambda *_arguments, **_named: None


def frames(page: pypdfium2.PdfPage) -> list[Box]:
    """The frames of the views, in reading order: squares larger than a hundred points with nothing round about them."""
    squares = [b for b in boxes(page, pdfium.FPDF_PAGEOBJ_PATH) if 100 < b[2] - b[0] < 170 and abs((b[2] - b[0]) - (b[3] - b[1])) < 0.1]
    largest = max(b[2] - b[0] for b in squares)
    kept = {tuple(round(edge, 1) for edge in b): b for b in squares if b[2] - b[0] > largest - 0.6}
    return sorted(kept.values(), key=lambda b: (-round(b[1]), b[0]))


def rings(page: pypdfium2.PdfPage, frame: Box) -> list[float]:
    """Radii in parts of the frame's half width of everything square and centred in it, the frame itself left out."""
    x, y, half = (frame[0] + frame[2]) / 2, (frame[1] + frame[3]) / 2, (frame[2] - frame[0]) / 2
    found = set()
    for b in boxes(page, pdfium.FPDF_PAGEOBJ_PATH):
        centred = abs((b[0] + b[2]) / 2 - x) < 0.1 and abs((b[1] + b[3]) / 2 - y) < 0.1
        if centred and abs((b[2] - b[0]) - (b[3] - b[1])) < 0.1 and 5 < (b[2] - b[0]) / 2 < half - 1:
            found.add(round(((b[2] - b[0]) / 2 - 0.4) / half, 3))  # a line of 0.8 points widens its box by 0.4
    return sorted(found)


def test_each_view_has_one_circle_per_tolerance_at_its_radius() -> None:
    judged = [judgement("kV", 2.0, ("conventional", "imrt")), judgement("kV", 1.0, ("srs", "sbrt"))]
    scene = Room("room", (arrow("kV", (0.9, 0.5, -0.7)),))
    circles = tolerances.circles(scene, judged)
    assert [(c.radius_mm, c.short) for c in circles] == [(1.0, "SRS, SBRT ≤ 1 mm"), (2.0, "Conventional, IMRT ≤ 2 mm")]
    page, _ = page_of(scene, circles)
    views = frames(page)
    assert len(views) == 3
    for view in views:
        small, large = rings(page, view)
        assert large / small == pytest.approx(2.0, rel=0.02)
        assert large == pytest.approx(1 / 1.18, rel=0.02)  # the largest thing to be seen fills the view but for its margin


@pytest.mark.parametrize("tip", [(0.9, 0.5, -0.7), (-0.3, 1.2, 0.1), (1.1, -1.0, 0.4)])
def test_an_arrow_points_to_its_tip_in_every_view(tip: tuple[float, float, float]) -> None:
    """From the foot x goes right and z up; from above x right, y up; from the side y right, z up."""
    picture, _ = room.picture(Room("room", (arrow("kV", tip),)), (tolerances.Circle(2.0, "SRS ≤ 2 mm", "SRS ≤ 2 mm"),), WIDTH)
    canvas = Recorder()
    picture.paint(canvas)
    assert len(canvas.frames) == 3
    for (left, bottom, wide, high), (i, j) in zip(canvas.frames, ((0, 2), (0, 1), (1, 2)), strict=True):
        assert wide == high
        unit = wide / 2 / (2.0 * 1.18)  # points per mm: the circle is the largest thing
        origin = (left + wide / 2, bottom + high / 2)
        end = (origin[0] + tip[i] * unit, origin[1] + tip[j] * unit)
        shafts = [path for path in canvas.paths if len(path) == 2 and path[0] == pytest.approx(origin, abs=0.02)]
        assert [path[1] for path in shafts] == [pytest.approx(end, abs=0.02)]
        assert any(circle == pytest.approx((*end, 1.7), abs=0.02) for circle in canvas.circles)  # the marker at the tip
        assert any(circle == pytest.approx((*origin, 2.0 * unit), abs=0.02) for circle in canvas.circles)


def test_an_ellipse_holds_95_percent_of_the_tips_seen_along_the_third_axis() -> None:
    rng = np.random.default_rng(5)
    root = rng.normal(0, 0.2, (3, 3))
    covariance = root @ root.T
    tip = (0.4, -0.2, 0.3)
    one = Arrow("kV", ("k",), tip, tuple(tuple(row) for row in covariance.tolist()))
    drawn_tips = rng.multivariate_normal(tip, covariance, 20_000)
    for _, _, _, i, j in room.VIEWS:
        outline = np.array(room.ellipse(one, i, j))
        seen = drawn_tips[:, [i, j]]
        turned = np.arctan2(*(outline - outline.mean(axis=0)).T)
        assert outline.mean(axis=0) == pytest.approx([tip[i], tip[j]], abs=1e-9)
        assert np.isfinite(turned).all()
        inside = np.ones(len(seen), bool)
        for a, b in zip(outline, np.roll(outline, -1, axis=0), strict=True):  # convex: on the same side of every edge
            inside &= (b[0] - a[0]) * (seen[:, 1] - a[1]) - (b[1] - a[1]) * (seen[:, 0] - a[0]) >= 0
        assert inside.mean() == pytest.approx(0.95, abs=0.006)


def test_an_ellipse_of_nothing_is_a_point_and_of_one_direction_a_line() -> None:
    assert set(room.ellipse(arrow("kV", (1.0, 2.0, 3.0)), 0, 2)) == {(1.0, 3.0)}
    line = room.ellipse(arrow("kV", (0.0, 0.0, 0.0), (0.0, 0.1, 0.0)), 0, 1)
    assert {x for x, _ in line} == {0.0}
    assert max(y for _, y in line) == pytest.approx(0.2448, abs=1e-4)  # sqrt(5.991) x 0.1


def test_small_arrows_get_views_of_their_own_scale() -> None:
    scene = Room("room", (arrow("kV", (0.05, 0.04, -0.06), (0.01, 0.01, 0.01)),))
    circles = tolerances.circles(scene, [judgement("kV", 2.0, ("srs",))])
    page, _ = page_of(scene, circles)
    views = frames(page)
    text = page.get_textpage().get_text_bounded()
    assert text.count(", larger") == 3
    assert len(rings(page, max(views, key=lambda b: b[1]))) == 1
    large = Room("room", (arrow("kV", (1.5, 0.4, -0.6)),))
    assert ", larger" not in page_of(large, circles)[0].get_textpage().get_text_bounded()


def test_without_a_limit_there_is_no_circle_and_it_is_said() -> None:
    scene = Room("room", (arrow("kV", (0.3, 0.2, 0.1)), arrow("MV", (0.1, 0.2, 0.3))))
    for judged in (
        [],
        [judgement("kV", None, ("srs",))],
        [judgement("kV", 1.0, ("srs",), kind="baseline")],
        [judgement("kV", 1.0, ("srs",), unit="deg")],
        [judgement("other", 1.0, ("srs",))],
    ):
        assert tolerances.circles(scene, judged) == ()
        assert tolerances.undrawn(scene, judged) == "No limit of this protocol gives a number for kV, MV: no circle is drawn for it."
        assert rings(page_of(scene, ())[0], frames(page_of(scene, ())[0])[0]) == []
    judged = [judgement("kV", 1.0, ("srs",))]
    assert "for MV:" in tolerances.undrawn(scene, judged)
    assert [circle.words for circle in tolerances.circles(scene, judged)] == ["SRS ≤ 1 mm (kV)"]


def test_circles_say_whose_they_are_and_what_nobody_confirmed() -> None:
    scene = Room("room", (arrow("kV", (0.3, 0.2, 0.1)), arrow("CBCT", (0.1, 0.2, 0.3))))
    judged = [
        judgement("kV", 1.0, ("srs", "sbrt")),
        judgement("CBCT", 1.0, ("srs", "sbrt")),
        judgement("kV", 2.0, ("conventional",), confirmed=False),
        judgement("CBCT", 1.5, ("conventional",)),
    ]
    assert [circle.words for circle in tolerances.circles(scene, judged)] == [
        "SRS, SBRT ≤ 1 mm",
        "Conventional ≤ 1.5 mm (CBCT)",
        "Conventional ≤ 2 mm (kV), unconfirmed",
    ]
    assert tolerances.circles(scene, judged * 2) == tolerances.circles(scene, judged)  # a limit judged twice is one circle


def test_lines_of_circles_and_arrows_differ_without_colour() -> None:
    assert len(set(room.RINGS)) == len(room.RINGS) >= 4
    assert len(set(style.DASHES)) == len(style.DASHES)


def overlay(title: str, row: str) -> Overlay:
    marks = (Mark("cross", "ball", ((0.2, -0.3),)),)
    return Overlay(title, np.full((30, 30), 90, np.uint8), (-15, 15, -15, 15), marks, ("u / mm", "v / mm"), row=row)


def record_with(*evidence: object, judgements: tuple[Judgement, ...] = ()) -> Record:
    kv = Measured(Quantity("kv_isocenter_distance", "mm", "distance of the kV isocentre", "test"), 0.4, 0.05)
    return example(evidence=evidence, readings=(kv,), judgements=judgements, comparisons=())


def test_overlays_of_one_row_stand_side_by_side_under_its_name() -> None:
    named = [overlay(f"picture {n}", "Ball and field in each modality") for n in range(4)]
    alone = [overlay(f"single {n}", "") for n in range(3)]
    content = pdf.render(record_with(*named, *alone, overlay("next 1", "Another"), overlay("next 2", "Another")))
    document = pypdfium2.PdfDocument(content)
    pages = [page for page in document if "Ball and field in each modality" in page.get_textpage().get_text_bounded()]
    assert len(pages) == 1
    pictures = boxes(pages[0], pdfium.FPDF_PAGEOBJ_IMAGE)
    heights = [round(box[1]) for box in pictures]
    assert len({h for h in heights if heights.count(h) == 4}) == 1  # the four of the row
    assert figures._across(4, True) == 4
    assert figures._across(2, True) == 3
    assert figures._across(9, True) == 4
    text = "".join(page.extract_text() for page in pypdf.PdfReader(BytesIO(content)).pages)
    assert text.index("Ball and field") < text.index("picture 0") < text.index("single 0") < text.index("Another") < text.index("next 1")


def test_room_in_a_report_takes_its_circles_from_the_record_alone() -> None:
    scene = Room("Imaging isocentres", (replace(arrow("kV", (0.3, 0.2, 0.1)), note="kV note"),), "room note")
    for judged, words in (
        ((judgement("kV", 1.0, ("srs",)),), "SRS ≤ 1 mm"),
        ((), "No limit of this protocol gives a number for kV"),
    ):
        text = " ".join(
            " ".join(p.extract_text() for p in pypdf.PdfReader(BytesIO(pdf.render(record_with(scene, judgements=judged)))).pages).split()
        )
        for expected in (
            "Imaging isocentres",
            "From the foot",
            "From above",
            "From the side",
            "y (to the gantry) / mm",
            "room note",
            "kV note",
            words,
        ):
            assert expected in text


def test_nothing_of_a_crowded_room_covers_other_text() -> None:
    """No character's middle lies inside another one's box, and none leaves the margins."""
    arrows = tuple(arrow(f"imager {n}", (0.6 * math.cos(n), 0.5 * math.sin(n), 0.1 * n - 0.3), (0.05, 0.08, 0.06)) for n in range(6))
    judged = tuple(judgement(f"imager {n}", 0.8 + 0.2 * n, ("conventional", "imrt", "srs", "sbrt")[: 1 + n % 4]) for n in range(6))
    document = pypdfium2.PdfDocument(
        pdf.render(record_with(Room("crowded", arrows), Room("small", (arrow("imager 0", (0.05, 0.02, 0.01)),)), judgements=judged))
    )
    for page in document:
        content = page.get_textpage()
        found = np.array([content.get_charbox(n) for n in range(content.count_chars())])
        found = found[(found[:, 2] - found[:, 0] > 0.2) & (found[:, 3] - found[:, 1] > 0.2)]
        left, bottom, right, top = found.T
        assert left.min() >= 40
        assert right.max() <= 595 - 40
        x, y = (left + right) / 2, (bottom + top) / 2
        inside = (left < x[:, None]) & (x[:, None] < right) & (bottom < y[:, None]) & (y[:, None] < top)
        assert inside.sum() == len(found)


def test_gantry_angles_have_ticks_at_quarter_turns() -> None:
    angles = tuple(float(a) for a in range(0, 360, 15))
    residual = Curve("c", ("gantry angle / deg", "residual / mm"), (Series("along u", angles, (0.01,) * 24, "points", (0.02,) * 24),))
    limits = axes.padded(list(angles))
    assert axes.scale(limits, residual.axes[0], 200.0, 34).labels == ("0", "90", "180", "270", "360")
    assert axes.scale((0.0, 360.0), "gantry / °", 200.0, 34).labels == ("0", "90", "180", "270", "360")


def test_budgets_of_forty_readings_fit_on_two_pages() -> None:
    names = tuple(f"component number {n}" for n in range(8))
    readings = tuple(
        Measured(Quantity(f"quantity_{n}", "mm", "m", "s"), 0.1, 0.05, budget={name: 0.001 * (k + 1 + n) for k, name in enumerate(names)})
        for n in range(40)
    )
    pages = [
        page.extract_text() for page in pypdf.PdfReader(BytesIO(pdf.render(example(readings=readings, judgements=(), evidence=())))).pages
    ]
    start = next(n for n, text in enumerate(pages) if "Uncertainty budgets" in text)
    end = next(n for n, text in enumerate(pages) if "Files and software" in text)
    assert end - start <= 2
    text = " ".join("".join(pages).split())
    for n in (0, 17, 39):
        row = " ".join(f"{0.001 * (k + 1 + n):.{4 if k + n + 1 < 10 else 3}f}" for k in range(8))
        assert f"quantity {n} / mm 0.050 {row}" in text
