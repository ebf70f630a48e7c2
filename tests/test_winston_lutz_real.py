"""Winston-Lutz images of real machines: all of them measured, couch moves found, and a second engine's centres beside ours."""

import hashlib
import os
import zipfile
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from qa import dicom, procedure
from qa.acquisition import Acquisition, Image
from qa.reading import Measured, NotMeasured, Reading

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif("IGRTQA_REAL_DATA" not in os.environ, reason="IGRTQA_REAL_DATA names no folder of real images"),
]
TEST = procedure.load("winston_lutz")
IMAGES = {"winston_lutz_17": 17, "couch_shift": 12, "igrt_chain": 12}
PYLINAC_MM = 0.1  # its field centre is that of a mask of whole pixels: up to 0.08 mm off in images of which the truth is known
Found = tuple[tuple[Acquisition, tuple[Reading, ...]], ...]


def archive(name: str) -> Path:
    return Path(os.environ["IGRTQA_REAL_DATA"]) / f"{name}.zip"


@cache
def analysed(name: str) -> Found:
    """Every MV acquisition of a zip, and its readings."""
    with dicom.opened([archive(name)]) as batch:
        assert batch.refused == ()
        return tuple((a, TEST.analyse(a).readings) for a in batch.acquisitions if not TEST.accepts(a))


def one(readings: tuple[Reading, ...], key: str, image: Image) -> Measured:
    (found,) = [r for r in readings if r.quantity.key == key and r.at.get("sop_instance_uid") == image.sop_instance_uid]
    assert isinstance(found, Measured), f"{image.name}: {found.reason}"
    return found


@pytest.mark.parametrize("name", IMAGES)
def test_every_image_is_measured(name):
    found = analysed(name)
    assert sum(len(acquisition.images) for acquisition, _ in found) == IMAGES[name]
    for _, readings in found:
        assert [r.reason for r in readings if isinstance(r, NotMeasured) and "sop_instance_uid" in r.at] == []
        assert [r.missing for r in readings if isinstance(r, Measured) and r.missing] == []


@pytest.mark.parametrize("name", IMAGES)
def test_uncertainties_are_those_of_good_images(name):
    """Ball minus field within 0.02 mm (k = 1): a twentieth of the tightest published limit, twice over."""
    for acquisition, readings in analysed(name):
        for image in acquisition.images:
            for axis in "uv":
                assert one(readings, f"ball_offset_{axis}", image).u < 0.02


def test_a_complete_set_measures_everything():
    """17 images with gantry, collimator and couch steps: couch 359.79, gantry 359.9999995, collimator 90 in the first."""
    ((_, readings),) = analysed("winston_lutz_17")
    assert [r for r in readings if isinstance(r, NotMeasured)] == []
    values = {r.quantity.key: r for r in readings if "sop_instance_uid" not in r.at}
    for axis in ("gantry", "collimator", "couch", "all"):
        found = values[f"isocenter_size_{axis}"]
        assert 0.0 < found.value < 2.0
        assert found.interval[0] <= found.value <= found.interval[1]
    assert values["isocenter_size_all"].value >= values["isocenter_size_gantry"].value - 2 * values["isocenter_size_gantry"].u


def test_the_smallest_sphere_is_not_far_from_the_least_squares_point():
    """No point that minimises one is further from the other than the sphere is wide."""
    ((_, readings),) = analysed("winston_lutz_17")
    values = {r.quantity.key: r.value for r in readings if isinstance(r, Measured) and "sop_instance_uid" not in r.at}
    apart = np.linalg.norm([values[f"ball_shift_{axis}"] - values[f"ball_shift_ls_{axis}"] for axis in "xyz"])
    assert apart < values["isocenter_size_all"]


def test_four_gantry_angles_measure_the_isocentre_and_nothing_of_collimator_and_couch():
    found = analysed("couch_shift")
    assert len(found) == 3
    for _, readings in found:
        absent = {r.quantity.key for r in readings if isinstance(r, NotMeasured)}
        turned = ("collimator_walkout", "collimator_axis_offset", "couch_walkout", "couch_axis_offset")
        assert absent - {"isocenter_size_all"} == {"isocenter_size_collimator", "isocenter_size_couch", *turned}


def by_set(name: str) -> dict[str, tuple[Acquisition, tuple[Reading, ...]]]:
    return {acquisition.images[0].name.split("/")[1]: (acquisition, readings) for acquisition, readings in analysed(name)}


@pytest.mark.parametrize("moved", ["lateral_3mm", "longitudinal_3mm"])
def test_the_ball_moves_on_the_panel_as_the_couch_says(moved):
    """Within U of the difference, sqrt(U1^2 + U2^2): with the panel put up anew for each image that is 0.057 mm.

    The readout is (lateral, longitudinal, vertical) = (x, y, z) on this machine; u = x cos g - z sin g.
    """
    sets = by_set("couch_shift")
    (reference, before), (shifted, after) = sets["reference"], sets[moved]
    compared = 0
    for first in reference.images:
        (second,) = [i for i in shifted.images if round(i.gantry_deg / 90) % 4 == round(first.gantry_deg / 90) % 4]
        x, y, z = np.subtract(second.couch_mm, first.couch_mm)
        g = np.radians(second.gantry_deg)
        for axis, expected in (("u", x * np.cos(g) - z * np.sin(g)), ("v", y)):
            old, new = one(before, f"ball_panel_{axis}", first), one(after, f"ball_panel_{axis}", second)
            assert abs(new.value - old.value - expected) < np.hypot(2 * old.u, 2 * new.u), f"{moved} {second.gantry_deg:.0f} {axis}"
            compared += 1
    assert compared == 8


@pytest.mark.parametrize("moved", ["lateral_3mm", "longitudinal_3mm"])
def test_what_differs_from_the_couchs_readout_is_mostly_the_panels(moved):
    """From opposite sides a couch's move changes sign along u and a panel's does not: half the difference is free of the panel.

    What is left is shared by the couch's own readout and by what the panel does not repeat; it is within 0.04 mm (U of half a difference
    of four positions of 0.02 mm).
    """
    sets = by_set("couch_shift")
    (reference, before), (shifted, after) = sets["reference"], sets[moved]
    u_of = {}
    for quarter in range(4):
        old, new = (next(i for i in s.images if round(i.gantry_deg / 90) % 4 == quarter) for s in (reference, shifted))
        u_of[quarter] = one(after, "ball_panel_u", new).value - one(before, "ball_panel_u", old).value
    x, _, z = np.subtract(shifted.images[0].couch_mm, reference.images[0].couch_mm)
    assert (u_of[0] - u_of[2]) / 2 == pytest.approx(x, abs=0.04)
    assert (u_of[3] - u_of[1]) / 2 == pytest.approx(z, abs=0.04)


@pytest.mark.parametrize("moved", ["lateral_3mm", "longitudinal_3mm"])
def test_the_isocentre_moves_against_the_ball_by_what_the_field_did_not(moved):
    """The ball went with the couch; the shift to T follows within 0.3 mm, because the field was set anew and moved by up to 0.25 mm."""
    sets = by_set("couch_shift")
    shifts = []
    for name in ("reference", moved):
        values = {r.quantity.key: r.value for r in sets[name][1] if isinstance(r, Measured) and "sop_instance_uid" not in r.at}
        shifts.append([values[f"ball_shift_{axis}"] for axis in "xyz"])
    went = np.subtract(sets[moved][0].images[0].couch_mm, sets["reference"][0].images[0].couch_mm)
    assert np.abs(np.subtract(shifts[1], shifts[0]) + went).max() < 0.3


def test_kilovoltage_images_of_the_chain_are_left_to_another_test():
    with dicom.opened([archive("igrt_chain")]) as batch:
        refused = [TEST.accepts(a) for a in batch.acquisitions if a.radiation == "kV"]
    assert len(refused) == 2
    assert all("kV" in reason for reason in refused)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("name", "ball_mm"), [("winston_lutz_17", 5.0), ("igrt_chain", 6.0)])
def test_pylinac_finds_ball_and_field_in_the_same_places(name, ball_mm, tmp_path):
    """Two independent programs may differ by what is known of pylinac's field centre and twice our own uncertainty, no more."""
    from pylinac.core.scale import MachineScale
    from pylinac.winston_lutz import WinstonLutz2D

    with zipfile.ZipFile(archive(name)) as files:
        files.extractall(tmp_path)
    differences = []
    for acquisition, readings in analysed(name):
        for image in acquisition.images:
            file = tmp_path / Path(image.name).relative_to(f"{name}.zip")
            assert hashlib.sha256(file.read_bytes()).hexdigest() == image.sha256
            theirs = WinstonLutz2D(file, gantry=image.gantry_deg, coll=image.collimator_deg, couch=image.couch_deg)
            theirs.analyze(bb_size_mm=ball_mm, machine_scale=MachineScale.IEC61217)
            found = image.column_u * theirs.cax2bb_vector.x, image.row_v * theirs.cax2bb_vector.y  # it counts along rows and columns
            ours = [one(readings, f"ball_offset_{axis}", image) for axis in "uv"]
            differences.append([their - our.value for their, our in zip(found, ours, strict=True)])
            for difference, our in zip(differences[-1], ours, strict=True):
                assert abs(difference) < PYLINAC_MM + 2 * our.u, image.name
    assert len(differences) == IMAGES[name]
    assert np.abs(np.mean(differences, axis=0)).max() < PYLINAC_MM / 2, "a constant difference would be a frame or half a pixel"
