"""CBCT scans of two real CatPhans: named rightly, CT numbers in the makers' ranges, geometry right, and pylinac's numbers beside ours."""

import os
from functools import cache
from pathlib import Path

import pytest

from qa import dicom, engines, procedure
from qa.acquisition import Acquisition
from qa.limit import Outcome
from qa.procedure import Analysis
from qa.reading import Measured, NotMeasured

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif("IGRTQA_REAL_DATA" not in os.environ, reason="IGRTQA_REAL_DATA names no folder of real images"),
]
TEST = procedure.load("cbct_quality")
SCANS = {"catphan604": "CatPhan 604", "catphan504": "CatPhan 504"}


def archive(name: str) -> Path:
    return Path(os.environ["IGRTQA_REAL_DATA"]) / f"{name}.zip"


@cache
def analysed(name: str, phantom: str = "") -> Analysis:
    with dicom.opened([archive(name)]) as batch:
        (scan,) = [a for a in batch.acquisitions if not TEST.accepts(a)]
        return TEST.analyse(Acquisition((), scan.machine, scan.radiation, scan.title, scan.volumes, phantom=phantom))


def values(name: str, key: str) -> dict[str, Measured]:
    return {str(r.at.get("part", "")): r for r in analysed(name).readings if r.quantity.key == key and isinstance(r, Measured)}


@pytest.mark.parametrize("name", SCANS)
def test_the_phantom_is_named(name):
    settings = {str(r.at["setting"]).split(" | ")[0] for r in analysed(name).readings}
    assert settings == {SCANS[name]}


def test_a_504_that_is_said_to_be_a_604_is_refused_with_what_was_seen():
    readings = analysed("catphan504", "CatPhan 604").readings
    assert all(isinstance(r, NotMeasured) for r in readings)
    assert "show a CatPhan 504" in readings[0].reason


@pytest.mark.parametrize("name", SCANS)
def test_ct_numbers_are_near_the_makers_ranges(name):
    """40 HU of the nominal value is what a CBCT is commonly held to; air is clipped by these systems, and says so."""
    found = values(name, "cbct_hu_deviation")
    assert len(found) >= 6
    assert all(abs(reading.value) < 40 for reading in found.values())
    for reading in analysed(name).readings:
        if isinstance(reading, NotMeasured) and reading.quantity.key == "cbct_hu":
            assert "clipped" in reading.reason


@pytest.mark.parametrize("name", SCANS)
def test_rods_are_50_mm_apart(name):
    for side in ("Top", "Bottom", "Left", "Right"):
        assert abs(values(name, "cbct_rod_distance")[side].value - 50.0) < 0.15


@pytest.mark.parametrize("name", SCANS)
def test_edges_and_bars_give_the_same_resolution_within_five_percent(name):
    edge, bars = (values(name, f"cbct_mtf50_{way}")[""].value for way in ("edge", "bars"))
    assert abs(edge / bars - 1) < 0.05


@pytest.mark.parametrize("name", SCANS)
def test_the_noise_by_two_ways_agrees(name):
    one, other = values(name, "cbct_noise")[""], values(name, "cbct_nps_noise")[""]
    assert abs(one.value / other.value - 1) < 0.03


def test_a_second_engine_agrees_where_it_measures_the_same():
    paths = [archive("catphan504")]
    with dicom.opened(paths) as batch, engines.files_by_digest(paths) as files:
        (scan,) = [a for a in batch.acquisitions if not TEST.accepts(a)]
        uids = {part.sop_instance_uid: files[part.sha256] for part in scan.volumes[0].slices}
        assert TEST.second_engine is not None
        theirs = TEST.second_engine(scan, uids, lambda text: None)
    assert not isinstance(theirs.whole, str), theirs.whole
    compared = engines.compared(TEST, (), analysed("catphan504").readings, theirs)
    judged = [c for c in compared if c.outcome is not None]
    assert [c.quantity for c in judged if c.outcome is Outcome.DISAGREEMENT] == []
    assert sum(c.outcome is Outcome.PASS for c in judged) >= 10
