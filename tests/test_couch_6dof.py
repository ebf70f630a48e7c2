"""The couch in six degrees of freedom: a cube of balls drawn at known poses, and what can be wrong with scans, readouts, certificates."""

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from phantoms.solids import Sphere
from phantoms.volume import Grid, Scan, scan
from phantoms.volume_phantoms import ball_cube
from qa import procedure, protocol, rehearsal, session
from qa.certificate import Ball, Body, Certificate
from qa.limit import Outcome
from qa.reading import Measured, NotMeasured
from qa.store import Store

pytestmark = pytest.mark.usefixtures("finders_shared")

TEST = procedure.load("couch_6dof")
PLACES = ((0.0, 0.0, 0.0), (13.0, 6.0, -14.0), (-6.0, -12.0, -9.0), (14.0, -12.0, 13.0), (-12.0, 14.0, 10.0))
GRID = Grid((45, 52, 59), (1.3, 1.1, 1.0))
HOW = Scan((0.55, 0.5), noise_hu=20.0)
AXES = ("x", "y", "z", "pitch", "roll", "yaw")
HERE = (12.0, 1300.0, -80.0)
SHIFT = (5.5, -6.0, 5.2)


def turn(pitch, roll, yaw):
    return Rotation.from_euler("ZXY", [yaw, pitch, roll], degrees=True).as_matrix()


def certified(places=PLACES, serial="0815", diameter=6.0, u=0.02):
    start = rehearsal.WHEN.date()
    balls = tuple(Ball(name, *place, diameter, (u, u, u)) for name, place in zip("ABCDE", places, strict=False))
    return Certificate(
        "5-ball cube", serial, start - timedelta(days=30), start + timedelta(days=30), "test", balls, Body("cube", (40.0,) * 3)
    )


def drawn(place=(0.4, -0.3, 0.2), rotation=None, places=PLACES, more=(), seed=1, side_mm=40.0, diameter=6.0):
    phantom = ball_cube(place, np.eye(3) if rotation is None else rotation, balls_mm=places, diameters_mm=diameter, side_mm=side_mm)
    how = replace(HOW, air_hu=120.0) if not side_mm else HOW
    return scan([*phantom.solids, *more], GRID, np.random.default_rng(seed), how)


def volume(scanned, k, couch_mm=HERE, yaw=0.0, tilt=(0.0, 0.0)):
    tags = {} if tilt is None else {"TableTopPitchAngle": f"{tilt[0]}", "TableTopRollAngle": f"{tilt[1]}"}
    acquired = rehearsal.WHEN + k * timedelta(minutes=4)
    made = rehearsal.volume(scanned, "LINAC", couch_mm=couch_mm, couch_deg=yaw, acquired=acquired)
    return replace(made, name=f"scan {k}", tags=tags)


def day(*volumes, certificate=None):
    return replace(rehearsal.day([], volumes), certificate=certificate or certified())


def found(acquisition):
    """Readings by key, of a day with one move."""
    assert TEST.accepts(acquisition) == ""
    return {reading.quantity.key: reading for reading in TEST.analyse(acquisition).readings}


def reasons(acquisition):
    """The only reasons there are, no number among the readings."""
    told = found(acquisition)
    assert all(isinstance(reading, NotMeasured) for reading in told.values())
    return told["couch6d_move_x"].reason


@pytest.fixture(scope="module")
def first():
    return drawn()


@pytest.fixture(scope="module")
def shifted():
    """By SHIFT and nothing else."""
    return drawn(tuple(np.add((0.4, -0.3, 0.2), SHIFT)), seed=2)


def there(shift=SHIFT):
    return tuple(float(v) for v in np.add(HERE, shift))


def test_a_motion_in_all_six_is_found_within_its_uncertainty():
    rotation, shift, before = turn(1.5, -1.0, 2.0), np.array((2.0, -3.0, 1.0)), (turn(0.5, 1.0, -1.0), np.array((0.4, -0.3, 0.2)))
    scans = drawn(tuple(before[1]), before[0]), drawn(tuple(rotation @ before[1] + shift), rotation @ before[0], seed=2)
    told = found(day(volume(scans[0], 0), volume(scans[1], 1, there(), 2.0, (1.5, -1.0))))
    for key, true in zip((*(f"move_{a}" for a in "xyz"), *(f"turn_{a}" for a in AXES[3:])), (*shift, 1.5, -1.0, 2.0), strict=True):
        reading = told[f"couch6d_{key}"]
        assert reading.value == pytest.approx(true, abs=3 * reading.u)
        assert reading.u < 0.05
    assert abs(told["couch6d_error_pitch"].value) < 3 * told["couch6d_error_pitch"].u
    assert "move and tilt the couch one after the other" in told["couch6d_error_x"].reason
    assert "move and tilt the couch one after the other" in told["couch6d_max_error_x"].reason


def test_a_shift_is_held_against_the_readouts(first, shifted):
    told = found(day(volume(first, 0), volume(shifted, 1, there((5.5, -6.3, 5.2)))))
    for axis, true in zip("xyz", (0.0, 0.3, 0.0), strict=True):
        reading = told[f"couch6d_max_error_{axis}"]
        assert reading.missing == ""
        assert reading.value == pytest.approx(abs(true), abs=3 * reading.u)
    assert "was not moved by 0.5 degrees" in told["couch6d_max_error_yaw"].missing
    assert told["couch6d_coupling_turn"].value < 0.1
    assert "move it alone" in told["couch6d_coupling_shift"].reason


def test_what_moved_along_is_coupling(first, shifted):
    told = found(day(volume(first, 0), volume(shifted, 1, there((5.5, 0.0, 0.0)))))
    reading = told["couch6d_coupling_shift"]
    assert reading.value == pytest.approx(np.hypot(6.0, 5.2), abs=3 * reading.u)


def test_a_turned_couch_turns_its_readouts():
    """At a couch angle of 90 degrees and back: x of the couch is y of the room. Angles are compared on the circle."""
    turned = turn(0.0, 0.0, -0.21)
    scans = drawn((0.0, 0.0, 0.0)), drawn(tuple(turned @ np.array((6.0, 0.0, 0.0))), turned, seed=2)
    told = found(day(volume(scans[0], 0), volume(scans[1], 1, there((6.0, 0.0, 0.0)), 359.79)))
    for axis in ("x", "y", "z", "yaw"):
        assert abs(told[f"couch6d_error_{axis}"].value) < 3 * told[f"couch6d_error_{axis}"].u


def test_the_order_is_that_of_the_times(first, shifted):
    scans = volume(first, 0), volume(shifted, 1, there())
    assert found(day(*scans)) == found(day(*scans[::-1]))


def test_swapped_times_reverse_motion_and_command_alike(first, shifted):
    told = found(day(volume(first, 1), volume(shifted, 0, there((5.5, -6.3, 5.2)))))
    assert told["couch6d_error_y"].value == pytest.approx(-0.3, abs=3 * told["couch6d_error_y"].u)


# Balls


def test_a_missing_ball_is_named_and_the_rest_is_enough(first):
    scans = volume(first, 0), volume(drawn(tuple(np.add((0.4, -0.3, 0.2), SHIFT)), places=PLACES[:4], seed=2), 1, there())
    told = found(day(*scans))
    for axis in "xyz":
        reading = told[f"couch6d_error_{axis}"]
        assert abs(reading.value) < 3 * reading.u
        assert any("without E" in flag for flag in reading.flags)


def test_two_merged_balls_are_left_out(first):
    beside = tuple(np.add((0.4, -0.3, 0.2), PLACES[3]) + np.array((0.0, 6.01, 0.0)))
    merged = drawn(more=(Sphere("beside", beside, 3.0, 2200.0),), seed=2)
    told = found(day(volume(first, 0), volume(merged, 1, there((0.0, 0.0, 0.0)))))
    for axis in "xyz":
        reading = told[f"couch6d_error_{axis}"]
        assert abs(reading.value) < 3 * reading.u
        assert any("without D" in flag for flag in reading.flags)


def test_a_volume_in_other_coordinates_is_refused(first, shifted):
    far = replace(volume(shifted, 1, there()), origin_mm=(400.0, 0.0, 0.0))
    assert "not the imaging isocentre" in reasons(day(volume(first, 0), far))


def test_two_ways_that_differ_are_no_answer(first, shifted, monkeypatch):
    """The second algorithm's centres of one ball pulled aside by 0.9 mm in one scan."""
    from qa import ball_pose

    straight = ball_pose.posed

    def pulled(one, voxels, known):
        told = straight(one, voxels, known)
        aside = np.zeros_like(told.second_mm)
        aside[0] = (0.9, 0.0, 0.0) if one.name == "scan 1" else (0.0, 0.0, 0.0)
        return replace(told, second_mm=told.second_mm + aside)

    monkeypatch.setattr(ball_pose, "posed", pulled)
    assert "two ways to see how the phantom moved differ" in reasons(day(volume(first, 0), volume(shifted, 1, there())))


def test_another_thing_beside_the_phantom_is_left_out(first):
    more = drawn(more=(Sphere("another", (-10.0, -14.0, 15.0), 3.0, 2200.0),), seed=2)
    told = found(day(volume(first, 0), volume(more, 1, there((0.0, 0.0, 0.0)))))
    assert any("1 more round thing" in flag for flag in told["couch6d_move_x"].flags)
    assert abs(told["couch6d_move_x"].value) < 3 * told["couch6d_move_x"].u


def test_another_serial_is_refused_with_the_distance_that_is_off(first, shifted):
    other = certified((*PLACES[:3], (14.0, -12.0, 13.5), PLACES[4]), "0816")
    told = reasons(day(volume(first, 0), volume(shifted, 1, there()), certificate=other))
    assert "not where the certificate of 5-ball cube, serial 0816 says" in told
    assert "D" in told


def test_another_phantom_is_refused_with_what_was_seen(first, shifted):
    other = certified(((0.0, 0.0, 0.0), (9.0, 4.0, -10.0), (-4.0, -9.0, -7.0), (10.0, -9.0, 9.0), (-9.0, 10.0, 7.0)))
    assert "does not show" in (told := reasons(day(volume(first, 0), volume(shifted, 1, there()), certificate=other)))
    assert "5 balls" in told


def test_a_ball_that_is_elsewhere_is_no_missing_one(first, shifted):
    """Four fit and the fifth is 3 mm off: it is not left out, the phantom is refused."""
    other = certified((*PLACES[:4], (-12.0, 17.0, 10.0)))
    assert "does not show" in reasons(day(volume(first, 0), volume(shifted, 1, there()), certificate=other))


def test_a_mirror_image_is_no_pose(first):
    mirrored = drawn(places=[(-x, y, z) for x, y, z in PLACES])
    assert "mirror image" in reasons(day(volume(mirrored, 0), volume(mirrored, 1, there())))


def test_evenly_placed_balls_fit_in_many_ways():
    square = [(10.0, 10.0, 0.0), (-10.0, 10.0, 0.0), (-10.0, -10.0, 0.0), (10.0, -10.0, 0.0)]
    one = drawn(places=square, side_mm=0.0)
    assert "ways" in reasons(day(volume(one, 0), volume(one, 1, there()), certificate=certified(square)))


def test_balls_on_a_line_or_too_few_are_no_pose():
    line = [(-12.0, 0.0, 0.0), (0.0, 0.0, 0.0), (15.0, 0.0, 0.0)]
    one = drawn(places=line, side_mm=0.0)
    assert "does not show" in reasons(day(volume(one, 0), volume(one, 1, there()), certificate=certified(line)))
    two = drawn(places=PLACES[:2], side_mm=0.0)
    assert "2 of the 5 balls" in reasons(day(volume(two, 0), volume(two, 1, there())))


# Certificates and readouts


def test_one_scan_is_asked_for_another(first):
    assert "this is one" in TEST.accepts(day(volume(first, 0)))


def test_a_certificate_is_asked_for_where_the_couch_moved(first, shifted):
    moved = replace(day(volume(first, 0), volume(shifted, 1, there())), certificate=None)
    assert "--certificate" in reasons(moved)
    still = replace(day(volume(first, 0), volume(shifted, 1)), certificate=None)
    assert "--certificate" in TEST.accepts(still)


def test_an_expired_certificate_measures_nothing(first, shifted):
    old = replace(certified(), issued=date(2020, 1, 1), expires=date(2021, 1, 1))
    assert "expired on 2021-01-01" in reasons(day(volume(first, 0), volume(shifted, 1, there()), certificate=old))


def test_scans_without_a_time_have_no_order(first, shifted):
    late = replace(volume(shifted, 1, there()), acquired=None)
    assert "do not say when" in reasons(day(volume(first, 0), late))


def test_without_readouts_the_motion_is_all_there_is(first, shifted):
    told = found(day(volume(first, 0), volume(shifted, 1, None)))
    assert isinstance(told["couch6d_move_x"], Measured)
    assert "do not tell where the couch stood" in told["couch6d_error_x"].reason
    assert "do not tell where the couch stood" in told["couch6d_max_error_x"].reason
    assert isinstance(told["couch6d_error_yaw"], Measured)
    told = found(day(volume(first, 0), volume(shifted, 1, there(), None)))
    assert all("PatientSupportAngle" in told[f"couch6d_error_{axis}"].reason for axis in AXES)


def test_a_scan_that_lost_its_readout_may_hide_the_largest_error(first, shifted):
    told = found(day(volume(first, 0), volume(shifted, 1, there()), volume(shifted, 2, None)))
    assert all("CBCT 3 does not say where the couch stood" in told[f"couch6d_max_error_{axis}"].missing for axis in "xyz")
    assert all("does not say" not in told[f"couch6d_max_error_{axis}"].missing for axis in ("pitch", "roll", "yaw"))
    told = found(day(volume(first, 0), volume(shifted, 1, there()), volume(shifted, 2, there(), tilt=None)))
    for axis in AXES:
        assert ("CBCT 3 does not say" in told[f"couch6d_max_error_{axis}"].missing) == (axis in ("pitch", "roll"))


def test_a_couch_without_a_tilt_readout_is_not_judged_by_its_tilt(first, shifted):
    told = found(day(volume(first, 0, tilt=None), volume(shifted, 1, there(), tilt=None)))
    assert "no readout of pitch and roll" in told["couch6d_error_pitch"].reason
    assert "no readout of pitch and roll" in told["couch6d_max_error_roll"].reason
    assert isinstance(told["couch6d_turn_pitch"], Measured)
    assert isinstance(told["couch6d_error_x"], Measured)
    tilted = drawn((0.4, -0.3, 0.2), turn(1.0, 0.0, 0.0), seed=3)
    told = found(day(volume(first, 0, tilt=None), volume(tilted, 1, there(), tilt=None)))
    assert "no readout tells of it" in told["couch6d_error_x"].reason


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (tuple(v / 10 for v in SHIFT), "in cm"),
        (tuple(-v for v in SHIFT), "other way"),
        (tuple(v * 10 for v in SHIFT), "a tenth"),
    ],
    ids=["cm", "the vendor's sign", "too far"],
)
def test_a_readout_on_another_scale_is_an_error_and_looks_like_one(first, shifted, said, words):
    told = found(day(volume(first, 0), volume(shifted, 1, there(said))))
    for k, axis in enumerate("xyz"):
        reading = told[f"couch6d_error_{axis}"]
        assert reading.value == pytest.approx(SHIFT[k] - said[k], abs=0.1)
        assert any(words in flag for flag in reading.flags)


def test_a_couch_that_did_not_move_fails_where_it_says_it_did_and_never_passes(first):
    again = drawn(seed=5)
    told = found(day(volume(first, 0), volume(again, 1, there())))
    assert told["couch6d_max_error_x"].value == pytest.approx(5.5, abs=0.1)
    assert any("did not move along x" in flag for flag in told["couch6d_max_error_x"].flags)
    told = found(day(volume(first, 0), volume(again, 1)))
    assert all("was not moved" in told[f"couch6d_max_error_{axis}"].missing for axis in AXES)


def test_scans_of_another_hour_are_no_single_set_up(first, shifted):
    late = replace(volume(shifted, 1, there()), acquired=rehearsal.WHEN + timedelta(hours=5))
    assert "5 hours" in found(day(volume(first, 0), late))["couch6d_max_error_x"].missing


# From files


def test_files_and_a_certificate_become_a_judged_record(tmp_path):
    """What a rehearsal writes, read back: the same numbers, the certificate in the record, a verdict on every axis."""
    drawn_day = TEST.rehearse(np.random.default_rng(11))
    drawn_day.write(tmp_path)
    from qa import certificate

    known = certificate.read(tmp_path / "certificate.toml")
    judged_by = protocol.read("couch_6dof_monthly")
    folders = [tmp_path / f"cbct_{k}" for k in (1, 2, 3)]
    result = session.run(folders, judged_by, certificate=known, store=Store(tmp_path / "records.sqlite"))
    (record,) = [r for r in result.records if r.procedure == "couch_6dof"]
    assert any(f"serial {known.serial}" in note and str(known.expires) in note for note in record.notes)
    assert {j.outcome for j in record.judgements} <= {Outcome.PASS, Outcome.INDETERMINATE, Outcome.FAIL}
    direct = {(r.quantity.key, str(r.at.get("set"))): r for r in TEST.analyse(drawn_day.acquisition).readings}
    for reading in record.readings:
        same = direct[reading.quantity.key, str(reading.at.get("set"))]
        assert type(same) is type(reading)
        if isinstance(reading, Measured):
            assert reading.value == pytest.approx(same.value, abs=1e-6)
