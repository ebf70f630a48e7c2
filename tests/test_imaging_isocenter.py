"""Imaging isocentre against treatment isocentre: signs, couch moves, sag, and everything that can be missing or wrong."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from phantoms.kv import KvImager, kv_system
from phantoms.linac import BallSetup, Exposure, Linac, Rod, Shot, Wave, expose
from phantoms.panel import Panel
from phantoms.volume import Grid, Scan, Sphere, scan
from phantoms.volume_phantoms import penta_cube
from qa import ball_position, procedure, rehearsal
from qa.acquisition import Acquisition, Calibration, Image, Volume
from qa.evidence import Curve, Overlay, Room, Table
from qa.reading import Measured, NotMeasured, Reading
from qa.rehearsal import WHEN

pytestmark = pytest.mark.usefixtures("finders_shared")

TEST = procedure.load("imaging_isocenter")
CARDINALS = (0.0, 90.0, 180.0, 270.0)
LINAC = Linac(name="small", panel=Panel("small", 118, 134, (0.56, 0.50)), noise_sigma=0.002)
BALL = BallSetup((0.5, -0.4, 0.3), 7.0, rods=(Rod(),))
K = (0.42, -0.31, 0.23)
C = (-0.5, 0.35, 0.61)


def kv(**changes: object) -> Linac:
    imager = KvImager(
        panel=Panel("small kV", 150, 176, (0.48, 0.44)), blades_mm=(-100.0, 100.0, -100.0, 100.0), isocentre_mm=K, noise_sigma=0.002
    )
    return kv_system(LINAC, replace(imager, **changes))  # type: ignore[arg-type]


def exposed(machine: Linac, gantry: tuple[float, ...], ball: BallSetup = BALL, **shot: object) -> tuple[Exposure, ...]:
    shots = [Shot(gantry_deg=angle, **shot) for angle in gantry]  # type: ignore[arg-type]
    return expose(machine, ball, shots, np.random.default_rng(5))


@pytest.fixture(scope="module")
def mv() -> tuple[Exposure, ...]:
    return exposed(LINAC, CARDINALS)


@pytest.fixture(scope="module")
def pair() -> tuple[Exposure, ...]:
    return exposed(kv(), (0.0, 270.0))


def cbct(ball: BallSetup = BALL, couch_mm: tuple[float, float, float] | None = (0.0, 0.0, 0.0), diameter_mm: float = 7.0) -> Volume:
    x, y, z = (b - c for b, c in zip(ball.position_mm, C, strict=True))
    grid = Grid((24, 80, 90), (2.0, 0.55, 0.5), (0.7, -0.4, 0.2))
    scanned = scan([Sphere("ball", (x, y, z), diameter_mm / 2, 5000.0)], grid, np.random.default_rng(6), Scan((0.5, 0.5), 120.0, 20.0))
    return rehearsal.volume(scanned, LINAC.name, couch_mm=couch_mm, couch_deg=0.0)


def read(day: Acquisition) -> dict[str, list[Reading]]:
    assert TEST.accepts(day) == ""
    found: dict[str, list[Reading]] = {}
    for reading in TEST.analyse(day).readings:
        found.setdefault(reading.quantity.key, []).append(reading)
    assert set(found) == {q.key for q in TEST.quantities}
    return found


def vector(found: dict[str, list[Reading]], key: str) -> np.ndarray:
    values = [found[f"{key}_{axis}"][0] for axis in "xyz"]
    assert all(isinstance(v, Measured) for v in values), [v.reason for v in values if isinstance(v, NotMeasured)]
    return np.array([v.value for v in values if isinstance(v, Measured)])


def spread(found: dict[str, list[Reading]], key: str) -> np.ndarray:
    return np.array([v.u for v in (found[f"{key}_{axis}"][0] for axis in "xyz") if isinstance(v, Measured)])


def reasons(found: dict[str, list[Reading]], *keys: str) -> str:
    chosen = [reading for key in keys for reading in found[key]]
    assert all(isinstance(r, NotMeasured) for r in chosen), [r.quantity.key for r in chosen if isinstance(r, Measured)]
    return " ".join(r.reason for r in chosen if isinstance(r, NotMeasured))


COINCIDENCE = ("kv_isocenter_x", "kv_isocenter_y", "kv_isocenter_z", "kv_isocenter_distance", "kv_isocenter_max_2d")


# The vector


def test_the_vector_is_imaging_minus_treatment(mv, pair):
    """The treatment isocentre is at the origin, the kV system's at K, the CBCT's at C: K - T = K, C - T = C, whatever the ball."""
    found = read(rehearsal.day([*mv, *pair], [cbct()]))
    for key, true in (("kv_isocenter", K), ("cbct_isocenter", C), ("mv_isocenter", (0.0, 0.0, 0.0)), ("treatment_ball", BALL.position_mm)):
        assert np.abs(vector(found, key) - true).max() < 0.02, key
        assert (np.abs(vector(found, key) - true) < 3 * spread(found, key)).all(), key
    (distance,) = found["kv_isocenter_distance"]
    assert isinstance(distance, Measured)
    assert distance.value == pytest.approx(np.linalg.norm(K), abs=0.02)


def test_in_its_own_coordinates_every_system_sees_the_ball_where_it_is(mv, pair):
    found = read(rehearsal.day([*mv, *pair], [cbct()]))
    for key, origin in (("kv_ball", K), ("cbct_ball", C), ("mv_ball", (0.0, 0.0, 0.0))):
        assert np.abs(vector(found, key) - np.subtract(BALL.position_mm, origin)).max() < 0.02, key


def test_offsets_of_images_are_the_vectors_projection_and_residuals_the_sag(mv):
    """A kV panel that sags by 0.3 cos g along v only: no shift explains the second harmonic, which is put in along u."""
    sag = kv(sag_u_mm=Wave(cos2=0.12), sag_v_mm=Wave(cos=0.3))
    angles = tuple(float(a) for a in range(0, 360, 45))
    found = read(rehearsal.day([*mv, *exposed(sag, angles)]))
    residual_u = [r.value for r in found["kv_residual_u"] if isinstance(r, Measured)]
    residual_v = [r.value for r in found["kv_residual_v"] if isinstance(r, Measured)]
    assert len(residual_u) == len(residual_v) == len(angles)
    g = np.radians(angles)
    assert np.abs(residual_u - 0.12 * np.cos(2 * g)).max() < 0.02
    assert np.abs(residual_v - 0.3 * np.cos(g)).max() < 0.02
    offset_u = [r.value for r in found["kv_offset_u"] if isinstance(r, Measured)]
    projected = K[0] * np.cos(g) - K[2] * np.sin(g)
    assert np.abs(offset_u - projected - 0.12 * np.cos(2 * g)).max() < 0.02
    (cardinal,) = found["kv_isocenter_cardinals"]
    assert isinstance(cardinal, Measured)


def test_two_kv_images_leave_no_residual_along_u(mv, pair):
    found = read(rehearsal.day([*mv, *pair]))
    assert "no freedom" in reasons(found, "kv_residual_u")
    assert all(isinstance(r, Measured) for r in found["kv_residual_v"])
    assert "90, 180" in reasons(found, "kv_isocenter_cardinals")


def test_the_receptors_translation_is_part_of_the_imagers_coordinates(mv, pair):
    """A panel that is elsewhere, and says so, sees the same ball at the same place."""
    moved = exposed(kv(receptor_mm=(3.0, -2.0)), (0.0, 270.0))
    one, other = (vector(read(rehearsal.day([*mv, *images])), "kv_isocenter") for images in (pair, moved))
    assert np.abs(one - other).max() < 0.01


# The couch in between


def test_a_couch_move_between_imaging_and_treatment_is_applied_and_stated(mv):
    """The couch stood 2 mm aside for the kV images: the vector is the same, and its budget has a couch."""
    aside = (1.5, -0.8, 2.0)
    found = read(rehearsal.day([*mv, *exposed(kv(), (0.0, 270.0), travel_mm=aside)]))
    assert np.abs(vector(found, "kv_isocenter") - K).max() < 0.02
    assert np.abs(vector(found, "kv_couch_move") + aside).max() < 1e-6
    (along,) = found["kv_isocenter_z"]
    assert isinstance(along, Measured)
    assert along.budget["couch readout"] > 0.02


def calibrated(matrix: np.ndarray) -> Calibration:
    """A calibration of the couch readout as its record holds it."""
    calibrates = procedure.load("couch_readout")
    elements = [a + b for a in "xyz" for b in "xyz"]
    found = []
    for k, element in enumerate(elements):
        covariance = {f"covariance_{other}": 1e-8 * (k == j) for j, other in enumerate(elements)}
        at = {"set": "MV", "couch_deg": 0.0, "from_mm": -30.0, "to_mm": 30.0, **covariance}
        found.append(Measured(calibrates.quantity(f"couch_gain_{element}"), float(matrix.flat[k]), 1e-4, at, {"x": 1e-4}))
    return Calibration(calibrates.provides, "record-1", WHEN, WHEN + timedelta(days=300), tuple(found))


def test_a_readout_that_is_off_is_corrected_where_the_protocol_says_so(mv):
    """The couch goes 0.95 mm for every mm that it reads out along y: 10 mm of it would be an isocentre 0.5 mm off."""
    day = rehearsal.day([*mv, *exposed(kv(), (0.0, 270.0), travel_mm=(0.0, -9.5, 0.0))])
    said = replace(day, images=tuple(replace(i, couch_mm=(0.0, -10.0, 0.0)) if i.radiation == "kV" else i for i in day.images))
    bare, found = read(said), read(replace(said, calibrations=(calibrated(np.diag((1.0, 0.95, 1.0))),)))
    assert vector(bare, "kv_isocenter")[1] == pytest.approx(K[1] - 0.5, abs=0.02)
    assert np.abs(vector(found, "kv_isocenter") - K).max() < 0.02
    (along,) = found["kv_isocenter_y"]
    assert any("corrected by the couch readout's calibration" in flag and "record-1" in flag for flag in along.flags)
    assert not any("corrected" in flag for flag in bare["kv_isocenter_y"][0].flags)


def test_moves_between_kv_sets_are_seen_and_held_against_the_readout(mv, pair):
    before = exposed(kv(), (0.0, 270.0), travel_mm=(0.4, -0.3, 0.9))
    day = rehearsal.day([*before, *mv, *pair])
    found = read(later(day, range(2, 8)))
    assert np.abs(vector(found, "kv_ball_move") - (-0.4, 0.3, -0.9)).max() < 0.02
    assert np.abs(vector(found, "kv_ball_move_error")).max() < 0.02
    assert "taken first" in reasons(read(day), "kv_ball_move_x", "kv_ball_move_error_z")  # all at one time: nobody knows


def later(day: Acquisition, which: range, hours: float = 0.1) -> Acquisition:
    """Some images of a day taken some hours after the others."""
    times = {k: WHEN + timedelta(hours=hours) for k in which}
    return replace(day, images=tuple(replace(i, acquired=times.get(k, i.acquired)) for k, i in enumerate(day.images)))


def test_a_readout_that_the_images_contradict_refuses_the_system(mv, pair):
    """The readout says 0.9 mm, the ball went 1.8: the ball was moved, or a readout is wrong."""
    before = exposed(kv(), (0.0, 270.0), travel_mm=(0.0, 0.0, 1.8))
    day = rehearsal.day([*before, *mv, *pair])
    wrong = tuple(replace(i, couch_mm=(0.0, 0.0, 0.9)) if k < 2 else i for k, i in enumerate(day.images))
    found = read(replace(day, images=wrong))
    assert "contradict each other by 0.9" in reasons(found, *COINCIDENCE)
    assert isinstance(found["mv_isocenter_x"][0], Measured)


def test_two_volumes_that_contradict_each_other_are_both_refused(mv):
    x, y, z = BALL.position_mm
    found = read(rehearsal.day(mv, [cbct(), replace(cbct(replace(BALL, position_mm=(x, y + 0.6, z))), series_instance_uid="2.25.1")]))
    assert "contradict each other by 0.6" in reasons(found, "cbct_isocenter_x", "cbct_isocenter_distance")


def test_a_ball_adjusted_between_two_winston_lutz_sets_gives_no_isocentre(mv, pair):
    x, y, z = BALL.position_mm
    moved = exposed(LINAC, CARDINALS, replace(BALL, position_mm=(x + 1.2, y, z)))
    found = read(rehearsal.day([*mv, *moved, *pair]))
    assert "moved in between" in reasons(found, *COINCIDENCE, "treatment_ball_x", "mv_ball_x")


def test_a_ball_bumped_between_two_kv_pairs_gives_no_position(mv, pair):
    x, y, z = BALL.position_mm
    bumped = exposed(kv(), (0.0, 270.0), replace(BALL, position_mm=(x + 0.8, y, z)))
    found = read(rehearsal.day([*mv, *pair, *bumped]))
    assert "moved in between" in reasons(found, "kv_ball_x", "kv_offset_u", *COINCIDENCE)


def test_a_ball_bumped_between_two_kv_images_of_one_direction_gives_no_offset(mv):
    x, y, z = BALL.position_mm
    two = [*exposed(kv(), (0.0,)), *exposed(kv(), (0.0,), replace(BALL, position_mm=(x + 0.8, y, z)))]
    assert "moved in between" in reasons(read(rehearsal.day([*mv, *two])), "kv_offset_u", *COINCIDENCE)


def test_images_of_two_different_places_give_no_offset_that_could_pass(mv):
    """4 mm along v between the images of one pair: another object, or a phantom that moved; no number of that pair is for a limit."""
    x, y, z = BALL.position_mm
    two = [*exposed(kv(), (0.0,)), *exposed(kv(), (270.0,), replace(BALL, position_mm=(x, y + 8.0, z)))]
    assert "one ball in one place" in reasons(read(rehearsal.day([*mv, *two])), "kv_ball_x", "kv_offset_v", *COINCIDENCE)


def test_two_images_of_balls_of_two_sizes_are_both_left_out(mv):
    two = [*exposed(kv(), (0.0,)), *exposed(kv(), (270.0,), replace(BALL, diameter_mm=8.6, rods=()))]
    assert "one phantom for all images" in reasons(read(rehearsal.day([*mv, *two])), "kv_offset_u", "kv_isocenter_x", "kv_isocenter_max_2d")


def test_undated_images_are_not_connected(mv, pair):
    day = rehearsal.day([*mv, *pair])
    found = read(replace(day, images=tuple(replace(i, acquired=None) for i in day.images)))
    assert "date and time" in reasons(found, *COINCIDENCE)
    assert isinstance(found["kv_ball_x"][0], Measured)


def test_images_hours_apart_never_pass(mv, pair):
    found = read(later(rehearsal.day([*pair, *mv]), range(2, 6), hours=14.0))
    assert all("14 hours" in r.missing for r in found["kv_isocenter_distance"] if isinstance(r, Measured))
    assert isinstance(found["kv_isocenter_distance"][0], Measured)


def test_an_image_of_something_else_is_left_out_of_its_set(mv):
    three = [*exposed(kv(), (0.0, 270.0)), *exposed(kv(), (90.0,), replace(BALL, diameter_mm=10.0, rods=()))]
    found = read(rehearsal.day([*mv, *three]))
    assert any(isinstance(r, NotMeasured) and "one phantom for all images" in r.reason for r in found["kv_offset_u"])
    assert np.abs(vector(found, "kv_isocenter") - K).max() < 0.02
    assert all(r.missing for r in found["kv_isocenter_x"] if isinstance(r, Measured))


def test_the_performers_word_counts_when_one_side_is_silent_and_not_against_readouts(mv, pair):
    day = rehearsal.day([*mv, *pair])
    silent = replace(day, images=tuple(replace(i, couch_mm=None) if i.radiation == "MV" else i for i in day.images), couch_still=True)
    assert np.abs(vector(read(silent), "kv_isocenter") - K).max() < 0.02
    moved = rehearsal.day([*mv, *pair, *exposed(kv(), (0.0, 270.0), travel_mm=(1.0, 0.0, 0.0))])
    lied = replace(moved, images=tuple(replace(i, couch_mm=None) if i.radiation == "MV" else i for i in moved.images), couch_still=True)
    assert "readouts of these images show" in reasons(read(lied), *COINCIDENCE)


def test_a_couch_without_readout_refuses_the_coincidence_unless_the_performer_speaks(mv, pair):
    day = rehearsal.day([*mv, *pair], [cbct(couch_mm=None)])
    silent = replace(day, images=tuple(replace(i, couch_mm=None) for i in day.images))
    found = read(silent)
    assert "--couch-not-moved" in reasons(found, *COINCIDENCE, "cbct_isocenter_x")
    assert np.abs(vector(found, "kv_ball") - np.subtract(BALL.position_mm, K)).max() < 0.02
    stated = read(replace(silent, couch_still=True))
    assert np.abs(vector(stated, "kv_isocenter") - K).max() < 0.02
    (along,) = stated["kv_isocenter_x"]
    assert any("performer" in flag for flag in along.flags)  # type: ignore[union-attr]


def test_the_performers_word_does_not_overrule_a_readout(mv):
    aside = exposed(kv(), (0.0, 270.0), travel_mm=(1.5, -0.8, 2.0))
    found = read(replace(rehearsal.day([*mv, *aside]), couch_still=True))
    assert np.abs(vector(found, "kv_isocenter") - K).max() < 0.02


def test_a_turned_couch_cannot_be_compared(mv):
    found = read(rehearsal.day([*mv, *exposed(kv(), (0.0, 270.0), couch_deg=90.0)]))
    assert "couch" in reasons(found, *COINCIDENCE)


# What is missing or wrong


def test_kv_without_mv_gives_the_ball_and_says_what_is_missing(pair):
    found = read(rehearsal.day(pair, [cbct()]))
    assert np.abs(vector(found, "kv_ball") - np.subtract(BALL.position_mm, K)).max() < 0.02
    assert np.abs(vector(found, "cbct_ball") - np.subtract(BALL.position_mm, C)).max() < 0.02
    assert "MV Winston-Lutz images" in reasons(found, *COINCIDENCE, "cbct_isocenter_x", "treatment_ball_x")


def test_too_few_mv_images_say_which_to_add(pair):
    found = read(rehearsal.day([*exposed(LINAC, (0.0, 90.0)), *pair]))
    assert "gantry" in reasons(found, *COINCIDENCE)


def test_one_kv_image_gives_its_offset_and_no_vector(mv):
    found = read(rehearsal.day([*mv, *exposed(kv(), (0.0,))]))
    assert "90 degrees apart" in reasons(found, "kv_isocenter_x", "kv_ball_z", "kv_isocenter_distance")
    (u,), (v,) = found["kv_offset_u"], found["kv_offset_v"]
    assert isinstance(u, Measured)
    assert isinstance(v, Measured)
    assert (u.value, v.value) == (pytest.approx(K[0], abs=0.02), pytest.approx(K[1], abs=0.02))


def test_another_ball_in_another_modality_is_noticed(mv):
    small = replace(BALL, diameter_mm=4.5, rods=())
    found = read(rehearsal.day([*mv, *exposed(kv(), (0.0, 270.0), small)], [cbct(diameter_mm=11.0)]))
    assert "one phantom" in reasons(found, *COINCIDENCE)
    assert "one phantom" in reasons(found, "cbct_isocenter_x")


def test_one_ball_is_not_asked_about_and_one_a_little_wider_is(mv, pair):
    """Blur makes the ball of the collimated fields no narrower than itself; 0.8 mm more is no other ball for sure, and worth a look."""
    words = "is it the same?"
    found = read(rehearsal.day([*mv, *pair], [cbct()]))
    for key in ("kv_isocenter_x", "cbct_isocenter_x"):
        (one,) = found[key]
        assert isinstance(one, Measured)
        assert not any(words in flag for flag in one.flags), one.flags
    wider = replace(BALL, diameter_mm=7.8)
    (other,) = read(rehearsal.day([*mv, *exposed(kv(), (0.0, 270.0), wider)]))["kv_isocenter_x"]
    assert isinstance(other, Measured)
    assert any(words in flag for flag in other.flags)


def test_a_kv_image_without_a_ball_is_named_and_what_lacks_it_says_so(mv):
    images = exposed(kv(), (0.0, 90.0, 270.0))
    day = rehearsal.day([*mv, *images])
    blank = replace(day.images[4], name="the blank one", load=lambda: np.full(day.images[4].shape, 9.0, np.float32))
    found = read(replace(day, images=(*day.images[:4], blank, *day.images[5:])))
    assert any(isinstance(r, NotMeasured) and "the blank one" in r.reason for r in found["kv_offset_u"])
    assert all("the blank one" in r.missing for r in found["kv_isocenter_x"] if isinstance(r, Measured))
    assert all(r.missing == "" for r in found["mv_isocenter_x"] if isinstance(r, Measured))


def test_a_volume_whose_ball_is_cut_or_outside_is_named(mv, pair):
    day = rehearsal.day([*mv, *pair], [replace(cbct(), name="the short scan")])
    volume = day.volumes[0]
    short = replace(volume, shape=(10, *volume.shape[1:]), load=lambda: np.array(volume.voxels[:10]))
    found = read(replace(day, volumes=(short,)))
    assert "the short scan" in reasons(found, "cbct_ball_x", "cbct_isocenter_x")
    assert np.abs(vector(found, "kv_isocenter") - K).max() < 0.02


def test_a_cube_phantom_serves_for_the_position(mv):
    """Where there is no ball; the treatment isocentre was taken with a ball, so the two are not compared."""
    centre = (1.0, -2.0, 0.5)
    phantom = penta_cube(centre, side_mm=100.0)
    scanned = scan(phantom.solids, Grid((62, 130, 130), (2.0, 1.0, 1.0)), np.random.default_rng(1), Scan(noise_hu=20.0))
    volume = rehearsal.volume(scanned, LINAC.name, couch_mm=(0.0, 0.0, 0.0), couch_deg=0.0)
    found = read(rehearsal.day(mv, [volume]))
    assert np.abs(vector(found, "cbct_ball") - centre).max() < 0.05
    assert any("cube" in flag for r in found["cbct_ball_x"] if isinstance(r, Measured) for flag in r.flags)
    assert "one phantom" in reasons(found, "cbct_isocenter_x")


def test_a_volume_without_its_own_origin_has_no_isocentre(mv):
    volume = cbct()
    x, y, z = volume.origin_mm
    found = read(rehearsal.day(mv, [replace(volume, origin_mm=(x + 200.0, y, z))]))
    assert "origin lies outside" in reasons(found, "cbct_isocenter_x", "cbct_isocenter_distance")
    assert isinstance(found["cbct_ball_x"][0], Measured)


def test_a_set_of_mv_images_alone_is_not_for_this_test(mv):
    assert "kV images or a CBCT" in TEST.accepts(rehearsal.acquisition(mv))


# Recognition and evidence


def test_what_each_file_is_comes_from_its_tags_and_is_shown(mv, pair):
    day = rehearsal.day([*mv, *pair], [cbct()])
    tagged = tuple(_tagged(image) for image in day.images)
    (table,) = [e for e in TEST.analyse(replace(day, images=tagged)).evidence if isinstance(e, Table)]
    kinds = {row[0]: (row[1], row[2]) for row in table.rows}
    assert kinds["misleading_MV.dcm"] == ("kV", "KVP 100")
    assert kinds["simulated CBCT"][0] == "CBCT"
    assert len(table.rows) == 7


def _tagged(image: Image) -> Image:
    return replace(image, name="misleading_MV.dcm", tags={"ExposureSequence.KVP": "100"}) if image.radiation == "kV" else image


def test_the_vectors_are_shown_in_the_room_and_every_system_in_pictures(mv, pair):
    evidence = TEST.analyse(rehearsal.day([*mv, *pair], [cbct()])).evidence
    (room,) = [e for e in evidence if isinstance(e, Room)]
    tips = {arrow.quantity_keys[0]: arrow.tip_mm for arrow in room.vectors}
    assert tips["kv_isocenter_distance"] == pytest.approx(K, abs=0.02)
    assert tips["cbct_isocenter_distance"] == pytest.approx(C, abs=0.02)
    assert {e.title.split()[0] for e in evidence if isinstance(e, Overlay)} == {"kV", "MV", "CBCT"}
    assert any("flexmap" in e.title for e in evidence if isinstance(e, Curve))


def test_rays_that_hardly_cross_fix_no_position():
    """Sine of the crossing angle below one half: the position along the beam would be a guess."""
    assert isinstance(ball_position.from_images([]), str)


@pytest.mark.parametrize("position", ["HFS", "HFP", "FFS", "FFP"])
def test_the_cbct_vector_is_the_same_however_the_phantom_was_declared_to_lie(mv, position):
    x, y, z = (b - c for b, c in zip(BALL.position_mm, C, strict=True))
    grid = Grid((24, 80, 90), (2.0, 0.55, 0.5), (0.7, -0.4, 0.2), patient_position=position, decreasing=position == "FFS")
    scanned = scan([Sphere("ball", (x, y, z), 3.5, 5000.0)], grid, np.random.default_rng(6), Scan((0.5, 0.5), 120.0, 20.0))
    volume = rehearsal.volume(scanned, LINAC.name, couch_mm=(0.0, 0.0, 0.0), couch_deg=0.0)
    assert np.abs(vector(read(rehearsal.day(mv, [volume])), "cbct_isocenter") - C).max() < 0.02
