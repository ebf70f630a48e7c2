"""DICOM files become images with the geometry the file states, or a refusal that says what to do; nothing in between."""

from __future__ import annotations

import os
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import gdcm
import numpy as np
import pytest
from pydicom.dataset import Dataset, FileDataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    MediaStorageDirectoryStorage,
    MRImageStorage,
    RLELossless,
    SecondaryCaptureImageStorage,
)
from rt_files import SPACING, compressed, field, rt_image, write

from qa.acquisition import Acquisition, Image
from qa.dicom import Batch, opened
from qa.reading import DicomError

ANGLE_TAGS = ("GantryAngle", "BeamLimitingDeviceAngle", "PatientSupportAngle")


def sets(batch: Batch) -> list[Acquisition]:
    return [acquisition for acquisition in batch.acquisitions if not acquisition.day]


def images(batch: Batch) -> list[Image]:
    return [image for acquisition in sets(batch) for image in acquisition.images]


def read(path: Path) -> Image:
    """The one image in the file; its pixels stay readable because the file is not a zip."""
    with opened([path]) as batch:
        assert batch.refused == ()
        (image,) = images(batch)
        return image


def refusal(path: Path) -> str:
    with opened([path]) as batch:
        assert images(batch) == []
        (refused,) = batch.refused
        assert refused.name == path.name
        return refused.reason


def image_of(tmp_path: Path, dataset: FileDataset, name: str = "a.dcm", **how: Any) -> Image:
    return read(write(tmp_path / name, dataset, **how))


def refusal_of(tmp_path: Path, dataset: FileDataset, name: str = "a.dcm") -> str:
    return refusal(write(tmp_path / name, dataset))


# what the file states


def test_geometry_and_state_as_the_file_states_them(tmp_path: Path) -> None:
    image = image_of(tmp_path, rt_image(BeamLimitingDeviceAngle="359.99", DeviceSerialNumber="4711"))
    assert image.shape == image.pixels.shape == (40, 52)
    assert image.spacing_mm == SPACING
    assert (image.sid_mm, image.sad_mm) == (1500.0, 1000.0)
    assert (image.gantry_deg, image.collimator_deg, image.couch_deg) == (90.0, 359.99, 0.0)
    assert (image.column_u, image.row_v) == (1, -1)
    assert image.receptor_mm == (0.25, -0.5)
    assert image.couch_mm == (1.5, 1200.25, -120.5)
    assert (image.radiation, image.energy) == ("MV", "6 MV")
    assert image.machine == "L1 (serial 4711)"
    assert image.tags["BeamLimitingDeviceAngle"] == "359.99"
    assert image.acquired == datetime(2024, 1, 2, 8, 9, 10, 500_000, UTC)
    assert image.notes == ("the file has no time zone: its clock time is kept and marked as UTC",)


def test_hash_is_that_of_the_file(tmp_path: Path) -> None:
    import hashlib

    path = write(tmp_path / "a.dcm")
    assert read(path).sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_pixels_are_read_only_float32_and_decoded_anew(tmp_path: Path) -> None:
    image = image_of(tmp_path, rt_image())
    first, second = image.pixels, image.pixels
    assert first.dtype == np.float32
    assert not first.flags.writeable
    assert first is not second
    assert np.array_equal(first, field())


def test_pixels_of_a_file_changed_since_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.dcm")
    image = read(path)
    write(path, rt_image(field(high=20_000)))
    with pytest.raises(DicomError, match=r"a\.dcm was changed after it was read"):
        _ = image.pixels


def test_pixels_may_be_decoded_in_several_threads(tmp_path: Path) -> None:
    image = image_of(tmp_path, rt_image())
    equal: list[bool] = []
    threads = [threading.Thread(target=lambda: equal.append(np.array_equal(image.pixels, field()))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert equal == [True] * 8


@pytest.mark.parametrize(
    ("orientation", "directions"),
    [([1, 0, 0, 0, -1, 0], (1, -1)), ([-1, 0, 0, 0, -1, 0], (-1, -1)), ([1, 0, 0, 0, 1, 0], (1, 1)), ([-1, 0, 0, 0, 1, 0], (-1, 1))],
)
def test_flipped_orientations(tmp_path: Path, orientation: list[int], directions: tuple[int, int]) -> None:
    image = image_of(tmp_path, rt_image(RTImageOrientation=orientation))
    assert (image.column_u, image.row_v) == directions


@pytest.mark.parametrize("orientation", [[0, 1, 0, 1, 0, 0], [0.9998, 0.02, 0, 0.02, -0.9998, 0], [1, 0, 0, 0, 0, -1]])
def test_turned_or_oblique_orientations_are_refused(tmp_path: Path, orientation: list[float]) -> None:
    assert "turned or oblique" in refusal_of(tmp_path, rt_image(RTImageOrientation=orientation))


def test_no_orientation_is_the_standard_one_with_a_note(tmp_path: Path) -> None:
    image = image_of(tmp_path, rt_image(without=("RTImageOrientation",)))
    assert (image.column_u, image.row_v) == (1, -1)
    assert any("RTImageOrientation" in note for note in image.notes)


def test_panel_not_perpendicular_or_turned_is_refused(tmp_path: Path) -> None:
    assert "not perpendicular" in refusal_of(tmp_path, rt_image(RTImagePlane="NON_NORMAL"))
    assert "turned by 90 degrees" in refusal_of(tmp_path, rt_image(XRayImageReceptorAngle="90"))
    assert image_of(tmp_path, rt_image(XRayImageReceptorAngle="359.99")).shape == (40, 52)


def test_planned_angles_are_told_from_readouts(tmp_path: Path) -> None:
    assert any("no readouts" in note for note in image_of(tmp_path, rt_image(ReportedValuesOrigin="PLAN")).notes)


def test_no_couch_readout_is_none_not_zero(tmp_path: Path) -> None:
    image = image_of(tmp_path, rt_image(without=("TableTopLateralPosition", "TableTopLongitudinalPosition", "TableTopVerticalPosition")))
    assert image.couch_mm is None
    image = image_of(tmp_path, rt_image(without=("TableTopLateralPosition", "XRayImageReceptorTranslation")))
    assert image.couch_mm is None
    assert image.receptor_mm is None
    assert any("couch readout not used" in note for note in image.notes)


# what is missing


@pytest.mark.parametrize(
    ("keyword", "words"),
    [
        ("ImagePlanePixelSpacing", "pixel spacing"),
        ("RTImageSID", "source-image distance"),
        ("RadiationMachineSAD", "source-axis distance"),
        ("GantryAngle", "gantry angle"),
        ("BeamLimitingDeviceAngle", "collimator angle"),
        ("PatientSupportAngle", "couch angle"),
    ],
)
def test_missing_geometry_is_named_and_nothing_else(tmp_path: Path, keyword: str, words: str) -> None:
    everything = {"pixel spacing", "source-image distance", "source-axis distance", "gantry angle", "collimator angle", "couch angle"}
    reason = refusal_of(tmp_path, rt_image(without=(keyword,)))
    assert reason.startswith(f"missing: {words} ({keyword}")
    assert not any(other in reason for other in everything - {words})
    assert "gantry90_coll0_couch0" in reason
    empty = rt_image()
    setattr(empty, keyword, None)
    assert refusal_of(tmp_path, empty) == reason


def test_all_that_is_missing_is_told_at_once_for_every_file(tmp_path: Path) -> None:
    write(tmp_path / "set" / "1.dcm", rt_image(without=("RTImageSID", "GantryAngle")))
    write(tmp_path / "set" / "2.dcm", rt_image(without=("ImagePlanePixelSpacing",)))
    write(tmp_path / "set" / "3.dcm")
    with opened([tmp_path / "set"]) as batch:
        assert [image.name for image in images(batch)] == ["set/3.dcm"]
        first, second = batch.refused
        assert (first.name, second.name) == ("set/1.dcm", "set/2.dcm")
        assert "gantry angle" in first.reason
        assert "source-image distance" in first.reason
        assert "pixel spacing" in second.reason


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"RTImageSID": "0"}, "source-image distance of 0 mm is not possible"),
        ({"RTImageSID": "-1500"}, "source-image distance of -1500 mm"),
        ({"RTImageSID": "150"}, "source-image distance of 150 mm"),
        ({"RadiationMachineSAD": "100"}, "source-axis distance of 100 mm"),
        ({"ImagePlanePixelSpacing": [0.5, 0]}, "pixel spacing of 0.5 x 0 mm"),
        ({"ImagePlanePixelSpacing": [-0.5, 0.8]}, "pixel spacing of -0.5 x 0.8 mm"),
        ({"ImagePlanePixelSpacing": [0.5]}, "ImagePlanePixelSpacing reads '0.5' where 2 numbers"),
        ({"GantryAngle": "900"}, "gantry angle of 900 degrees"),
        ({"RescaleSlope": "0", "RescaleIntercept": "0"}, "RescaleSlope of 0"),
    ],
)
def test_impossible_values_are_refused(tmp_path: Path, values: dict[str, Any], words: str) -> None:
    assert words in refusal_of(tmp_path, rt_image(**values))


@pytest.mark.parametrize("text", [b"1500,0", b"about 1500", b"nan ", b"inf "])
def test_value_that_is_no_number_is_not_taken_for_missing(tmp_path: Path, text: bytes) -> None:
    data = write(tmp_path / "a.dcm", rt_image(RTImageSID="9" * len(text))).read_bytes()
    tag = b"\x02\x30\x26\x00" + (len(text) + len(text) % 2).to_bytes(4, "little")  # (3002,0026), implicit VR
    start = data.index(tag) + len(tag)
    (tmp_path / "a.dcm").write_bytes(data[:start] + text.ljust(len(text) + len(text) % 2) + data[start + len(text) + len(text) % 2 :])
    reason = refusal(tmp_path / "a.dcm")
    assert "RTImageSID" in reason
    assert "missing" not in reason


def test_angles_that_contradict_each_other_in_one_file(tmp_path: Path) -> None:
    exposure = Dataset()
    exposure.KVP, exposure.GantryAngle = "6000", "270"
    assert "GantryAngle is stated as 90 and as 270" in refusal_of(tmp_path, rt_image(ExposureSequence=Sequence([exposure])))
    exposure.GantryAngle = "90.05"  # one readout a moment after the other
    assert image_of(tmp_path, rt_image(ExposureSequence=Sequence([exposure]))).gantry_deg == 90.0


def test_359_99_and_0_agree(tmp_path: Path) -> None:
    exposure = Dataset()
    exposure.KVP, exposure.GantryAngle = "6000", "359.99"
    assert image_of(tmp_path, rt_image(GantryAngle="0", ExposureSequence=Sequence([exposure]))).gantry_deg == 0.0


# angles in other places


def test_angles_from_the_exposure_sequence(tmp_path: Path) -> None:
    exposure = Dataset()
    exposure.KVP = "6000"
    exposure.GantryAngle, exposure.BeamLimitingDeviceAngle, exposure.PatientSupportAngle = "181.5", "2.5", "359.99"
    image = image_of(tmp_path, rt_image(without=ANGLE_TAGS, ExposureSequence=Sequence([exposure])))
    assert (image.gantry_deg, image.collimator_deg, image.couch_deg) == (181.5, 2.5, 359.99)
    assert image.tags["ExposureSequence.GantryAngle"] == "181.5"


@pytest.mark.parametrize(
    ("keyword", "text", "angles"),
    [
        ("RTImageLabel", "G90 C0 T0", (90.0, 0.0, 0.0)),
        ("RTImageLabel", "G180C45.5P270", (180.0, 45.5, 270.0)),
        ("RTImageDescription", "Gantry: 180.0 Coll: 10.5 Table: 350", (180.0, 10.5, 350.0)),
        ("RTImageDescription", "Gantry Angle = -90.0, Collimator Angle = 5, Couch Angle = 0", (-90.0, 5.0, 0.0)),
        ("SeriesDescription", "WL gantry270 coll90 couch0", (270.0, 90.0, 0.0)),
        ("RTImageName", "GANTRY_30_COLLIMATOR_60_COUCH_15", (30.0, 60.0, 15.0)),
    ],
)
def test_angles_from_vendor_places(tmp_path: Path, keyword: str, text: str, angles: tuple[float, float, float]) -> None:
    image = image_of(tmp_path, rt_image(without=ANGLE_TAGS, **{keyword: text}))
    assert (image.gantry_deg, image.collimator_deg, image.couch_deg) == angles
    assert sum(f"taken from {keyword}" in note for note in image.notes) == 3


@pytest.mark.parametrize(
    ("name", "angles"),
    [
        ("wl_gantry90_coll0_couch270.dcm", (90.0, 0.0, 270.0)),
        ("Gantry90.5-Coll12-Couch0.dcm", (90.5, 12.0, 0.0)),
        ("iview G90 C0 T0.dcm", (90.0, 0.0, 0.0)),
        ("IMG_G359.9_C0_T10_002.dcm", (359.9, 0.0, 10.0)),
    ],
)
def test_angles_from_the_file_name(tmp_path: Path, name: str, angles: tuple[float, float, float]) -> None:
    image = image_of(tmp_path, rt_image(without=ANGLE_TAGS), name)
    assert (image.gantry_deg, image.collimator_deg, image.couch_deg) == angles
    assert sum("taken from the file name" in note for note in image.notes) == 3


def test_distances_from_the_file_name(tmp_path: Path) -> None:
    image = image_of(tmp_path, rt_image(without=("RTImageSID", "RadiationMachineSAD")), "a_sid1600.5_sad1000.dcm")
    assert (image.sid_mm, image.sad_mm) == (1600.5, 1000.0)
    assert any("source-image distance 1600.5 taken from the file name" in note for note in image.notes)


@pytest.mark.parametrize(
    "name", ["gantry-90_coll0_couch0.dcm", "g90.dcm", "elegantry90_coll0_couch0.dcm", "gantry90_gantry91_coll0_couch0.dcm"]
)
def test_names_that_leave_room_for_doubt_are_not_read(tmp_path: Path, name: str) -> None:
    assert "missing: gantry angle" in refusal_of(tmp_path, rt_image(without=ANGLE_TAGS), name)


def test_words_that_disagree_are_refused(tmp_path: Path) -> None:
    reason = refusal_of(tmp_path, rt_image(without=("GantryAngle",), RTImageLabel="gantry 0"), "gantry90.dcm")
    assert "gantry angle is 0 in RTImageLabel but 90 in the file name" in reason


def test_tag_wins_over_words_and_says_so(tmp_path: Path) -> None:
    image = image_of(tmp_path, rt_image(), "gantry180_coll0_couch0.dcm")
    assert image.gantry_deg == 90.0
    assert any("although the file name says 180" in note for note in image.notes)


def test_folder_names_do_not_count_as_file_names(tmp_path: Path) -> None:
    write(tmp_path / "gantry90_coll0_couch0" / "a.dcm", rt_image(without=ANGLE_TAGS))
    with opened([tmp_path / "gantry90_coll0_couch0"]) as batch:
        assert images(batch) == []


# radiation, machine, time


def exposed(kvp: str | None) -> Sequence:
    exposure = Dataset()
    if kvp is not None:
        exposure.KVP = kvp
    return Sequence([exposure])


@pytest.mark.parametrize(
    ("kvp", "words", "radiation", "energy"),
    [
        ("100", {}, "kV", "100 kV"),
        ("2500", {}, "MV", "2.5 MV"),
        ("10000", {"RTImageDescription": "10xFFF [MV], 2400 [MU/min]"}, "MV", "10 MV FFF"),
        ("10000", {"RTImageDescription": "10X-FFF"}, "MV", "10 MV FFF"),
        (None, {"RTImageDescription": "6 X FFF"}, "MV", "6 MV FFF"),
        (None, {"RTImageDescription": "100 [kV] \r\nModeId: x"}, "kV", "100 kV"),
        (None, {"RTImageDescription": "6x [MV], 600 [MU/min]"}, "MV", "6 MV"),
        (None, {"RTImageLabel": "kV_270_1b"}, "kV", ""),
        (None, {"RTImageLabel": "MV_0_0a"}, "MV", ""),
    ],
)
def test_radiation(tmp_path: Path, kvp: str | None, words: dict[str, str], radiation: str, energy: str) -> None:
    image = image_of(tmp_path, rt_image(ExposureSequence=exposed(kvp), **words))
    assert (image.radiation, image.energy) == (radiation, energy)


def test_radiation_without_any_hint_is_mv_and_says_so(tmp_path: Path) -> None:
    image = image_of(tmp_path, rt_image(ExposureSequence=exposed(None)))
    assert image.radiation == "MV"
    assert any("taken as an MV image" in note for note in image.notes)


def test_radiation_in_contradiction_is_refused(tmp_path: Path) -> None:
    dataset = rt_image(ExposureSequence=exposed("100"), RTImageDescription="6x [MV], 600 [MU/min]")
    assert "contradict each other" in refusal_of(tmp_path, dataset)


def test_computed_pictures_are_refused(tmp_path: Path) -> None:
    assert "a computed picture (ImageType DRR)" in refusal_of(tmp_path, rt_image(ImageType=["DERIVED", "SECONDARY", "DRR"]))


def test_no_machine_name_is_told(tmp_path: Path) -> None:
    image = image_of(tmp_path, rt_image(without=("RadiationMachineName",)))
    assert image.machine == "unknown machine"
    assert any("names no machine" in note for note in image.notes)
    assert image_of(tmp_path, rt_image(without=("RadiationMachineName",), StationName="CONSOLE")).machine == "CONSOLE"


def test_time_zone_of_the_file_is_used(tmp_path: Path) -> None:
    image = image_of(tmp_path, rt_image(TimezoneOffsetFromUTC="-0430", AcquisitionTime="230000"))
    assert image.acquired == datetime(2024, 1, 3, 3, 30, tzinfo=UTC)
    assert image.notes == ()


@pytest.mark.parametrize("date", ["00010101", "19000101", "20241399", ""])
def test_date_that_is_none_is_unknown(tmp_path: Path, date: str) -> None:
    dataset = rt_image(without=("AcquisitionDate",))
    dataset.add_new("AcquisitionDate", "LO", date)  # LO takes what DA would not
    image = image_of(tmp_path, dataset)
    assert image.acquired is None
    assert any("date unknown" in note for note in image.notes)


def test_later_dates_stand_in(tmp_path: Path) -> None:
    content = {"AcquisitionDate": "00010101", "ContentDate": "20240305", "ContentTime": "101112"}
    assert image_of(tmp_path, rt_image(**content)).acquired == datetime(2024, 3, 5, 10, 11, 12, tzinfo=UTC)
    study = image_of(tmp_path, rt_image(without=("AcquisitionDate",), StudyDate="20240304", StudyTime="0910"))
    assert study.acquired == datetime(2024, 3, 4, 9, 10, tzinfo=UTC)
    assert any("StudyDate" in note for note in study.notes)


# pixel sign and scale


def test_rescale(tmp_path: Path) -> None:
    image = image_of(tmp_path, rt_image(RescaleSlope="0.25", RescaleIntercept="-8"))
    assert np.array_equal(image.pixels, field() * np.float32(0.25) - np.float32(8))


def test_sign_minus_one_is_turned_round(tmp_path: Path) -> None:
    image = image_of(tmp_path, rt_image((65535 - field()).astype("<u2"), PixelIntensityRelationshipSign=-1))
    assert np.array_equal(image.pixels, field())


def test_sign_minus_one_with_a_negative_slope_is_already_turned(tmp_path: Path) -> None:
    dataset = rt_image((65535 - field()).astype("<u2"), PixelIntensityRelationshipSign=-1, RescaleSlope="-1", RescaleIntercept="65535")
    assert np.array_equal(image_of(tmp_path, dataset).pixels, field())


def test_sign_minus_one_of_twelve_bits(tmp_path: Path) -> None:
    values = field(high=3000)
    dataset = rt_image((4095 - values).astype("<u2"), PixelIntensityRelationshipSign=-1, BitsStored=12, HighBit=11)
    assert np.array_equal(image_of(tmp_path, dataset).pixels, values)


@pytest.mark.parametrize("interpretation", ["MONOCHROME1", "MONOCHROME2"])
def test_without_sign_the_dark_surround_of_a_field_decides(tmp_path: Path, interpretation: str) -> None:
    without = ("PixelIntensityRelationshipSign",)
    shown = {"PhotometricInterpretation": interpretation}
    upright = image_of(tmp_path, rt_image(without=without, **shown), "upright.dcm")
    turned = image_of(tmp_path, rt_image((65535 - field()).astype("<u2"), without=without, **shown), "turned.dcm")
    assert np.array_equal(upright.pixels, field())
    assert np.array_equal(turned.pixels, field())
    assert any("grow with radiation" in note for note in upright.notes)
    assert any("fall with radiation" in note for note in turned.notes)


def jaws(half_x: float, half_y: float) -> Sequence:
    exposure, x, y = Dataset(), Dataset(), Dataset()
    x.RTBeamLimitingDeviceType, x.LeafJawPositions = "ASYMX", [-half_x, half_x]
    y.RTBeamLimitingDeviceType, y.LeafJawPositions = "ASYMY", [-half_y, half_y]
    exposure.KVP, exposure.BeamLimitingDeviceSequence = "6000", Sequence([x, y])
    return Sequence([exposure])


def panel(level: int, middle: int) -> np.ndarray[Any, np.dtype[np.uint16]]:
    """240 x 310 mm of flat level with another in the middle 40 x 60 mm."""
    pixels = np.full((120, 100), level, "<u2")
    pixels[50:70, 40:60] = middle
    return pixels


WIDE = {"ImagePlanePixelSpacing": [2.0, 3.1]}


def test_jaws_and_a_bright_surround_overrule_a_sign_that_is_wrong(tmp_path: Path) -> None:
    image = image_of(tmp_path, rt_image(panel(60_000, 20_000), ExposureSequence=jaws(20, 14), **WIDE))
    assert image.pixels[60, 50] == 65535 - 20_000
    assert image.pixels[0, 0] == 65535 - 60_000
    assert any("against PixelIntensityRelationshipSign 1" in note for note in image.notes)


def test_a_phantom_in_an_open_field_overrules_nothing(tmp_path: Path) -> None:
    open_field = {"ExposureSequence": jaws(200, 200), **WIDE}
    image = image_of(tmp_path, rt_image(panel(60_000, 20_000), **open_field))
    assert np.array_equal(image.pixels, panel(60_000, 20_000))
    turned = image_of(tmp_path, rt_image(panel(5_000, 40_000), PixelIntensityRelationshipSign=-1, **open_field))
    assert turned.pixels[0, 0] == 60_535
    assert turned.pixels[60, 50] == 25_535


def test_a_phantom_in_an_open_field_without_sign_is_kept_and_told(tmp_path: Path) -> None:
    dataset = rt_image(panel(60_000, 20_000), without=("PixelIntensityRelationshipSign",), ExposureSequence=jaws(200, 200), **WIDE)
    image = image_of(tmp_path, dataset)
    assert np.array_equal(image.pixels, panel(60_000, 20_000))
    assert any("neither the file nor the image says so" in note for note in image.notes)


def test_kv_without_sign_and_jaws_is_never_turned_round(tmp_path: Path) -> None:
    dataset = rt_image(panel(60_000, 20_000), without=("PixelIntensityRelationshipSign",), ExposureSequence=exposed("100"), **WIDE)
    image = image_of(tmp_path, dataset)  # an open kV field with a phantom looks like a small field turned round
    assert np.array_equal(image.pixels, panel(60_000, 20_000))
    assert any("neither the file nor the image says so" in note for note in image.notes)


# transfer syntaxes


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian])
def test_uncompressed_syntaxes_are_bit_exact(tmp_path: Path, syntax: Any) -> None:
    dataset = rt_image()
    if syntax == ExplicitVRBigEndian:
        dataset.PixelData = field().astype(">u2").tobytes()
        dataset["PixelData"].VR = "OW"
    image = image_of(tmp_path, dataset, syntax=syntax)
    assert np.array_equal(image.pixels, field())
    assert image.gantry_deg == 90.0


@pytest.mark.parametrize("dtype", ["<i2", "<u1", "<u4", "<i4"])
def test_other_pixel_kinds(tmp_path: Path, dtype: str) -> None:
    values = np.zeros((40, 52), dtype)
    values[12:20, 20:30] = 100
    values[13, 21] = np.iinfo(dtype).min if dtype[1] == "i" else 0
    dataset = rt_image(values)
    dataset["PixelData"].VR = "OW"
    assert np.array_equal(image_of(tmp_path, dataset).pixels, values.astype(np.float32))


def lively() -> np.ndarray[Any, np.dtype[np.uint16]]:
    """Noise over all 16 bits, both ends included: what a lossless codec must give back."""
    pixels = np.random.default_rng(20240102).integers(0, 65536, (40, 52)).astype("<u2")
    pixels[0, 0], pixels[-1, -1] = 0, 65535
    return pixels


def test_rle_is_bit_exact(tmp_path: Path) -> None:
    dataset = rt_image(lively())
    dataset.is_little_endian, dataset.is_implicit_VR = True, False
    dataset.compress(RLELossless)
    dataset.PixelData = dataset.PixelData
    assert np.array_equal(image_of(tmp_path, dataset, syntax=RLELossless).pixels, lively())


@pytest.mark.parametrize(
    ("codec", "uid"),
    [
        (gdcm.TransferSyntax.JPEGLosslessProcess14, "1.2.840.10008.1.2.4.57"),
        (gdcm.TransferSyntax.JPEGLosslessProcess14_1, "1.2.840.10008.1.2.4.70"),
        (gdcm.TransferSyntax.JPEGLSLossless, "1.2.840.10008.1.2.4.80"),
        (gdcm.TransferSyntax.JPEG2000Lossless, "1.2.840.10008.1.2.4.90"),
    ],
)
def test_lossless_codecs_are_bit_exact(tmp_path: Path, codec: int, uid: str) -> None:
    path = compressed(tmp_path / "a.dcm", rt_image(lively()), codec)
    assert uid.encode() in path.read_bytes()[:600]
    assert np.array_equal(read(path).pixels, lively())


def test_compressed_pixels_cut_short_are_refused(tmp_path: Path) -> None:
    path = compressed(tmp_path / "a.dcm", rt_image(lively()), gdcm.TransferSyntax.JPEG2000Lossless)
    data = path.read_bytes()
    path.write_bytes(data[:-600])
    assert "truncated" in refusal(path)
    path.write_bytes(data[:-600] + b"\0" * 592 + data[-8:])  # the stream is lost, its frame is whole
    assert "truncated" in refusal(path)


def test_stream_that_ends_the_decoder_ends_only_the_decoder(tmp_path: Path) -> None:
    path = compressed(tmp_path / "set" / "a.dcm", rt_image(lively()), gdcm.TransferSyntax.JPEGLosslessProcess14_1)
    data = bytearray(path.read_bytes())
    data[data.index(b"\xff\xd8\xff\xc3") + 6] = 0  # the sample precision of the frame header (T.81, B.2.2)
    path.write_bytes(bytes(data))
    write(tmp_path / "set" / "b.dcm")
    with opened([tmp_path / "set"]) as batch:
        assert [image.name for image in images(batch)] == ["set/b.dcm"]
        (refused,) = batch.refused
        assert (refused.name, "damaged" in refused.reason) == ("set/a.dcm", True)


@pytest.mark.parametrize("codec", [gdcm.TransferSyntax.JPEG2000, gdcm.TransferSyntax.JPEGLSNearLossless])
def test_lossy_syntaxes_are_refused(tmp_path: Path, codec: int) -> None:
    reason = refusal(compressed(tmp_path / "a.dcm", rt_image(lively()), codec))
    assert reason.startswith("lossy compressed")
    assert "export the uncompressed original" in reason


def test_pixels_once_lossy_are_refused_though_stored_plainly(tmp_path: Path) -> None:
    assert "LossyImageCompression 01" in refusal_of(tmp_path, rt_image(LossyImageCompression="01"))
    assert image_of(tmp_path, rt_image(LossyImageCompression="00")).shape == (40, 52)


@pytest.mark.parametrize(
    "syntax", ["1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51", "1.2.840.10008.1.2.4.203", "1.2.840.10008.1.2.4.102"]
)
def test_other_compressions_are_refused_by_name(tmp_path: Path, syntax: str) -> None:
    data = write(tmp_path / "a.dcm", syntax=ExplicitVRLittleEndian).read_bytes()
    plain = b"\x02\x00\x10\x00UI" + (20).to_bytes(2, "little") + b"1.2.840.10008.1.2.1\0"
    uid = syntax.encode() + b"\0" * (len(syntax) % 2)
    assert plain in data
    length = int.from_bytes(data[140:144], "little") + len(uid) - 20
    data = (
        data[:140] + length.to_bytes(4, "little") + data[144:].replace(plain, b"\x02\x00\x10\x00UI" + len(uid).to_bytes(2, "little") + uid)
    )
    (tmp_path / "a.dcm").write_bytes(data)
    reason = refusal(tmp_path / "a.dcm")
    assert "lossy" in reason or syntax in reason
    assert "export" in reason


# files that are no image to measure


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"gantry 0 went well", "not a DICOM file"),
        (b"", "an empty file"),
        (b"\x89PNG\r\n\x1a\n" + bytes(200), "a PNG picture"),
        (b"\x08\x00\x05\x00" + b"not really a dataset" * 20, "not DICOM"),
        (bytes(128) + b"DICM", "not DICOM"),
        (bytes(128) + b"DICM" + b"\xa5" * 50, "not DICOM"),
    ],
)
def test_not_dicom(tmp_path: Path, data: bytes, words: str) -> None:
    (tmp_path / "notes.txt").write_bytes(data)
    assert words in refusal(tmp_path / "notes.txt")


@pytest.mark.parametrize("keep", [0.99, 0.5, 0.2])
def test_truncated(tmp_path: Path, keep: float) -> None:
    path = write(tmp_path / "a.dcm")
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * keep)])
    reason = refusal(path)
    assert "truncated" in reason
    assert "export it again" in reason


def test_truncated_at_any_byte_is_refused(tmp_path: Path) -> None:
    data = write(tmp_path / "whole.dcm").read_bytes()
    for length in range(0, len(data) - 2, 7):
        path = tmp_path / "cut" / f"{length:05d}.dcm"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data[:length])
    with opened([tmp_path / "cut"]) as batch:
        assert images(batch) == []
        assert len(batch.refused) == len(range(0, len(data) - 2, 7))


def test_damaged_at_any_byte_is_read_or_refused_never_an_error(tmp_path: Path) -> None:
    data = write(tmp_path / "whole.dcm").read_bytes()
    header = data.index(b"\xe0\x7f\x10\x00") + 8
    rng = np.random.default_rng(7)
    for position in range(128, header):
        broken = bytearray(data)
        broken[position] = int(rng.integers(256))
        path = tmp_path / "set" / f"{position}.dcm"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(bytes(broken))
    with opened([tmp_path / "set"]) as batch:
        assert len(images(batch)) + len(batch.refused) == header - 128
        assert all(len(refused.reason) > 10 for refused in batch.refused)
        for image in images(batch):
            assert image.pixels.shape == image.shape == (40, 52)


def test_more_pixels_than_rows_and_columns(tmp_path: Path) -> None:
    assert "Rows or Columns are wrong" in refusal_of(tmp_path, rt_image(Rows=39))


def test_values_beyond_their_bits(tmp_path: Path) -> None:
    assert "do not fit in the 12 bits" in refusal_of(tmp_path, rt_image(BitsStored=12, HighBit=11))


def test_no_preamble(tmp_path: Path) -> None:
    image = image_of(tmp_path, rt_image(), preamble=False)
    assert np.array_equal(image.pixels, field())
    assert any("no DICOM preamble" in note for note in image.notes)


def test_patient_mr_is_refused_clearly_and_named_once(tmp_path: Path) -> None:
    for number in range(3):
        write(tmp_path / "mr" / f"{number}.dcm", rt_image(SOPClassUID=MRImageStorage, Modality="MR", PatientName="DOE^JANE"))
    with opened([tmp_path / "mr"]) as batch:
        assert batch.acquisitions == ()
        (refused,) = batch.refused
        assert refused.files == ("mr/0.dcm", "mr/1.dcm", "mr/2.dcm")
        assert refused.name == "mr/0.dcm to 2.dcm (3 files)"
        assert refused.reason == "MR slices: only volumes of CT are measured"
        assert not refused.image
        assert "DOE" not in repr(batch)


def test_index_of_a_medium_under_another_name(tmp_path: Path) -> None:
    assert "the index of a medium" in refusal_of(tmp_path, rt_image(SOPClassUID=MediaStorageDirectoryStorage, without=("Modality",)))


def test_words_of_the_file_cannot_spoil_the_screen(tmp_path: Path) -> None:
    assert image_of(tmp_path, rt_image(RadiationMachineName="L1\x07\nX")).machine == "L1  X"


def test_screen_shot_is_refused(tmp_path: Path) -> None:
    reason = refusal_of(tmp_path, rt_image(SOPClassUID=SecondaryCaptureImageStorage, Modality="OT"))
    assert reason == "Secondary Capture Image Storage (OT): expected an RT Image or the slices of a CT"


def test_several_frames(tmp_path: Path) -> None:
    two = rt_image(NumberOfFrames="2")
    two.PixelData = two.PixelData * 2
    assert "2 frames in one file: export one frame" in refusal_of(tmp_path, two)
    assert image_of(tmp_path, rt_image(NumberOfFrames="1")).shape == (40, 52)


def test_colour(tmp_path: Path) -> None:
    assert "a colour image" in refusal_of(tmp_path, rt_image(SamplesPerPixel=3))


def test_no_sop_instance_uid(tmp_path: Path) -> None:
    assert "no SOPInstanceUID" in refusal_of(tmp_path, rt_image(without=("SOPInstanceUID",)))


def test_one_bad_file_does_not_spoil_the_set(tmp_path: Path) -> None:
    write(tmp_path / "set" / "1.dcm")
    (tmp_path / "set" / "2.dcm").write_bytes(b"broken")
    write(tmp_path / "set" / "3.dcm")
    with opened([tmp_path / "set"]) as batch:
        assert [image.name for image in images(batch)] == ["set/1.dcm", "set/3.dcm"]
        assert [refused.name for refused in batch.refused] == ["set/2.dcm"]


# one image per UID


def test_copies_count_once(tmp_path: Path) -> None:
    write(tmp_path / "set" / "a.dcm", rt_image(SOPInstanceUID="1.2.3"))
    write(tmp_path / "set" / "b.dcm", rt_image(SOPInstanceUID="1.2.3", PatientID="renamed since"))
    with opened([tmp_path / "set"]) as batch:
        assert [image.name for image in images(batch)] == ["set/a.dcm"]
        (refused,) = batch.refused
        assert (refused.name, refused.reason) == ("set/b.dcm", "the same image as set/a.dcm, counted once")


@pytest.mark.parametrize(
    "altered",
    [
        lambda: rt_image(field(high=30_000), SOPInstanceUID="1.2.3"),  # the same exposure with other pixels
        lambda: rt_image(SOPInstanceUID="1.2.3", GantryAngle="180"),  # the same pixels said to be another exposure
    ],
)
def test_versions_of_one_exposure_are_all_refused(tmp_path: Path, altered: Any) -> None:
    write(tmp_path / "set" / "a.dcm", rt_image(SOPInstanceUID="1.2.3"))
    write(tmp_path / "set" / "b.dcm", altered())
    write(tmp_path / "set" / "c.dcm")
    with opened([tmp_path / "set"]) as batch:
        assert [image.name for image in images(batch)] == ["set/c.dcm"]
        assert [refused.name for refused in batch.refused] == ["set/a.dcm", "set/b.dcm"]
        assert all("no telling which is right" in refused.reason for refused in batch.refused)


def test_exposures_that_lost_their_uid_are_kept_under_new_ones(tmp_path: Path) -> None:
    write(tmp_path / "set" / "a.dcm", rt_image(SOPInstanceUID="1.2.3"))
    write(tmp_path / "set" / "b.dcm", rt_image(field(high=30_000), SOPInstanceUID="1.2.3", GantryAngle="180"))
    with opened([tmp_path / "set"]) as batch:
        first, second = images(batch)
        assert batch.refused == ()
        assert first.sop_instance_uid != second.sop_instance_uid
        for image in (first, second):
            assert image.sop_instance_uid == f"2.25.{int(image.sha256[:32], 16)}"
            assert image.tags["SOPInstanceUID"] == "1.2.3"
            assert any("also that of another exposure" in note for note in image.notes)


# acquisitions


def grouped(tmp_path: Path, *datasets: FileDataset) -> list[list[str]]:
    for number, dataset in enumerate(datasets):
        write(tmp_path / "set" / f"{number}.dcm", dataset)
    with opened([tmp_path / "set"]) as batch:
        assert batch.refused == ()
        return [[image.name[4] for image in acquisition.images] for acquisition in sets(batch)]


def test_two_machines_stay_apart(tmp_path: Path) -> None:
    assert grouped(tmp_path, rt_image(), rt_image(RadiationMachineName="L2"), rt_image(DeviceSerialNumber="7")) == [["0"], ["1"], ["2"]]


def test_two_dates_stay_apart_and_no_date_is_its_own(tmp_path: Path) -> None:
    unknown = [rt_image(AcquisitionDate="00010101") for _ in range(2)]
    assert grouped(tmp_path, rt_image(), rt_image(AcquisitionDate="20240103"), *unknown, rt_image()) == [["0", "4"], ["1"], ["2", "3"]]


def test_one_day_on_the_machine_is_one_day_wherever_midnight_falls_in_utc(tmp_path: Path) -> None:
    zone = {"TimezoneOffsetFromUTC": "-0800"}
    assert grouped(tmp_path, rt_image(AcquisitionTime="150000", **zone), rt_image(AcquisitionTime="170000", **zone)) == [["0", "1"]]


def test_kv_and_mv_stay_apart(tmp_path: Path) -> None:
    assert grouped(tmp_path, rt_image(), rt_image(ExposureSequence=exposed("100"))) == [["0"], ["1"]]


def test_couch_in_one_place_within_its_scatter(tmp_path: Path) -> None:
    vertical = ["-120.5", "-120.35", "-120.2", "-119.9"]  # steps of 0.15, 0.15 and 0.3 mm; linked up to 0.2 mm
    assert grouped(tmp_path, *(rt_image(TableTopVerticalPosition=v) for v in vertical)) == [["0", "1", "2"], ["3"]]


def test_images_without_couch_readout_are_one_group(tmp_path: Path) -> None:
    silent = [rt_image(without=("TableTopVerticalPosition",)) for _ in range(2)]
    assert grouped(tmp_path, silent[0], rt_image(), silent[1]) == [["0", "2"], ["1"]]


def test_title_says_what_was_imaged(tmp_path: Path) -> None:
    with opened([write(tmp_path / "a.dcm")]) as batch:
        (acquisition,) = batch.acquisitions
        assert acquisition.title == "6 MV, L1, 2024-01-02, couch (1.50, 1200.25, -120.50) mm"
        assert (acquisition.machine, acquisition.radiation) == ("L1", "MV")
    bare = rt_image(AcquisitionDate="00010101", ExposureSequence=exposed(None), without=("TableTopVerticalPosition",))
    with opened([write(tmp_path / "b.dcm", bare)]) as batch:
        assert batch.acquisitions[0].title == "MV, L1, date unknown, couch readout unknown"


# real images


@pytest.fixture
def real() -> Path:
    folder = os.environ.get("IGRTQA_REAL_DATA")
    if not folder:
        pytest.skip("IGRTQA_REAL_DATA is not set")
    return Path(folder)


def spread(batch: Batch) -> list[tuple[str, int]]:
    return [(acquisition.radiation, len(acquisition.images)) for acquisition in sets(batch)]


def assert_bright_middle(batch: Batch, radiation: str) -> None:
    """Collimated fields on the axis: the middle of the panel holds far more than its corners."""
    for acquisition in batch.acquisitions:
        for image in acquisition.images if acquisition.radiation == radiation else ():
            pixels = image.pixels
            rows, columns = pixels.shape
            middle = np.median(pixels[rows // 2 - 9 : rows // 2 + 9, columns // 2 - 9 : columns // 2 + 9])
            assert middle > 20 * np.median(pixels[:30, :30])


@pytest.mark.real
def test_real_winston_lutz_is_one_acquisition(real: Path) -> None:
    with opened([real / "winston_lutz_17.zip"]) as batch:
        assert spread(batch) == [("MV", 17)]
        assert batch.refused == ()
        assert all(image.acquired is None and image.energy == "6 MV" for image in batch.acquisitions[0].images)
        assert_bright_middle(batch, "MV")


@pytest.mark.real
def test_real_couch_shift_is_three_sets_and_a_day(real: Path) -> None:
    with opened([real / "couch_shift.zip"]) as batch:
        assert spread(batch) == [("MV", 4)] * 3
        assert [acquisition.images[0].name.split("/")[1] for acquisition in sets(batch)] == [
            "lateral_3mm",
            "longitudinal_3mm",
            "reference",
        ]
        assert [(a.radiation, len(a.images)) for a in batch.acquisitions if a.day] == [("MV", 12)]
        assert_bright_middle(batch, "MV")
        lateral, longitudinal, reference = (np.mean([i.couch_mm for i in a.images], axis=0) for a in sets(batch))
        assert lateral[0] - reference[0] == pytest.approx(3.0065, abs=1e-4)  # as the data's own description says
        assert longitudinal[1] - reference[1] == pytest.approx(-2.9979, abs=1e-4)


@pytest.mark.real
def test_real_igrt_chain_splits_at_the_couch_correction(real: Path) -> None:
    with opened([real / "igrt_chain.zip"]) as batch:
        assert sorted(spread(batch)) == [("MV", 12), ("kV", 2), ("kV", 2)]
        after, before, _ = sets(batch)
        moved = np.subtract(after.images[0].couch_mm, before.images[0].couch_mm)
        assert moved == pytest.approx((0.026, 0.001, -0.394), abs=5e-4)
        assert_bright_middle(batch, "MV")
        for image in (*before.images, *after.images):  # the stem below the ball takes radiation away from the open field
            pixels = image.pixels
            assert np.median(pixels[700:740, 500:524]) < 0.9 * np.median(pixels[350:450, 150:350])


@pytest.mark.real
def test_real_planar_images_are_all_kept(real: Path) -> None:
    with opened([real / "planar.zip"]) as batch:
        assert batch.refused == ()
        kinds = {image.name.split("/")[1]: image.radiation for image in images(batch)}
        assert kinds == {
            "Doselab_MV.dcm": "MV",
            "lasvegas.dcm": "MV",
            "leeds.dcm": "kV",
            "qc3.dcm": "MV",
            "qc3_2p5MV.dcm": "MV",
            "qckv.dcm": "kV",
        }
        for image in images(batch):
            if image.name.split("/")[1] in ("Doselab_MV.dcm", "lasvegas.dcm", "qc3.dcm", "qc3_2p5MV.dcm"):
                pixels = image.pixels  # open fields: the phantom in the middle takes radiation away
                rows, columns = pixels.shape
                assert (
                    np.median(pixels[rows // 2 - 20 : rows // 2 + 20, columns // 2 - 20 : columns // 2 + 20])
                    < 0.8 * pixels[40, columns // 2]
                )
