"""Parts of a phantom in print: bars stand where their numbers are, what is missing is never drawn, every value is told compactly."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pypdfium2
import pypdfium2.raw as pdfium
import pytest
from test_record import example
from test_report_figures import drawn
from test_report_pdf import pairs, texts, tight
from test_report_room import Recorder
from typer.testing import CliRunner

from qa.cli import app
from qa.compared import Number, compare
from qa.evidence import Bar, Bars, Curve, Evidence, Line, Mark, Overlay, Series, Table
from qa.limit import Baseline, Judgement, Limit, Outcome
from qa.reading import Measured, NotMeasured, QaError, Quantity, Reading
from qa.record import Record, from_json, to_json
from qa.store import Store
from reports import bars, comparison, curves, index, labels, lines, overlays, part_rows, pdf, spreadsheet, style, tolerances

WIDTH = 480.0
SETTING = "Phantom 7 | 125 kV | Smooth"
SERIES_UID = "1.2.840.99.7"
CLIPPED = "the insert is clipped at the end of the stored range: export with 16 bits"
NUMBER = Quantity("ct_number", "HU", "mean CT number of an insert", "a standard, 1")
OFF = Quantity("ct_number_deviation", "HU", "mean CT number minus nominal", "a standard, 1")
CNR = Quantity("disc_cnr", "", "contrast of a disc over noise", "a standard, 2")
SCALE = Quantity("length_scale", "%", "length over nominal minus 1", "a standard, 3")
MTF = Quantity("mtf_half", "1/mm", "frequency of half modulation", "a standard, 4")
NOMINAL = {"Air": -1000.0, "Foam": -200.0, "Water": 0.0, "Resin": 120.0, "Bone": 700.0, "Teflon": 990.0}


@pytest.fixture(autouse=True)
def _fonts() -> None:
    style.register_fonts()


def state(part: str = "") -> dict[str, float | str]:
    return {"series_instance_uid": SERIES_UID, "setting": SETTING} | ({"part": part} if part else {})


def limit(name: str, quantity: Quantity, tolerance: float, kind: str = "absolute", **changes: Any) -> Limit:
    made = Limit(name, "any", quantity.key, quantity.unit, tolerance, None, kind, ("srs", "sbrt"), "monthly", f"source of {name}", True)
    return replace(made, **changes)


def readings() -> tuple[Reading, ...]:
    """Inserts whose deviations are 1, 2, 3 ... HU, one of them missing; twenty discs; three scales; one reading of the whole."""
    made: list[Reading] = []
    for n, (part, nominal) in enumerate(NOMINAL.items(), 1):
        if part == "Bone":
            made += [NotMeasured(NUMBER, CLIPPED, state(part)), NotMeasured(OFF, CLIPPED, state(part))]
        else:
            budget = {"noise": 0.3 * n, "cupping": 0.4 * n}
            made += [Measured(NUMBER, nominal + n, 0.5 * n, state(part), budget), Measured(OFF, float(n), 0.55 * n, state(part), budget)]
    made += [Measured(CNR, 2.0 + n / 100, 0.05, state(f"disc {n}"), {"noise": 0.05}) for n in range(20)]
    made += [Measured(SCALE, 0.1, 0.05, state(axis), {"noise": 0.05}) for axis in "xyz"]
    return (*made, Measured(MTF, 0.4123, 0.0037, state(), {"noise": 0.0037}))


def judgements(found: Sequence[Reading]) -> tuple[Judgement, ...]:
    """All of the deviations pass except one, CT numbers against a baseline of which Foam has none, MTF without a baseline."""
    old = Baseline("6f9619ff-8b86-4d01-b42d-00cf4fc964ff", datetime(2026, 5, 1, tzinfo=UTC), "HU", 118.75, 1.5)
    made = []
    for n, reading in enumerate(found):
        part = reading.at.get("part")
        if reading.quantity is OFF:
            outcome = Outcome.NOT_MEASURED if part == "Bone" else Outcome.FAIL if part == "Teflon" else Outcome.PASS
            made.append(Judgement(limit("off", OFF, 40.0), n, outcome, CLIPPED if part == "Bone" else f"because of {part}"))
        elif reading.quantity is NUMBER and part in ("Resin", "Foam", "Water"):
            lacks = part != "Resin"
            outcome, reason = (Outcome.NOT_MEASURED, "no baseline") if lacks else (Outcome.PASS, "as it was")
            made.append(Judgement(limit("drift", NUMBER, 30.0, "baseline"), n, outcome, reason, None if lacks else old))
        elif reading.quantity is MTF:
            made.append(Judgement(limit("mtf", MTF, 0.05, "baseline"), n, Outcome.NOT_MEASURED, "no baseline"))
    return tuple(made)


def inserts(**changes: Any) -> Bars:
    items = tuple(
        Bar(part, None, None, nominal, reason=CLIPPED) if part == "Bone" else Bar(part, nominal + n, 0.5, nominal)
        for n, (part, nominal) in enumerate(NOMINAL.items(), 1)
    )
    return replace(Bars("CT numbers of inserts", "CT number / HU", items, OFF.key, "the bars' note"), **changes)


def slice_with_marks(count: int = 36) -> Overlay:
    """A wide picture with ``count`` circles on rings and their labels."""
    grey = np.linspace(0, 255, 150 * 200).reshape(150, 200).astype(np.uint8)
    marks = []
    for n in range(count):
        x, y = (60 - 18 * (n % 3)) * np.cos(n / 2), (50 - 15 * (n % 3)) * np.sin(n / 2)
        turns = np.linspace(0, 2 * np.pi, 24, endpoint=False)
        outline = tuple((float(x + 3 * np.cos(t)), float(y + 3 * np.sin(t))) for t in turns)
        marks.append(Mark("outline", ("plug", "disc", "background")[n % 3], outline, f"L{n:02d}"))
    return Overlay("module one", grey, (-80, 80, -60, 60), tuple(marks), ("x / mm", "y / mm"), "module's note", wide=True)


def evidence() -> tuple[Evidence, ...]:
    f = tuple(np.linspace(0, 1, 40))
    mtf = Series("from the edge", f, tuple(np.exp(-4 * np.square(f))), "band", (0.01,) * 40)
    half = (Line("y", 0.5, "50 %"), Line("y", 0.1, "10 %"), Line("x", 0.41, "half"), Line("x", 0.9, "Nyquist"))
    discs = tuple(replace(slice_with_marks(0), title=f"disc picture {n}", row="Discs", wide=False) for n in range(5))
    return (
        slice_with_marks(),
        replace(slice_with_marks(9), title="module two"),
        *discs,
        inserts(),
        Bars("CNR of discs", "CNR", tuple(Bar(f"disc {n}", 2.0 + n / 100, 0.05) for n in range(20))),
        Curve("MTF", ("spatial frequency / (1/mm)", "MTF"), (mtf,), lines=half),
        Table("Curve", ("material", "HU", "density"), (("Air", "-999", "0.001"), ("=1+1", "-3.0 ± 1.0", "@x"))),
    )


@cache
def record() -> Record:
    found = readings()
    compared = [
        compare(Number(r.quantity.key, (r.value if isinstance(r, Measured) else 0.0) + 1.0, "a disc's mean", 3.0), r, r.at, "other", "3.1")
        for r in found
        if r.quantity is NUMBER
    ]
    bare = [compare(Number(CNR.key, 7.0 + n, "their own CNR", None), r, r.at, "other", "3.1") for n, r in enumerate(found[12:15])]
    return example(
        readings=found, judgements=judgements(found), evidence=evidence(), comparisons=(*compared, *bare), notes=(), procedure_title="Parts"
    )


@cache
def rendered() -> bytes:
    return pdf.render(record())


def words() -> str:
    return " ".join(" ".join(texts(rendered())).split())


# Bars


def painted(item: Bars, bands: Sequence[tolerances.Band] = ()) -> Recorder:
    canvas = Recorder()
    bars.picture(item, WIDTH, bands, {}, {})[0].paint(canvas)
    return canvas


def dots(canvas: Recorder) -> list[tuple[float, float]]:
    """Dots of parts from the top; the one of the legend is the lowest."""
    return sorted(((x, y) for x, y, radius in canvas.circles if radius == pytest.approx(1.9)), key=lambda dot: -dot[1])[:-1]


def test_dots_stand_at_the_deviation_and_not_at_the_value() -> None:
    """Values from -1000 to 1000 that deviate by -20, 0 and 20: evenly apart; bands of 40 are twice as far from the middle."""
    item = Bars("b", "n / HU", (Bar("a", -1020.0, 0.5, -1000.0), Bar("b", 5.0, 0.5, 5.0), Bar("c", 1020.0, 0.5, 1000.0)), "k")
    canvas = painted(item, [tolerances.Band(40.0, "forty")])
    (low, y1), (middle, y2), (high, y3) = dots(canvas)
    assert high - middle == pytest.approx(middle - low)
    assert y1 - y2 == pytest.approx(y2 - y3)
    upright = {path[0][0] for path in canvas.paths if len(path) == 2 and path[0][0] == path[1][0]}
    assert sorted(upright) == pytest.approx([middle - 2 * (middle - low), middle + 2 * (high - middle)], abs=0.02)


def test_what_was_not_measured_is_told_and_never_drawn() -> None:
    canvas = painted(inserts())
    assert len(dots(canvas)) == len(NOMINAL) - 1
    text = drawn(bars.picture(inserts(), WIDTH, (), {}, {})[0].paint, (WIDTH + 20, 300)).get_textpage().get_text_bounded()
    assert tight(CLIPPED) in tight(text)
    assert "not measured" in text
    nothing = Bars("b", "n / HU", (Bar("a", None, None, reason="no reason"),))
    assert dots(painted(nothing)) == []


def test_a_deviation_far_outside_is_an_arrow_at_the_edge() -> None:
    """A dot that the axis cannot show would lie: limits of 40 stay wide, the number is in words."""
    item = Bars("b", "n / HU", (Bar("a", 1.0, 0.5, 0.0), Bar("b", 504.0, 0.5, 0.0)), "k")
    assert len(dots(painted(item, [tolerances.Band(40.0, "forty")]))) == 1
    assert len(dots(painted(item))) == 2
    text = drawn(bars.picture(item, WIDTH, [tolerances.Band(40.0, "forty")], {}, {})[0].paint, (WIDTH + 20, 300)).get_textpage()
    assert "+504.0" in text.get_text_bounded()


def test_a_part_without_a_nominal_value_is_told_among_those_that_have_one() -> None:
    item = inserts(items=(Bar("a", 1.0, 0.5, 0.0), Bar("stranger", 12.3, 0.5)))
    assert len(dots(painted(item))) == 1
    assert (
        "no nominal value: not drawn" in drawn(bars.picture(item, WIDTH, (), {}, {})[0].paint, (500, 200)).get_textpage().get_text_bounded()
    )


def test_bands_come_from_absolute_limits_in_the_unit_of_the_bars_alone() -> None:
    asked = limit("a", OFF, 40.0, action=60.0)
    judged = [
        Judgement(one, 0, Outcome.PASS, "in")
        for one in (
            asked,
            limit("b", OFF, 50.0, techniques=("imrt",), confirmed=False),
            limit("c", OFF, 30.0, "baseline"),
            limit("d", OFF, 20.0, unit="mm"),
            limit("e", NUMBER, 10.0),
        )
    ]
    found = tolerances.bands(inserts(), judged)
    assert [(band.half, band.words) for band in found] == [
        (40.0, "SRS, SBRT: ≤ 40 HU"),
        (50.0, "IMRT: ≤ 50 HU, unconfirmed"),
        (60.0, "SRS, SBRT: action above 60 HU"),
    ]
    assert tolerances.bands(inserts(quantity_key=""), judged) == ()


def test_outcomes_beside_bars_are_those_of_the_part_the_quantity_and_the_image() -> None:
    assert tolerances.outcomes(inserts(), record()) == {
        "Air": Outcome.PASS,
        "Foam": Outcome.PASS,
        "Water": Outcome.PASS,
        "Resin": Outcome.PASS,
        "Bone": Outcome.NOT_MEASURED,
        "Teflon": Outcome.FAIL,
    }
    assert tolerances.outcomes(inserts(quantity_key=SCALE.key), record()) == {}
    of_images = tuple(replace(r, at={**r.at, "sop_instance_uid": "1.5" if n % 2 else "1.6"}) for n, r in enumerate(readings()))
    split = replace(record(), readings=of_images)
    assert tolerances.outcomes(inserts(), split) == {}
    assert tolerances.outcomes(inserts(sop_instance_uid="1.5"), split)["Teflon"] is Outcome.FAIL
    assert tolerances.outcomes(inserts(sop_instance_uid="1.6"), split) == {}


def test_a_part_is_bracketed_where_its_own_baseline_lets_it_be() -> None:
    """Resin's baseline of 118.75 HU is 1.25 HU below nominal, +-30 HU; the same of differences from nominal, whose baseline is one."""
    of_values = inserts(quantity_key=NUMBER.key)
    assert tolerances.brackets(of_values, record()) == {"Resin": (pytest.approx(-1.25), 30.0)}
    found = readings()
    n = next(n for n, r in enumerate(found) if r.quantity is OFF and r.at["part"] == "Resin")
    old = Baseline("a", datetime(2026, 5, 1, tzinfo=UTC), "HU", -1.25, 1.5)
    judged = tuple(Judgement(limit(f"b{t}", OFF, t, "baseline"), n, Outcome.PASS, "as it was", old) for t in (30.0, 20.0))
    assert tolerances.brackets(inserts(), replace(record(), judgements=judged)) == {"Resin": (-1.25, 20.0)}
    both = inserts(also_keys=(NUMBER.key,))
    assert tolerances.brackets(both, record()) == {"Resin": (pytest.approx(-1.25), 30.0)}
    assert tolerances.outcomes(both, record())["Foam"] is Outcome.NOT_MEASURED  # its value has no baseline, though its deviation passes
    own = tuple(Judgement(limit(f"p{t}", OFF, t, parts=("Resin",)), n, Outcome.PASS, "in") for t in (30.0, 25.0))
    assert tolerances.brackets(inserts(), replace(record(), judgements=own)) == {"Resin": (0.0, 25.0)}
    assert tolerances.bands(inserts(), own) == ()
    canvas = Recorder()
    item = Bars("b", "n / HU", (Bar("a", 100.0, 0.5, 90.0), Bar("b", 80.0, 0.5, 90.0)))
    bars.picture(item, WIDTH, (), {}, {"a": (5.0, 15.0)})[0].paint(canvas)
    (high, y), (low, _) = dots(canvas)
    corners = {path[1][0] for path in canvas.paths if len(path) == 4 and path[1][1] == pytest.approx(y + 4, abs=0.02)}
    assert sorted(corners) == pytest.approx([low, high + (high - low) / 2], abs=0.02)  # dots stand at -10 and 10, brackets at -10 and 20


def test_many_parts_go_on_in_a_second_picture() -> None:
    many = Bars("many discs", "CNR", tuple(Bar(f"part number {n}", 1.0, 0.1) for n in range(90)))
    text = " ".join(" ".join(texts(pdf.render(example(evidence=(many,), judgements=())))).split())
    assert text.count("many discs, continued") == 2
    assert [n for n in range(90) if f"part number {n} " not in text] == []


# Labels, lines, bands


def test_every_label_is_printed_once_or_named_below_and_covers_no_other() -> None:
    item = slice_with_marks()
    picture, left_over = overlays.picture(item, 241.0, ["plug", "disc", "background"])
    content = drawn(picture.paint, (270, picture.height + 20)).get_textpage()
    found = re.findall(r"L\d\d", content.get_text_bounded())
    told = [name.split()[-1] for name in left_over]
    assert sorted(found + told) == [f"L{n:02d}" for n in range(36)]
    assert len(found) > 24
    crowd = replace(item, marks=tuple(Mark("plus", "one", ((0.0, 0.0),), f"label {n}") for n in range(30)))
    _, homeless = overlays.picture(crowd, 241.0, ["one"])
    assert len(homeless) > 10
    assert all(name.startswith("one label ") for name in homeless)


def test_a_label_prefers_the_place_that_points_outward() -> None:
    mark = (110.0, 60.0, 120.0, 70.0)  # right of the middle at (60, 65)
    first = labels.around("x", mark, (60.0, 65.0))[0]
    assert first[0] > mark[2]
    assert (first[1] + first[3]) / 2 == pytest.approx(65.0)


def test_the_label_of_a_tall_mark_stands_inside_it() -> None:
    """Two modules side by side: beside its own mark a label would stand in the neighbour."""
    boxes = [(-30.0, -5.0), (-5.0, 40.0)]
    marks = tuple(Mark("outline", "module", ((a, -50), (b, -50), (b, 50), (a, 50)), f"M{n}") for n, (a, b) in enumerate(boxes))
    picture, left_over = overlays.picture(replace(slice_with_marks(0), marks=marks), 241.0, ["module"])
    page = drawn(picture.paint, (270, picture.height + 20))
    left, _, right, _ = page_image(page)
    content = page.get_textpage()
    assert left_over == ()
    for n, (a, b) in enumerate(boxes):
        found = [content.get_charbox(k) for k in range(content.count_chars()) if content.get_text_range(k, 2) == f"M{n}"]
        x = left + (np.array([a, b]) + 80) / 160 * (right - left)
        assert x[0] < found[0][0] < x[1]


def page_image(page: Any) -> tuple[float, float, float, float]:
    return tuple(next(iter(page.get_objects(filter=[pdfium.FPDF_PAGEOBJ_IMAGE]))).get_bounds())


def test_lines_across_a_curve_stand_at_their_value_with_their_words() -> None:
    series = Series("s", (0.0, 1.0), (0.0, 1.0), "points")
    curve = Curve("c", ("f / (1/mm)", "MTF"), (series,), lines=(Line("y", 0.5, "50 %"), Line("x", 0.25, "quarter")))
    picture, left_over = curves.picture(curve, 240.0)
    assert left_over == ()
    straight: list[tuple[float, float, float, float]] = []
    canvas = Recorder()
    canvas.line = lambda *ends: straight.append(ends)  # type: ignore[method-assign,attr-defined]
    picture.paint(canvas)  # type: ignore[arg-type]
    (left, bottom, wide, high) = canvas.frames[0]
    unit_x, unit_y = wide / 1.12, high / 1.12  # the axes leave 6 % on either side
    x, y = left + 0.06 * unit_x + 0.25 * unit_x, bottom + 0.06 * unit_y + 0.5 * unit_y
    assert any(ends == pytest.approx((x, bottom, x, bottom + high), abs=0.02) for ends in straight)
    assert any(ends == pytest.approx((left, y, left + wide, y), abs=0.02) for ends in straight)
    text = drawn(picture.paint, (260, 240)).get_textpage().get_text_bounded()
    assert "50 %" in text
    assert "quarter" in text


def test_a_band_reaches_two_u_to_either_side_and_has_no_bars() -> None:
    series = Series("s", (0.0, 0.5, 1.0), (1.0, 2.0, 3.0), "band", (0.25, 0.25, 0.25))
    canvas = Recorder()
    drawing, _ = curves.picture(Curve("c", ("x", "y"), (series,)), 240.0)
    drawing.paint(canvas)  # type: ignore[arg-type]
    (line,) = (path for path in canvas.paths if len(path) == 3)
    (band,) = (path for path in canvas.paths if len(path) == 6)
    unit = (line[2][1] - line[0][1]) / 2
    assert [y for _, y in band[:3]] == pytest.approx([y + 0.5 * unit for _, y in line], abs=0.03)
    assert [y for _, y in reversed(band[3:])] == pytest.approx([y - 0.5 * unit for _, y in line], abs=0.03)


# Tables by part


def test_every_value_of_a_part_is_printed_once_in_its_table() -> None:
    pages = texts(rendered())
    start = next(n for n, text in enumerate(pages) if "Results per part" in text)
    end = next(n for n, text in enumerate(pages) if "Evidence" in text)
    found = Counter(pairs("\n".join(pages[start : end + 1]).split("Evidence")[0]))
    assert all(found[f"{2 + n / 100:.2f}", "0.10"] == 1 for n in range(20))
    assert found["0.10", "0.10"] == 3  # x, y, z
    assert found["-999.0", "1.0"] == 1
    assert found["118.8", "3.0"] == 1  # the baseline that one was judged against, rounded half to even
    text = words()
    assert f"n1: {CLIPPED}" in text
    assert text.count("ct number deviation (ct_number_deviation): mean CT number minus nominal. Defined in a standard, 1.") == 1


def test_what_all_readings_have_in_common_is_printed_once() -> None:
    text = words()
    assert text.count(SETTING) == 1
    assert text.count(SERIES_UID) == 1
    assert f"Setting: {SETTING}" in text
    other = tuple(replace(r, at={**r.at, "setting": "another"}) if r.quantity is SCALE else r for r in readings())
    assert index.common(replace(record(), readings=other)) == {"series_instance_uid": SERIES_UID}
    assert "another" in " ".join(texts(pdf.render(replace(record(), readings=other, evidence=(), judgements=()))))


def test_a_record_of_one_image_has_no_tables_per_image() -> None:
    """Where every reading is of one and the same image, it need not be said of each; otherwise image and part both lead."""
    one = tuple(replace(r, at={**r.at, "sop_instance_uid": "1.2.3"}) for r in readings())
    text = " ".join(" ".join(texts(pdf.render(replace(record(), readings=one, evidence=(), comparisons=())))).split())
    assert "Results per image" not in text
    assert "Results per part" in text
    two = tuple(replace(r, at={**r.at, "sop_instance_uid": uid}) for uid in ("1.2.3", "1.2.4") for r in readings())
    text = " ".join(" ".join(texts(pdf.render(replace(record(), readings=two, judgements=(), evidence=(), comparisons=())))).split())
    assert "Results per image" in text
    assert "Results per part" not in text
    assert len(re.findall(r"disc 7 2\.07 ± 0\.10", text)) == 2


def test_angles_and_caveats_that_all_numbers_share_are_said_once() -> None:
    """What could not be measured may lack the image and the angles; a number that lacks them makes them worth saying of each."""
    at, flag = {"sop_instance_uid": "1.2.3", "gantry_deg": 270.0}, "values were turned round"
    one = tuple(replace(r, at={**r.at, **at}) if isinstance(r, Measured) else r for r in readings())
    one = tuple(replace(r, flags=(flag,)) if isinstance(r, Measured) else r for r in one)
    shown = replace(record(), readings=one, evidence=(), comparisons=())
    text = " ".join(" ".join(texts(pdf.render(shown))).split())
    assert text.count("gantry 270 deg") == 1
    assert "All readings are of one image, a.dcm, at gantry 270 deg" in text
    assert text.count(f"ll readings: {flag}") == text.count(flag) == 2  # among the caveats, and above the results
    assert [line.plain for line in lines.lines(shown) if flag in line.plain] == [f"caveat all readings: {flag}"]
    other = replace(shown, readings=(*one, Measured(replace(MTF, key="of_two"), 0.5, 0.01, state())))
    assert set(index.common(other)) == {"setting", "series_instance_uid"}
    assert index.shared_flags(other) == ()


def test_parts_not_measured_for_reasons_of_their_own_share_a_row() -> None:
    bars_of = replace(CNR, key="bar_modulation", meaning="modulation of a group of bars")
    missing = tuple(NotMeasured(bars_of, f"{n} lp/mm lies beyond the pixels", state(f"{n} lp/mm")) for n in range(4, 12))
    text = " ".join(" ".join(texts(pdf.render(replace(record(), readings=(*readings(), *missing), evidence=())))).split())
    exceptions = text[text.index("Exceptions") : text.index("Results")]
    assert exceptions.count("modulation of a group of bars") == 1
    assert [n for n in range(4, 12) if f"{n} lp/mm: {n} lp/mm lies beyond the pixels" not in exceptions] == []


def test_quantities_of_the_same_parts_share_a_table() -> None:
    groups = index.together([(n, r) for n, r in enumerate(readings()) if index.of_part(r)])
    assert [sorted({reading.quantity.key for _, reading in group}) for group in groups] == [
        ["ct_number", "ct_number_deviation"],
        ["disc_cnr"],
        ["length_scale"],
    ]
    assert sum(map(len, groups)) == len(readings()) - 1


def test_numbers_that_no_limit_asks_for_get_a_line_each_below_those_that_one_does() -> None:
    more = tuple(Measured(replace(MTF, key=f"more_{n}", meaning=f"number {n} more"), 0.5 + n / 100, 0.01, state()) for n in range(9))
    shown = replace(record(), readings=(*readings(), *more), evidence=(), comparisons=())
    text = " ".join(" ".join(texts(pdf.render(shown))).split())
    results = text[text.index(f"Setting: {SETTING}") : text.index("Results per part")]
    judged, unjudged = results.split("Measured, and no limit in this protocol")
    assert "frequency of half modulation" in judged
    assert "0.4123 ± 0.0074 1/mm" in judged
    assert "0.4123" not in unjudged
    assert [n for n in range(9) if unjudged.count(f"number {n} more {0.5 + n / 100:.3f} ± 0.020 1/mm more_{n}; a standard, 4") != 1] == []


def test_exceptions_name_the_parts_and_share_a_row_where_they_share_a_reason() -> None:
    text = words()
    assert "Teflon: because of Teflon" in text
    assert "Foam, Water: no baseline" in text
    assert "mean CT number minus nominal: on 1 part" in text
    assert "record 6f9619ff-8b86-4d01-b42d-00cf4fc964ff of 2026-05-01" in text


def test_quantities_without_a_baseline_share_a_row() -> None:
    whole = tuple(Measured(replace(MTF, key=f"q{n}", meaning=f"quantity number {n}"), 0.5, 0.01, state()) for n in range(9))
    judged = tuple(
        Judgement(limit(f"l{n}", r.quantity, 0.1, "baseline"), n, Outcome.NOT_MEASURED, "no baseline") for n, r in enumerate(whole)
    )
    text = " ".join(" ".join(texts(pdf.render(example(readings=whole, judgements=judged, evidence=(), comparisons=())))).split())
    exceptions = text[text.index("Exceptions") : text.index("Results")]
    assert exceptions.count("no baseline") == 1
    assert [n for n in range(9) if f"quantity number {n}" not in exceptions] == []


def test_budgets_of_many_parts_show_the_smallest_and_the_largest() -> None:
    text = words()
    budgets = text[text.index("Uncertainty budgets") : text.index("Files and software")]
    assert "ct number at Air" in budgets
    assert "ct number at Teflon" in budgets
    assert "ct number at Water" not in budgets
    assert "length scale at y" in budgets
    assert "the record holds all" in budgets


def test_the_second_engine_has_a_row_per_part() -> None:
    text = words()
    section = text[text.index("Second engine") : text.index("Uncertainty budgets")]
    assert "Resin 124.0 ± 4.0 125.0 ± 6.0 +1.000" in section
    assert section.count("a disc's mean") == 1
    assert section.count("no uncertainty of their number is known") == 1
    assert f"ours was not measured: {CLIPPED}" in section
    assert SETTING not in section


@pytest.mark.parametrize(
    ("u", "expected"), [(0.00002, ("+0.000010", "0.000057")), (0.004, ("+0.000", "0.011")), (2.0, ("+0.000", "5.657"))]
)
def test_differences_have_two_digits_of_what_is_allowed_and_a_thousandth_at_least(u: float, expected: tuple[str, str]) -> None:
    one = compare(Number(MTF.key, 0.50001, "", u), Measured(MTF, 0.5, u), {}, "other", "3.1")
    assert comparison.cells(one)[2:] == expected


def test_nothing_of_a_report_by_parts_covers_other_text() -> None:
    """No character crosses the margins, and no character's middle lies inside another one's box."""
    for number, page in enumerate(pypdfium2.PdfDocument(rendered()), 1):
        content = page.get_textpage()
        found = np.array([content.get_charbox(n) for n in range(content.count_chars())])
        found = found[(found[:, 2] - found[:, 0] > 0.2) & (found[:, 3] - found[:, 1] > 0.2)]
        left, bottom, right, top = found.T
        assert left.min() >= 40
        assert right.max() <= 595 - 40
        x, y = (left + right) / 2, (bottom + top) / 2
        inside = (left < x[:, None]) & (x[:, None] < right) & (bottom < y[:, None]) & (y[:, None] < top)
        assert inside.sum() == len(found), f"text covers text on page {number}"


def test_a_stored_record_with_parts_gives_the_same_report(tmp_path: Path) -> None:
    """A database keeps no order of states and components: the report has one of its own."""
    store = Store(f"{tmp_path}/records.sqlite")
    at = {"couch_deg": 5.0, "gantry_deg": 90.0, "axis": "rising", "collimator_deg": 0.0}
    turned = Measured(replace(MTF, key="turned"), 0.5, 0.01, {**state("Air"), **at}, {"noise": 0.01, "angle": 0.001})
    shown = replace(record(), readings=(*readings(), turned))
    store.add(shown)
    stored = store.get(shown.record_id)
    assert pdf.render(stored) == pdf.render(shown)
    assert lines.lines(stored) == lines.lines(shown)
    assert pdf.render(from_json(to_json(record()))) == rendered()


# On a screen, and as CSV


def test_a_pipe_gets_every_value_and_parts_that_share_a_reason_in_one_line() -> None:
    said = [line.plain for line in lines.lines(record())]
    assert "value PASS ct_number_deviation (Resin): 4.0 ± 4.4 HU" in said
    assert "value disc_cnr (disc 7): 2.07 ± 0.10" in said
    assert "exception FAIL ct_number_deviation (Teflon): because of Teflon [off]" in said
    assert "exception NOT_MEASURED ct_number (Foam, Water), mtf_half: no baseline [drift, mtf]" in said
    assert f"note setting: {SETTING}" in said
    assert not any(SERIES_UID in line for line in said)


def test_a_terminal_gets_a_row_per_part() -> None:
    tables = list(part_rows.part_rows(record()))
    assert [header for header, _ in tables] == [
        ("Part", "ct number / HU", "ct number deviation / HU"),
        ("Part", "disc cnr"),
        ("Part", "length scale / %"),
    ]
    rows = {row[0][1]: row[1:] for row in tables[0][1]}
    assert rows["Teflon"] == ((None, "996.0 ± 6.0"), (Outcome.FAIL, "6.0 ± 6.6"))
    assert rows["Bone"] == ((None, "not measured"), (Outcome.NOT_MEASURED, "not measured"))
    twice = replace(record(), readings=(*readings(), Measured(SCALE, 7.0, 0.05, state("x"))))
    assert [row[1][1] for row in list(part_rows.part_rows(twice))[2][1]] == ["0.10 ± 0.10"] * 3 + ["7.00 ± 0.10"]


def test_csv_holds_tables_as_they_are_and_readings_at_full_precision() -> None:
    rows = list(csv.reader(io.StringIO(spreadsheet.text(record()))))
    start = rows.index(["Curve"])
    assert rows[start + 1 : start + 4] == [["material", "HU", "density"], ["Air", "-999", "0.001"], ["'=1+1", "-3.0 ± 1.0", "'@x"]]
    head = next(n for n, row in enumerate(rows) if row[:1] == ["quantity"])
    table = [dict(zip(rows[head], row, strict=True)) for row in rows[head + 1 :] if row]
    assert len(table) == len(readings())
    for row, reading in zip(table, readings(), strict=True):
        assert (row["quantity"], row["unit"], row["part"]) == (reading.quantity.key, reading.quantity.unit, reading.at.get("part", ""))
        if isinstance(reading, Measured):
            assert (float(row["value"]), float(row["u (k = 1)"])) == (reading.value, reading.u)
        else:
            assert (row["value"], row["why there is no number, or caveats"]) == ("", CLIPPED)
    assert [row["outcome"] for row in table if row["part"] == "Teflon"] == ["not judged", "FAIL"]


def test_csv_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = spreadsheet.write(record(), tmp_path / "values.csv")
    assert path.read_bytes().decode() == spreadsheet.text(record())
    with pytest.raises(QaError, match="there is no such folder"):
        spreadsheet.write(record(), tmp_path / "nowhere" / "values.csv")
    assert [entry.name for entry in tmp_path.iterdir()] == ["values.csv"]


def test_the_command_line_writes_csv_of_a_stored_record(tmp_path: Path) -> None:
    database = f"{tmp_path}/records.sqlite"
    Store(database).add(record())
    target = tmp_path / "values.csv"
    done = CliRunner().invoke(app, ["report", record().record_id, "--csv", str(target), "--database", database])
    assert f"tables and readings: {target}" in done.output
    assert target.read_bytes().decode() == spreadsheet.text(record())
