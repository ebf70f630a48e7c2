"""Starshot: axes and circle against closed forms and drawn truth; film and panel; what is no star is refused; the second engine."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from phantoms import rtimage, star
from phantoms.aperture import REALISTIC, SIMPLE, Rectangle
from phantoms.linac import Linac, Shot, expose
from phantoms.meeting import smallest_touching_circle
from phantoms.noise import correlated
from phantoms.panel import Panel
from phantoms.star import Spoke
from qa import procedure, rehearsal, session
from qa.acquisition import Acquisition, Image
from qa.dicom import opened
from qa.features.star_line import line
from qa.features.star_look import look
from qa.features.star_profiles import smooth
from qa.procedure import Analysis
from qa.protocol import read
from qa.reading import AnalysisError, Measured, NotMeasured, Reading

STARSHOT = procedure.load("starshot")
FILM = Panel("film", 300, 340, (25.4 / 75, 25.4 / 80))  # rows, columns; pitch (row, column)
EPID = Panel("crop", 190, 216, (0.64, 0.60))
SID = 1500.0


def spokes(angles_deg: list[float], offsets_mm: list[float], centre_mm: tuple[float, float] = (0.0, 0.0), **strip: float) -> list[Spoke]:
    """Spokes that pass ``offsets_mm`` to the left of a point."""
    normals = [np.array([-np.sin(a), np.cos(a)]) for a in np.radians(angles_deg)]
    return [
        Spoke(angle, float(normal @ centre_mm) + offset, **strip)
        for angle, normal, offset in zip(angles_deg, normals, offsets_mm, strict=True)
    ]


def image(pixels: np.ndarray, panel: Panel, sid_mm: float = SID, radiation: str = "MV", **more: object) -> Image:
    (one,) = rehearsal.acquisition(expose(Linac(panel=Panel("x", 20, 24, panel.pitch_mm), noise_sigma=0), [], [Shot()], _rng())).images
    values = pixels.astype(np.float32)
    given = {"sid_mm": sid_mm, "spacing_mm": panel.pitch_mm, "radiation": radiation, **more}
    return replace(one, name="star", shape=values.shape, load=values.copy, **given)


def _rng() -> np.random.Generator:
    return np.random.default_rng(11)


def one(images: list[Image], radiation: str = "MV") -> Acquisition:
    return Acquisition(tuple(images), "L1", radiation, "test")


def by_key(analysis: Analysis) -> dict[str, list[Reading]]:
    found: dict[str, list[Reading]] = {}
    for reading in analysis.readings:
        found.setdefault(reading.quantity.key, []).append(reading)
    return found


def measured(analysis: Analysis, key: str) -> Measured:
    (reading,) = by_key(analysis)[key]
    assert isinstance(reading, Measured), reading
    return reading


def drawn(beams: list[Spoke], sigma: float = 0.004, penumbra: object = SIMPLE) -> np.ndarray:
    return correlated(_rng(), star.dose(beams, EPID, SID, penumbra), sigma, 0.4)


# Axes and circle against what was drawn


def test_three_axes_that_touch_a_circle_in_closed_form() -> None:
    """Three axes 60 degrees apart, all 0.4 mm to the left of one point, touch the circle of 0.8 mm about it."""
    found = STARSHOT.analyse(one([image(drawn(spokes([10.0, 70.0, 130.0], [0.4, -0.4, 0.4], (1.3, -0.7))), EPID)]))
    # offsets +, -, + in this numbering are the same sense of turn: each axis's normal turns on by 60 degrees
    circle = measured(found, "star_circle_diameter")
    assert circle.value == pytest.approx(0.8, abs=max(4 * circle.u, 0.01))
    assert circle.u < 0.005
    assert measured(found, "star_centre_u").value == pytest.approx(1.3, abs=0.01)
    assert measured(found, "star_centre_v").value == pytest.approx(-0.7, abs=0.01)
    residuals = [r.value for r in by_key(found)["star_residual"] if isinstance(r, Measured)]
    assert residuals == pytest.approx([0.4, -0.4, 0.4], abs=0.01)


@pytest.mark.parametrize(("count", "width", "penumbra"), [(3, 2.5, SIMPLE), (4, 5.0, REALISTIC), (6, 3.0, SIMPLE)])
def test_star_in_one_picture(count: int, width: float, penumbra: object) -> None:
    """Uneven angles, every axis with its own fault; the circle by another optimiser."""
    rng = np.random.default_rng(count)
    angles = [float(a) for a in 4 + 180 * np.arange(count) / count + rng.uniform(-3, 3, count)]
    beams = spokes(angles, [float(o) for o in rng.normal(0, 0.3, count)], (0.8, 1.1), width_mm=width, length_mm=76.0)
    found = STARSHOT.analyse(one([image(drawn(beams, penumbra=penumbra), EPID)]))
    _, radius = smallest_touching_circle(np.array([b.normal for b in beams]), np.array([b.offset_mm for b in beams]))
    circle = measured(found, "star_circle_diameter")
    assert abs(circle.value - 2 * radius) < 4 * circle.u
    assert circle.u < 0.008
    seen = [r for r in by_key(found)["star_angle"] if isinstance(r, Measured)]
    assert [r.value for r in seen] == pytest.approx(angles, abs=0.03)
    assert [r.at["part"] for r in seen] == [f"spoke {k + 1}" for k in range(count)]
    assert all(isinstance(r, NotMeasured) and "image per spoke" in r.reason for r in by_key(found)["star_angle_deviation"])


def test_axis_of_a_gaussian_beam_and_its_width() -> None:
    """A Gaussian ridge of 1.5 mm sigma: half height 3.532 mm wide, axis known exactly, whatever the pixels."""
    y, x = (np.arange(n) * p for n, p in zip((240, 170), (0.31, 0.42), strict=True))
    centre, angle = np.array([35.3, 37.1]), np.radians(17.0)
    across = -(x[None, :] - centre[0]) * np.sin(angle) + (y[:, None] - centre[1]) * np.cos(angle)
    pixels = (1000 * np.exp(-((across - 0.23) ** 2) / (2 * 1.5**2)) + 50).astype(np.float32)
    found = line(smooth(pixels, (0.31, 0.42)), centre, 16.6, 360.0, width_mm=3.5)
    for _ in range(2):  # every time the profiles are laid nearer to the beam
        found = line(smooth(pixels, (0.31, 0.42)), centre, 17.0, 360.0, found.offset_mm, width_mm=3.5)
    assert found.offset_mm == pytest.approx(0.23, abs=5e-4)
    assert np.degrees(np.arctan2(found.direction[1], found.direction[0])) == pytest.approx(17.0, abs=0.002)
    assert found.width_mm == pytest.approx(1.5 * 2.3548, abs=0.08)  # 2 sqrt(2 ln 2); its tails are taken for surroundings


def test_a_slit_off_the_axis_draws_a_circle_of_twice_its_offset() -> None:
    """Section 4 of the physics page: 2 |b|, while the field centres run on a circle of 2 sqrt(a^2 + b^2)."""
    rng = _rng()
    aside = Rectangle(4.0, 70.0, (0.35, 5.0))  # a = 5 mm along the slit, b = 0.35 mm across it
    linac = Linac(panel=EPID, aperture=aside, noise_sigma=0.003)
    shots = [Shot(collimator_deg=float(a)) for a in (5, 77, 149, 221, 293)]
    found = STARSHOT.analyse(rehearsal.acquisition(expose(linac, [], shots, rng)))
    circle = measured(found, "star_circle_diameter")
    assert circle.value == pytest.approx(0.70, abs=max(4 * circle.u, 0.005))


def test_readouts_that_turn_unevenly_show() -> None:
    """One of five collimator readouts is a degree late: its deviation is 0.8 degrees, the others' -0.2."""
    linac = Linac(panel=EPID, aperture=Rectangle(4.0, 70.0), noise_sigma=0.003)
    exposures = list(expose(linac, [], [Shot(collimator_deg=float(a)) for a in (3, 39, 75, 111, 147)], _rng()))
    exposures[2] = replace(exposures[2], shot=Shot(collimator_deg=74.0))
    found = by_key(STARSHOT.analyse(rehearsal.acquisition(exposures)))["star_angle_deviation"]
    values = {r.at["collimator_deg"]: r.value for r in found if isinstance(r, Measured)}
    assert values == pytest.approx({3.0: -0.2, 39.0: -0.2, 74.0: 0.8, 111.0: -0.2, 147.0: -0.2}, abs=0.02)


def test_opposite_collimator_angles_are_two_axes() -> None:
    """A slit 0.3 mm off at 20 and 200 degrees: two axes 0.6 mm apart, both in the circle."""
    linac = Linac(panel=EPID, aperture=Rectangle(4.0, 70.0, (0.3, 0.0)), noise_sigma=0.003)
    shots = [Shot(collimator_deg=float(a)) for a in (20, 80, 140, 200, 260, 320)]
    found = STARSHOT.analyse(rehearsal.acquisition(expose(linac, [], shots, _rng())))
    circle = measured(found, "star_circle_diameter")
    assert circle.value == pytest.approx(0.6, abs=max(4 * circle.u, 0.005))


def test_turned_and_mirrored_panels_measure_the_same() -> None:
    beams = spokes([12.0, 58.0, 101.0, 149.0], [0.3, -0.1, 0.2, 0.1], (0.9, -1.2))
    pixels = drawn(beams)
    plain = STARSHOT.analyse(one([image(pixels, EPID)]))
    flipped = STARSHOT.analyse(one([image(pixels[::-1, ::-1], EPID, column_u=-1, row_v=1)]))
    for key in ("star_circle_diameter", "star_centre_u", "star_centre_v"):
        assert measured(flipped, key).value == pytest.approx(measured(plain, key).value, abs=1e-3)


# Film


@pytest.mark.parametrize(("bits", "name"), [(16, "gantry star.tif"), (8, "scan.png")])
def test_scanned_film(tmp_path: Path, bits: int, name: str) -> None:
    beams = spokes([8.0, 49.0, 97.0, 141.0], [0.35, -0.3, 0.15, 0.3], (1.5, -2.0), length_mm=90.0)
    levels = star.scan(star.dose(beams, FILM, 1000.0, REALISTIC), _rng(), bits=bits)
    star.save(levels, tmp_path / name, FILM.pitch_mm)
    with opened([tmp_path / name]) as batch:
        (acquisition,) = batch.acquisitions
        assert STARSHOT.accepts(acquisition) == ""
        found = STARSHOT.analyse(acquisition)
    _, radius = smallest_touching_circle(np.array([b.normal for b in beams]), np.array([b.offset_mm for b in beams]))
    circle = measured(found, "star_circle_diameter")
    assert abs(circle.value - 2 * radius) < 4 * circle.u
    assert circle.u < 0.01
    assert circle.at["setting"] == ("gantry star | film" if "gantry" in name else "unnamed star | film")
    assert "gantry_deg" not in circle.at
    for key in ("star_centre_u", "star_ls_v"):
        (reading,) = by_key(found)[key]
        assert isinstance(reading, NotMeasured)
        assert "mark" in reading.reason


def test_a_negative_scan_is_no_star(tmp_path: Path) -> None:
    levels = star.scan(star.dose(spokes([8.0, 60.0, 120.0], [0.0] * 3, length_mm=90.0), FILM, 1000.0), _rng())
    star.save(np.uint16(65535) - levels, tmp_path / "a.tif", FILM.pitch_mm)
    with opened([tmp_path / "a.tif"]) as batch:
        assert "needs narrow beams" in STARSHOT.accepts(batch.acquisitions[0])


def test_film_is_judged_and_kept(tmp_path: Path) -> None:
    """From a file to a record; without a baseline a change of it is not measured."""
    levels = star.scan(star.dose(spokes([8.0, 60.0, 120.0], [0.2, 0.1, 0.3], length_mm=90.0), FILM, 1000.0), _rng())
    star.save(levels, tmp_path / "couch.tif", FILM.pitch_mm)
    (record,) = session.run([tmp_path / "couch.tif"], read("starshot_annual"), machine="L1").records
    assert (record.procedure, record.machine) == ("starshot", "L1")
    (judgement,) = record.judgements
    assert "baseline" in judgement.reason
    assert any("dots per inch" in note for note in record.notes)


# What is refused


def altered(change: str) -> np.ndarray:
    """A good star with one thing wrong."""
    beams = spokes([10.0, 55.0, 100.0, 145.0], [0.1, 0.2, -0.1, 0.0])
    if change == "two beams":
        return drawn(beams[::2])
    if change == "a gap":
        return drawn(spokes([10.0, 40.0, 70.0], [0.1, 0.2, 0.0]))
    pixels = drawn(beams)
    rows, columns = np.indices(pixels.shape)
    u, v = (columns - (EPID.columns - 1) / 2) * 0.40, -(rows - (EPID.rows - 1) / 2) * (0.64 * 1000 / SID)
    along, across = (u * np.cos(a) + v * np.sin(a) for a in (np.radians(10.0), np.radians(100.0)))
    if change == "half a beam":
        return np.where((np.abs(across) < 6) & (along > 8), 0.002, pixels)
    if change == "a bent beam":  # one arm shifted sideways by a pixel and a half
        arm = (np.abs(across) < 8) & (along > 8)
        moved = np.roll(pixels, -2, axis=0)
        return np.where(arm, moved, pixels)
    beside = (np.abs(across - 2.6) < 0.5) & (np.abs(along) > 20)  # a strip of extra light on one side of one beam
    return pixels + gaussian_filter(np.where(beside, 0.6, 0.0), 0.6)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("two beams", "needs|no narrow|no star"),
        ("a gap", "no gap wider than 80 degrees"),
        ("half a beam", "without an opposite|no star"),
        ("a bent beam", "not straight"),
        ("light beside a beam", "something lies beside it"),
    ],
)
def test_a_spoilt_star_gives_reasons_and_no_number(change: str, words: str) -> None:
    found = STARSHOT.analyse(one([image(altered(change), EPID)]))
    assert {r.quantity for r in found.readings} == set(STARSHOT.quantities)
    for reading in found.readings:
        assert isinstance(reading, NotMeasured)
        assert any(word in reading.reason for word in words.split("|")), reading.reason


def test_a_scratch_is_left_out_and_told() -> None:
    """A bright speck on a spoke, 1 mm wide and off its middle, does not move the circle."""
    beams = spokes([10.0, 55.0, 100.0, 145.0], [0.1, 0.2, -0.1, 0.0])
    pixels = drawn(beams)
    given = {"receptor_mm": (0.0, 0.0)}
    clean = measured(STARSHOT.analyse(one([image(pixels, EPID, **given)])), "star_circle_diameter")
    rows, columns = np.indices(pixels.shape)
    u, v = (columns - (EPID.columns - 1) / 2) * 0.40, -(rows - (EPID.rows - 1) / 2) * (0.64 * 1000 / SID)
    place = 32 * np.array([np.cos(np.radians(10.0)), np.sin(np.radians(10.0))]) + 1.5 * np.array([-0.17, 0.98])
    spoilt = pixels + 1.5 * np.exp(-((u - place[0]) ** 2 + (v - place[1]) ** 2) / (2 * 0.5**2))
    found = measured(STARSHOT.analyse(one([image(spoilt, EPID)])), "star_circle_diameter")
    assert clean.flags == ()
    (told,) = found.flags
    assert 1 <= int(told.split()[0]) <= 6, told
    assert found.value == pytest.approx(clean.value, abs=3 * clean.u + 0.003)


def test_gantry_that_turned_between_the_images() -> None:
    linac = Linac(panel=EPID, aperture=Rectangle(4.0, 70.0))
    shots = [Shot(gantry_deg=float(g), collimator_deg=float(c)) for g, c in ((0, 3), (40, 63), (80, 123))]
    found = STARSHOT.analyse(rehearsal.acquisition(expose(linac, [], shots, _rng())))
    assert all(isinstance(r, NotMeasured) and "turning collimator only" in r.reason for r in found.readings)


def test_winston_lutz_and_starshot_refuse_each_others_images() -> None:
    balls = procedure.load("winston_lutz")
    for k in range(3):
        wl, beams = (p.rehearse(np.random.default_rng([9, k])).acquisition for p in (balls, STARSHOT))
        assert "narrow beams" in STARSHOT.accepts(wl)
        assert "starshot" in balls.accepts(beams)
        assert balls.accepts(wl) == STARSHOT.accepts(beams) == ""
    whole = one([image(drawn(spokes([10.0, 70.0, 130.0], [0.1, 0.0, 0.2])), EPID)])
    assert "starshot" in balls.accepts(whole)
    assert STARSHOT.accepts(whole) == ""


def test_a_field_of_ordinary_shape_has_no_narrow_beam() -> None:
    for width, height in ((20, 20), (14, 30), (40, 8), (60, 50)):
        linac = Linac(panel=EPID, aperture=Rectangle(width, height), noise_sigma=0.003)
        pixels = expose(linac, [], [Shot(collimator_deg=33.0)], _rng())[0].pixels.astype(np.float32)
        if width == 40:
            assert len(look(pixels, (0.64 / 1.5, 0.60 / 1.5)).axes_deg) == 1  # five times as long as wide: a beam
            continue
        with pytest.raises(AnalysisError):
            look(pixels, (0.64 / 1.5, 0.60 / 1.5))


# The second engine


def test_pylinac_agrees_on_a_panel_and_is_not_asked_about_oblong_pixels(tmp_path: Path) -> None:
    linac = Linac(panel=Panel("crop", 300, 330, (0.392, 0.392)), aperture=Rectangle(4.0, 70.0, (0.3, 0.0)), noise_sigma=0.004)
    shots = [Shot(collimator_deg=float(a)) for a in (3, 75, 147, 219, 291)]
    rtimage.write(expose(linac, [], shots, _rng()), tmp_path / "set", seed=1)
    (record,) = session.run([tmp_path / "set"], read("starshot_monthly"), second_engine=True).records
    rows = {one.quantity: one for one in record.comparisons}
    assert set(rows) == {"star_circle_diameter", "star_centre_u", "star_centre_v"}
    assert all(one.outcome is not None and one.outcome.name == "PASS" for one in rows.values())
    assert rows["star_circle_diameter"].their_value == pytest.approx(0.6, abs=0.1)
    assert STARSHOT.second_engine is not None
    drawn_set = STARSHOT.rehearse(np.random.default_rng(5)).acquisition
    theirs = STARSHOT.second_engine(drawn_set, {i.sop_instance_uid: tmp_path for i in drawn_set.images}, lambda text: None)
    assert isinstance(theirs.whole, str)
    assert "not square" in theirs.whole
