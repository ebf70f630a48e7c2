"""The demonstration, drawn and measured once for all of these tests: what it says, writes and stores agrees with what was drawn."""

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from phantoms.examples import typical, typical_kv
from phantoms.linac import Shot
from phantoms.machine import beam_axes
from phantoms.meeting import smallest_sphere
from qa import procedure
from qa.cli import app
from qa.imaging_isocenter_demonstration import CBCT_ISOCENTRE_MM
from qa.limit import Outcome
from qa.reading import Measured
from qa.store import Store


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[int, str, Path]:
    """Status, words and folder of the command."""
    folder = tmp_path_factory.mktemp("shown") / "demo"
    done = CliRunner().invoke(app, ["demo", "--out", str(folder)])
    return done.exit_code, done.output, folder


def test_demo_runs_from_images_to_report_and_agrees_with_its_truth(demo: tuple[int, str, Path]) -> None:
    status, text, folder = demo
    place = folder / "winston_lutz"
    drawn = json.loads((place / "images" / "truth.json").read_text("utf-8"))["images"]
    largest = max(np.hypot(*np.subtract(i["truth"]["ball_uv_mm"][0], i["truth"]["field_uv_mm"])) for i in drawn)
    assert largest < 0.9  # a good machine: its limit is 1 mm
    assert status == 0
    assert "verdict SRS: GO (PASS)" in text
    readings = json.loads((place / "readings.json").read_text("utf-8"))["readings"]
    (found,) = [r for r in readings if r["quantity"] == "max_ball_offset"]
    assert abs(found["value"] - largest) < 4 * found["u"]
    assert not [r for r in readings if r["value"] is None]
    assert (place / "report.pdf").read_bytes().startswith(b"%PDF")
    shown = {name for name in procedure.names() if procedure.load(name).demonstrate is not None}
    assert {summary.procedure for summary in Store(folder / "records.sqlite").list()} == shown


def test_the_files_show_the_imaging_isocentres_that_were_drawn(demo: tuple[int, str, Path]) -> None:
    """K and C of the drawn systems minus the treatment isocentre of the drawn beam axes, by phantoms alone."""
    store = Store(demo[2] / "records.sqlite")
    (record,) = [store.get(one.record_id) for one in store.list() if one.procedure == "imaging_isocenter"]
    treatment = smallest_sphere(beam_axes(typical(), tuple(Shot(gantry_deg=g) for g in (0.0, 90.0, 180.0, 270.0))))[0]
    for kind, isocentre in (("cbct", CBCT_ISOCENTRE_MM), ("kv", typical_kv().imager_isocentre_mm)):
        values = [r for r in record.readings if r.quantity.key in {f"{kind}_isocenter_{axis}" for axis in "xyz"}]
        measured = [r for r in values if isinstance(r, Measured)]
        assert len(measured) == len(values) >= 3
        for reading, true in zip(measured[-3:], np.array(isocentre) - treatment, strict=True):
            assert abs(reading.value - true) < 4 * reading.u, reading.quantity.key
    assert {j.outcome for j in record.judgements} == {Outcome.PASS}
