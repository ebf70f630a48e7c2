"""Couch-top sag: exact rays in, exact heights out; words for the load; what is refused; drawn CBCTs; files.

Expected heights are those that the balls were put at; uncertainties are worked out by hand from docs/physics/couch_sag.md, section 8.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from phantoms.aperture import Rectangle
from phantoms.linac import BallSetup, Linac, Wave
from phantoms.panel import Panel
from phantoms.rays import project, to_gantry
from phantoms.solids import Sphere
from phantoms.volume import Grid, Scan, scan
from phantoms.volume_phantoms import ball_cube
from qa import ball_moves, couch_rehearsal, couch_sag_pass, couch_sag_stops, couch_stops, dicom, labels, procedure, rehearsal, session
from qa.acquisition import Acquisition, Image, Volume
from qa.ball_images import BallImage
from qa.certificate import Ball, Body, Certificate
from qa.limit import Outcome
from qa.protocol import read
from qa.reading import AnalysisError, Measured, NotMeasured, QaError, Reading
from qa.shots import Unseen

TEST = procedure.load("couch_sag")
START = datetime(2026, 1, 1, 8, tzinfo=UTC)
WHERE = np.array([1.0, -2.0, 3.0])  # of the ball at the first stop
OUT = np.array([1000.0, 1100.0, 1200.0, 1300.0, 1400.0])
A, B, C = 0.0, -0.3, -0.11  # mm, mm for 100 mm, mm for its square


@dataclass(frozen=True)
class At:
    """One stop: what the couch says and where the ball truly is from its first place, mm; what the files say; the ball's diameter."""

    out: float
    moved: tuple[float, float, float]
    up: float = 0.0  # vertical readout
    side: float = 0.01  # couches read out in hundredths
    words: str = "sag unloaded"
    pitch: str = ""
    diameter: float = 6.0
    couch_deg: float = 0.0
    later: timedelta = timedelta(0)


def height(out: float) -> float:
    e = (out - OUT[0]) / 100
    return A + B * e + C * e**2


def travelling(outs: Sequence[float] = OUT, sag: Callable[[float], float] = height, **more: object) -> list[At]:
    return [At(out, (0.0, out - OUT[0], sag(out)), **more) for out in outs]


def anew(outs: Sequence[float] = OUT, sag: Callable[[float], float] = height, **more: object) -> list[At]:
    """The vertical is driven a little, the ball is put down a few millimetres elsewhere each time."""
    return [At(out, (k - 1.0, 2.0 - k, 0.5 * k + sag(out)), up=0.5 * k, **more) for k, out in enumerate(outs)]


def day(
    stops: Sequence[At], monkeypatch: pytest.MonkeyPatch, views: Sequence[float] = (0.0, 90.0), lost: Sequence[int] = ()
) -> Acquisition:
    """Images that show the ball where rays of the phantoms put it; ``lost`` numbers images without a ball."""
    images, seen = [], {}
    for k, stop in enumerate(stops):
        for j, gantry in enumerate(views):
            number = len(views) * k + j
            taken = image(number, gantry, stop)
            x, y, z = (float(v) for v in WHERE + stop.moved)
            place = np.array(project(to_gantry((x, y, z), gantry), (0.0, 0.0), 1000.0).uv_mm)
            parts = {"ball in the image": np.full(2, 0.005), "receptor position": np.full(2, 0.02)}
            grey = np.zeros((2, 2), np.uint8)
            ball = BallImage(taken, place, parts, 3.0, stop.diameter, 0.0, "ball", (), np.zeros(2), grey, (-1, 1, -1, 1))
            seen[taken.sop_instance_uid] = Unseen(taken, "no ball") if number in lost else ball
            images.append(taken)

    def look(kind: str, some: Sequence[Image]) -> list[BallImage | Unseen]:
        return [replace(s, image=i) if isinstance(s := seen[i.sop_instance_uid], BallImage) else s for i in some]

    monkeypatch.setattr(couch_stops, "_seen", look)
    return Acquisition(tuple(images), "L", "MV", "a day", day=True)


def image(number: int, gantry: float, stop: At) -> Image:
    return Image(
        name=f"{number:03d}.dcm",
        sop_instance_uid=f"2.25.{number}",
        sha256="",
        shape=(100, 120),
        load=lambda: np.zeros((100, 120), np.float32),
        spacing_mm=(0.5, 0.4),
        sid_mm=1500.0,
        sad_mm=1000.0,
        gantry_deg=gantry,
        collimator_deg=0.0,
        couch_deg=stop.couch_deg,
        radiation="MV",
        machine="L",
        acquired=START + timedelta(seconds=20 * number) + stop.later,
        couch_mm=(stop.side, stop.out, stop.up),
        tags={"SeriesDescription": stop.words} | ({"TableTopPitchAngle": stop.pitch} if stop.pitch else {}),
    )


def analysed(acquisition: Acquisition) -> dict[str, list[Reading]]:
    assert TEST.accepts(acquisition) == ""
    found: dict[str, list[Reading]] = {}
    for reading in TEST.analyse(acquisition).readings:
        found.setdefault(reading.quantity.key, []).append(reading)
    assert set(found) == {quantity.key for quantity in TEST.quantities}
    return found


def one(found: dict[str, list[Reading]], key: str) -> Measured:
    (reading,) = found[key]
    assert isinstance(reading, Measured), reading
    return reading


def assert_refused(found: dict[str, list[Reading]], words: str) -> None:
    """No number of the pass, and a reason with these words."""
    for key in ("couch_sag_max", "couch_sag_height", "couch_sag_slope", "couch_sag_residual"):
        assert found[key]
        assert all(isinstance(r, NotMeasured) for r in found[key]), found[key]
        assert any(words in r.reason for r in found[key]), found[key]


# Exact geometry


@pytest.mark.parametrize("carried", [travelling, anew])
def test_exact_rays_give_exact_heights_and_the_model(monkeypatch: pytest.MonkeyPatch, carried: Callable[..., list[At]]):
    found = analysed(day(carried(), monkeypatch))
    heights = found["couch_sag_height"]
    assert [r.value for r in heights] == pytest.approx([height(out) for out in OUT[1:]], abs=1e-6)
    assert [r.at["part"] for r in heights] == ["1100 mm", "1200 mm", "1300 mm", "1400 mm"]
    assert one(found, "couch_sag_max").value == pytest.approx(-height(1400.0), abs=1e-6)
    for key, true in (("offset", A), ("slope", B), ("curve", C), ("residual", 0.0)):
        assert one(found, f"couch_sag_{key}").value == pytest.approx(true, abs=1e-6)
    assert one(found, "couch_sag_max").missing == ""


def test_what_a_panel_turned_costs_a_travelling_phantom(monkeypatch: pytest.MonkeyPatch):
    """Only the view from the side sees the height: two images at u = 0.02 and 0.005, and 0.1 degrees of 400 mm."""
    most = one(analysed(day(travelling(), monkeypatch)), "couch_sag_max")
    assert most.budget["panel turned"] == pytest.approx(400 * np.radians(0.1), rel=0.01)
    assert most.budget["receptor position"] == pytest.approx(0.02 * np.sqrt(2), rel=0.01)
    assert most.budget["ball in the image"] == pytest.approx(0.005 * np.sqrt(2), rel=0.01)
    assert "foot of the phantom" not in most.budget
    assert most.at["setting"] == "phantom travelling, 5 extensions, 1000 to 1400 mm"


def test_what_setting_a_phantom_down_again_costs(monkeypatch: pytest.MonkeyPatch):
    """The foot at both stops, 1 % of 2 mm that the vertical was driven, readouts in steps of 0.01 mm."""
    most = one(analysed(day(anew(), monkeypatch)), "couch_sag_max")
    assert most.budget["foot of the phantom"] == pytest.approx(0.1 * np.sqrt(2))
    assert most.budget["readout gain"] == pytest.approx(0.01 * 2.0)
    assert most.budget["readout resolution"] == pytest.approx(0.01 * np.sqrt(2 / 12))
    assert most.at["setting"] == "phantom set anew, 5 extensions, 1000 to 1400 mm"


def test_the_noise_of_the_slope_by_hand(monkeypatch: pytest.MonkeyPatch):
    """Three stops 200 mm apart, a line: u of the slope is 0.1/sqrt(2 * 2^2) from the feet, and the curve leaves 2 c 2^2/3 in the middle."""
    found = analysed(day(anew(OUT[::2]), monkeypatch))
    slope = one(found, "couch_sag_slope")
    assert slope.value == pytest.approx((height(1400) - height(1000)) / 4, abs=1e-6)
    assert slope.budget["foot of the phantom"] == pytest.approx(0.1 / np.sqrt(8))
    residual = one(found, "couch_sag_residual")
    assert residual.value == pytest.approx(2 / 3 * abs(C) * 4, abs=1e-6)
    assert residual.budget["foot of the phantom"] == pytest.approx(0.1 * np.sqrt(2 / 3))
    (curve,) = found["couch_sag_curve"]
    assert isinstance(curve, NotMeasured)
    assert "four or more" in curve.reason


def test_the_first_stop_is_the_least_extended_whenever_it_was_imaged(monkeypatch: pytest.MonkeyPatch):
    order = [OUT[k] for k in (3, 0, 4, 1, 2)]
    found = analysed(day([At(out, (0.0, out - 1000.0, height(out))) for out in order], monkeypatch))
    assert {r.at["part"]: pytest.approx(r.value, abs=1e-6) for r in found["couch_sag_height"]} == {
        f"{out:.0f} mm": height(out) for out in OUT[1:]
    }


def test_a_couch_that_rises_and_sinks_counts_with_its_size(monkeypatch: pytest.MonkeyPatch):
    """Up by 3 mm in the middle, down by 1 at the end: a largest sag of 1 would hide the rise."""
    bump = dict(zip(OUT.tolist(), (0.0, 1.0, 3.0, 1.0, -1.0), strict=True))
    most = one(analysed(day(anew(sag=bump.__getitem__), monkeypatch)), "couch_sag_max")
    assert most.value == pytest.approx(-3.0, abs=1e-6)
    assert any("grow away from the gantry" in flag for flag in most.flags)


def test_a_couch_at_359_8_degrees_is_at_0_and_a_turned_one_is_refused(monkeypatch: pytest.MonkeyPatch):
    """Turned by -0.2 degrees the couch's longitudinal axis leans to +x: 1.4 mm of 400."""
    lean = np.radians(0.2)
    stops = [At(out, ((out - 1000) * np.sin(lean), (out - 1000) * np.cos(lean), height(out)), couch_deg=359.8) for out in OUT]
    found = analysed(day(stops, monkeypatch))
    assert [r.value for r in found["couch_sag_height"]] == pytest.approx([height(out) for out in OUT[1:]], abs=1e-6)
    assert_refused(analysed(day([replace(stop, couch_deg=30.0) for stop in stops], monkeypatch)), "turned to 30.0 degrees")


def test_a_drawn_ball_that_travels_over_the_panel():
    """Open MV images; the panel's turn is in u and not drawn, so the heights are nearer than that."""
    rng, panel = np.random.default_rng(4), Panel("crop", 420, 130, (0.56, 0.50))
    linac = Linac(name="L", panel=panel, aperture=Rectangle(38.0, 145.0), panel_u_mm=Wave(0.2, 0.1, 0.1), noise_sigma=0.003)
    setup = BallSetup((1.0, -56.0, 2.0), 7.0, 0.12)
    exposures = [
        couch_rehearsal.exposed(linac, linac, setup, gantry, 0.0, np.array([0.0, out, up]), np.array([0.02, out, 0.0]), rng)
        for out, up in ((0.0, 0.0), (50.0, -0.6), (112.0, -1.9))
        for gantry in (0.0, 90.0)
    ]
    drawn = rehearsal.day(exposures)
    told = [replace(i, acquired=START + timedelta(seconds=k), tags={"RTImageLabel": "loaded"}) for k, i in enumerate(drawn.images)]
    found = analysed(replace(drawn, images=tuple(told)))
    for reading, up in zip(found["couch_sag_height"], (-0.6, -1.9), strict=True):
        assert isinstance(reading, Measured)
        assert abs(reading.value - up) < 0.15
        assert abs(reading.value - up) < 2 * reading.u < 0.5
    assert one(found, "couch_sag_max").missing == ""


# Loads


def heavier(out: float) -> float:
    return 1.5 * height(out) - 0.7


def test_what_the_load_adds(monkeypatch: pytest.MonkeyPatch):
    """0.7 mm at once, half of the sag more on the way out; the loaded pass has three of the five extensions and one more."""
    loaded = travelling((1000.0, 1200.0, 1400.0, 1450.0), heavier, words="sag loaded 70 kg")
    found = analysed(day([*travelling(), *loaded], monkeypatch))
    assert {r.at["set"] for r in found["couch_sag_max"]} == {"MV unloaded", "MV loaded"}
    most = one(found, "couch_sag_load")
    assert most.value == pytest.approx(0.7 - 0.5 * height(1400.0), abs=1e-6)
    assert most.budget["foot of the phantom"] == pytest.approx(0.1 * np.sqrt(2))
    assert one(found, "couch_sag_load_start").value == pytest.approx(0.7, abs=1e-6)
    assert most.missing == ""
    (full,) = (r for r in found["couch_sag_max"] if r.at["set"] == "MV loaded")
    assert full.value == pytest.approx(-1.5 * height(1450.0), abs=1e-6)
    assert "70 kg" in str(full.at["setting"])


def test_one_load_alone_says_what_is_missing(monkeypatch: pytest.MonkeyPatch):
    for words, lack in (("sag unloaded", "about 70 kg"), ("sag loaded", "couch empty")):
        (reading,) = analysed(day(travelling(words=words), monkeypatch))["couch_sag_load"]
        assert isinstance(reading, NotMeasured)
        assert lack in reading.reason


def test_without_words_a_pass_is_measured_and_never_passes(monkeypatch: pytest.MonkeyPatch):
    found = analysed(day(travelling(words="couch check"), monkeypatch))
    most = one(found, "couch_sag_max")
    assert most.value == pytest.approx(-height(1400.0), abs=1e-6)
    assert "write loaded or unloaded" in most.missing
    (added,) = found["couch_sag_load"]
    assert isinstance(added, NotMeasured)


def test_two_passes_without_words_are_two_and_nothing_is_said_of_a_load(monkeypatch: pytest.MonkeyPatch):
    found = analysed(day([*travelling(words=""), *travelling(sag=heavier, words="")], monkeypatch))
    assert [(r.at["set"], pytest.approx(r.value, abs=1e-6)) for r in found["couch_sag_max"]] == [
        ("MV load not said", -height(1400.0)),
        ("MV load not said, pass 2", -1.5 * height(1400.0)),
    ]
    assert isinstance(found["couch_sag_load"][0], NotMeasured)


def test_loads_that_alternate_without_words_are_refused(monkeypatch: pytest.MonkeyPatch):
    both = [stop for pair in zip(travelling(words=""), travelling(sag=heavier, words=""), strict=True) for stop in pair]
    moved = [replace(stop, out=stop.out + 0.5 * (k % 2)) for k, stop in enumerate(both)]  # half a millimetre: another place
    assert_refused(analysed(day(moved, monkeypatch)), "say loaded or unloaded")


def test_words_that_contradict_each_other_leave_the_image_out(monkeypatch: pytest.MonkeyPatch):
    acquisition = day(travelling(), monkeypatch)
    images = tuple(replace(i, name=f"loaded/{i.name}") if k == 4 else i for k, i in enumerate(acquisition.images))
    found = analysed(replace(acquisition, images=images))
    assert any(isinstance(r, NotMeasured) and "contradict" in r.reason and "004.dcm" in r.reason for r in found["couch_sag_height"])
    assert "004.dcm" in one(found, "couch_sag_max").missing


def test_folders_say_the_load_too(monkeypatch: pytest.MonkeyPatch):
    """The day's folder says both, which says nothing; the pass's folder says one."""
    acquisition = day(travelling(words=""), monkeypatch)
    images = tuple(replace(i, name=f"sag loaded and unloaded/no_load/{i.name}") for i in acquisition.images)
    assert one(analysed(replace(acquisition, images=images)), "couch_sag_max").at["set"] == "MV unloaded"


@pytest.mark.parametrize(
    ("text", "load"),
    [
        ("couch LOADED", "loaded"), ("sag_load_70kg", "loaded"), ("with load", "loaded"), ("unloaded", "unloaded"),
        ("un-loaded", "unloaded"), ("not loaded", "unloaded"), ("No load", "unloaded"), ("no_load", "unloaded"),
        ("without a load", "unloaded"),
        ("0 kg", "unloaded"), ("loaded, unloaded", "both"), ("download", ""), ("upload 3", ""), ("payload", ""), ("", ""), ("70 kg", ""),
        ("10 kg", ""), ("reloaded", ""),
        ("without the load", "unloaded"), ("w/o load", "unloaded"), ("no patient load", "unloaded"), ("load removed", "unloaded"),
        ("zero load", "unloaded"), ("not yet loaded", "unloaded"), ("no 70 kg load", "unloaded"), ("without the 70kg load", "unloaded"),
        ("sag_ohne_load", "unloaded"), ("never loaded", "unloaded"), ("load: none", "unloaded"), ("load 0", "unloaded"),
        ("load-free", "unloaded"), ("loadless", "unloaded"), ("load 0.5 kg", "loaded"), ("load offset 3", "loaded"),
        ("before load", "both"), ("load no. 3", "both"), ("free of load", "both"), ("no shift, loaded", "both"), ("load (none)", "both"),
    ],
)  # fmt: skip
def test_words_for_the_load(text: str, load: str):
    assert labels.load(text) == load


def test_weights_in_words():
    assert labels.kilograms("load 70 kg or 72.5kg, 10 mm") == {70.0, 72.5}


def test_a_load_that_lowers_nothing_lets_neither_it_nor_the_loaded_pass_pass(monkeypatch: pytest.MonkeyPatch):
    """Twice the empty couch; 0.25 mm lower are within U = 2 sqrt(0.1^2 + 0.1^2) = 0.28 mm of the foot alone, 0.5 mm are not within U."""
    for lower, there in ((0.0, False), (0.25, False), (0.5, True)):
        found = analysed(day([*travelling(), *travelling(sag=lambda out, by=lower: height(out) - by, words="loaded")], monkeypatch))
        for key in ("couch_sag_load", "couch_sag_load_start"):
            assert ("was the load on" in one(found, key).missing) != there
        passes = {str(r.at["set"]): r for r in found["couch_sag_max"] if isinstance(r, Measured)}
        assert passes["MV unloaded"].missing == ""
        assert ("was the load on" in passes["MV loaded"].missing) != there


def test_passes_that_carry_the_phantom_in_two_ways_do_not_compare(monkeypatch: pytest.MonkeyPatch):
    """Heights of one place of the top against those of many: their difference is no lowering."""
    for empty, full in ((travelling, anew), (anew, travelling)):
        (added,) = analysed(day([*empty(), *full(sag=heavier, words="loaded")], monkeypatch))["couch_sag_load"]
        assert isinstance(added, NotMeasured)
        assert "carry it the same way in both" in added.reason


def test_a_couch_that_rises_under_a_load_is_doubted(monkeypatch: pytest.MonkeyPatch):
    swapped = [*travelling(words="loaded"), *travelling(sag=heavier, words="unloaded")]
    assert "swapped" in one(analysed(day(swapped, monkeypatch)), "couch_sag_load").missing


def test_a_load_on_another_morning_is_doubted(monkeypatch: pytest.MonkeyPatch):
    late = travelling(sag=heavier, words="loaded", later=timedelta(hours=26))
    found = analysed(day([*travelling(), *late], monkeypatch))
    assert "hours between" in one(found, "couch_sag_load").missing
    assert [r.missing for r in found["couch_sag_max"]] == ["", ""]


# Bad input


def test_an_extension_that_was_not_varied_is_refused(monkeypatch: pytest.MonkeyPatch):
    assert "3 extensions" in TEST.accepts(day(travelling((1000.0, 1100.0)), monkeypatch))
    assert "90.0 mm" in TEST.accepts(day(travelling((1000.0, 1040.0, 1090.0)), monkeypatch))
    assert "two couch places" in TEST.accepts(day(travelling((1000.0, 1000.0)), monkeypatch))
    short = [*travelling((1000.0, 1020.0, 1050.0)), *travelling(words="loaded")]
    (empty,) = (r for r in analysed(day(short, monkeypatch))["couch_sag_max"] if r.at["set"] == "MV unloaded")
    assert isinstance(empty, NotMeasured)
    assert "over 50.0 mm" in empty.reason


def test_readouts_in_cm_are_refused(monkeypatch: pytest.MonkeyPatch):
    cm = day([replace(stop, out=stop.out / 10) for stop in travelling()], monkeypatch)
    assert "in cm" in TEST.accepts(cm)
    readings = TEST.analyse(cm).readings
    assert not any(isinstance(r, Measured) for r in readings)
    assert any("the ball went 400 mm: is the readout in cm?" in r.reason for r in readings if isinstance(r, NotMeasured))


def test_a_readout_of_the_other_sign_is_refused_or_flagged(monkeypatch: pytest.MonkeyPatch):
    assert_refused(analysed(day([replace(stop, out=-stop.out) for stop in travelling()], monkeypatch)), "the other way")
    most = one(analysed(day([replace(stop, out=-stop.out) for stop in anew()], monkeypatch)), "couch_sag_max")
    assert any("grow away from the gantry" in flag for flag in most.flags)


def test_no_readout_is_asked_for(monkeypatch: pytest.MonkeyPatch):
    whole = day(travelling(), monkeypatch)
    assert "couch position" in TEST.accepts(replace(whole, images=tuple(replace(i, couch_mm=None) for i in whole.images)))
    lost = replace(whole, images=tuple(replace(i, couch_mm=None) if k == 5 else i for k, i in enumerate(whole.images)))
    found = analysed(lost)
    assert any(isinstance(r, NotMeasured) and "005.dcm" in r.reason and "not guessed" in r.reason for r in found["couch_sag_height"])
    assert "005.dcm" in one(found, "couch_sag_max").missing


def test_an_imaging_system_that_stayed_at_one_extension_takes_no_part(monkeypatch: pytest.MonkeyPatch):
    """A kV pair before and after a shift of 3 mm, on the same day."""
    whole = day(travelling(), monkeypatch)
    pair = [
        replace(whole.images[0], name=f"kv {k}", sop_instance_uid=f"9.{k}", radiation="kV", couch_mm=(0.0, 3.0 * k, 0.0)) for k in range(2)
    ]
    found = analysed(replace(whole, images=(*whole.images, *pair)))
    assert {r.at["set"] for readings in found.values() for r in readings} == {"MV unloaded", "MV loaded - unloaded"}


def test_a_lost_ball_is_named_and_what_lacks_it_cannot_pass(monkeypatch: pytest.MonkeyPatch):
    found = analysed(day(travelling(), monkeypatch, lost=(9,)))
    most = one(found, "couch_sag_max")
    assert most.value == pytest.approx(-height(1300.0), abs=1e-6)
    assert "009.dcm" in most.missing
    assert "stop 5" in most.missing


def test_a_ball_seen_from_one_direction_has_no_height(monkeypatch: pytest.MonkeyPatch):
    assert_refused(analysed(day(travelling(), monkeypatch, views=(90.0,))), "two directions")


def test_a_phantom_that_was_moved_in_between_is_refused(monkeypatch: pytest.MonkeyPatch):
    aside = travelling()
    aside[3] = replace(aside[3], moved=(9.0, aside[3].moved[1], aside[3].moved[2]))
    assert_refused(analysed(day(aside, monkeypatch)), "was moved on the couch")
    sunk = [*travelling(), At(1000.0, (0.0, 0.0, -0.5))]
    assert_refused(analysed(day(sunk, monkeypatch)), "moved or settled")


def test_coming_back_to_the_first_extension_is_shown(monkeypatch: pytest.MonkeyPatch):
    found = analysed(day([*travelling(), At(1000.0, (0.0, 0.0, 0.05))], monkeypatch))
    assert {r.at["part"]: r.value for r in found["couch_sag_height"]}["1000 mm again"] == pytest.approx(0.05, abs=1e-6)


def test_travelling_and_set_anew_in_one_pass_is_refused(monkeypatch: pytest.MonkeyPatch):
    assert_refused(analysed(day([*travelling(OUT[:3]), *anew(OUT[3:])], monkeypatch)), "neither travels")


def test_hours_within_a_pass_or_no_times_never_pass(monkeypatch: pytest.MonkeyPatch):
    stops = [replace(stop, later=timedelta(hours=5 * (k > 2))) for k, stop in enumerate(travelling())]
    assert "hours between" in one(analysed(day(stops, monkeypatch)), "couch_sag_max").missing
    whole = day(travelling(), monkeypatch)
    untimed = replace(whole, images=tuple(replace(i, acquired=None) for i in whole.images))
    assert "date and time" in one(analysed(untimed), "couch_sag_max").missing


def test_a_pitched_couch_is_refused_and_a_little_pitch_is_in_the_budget(monkeypatch: pytest.MonkeyPatch):
    assert_refused(analysed(day(travelling(pitch="0.8"), monkeypatch)), "pitched by 0.80")
    most = one(analysed(day(travelling(pitch="359.9"), monkeypatch)), "couch_sag_max")
    assert most.budget["couch pitch"] == pytest.approx(400 * np.tan(np.radians(0.1)) / np.sqrt(3))


def test_a_pitch_that_changed_leaves_the_stop_out(monkeypatch: pytest.MonkeyPatch):
    found = analysed(day([replace(stop, pitch="0.2" if k == 2 else "0") for k, stop in enumerate(travelling())], monkeypatch))
    assert any(isinstance(r, NotMeasured) and "pitch readout is 0.20" in r.reason for r in found["couch_sag_height"])
    assert "stop 3" in one(found, "couch_sag_max").missing


def test_passes_at_two_pitches_do_not_compare(monkeypatch: pytest.MonkeyPatch):
    (added,) = analysed(day([*travelling(pitch="0"), *travelling(words="loaded", pitch="0.2")], monkeypatch))["couch_sag_load"]
    assert isinstance(added, NotMeasured)
    assert "0.00 degrees in the unloaded pass and 0.20" in added.reason


def test_another_ball_is_named_or_refused(monkeypatch: pytest.MonkeyPatch):
    stops = travelling()
    stops[2] = replace(stops[2], diameter=9.0)
    found = analysed(day(stops, monkeypatch))
    assert sum("one phantom for all" in r.reason for r in found["couch_sag_height"] if isinstance(r, NotMeasured)) == 2
    assert "004.dcm, 005.dcm" in one(found, "couch_sag_max").missing
    (added,) = analysed(day([*travelling(), *travelling(words="loaded", diameter=9.0)], monkeypatch))["couch_sag_load"]
    assert "balls of 6.0 and 9.0 mm" in added.reason


def test_another_phantom_on_the_same_couch_can_fail_and_not_pass(monkeypatch: pytest.MonkeyPatch):
    stops = anew()
    stops[4] = replace(stops[4], moved=(0.0, 0.0, -45.0))
    assert "no sag" in one(analysed(day(stops, monkeypatch)), "couch_sag_max").missing


def test_two_ways_that_differ_are_refused(monkeypatch: pytest.MonkeyPatch):
    (system,) = couch_sag_stops.of_day(day(anew(), monkeypatch))
    (taken,) = system.passes
    assert couch_sag_pass.sag(system, taken).reason == ""
    other = replace(system, second_mm=system.second_mm + np.array([0, 0, 0, 0.5, 0]))
    assert "two ways to the height of stop 4 differ" in couch_sag_pass.sag(other, taken).reason
    silent = replace(system, second_mm=np.full(5, np.nan))
    assert "no second way" in couch_sag_pass.sag(silent, taken).missing


def test_the_second_way_is_right_by_itself(monkeypatch: pytest.MonkeyPatch):
    """But for the magnification, which it leaves out: 6 mm towards the source are 0.6 % of a height."""
    (system,) = couch_sag_stops.of_day(day(anew(), monkeypatch, views=(20.0, 100.0, 200.0, 280.0)))
    rise = [height(out) + 0.5 * k for k, out in enumerate(OUT)]
    assert system.second_mm == pytest.approx(rise, abs=0.03)


# CBCT


PLACES = ((0.0, 0.0, 0.0), (13.0, 6.0, -14.0), (-6.0, -12.0, -9.0), (14.0, -12.0, 13.0))
GRID = Grid((44, 50, 57), (1.24, 1.08, 1.0))
HOW = Scan((0.55, 0.5), air_hu=120.0, noise_hu=20.0)
SCANS = ((1000.0, 0.0, 0.0), (1200.0, -1.2, -0.15), (1400.0, -3.1, -0.4))  # extension, height, pitch of the couch top
LOOKED: dict[str, object] = {}


@pytest.fixture(autouse=True)
def looked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A volume is the same in every test: its phantom is looked for once."""
    look = ball_moves._posed

    def posed(volume: Volume, acquisition: Acquisition) -> object:
        return LOOKED.get(volume.sha256) or LOOKED.setdefault(volume.sha256, look(volume, acquisition))

    monkeypatch.setattr(ball_moves, "_posed", posed)


def certificate() -> Certificate:
    start = rehearsal.WHEN.date()
    balls = tuple(Ball(name, *place, 5.6, (0.02,) * 3) for name, place in zip("ABCD", PLACES, strict=True))
    body = Body("cube", (34.0, 100.0, 34.0))
    return Certificate("cube", "1", start - timedelta(days=3), start + timedelta(days=3), "test", balls, body)


@cache
def scans(last: float = 0.0, yaw: float = 0.0) -> Acquisition:
    """A phantom set anew for every scan, unloaded; one more scan at last, couch pitched by ``last`` or phantom turned by ``yaw``."""
    volumes = []
    more = [(1300.0, -2.0, -0.25)] if last or yaw else []
    for k, (out, up, pitch) in enumerate([*SCANS, *more]):
        said = last if k == 3 else 0.0
        turn = Rotation.from_euler("ZXY", [yaw * (k == 3) + 0.2 * k, pitch + said, 0.1], degrees=True).as_matrix()
        phantom = ball_cube((0.4 - k, -0.3 + k, 0.2 + up), turn, balls_mm=PLACES, diameters_mm=5.6, ball_hu=2300.0, side_mm=0.0)
        drawn = scan(phantom.solids, GRID, np.random.default_rng(k), HOW)
        when = rehearsal.WHEN + timedelta(minutes=4 * k)
        made = rehearsal.volume(drawn, "L", couch_mm=(0.01, out, -80.0), couch_deg=0.0, acquired=when)
        tags = {"SeriesDescription": "unloaded", "TableTopPitchAngle": f"{said}", "TableTopRollAngle": "0"}
        volumes.append(replace(made, name=f"scan {k + 1}", tags=tags))
    return replace(rehearsal.day([], volumes), certificate=certificate())


def test_a_certified_phantom_shows_height_and_pitch():
    found = analysed(scans())
    middle = np.mean(PLACES, axis=0)
    for reading, (_, up, pitch) in zip(found["couch_sag_height"], SCANS[1:], strict=True):
        lift = np.sin(np.radians(pitch)) * middle[1]  # the balls' middle is not where the couch was tipped about
        assert abs(reading.value - up - lift) < 3 * reading.u < 0.5
        assert reading.budget["foot of the phantom"] == pytest.approx(0.1 * np.sqrt(2))
    for reading, (_, _, pitch) in zip(found["couch_sag_pitch"], SCANS[1:], strict=True):
        assert abs(reading.value - pitch) < 3 * reading.u
        assert reading.budget["foot of the phantom"] == pytest.approx(np.degrees(0.1 * np.sqrt(2) / 100.0))
    assert one(found, "couch_sag_pitch_max").value == found["couch_sag_pitch"][1].value


def test_pitch_readouts_are_taken_off_and_leave_no_height():
    found = analysed(scans(last=0.6))
    assert [r.at["part"] for r in found["couch_sag_height"] if isinstance(r, Measured)] == ["1200 mm", "1400 mm"]
    assert any(isinstance(r, NotMeasured) and "pitch readout is 0.60" in r.reason for r in found["couch_sag_height"])
    (pitch,) = (r for r in found["couch_sag_pitch"] if r.at["part"] == "1300 mm")
    assert isinstance(pitch, Measured)
    assert abs(pitch.value + 0.25) < 3 * pitch.u
    assert "stop 4" in one(found, "couch_sag_max").missing


def test_without_a_certificate_in_force_a_phantom_says_nothing():
    late = replace(certificate(), expires=rehearsal.WHEN.date() - timedelta(days=1))
    found = analysed(replace(scans(), certificate=late))
    assert all(isinstance(r, NotMeasured) and "expired" in r.reason for readings in found.values() for r in readings)


def of_one_ball(words: str, heights: Sequence[float], radii: Sequence[float] = (3.5, 3.5, 3.5), after: int = 0) -> list[Volume]:
    """Scans of a ball set anew at three extensions."""
    volumes, grid = [], Grid((26, 44, 50), (1.0, 0.6, 0.55))
    for k, ((out, _, _), up, radius) in enumerate(zip(SCANS, heights, radii, strict=True)):
        drawn = scan([Sphere("ball", (k - 1.0, 1.0, up + 1), radius, 5000.0)], grid, np.random.default_rng(k), HOW)
        when = rehearsal.WHEN + timedelta(minutes=after + k)
        made = rehearsal.volume(drawn, "L", couch_mm=(0.01, out, -80.0), couch_deg=0.0, acquired=when)
        volumes.append(replace(made, name=f"scan {after + k + 1}", tags={"SeriesDescription": words}))
    return volumes


def test_another_ball_in_one_scan_is_named_and_hides_no_sag():
    """A ball that lies 3 mm higher makes up for the sag of the third stop."""
    found = analysed(rehearsal.day([], of_one_ball("unloaded", (0.0, -1.2, -0.1), (3.5, 3.5, 5.0))))
    assert not any(isinstance(r, Measured) and r.at.get("part") == "1400 mm" for r in found["couch_sag_height"])
    assert any(isinstance(r, NotMeasured) and r.reason.startswith("scan 3: shows something 10.0 mm") for r in found["couch_sag_height"])
    assert isinstance(found["couch_sag_max"][0], NotMeasured)


def test_a_loaded_pass_of_another_ball_does_not_compare():
    empty, full = of_one_ball("unloaded", (0.0, -1.2, -3.1)), of_one_ball("loaded", (-1.0, -2.2, -4.1), (5.0, 5.0, 5.0), 10)
    (added,) = analysed(rehearsal.day([], [*empty, *full]))["couch_sag_load"]
    assert isinstance(added, NotMeasured)
    assert "balls of 7.0 and 10.0 mm" in added.reason


def test_one_ball_in_volumes_shows_height_and_no_pitch():
    found = analysed(rehearsal.day([], of_one_ball("loaded", [up for _, up, _ in SCANS])))
    for reading, (_, up, _) in zip(found["couch_sag_height"], SCANS[1:], strict=True):
        assert abs(reading.value - up) < 3 * reading.u < 0.5
    assert found["couch_sag_max"][0].at["set"] == "CBCT loaded"
    (pitch,) = found["couch_sag_pitch_max"]
    assert isinstance(pitch, NotMeasured)
    assert "one ball has no attitude" in pitch.reason


def test_a_phantom_set_down_the_other_way_round_has_no_pitch():
    found = analysed(scans(yaw=12.0))
    assert any(isinstance(r, NotMeasured) and "same way round" in r.reason for r in found["couch_sag_pitch"])
    assert "same way round" in one(found, "couch_sag_pitch_max").missing


def test_a_volume_that_does_not_count_from_the_isocentre_is_refused():
    far = replace(scans().volumes[0], origin_mm=(500.0, 500.0, 500.0))
    with pytest.raises(AnalysisError, match="not the imaging isocentre"):
        couch_sag_stops.couch_sag_volumes.ball(far)


# Files


def test_files_are_measured_on_request_and_nothing_passes_without_a_baseline(tmp_path: Path):
    """Words from the folders' names; the same truth as in memory, whose readouts count from another zero."""
    drawn = TEST.rehearse(np.random.default_rng(3))
    drawn.write(tmp_path)
    for truth in tmp_path.rglob("truth.json"):
        truth.unlink()
    done = session.run([tmp_path], read("tg142_annual_couch"), procedures=["couch_sag"])
    (record,) = done.records
    largest = {r.at["set"]: r for r in record.readings if r.quantity.key == "couch_sag_max"}
    assert set(largest) == {"MV unloaded", "MV loaded"}
    for name, reading in largest.items():
        assert isinstance(reading, Measured)
        assert reading.missing == ""
        assert abs(reading.value - drawn.truth["couch_sag_max", name]) < 4 * reading.u
    assert len(record.judgements) == 7  # the largest of two passes, three and two extensions beside the first
    assert {judgement.outcome for judgement in record.judgements} == {Outcome.NOT_MEASURED}
    assert all("no record" in judgement.reason for judgement in record.judgements)


def test_nobody_measures_sag_without_being_asked():
    assert TEST.on_request


@pytest.mark.real
@pytest.mark.skipif("IGRTQA_REAL_DATA" not in os.environ, reason="IGRTQA_REAL_DATA names no folder of real images")
def test_a_real_couch_that_moved_by_3_mm_shows_no_sag():
    with dicom.opened([Path(os.environ["IGRTQA_REAL_DATA"]) / "couch_shift.zip"]) as batch:
        (whole,) = [acquisition for acquisition in batch.acquisitions if acquisition.day]
        assert "3 extensions" in TEST.accepts(whole)
        with pytest.raises(QaError, match="extensions"):
            session.run([Path(os.environ["IGRTQA_REAL_DATA"]) / "couch_shift.zip"], read("tg142_annual_couch"), procedures=["couch_sag"])
