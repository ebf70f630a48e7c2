"""Both engines on images with known truth: signs, frames, and no number for what was not measured."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from phantoms import rtimage
from phantoms.linac import BallSetup, Linac, Shot, expose
from phantoms.panel import AS1200
from qa import engines, winston_lutz_engine
from qa.cli import app
from qa.engines import Comparison, Number, Pair
from qa.reading import Measured, NotMeasured, QaError, Quantity
from qa.winston_lutz_engine import Told

LINAC = Linac(name="KNOWN", panel=replace(AS1200, rows=190, columns=206), noise_sigma=0.002)  # perfect: its isocentre is F's origin
BALL = BallSetup((1.0, -0.7, 0.5), 6.0)
SHOTS = (*(Shot(gantry_deg=float(g)) for g in (0, 90, 180, 270)), Shot(couch_deg=60.0), Shot(couch_deg=300.0))
PYLINAC_MM = 0.15  # three times the scatter of its field centre


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six images of a ball, the seventh (gantry 45) of none."""
    rng, into = np.random.default_rng(3), tmp_path_factory.mktemp("known")
    rtimage.write([*expose(LINAC, BALL, SHOTS, rng), *expose(LINAC, [], [Shot(gantry_deg=45.0)], rng)], into, seed=3)
    (into / "truth.json").unlink()
    return into


@pytest.fixture(scope="module")
def compared(folder: Path) -> Comparison:
    (comparison,) = engines.compare([folder], lambda text: None)
    return comparison


def test_both_engines_find_the_truth_in_every_image(compared: Comparison) -> None:
    for row, exposure in zip(compared.images, expose(LINAC, BALL, SHOTS, np.random.default_rng(0)), strict=False):
        truth = np.subtract(exposure.truth.ball_uv_mm[0], exposure.truth.field_uv_mm)
        for true, pair, key in zip(truth, row.pairs, ("ball_offset_u", "ball_offset_v"), strict=True):
            assert isinstance(pair.ours, Measured)
            assert pair.ours.quantity.key == pair.theirs.key == key
            assert pair.theirs.value is not None
            assert abs(true - pair.theirs.value) < PYLINAC_MM
            assert abs(true - pair.ours.value) < 5 * pair.ours.u
        assert row.agree


def test_image_that_cannot_be_measured_says_so_and_the_others_go_on(compared: Comparison) -> None:
    assert len(compared.images) == 7
    row = compared.images[6]
    assert row.why.startswith("pylinac gave up: ")
    assert row.pairs == ()
    assert not row.agree
    assert not compared.agree


def test_disagreement_is_said() -> None:
    quantity = Quantity("width", "mm", "a width", "test")
    for theirs, agree in ((1.0, True), (1.11, True), (1.13, False), (0.87, False), (None, False)):  # 2 hypot(0.03, 0.05) = 0.117
        assert Pair(Measured(quantity, 1.0, 0.03), Number("width", theirs, u=0.05)).agree is agree
    assert Pair(NotMeasured(quantity, "no ruler"), Number("width", 1.0, u=0.05)).agree is False


def test_shift_vector_is_in_the_fixed_frame(compared: Comparison) -> None:
    """The move that brings the ball to the isocentre is minus its place; the couch's direction shows in the turned images."""
    found = {row.theirs.key: row.theirs.value for row in compared.whole}
    for axis, place in zip("xyz", BALL.position_mm, strict=True):
        value = found[f"ball_shift_ls_{axis}"]
        assert value is not None
        assert abs(value + place) < PYLINAC_MM


def test_axis_that_was_not_turned_has_no_size(compared: Comparison) -> None:
    found = {row.theirs.key: row.theirs for row in compared.whole}
    assert found["isocenter_size_collimator"].value is None
    assert found["isocenter_size_gantry"].value is not None
    (couch,) = [row for row in compared.whole if "couch_2d" in row.theirs.really]
    assert couch.ours is None  # there is nothing of ours to hold against it
    ball = BALL.position_mm
    assert couch.theirs.value is not None
    assert couch.theirs.value > np.hypot(ball[0], ball[1])  # on a perfect couch: the ball's set-up error, as `really` says


def test_table_holds_every_image_and_no_warning(folder: Path) -> None:
    result: Result = CliRunner().invoke(app, ["compare-engines", str(folder)])
    assert result.exit_code == 3  # one image could not be measured
    assert result.stderr == ""
    for number in range(7):
        assert f"/00{number}.dcm" in result.output
    assert result.output.count("  agree") == 6
    assert "pylinac gave up: " in result.output
    assert "not measured" in result.output


def test_panel_that_runs_the_other_way_is_not_given_to_pylinac(folder: Path) -> None:
    from qa import dicom

    with dicom.opened([folder]) as batch:
        images = [replace(image, column_u=-1) for image in batch.acquisitions[0].images]
    words = winston_lutz_engine.whole_set(images, {}, Told(6.0, 0.0, 0.0, 0.0))
    assert isinstance(words, str)
    assert "run the other way" in words


def test_images_of_another_kind_are_refused_with_reasons(tmp_path: Path) -> None:
    rtimage.write(expose(replace(LINAC, energy="100kV"), BALL, SHOTS[:1], np.random.default_rng(1)), tmp_path, seed=1)
    with pytest.raises(QaError, match=r"nothing that two engines can measure(.|\n)*kV images(.|\n)*truth\.json: not a DICOM file"):
        engines.compare([tmp_path], lambda text: None)
