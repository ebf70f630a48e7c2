"""Winston-Lutz sets of machines whose every fault is known: each quantity against geometry worked out by hand."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from phantoms.aperture import Rectangle
from phantoms.linac import BallSetup, Linac, Shot, Wave, expose
from phantoms.panel import Panel
from qa import rehearsal
from qa.acquisition import Acquisition, Image
from qa.evidence import Curve, Overlay, Table
from qa.limit import Limit, Outcome
from qa.procedure import Analysis, load
from qa.reading import Measured, NotMeasured, QaError, Reading

pytestmark = pytest.mark.usefixtures("finders_shared")

TEST = load("winston_lutz")
MACHINE = Linac(panel=Panel("crop", 118, 134, (0.56, 0.50)), aperture=Rectangle(20.0, 21.0), noise_sigma=0.0005, noise_correlation=0.3)
BALL = BallSetup((0.5, -0.3, 0.2), 6.0)
CENTRED = BallSetup(diameter_mm=6.0)
CARDINALS = (0.0, 90.0, 180.0, 270.0)
FIVE_MICROMETRES = 0.005  # noise of 0.05 % moves one image by half a micrometre; the rest is what the algorithms may add
KEYS = {
    "ball_offset_u", "ball_offset_v", "ball_panel_u", "ball_panel_v", "max_ball_offset", "median_ball_offset",
    "ball_shift_x", "ball_shift_y", "ball_shift_z", "collimator_walkout", "couch_walkout", "collimator_axis_offset", "couch_axis_offset",
    "isocenter_size_gantry", "isocenter_size_collimator", "isocenter_size_couch", "isocenter_size_all",
}  # fmt: skip


def acquisition(machine: Linac, ball: BallSetup, shots: Sequence[Shot]) -> Acquisition:
    return rehearsal.acquisition(expose(machine, ball, list(shots), np.random.default_rng(1)))


@cache
def analysed(machine: Linac, ball: BallSetup, shots: tuple[Shot, ...]) -> Analysis:
    return TEST.analyse(acquisition(machine, ball, shots))


def gantry(angles: Sequence[float] = CARDINALS, collimator: float = 0.0, couch: float = 0.0) -> tuple[Shot, ...]:
    return tuple(Shot(g, collimator, couch) for g in angles)


def collimator(angles: Sequence[float] = (90.0, 180.0, 270.0), at: float = 0.0) -> tuple[Shot, ...]:
    return tuple(Shot(at, c, 0.0) for c in angles)


def couch(angles: Sequence[float] = (90.0, 270.0), at: float = 0.0) -> tuple[Shot, ...]:
    return tuple(Shot(at, 0.0, f) for f in angles)


def readings(found: Analysis, key: str) -> list[Reading]:
    return [reading for reading in found.readings if reading.quantity.key == key]


def value(found: Analysis, key: str) -> float:
    (reading,) = readings(found, key)
    assert isinstance(reading, Measured), reading
    return reading.value


def assert_values(found: Analysis, **expected: float) -> None:
    assert {key: value(found, key) for key in expected} == pytest.approx(expected, abs=FIVE_MICROMETRES)


def test_the_keys_that_other_programs_read_stay():
    assert {quantity.key for quantity in TEST.quantities} >= KEYS
    assert all(quantity.unit == "mm" and "winston_lutz.md, section" in quantity.source for quantity in TEST.quantities)


# One image


def test_ball_minus_field_is_the_projected_ball_whatever_the_panel_does():
    """u = (x cos g - z sin g) SAD/(SAD - zg), v = y SAD/(SAD - zg), zg = x sin g + z cos g; a shifted panel moves both alike."""
    machine = replace(MACHINE, panel_u_mm=Wave(0.8), panel_v_mm=Wave(-0.5), receptor_mm=(2.0, -1.0))
    found = analysed(machine, BALL, gantry((0.0, 50.0, 180.0, 270.0)))
    x, y, z = BALL.position_mm
    for along, across in zip(readings(found, "ball_offset_u"), readings(found, "ball_offset_v"), strict=True):
        g = np.radians(along.at["gantry_deg"])
        larger = 1000 / (1000 - (x * np.sin(g) + z * np.cos(g)))
        assert along.value == pytest.approx((x * np.cos(g) - z * np.sin(g)) * larger, abs=FIVE_MICROMETRES)
        assert across.value == pytest.approx(y * larger, abs=FIVE_MICROMETRES)


def test_ball_and_field_against_the_panel_and_the_imagers_origin():
    """A receptor 3 mm to u sees the field 3 mm / 1.5 to the other side of its centre pixel; the file says so, and the origin stays."""
    found = analysed(replace(MACHINE, receptor_mm=(3.0, -1.5)), BALL, gantry((0.0,)))
    assert_values(found, ball_panel_u=0.5 - 2.0, ball_panel_v=-0.3 + 1.0, panel_offset_u=0.0, panel_offset_v=0.0)
    unknown_to_it = analysed(replace(MACHINE, panel_u_mm=Wave(0.6), panel_v_mm=Wave(-0.9)), BALL, gantry((0.0,)))
    assert_values(unknown_to_it, panel_offset_u=-0.4, panel_offset_v=0.6, max_panel_offset=np.hypot(0.4, 0.6))


def test_a_file_that_is_silent_about_the_receptor_says_so_beside_every_number_that_needs_it():
    images = acquisition(MACHINE, BALL, gantry((0.0,)))
    silent = TEST.analyse(replace(images, images=tuple(replace(image, receptor_mm=None) for image in images.images)))
    for key in ("panel_offset_u", "panel_offset_v", "max_panel_offset"):
        (reading,) = readings(silent, key)
        assert isinstance(reading, NotMeasured) or any("receptor" in flag for flag in reading.flags), key


def test_largest_and_median_distance_by_hand():
    """The ball 0.6 mm to x and 0.2 up: 0.6 at gantry 0 and 180, 0.2 at 90 and 270."""
    found = analysed(MACHINE, BallSetup((0.6, 0.0, 0.2), 6.0), gantry())
    assert_values(found, max_ball_offset=0.6, median_ball_offset=0.4)


@pytest.mark.parametrize(("flip_u", "flip_v"), [(True, False), (False, True), (True, True)])
def test_an_image_stored_the_other_way_round_gives_the_same_numbers(flip_u, flip_v):
    def flipped(image: Image) -> Image:
        pixels = image.pixels[:: -1 if flip_v else 1, :: -1 if flip_u else 1].copy()
        return replace(image, load=pixels.copy, column_u=-1 if flip_u else 1, row_v=1 if flip_v else -1)

    images = acquisition(MACHINE, BALL, gantry((50.0,)))
    plain, turned = TEST.analyse(images), TEST.analyse(replace(images, images=tuple(map(flipped, images.images))))
    for key in ("ball_offset_u", "ball_offset_v", "ball_panel_u", "ball_panel_v", "panel_offset_u", "panel_offset_v"):
        assert value(turned, key) == pytest.approx(value(plain, key), abs=0.002)


@pytest.mark.parametrize("sid", [1400.0, 1800.0])
def test_the_distance_of_the_panel_does_not_matter(sid):
    found = analysed(replace(MACHINE, sid_mm=sid), BALL, gantry((0.0,)))
    assert_values(found, ball_offset_u=0.5 * 1000 / 999.8, ball_offset_v=-0.3 * 1000 / 999.8)


# Isocentre


@pytest.mark.parametrize(
    "shots",
    [
        gantry(),
        gantry((0.0, 90.0, 180.0, 359.99, 270.0)),
        gantry(collimator=90.0),
        gantry(collimator=33.3),
        gantry((359.9999995, 89.98, 180.01, 269.99)),
        gantry((15.0, 75.0, 160.0, 255.0, 310.0), collimator=359.99),
        (*gantry((0.0, 180.0), couch=359.79), *gantry((90.0, 270.0), couch=0.2)),
    ],
    ids=["cardinals", "0 twice", "collimator 90", "collimator 33.3", "readouts", "oblique", "couch readouts"],
)
def test_the_ball_is_sent_to_the_isocentre_of_a_perfect_machine(shots):
    """The move is the ball's place with the sign turned, at any reference angle, least squares or smallest sphere."""
    found = analysed(MACHINE, BALL, shots)
    x, y, z = BALL.position_mm
    assert_values(found, ball_shift_x=-x, ball_shift_y=-y, ball_shift_z=-z, ball_shift_length=np.hypot(x, np.hypot(y, z)))
    assert_values(found, ball_shift_ls_x=-x, ball_shift_ls_y=-y, ball_shift_ls_z=-z, isocenter_size_gantry=0.0)


def test_a_couch_that_reads_359_79_is_not_another_couch_angle():
    """A ball 10 mm off turns by 0.037 mm with 0.21 degrees of the couch: the readout is used as it is, not rounded to the same place."""
    far = BallSetup((9.0, 4.0, -3.0), 6.0)
    machine = replace(MACHINE, aperture=Rectangle(40.0, 41.0), panel=Panel("crop", 178, 196, (0.56, 0.50)))
    found = analysed(machine, far, gantry(couch=359.79))
    a = np.radians(-0.21)
    carried = np.array([9.0 * np.cos(a) - 4.0 * np.sin(a), 9.0 * np.sin(a) + 4.0 * np.cos(a), -3.0])
    shift = np.array([value(found, f"ball_shift_{axis}") for axis in "xyz"])
    assert np.abs(shift + carried).max() < FIVE_MICROMETRES  # in the room, at the couch's readout


def test_beams_that_pass_on_one_side_make_a_sphere_and_sag_along_the_gantry_moves_it():
    """0.4 mm to u at every angle: 0.8 mm of diameter about the gantry's axis; 0.3 mm to v: the isocentre is 0.3 mm nearer to it."""
    found = analysed(replace(MACHINE, head_u_mm=Wave(0.4), head_v_mm=Wave(0.3)), BALL, gantry())
    assert_values(found, isocenter_size_gantry=0.8, ball_shift_x=-0.5, ball_shift_y=0.3 + 0.3, ball_shift_z=-0.2)


def test_a_head_that_sags_over_the_turn_moves_in_v_and_makes_a_sphere_of_that_height():
    """v = 0.25 cos(gantry): beams from above 0.25 towards the gantry, from below 0.25 away from it."""
    found = analysed(replace(MACHINE, head_v_mm=Wave(cos=0.25)), BALL, gantry())
    assert_values(found, isocenter_size_gantry=0.5, ball_shift_y=0.3)


def test_a_head_that_follows_the_gantry_only_moves_the_isocentre():
    """u = a cos g - b sin g is the projection of (a, 0, b)."""
    found = analysed(replace(MACHINE, head_u_mm=Wave(cos=0.3, sin=-0.2)), BALL, gantry())
    assert_values(found, isocenter_size_gantry=0.0, ball_shift_x=0.3 - 0.5, ball_shift_y=0.3, ball_shift_z=0.2 - 0.2)


# Collimator and couch


def test_a_collimators_circle_and_axis_by_hand():
    """The field runs at 0.3 mm about an axis at (0.2, -0.1), so the beams at collimator 0 pass 0.5 mm on one side: T is at (0, -0.1, 0)."""
    machine = replace(MACHINE, collimator_walkout_mm=0.3, collimator_axis_mm=(0.2, -0.1))
    found = analysed(machine, CENTRED, (*gantry(), *collimator()))
    assert_values(found, collimator_walkout=0.3, isocenter_size_collimator=0.6, isocenter_size_gantry=1.0, collimator_axis_offset=0.2)


def test_a_collimators_axis_is_the_same_with_the_ball_off_and_the_gantry_elsewhere():
    machine = replace(MACHINE, collimator_walkout_mm=0.25)
    found = analysed(machine, BALL, (*gantry(), *collimator((80.0, 200.0, 290.0), at=90.0)))
    assert_values(found, collimator_walkout=0.25)


def test_a_perfect_couch_with_the_ball_one_millimetre_off_does_not_walk():
    found = analysed(MACHINE, BallSetup((0.8, -0.6, 0.1), 6.0), (*gantry(), *collimator(), *couch()))
    assert_values(found, couch_walkout=0.0, couch_axis_offset=0.0, isocenter_size_couch=0.0, isocenter_size_all=0.0)


@pytest.mark.parametrize("ball", [CENTRED, BALL], ids=["ball centred", "ball off"])
@pytest.mark.parametrize("at", [0.0, 180.0], ids=["from above", "from below"])
def test_a_couchs_axis_by_hand(ball, at):
    """The axis at (0.4, -0.3) is 0.5 mm from T; turned by quarters, T runs through two ends of a diameter of that circle."""
    found = analysed(replace(MACHINE, couch_axis_mm=(0.4, -0.3)), ball, (*gantry(), *collimator(), *couch(at=at)))
    assert_values(found, couch_walkout=0.5, couch_axis_offset=0.5, isocenter_size_couch=1.0, isocenter_size_all=1.0)


def test_a_couch_that_wobbles_walks_even_about_its_own_axis():
    """The wobble is (-2 w, 0) at 90 and 270, nothing at 0 and 180: on quarters its mean (-w, 0) is the centre, and +-w is left over."""
    found = analysed(replace(MACHINE, couch_walkout_mm=0.2), BALL, (*gantry(), *couch((90.0, 180.0, 270.0))))
    assert_values(found, couch_walkout=0.2)


# What is missing


@pytest.mark.parametrize(
    ("shots", "keys", "words"),
    [
        (gantry((0.0, 90.0, 180.0)), ("ball_shift_x", "ball_shift_ls_z"), ("4 gantry", "0, 90, 180", "270")),
        (gantry((0.0, 90.0, 180.0)), ("isocenter_size_gantry", "isocenter_size_all"), ("4 gantry", "0, 90, 180", "270")),
        (gantry((0.0, 20.0, 40.0, 60.0)), ("ball_shift_y", "isocenter_size_gantry"), ("no gap", "120")),
        (gantry(), ("isocenter_size_collimator", "collimator_walkout", "collimator_axis_offset"), ("3 collimator", "measured: 0")),
        (gantry(), ("isocenter_size_all",), ("collimator", "couch")),
        ((*gantry(), *collimator((90.0,))), ("isocenter_size_collimator", "collimator_walkout"), ("3 collimator", "0, 90")),
        (gantry(), ("isocenter_size_couch", "couch_walkout", "couch_axis_offset"), ("3 couch", "gantry at 0 or 180", "measured: 0")),
        ((*gantry(), *couch((90.0, 270.0), at=90.0)), ("couch_walkout",), ("3 couch", "gantry at 0 or 180")),
        ((Shot(), *collimator()), ("collimator_axis_offset",), ("isocentre", "4 gantry")),
        ((Shot(),), ("ball_shift_x", "isocenter_size_couch"), ("measured: 0",)),
    ],
)  # fmt: skip
def test_what_was_not_turned_is_not_measured_and_the_reason_says_what_to_expose(shots, keys, words):
    """The size of "all" axes is not that of the gantry's alone: it would be the smaller, and pass where nobody looked."""
    found = analysed(MACHINE, BALL, tuple(shots))
    for key in keys:
        (reading,) = readings(found, key)
        assert isinstance(reading, NotMeasured), f"{key} is {reading}"
        assert all(word in reading.reason for word in words), reading.reason


def test_every_quantity_is_answered_whatever_the_images_cover():
    for shots in (gantry(), (Shot(),), couch((0.0, 90.0, 270.0))):
        found = analysed(MACHINE, BALL, shots)
        assert {reading.quantity.key for reading in found.readings} == {quantity.key for quantity in TEST.quantities}


def test_kilovoltage_images_do_not_belong_here():
    images = acquisition(MACHINE, BALL, (Shot(),))
    assert TEST.accepts(images) == ""
    assert "kV" in TEST.accepts(replace(images, radiation="kV"))


# One bad image


def broken(images: Acquisition, index: int, pixels: np.ndarray) -> Acquisition:
    kept = list(images.images)
    kept[index] = replace(kept[index], name="the-bad-one.dcm", load=pixels.astype(np.float32).copy)
    return replace(images, images=tuple(kept))


LIMIT = Limit("a", "winston_lutz", "max_ball_offset", "mm", 5.0, None, "absolute", ("srs",), "daily", "test", False)


def test_one_bad_image_among_many_is_named_and_nothing_that_lacks_it_passes():
    images = acquisition(MACHINE, BALL, (*gantry((0.0, 45.0, 90.0, 180.0, 270.0)), *collimator(), *couch()))
    found = TEST.analyse(broken(images, 1, np.zeros(images.images[1].shape)))
    for key in ("ball_offset_u", "ball_panel_v", "panel_offset_u"):
        lost = [r for r in readings(found, key) if isinstance(r, NotMeasured)]
        assert len(readings(found, key)) == len(images.images)
        assert [r.at["gantry_deg"] for r in lost] == [45.0]
        assert "the-bad-one.dcm" in lost[0].reason
        assert "blank" in lost[0].reason
    whole = [r for r in found.readings if isinstance(r, Measured) and "sop_instance_uid" not in r.at]
    assert {r.quantity.key for r in whole} >= {key for key in KEYS if not key.endswith(("_u", "_v"))}
    assert all("the-bad-one.dcm" in r.missing for r in whole), [r.quantity.key for r in whole if "the-bad-one.dcm" not in r.missing]
    outcome, reason = LIMIT.judge(readings(found, "max_ball_offset")[0], 2.0)
    assert (outcome, "the-bad-one.dcm" in reason) == (Outcome.NOT_MEASURED, True)
    x, y, z = BALL.position_mm
    assert_values(found, ball_shift_x=-x, ball_shift_y=-y, ball_shift_z=-z, isocenter_size_all=0.0)


def test_a_bad_image_that_leaves_too_few_takes_its_axis_with_it():
    images = acquisition(MACHINE, BALL, (*gantry(), *collimator()))
    found = TEST.analyse(broken(images, 3, np.full(images.images[3].shape, 7.0)))
    (shift,), (walkout,) = readings(found, "ball_shift_x"), readings(found, "collimator_walkout")
    assert isinstance(shift, NotMeasured)
    assert "near gantry 270" in shift.reason
    assert isinstance(walkout, Measured)


def test_pixels_that_cannot_be_read_are_one_bad_image_too():
    def gone() -> np.ndarray:
        from qa.reading import DicomError

        raise DicomError("the file is gone: copy it again")

    images = acquisition(MACHINE, BALL, gantry())
    found = TEST.analyse(replace(images, images=(replace(images.images[0], load=gone), *images.images[1:])))
    lost = [r for r in readings(found, "ball_offset_u") if isinstance(r, NotMeasured)]
    assert len(lost) == 1
    assert "the file is gone" in lost[0].reason


def test_no_good_image_leaves_no_number_at_all():
    images = acquisition(MACHINE, BALL, gantry())
    blank = replace(images, images=tuple(replace(image, load=lambda: np.zeros((118, 134), np.float32)) for image in images.images))
    found = TEST.analyse(blank)
    assert not [r for r in found.readings if isinstance(r, Measured)]
    assert {r.quantity.key for r in found.readings} == {quantity.key for quantity in TEST.quantities}
    assert all("blank" in r.reason for r in found.readings if isinstance(r, NotMeasured))


# What is shown


def test_every_image_is_shown_and_the_pictures_hold_what_was_found():
    found = analysed(MACHINE, BALL, (*gantry(), *collimator(), *couch()))
    pictures = [e for e in found.evidence if isinstance(e, Overlay)]
    assert len(pictures) == 9
    for picture, u, v in zip(pictures, readings(found, "ball_panel_u"), readings(found, "ball_panel_v"), strict=True):
        (centre,) = [m.points_mm[0] for m in picture.marks if m.name == "ball centre"]
        assert centre == pytest.approx((u.value, v.value), abs=1e-9)
        left, right, bottom, top = picture.extent_mm
        rows, columns = picture.grey.shape
        column, row = (centre[0] - left) / (right - left) * columns - 0.5, (top - centre[1]) / (top - bottom) * rows - 0.5
        here = picture.grey[round(row), round(column)]
        assert here < picture.grey[round(row), round(column) - 12] > 100, "the ball's centre is darker than the open field beside it"
    assert any(isinstance(e, Curve) for e in found.evidence)
    assert any(isinstance(e, Table) for e in found.evidence)


def test_a_quantity_that_does_not_exist_is_refused():
    with pytest.raises(QaError, match="measures no quantity 'ball_shift_w'"):
        TEST.quantity("ball_shift_w")
