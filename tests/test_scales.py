"""Angles in the scale of a machine: converted where only words state them, both ways, and never where a tag does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
from pylinac.core.scale import MachineScale, convert

from phantoms import rtimage
from phantoms.linac import BallSetup, Linac, Shot, expose
from phantoms.panel import Panel
from qa import dicom, scales, site
from qa.acquisition import Image
from qa.reading import QaError
from qa.site_said import scale

AXES = ("gantry", "collimator", "couch")
THEIRS = {"iec61217": MachineScale.IEC61217, "varian_iec": MachineScale.VARIAN_IEC, "varian_standard": MachineScale.VARIAN_STANDARD}
KEYWORDS = ("GantryAngle", "BeamLimitingDeviceAngle", "PatientSupportAngle")


@pytest.mark.parametrize(
    ("name", "shown", "iec"),
    [
        ("iec61217", (90.0, 45.0, 270.0), (90.0, 45.0, 270.0)),
        ("varian_iec", (90.0, 45.0, 270.0), (90.0, 45.0, 90.0)),
        ("varian_iec", (0.0, 0.0, 0.0), (0.0, 0.0, 0.0)),
        ("varian_iec", (181.0, 181.0, 359.9), (181.0, 181.0, 0.1)),
        ("varian_standard", (180.0, 180.0, 180.0), (0.0, 0.0, 0.0)),  # source above, collimator and couch straight
        ("varian_standard", (0.0, 0.0, 0.0), (180.0, 180.0, 180.0)),
        ("varian_standard", (90.0, 90.0, 90.0), (90.0, 90.0, 90.0)),
        ("varian_standard", (270.0, 200.0, 225.0), (270.0, 340.0, 315.0)),
    ],
)
def test_the_table_both_ways(name: str, shown: tuple[float, ...], iec: tuple[float, ...]) -> None:
    assert [scales.iec(name, axis, angle) for axis, angle in zip(AXES, shown, strict=True)] == pytest.approx(iec)
    assert [scales.iec(name, axis, angle) for axis, angle in zip(AXES, iec, strict=True)] == pytest.approx(shown)


@pytest.mark.parametrize("name", scales.MIRRORED)
def test_another_program_converts_alike(name: str) -> None:
    for angle in np.arange(0.0, 360.0, 7.3):
        theirs = convert(THEIRS[name], MachineScale.IEC61217, angle, angle, angle)
        assert [scales.iec(name, axis, float(angle)) % 360 for axis in AXES] == pytest.approx([float(one) % 360 for one in theirs])


def test_what_is_no_angle_is_not_made_one() -> None:
    assert scales.iec("varian_standard", "couch", 900.0) == 900.0
    assert scales.iec("varian_iec", "sid", 1500.0) == 1500.0
    assert scales.iec("varian_iec", "couch", -90.0) == 90.0


def read(folder: Path, name: str, tags: tuple[str, ...], as_shown: str) -> tuple[Image | None, str]:
    """A drawn image under that file name, with no other of the angles' tags; else why it was refused."""
    linac = Linac(name="LINAC-E", serial="4711", panel=Panel("crop", 40, 50, (0.4, 0.4)))
    (path,) = rtimage.write(expose(linac, BallSetup((0.0, 0.0, 0.0), 6.0), [Shot()], np.random.default_rng(1)), folder, seed=1)
    data = pydicom.dcmread(path)
    for keyword in KEYWORDS:
        if keyword not in tags and keyword in data:
            del data[keyword]
    data.save_as(folder / name, write_like_original=False)
    with dicom.opened([folder / name], scale_of=lambda label: as_shown if label == "LINAC-E (serial 4711)" else "iec61217") as batch:
        images = [image for one in batch.acquisitions for image in one.images]
        return (images[0], "") if images else (None, batch.refused[0].reason)


def test_angles_that_only_the_name_states_are_converted_and_noted(tmp_path: Path) -> None:
    image, _ = read(tmp_path, "a_gantry270_coll200_couch225.dcm", (), "varian_standard")
    assert image is not None
    assert (image.gantry_deg, image.collimator_deg, image.couch_deg) == (270.0, 340.0, 315.0)
    assert sum("was converted from the machine's scale varian_standard (site file) to IEC 61217" in note for note in image.notes) == 3
    image, _ = read(tmp_path, "b_gantry270_coll200_couch225.dcm", (), "iec61217")
    assert image is not None
    assert (image.gantry_deg, image.collimator_deg, image.couch_deg) == (270.0, 200.0, 225.0)
    assert not any("converted" in note for note in image.notes)
    assert "couch angle of 900 degrees is not possible" in read(tmp_path, "c_gantry0_coll0_couch900.dcm", (), "varian_iec")[1]


def test_tags_count_as_they_are_and_words_are_compared_in_their_scale(tmp_path: Path) -> None:
    image, _ = read(tmp_path, "a_gantry180_coll180_couch180.dcm", KEYWORDS, "varian_standard")
    assert image is not None
    assert (image.gantry_deg, image.collimator_deg, image.couch_deg) == (0.0, 0.0, 0.0)
    assert not any("although" in note or "converted" in note for note in image.notes)
    image, _ = read(tmp_path, "c_gantry90_coll180_couch180.dcm", KEYWORDS, "varian_standard")
    assert image is not None
    assert image.gantry_deg == 0.0
    (note,) = [note for note in image.notes if "although" in note]  # the number that stands in the name
    assert note == "gantry angle 0 from GantryAngle, although the file name says 90 in the machine's scale varian_standard (site file)"
    image, _ = read(tmp_path, "b_gantry180_coll180_couch180.dcm", KEYWORDS, "iec61217")
    assert image is not None
    assert sum("although the file name says 180" in note for note in image.notes) == 3


SITE = """
name = "A"

[[machine]]
name = "Linac 1"
stations = ["LINAC-E"]
serials = ["4711"]
scale = "varian_iec"

[[machine]]
name = "Linac 2"
stations = ["LINAC-E"]
serials = ["4712"]
"""


def test_the_scale_is_that_of_the_images_machine(tmp_path: Path) -> None:
    (tmp_path / "site.toml").write_text(SITE, "utf-8")
    clinic = site.read(tmp_path / "site.toml")
    labels = ("LINAC-E (serial 4711)", "LINAC-E (serial 4712)", "LINAC-E", "unknown machine")
    assert [scale(clinic, "", label) for label in labels] == ["varian_iec", "iec61217", "iec61217", "iec61217"]
    assert scale(clinic, "Linac 1", "LINAC-E") == "varian_iec"  # a person says which of the two it is
    (tmp_path / "site.toml").write_text(SITE.replace('"varian_iec"', '"varian"'), "utf-8")
    with pytest.raises(
        QaError, match="machine number 1, scale: input should be 'iec61217', 'varian_iec' or 'varian_standard', found 'varian'"
    ):
        site.read(tmp_path / "site.toml")
    (tmp_path / "site.toml").write_text(SITE.replace("scale =", "couch_scale ="), "utf-8")
    with pytest.raises(QaError, match="nobody knows the key 'couch_scale'; did you mean 'scale'"):
        site.read(tmp_path / "site.toml")
