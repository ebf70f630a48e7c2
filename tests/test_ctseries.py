"""CT series become volumes where the files say they are, or one refusal that tells a therapist what to do; no file disappears."""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import gdcm
import numpy as np
import pydicom
import pytest
from pydicom.uid import EnhancedCTImageStorage, MRImageStorage, generate_uid
from rt_files import bytes_of, compressed, rt_image, zipped
from rt_files import write as write_image

from phantoms.ctseries import Defects, write
from phantoms.volume import Grid, Scan, Scanned, Sphere, scan
from qa.acquisition import Refused, Volume
from qa.dicom import Batch, opened
from qa.reading import DicomError

SHAPE, SPACING = (7, 18, 24), (2.0, 1.1, 1.3)
COUCH = (-31.25, 532.5, -130.75)
BALL = (3.5, -1.25, 2.0)
TURNED = (0.8, 0.6, 0.0, -0.48, 0.64, 0.6)  # unit vectors at right angles: 0.36 + 0.64, 0.2304 + 0.4096 + 0.36, -0.384 + 0.384
IN_THE_ROOM: dict[str, Callable[[float, float, float], tuple[float, float, float]]] = {
    "HFS": lambda x, y, z: (x, z, -y),  # left hand right of whoever faces the gantry, head to the gantry, face up
    "HFP": lambda x, y, z: (-x, z, y),  # left hand left, head to the gantry, face down
    "FFS": lambda x, y, z: (-x, -z, -y),  # left hand left, feet to the gantry, face up
    "FFP": lambda x, y, z: (x, -z, y),  # left hand right, feet to the gantry, face down
}


def scanned(seed: int = 1, **grid: Any) -> Scanned:
    """A bright ball in air, off the middle, on a grid with three spacings; noise makes every slice different."""
    solids = (Sphere("ball", BALL, 3.0, 800.0),)
    return scan(solids, Grid(SHAPE, SPACING, (1.0, -2.0, 0.5), **grid), np.random.default_rng(seed), Scan(noise_hu=20.0))


def series(folder: Path, drawn: Scanned | None = None, **how: Any) -> Path:
    write(drawn or scanned(), folder, seed=1, **how)
    (folder / "truth.json").unlink()
    return folder


def edited(path: Path, *, without: tuple[str, ...] = (), **values: Any) -> Path:
    dataset = pydicom.dcmread(path)
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    for keyword in without:
        delattr(dataset, keyword)
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.save_as(path)
    return path


def all_edited(folder: Path, **how: Any) -> Path:
    for path in sorted(folder.glob("*.dcm")):
        edited(path, **how)
    return folder


def volumes(batch: Batch) -> list[Volume]:
    return [volume for acquisition in batch.acquisitions if not acquisition.day for volume in acquisition.volumes]


def volume_of(folder: Path) -> Volume:
    """The one volume in the folder, nothing refused; its voxels stay readable because the files are not in a zip."""
    with opened([folder]) as batch:
        assert batch.refused == ()
        (volume,) = volumes(batch)
        return volume


def refusal(folder: Path) -> Refused:
    """The one line that stands for all files of the folder."""
    with opened([folder]) as batch:
        assert batch.acquisitions == ()
        (refused,) = batch.refused
        assert len(refused.files) == len(list(folder.glob("*.dcm")))
        assert refused.image
        assert refused.volume
        return refused


def reason(folder: Path) -> str:
    return refusal(folder).reason


# what the files state


def test_voxels_are_the_files_ct_numbers_read_only_and_decoded_anew(tmp_path: Path) -> None:
    drawn = scanned()
    volume = volume_of(series(tmp_path / "ct", drawn))
    first, second = volume.voxels, volume.voxels
    assert first.dtype == np.float32
    assert not first.flags.writeable
    assert first is not second
    assert volume.shape == first.shape == SHAPE
    assert np.array_equal(first, drawn.voxels)


def test_state_and_hashes_as_the_files_state_them(tmp_path: Path) -> None:
    folder = series(tmp_path / "ct", couch_mm=COUCH, couch_deg=0.0, name="L1", serial="4711")
    volume = volume_of(folder)
    digests = [hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.glob("*.dcm"))]
    assert [s.sha256 for s in volume.slices] == digests
    assert volume.sha256 == hashlib.sha256("".join(digests).encode()).hexdigest()
    assert [s.name for s in volume.slices] == [f"ct/00{k}.dcm" for k in range(7)]
    tags = pydicom.dcmread(folder / "003.dcm")
    assert volume.slices[3].sop_instance_uid == tags.SOPInstanceUID
    assert volume.series_instance_uid == tags.SeriesInstanceUID
    assert volume.frame_of_reference_uid == tags.FrameOfReferenceUID
    assert volume.name == "ct/000.dcm to 006.dcm (7 slices)"
    assert (volume.machine, volume.energy, volume.patient_position) == ("L1 (serial 4711)", "125 kV", "HFS")
    assert volume.acquired == datetime(2024, 1, 2, 8, 30, tzinfo=UTC)
    assert volume.couch_mm == pytest.approx(COUCH, abs=1e-9)
    assert volume.couch_deg == 0.0
    assert any("TableHeight, which counts downwards" in note for note in volume.notes)


@pytest.mark.parametrize("orientation", [(1.0, 0.0, 0.0, 0.0, 1.0, 0.0), (0.0, 1.0, 0.0, 0.0, 0.0, -1.0), TURNED])
@pytest.mark.parametrize("position", sorted(IN_THE_ROOM))
def test_every_voxel_is_where_the_standards_equation_puts_it(tmp_path: Path, position: str, orientation: tuple[float, ...]) -> None:
    """PS3.3 C.7.6.2.1.1: P = S + X*di*i + Y*dj*j, i the column index; then from the patient into the room in plain words."""
    folder = series(tmp_path / "ct", scanned(patient_position=position, orientation=orientation), defects=Defects(shuffled=True))
    volume = volume_of(folder)
    voxels, seen = volume.voxels, set()
    for path in folder.glob("*.dcm"):
        tags = pydicom.dcmread(path)
        k = next(k for k, s in enumerate(volume.slices) if s.sop_instance_uid == tags.SOPInstanceUID)
        seen.add(k)
        assert np.array_equal(voxels[k], tags.pixel_array.astype(float) + float(tags.RescaleIntercept))
        corner, both = np.array(tags.ImagePositionPatient, float), np.array(tags.ImageOrientationPatient, float)
        for row, column in ((0, 0), (17, 0), (0, 23), (11, 5)):
            patient = corner + both[:3] * float(tags.PixelSpacing[1]) * column + both[3:] * float(tags.PixelSpacing[0]) * row
            found = np.array(volume.origin_mm) + np.array([k, row, column]) @ np.array(volume.steps_mm)
            assert found == pytest.approx(IN_THE_ROOM[position](*patient), abs=1e-9)
    assert seen == set(range(7))
    assert volume.pitch_mm == pytest.approx(SPACING, abs=1e-9)
    steps = np.array(volume.steps_mm)
    assert steps @ steps.T == pytest.approx(np.diag(np.square(SPACING)), abs=1e-9)


@pytest.mark.parametrize("decreasing", [False, True])
@pytest.mark.parametrize("position", sorted(IN_THE_ROOM))
def test_the_ball_is_where_it_was_put(tmp_path: Path, position: str, decreasing: bool) -> None:
    """The weighted middle of what is brighter than the noise in air, by the volume's own geometry."""
    drawn = scanned(patient_position=position, decreasing=decreasing, orientation=TURNED)
    volume = volume_of(series(tmp_path / "ct", drawn))
    weight = np.clip(volume.voxels + 800.0, 0.0, None)
    index = np.array([(weight * grid).sum() for grid in np.indices(volume.shape)]) / weight.sum()
    found = np.array(volume.origin_mm) + index @ np.array(volume.steps_mm)
    assert found == pytest.approx(BALL, abs=0.1)


def test_thickness_that_is_not_the_slice_distance_is_told_and_not_used(tmp_path: Path) -> None:
    volume = volume_of(series(tmp_path / "ct", defects=Defects(thickness_mm=3.0)))
    assert volume.pitch_mm[0] == pytest.approx(2.0, abs=1e-9)
    assert any("SliceThickness is 3 mm, the slices are 2 mm apart: their distance is used" in note for note in volume.notes)
    assert not any("SliceThickness" in note for note in volume_of(series(tmp_path / "right")).notes)


def test_each_slice_has_its_own_scale(tmp_path: Path) -> None:
    drawn = scanned()
    folder = series(tmp_path / "ct", drawn)
    edited(folder / "002.dcm", RescaleSlope="0.5", RescaleIntercept="-900")
    voxels = volume_of(folder).voxels
    assert np.array_equal(voxels[2], (drawn.voxels[2] + 1000.0) * 0.5 - 900.0)
    assert np.array_equal(voxels[3], drawn.voxels[3])


def test_values_that_are_no_hu_are_told(tmp_path: Path) -> None:
    volume = volume_of(all_edited(series(tmp_path / "ct"), RescaleType="OD"))
    assert any("not in HU (RescaleType OD)" in note for note in volume.notes)
    volume = volume_of(all_edited(series(tmp_path / "raw"), without=("RescaleIntercept", "RescaleSlope", "RescaleType")))
    assert any("need not be HU" in note for note in volume.notes)
    assert volume.voxels.min() >= 0


def test_voxels_of_a_file_changed_or_gone_are_refused(tmp_path: Path) -> None:
    folder = series(tmp_path / "ct")
    volume = volume_of(folder)
    edited(folder / "003.dcm", PatientID="another")
    with pytest.raises(DicomError, match=r"ct/003\.dcm was changed after it was read"):
        _ = volume.voxels
    (folder / "003.dcm").unlink()
    with pytest.raises(DicomError, match=r"ct/003\.dcm is not there any more"):
        _ = volume.voxels


@pytest.mark.parametrize("codec", [gdcm.TransferSyntax.JPEG2000Lossless, gdcm.TransferSyntax.JPEGLosslessProcess14_1])
def test_losslessly_compressed_slices_are_bit_exact(tmp_path: Path, codec: int) -> None:
    drawn = scanned()
    folder = series(tmp_path / "ct", drawn)
    for path in sorted(folder.glob("*.dcm")):
        compressed(path, pydicom.dcmread(path), codec)
    assert np.array_equal(volume_of(folder).voxels, drawn.voxels)


def test_a_damaged_compressed_slice_is_named_when_it_is_decoded(tmp_path: Path) -> None:
    """Slices that need the decoder are left for later; the one that it cannot decode is then told by name."""
    folder = series(tmp_path / "ct")
    for path in sorted(folder.glob("*.dcm")):
        compressed(path, pydicom.dcmread(path), gdcm.TransferSyntax.JPEGLosslessProcess14_1)
    data = bytearray((folder / "004.dcm").read_bytes())
    data[data.index(b"\xff\xd8\xff\xc3") + 6] = 0  # the sample precision of the frame header (T.81, B.2.2)
    (folder / "004.dcm").write_bytes(bytes(data))
    with pytest.raises(DicomError, match=r"ct/004\.dcm: its compressed pixels are damaged"):
        _ = volume_of(folder).voxels


def test_lossy_slices_are_refused_in_one_line(tmp_path: Path) -> None:
    folder = series(tmp_path / "ct")
    for path in sorted(folder.glob("*.dcm")):
        compressed(path, pydicom.dcmread(path), gdcm.TransferSyntax.JPEG2000)
    refused = refusal(folder)
    assert "lossy compressed" in refused.reason
    assert refused.name == "ct/000.dcm to 006.dcm (7 files)"


# the couch


def test_couch_from_table_top_tags_where_all_are_there(tmp_path: Path) -> None:
    folder = all_edited(series(tmp_path / "ct", couch_mm=COUCH), TableTopVerticalPosition="-99.5")
    volume = volume_of(folder)
    assert volume.couch_mm == pytest.approx((-31.25, 532.5, -99.5), abs=1e-9)
    assert not any("TableHeight" in note for note in volume.notes)


@pytest.mark.parametrize("missing", ["TableTopLateralPosition", "TableTopLongitudinalPosition", "TableHeight"])
def test_incomplete_couch_readout_is_none_and_told(tmp_path: Path, missing: str) -> None:
    volume = volume_of(all_edited(series(tmp_path / "ct", couch_mm=COUCH), without=(missing,)))
    assert volume.couch_mm is None
    assert any("couch readout not used: one of its three axes is missing" in note for note in volume.notes)


def test_silent_files_have_no_couch(tmp_path: Path) -> None:
    volume = volume_of(series(tmp_path / "ct"))
    assert (volume.couch_mm, volume.couch_deg) == (None, None)
    assert not any("couch" in note for note in volume.notes)


def test_a_couch_that_moves_along_the_series_gives_no_readout(tmp_path: Path) -> None:
    folder = series(tmp_path / "ct", couch_mm=COUCH)
    for k, path in enumerate(sorted(folder.glob("*.dcm"))):
        edited(path, TableTopLongitudinalPosition=f"{532.5 + 2 * k}")
    volume = volume_of(folder)
    assert volume.couch_mm is None
    assert any("couch readout not used: it changes by 12.00 mm along the series" in note for note in volume.notes)


def test_patient_axes_that_turned_with_the_couch_are_turned_back(tmp_path: Path) -> None:
    """Couch at 2 degrees (anticlockwise from above): the room's X is (cos 2, 0, -sin 2) of a supine patient, as real files state it."""
    cosine, sine = np.cos(np.radians(2.0)), np.sin(np.radians(2.0))
    drawn = scanned(orientation=(cosine, 0.0, -sine, 0.0, 1.0, 0.0))
    volume = volume_of(series(tmp_path / "ct", drawn, couch_deg=2.0))
    assert np.array(volume.steps_mm) == pytest.approx(np.array([[0, 2.0, 0], [0, 0, -1.1], [1.3, 0, 0]]), abs=1e-9)
    x, y, z = drawn.grid.origin_mm
    assert volume.origin_mm == pytest.approx((x * cosine - y * sine, x * sine + y * cosine, z), abs=1e-9)
    assert any("turned back into the room" in note for note in volume.notes)


@pytest.mark.parametrize("couch_deg", [2.0, 90.0])
def test_a_turned_couch_that_the_slices_do_not_show_is_told(tmp_path: Path, couch_deg: float) -> None:
    drawn = scanned()
    volume = volume_of(series(tmp_path / "ct", drawn, couch_deg=couch_deg))
    assert np.array(volume.steps_mm) == pytest.approx(drawn.grid.steps_mm, abs=1e-9)
    assert any("the slices do not show it" in note for note in volume.notes)


# slices that make no volume


def test_missing_slice(tmp_path: Path) -> None:
    said = reason(series(tmp_path / "ct", defects=Defects(missing=3)))
    assert "a slice is missing between ct/002.dcm and ct/003.dcm: they are 4.00 mm apart, the others 2.00 mm" in said
    assert "export the whole series again" in said


def test_several_missing_slices(tmp_path: Path) -> None:
    folder = series(tmp_path / "ct", scan((Sphere("ball", BALL, 3.0, 800.0),), Grid((12, 18, 24), SPACING), np.random.default_rng(2)))
    for k in (3, 4, 8):
        (folder / f"{k:03d}.dcm").unlink()
    assert "3 slices are missing, the first between ct/002.dcm and ct/005.dcm" in reason(folder)


def test_missing_slice_of_four(tmp_path: Path) -> None:
    folder = series(tmp_path / "ct")
    for k in (0, 4, 5, 6):
        (folder / f"00{k}.dcm").unlink()
    assert volume_of(folder).shape[0] == 3
    folder = series(tmp_path / "gap")
    for k in (0, 2, 5, 6):
        (folder / f"00{k}.dcm").unlink()
    assert "a slice is missing between gap/001.dcm and gap/003.dcm: they are 4.00 mm apart, the others 2.00 mm" in reason(folder)


def test_uneven_slices(tmp_path: Path) -> None:
    folder = series(tmp_path / "ct")
    x, y, z = pydicom.dcmread(folder / "003.dcm").ImagePositionPatient
    edited(folder / "003.dcm", ImagePositionPatient=[x, y, z + 0.7])
    said = reason(folder)
    assert "not evenly spaced: ct/002.dcm and ct/003.dcm are 2.70 mm apart, most 2.00 mm" in said
    assert "reconstruct again" in said


def test_positions_rounded_to_a_hundredth_are_even_enough(tmp_path: Path) -> None:
    folder = series(tmp_path / "ct")
    for path in folder.glob("*.dcm"):
        x, y, z = pydicom.dcmread(path).ImagePositionPatient
        edited(path, ImagePositionPatient=[x, y, round(float(z) + 0.004, 2)])
    assert volume_of(folder).pitch_mm[0] == pytest.approx(2.0, abs=0.01 / 6)


def test_the_same_slice_twice_is_used_once_and_told(tmp_path: Path) -> None:
    drawn = scanned()
    folder = series(tmp_path / "ct", drawn, defects=Defects(duplicated=4))
    with opened([folder]) as batch:
        (volume,) = volumes(batch)
        assert np.array_equal(volume.voxels, drawn.voxels)
        (refused,) = batch.refused
        assert (refused.name, refused.reason) == ("ct/007.dcm", "the same slice as ct/004.dcm, counted once")
        assert not refused.image
    assert any("ct/007.dcm is the slice ct/004.dcm once more" in note for note in volume.notes)


def test_two_different_slices_at_one_place_refuse_the_series(tmp_path: Path) -> None:
    folder = series(tmp_path / "ct", defects=Defects(duplicated=4))
    tags = pydicom.dcmread(folder / "007.dcm")
    changed = bytearray(tags.PixelData)
    changed[100] ^= 1
    edited(folder / "007.dcm", PixelData=bytes(changed))
    said = reason(folder)
    assert "ct/004.dcm and ct/007.dcm are at the same place and differ in their pixels" in said
    assert "export the volume again" in said


def test_copies_of_a_whole_series_are_one_line(tmp_path: Path) -> None:
    folder = series(tmp_path / "ct")
    shutil.copytree(folder, tmp_path / "copy")
    with opened([folder, tmp_path / "copy"]) as batch:
        (volume,) = volumes(batch)
        (refused,) = batch.refused
    assert volume.name == "copy/000.dcm to 006.dcm (7 slices)"
    assert refused.name == "ct/000.dcm to 006.dcm (7 files)"
    assert refused.reason == "the same slices as copy/000.dcm to 006.dcm (7 files), counted once"
    assert len(refused.files) == 7
    assert not refused.image
    assert not any("once more" in note for note in volume.notes)


def test_tilted_gantry(tmp_path: Path) -> None:
    said = reason(series(tmp_path / "ct", defects=Defects(tilt_deg=5.0)))
    assert "the gantry was tilted by 5 degrees (GantryDetectorTilt in ct/000.dcm)" in said
    assert "without tilt" in said


def test_sheared_stack(tmp_path: Path) -> None:
    """What a tilted gantry leaves when its tag is lost: slices that follow each other along the couch, not along their normal."""
    folder = series(tmp_path / "ct")
    for k, path in enumerate(sorted(folder.glob("*.dcm"))):
        x, y, z = pydicom.dcmread(path).ImagePositionPatient
        edited(path, ImagePositionPatient=[x, y + 0.17 * k, z])
    said = reason(folder)
    assert "ct/006.dcm is 1.02 mm aside of ct/000.dcm" in said
    assert "without tilt" in said


@pytest.mark.parametrize("position", ["HFDR", "FFDL", "SITTING", "HFV"])
def test_positions_on_the_side_are_refused(tmp_path: Path, position: str) -> None:
    said = reason(all_edited(series(tmp_path / "ct"), PatientPosition=position))
    assert f"PatientPosition is {position}, read are HFS, HFP, FFS, FFP" in said
    assert "scan again head first, supine" in said


@pytest.mark.parametrize(
    ("keyword", "words"),
    [
        ("PatientPosition", "how the phantom lay, such as HFS"),
        ("ImagePositionPatient", "position"),
        ("ImageOrientationPatient", "orientation"),
        ("PixelSpacing", "pixel spacing"),
        ("FrameOfReferenceUID", "frame of reference"),
        ("SeriesInstanceUID", "the series it belongs to"),
        ("SOPInstanceUID", "its own name"),
    ],
)
def test_missing_geometry_is_named(tmp_path: Path, keyword: str, words: str) -> None:
    said = reason(all_edited(series(tmp_path / "ct"), without=(keyword,)))
    assert said == f"CT slices that give no volume: missing: {words} ({keyword}); export the series again with its geometry"


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"ImageOrientationPatient": [1, 0, 0, 0, 0.9, 0]}, "no two directions at right angles"),
        ({"ImageOrientationPatient": [1, 0, 0, 0.1, 0.995, 0]}, "no two directions at right angles"),
        ({"PixelSpacing": [0, 1.3]}, "a pixel spacing of 0 x 1.3 mm is not possible"),
        ({"ImagePositionPatient": [0, 0]}, "ImagePositionPatient reads"),
        ({"RescaleSlope": "0"}, "a RescaleSlope of 0"),
    ],
)
def test_impossible_geometry_is_named(tmp_path: Path, values: dict[str, Any], words: str) -> None:
    said = reason(all_edited(series(tmp_path / "ct"), **values))
    assert words in said


def test_two_frames_of_reference_are_both_named(tmp_path: Path) -> None:
    folder = series(tmp_path / "ct", defects=Defects(second_frame_from=4))
    first, second = (pydicom.dcmread(folder / f"00{k}.dcm").FrameOfReferenceUID for k in (0, 4))
    said = reason(folder)
    assert f"two frames of reference in one series, {first} in ct/000.dcm and {second} in ct/004.dcm" in said


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"PixelSpacing": [1.1, 1.25]}, "two pixel spacings in one series, 1.1 x 1.3 mm in ct/000.dcm and 1.1 x 1.25 mm in ct/005.dcm"),
        ({"ImageOrientationPatient": [1, 0, 0, 0, 0, -1]}, "ct/000.dcm and ct/005.dcm of one series are turned against each other"),
        ({"StationName": "L2"}, "two machines in one series, LINAC-A (serial 0001) in ct/000.dcm and L2 (serial 0001) in ct/005.dcm"),
        ({"PatientPosition": "HFP"}, "two patient positions in one series, HFS in ct/000.dcm and HFP in ct/005.dcm"),
        ({"AcquisitionTime": "103000"}, "ct/000.dcm was taken at 2024-01-02 08:30 and ct/005.dcm at 2024-01-02 10:30: not one scan"),
        ({"Rows": 17, "PixelData": bytes(17 * 24 * 2)}, "two image sizes in one series, 18 x 24 in ct/000.dcm and 17 x 24 in ct/005.dcm"),
    ],
)
def test_slices_that_differ_are_both_named(tmp_path: Path, values: dict[str, Any], words: str) -> None:
    folder = series(tmp_path / "ct")
    edited(folder / "005.dcm", **values)
    assert words in reason(folder)


@pytest.mark.parametrize(("count", "words"), [(1, "a single CT slice (or overview picture)"), (2, "only 2 CT slices")])
def test_too_few_slices(tmp_path: Path, count: int, words: str) -> None:
    folder = series(tmp_path / "ct")
    for path in sorted(folder.glob("*.dcm"))[count:]:
        path.unlink()
    said = reason(folder)
    assert words in said
    assert "hand in the whole series" in said


def test_an_overview_picture_beside_a_series_takes_nothing_from_it(tmp_path: Path) -> None:
    folder = series(tmp_path / "ct")
    edited(folder / "000.dcm", ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"])
    with opened([folder]) as batch:
        (volume,) = volumes(batch)
        (refused,) = batch.refused
    assert volume.shape[0] == 6
    assert "a localiser" in refused.reason
    assert not refused.image


def test_enhanced_ct_is_refused_with_what_to_do(tmp_path: Path) -> None:
    folder = series(tmp_path / "ct")
    for path in sorted(folder.glob("*.dcm"))[1:]:
        path.unlink()
    edited(folder / "000.dcm", SOPClassUID=EnhancedCTImageStorage, NumberOfFrames="7")
    assert "an enhanced (multi-frame) CT: export the series again as single slices (CT Image Storage)" in reason(folder)


def test_several_frames_in_a_ct_image_are_refused(tmp_path: Path) -> None:
    folder = series(tmp_path / "ct")
    edited(folder / "000.dcm", NumberOfFrames="2")
    with opened([folder]) as batch:
        assert ["2 frames in one file" in refused.reason for refused in batch.refused] == [True]


def test_other_slices_are_one_line_that_costs_no_verdict(tmp_path: Path) -> None:
    folder = all_edited(series(tmp_path / "mr"), SOPClassUID=MRImageStorage, Modality="MR")
    with opened([folder]) as batch:
        (refused,) = batch.refused
    assert refused.reason == "MR slices: only volumes of CT are measured"
    assert (len(refused.files), refused.image) == (7, False)


@pytest.mark.parametrize("keep", [0.9, 0.3])
def test_a_truncated_slice_is_named_and_leaves_a_gap(tmp_path: Path, keep: float) -> None:
    folder = series(tmp_path / "ct")
    data = (folder / "003.dcm").read_bytes()
    (folder / "003.dcm").write_bytes(data[: int(len(data) * keep)])
    with opened([folder]) as batch:
        assert batch.acquisitions == ()
        told = {refused.name: refused.reason for refused in batch.refused}
    assert "truncated" in told["ct/003.dcm"]
    assert "a slice is missing between ct/002.dcm and ct/004.dcm" in told["ct/000.dcm to 006.dcm (6 files)"]


def test_damaged_at_any_byte_is_read_or_refused_never_an_error(tmp_path: Path) -> None:
    folder = series(tmp_path / "whole")
    data = (folder / "003.dcm").read_bytes()
    header = data.index(b"\xe0\x7f\x10\x00") + 8
    rng = np.random.default_rng(11)
    (tmp_path / "set").mkdir()
    for position in range(128, header, 3):
        broken = bytearray(data)
        broken[position] = int(rng.integers(256))
        (tmp_path / "set" / f"{position}.dcm").write_bytes(bytes(broken))
    with opened([tmp_path / "set"]) as batch:
        named = sum(len(refused.files) or 1 for refused in batch.refused)
        used = sum(len(volume.slices) for volume in volumes(batch))
    assert named + used == len(range(128, header, 3))


# series in series


def doubled(tmp_path: Path, **second: Any) -> Path:
    """Two scans under one series and frame, at the same places."""
    one, two = series(tmp_path / "ct"), all_edited(series(tmp_path / "other", scanned(seed=2)), **second)
    tags = pydicom.dcmread(one / "000.dcm")
    for path in sorted(two.glob("*.dcm")):
        edited(path, SeriesInstanceUID=tags.SeriesInstanceUID, FrameOfReferenceUID=tags.FrameOfReferenceUID)
        shutil.move(path, one / f"second_{path.name}")
    return one


def test_two_acquisitions_in_one_series_are_two_volumes(tmp_path: Path) -> None:
    with opened([doubled(tmp_path, AcquisitionNumber="2")]) as batch:
        assert batch.refused == ()
        first, second = volumes(batch)
        assert np.array_equal(first.voxels, scanned().voxels)
        assert np.array_equal(second.voxels, scanned(seed=2).voxels)
    assert first.series_instance_uid != second.series_instance_uid
    assert first.tags["SeriesInstanceUID"] == second.tags["SeriesInstanceUID"]
    assert any("holds several volumes" in note for note in first.notes)


def test_two_kernels_at_the_same_places_are_two_volumes(tmp_path: Path) -> None:
    with opened([doubled(tmp_path, ConvolutionKernel="Hann")]) as batch:
        assert batch.refused == ()
        first, second = sorted(volumes(batch), key=lambda volume: volume.tags["ConvolutionKernel"], reverse=True)
        assert (first.tags["ConvolutionKernel"], second.tags["ConvolutionKernel"]) == ("Ram-Lak", "Hann")
        assert np.array_equal(first.voxels, scanned().voxels)
        assert np.array_equal(second.voxels, scanned(seed=2).voxels)


def test_two_series_of_two_kernels_in_one_folder_are_two_volumes(tmp_path: Path) -> None:
    series(tmp_path / "ct" / "a")
    all_edited(series(tmp_path / "ct" / "b", scanned(seed=2)), ConvolutionKernel="Hann")
    with opened([tmp_path / "ct"]) as batch:
        assert batch.refused == ()
        assert sorted(volume.tags["ConvolutionKernel"] for volume in volumes(batch)) == ["Hann", "Ram-Lak"]
        assert all(len(a.volumes) == 1 for a in batch.acquisitions if not a.day)


@pytest.mark.parametrize("which", [range(4, 7), range(1, 7, 2)])
def test_kernels_that_change_along_one_stack_are_never_mixed(tmp_path: Path, which: range) -> None:
    """The last slices, or every second one: evenly spaced as a whole, and yet of two images."""
    folder = series(tmp_path / "ct")
    for k in which:
        edited(folder / f"00{k}.dcm", ConvolutionKernel="Hann")
    with opened([folder]) as batch:
        assert batch.refused == ()
        found = {volume.tags["ConvolutionKernel"]: [s.name for s in volume.slices] for volume in volumes(batch)}
    assert {kernel: len(names) for kernel, names in found.items()} == {"Hann": len(which), "Ram-Lak": 7 - len(which)}
    assert sorted(found["Hann"]) == [f"ct/00{k}.dcm" for k in which]


def test_a_single_slice_of_another_kernel_is_named(tmp_path: Path) -> None:
    folder = series(tmp_path / "ct")
    edited(folder / "003.dcm", ConvolutionKernel="Hann")
    assert "two reconstruction kernels in one series, Ram-Lak in ct/000.dcm and Hann in ct/003.dcm" in reason(folder)


def test_two_scans_in_one_series_that_nothing_tells_apart_are_refused(tmp_path: Path) -> None:
    said = reason(doubled(tmp_path))
    assert "ct/000.dcm and ct/second_000.dcm are at the same place and differ in their pixels" in said


def test_slices_that_lost_their_uid_are_kept_under_new_ones(tmp_path: Path) -> None:
    uid = generate_uid()
    volume = volume_of(all_edited(series(tmp_path / "ct"), SOPInstanceUID=uid))
    assert len({s.sop_instance_uid for s in volume.slices}) == 7
    assert all(s.sop_instance_uid == f"2.25.{int(s.sha256[:32], 16)}" for s in volume.slices)
    assert any("7 slices are recorded under UIDs made of their bytes" in note for note in volume.notes)


def test_a_series_in_a_zip_beside_images(tmp_path: Path) -> None:
    folder = series(tmp_path / "ct")
    members = {f"scan/{path.name}": path.read_bytes() for path in sorted(folder.glob("*.dcm"))} | {"mv.dcm": bytes_of(rt_image())}
    (tmp_path / "day.zip").write_bytes(zipped(members))
    with opened([tmp_path / "day.zip"]) as batch:
        assert batch.refused == ()
        (volume,) = volumes(batch)
        assert np.array_equal(volume.voxels, scanned().voxels)
        assert sum(len(acquisition.images) for acquisition in batch.acquisitions if not acquisition.day) == 1


def test_origin_outside_the_volume_is_told(tmp_path: Path) -> None:
    off = scan((), Grid(SHAPE, SPACING, (0.0, 0.0, 60.0)), np.random.default_rng(0))
    assert any("the DICOM origin lies outside the volume" in note for note in volume_of(series(tmp_path / "off", off)).notes)
    assert not any("DICOM origin" in note for note in volume_of(series(tmp_path / "on")).notes)


def test_many_slices_are_read_quickly(tmp_path: Path) -> None:
    """Not a benchmark: an order of magnitude above what it takes, so that a slice costs milliseconds, never a tenth of a second."""
    folder = series(tmp_path / "ct", scan((), Grid((150, 18, 24), (1.0, 1.1, 1.3)), np.random.default_rng(0)))
    start = time.perf_counter()
    volume = volume_of(folder)
    assert volume.voxels.shape == (150, 18, 24)
    assert time.perf_counter() - start < 10


# real volumes


@pytest.fixture
def real() -> Path:
    folder = os.environ.get("IGRTQA_REAL_DATA")
    if not folder:
        pytest.skip("IGRTQA_REAL_DATA is not set")
    return Path(folder)


@pytest.mark.real
def test_real_cbct_is_one_volume_around_the_isocentre(real: Path) -> None:
    with opened([real / "catphan604.zip"]) as batch:
        assert batch.refused == ()
        (volume,) = volumes(batch)
        voxels = volume.voxels
    assert volume.shape == (88, 512, 512)
    assert volume.pitch_mm == pytest.approx((1.98849010467529, 0.90802037715912, 0.90802037715912), abs=1e-9)  # its thickness and spacing
    middle = np.array(volume.origin_mm) + np.array([43.5, 255.5, 255.5]) @ np.array(volume.steps_mm)
    assert middle == pytest.approx((0, 0, 0), abs=0.01)  # the system reconstructs around its isocentre
    assert volume.couch_mm == pytest.approx((-31.087214559069, 532.13406502106, -130.540104096261), abs=1e-9)  # dcmdump of the first file
    assert np.median(voxels[40:48, 240:270, 240:270]) == pytest.approx(100, abs=60)  # the phantom's resin
    assert np.median(voxels[:, :20, :20]) == -1000
    assert volume.acquired is None


@pytest.mark.real
def test_real_cbct_of_a_turned_couch_lies_along_the_room(real: Path) -> None:
    with opened([real / "catphan504.zip"]) as batch:
        (volume,) = volumes(batch)
        (refused,) = batch.refused
    assert refused.name == "catphan504.zip/064.dcm"
    assert refused.reason.startswith("RT Structure Set Storage (RTSTRUCT)")
    assert not refused.image
    assert volume.shape == (64, 512, 512)
    assert volume.couch_deg == 0.1
    assert np.array(volume.steps_mm) == pytest.approx(
        np.array([[0, 2.5, 0], [0, 0, -0.87890625], [0.87890625, 0, 0]]), abs=1e-9
    )  # the file's rows run along (cos 0.1, 0, -sin 0.1): the room's X in a patient turned by 0.1 degrees
    assert len({s.sop_instance_uid for s in volume.slices}) == 64
    assert volume.acquired == datetime(2014, 10, 1, 17, 7, 1, 450_000, UTC)


def test_an_image_is_no_slice(tmp_path: Path) -> None:
    """An RT Image that calls itself CT by its modality alone is told to be exported as what it is."""
    write_image(tmp_path / "a.dcm", rt_image(SOPClassUID="1.2.840.10008.5.1.4.1.1.7", Modality="CT"))
    with opened([tmp_path / "a.dcm"]) as batch:
        (refused,) = batch.refused
    assert "a CT object that is no CT image" in refused.reason
    assert "export the slices as CT Image Storage" in refused.reason
