"""The calibration of the couch readout: judged, stored, exported with its covariance, in force until it expires; a real couch."""

import csv
import io
import os
from pathlib import Path

import numpy as np
import pytest

from qa import calibrations, dicom, export, procedure, session
from qa.evidence import Table
from qa.protocol import read
from qa.reading import Measured, NotMeasured
from qa.store import Store
from reports import spreadsheet

TEST = procedure.load("couch_readout")
ELEMENTS = [a + b for a in "xyz" for b in "xyz"]


def test_it_is_stored_exported_and_in_force(tmp_path: Path):
    drawn = TEST.rehearse(np.random.default_rng(5))
    drawn.write(tmp_path / "images")
    store = Store(tmp_path / "records.sqlite")
    protocol = read("couch_readout_annual")
    (record,) = session.run([tmp_path / "images"], protocol, procedures=[TEST.name], store=store).records
    rows = list(csv.reader(io.StringIO(spreadsheet.text(record))))
    titles = {row[0] for row in rows if row}
    assert {"MV: couch readout to displacement", "MV: corrections of the couch readout", "MV: covariance of the affine"} <= titles
    entries = {r["quantity"]: r for r in export.readings_json([record])["readings"]}
    covariance = np.array([[entries[f"couch_gain_{a}"]["at"][f"covariance_{b}"] for b in ELEMENTS] for a in ELEMENTS])
    assert np.linalg.eigvalsh(covariance).min() > 0
    assert np.sqrt(np.diag(covariance)) == pytest.approx([entries[f"couch_gain_{a}"]["u"] for a in ELEMENTS])
    store.accept(record.record_id, "a physicist", "as good as new")
    (found,), (note,) = calibrations.in_force(store, [TEST.provides], record.machine, record.acquired)
    assert found.record_id == record.record_id
    assert "valid until" in note
    assert sum(isinstance(r, Measured) for r in found.readings) == 10


def test_corrections_are_the_elements_times_the_move():
    drawn = TEST.rehearse(np.random.default_rng(6))
    found = TEST.analyse(drawn.acquisition)
    (gain,) = [r for r in found.readings if r.quantity.key == "couch_gain_yx"]
    (table,) = [e for e in found.evidence if isinstance(e, Table) and "corrections" in e.title]
    row = [row for row in table.rows if row[0].startswith("x")][-1]
    assert float(row[2]) == pytest.approx(float(gain.at["to_mm"]) - float(gain.at["from_mm"]), abs=0.01)
    assert float(row[4]) == pytest.approx(gain.value * float(row[2]), abs=1e-3)
    assert float(row[7]) == pytest.approx(2 * gain.u * float(row[2]), abs=1e-3)


@pytest.mark.real
@pytest.mark.skipif("IGRTQA_REAL_DATA" not in os.environ, reason="IGRTQA_REAL_DATA names no folder of real images")
def test_a_real_couch_is_calibrated_along_the_axes_that_were_moved():
    with dicom.opened([Path(os.environ["IGRTQA_REAL_DATA"]) / "couch_shift.zip"]) as batch:
        (whole,) = [acquisition for acquisition in batch.acquisitions if acquisition.day]
        found = {r.quantity.key: r for r in TEST.analyse(whole).readings}
    for axis in "xy":
        gain = found[f"couch_gain_{axis}{axis}"]
        assert isinstance(gain, Measured)
        assert abs(gain.value - 1) < 2 * gain.u < 0.02
    for row in "xyz":
        gain = found[f"couch_gain_{row}z"]
        assert isinstance(gain, NotMeasured)
        assert "only 0.04 mm along z" in gain.reason
    assert isinstance(found["couch_readout_residual"], NotMeasured)
