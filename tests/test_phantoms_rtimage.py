"""Written files are RT Images that say what the machine believes, hold the pixels, and carry the truth beside them."""

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pydicom
import pytest
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian, RTImageStorage

from phantoms.aperture import Rectangle
from phantoms.linac import BallSetup, Linac, Shot, expose, faulty
from phantoms.panel import Panel
from phantoms.rtimage import write

PANEL = Panel("oblong", 120, 150, (0.5, 0.4))
SHOTS = (Shot(0.0, 0.0, 0.0), Shot(90.003317222203, 44.99937756, 359.791015625, (3.0065, -1.5, 0.25)))


@pytest.fixture
def exposures():
    linac = replace(
        faulty(), panel=PANEL, sid_mm=1500.0, receptor_mm=(0.25, -1.5), aperture=Rectangle(20, 16, (1.0, 0.0))
    )
    return expose(linac, BallSetup((1.0, 2.0, 3.0)), SHOTS, np.random.default_rng(5))


def test_tags_say_what_the_machine_believes(exposures, tmp_path):
    paths = write(exposures, tmp_path / "set", seed=5)
    assert [path.name for path in paths] == ["000.dcm", "001.dcm"]
    read = pydicom.dcmread(paths[1])
    assert read.SOPClassUID == read.file_meta.MediaStorageSOPClassUID == RTImageStorage
    assert read.SOPInstanceUID == read.file_meta.MediaStorageSOPInstanceUID
    assert (read.Modality, read.Manufacturer, read.PatientName) == ("RTIMAGE", "IGRTQA simulated", "SIMULATED")
    assert (read.RadiationMachineName, read.DeviceSerialNumber) == ("faulty", "0003")
    assert (read.Rows, read.Columns) == (120, 150)
    assert read.ImagePlanePixelSpacing == [0.5, 0.4]  # row, column
    assert read.RTImagePosition == [-74.5 * 0.4, 59.5 * 0.5]  # x, y of the first pixel's centre
    assert read.RTImageOrientation == [1, 0, 0, 0, -1, 0]
    assert read.XRayImageReceptorTranslation == [0.25, -1.5, -500]
    assert (read.RadiationMachineSAD, read.RTImageSID) == (1000, 1500)
    assert read.GantryAngle == pytest.approx(90.003317222203, abs=1e-11)
    assert read.BeamLimitingDeviceAngle == pytest.approx(44.99937756, abs=1e-11)
    assert read.PatientSupportAngle == 359.791015625
    jaws = {
        jaw.RTBeamLimitingDeviceType: list(jaw.LeafJawPositions)
        for jaw in read.ExposureSequence[0].BeamLimitingDeviceSequence
    }
    assert jaws == {"X": [-9, 11], "Y": [-8, 8]}


def test_couch_readouts_differ_by_the_travel(exposures, tmp_path):
    first, second = (pydicom.dcmread(path) for path in write(exposures, tmp_path, seed=5))
    assert second.TableTopLateralPosition - first.TableTopLateralPosition == pytest.approx(3.0065, abs=1e-9)
    assert second.TableTopLongitudinalPosition - first.TableTopLongitudinalPosition == pytest.approx(-1.5, abs=1e-9)
    assert second.TableTopVerticalPosition - first.TableTopVerticalPosition == pytest.approx(0.25, abs=1e-9)
    assert second.AcquisitionTime > first.AcquisitionTime


@pytest.mark.parametrize(("implicit", "syntax"), [(True, ImplicitVRLittleEndian), (False, ExplicitVRLittleEndian)])
def test_pixels_come_back_and_the_slope_makes_the_open_beam_one(exposures, tmp_path, implicit, syntax):
    for path, exposure in zip(write(exposures, tmp_path, seed=5, implicit=implicit), exposures, strict=True):
        read = pydicom.dcmread(path)
        assert read.file_meta.TransferSyntaxUID == syntax
        assert np.array_equal(read.pixel_array, exposure.pixels)
        assert read.PixelIntensityRelationshipSign == 1
    wide = replace(exposures[0].linac, aperture=Rectangle(300, 300), noise_sigma=0.0, curvature_per_mm2=0.0)
    opened = expose(wide, [], SHOTS[:1], np.random.default_rng(0))
    read = pydicom.dcmread(write(opened, tmp_path / "open", seed=5)[0])
    assert read.pixel_array * float(read.RescaleSlope) + float(read.RescaleIntercept) == pytest.approx(1.0, abs=2e-5)


def test_inverted_files_hold_the_negative(exposures, tmp_path):
    read = pydicom.dcmread(write(exposures, tmp_path, seed=5, inverted=True)[0])
    assert read.PixelIntensityRelationshipSign == -1
    assert np.array_equal(65535 - read.pixel_array.astype(int), exposures[0].pixels)


def test_kv_sets_say_so(tmp_path):
    kv = Linac("kv", "0009", panel=PANEL, energy="100kV", aperture=Rectangle(300, 300))
    read = pydicom.dcmread(write(expose(kv, BallSetup(), SHOTS, np.random.default_rng(0)), tmp_path, seed=1)[0])
    assert (read.RTImageLabel, read.PrimaryDosimeterUnit, read.ExposureSequence[0].KVP) == ("kV_000", "MINUTE", 100)


def test_uids_are_unique_within_and_between_sets_and_repeat_for_the_same_one(exposures, tmp_path):
    other = expose(exposures[0].linac, BallSetup((0.0, 0.0, 0.0)), SHOTS, np.random.default_rng(5))
    sets = [
        write(exposures, tmp_path / "a", seed=5),
        write(exposures, tmp_path / "b", seed=5),
        write(other, tmp_path / "c", seed=5),
    ]
    uids = [[pydicom.dcmread(path, stop_before_pixels=True).SOPInstanceUID for path in paths] for paths in sets]
    series = [pydicom.dcmread(paths[0], stop_before_pixels=True).SeriesInstanceUID for paths in sets]
    assert uids[0] == uids[1]
    assert len({*uids[0], *uids[2]}) == 4
    assert series[0] == series[1] != series[2]
    assert [path.read_bytes() for path in sets[0]] == [path.read_bytes() for path in sets[1]]


def test_the_truth_lies_beside_the_files(exposures, tmp_path):
    write(exposures, tmp_path, seed=5)
    record = json.loads((tmp_path / "truth.json").read_text("utf-8"))
    assert record["seed"] == 5
    assert record["linac"]["couch_scale"] == [0.97, 1.0, 1.02]
    for image, exposure in zip(record["images"], exposures, strict=True):
        assert image["shot"]["gantry_deg"] == exposure.shot.gantry_deg
        assert tuple(image["truth"]["field_px"]) == exposure.truth.field_px
        assert [tuple(ball) for ball in image["truth"]["ball_px"]] == list(exposure.truth.ball_px)
    assert [image["file"] for image in record["images"]] == ["000.dcm", "001.dcm"]


def test_one_folder_is_one_machine(exposures, tmp_path):
    other = expose(replace(exposures[0].linac, serial="0004"), BallSetup(), SHOTS[:1], np.random.default_rng(0))
    with pytest.raises(ValueError, match="one machine"):
        write([*exposures, *other], tmp_path, seed=5)


def test_pylinac_reads_the_file_as_drawn(exposures, tmp_path):
    from pylinac import image

    path = write(exposures, tmp_path, seed=5)[1]
    loaded = image.load(path)
    assert (loaded.sid, loaded.sad) == (1500, 1000)
    signal = exposures[1].pixels * (exposures[1].linac.full_scale / 65535)
    assert loaded.array == pytest.approx(signal, abs=1e-8)


def test_importing_the_package_loads_nothing_heavy_and_drawing_needs_no_dicom():
    code = (
        "import sys, phantoms; light = not {'numpy', 'scipy'} & set(sys.modules); "
        "import phantoms.linac; print(light, 'pydicom' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "False"]
