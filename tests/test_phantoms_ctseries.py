"""CT files read with the DICOM library alone: geometry by an affine written here, what a machine states, and defects on request."""

import json
from functools import cache

import numpy as np
import pydicom
import pytest
from pydicom.uid import CTImageStorage

from phantoms.ctseries import Defects, write
from phantoms.volume import Grid, Scan, Sphere, scan
from qa.rehearsal import day, volume

REAL_ORIENTATION = (0.99999847691329, 0.0, -0.0017453283659, 0.0, 1.0, 0.0)
OBLIQUE = (0.8, 0.0, -0.6, 0.0, 1.0, 0.0)
BALL = (2.3, -1.7, 3.1)
COUCH = (1.5, 1203.25, -120.75)

# Where X (right, facing the gantry), Y (to the gantry) and Z (up) of F are on a patient, for DICOM's x to the left, y to the back, z to the
# head: lying on the back with the head to the gantry the left hand is at the right, the back below. Then turned over, then turned round.
TO_ROOM = {
    "HFS": lambda x, y, z: (x, z, -y),
    "HFP": lambda x, y, z: (-x, z, y),
    "FFS": lambda x, y, z: (-x, -z, -y),
    "FFP": lambda x, y, z: (x, -z, y),
}


@cache
def scanned(position="HFS", decreasing=False, orientation=REAL_ORIENTATION, **how):
    grid = Grid((11, 26, 30), (2.0, 0.6, 0.5), (2.0, -1.0, 3.0), orientation, position, decreasing)
    blur = Scan(blur_mm=(0.4, 1.3), **how)  # wide enough for a centre of mass by a sum over voxels
    return scan([Sphere("ball", BALL, 3.0, 1500.0)], grid, np.random.default_rng(7), blur)


def read(paths):
    return [pydicom.dcmread(path) for path in paths]


@pytest.mark.parametrize("decreasing", [False, True])
@pytest.mark.parametrize("orientation", [REAL_ORIENTATION, OBLIQUE], ids=["real", "oblique"])
@pytest.mark.parametrize("position", TO_ROOM)
def test_the_ball_is_where_the_files_say_in_every_patient_position(tmp_path, position, orientation, decreasing):
    files = read(write(scanned(position, decreasing, orientation), tmp_path, seed=7))
    amount, moment = 0.0, np.zeros(3)
    for file in files:
        hu = file.pixel_array * float(file.RescaleSlope) + float(file.RescaleIntercept)
        rows, columns = np.indices(hu.shape)
        down, right = (float(pitch) for pitch in file.PixelSpacing)
        across, along = (np.array(file.ImageOrientationPatient, float)[k : k + 3] for k in (0, 3))
        places = np.array(file.ImagePositionPatient, float) + columns[..., None] * right * across + rows[..., None] * down * along
        amount += (hu + 1000).sum()
        moment += ((hu + 1000)[..., None] * places).sum(axis=(0, 1))
    assert TO_ROOM[position](*(moment / amount)) == pytest.approx(BALL, abs=1e-3)
    assert {file.PatientPosition for file in files} == {position}
    normal = np.cross(*np.reshape(np.array(files[0].ImageOrientationPatient, float), (2, 3)))
    heights = [np.array(file.ImagePositionPatient, float) @ normal for file in files]
    assert np.diff(heights) == pytest.approx(-2.0 if decreasing else 2.0, abs=1e-6)


def test_the_header_says_what_such_machines_say(tmp_path):
    paths = write(scanned(), tmp_path, seed=7, name="LINAC-B", serial="4711", couch_mm=COUCH, couch_deg=0.0)
    file = read(paths)[4]
    assert file.SOPClassUID == file.file_meta.MediaStorageSOPClassUID == CTImageStorage
    assert (file.Modality, file.StationName, file.DeviceSerialNumber, float(file.KVP)) == ("CT", "LINAC-B", "4711", 125.0)
    assert (float(file.TableTopLateralPosition), float(file.TableTopLongitudinalPosition)) == COUCH[:2]
    assert float(file.TableHeight) == 120.75  # counts downwards
    assert "TableTopVerticalPosition" not in file
    assert (float(file.SliceThickness), float(file.GantryDetectorTilt), float(file.RescaleIntercept)) == (2.0, 0.0, -1000.0)
    assert len({other.SOPInstanceUID for other in read(paths)}) == 11
    assert len({(other.SeriesInstanceUID, other.FrameOfReferenceUID) for other in read(paths)}) == 1


def test_without_readouts_there_are_no_couch_tags(tmp_path):
    file = read(write(scanned(), tmp_path, seed=7))[0]
    for tag in ("TableHeight", "TableTopLateralPosition", "TableTopLongitudinalPosition", "PatientSupportAngle"):
        assert tag not in file


def test_the_truth_lies_beside_the_files(tmp_path):
    drawn = scanned()
    write(drawn, tmp_path, seed=7, couch_mm=COUCH)
    truth = json.loads((tmp_path / "truth.json").read_text("utf-8"))
    assert truth["truth"]["ball"]["f_mm"] == list(BALL)
    index = np.asarray(truth["truth"]["ball"]["index"])
    grid = truth["grid"]
    assert np.asarray(grid["origin_mm"]) + index @ np.asarray(grid["steps_mm"]) == pytest.approx(BALL, abs=1e-9)
    assert truth["couch_mm"] == list(COUCH)
    assert truth["solids"][0]["shape"] == "Sphere"


def test_the_same_arguments_give_the_same_bytes_and_other_volumes_other_uids(tmp_path):
    first, again = (write(scanned(noise_hu=10.0), tmp_path / name, seed=7, couch_mm=COUCH) for name in ("a", "b"))
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in again]
    other = write(scanned(noise_hu=11.0), tmp_path / "c", seed=7)
    assert read(other)[0].SeriesInstanceUID != read(first)[0].SeriesInstanceUID


def test_defects_are_those_asked_for(tmp_path):
    def heights(name, **defects):
        files = read(write(scanned(), tmp_path / name, seed=3, defects=Defects(**defects)))
        return files, [round(float(file.ImagePositionPatient[2]), 3) for file in files]

    _, plain = heights("plain")
    files, found = heights("missing", missing=4)
    assert found == plain[:4] + plain[5:]
    files, found = heights("duplicated", duplicated=4)
    assert found == [*plain, plain[4]]
    assert len({file.SOPInstanceUID for file in files}) == 12
    _, found = heights("shuffled", shuffled=True)
    assert found != plain
    assert sorted(found) == plain
    files, _ = heights("tilt", tilt_deg=5.0, thickness_mm=1.25)
    assert {(float(file.GantryDetectorTilt), float(file.SliceThickness)) for file in files} == {(5.0, 1.25)}
    files, _ = heights("frames", second_frame_from=6)
    assert [file.FrameOfReferenceUID == files[0].FrameOfReferenceUID for file in files] == [True] * 6 + [False] * 5


def test_values_that_files_cannot_hold_are_refused(tmp_path):
    with pytest.raises(ValueError, match="-1000 HU"):
        write(scanned(noise_hu=20.0, clip_hu=(-2000.0, 3000.0)), tmp_path, seed=7)


def test_a_rehearsed_volume_is_what_the_files_hold(tmp_path):
    drawn = scanned("FFS", True)
    files, made = read(write(drawn, tmp_path, seed=7)), volume(drawn, "LINAC-A", couch_mm=COUCH)
    assert made.shape == made.voxels.shape == drawn.voxels.shape
    assert (made.voxels == np.stack([file.pixel_array - 1000.0 for file in files])).all()
    assert made.origin_mm == pytest.approx(TO_ROOM["FFS"](*(float(x) for x in files[0].ImagePositionPatient)), abs=1e-9)
    across, down, right = made.steps_mm
    assert down == pytest.approx(0.6 * np.array(TO_ROOM["FFS"](*(float(x) for x in files[0].ImageOrientationPatient[3:]))), abs=1e-9)
    assert right == pytest.approx(0.5 * np.array(TO_ROOM["FFS"](*(float(x) for x in files[0].ImageOrientationPatient[:3]))), abs=1e-9)
    second = TO_ROOM["FFS"](*(float(x) for x in files[1].ImagePositionPatient))
    assert np.asarray(made.origin_mm) + across == pytest.approx(second, abs=1e-9)
    assert made.pitch_mm == pytest.approx((2.0, 0.6, 0.5), abs=1e-9)
    assert (made.couch_mm, made.patient_position, len({part.sop_instance_uid for part in made.slices})) == (COUCH, "FFS", 11)
    together = day([], [made])
    assert (together.day, together.radiation, together.machine, together.volumes) == (True, "CBCT", "LINAC-A", (made,))
