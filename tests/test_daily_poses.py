"""The daily check with a certified cube of five balls: its pose in two CBCTs that were set by hand, and phantoms that do not fit."""

from dataclasses import replace
from datetime import date, timedelta
from functools import cache
from itertools import product

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from phantoms.aperture import Rectangle
from phantoms.kv import KvImager, kv_system
from phantoms.linac import BallSetup, Linac, Shot, expose
from phantoms.panel import Panel
from phantoms.volume import Grid, Scan, Sphere, scan
from phantoms.volume_phantoms import ball_cube
from qa import procedure, protocol, rehearsal
from qa.acquisition import Acquisition, Volume
from qa.ball_phantom_rehearsal import certificate, scanned
from qa.ball_position import SCALE
from qa.certificate import Ball, Body, Certificate, Mark
from qa.limit import Outcome
from qa.reading import Measured, NotMeasured, Reading
from qa.shots import RECEPTOR_MM

pytestmark = pytest.mark.usefixtures("finders_shared")

TEST = procedure.load("daily_igrt")
PLACES = np.array([(0.0, 0.0, 0.0), (11.0, 12.0, -10.0), (-17.0, -17.0, -16.0), (14.0, -10.0, 13.0), (-13.0, 17.0, 14.0)])
MARK = np.array([14.0, 12.0, 10.0])
U = (0.01, 0.01, 0.01)
PAPER = Certificate(
    "five-ball cube",
    "7",
    date(2000, 1, 1),
    date(2100, 1, 1),
    "nobody",
    tuple(Ball(f"ball {k}", *place, 6.0, U) for k, place in enumerate(PLACES.tolist(), 1)),
    Body("cube", (60.0, 60.0, 60.0)),
    (Mark("corner", *MARK.tolist(), (0.05, 0.05, 0.05)),),
)


def turn(pitch: float, roll: float, yaw: float) -> np.ndarray:
    return np.asarray(Rotation.from_euler("ZXY", [yaw, pitch, roll], degrees=True).as_matrix())


def size(rotation: np.ndarray) -> float:
    return float(np.degrees(Rotation.from_matrix(rotation).magnitude()))


SET_UP = np.array([0.4, -0.3, 0.6])  # where the mark is, from the isocentre
R1 = turn(0.8, -0.6, 1.1)
B1 = SET_UP - R1 @ MARK  # the first ball is at the phantom's origin
YAW = -1.0
TOLD_TURN = turn(0.0, 0.0, YAW)
READ = np.array([13.7, 12.4, 9.5])  # what the readouts change by, along the couch's own axes
TOLD = TOLD_TURN @ READ
WENT_TURN, WENT = turn(0.12, -0.1, YAW + 0.2), np.add(TOLD, (0.1, -0.07, 0.05))
R2, B2 = WENT_TURN @ R1, WENT_TURN @ B1 + WENT


@cache
def cbct(after: bool, balls: tuple[int, ...] = (0, 1, 2, 3, 4), mirrored: bool = False, off_mm: float = 0.0) -> Volume:
    """``off_mm``: the second ball that much from where the certificate says."""
    rotation, centre = (R2, B2) if after else (R1, B1)
    places = PLACES + off_mm * np.array([[0], [1], [0], [0], [0]])
    if mirrored:
        places = places * (-1.0, 1.0, 1.0)
    chosen = [tuple(place) for place in places[list(balls)].tolist()]
    drawn = ball_cube(tuple(centre.tolist()), rotation, balls_mm=chosen, diameters_mm=6.0, side_mm=0.0)
    return volume(drawn.solids, after)


def volume(solids, after: bool) -> Volume:
    grid = Grid((58, 66, 74), (1.3, 1.15, 1.05), (-6.0, -5.0, -4.0))
    taken = scan(solids, grid, np.random.default_rng(7 + after), Scan((0.6, 0.6), 120.0, 20.0))
    at = np.array([100.0, 200.0, -50.0]) + after * READ
    one = rehearsal.volume(taken, "small", couch_mm=tuple(at.tolist()), couch_deg=(after * YAW) % 360)
    when = rehearsal.WHEN + timedelta(minutes=5 * after)
    tags = {"TableTopPitchAngle": "0", "TableTopRollAngle": "0"}
    return replace(one, acquired=when, series_instance_uid=f"1.2.{int(after)}", tags=tags)


def morning(first: Volume, last: Volume, paper: Certificate = PAPER, images=()) -> Acquisition:
    return replace(rehearsal.day(images, [first, last]), certificate=paper)


@cache
def found() -> tuple[Reading, ...]:
    return read(morning(cbct(False), cbct(True)))


def read(day: Acquisition) -> tuple[Reading, ...]:
    assert TEST.accepts(day) == ""
    return TEST.analyse(day).readings


def numbers(readings: tuple[Reading, ...], key: str) -> np.ndarray:
    chosen = {r.quantity.key: r for r in readings if r.at.get("part") == "CBCT"}
    three = [chosen[f"daily_{key}_{axis}"] for axis in "xyz"]
    assert all(isinstance(r, Measured) for r in three), [r.reason for r in three if isinstance(r, NotMeasured)]
    return np.array([r.value for r in three if isinstance(r, Measured)])


def reason(readings: tuple[Reading, ...], key: str, part: str = "CBCT") -> str:
    (one,) = [r for r in readings if r.quantity.key == f"daily_{key}" and r.at.get("part", part) == part]
    assert isinstance(one, NotMeasured), one
    return one.reason


@pytest.mark.parametrize(
    ("key", "true"), [("setup", SET_UP), ("match", TOLD_TURN @ B1 + TOLD), ("couch", B2 - TOLD_TURN @ B1 - TOLD), ("residual", B2)]
)
def test_every_link_is_what_was_set(key, true):
    assert np.abs(numbers(found(), key) - true).max() < 0.05


@pytest.mark.parametrize(
    ("key", "rotation"), [("setup", R1), ("match", TOLD_TURN @ R1), ("couch", WENT_TURN @ TOLD_TURN.T), ("residual", R2)]
)
def test_every_turn_is_what_was_set(key, rotation):
    (one,) = [r for r in found() if r.quantity.key == f"daily_{key}_turn"]
    assert isinstance(one, Measured)
    assert one.value == pytest.approx(size(rotation), abs=0.1)
    assert abs(one.value - size(rotation)) < 4 * one.u


def test_the_marks_uncertainty_and_the_pose_are_in_the_set_up():
    (one,) = [r for r in found() if r.quantity.key == "daily_setup_x"]
    assert isinstance(one, Measured)
    assert one.budget["certificate: mark"] == pytest.approx(0.05, rel=0.01)
    assert one.budget["certificate"] > 0.004  # five balls of 0.01 mm each, and the mark far from their middle
    assert not any("no mark" in flag or "no certificate" in flag for flag in one.flags)


def test_without_a_mark_the_target_counts_and_that_is_said():
    readings = read(morning(cbct(False), cbct(True), replace(PAPER, marks=())))
    assert np.abs(numbers(readings, "setup") - B1).max() < 0.05
    assert any("no mark" in flag for r in readings if isinstance(r, Measured) and r.quantity.key == "daily_setup_y" for flag in r.flags)


def test_a_target_that_is_not_seen_itself_is_where_the_others_say():
    readings = read(morning(cbct(False, (1, 2, 3, 4)), cbct(True)))
    assert np.abs(numbers(readings, "setup") - SET_UP).max() < 0.06
    assert np.abs(numbers(readings, "couch") - (B2 - TOLD_TURN @ B1 - TOLD)).max() < 0.06
    assert any("ball 1" in flag for r in readings if isinstance(r, Measured) for flag in r.flags)


@pytest.mark.parametrize(
    ("paper", "words"),
    [
        (replace(PAPER, expires=date(2000, 1, 2)), "expired"),
        (replace(PAPER, issued=date(2099, 1, 1)), "issued on"),
        (replace(PAPER, balls=PAPER.balls[:2]), "the certificate has 2"),
    ],
)
def test_a_certificate_that_does_not_count_measures_nothing(paper, words):
    readings = read(morning(cbct(False), cbct(True), paper))
    for key in ("setup_x", "match_distance", "couch_y", "residual_distance", "setup_turn", "couch_turn"):
        assert words in reason(readings, key)
    assert not any(isinstance(r, Measured) for r in readings)


@pytest.mark.parametrize(
    ("first", "words"),
    [
        (lambda: cbct(False, off_mm=0.8), "the certificate says"),
        (lambda: cbct(False, mirrored=True), "mirror image"),
        (lambda: cbct(False, (0, 3)), "are needed"),
        (lambda: volume([Sphere("ball", tuple(B1.tolist()), 3.0, 2200.0)], False), "are needed"),
        (
            lambda: volume([Sphere(f"b{k}", (9.0 * k - 20, 3.0 * k * k - 12, 4.0 - 2 * k), 3.0, 2200.0) for k in range(5)], False),
            "does not show",
        ),
    ],
)
def test_another_specimen_a_mirror_image_or_another_phantom_never_gives_a_number(first, words):
    readings = read(morning(first(), cbct(True)))
    for key in ("setup_x", "match_distance", "couch_distance", "match_turn", "setup_turn"):
        assert words in reason(readings, key)
    judged = protocol.judge(protocol.read("tg142_morning_cbct"), TEST.name, readings, None, {})
    assert not any(j.outcome is Outcome.PASS for j in judged if j.limit.quantity in ("daily_match_distance", "daily_couch_distance"))


def test_readouts_of_another_sign_never_pass():
    last = cbct(True)
    wrong = replace(last, couch_mm=(100.0 - READ[0], 200.0 + READ[1], -50.0 + READ[2]))
    readings = {r.quantity.key: r for r in read(morning(cbct(False), wrong))}
    for key in ("daily_match_distance", "daily_couch_distance"):
        one = readings[key]
        assert isinstance(one, Measured)
        assert "another sign" in one.missing


def test_a_couch_that_was_tilted_as_well_tells_the_turns_and_no_shift():
    last = replace(cbct(True), tags={"TableTopPitchAngle": "0.5", "TableTopRollAngle": "0"})
    readings = read(morning(cbct(False), last))
    assert "tilt" in reason(readings, "match_x")
    assert "tilt" in reason(readings, "couch_distance")
    (one,) = [r for r in readings if r.quantity.key == "daily_couch_turn"]
    assert isinstance(one, Measured)
    assert one.value == pytest.approx(size(WENT_TURN @ turn(0.5, 0.0, YAW).T), abs=0.1)
    assert np.abs(numbers(readings, "residual") - B2).max() < 0.05


def test_a_couch_that_tells_nothing_of_its_tilt_leaves_its_turn_unknown():
    silent = [replace(one, tags={}) for one in (cbct(False), cbct(True))]
    readings = read(morning(*silent))
    assert "no readout of pitch and roll" in reason(readings, "couch_turn")
    assert np.abs(numbers(readings, "couch") - (B2 - TOLD_TURN @ B1 - TOLD)).max() < 0.05


LINAC = Linac(name="small", panel=Panel("small", 150, 166, (0.56, 0.50)), noise_sigma=0.002)
KV = kv_system(
    LINAC, KvImager(panel=Panel("small kV", 190, 216, (0.48, 0.44)), blades_mm=(-100.0, 100.0, -100.0, 100.0), noise_sigma=0.002)
)


def setups(rotation: np.ndarray, centre: np.ndarray) -> list[BallSetup]:
    return [BallSetup(tuple((rotation @ place + centre).tolist()), 6.0) for place in PLACES]


def beam(gantry_deg: float, on: int = 0):
    """One MV image with the couch as it stood in the last CBCT, the field about the isocentre or on another ball."""
    u, v = 0.0, 0.0
    if on:
        x, y, z = R2 @ PLACES[on] + B2
        u, v = x * np.cos(np.radians(gantry_deg)) - z * np.sin(np.radians(gantry_deg)), y
    machine = replace(LINAC, aperture=Rectangle(20.0, 20.0, (float(u), float(v))))
    (taken,) = expose(machine, setups(R2, B2), [Shot(gantry_deg=gantry_deg)], np.random.default_rng(3))
    (image, *_) = rehearsal.day([taken, *expose(KV, setups(R2, B2)[:1], [Shot()], np.random.default_rng(3))], []).images
    at = np.array([100.0, 200.0, -50.0]) + READ
    return replace(image, couch_mm=tuple(at.tolist()), couch_deg=YAW % 360, acquired=rehearsal.WHEN + timedelta(minutes=8))


def with_beam(image) -> tuple[Reading, ...]:
    return read(replace(morning(cbct(False), cbct(True)), images=(image,)))


def test_the_beam_is_compared_with_the_target():
    """The CBCT's origin is the beam's isocentre here."""
    (one,) = [r for r in with_beam(beam(0.0)) if r.quantity.key == "daily_coincidence"]
    assert isinstance(one, Measured), one
    assert one.value < 0.1


def test_a_field_on_another_ball_is_not_compared():
    assert "ball 2, not ball 1" in reason(with_beam(beam(0.0, on=1)), "coincidence")


def test_kv_images_of_several_balls_are_refused_with_what_to_do():
    shots = [Shot(gantry_deg=angle) for angle in (0.0, 270.0)]
    pair = rehearsal.day(expose(KV, setups(R1, B1), shots, np.random.default_rng(2)), [])
    readings = read(replace(pair, certificate=PAPER))
    for key in ("setup_x", "match_y", "couch_distance", "residual_z", "coincidence"):
        assert "take CBCTs of it" in reason(readings, key, "kV pair")
    unknown = read(pair)  # without the certificate the balls cannot be told apart
    assert not any(isinstance(r, Measured) for r in unknown)
    assert "take CBCTs, with its certificate" in reason(unknown, "setup_x", "kV pair")


def test_cbcts_of_several_balls_without_their_certificate_are_refused_with_what_to_do():
    one = replace(PAPER, balls=PAPER.balls[:1])
    for paper in (None, one):
        readings = read(replace(rehearsal.day([], [cbct(False), cbct(True)]), certificate=paper))
        assert not any(isinstance(r, Measured) for r in readings)
        assert "needs its certificate" in reason(readings, "setup_x")


def drawn(rng: np.random.Generator) -> tuple[Acquisition, dict[str, np.ndarray]]:
    """A phantom made as well as its certificate says, scanned before and after a move by an imager that repeats as imagers do."""
    paper, made = certificate(rng)
    first, turned = rng.uniform(-1.5, 1.5, 3), turn(*rng.uniform(-2, 2, 3))
    read, yaw = rng.normal(0, 0.8, 3), float(rng.uniform(-1, 1))
    went_turn, went = turn(*rng.normal(0, 0.25, 3)) @ turn(0, 0, yaw), turn(0, 0, yaw) @ read + rng.normal(0, 0.3, 3)
    target = np.array(paper.balls[0].place_mm)
    start, scale, how = first - turned @ target, rng.normal(0, SCALE, 3), Scan((0.6, 0.6), air_hu=120.0, noise_hu=25.0)
    volumes = []
    for k, (rotation, place) in enumerate(((turned, start), (went_turn @ turned, went_turn @ start + went))):
        taken = scanned(paper, made, rotation, place + rng.normal(0, RECEPTOR_MM, 3), scale, how, rng)
        x, y, z = np.round(100 + k * read, 2).tolist()
        when = rehearsal.WHEN + k * timedelta(minutes=5)
        one = rehearsal.volume(taken, "small", couch_mm=(x, y, z), couch_deg=round(k * yaw, 2) % 360, acquired=when)
        volumes.append(replace(one, name=f"scan {k}", tags={"TableTopPitchAngle": "0", "TableTopRollAngle": "0"}))
    told = turn(0, 0, yaw) @ (first + read)
    last = went_turn @ first + went
    return morning(*volumes, paper), {"match": told, "couch": last - told, "residual": last}


def test_drawn_mornings_scatter_as_their_uncertainties_say():
    """Eight phantoms: error over u of three axes, whose root mean square is 1; 24 of them reach 1.6 once in some thousand tries."""
    pulls: dict[str, list[float]] = {"match": [], "couch": [], "residual": []}
    for seed in range(8):
        day, truth = drawn(np.random.default_rng([4, seed]))
        of_it = {r.quantity.key: r for r in read(day)}
        for key, (k, axis) in product(pulls, enumerate("xyz")):
            one = of_it[f"daily_{key}_{axis}"]
            assert isinstance(one, Measured), one
            pulls[key].append((one.value - truth[key][k]) / one.u)
    assert {key: float(np.sqrt(np.mean(np.square(values)))) < 1.6 for key, values in pulls.items()} == dict.fromkeys(pulls, True), pulls
