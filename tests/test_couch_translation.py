"""The couch against its readout: exact geometry in, exact moves out; simulated couches; bad input; a real couch."""

import os
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from phantoms.rays import project, to_gantry
from phantoms.volume import Grid, Scan, Sphere, scan
from qa import couch_rehearsal, couch_stops, couch_travel, dicom, procedure, rehearsal, session
from qa.acquisition import Acquisition, Image, Volume
from qa.ball_images import BallImage
from qa.couch_affine import fit
from qa.couch_move import SILENT_ANGLE
from qa.couch_stops import Stop, Stops
from qa.couch_translation_backlash import backlash
from qa.couch_travel import Travel
from qa.limit import Outcome
from qa.protocol import read
from qa.reading import Measured, NotMeasured, Reading

pytestmark = pytest.mark.usefixtures("finders_shared")

TEST = procedure.load("couch_translation")
CROSS = (0.0, 90.0, 180.0, 270.0)
BALL = np.array([1.0, -2.0, 3.0])
PATH = np.array([[0, 0, 0], [30, 0, 0], [0, 40, 0], [0, 0, 50], [-20, 10, -30], [30, 0, 0]], float)


# Exact geometry


def image(gantry: float, number: int, couch: np.ndarray) -> Image:
    return Image(
        name=f"{number:03d}",
        sop_instance_uid=f"2.25.{number}",
        sha256="",
        shape=(100, 120),
        load=lambda: np.zeros((100, 120), np.float32),
        spacing_mm=(0.5, 0.4),
        sid_mm=1500.0,
        sad_mm=1000.0,
        gantry_deg=gantry,
        collimator_deg=0.0,
        couch_deg=359.79,
        radiation="MV",
        machine="L",
        acquired=datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=number),
        couch_mm=(float(couch[0]), float(couch[1]), float(couch[2])),
    )


def sag(gantry: float) -> np.ndarray:
    return np.array([0.6 * np.sin(np.radians(gantry)), 0.9 * np.cos(np.radians(gantry))])


def ball(place: np.ndarray, gantry: float, number: int, couch: np.ndarray) -> BallImage:
    """Where rays of the phantoms see the ball, on an imager that sags."""
    x, y, z = (float(v) for v in place)
    seen = np.array(project(to_gantry((x, y, z), gantry), (0.0, 0.0), 1000.0).uv_mm) + sag(gantry)
    parts = {"ball in the image": np.full(2, 0.005), "receptor position": np.full(2, 0.02)}
    grey = np.zeros((2, 2), np.uint8)
    return BallImage(image(gantry, number, couch), seen, parts, 3.0, 6.0, 0.0, "ball", (), np.zeros(2), grey, (-1, 1, -1, 1))


def stops(true: np.ndarray, readout: np.ndarray, gantry: tuple[float, ...] = CROSS, places: tuple[int, ...] = (0, 1, 2, 3, 4, 1)) -> Stops:
    found = []
    for k, (moved, shown) in enumerate(zip(true, readout, strict=True)):
        seen = tuple(ball(BALL + moved, g, 10 * k + j, shown) for j, g in enumerate(gantry))
        found.append(Stop(places[k], shown, seen[0].image.acquired, seen))
    return Stops("MV", tuple(found), (), True, 0.01, 0.0)


def test_exact_rays_give_exact_moves():
    """The ball is 50 mm off, the imager sags by a millimetre, magnification changes with every move; the sag costs 1e-3 of the move."""
    found = couch_travel.travel(stops(PATH, PATH))
    assert all(found.known)
    assert found.moved_mm == pytest.approx(PATH, abs=0.06)
    u = np.sqrt(np.diag(sum(found.components.values())).reshape(-1, 3))[1:]
    assert (np.abs(found.error_mm[1:]) < 2 * u).all()


def test_exact_rays_without_sag_give_exact_moves(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(globals(), "sag", lambda gantry: np.zeros(2))
    found = couch_travel.travel(stops(PATH, PATH))
    assert found.moved_mm == pytest.approx(PATH, abs=1e-6)
    assert max(np.abs(seen.error_mm).max() for seen in found.images) < 1e-6


def test_the_noise_of_a_move_by_hand():
    """Four crossing views: x from two images against two, y from four against four."""
    found = couch_travel.travel(stops(PATH * 0.01, PATH * 0.01))
    own = 0.02**2 + 0.005**2
    parts = found.components["receptor position"] + found.components["ball in the image"]
    assert np.diag(parts)[3:6] == pytest.approx([own, own / 2, own], rel=1e-3)
    assert parts[3, 6] == pytest.approx(own / 2, rel=1e-3)  # the first stop's noise is in all of them


def test_an_affine_couch_is_found():
    lean = np.array([[1.002, 0.003, 0.0], [-0.001, 0.998, 0.002], [0.0, 0.004, 1.001]])
    found = fit(made(PATH @ lean.T, PATH))
    assert found.matrix == pytest.approx(lean, abs=1e-9)
    assert found.reasons == ("", "", "")
    assert np.abs(found.residual_mm).max() < 1e-9
    assert found.freedom == 2


def made(moved: np.ndarray, readout: np.ndarray, timed: bool = True, places: tuple[int, ...] = (0, 1, 2, 3, 4, 1)) -> Travel:
    """A travel with independent noise of 0.02 mm at every stop."""
    n = len(moved)
    shown = Stops("MV", tuple(Stop(places[k], readout[k], None) for k in range(n)), (), timed, 0.001, 0.0)
    parts = {"ball": couch_travel.shared([np.eye(3) * 0.02**2] * n, 0)}
    return Travel(shown, 0, (True,) * n, ("",) * n, moved - moved[0], readout - readout[0], parts, ())


def test_the_noise_of_a_scale_by_hand():
    """Two stops 40 mm apart: u = 0.02 sqrt(2)/40."""
    readout = np.array([[0, 0, 0], [40, 0, 0]], float)
    found = fit(made(readout, readout))
    assert found.u(0, 0)["ball"] == pytest.approx(0.02 * np.sqrt(2) / 40)
    assert [bool(reason) for reason in found.reasons] == [False, True, True]


def test_axes_moved_together_are_not_determined():
    readout = np.array([[0, 0, 0], [20, 20, 0], [40, 40, 0], [0, 0, 30]], float)
    found = fit(made(readout, readout))
    assert [("together" in reason) for reason in found.reasons] == [True, True, False]


@pytest.mark.parametrize(("gain", "words"), [(10.0, "in cm"), (0.1, "ten times too large"), (-1.0, "sign"), (0.0, "did not move")])
def test_absurd_scales_are_said(gain: float, words: str):
    (doubt,) = filter(None, fit(made(PATH * [1, gain, 1], PATH)).doubts)
    assert words in doubt
    assert "y (longitudinal)" in doubt


def test_backlash_by_hand():
    """Stop 2 comes from below along x, stop 6 from below too but after (-20, 10, -30): y falls, z rises."""
    error = np.zeros_like(PATH)
    error[5] = (0.1, 0.2, 0.3)
    found = made(PATH + error, PATH)
    assert "from both sides" in str(backlash(found, 0, "x"))
    path = np.array([[0, 0, 0], [10, 0, 0], [25, 0, 0], [10, 0, 0]], float)
    error = np.zeros_like(path)
    error[3] = (0.1, 0.0, 0.0)
    there = backlash(made(path + error, path, places=(0, 1, 2, 1)), 0, "x")
    assert not isinstance(there, str)
    assert there.value == pytest.approx(-0.1)
    assert there.budget["ball"] == pytest.approx(0.02 * np.sqrt(2))
    assert "date and time" in str(backlash(made(path, path, False, (0, 1, 2, 1)), 0, "x"))


def test_swapped_images_contradict():
    good = stops(PATH, PATH)
    first, second = good.stops[:2]
    mixed = (
        replace(first, images=(second.images[0], *first.images[1:])),
        replace(second, images=(first.images[0], *second.images[1:])),
    )
    found = couch_travel.travel(replace(good, stops=(*mixed, *good.stops[2:])))
    assert not any(found.known)
    assert "swapped" in found.doubt or "do not show one ball" in found.doubt


def test_the_step_of_readouts():
    assert couch_stops.resolution([(10.0, 20.0, -5.0)]) == 1.0
    assert couch_stops.resolution([(10.1, 20.0, -5.0)]) == pytest.approx(0.1)
    assert couch_stops.resolution([(10.123456, 20.0, -5.0)]) == pytest.approx(0.001)


# Simulated images


@cache
def day(seed: int = 1) -> Acquisition:
    return couch_rehearsal.draw(np.random.default_rng(seed)).acquisition()


def analysed(acquisition: Acquisition) -> dict[str, list[Reading]]:
    assert TEST.accepts(acquisition) == ""
    found: dict[str, list[Reading]] = {}
    for reading in TEST.analyse(acquisition).readings:
        found.setdefault(reading.quantity.key, []).append(reading)
    return found


def changed(acquisition: Acquisition, change: Callable[[Image], Image]) -> Acquisition:
    return replace(acquisition, images=tuple(change(image) for image in acquisition.images))


def test_no_readout_is_asked_for_and_not_guessed():
    silent = changed(day(), lambda image: replace(image, couch_mm=None))
    assert "export them with the couch position" in TEST.accepts(silent)
    one = replace(day(), images=(replace(day().images[0], couch_mm=None), *day().images[1:]))
    found = analysed(one)
    assert any("is not guessed" in r.reason for r in found["couch_error_u"] if isinstance(r, NotMeasured))
    assert one.images[0].name in found["couch_error_max"][0].missing


def test_one_place_is_not_enough():
    still = changed(day(), lambda image: replace(image, couch_mm=(0.0, 0.0, 0.0)))
    assert "two couch places" in TEST.accepts(still)
    assert "two couch places" in TEST.accepts(replace(day(), day=False))


def test_one_direction_measures_images_and_never_passes():
    views = tuple(image for image in day().images if min(image.gantry_deg, 360 - image.gantry_deg) < 45)
    found = analysed(replace(day(), images=views))
    assert all(isinstance(r, NotMeasured) and "two directions" in r.reason for r in found["couch_error_x"])
    assert sum(isinstance(r, Measured) for r in found["couch_error_u"]) == 4
    (largest,) = found["couch_error_max"]
    assert isinstance(largest, Measured)
    assert "single images only" in largest.missing


def test_readouts_in_cm_or_of_the_other_sign_never_pass():
    for factor, words in ((0.1, "in cm"), (-1.0, "sign")):
        scaled = changed(day(), lambda i, f=factor: replace(i, couch_mm=tuple(f * v for v in i.couch_mm or ())))
        found = analysed(scaled)
        assert words in found["couch_error_max"][0].missing
    assert found["couch_scale_y"][0].value == pytest.approx(-1.0, rel=0.1)


def test_images_without_times_have_no_sides():
    found = analysed(changed(day(), lambda image: replace(image, acquired=None)))
    assert "date and time" in found["couch_hysteresis"][0].reason
    assert isinstance(found["couch_error_max"][0], Measured)


def test_hours_between_stops_never_pass():
    images = day().images
    late = tuple(replace(i, acquired=i.acquired + timedelta(hours=5)) if k >= 8 and i.acquired else i for k, i in enumerate(images))
    assert "hours between" in analysed(replace(day(), images=late))["couch_error_max"][0].missing


def test_a_ball_that_comes_nearer_to_the_source_is_the_same_ball():
    """110 mm up and down: a ball of 10 mm looks 9 to 11 mm wide."""
    up = np.array([[0, 0, -110], [0, 0, 110]], float)
    seen = [replace(ball(BALL + move, 0.0, k, move), diameter_mm=10 * 1000 / (1000 - move[2])) for k, move in enumerate(up)]
    assert [b.diameter_mm for b in couch_stops._at_one_height(seen, np.eye(3))] == pytest.approx([10.0, 10.0])


@cache
def volumes_of_three_places() -> tuple[Volume, ...]:
    """A ball in plastic at three couch places, in CBCT volumes."""
    places = [(0.0, 0.0, 0.0), (5.0, 0.0, 0.0), (0.0, -4.0, 3.0)]
    volumes = []
    for k, (x, y, z) in enumerate(places):
        grid = Grid((40, 70, 78), (1.0, 0.55, 0.5), (0.3, -0.2, 0.1))
        scanned = scan(
            [Sphere("ball", (x - 2, y + 1, z - 1), 3.5, 5000.0)], grid, np.random.default_rng(k), Scan((0.5, 0.5), noise_hu=20.0)
        )
        when = rehearsal.WHEN + timedelta(minutes=k)
        volumes.append(rehearsal.volume(scanned, "L", couch_mm=(x + 10.01, y, z), couch_deg=0.0, acquired=when))
    return tuple(volumes)


def test_volumes_show_moves_too():
    found = analysed(rehearsal.day([], volumes_of_three_places()))
    for axis in "xyz":
        assert len(found[f"couch_error_{axis}"]) == 2
        assert all(isinstance(r, Measured) and abs(r.value) < 3 * r.u < 0.1 for r in found[f"couch_error_{axis}"])
    assert found["couch_scale_x"][0].value == pytest.approx(1.0, abs=0.02)
    assert all(SILENT_ANGLE not in r.flags for axis in "xyz" for r in found[f"couch_error_{axis}"])
    assert "projection images" in found["couch_error_u"][0].reason


def test_volumes_that_do_not_tell_the_couch_angle_are_taken_at_0_and_say_so():
    volumes = volumes_of_three_places()
    found = analysed(rehearsal.day([], [replace(volume, couch_deg=None) for volume in volumes]))
    assert all(SILENT_ANGLE in r.flags for key in ("couch_error_x", "couch_scale_y") for r in found[key] if isinstance(r, Measured))
    assert isinstance(found["couch_error_x"][0], Measured)
    mixed = (replace(volumes[0], couch_deg=10.0), replace(volumes[1], couch_deg=10.0), replace(volumes[2], couch_deg=None))
    (stops,) = couch_stops.of_day(rehearsal.day([], mixed))
    assert [(item.name, reason) for item, reason in stops.unseen] == [
        (volumes[2].name, "couch at 0.0, not 10.0 degrees: do not turn it between the scans")
    ]


def test_images_of_another_beam_are_no_stops_of_the_couch_and_that_is_said():
    """Another focal spot looks like a ball that moved."""
    taken = [
        replace(image(gantry, k, np.zeros(3)), energy="6 MV" if k < 3 else "10 MV") for k, gantry in enumerate((0.0, 90.0, 180.0, 270.0))
    ]
    kept, flags = couch_stops._of_one_beam(taken)
    assert [i.name for i in kept] == ["000", "001", "002"]
    assert flags == ("1 images of another beam (10 MV) were not used",)
    assert couch_stops._of_one_beam([]) == ([], ())


def test_a_day_of_files_is_judged_and_every_place_keeps_its_own_record(tmp_path: Path):
    TEST.rehearse(np.random.default_rng(3)).write(tmp_path)
    (tmp_path / "truth.json").unlink()
    done = session.run([tmp_path], read("tg142_monthly_couch"))
    (record,) = [record for record in done.records if record.procedure == TEST.name]
    assert {judgement.outcome for judgement in record.judgements} <= {Outcome.PASS, Outcome.INDETERMINATE}
    assert Outcome.PASS in {judgement.outcome for judgement in record.judgements}
    assert sum(record.procedure == "winston_lutz" for record in done.records) == 4


# A real couch


@pytest.mark.real
@pytest.mark.skipif("IGRTQA_REAL_DATA" not in os.environ, reason="IGRTQA_REAL_DATA names no folder of real images")
def test_a_real_couch_goes_where_its_readout_says():
    """3.0065 mm lateral and -2.9979 mm longitudinal by the tags: within U along every axis, and U at most 0.15 mm."""
    with dicom.opened([Path(os.environ["IGRTQA_REAL_DATA"]) / "couch_shift.zip"]) as batch:
        (whole,) = [acquisition for acquisition in batch.acquisitions if acquisition.day]
        found = analysed(whole)
    moves = [found[f"couch_move_{axis}"] for axis in "xyz"]
    assert [r.value for r in moves[0]] == pytest.approx([3.0065, 0.0], abs=0.05)
    assert [r.value for r in moves[1]] == pytest.approx([0.0, -2.9979], abs=0.05)
    for axis in "xyz":
        errors = found[f"couch_error_{axis}"]
        assert len(errors) == 2
        assert all(abs(r.value) <= 2 * r.u <= 0.15 for r in errors)
    for axis in "uv":
        assert sum(abs(r.value) <= 2 * r.u for r in found[f"couch_error_{axis}"]) == 8
    for axis in "xy":
        (scale,) = found[f"couch_scale_{axis}"]
        assert abs(scale.value - 1) < 2 * scale.u < 0.02
    assert "only 0.04 mm" in found["couch_scale_z"][0].reason
    assert "scale of z was not tested" in found["couch_error_max"][0].missing
