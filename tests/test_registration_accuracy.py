"""Registration accuracy: a drawn day with its match, and what can be wrong with matches, scans, certificates."""

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest

from phantoms.volume import Grid, Scan, scan
from phantoms.volume_phantoms import ball_cube
from qa import ball_moves, certificate, procedure, protocol, registration_image, rehearsal, rigid, session
from qa.acquisition import Placed, Registration
from qa.certificate import Certificate
from qa.limit import Outcome
from qa.patient_axes import ROOM
from qa.reading import AnalysisError, Measured, NotMeasured
from qa.registration_accuracy_proposed import Stated, by_object, of_volume
from qa.store import Store

pytestmark = pytest.mark.usefixtures("finders_shared")

TEST = procedure.load("registration_accuracy")
AXES = ("x", "y", "z", "pitch", "roll", "yaw")
STILL = np.eye(4)
PLACES = np.array([(0.0, 0.0, 0.0), (11.0, 12.0, -10.0), (-17.0, -17.0, -16.0), (14.0, -10.0, 13.0), (-13.0, 17.0, 14.0)])


@pytest.fixture(scope="module")
def drawn():
    return TEST.rehearse(np.random.default_rng(3))


@pytest.fixture(scope="module")
def day(drawn):
    return drawn.acquisition


def told(acquisition):
    assert TEST.accepts(acquisition) == ""
    return {reading.quantity.key: reading for reading in TEST.analyse(acquisition).readings}


def placed(frame, matrix, images=()):
    return Placed(frame, frozenset(images), tuple(tuple(float(v) for v in row) for row in matrix), 1e-6)


def match(frame, *items, name="match"):
    return Registration(name, f"1.2.{len(name)}", name, frame, frozenset({frame, *(item.frame for item in items)}), items)


def stated(day):
    """What the drawn system wrote, from the second scan to the first."""
    return np.array(day.registrations[0].placed[0].matrix)


def frames(day):
    return [volume.frame_of_reference_uid for volume in day.volumes]


def images(volume):
    return [one.sop_instance_uid for one in volume.slices]


def proposed(day, *registrations):
    return by_object(*map(of_volume, day.volumes), registrations)


def test_found_proposed_and_known_stand_side_by_side(drawn, day):
    readings = told(day)
    for key, reading in readings.items():
        assert isinstance(reading, Measured), key
        assert abs(reading.value - drawn.truth[key, ""]) < 4 * reading.u, key
    assert any("registration object" in flag for flag in readings["registration_error_x"].flags)
    tables = [item for item in TEST.analyse(day).evidence if type(item).__name__ == "Table"]
    assert tables[0].header[1:4] == ("found by the balls", "found by the voxels", "proposed")
    assert [row[0].split(" ")[0] for row in tables[0].rows] == list(AXES)
    assert "TRE at the isocentre / mm" in tables[1].header


@pytest.mark.parametrize("position", sorted(ROOM))
def test_a_matrix_in_patient_axes_becomes_a_motion_in_the_room(day, position):
    rotation, shift, room = rigid.turned(1.0, -2.0, 3.0), np.array((4.0, -5.0, 6.0)), np.array(ROOM[position], float)
    whole = np.eye(4)
    whole[:3, :3], whole[:3, 3] = room.T @ rotation @ room, room.T @ shift
    volumes = [replace(volume, patient_position=position, room=()) for volume in day.volumes]
    found = by_object(*map(of_volume, volumes), [match(frames(day)[0], placed(frames(day)[1], np.linalg.inv(whole)))])
    assert isinstance(found, Stated)
    np.testing.assert_allclose(found.values, (*shift, 1.0, -2.0, 3.0), atol=1e-9)


def test_scans_in_axes_turned_with_the_couch_are_turned_back(day):
    """The second scan's axes turned by 2 degrees with the couch: a matrix that only shifts is a turn in the room."""
    turn = rigid.turned(0.0, 0.0, 2.0)
    room = np.array(ROOM["HFS"], float)
    volumes = day.volumes[0], replace(day.volumes[1], room=tuple(tuple(float(v) for v in row) for row in turn @ room))
    found = by_object(*map(of_volume, volumes), [match(frames(day)[0], placed(frames(day)[1], STILL))])
    assert found.values[5] == pytest.approx(2.0)


def test_the_way_back_fails_and_is_told(day):
    back = match(frames(day)[0], placed(frames(day)[1], np.linalg.inv(stated(day))))
    readings = told(replace(day, registrations=(back,)))
    right = told(day)
    for k, axis in enumerate("xyz"):
        assert readings[f"registration_error_{axis}"].value == pytest.approx(-2 * right[f"registration_found_{axis}"].value, abs=1.0), k
    assert any("way back" in flag for flag in readings["registration_error_tre"].flags)
    assert not any("way back" in flag for flag in right["registration_error_tre"].flags)


def test_both_scans_matched_to_a_third_are_related_through_it(day):
    planned = np.eye(4)
    planned[:3, :3], planned[:3, 3] = rigid.turned(3.0, 2.0, -1.0), (10.0, -20.0, 30.0)
    one = match("1.9", placed(frames(day)[0], planned), name="first")
    other = match("1.9", placed(frames(day)[1], planned @ stated(day)), name="second one")
    np.testing.assert_allclose(proposed(day, one, other).values, proposed(day, *day.registrations).values, atol=1e-9)


def test_a_registered_frame_in_the_second_scan_is_the_same_match(day):
    turned = match(frames(day)[1], placed(frames(day)[0], np.linalg.inv(stated(day))))
    np.testing.assert_allclose(proposed(day, turned).values, proposed(day, *day.registrations).values, atol=1e-9)


def test_scans_in_one_frame_of_reference_are_told_apart_by_their_images(day):
    same = replace(day, volumes=(day.volumes[0], replace(day.volumes[1], frame_of_reference_uid=frames(day)[0])))
    known = match(frames(day)[0], placed(frames(day)[0], stated(day), images(day.volumes[1])))
    np.testing.assert_allclose(proposed(same, known).values, proposed(day, *day.registrations).values, atol=1e-9)
    both = match(
        frames(day)[0],
        placed(frames(day)[0], STILL, images(day.volumes[0])),
        placed(frames(day)[0], stated(day), images(day.volumes[1])),
    )
    np.testing.assert_allclose(proposed(same, both).values, proposed(day, *day.registrations).values, atol=1e-9)
    assert "leads from the second scan to the first" in proposed(same, match(frames(day)[0], placed(frames(day)[0], stated(day))))


@pytest.mark.parametrize("which", range(2))
def test_a_match_that_names_other_images_of_the_same_frame_is_not_of_these(day, which):
    """A third scan in the frame of reference of one of these two was matched; which scans it was says the file."""
    own = [images(volume) for volume in day.volumes]
    named = [["1.2.3.4"] if k == which else own[k] for k in range(2)]
    third = match(frames(day)[0], placed(frames(day)[0], STILL, named[0]), placed(frames(day)[1], stated(day), named[1]))
    assert "leads from the second scan to the first" in proposed(day, third)
    ours = match(frames(day)[0], placed(frames(day)[0], STILL, own[0][:1]), placed(frames(day)[1], stated(day), ["1.2.3.4", own[1][0]]))
    np.testing.assert_allclose(proposed(day, ours).values, proposed(day, *day.registrations).values, atol=1e-9)


def test_a_match_to_a_third_scan_in_the_one_frame_of_both_is_not_of_these(day):
    same = replace(day, volumes=(day.volumes[0], replace(day.volumes[1], frame_of_reference_uid=frames(day)[0])))
    items = placed(frames(day)[0], STILL, ["1.2.3.4"]), placed(frames(day)[0], stated(day), images(day.volumes[1]))
    assert "leads from the second scan to the first" in proposed(same, match(frames(day)[0], *items))


def test_matches_that_contradict_each_other_are_no_proposal(day):
    other = match(frames(day)[0], placed(frames(day)[1], STILL), name="another")
    assert "say different things" in proposed(day, *day.registrations, other)


def assert_only_found(readings, words):
    for axis in AXES:
        assert isinstance(readings[f"registration_found_{axis}"], Measured)
        assert words in readings[f"registration_proposed_{axis}"].reason
        assert words in readings[f"registration_error_{axis}"].reason
    assert words in readings["registration_error_length"].reason
    assert words in readings["registration_error_tre"].reason


def test_a_match_of_other_scans_is_a_reason_and_the_couch_does_not_stand_in(day):
    assert_only_found(told(replace(day, registrations=(match("1.9", placed("1.8", STILL)),))), "leads from the second scan to the first")


def test_a_match_that_is_refused_is_a_reason_and_nothing_stands_in(day):
    broken = replace(day.registrations[0], name="bad.dcm", placed=(), wrong="its matrix scales or shears")
    for registrations in ((broken,), (*day.registrations, broken)):
        assert_only_found(told(replace(day, registrations=registrations)), "bad.dcm: its matrix scales")


def test_without_a_match_the_couch_is_what_was_proposed(drawn, day):
    readings = told(replace(day, registrations=()))
    for axis in AXES:
        assert readings[f"registration_proposed_{axis}"].value == pytest.approx(drawn.truth[f"registration_known_{axis}", ""], abs=0.02)
        assert "registration object (REG)" in readings[f"registration_known_{axis}"].reason
        assert "imager position" in readings["registration_error_x"].budget
        assert any("no registration object (REG) was handed in" in flag for flag in readings[f"registration_proposed_{axis}"].flags)
    volumes = tuple(replace(volume, couch_mm=None) for volume in day.volumes)
    silent = told(replace(day, registrations=(), volumes=volumes))
    assert "where the couch stood" in silent["registration_error_x"].reason
    assert "where the couch stood" in silent["registration_error_tre"].reason
    assert isinstance(silent["registration_error_yaw"], Measured)


def judged(acquisition):
    """What the limits say, the worst per quantity."""
    worst = {}
    for one in protocol.judge(protocol.read("tg132_registration"), TEST.name, TEST.analyse(acquisition).readings, None, {}):
        worst[one.limit.quantity] = max(one.outcome, worst.get(one.limit.quantity, Outcome.PASS))
    return worst


def test_the_couch_alone_can_fail_and_never_passes():
    """The readouts are put where the phantom went, as of a couch that was driven there by hand: no match passes by that."""
    alone = replace(cubes((3.0, -4.0, 2.5), (0.0, 0.0, 2.0)), registrations=())
    start, by_hand = alone.volumes
    for key in ("registration_error_x", "registration_error_length", "registration_error_tre"):
        reading = told(alone)[key]
        assert abs(reading.value) < 0.5, key
        assert "no registration object (REG) was handed in" in reading.flags[0]
        assert "nothing says what the treatment system proposed" in reading.missing
    assert set(judged(alone).values()) == {Outcome.NOT_MEASURED}
    (table,) = [item for item in TEST.analyse(alone).evidence if getattr(item, "title", "") == "The match, axis by axis"]
    assert "no registration object (REG) was handed in" in table.note
    far = replace(by_hand, couch_mm=tuple(np.add(by_hand.couch_mm, 3.0).tolist()))
    assert judged(replace(alone, volumes=(start, far)))["registration_error_x"] is Outcome.FAIL


def test_another_number_of_scans_is_asked_for(day):
    assert "this is one" in TEST.accepts(replace(day, volumes=day.volumes[:1]))
    assert "these are 3" in TEST.accepts(replace(day, volumes=(*day.volumes, day.volumes[0])))
    assert "not taken together" in TEST.accepts(replace(day, day=False))


def test_no_certificate_in_force_measures_nothing(day):
    assert "--certificate" in told(replace(day, certificate=None))["registration_found_x"].reason
    old = replace(day.certificate, issued=date(2020, 1, 1), expires=date(2021, 1, 1))
    readings = told(replace(day, certificate=old))
    assert all(isinstance(reading, NotMeasured) for reading in readings.values())
    assert "expired on 2021-01-01" in readings["registration_error_x"].reason


def test_a_phantom_that_was_not_moved_tries_no_match(day):
    again = replace(day.volumes[0], name="again", acquired=day.volumes[1].acquired)
    twice = replace(day, volumes=(day.volumes[0], again), registrations=())
    readings = told(twice)
    for key in (*(f"registration_error_{axis}" for axis in AXES), "registration_error_length", "registration_error_tre"):
        assert "does not try the match" in readings[key].missing
    assert all("does not try" not in reading.missing for reading in told(day).values())


def cubes(shift, turn=(0.0, 0.0, 0.0)):
    """Two scans of a cube of five balls that moved so, and the match that says just that."""
    rotation, volumes = rigid.turned(*turn), []
    for k, (turned, where) in enumerate(((np.eye(3), np.zeros(3)), (rotation, np.asarray(shift)))):
        cube = ball_cube(tuple(where.tolist()), turned, balls_mm=[tuple(p) for p in PLACES.tolist()], diameters_mm=6.0, side_mm=0.0)
        scanned = scan(cube.solids, Grid((58, 66, 74), (1.3, 1.15, 1.05)), np.random.default_rng(k), Scan((0.6, 0.6), 120.0, 20.0))
        x, y, z = np.add((100.0, 200.0, -50.0), rigid.turned(0.0, 0.0, turn[2]).T @ where).tolist()  # along the couch's own axes
        one = rehearsal.volume(scanned, "L", couch_mm=(x, y, z), couch_deg=turn[2] * k % 360)
        tags = {"TableTopPitchAngle": "0", "TableTopRollAngle": "0"}
        when = rehearsal.WHEN + k * timedelta(minutes=5)
        volumes.append(replace(one, acquired=when, series_instance_uid=f"1.3.{k}", frame_of_reference_uid=f"1.{k}", tags=tags))
    patient, whole = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]]), np.eye(4)
    whole[:3, :3], whole[:3, 3] = patient.T @ rotation.T @ patient, -patient.T @ rotation.T @ np.asarray(shift)
    paper = Certificate(
        "cube",
        "7",
        date(2000, 1, 1),
        date(2100, 1, 1),
        "nobody",
        tuple(certificate.Ball(f"ball {k}", *place, 6.0, (0.01,) * 3) for k, place in enumerate(PLACES.tolist())),
        certificate.Body("cube", (60.0, 60.0, 60.0)),
    )
    return replace(rehearsal.day([], volumes), certificate=paper, registrations=(match("1.0", placed("1.1", whole)),))


def untried(acquisition):
    """The axes of which an error says that nothing tried it, and whether length and TRE say so."""
    readings = told(acquisition)
    return {key for key in (*AXES, "length", "tre") if "does not try the match there" in readings[f"registration_error_{key}"].missing}


@pytest.mark.parametrize(
    ("shift", "turn", "left"),
    [
        ((6.0, 0.0, 0.0), (0.0, 0.0, 0.0), {"y", "z", "pitch", "roll", "yaw", "length", "tre"}),
        ((3.0, -4.0, 2.5), (0.0, 0.0, 2.0), {"pitch", "roll", "tre"}),
        ((3.0, 1.0, 2.5), (1.0, -1.0, 2.0), {"y", "length", "tre"}),
        ((3.0, -4.0, 2.5), (1.0, -1.0, 2.0), set()),
    ],
)
def test_an_axis_that_nothing_tried_cannot_pass(shift, turn, left):
    """A system that never proposes a turn, or a shift along y and z, is right as long as nothing turns or moves there."""
    given = cubes(shift, turn)
    assert untried(given) == left
    for key, outcome in judged(given).items():
        expected = Outcome.NOT_MEASURED if key.removeprefix("registration_error_") in left else Outcome.PASS
        assert outcome is expected, key


# The voxels


def test_the_voxels_find_the_motion_of_the_balls_without_a_start(day):
    """Begun a millimetre and a degree off; what counts is where the match ends."""
    scans = ball_moves.scans(day)
    move = ball_moves.move(scans[0], scans[1], (0.01, 0.01))
    balls = np.array([one.point_mm for one in scans[0].posed.balls])
    off = replace(
        move.motion, rotation=rigid.turned(0.8, -0.7, 0.9) @ move.motion.rotation, translation_mm=move.motion.translation_mm + 0.8
    )
    voxels = tuple(volume.voxels for volume in day.volumes)
    near, far = (registration_image.match(*day.volumes, voxels, balls, start) for start in (move.motion, off))
    assert "says nothing of what lies between voxels" in near.known
    np.testing.assert_allclose(near.shift_mm, far.shift_mm, atol=2e-3)
    np.testing.assert_allclose(near.rotation, far.rotation, atol=1e-4)


def test_a_known_motion_that_is_not_found_leaves_the_balls_alone(day, monkeypatch):
    monkeypatch.setattr(registration_image, "WITHIN_MM", 0.0)
    readings = told(day)
    for axis in AXES:
        assert "known motion of this very volume" in readings[f"registration_image_{axis}"].reason
        assert isinstance(readings[f"registration_error_{axis}"], Measured)


def test_balls_and_voxels_that_contradict_each_other_are_no_answer(day, monkeypatch):
    straight = registration_image.match

    def aside(*given):
        return replace(found := straight(*given), shift_mm=found.shift_mm + np.array((0.0, 0.5, 0.0)))

    monkeypatch.setattr("qa.registration_accuracy_readings.match", aside)
    readings = told(day)
    assert all(isinstance(reading, NotMeasured) for reading in readings.values())
    assert "balls and voxels differ" in readings["registration_error_tre"].reason


def test_scans_of_nothing_are_not_matched(day):
    noise = np.random.default_rng(1).normal(0.0, 20.0, day.volumes[0].shape).astype(np.float32)
    start = rigid.Pose(np.eye(3), np.zeros(3), {}, {}, np.zeros((0, 3)))
    balls = np.array([(10.0, 0.0, 0.0), (0.0, 10.0, 0.0), (0.0, 0.0, 10.0)])
    with pytest.raises(AnalysisError):
        registration_image.match(*day.volumes, (noise, noise[::-1].copy()), balls, start)


# From files


def test_files_a_match_and_a_certificate_become_a_judged_record(drawn, day, tmp_path):
    drawn.write(tmp_path)
    known = certificate.read(tmp_path / "certificate.toml")
    given = [tmp_path / "cbct_1", tmp_path / "cbct_2", tmp_path / "match.dcm"]
    judged_by = protocol.read("tg132_registration")
    result = session.run(given, judged_by, certificate=known, store=Store(tmp_path / "records.sqlite"))
    (record,) = [r for r in result.records if r.procedure == TEST.name]
    assert any(one.name == "match.dcm" and one.used for one in record.inputs)
    other = session.run(given, judged_by, certificate=known, phantom="another cube, serial 9999").records
    assert other
    for judgement in (one for r in other for one in r.judgements):
        assert judgement.outcome in (Outcome.NOT_MEASURED, Outcome.FAIL)
        assert judgement.outcome is Outcome.FAIL or ("serial 9999" in judgement.reason and known.title in judgement.reason)
    direct = told(day)
    for reading in record.readings:
        assert isinstance(reading, Measured), reading
        assert reading.value == pytest.approx(direct[reading.quantity.key].value, abs=2e-6), reading.quantity.key
    assert {j.outcome for j in record.judgements} <= {Outcome.PASS, Outcome.INDETERMINATE, Outcome.FAIL}
