"""Images of real planar phantoms: each named rightly, measured in place, and pylinac's contrasts beside ours."""

import os
from functools import cache
from pathlib import Path

import pytest

from qa import dicom, engines, procedure
from qa.acquisition import Image
from qa.limit import Outcome
from qa.planar_quality_look import Seen, look
from qa.reading import Measured, Reading

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif("IGRTQA_REAL_DATA" not in os.environ, reason="IGRTQA_REAL_DATA names no folder of real images"),
]
TEST = procedure.load("planar_quality")
SHOWN = {
    "leeds": "leeds_tor18",
    "qckv": "si_qckv",
    "qc3": "si_qc3",
    "qc3_2p5MV": "si_qc3",
    "lasvegas": "las_vegas",
    "Doselab_MV": "doselab_mc2_mv",
}


def archive(name: str) -> Path:
    return Path(os.environ["IGRTQA_REAL_DATA"]) / f"{name}.zip"


@cache
def analysed() -> dict[str, tuple[Image, tuple[Reading, ...]]]:
    """Every image by its name and its readings."""
    found = {}
    with dicom.opened([archive("planar")]) as batch:
        for acquisition in batch.acquisitions:
            if not TEST.accepts(acquisition):
                readings = TEST.analyse(acquisition).readings
                for image in acquisition.images:
                    own = tuple(r for r in readings if r.at.get("sop_instance_uid") == image.sop_instance_uid)
                    found[Path(image.name).stem] = image, own
    return found


def test_every_image_is_named_rightly():
    with dicom.opened([archive("planar")]) as batch:
        images = {Path(image.name).stem: image for a in batch.acquisitions if not a.day for image in a.images}
        seen = {name: look(image) for name, image in images.items()}
    assert {name: one.model.key for name, one in seen.items() if isinstance(one, Seen)} == SHOWN
    for one in seen.values():
        second = [m.score for m in one.recognition.ranking if m.model.key != one.model.key]
        assert one.match.score - max(second, default=0.0) > 0.2


@pytest.mark.parametrize("name", SHOWN)
def test_every_image_has_its_place_scale_noise_and_contrast(name):
    _, readings = analysed()[name]
    measured = {r.quantity.key for r in readings if isinstance(r, Measured)}
    assert measured >= {
        "planar_scale",
        "planar_center_u",
        "planar_center_v",
        "planar_noise",
        "planar_contrast",
        "planar_cnr",
        "planar_defects",
    }
    scales = [r.value for r in readings if isinstance(r, Measured) and r.quantity.key == "planar_scale"]
    assert all(0.9 < scale < 1.1 for scale in scales)


def test_the_las_vegas_shows_most_of_its_holes():
    """28 holes; the faintest of 1 and 2 mm are not seen by eye either."""
    (count,) = [r for r in analysed()["lasvegas"][1] if r.quantity.key == "planar_discs_seen"]
    assert isinstance(count, Measured)
    assert 20 <= count.value <= 28


def test_winston_lutz_images_are_refused():
    with dicom.opened([archive("winston_lutz_17")]) as batch:
        assert all(TEST.accepts(acquisition) for acquisition in batch.acquisitions)


@pytest.mark.filterwarnings("ignore")
def test_pylinac_finds_the_same_contrasts():
    """Where pylinac took the same regions and the same way of values; at least 20 numbers are judged, none disagrees."""
    judged = []
    path = archive("planar")
    with engines.files_by_digest([path]) as files, dicom.opened([path]) as batch:
        for acquisition in batch.acquisitions:
            if acquisition.day or TEST.accepts(acquisition):
                continue
            theirs = TEST.second_engine(acquisition, {i.sop_instance_uid: files[i.sha256] for i in acquisition.images}, lambda text: None)
            readings = [r for image, own in analysed().values() for r in own]
            judged += [
                c for c in engines.compared(TEST, acquisition.images, readings, theirs) if c.outcome in (Outcome.PASS, Outcome.DISAGREEMENT)
            ]
    assert len(judged) >= 20
    assert [(c.quantity, dict(c.at).get("part")) for c in judged if c.outcome is Outcome.DISAGREEMENT] == []
