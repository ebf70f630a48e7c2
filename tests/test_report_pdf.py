"""The PDF of a stored record holds every number and reason of it and no other, and the same record gives the same bytes."""

from __future__ import annotations

import errno
import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pypdf
import pypdfium2
import pytest

from qa.evidence import Curve, Evidence, Mark, Overlay, Series, Table
from qa.limit import Judgement, Limit, Outcome
from qa.reading import Measured, NotMeasured, QaError, Quantity, Reading
from qa.record import Input, Record, from_json, to_json
from reports import ink, pdf, style
from reports import page as pages

REPOSITORY = Path(__file__).parents[1]
LONG_NAME = "RI." + "Winston-Lutz_exported_from_the_record_and_verify_system_" * 3 + "gantry_270_Büro_Ω.dcm"
GANTRY = Quantity("isocentre_size_gantry", "mm", "Diameter of the sphere that the beam axis meets", "a standard, 4.2")
COUCH = Quantity("isocentre_size_couch", "mm", "Diameter of the circle of the couch axis", "a standard, 4.3")
PANEL = Quantity("panel_offset", "mm", "Distance from panel centre to beam axis", "a standard, 4.4")
ANGLE = Quantity("gantry_angle_error", "deg", "Gantry readout minus gantry angle", "a standard, 4.5")
OFFSET = Quantity("ball_offset_x", "mm", "Position of the ball, Δx", "a standard, 4.6")
U, V = (Quantity(f"ball_to_field_{axis}", "mm", f"Ball to field centre along {axis}", "a standard, 5") for axis in "uv")


def limit(limit_id: str, quantity: Quantity, tolerance: float | None, techniques: tuple[str, ...], confirmed: bool = True) -> Limit:
    source = f"Source of {limit_id}, Table IX"
    return Limit(
        limit_id, "winston_lutz", quantity.key, quantity.unit, tolerance, None, "absolute", techniques, "monthly", source, confirmed
    )


SET_READINGS: tuple[Reading, ...] = (
    Measured(GANTRY, 0.6124, 0.0437, budget={"ball centre": 0.0123, "field centre": 0.042}, interval=(0.5011, 0.7239)),
    NotMeasured(COUCH, "only one couch angle among the images: take three"),
    Measured(PANEL, 1.93, 0.061, flags=("receptor translation not stated",)),
    Measured(ANGLE, -0.182, 0.052, at={"gantry_deg": 90.0}),
    Measured(OFFSET, -0.0004, 0.05),
)
SET_PAIRS = {("0.612", "0.087"), ("1.93", "0.12"), ("-0.18", "0.10"), ("0.00", "0.10")}
JUDGED = (
    (limit("a.wide", GANTRY, 2.0, ("conventional",)), 0, Outcome.PASS, "0.612 ± 0.087 mm is inside"),
    (limit("a.close", GANTRY, 0.65, ("imrt",), False), 0, Outcome.INDETERMINATE, "too close to 0.65 mm to decide"),
    (limit("a.couch", COUCH, 1.0, ("srs",)), 1, Outcome.NOT_MEASURED, "only one couch angle among the images: take three"),
    (limit("a.panel", PANEL, 1.0, ("sbrt",)), 2, Outcome.FAIL, "1.93 ± 0.12 mm is outside"),
    (limit("a.unset", ANGLE, None, ("srs",)), 3, Outcome.NOT_MEASURED, "set your own limit"),
    (limit("a.absent", replace(ANGLE, key="laser"), 1.0, ("srs",)), -1, Outcome.NOT_MEASURED, "no reading of laser was made"),
)


def image_readings(count: int) -> Iterator[Reading]:
    """Values are whole thousandths and u = 0.005 mm, so that "value ± U" is known without rounding: 0.017 ± 0.010."""
    for n in range(count):
        at = {"gantry_deg": float(n * 6), "collimator_deg": 0.0, "couch_deg": 330.01, "sop_instance_uid": f"1.2.{n + 1}"}
        yield Measured(U, (n + 1) / 1000, 0.005, at, flags=("edge hidden by the rod",) if n == 2 else ())
        yield NotMeasured(V, "the ball is not in the field: align it", at) if n == 1 else Measured(V, -(n + 1) / 1000, 0.005, at)


def evidence(count: int) -> Iterator[Evidence]:
    rng = np.random.default_rng(20261122)
    for n in range(count):
        grey = rng.integers(0, 255, (31, 44 + n % 3), dtype=np.uint8)
        marks = (Mark("cross", "ball mark", ((0.2, -0.3),)), Mark("outline", "field mark", ((-9, -9), (9, -9), (9, 9), (-9, 9))))
        yield Overlay(f"overlay {n} {'of a long title ' * (n % 5)}", grey, (-20, 24, -16, 15), marks, ("u / mm", "v / mm"), f"noted {n}")
    angles = tuple(range(0, 360, 30))
    measured = Series("found", angles, tuple(np.sin(np.radians(angles))), "points", (0.03,) * 12)
    yield Curve("A walk over Δ", ("gantry angle / deg", "Δv / mm"), (measured,), note="a curve note")
    yield Table(
        "Second check", ("axis", "ours / mm", "theirs / mm"), (("gantry", "0.612", "0.63"), ("couch", "none", "none")), "a table note"
    )


@cache
def record(count: int = 60) -> Record:
    """A Winston-Lutz-like record with every kind of outcome, long and foreign names, and ``count`` images."""
    images = tuple(Input(LONG_NAME if n % 7 == 0 else f"image {n}.dcm", f"{n:064x}", f"1.2.{n + 1}", True) for n in range(count))
    left_out = (Input("scout <b>&amp;</b>.dcm", "ab" * 32, "", False, "not an RT Image & not <i>MV</i>"),)
    return Record(
        record_id="5b0f2a54-5a44-4d7c-9a0e-0d5f8d3a77aa",
        procedure="winston_lutz",
        procedure_version="1.2.0",
        title="MV, LINAC-B, couch (0.60, 175.16, -31.16) mm",
        machine="LINAC-B",
        phantom="ball Ø 6.35 mm",
        performer="Łukasz Γεωργίου 王",
        protocol="own_monthly",
        protocol_title="Own limits, monthly",
        coverage_factor=2.0,
        acquired=datetime(2026, 11, 20, 6, 14, 9, tzinfo=UTC),
        analysed=datetime(2026, 11, 20, 6, 20, 1, tzinfo=UTC),
        versions=(("igrtqa", "0.1.0"), ("numpy", "2.4.6")),
        inputs=images + left_out,
        readings=SET_READINGS + tuple(image_readings(count)),
        judgements=tuple(Judgement(*judged) for judged in JUDGED),
        evidence=tuple(evidence(count)),
        notes=("Couch angles were taken from the file name.",),
    )


@cache
def rendered(count: int = 60) -> bytes:
    return pdf.render(record(count))


def texts(content: bytes) -> list[str]:
    return [page.extract_text() for page in pypdf.PdfReader(BytesIO(content)).pages]


def tight(text: str) -> str:
    """Without any white space: a long name may be broken anywhere."""
    return re.sub(r"\s", "", text)


def pairs(text: str) -> list[tuple[str, str]]:
    """Every "value ± U" of a text."""
    return re.findall(r"(-?\d[\d.]*)\s±\s(\d[\d.]*)", text)


def test_every_value_of_the_record_is_printed_and_no_other() -> None:
    found = Counter(pairs("\n".join(texts(rendered()))))
    along_u = {(f"{n / 1000:.3f}", "0.010") for n in range(1, 61)}
    along_v = {(f"-{n / 1000:.3f}", "0.010") for n in range(1, 61) if n != 2}
    assert set(found) == SET_PAIRS | along_u | along_v
    assert all(found[pair] == 1 for pair in along_u | along_v)


def test_every_reason_source_flag_note_file_and_version_is_printed() -> None:
    text = tight("".join(texts(rendered())))
    expected = ["[0.501, 0.724] mm", "receptor translation not stated", "the ball is not in the field: align it", "edge hidden by the rod"]
    expected += [j.reason for j in record().judgements] + [j.limit.source for j in record().judgements]
    expected += [r.quantity.meaning for r in record().readings] + [r.quantity.source for r in record().readings]
    expected += [e.name for e in record().inputs] + [e.sha256 for e in record().inputs] + [e.sop_instance_uid for e in record().inputs]
    expected += [e.reason for e in record().inputs] + list(record().notes) + [part for version in record().versions for part in version]
    expected += ["ball centre", "0.012", "field centre", "0.042", "0.044 mm"]  # the budget and u of the first reading
    assert [words for words in expected if tight(words) not in text] == []


def test_all_evidence_is_told_in_text_too() -> None:
    text = tight("".join(texts(rendered())))
    expected = [part for item in record().evidence for part in (item.title, item.note)]
    expected += ["ball mark", "field mark", "u / mm", "v / mm", "gantry angle / deg", "Δv / mm", "found", "Bars: ± U = 2u"]
    expected += ["theirs / mm", "0.63", "couch"]
    assert [words for words in expected if tight(words) not in text] == []


def test_page_1_has_the_verdict_of_each_technique_and_what_is_not_a_pass() -> None:
    text = " ".join(texts(rendered())[0].split())
    for verdict in ("Conventional GO PASS", "IMRT REPEAT INDETERMINATE", "SRS REPEAT NOT MEASURED", "SBRT STOP FAIL"):
        assert verdict in text
    exceptions = text[text.index("Exceptions") :]
    places = [exceptions.index(word) for word in ("1.93 ± 0.12 mm is outside", "take three", "too close to 0.65 mm")]
    assert places == sorted(places)  # the worst first
    assert "No SBRT treatment before the physicist has cleared it" in text
    assert "no reading of laser was made" in text
    for words in ("Winston Lutz", "LINAC-B", "ball Ø 6.35 mm", "2026-11-20 06:14:09 UTC", "2026-11-20 06:20:01 UTC", "k = 2"):
        assert words in text
    assert "Not a medical device" in text
    assert re.search(r"physicist, name.*Signature.*Date", text)


def green(content: bytes) -> int:
    """How many pixels of page 1 have the colour of a pass, or of the tint behind it."""
    pixels = pypdfium2.PdfDocument(content)[0].render(scale=1, rev_byteorder=True).to_numpy()[:, :, :3].astype(int)
    face = style.FACES[Outcome.PASS]
    colours = [[round(255 * part) for part in colour.rgb()] for colour in (face.colour, face.tint)]
    return sum(int((abs(pixels - colour).max(axis=2) <= 2).sum()) for colour in colours)


def test_a_record_without_limits_never_looks_like_a_pass() -> None:
    content = pdf.render(replace(record(5), judgements=()))
    text = " ".join(texts(content)[0].split())
    assert "NOT JUDGED" in text
    assert "This is not a pass" in text
    assert not re.search(r"\b(GO|PASS)\b", text)
    assert green(content) == 0 < green(rendered())


def test_limits_that_name_no_technique_give_no_verdict() -> None:
    passed = record(5).judgements[0]
    nobody = replace(passed, limit=replace(passed.limit, techniques=()))
    text = " ".join(texts(pdf.render(replace(record(5), judgements=(nobody,))))[0].split())
    assert "NOT JUDGED" in text
    assert "GO" not in text.split()


def test_an_unmet_need_of_a_judged_record_is_never_reported_as_no_exception() -> None:
    """A number that is missing shows on page 1 even when no limit asks for it."""
    passed = replace(record(5), judgements=record(5).judgements[:1], evidence=())
    text = " ".join(texts(pdf.render(passed))[0].split())
    assert "take three" in text
    assert "Every limit of this protocol was met" not in text
    whole = replace(passed, readings=tuple(r for r in passed.readings if isinstance(r, Measured)))
    assert "Every limit of this protocol was met" in " ".join(texts(pdf.render(whole))[0].split())


def test_unconfirmed_limits_are_marked_and_confirmed_ones_are_not() -> None:
    text = " ".join(" ".join(texts(rendered())).split())
    assert "1 of 1 limits unconfirmed" in text
    assert "Unconfirmed limits: 1" in text
    assert text.count("≤ 0.65 mm — unconfirmed") == text.count("≤ 0.65 mm") > 0
    confirmed = tuple(j for j in record(5).judgements if j.limit.confirmed)
    assert "nconfirmed" not in "".join(texts(pdf.render(replace(record(5), judgements=confirmed))))


def test_judgements_of_single_images_are_counted_and_the_bad_ones_named() -> None:
    asked = limit("a.image", U, 0.003, ("srs",))
    indices = [n for n, reading in enumerate(record(5).readings) if reading.quantity is U]
    outcomes = [Outcome.PASS, Outcome.PASS, Outcome.INDETERMINATE, Outcome.FAIL, Outcome.FAIL]
    judged = tuple(Judgement(asked, i, o, f"because of {i}") for i, o in zip(indices, outcomes, strict=True))
    text = " ".join(" ".join(texts(pdf.render(replace(record(5), judgements=judged)))).split())
    assert "2 FAIL 1 INDETERMINATE 2 PASS" in text
    assert f"image 4 (gantry 18 deg, collimator 0 deg, couch 330.01 deg): because of {indices[3]}" in text
    assert f"image 3 (gantry 12 deg, collimator 0 deg, couch 330.01 deg): because of {indices[2]}" in text


def test_two_readings_of_one_image_and_quantity_are_both_printed() -> None:
    twice = replace(record(2), readings=(*record(2).readings, replace(record(2).readings[5], value=0.777)), evidence=())
    assert pairs("\n".join(texts(pdf.render(twice)))).count(("0.777", "0.010")) == 1
    assert pairs("\n".join(texts(pdf.render(twice)))).count(("0.001", "0.010")) == 1


def test_short_last_section_asks_for_its_own_height_only() -> None:
    """Three lines of text need no 75 mm: they stand where they fit, a longer section's heading asks for as much as ever."""
    style.register_fonts()
    short = pages.heading("A", "a", [style.paragraph("one line", style.BODY)])[0]
    long = pages.heading("A", "a", [style.paragraph("one line", style.BODY)] * 40)[0]
    assert style.HEADING.leading + style.BODY.leading <= short.height < 60
    assert long.height == pages.ROOM


def test_what_has_no_rows_is_no_table_and_no_section() -> None:
    bare = Table("where nothing stopped", ("stop", "some column"), (), "no stop was found")
    images = tuple(one for one in record(2).readings if one.at.get("sop_instance_uid"))
    assert images
    text = " ".join(" ".join(texts(pdf.render(replace(record(2), readings=images, judgements=(), evidence=(bare,))))).split())
    assert "where nothing stopped no stop was found" in text
    assert "some column" not in text
    assert "no reading of the whole set" not in text


def test_exception_of_parts_names_the_parts_and_not_all_of_their_state() -> None:
    one, two = ({"set": "MV", "part": part, "readout_mm": 1338.85, "state": "phantom set anew"} for part in ("1340 mm", "1490 mm"))
    gaps = tuple(NotMeasured(Quantity("height", "mm", "a height", "test"), "no ball", at=at) for at in (one, two))
    text = " ".join("".join(texts(pdf.render(replace(record(2), readings=gaps, judgements=(), evidence=())))[:1]).split())
    assert "set MV, 1340 mm; set MV, 1490 mm" in text
    assert "set anew" not in text.partition("Results")[0]


def test_an_empty_record_says_so() -> None:
    empty = replace(record(2), readings=(), judgements=(), evidence=(), inputs=(), notes=(), versions=(), performer="", acquired=None)
    text = " ".join(" ".join(texts(pdf.render(empty))).split())
    for words in ("NOT JUDGED", "no reading of the whole set", "names no input file", "not stated in the files", "Performed by not stated"):
        assert words in text
    assert "Evidence" not in text


def test_text_is_never_read_as_markup_and_unprintable_characters_are_spelled() -> None:
    text = "".join(texts(rendered()))
    assert "scout <b>&amp;</b>.dcm" in text
    assert "not <i>MV</i>" in " ".join(text.split())
    assert "<U+738B>" in text
    assert style.printable("a\udce9\x00b\nc 王") == "a<U+DCE9><U+0000>b c <U+738B>"


def test_every_page_carries_the_record_and_its_number() -> None:
    pages = texts(rendered())
    for n, text in enumerate(pages, 1):
        assert f"page {n} of {len(pages)}" in text
        assert f"record {record().record_id}" in text


def test_the_document_says_what_it_is() -> None:
    reader = pypdf.PdfReader(BytesIO(rendered()))
    assert reader.metadata is not None
    assert reader.metadata.title == "Winston Lutz – LINAC-B – 2026-11-20 06:14:09 UTC"
    assert reader.metadata.author == "Łukasz Γεωργίου <U+738B>"
    assert reader.metadata.creation_date == record().analysed
    assert [item.title for item in reader.outline if not isinstance(item, list)] == [
        "Exceptions",
        "Results",
        "Results per image",
        "Evidence",
        "Uncertainty budgets",
        "Files and software",
        "Record and chain",
    ]
    assert {tuple(round(float(edge)) for edge in page.mediabox[2:]) for page in reader.pages} == {(595, 842)}  # A4


def test_the_same_record_gives_the_same_bytes_in_another_process() -> None:
    code = "import sys, test_report_pdf as t; sys.stdout.buffer.write(t.pdf.render(t.record(12)))"
    path = os.pathsep.join((str(REPOSITORY), str(REPOSITORY / "tests")))
    for seed, zone in (("1", "Asia/Tokyo"), ("2", "America/New_York")):
        environment = {**os.environ, "PYTHONPATH": path, "PYTHONHASHSEED": seed, "TZ": zone}
        done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=True)
        assert done.stdout == rendered(12) == pdf.render(record(12))


def test_a_record_that_was_stored_gives_the_same_report() -> None:
    assert pdf.render(from_json(json.loads(json.dumps(to_json(record(12)))))) == rendered(12)


def objects(content: bytes) -> Iterator[Any]:
    reader = pypdf.PdfReader(BytesIO(content))
    for number in range(1, len(reader.xref_objStm) + len(reader.xref[0]) + 1):
        yield reader.get_object(number)


def test_every_font_is_embedded() -> None:
    fonts = [o for o in objects(rendered()) if isinstance(o, dict) and o.get("/Type") == "/Font"]
    assert len(fonts) >= 2
    for font in fonts:
        assert "/FontFile2" in font["/FontDescriptor"], font["/BaseFont"]
        assert "DejaVuSans" in font["/BaseFont"]


def test_each_overlay_is_embedded_once_as_it_is() -> None:
    images = [o for o in objects(rendered()) if isinstance(o, dict) and o.get("/Subtype") == "/Image"]
    assert sorted(image.get_data() for image in images) == sorted(o.grey.tobytes() for o in record().evidence if isinstance(o, Overlay))


def test_a_large_overlay_is_reduced_to_what_paper_can_show() -> None:
    large = Overlay("large", np.zeros((1500, 3000), np.uint8), (-20, 20, -10, 10), (), ("u / mm", "v / mm"))
    content = pdf.render(replace(record(2), evidence=(large,)))
    (image,) = (o for o in objects(content) if isinstance(o, dict) and o.get("/Subtype") == "/Image")
    assert (image["/Width"], image["/Height"]) == (512, 256)


def test_nothing_leaves_the_page_or_covers_other_text() -> None:
    """No character crosses the margins, and no character's middle lies inside another one's box."""
    document = pypdfium2.PdfDocument(rendered())
    for number, page in enumerate(document, 1):
        content = page.get_textpage()
        boxes = np.array([content.get_charbox(n) for n in range(content.count_chars())])
        boxes = boxes[(boxes[:, 2] - boxes[:, 0] > 0.2) & (boxes[:, 3] - boxes[:, 1] > 0.2)]
        left, bottom, right, top = boxes.T
        assert left.min() >= 40
        assert right.max() <= 595 - 40
        assert bottom.min() >= 20
        assert top.max() <= 842 - 20
        x, y = (left + right) / 2, (bottom + top) / 2
        inside = (left < x[:, None]) & (x[:, None] < right) & (bottom < y[:, None]) & (y[:, None] < top)
        assert inside.sum() == len(boxes), f"text covers text on page {number}"


def test_monstrous_texts_flow_over_pages() -> None:
    """A reason, a file name, a title or a note longer than a page goes on overleaf, to its last word."""
    long = "word " * 4000 + "lastword"
    overlay, curve, table = record(1).evidence
    monster = replace(
        record(1),
        machine="M" * 900,
        notes=(f"{long}1",),
        judgements=(replace(record(1).judgements[3], reason=f"{long}2"),),
        inputs=(Input(f"{'f' * 5000}lastword3", "a" * 64, "", False, f"{long}4"),),
        evidence=(
            replace(overlay, title=f"{long}5", note=f"{long}6", axes=("x" * 400 + "lastword7", "v / mm"), extent_mm=(-10, 10, -300, 300)),
            replace(
                overlay,
                marks=tuple(Mark("cross", f"a mark with a long name {n}", ((0, 0),)) for n in range(200)),
                extent_mm=(-300, 300, -9, 9),
            ),
            replace(curve, series=tuple(Series("a long name " * 9 + str(n), (1.0, 2.0), (1e-300, 1e300)) for n in range(60))),
            replace(table, header=("h" * 900, "b"), rows=((f"{long}8", "z" * 5000), ("1",))),
        ),
    )
    frame = rf"WinstonLutz·…|record{monster.record_id}·SHA-256[0-9a-f]{{16}}…|page\d+of\d+"
    text = re.sub(frame, "", tight("".join(texts(pdf.render(monster)))))
    assert [n for n in range(1, 9) if f"lastword{n}" not in text] == []
    assert [n for n in range(200) if f"amarkwithalongname{n}" not in text] == []
    assert [n for n in range(60) if f"alongname{n}" not in text] == []


def test_write_puts_the_whole_report_in_place(tmp_path: Path) -> None:
    path = tmp_path / "report.pdf"
    path.write_bytes(b"an older report")
    assert pdf.write(record(5), path) == str(path)
    assert path.read_bytes() == rendered(5)
    assert list(tmp_path.iterdir()) == [path]


def test_write_to_a_missing_folder_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    for path, advice in (
        (tmp_path / "nowhere" / "a.pdf", "there is no such folder"),
        (tmp_path / "file" / "a.pdf", "not a folder"),
        (tmp_path, "give the name of a file"),
    ):
        with pytest.raises(QaError, match=advice):
            pdf.write(record(5), path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize(
    ("number", "advice"),
    [(errno.ENOSPC, "free some space"), (errno.EROFS, "read-only"), (errno.EACCES, "may not write"), (errno.EIO, "another")],
)
@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_full_or_read_only_disk_leaves_the_older_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, advice: str, step: str
) -> None:
    path = tmp_path / "report.pdf"
    path.write_bytes(b"an older report")

    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, step, refuse)
    with pytest.raises(QaError, match=advice) as refused:
        pdf.write(record(5), path)
    assert str(path) in str(refused.value)
    assert path.read_bytes() == b"an older report"
    assert list(tmp_path.iterdir()) == [path]


def test_importing_the_report_loads_nothing_heavy() -> None:
    code = "import sys, reports.pdf; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert not {"reportlab", "matplotlib", "scipy", "PIL"} & {name.partition(".")[0] for name in done.stdout.split()}


def test_a_missing_font_is_a_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ink, "find_spec", lambda _name: None)
    style.register_fonts.cache_clear()
    with pytest.raises(QaError, match="DejaVu Sans"):
        style.register_fonts()
