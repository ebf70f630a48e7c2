"""Both engines on images with known truth: signs, frames, uncertainties, and no number for what was not measured."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from phantoms import rtimage
from phantoms.linac import BallSetup, Linac, Shot, expose
from phantoms.panel import AS1200
from qa import dicom, isocentre, protocol, session, winston_lutz_engine, winston_lutz_set_engine
from qa import winston_lutz_engine_u as worth
from qa.cli import app
from qa.compared import Compared
from qa.limit import Outcome
from qa.reading import QaError
from qa.record import Record
from qa.winston_lutz_engine import Seen, Told

PANEL = replace(AS1200, rows=190, columns=206)
LINAC = Linac(name="KNOWN", panel=PANEL, noise_sigma=0.002)  # perfect: its isocentre is F's origin
BALL = BallSetup((1.0, -0.7, 0.5), 6.0)
SHOTS = (*(Shot(gantry_deg=float(g)) for g in (0, 90, 180, 270)), Shot(couch_deg=60.0), Shot(couch_deg=300.0))
PIXEL_MM = 0.15  # two thirds of a pixel: a sign or a frame that is wrong makes a millimetre
KEYS = ("ball_offset", "ball_panel", "panel_offset")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six images of a ball."""
    into = tmp_path_factory.mktemp("known")
    rtimage.write(expose(LINAC, BALL, SHOTS, np.random.default_rng(3)), into, seed=3)
    (into / "truth.json").unlink()
    return into


def record_of(*folders: Path) -> Record:
    (record,) = session.run(folders, protocol.read("mppg9a_monthly"), procedures=["winston_lutz"], second_engine=True).records
    return record


@pytest.fixture(scope="module")
def record(folder: Path) -> Record:
    return record_of(folder)


def single(record: Record, key: str) -> list[Compared]:
    return [one for one in record.comparisons if one.quantity == key and one.at]


def whole(record: Record) -> dict[str, Compared]:
    return {one.quantity: one for one in record.comparisons if not one.at}


def test_both_engines_find_the_truth_in_every_image(record: Record) -> None:
    for n, exposure in enumerate(expose(LINAC, BALL, SHOTS, np.random.default_rng(0))):
        ball, field = np.array(exposure.truth.ball_uv_mm[0]), np.array(exposure.truth.field_uv_mm)
        for key, truth in zip(KEYS, (ball - field, ball, field), strict=True):
            for axis, true in zip("uv", truth, strict=True):
                one = single(record, f"{key}_{axis}")[n]
                assert one.value is not None
                assert one.u is not None
                assert one.their_value is not None
                assert one.their_u is not None
                assert abs(true - one.value) < 5 * one.u
                assert abs(true - one.their_value) < min(PIXEL_MM, 4 * one.their_u), (key, axis, n)
                assert one.outcome is Outcome.PASS


def test_everything_both_can_give_is_compared_and_agrees(record: Record) -> None:
    keys = {"max_ball_offset", "median_ball_offset", "max_panel_offset", "isocenter_size_gantry"} | {f"ball_shift_ls_{a}" for a in "xyz"}
    found = whole(record)
    assert keys | {"isocenter_size_collimator", ""} == set(found)
    for key in keys:
        assert found[key].outcome is Outcome.PASS, found[key]
        assert found[key].their_u is not None
    assert all(one.engine == "pylinac" and one.engine_version for one in record.comparisons)
    assert not any(one.outcome is Outcome.DISAGREEMENT for one in record.comparisons)


def test_shift_vector_is_in_the_fixed_frame(record: Record) -> None:
    """The move that brings the ball to the isocentre is minus its place; images with the couch turned do not enter."""
    for axis, place in zip("xyz", BALL.position_mm, strict=True):
        one = whole(record)[f"ball_shift_ls_{axis}"]
        assert one.their_value is not None
        assert one.their_u is not None
        assert abs(one.their_value + place) < 4 * one.their_u
        assert "4 images with the couch at 0" in one.really


def test_axis_that_was_not_turned_has_no_size(record: Record) -> None:
    collimator, alone = whole(record)["isocenter_size_collimator"], whole(record)[""]
    assert collimator.their_value is None
    assert "prints 0 for 1 image" in collimator.reason
    assert collimator.outcome is None  # neither of us measured it: no difference
    assert alone.value is None  # there is nothing of ours to hold against it
    assert alone.outcome is None
    assert "couch_2d" in alone.really
    assert alone.their_value is not None
    assert alone.their_value > np.hypot(*BALL.position_mm[:2])  # on a perfect couch: the ball's set-up error, as `really` says


def test_receptor_that_moved_is_no_offset_of_the_field(tmp_path: Path) -> None:
    """The imager's origin is not the panel's centre: the ball's place on the panel moves with it, the field's from the origin does not."""
    moved = replace(LINAC, receptor_mm=(3.0, -4.5))
    rtimage.write(expose(moved, BALL, SHOTS[:4], np.random.default_rng(4)), tmp_path, seed=4)
    record = record_of(tmp_path)
    for key in KEYS:
        for axis in "uv":
            assert all(one.outcome is Outcome.PASS for one in single(record, f"{key}_{axis}")), (key, axis)


def test_image_that_cannot_be_measured_says_so_and_the_others_go_on(folder: Path, tmp_path: Path) -> None:
    """The seventh image shows no ball; numbers of the set are then shown and not judged against ours of the same six."""
    rtimage.write(expose(LINAC, [], [Shot(gantry_deg=45.0)], np.random.default_rng(3)), tmp_path, seed=4)
    (tmp_path / "truth.json").unlink()
    result: Result = CliRunner().invoke(app, ["compare-engines", str(folder), str(tmp_path), "--no-store"])
    assert result.exit_code == 1  # the ball is more than a millimetre off
    assert result.stderr == ""
    for number in range(6):
        assert f"/00{number}.dcm" in result.output
    assert "pylinac gave up: " in result.output
    assert result.output.count("  agree") == 6 * 6 + 7
    assert "not measured" in result.output


def drawn(rng: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows of u = x cos g - z sin g, v = y at ``count`` gantry angles, and errors of 0.06 mm: alike in all images, or another in each."""
    g = np.arange(count) * 2 * np.pi / count
    matrix = np.array([[[np.cos(a), 0.0, -np.sin(a)], [0.0, 1.0, 0.0]] for a in g])
    alike = rng.random() < 0.5
    return matrix, rng.normal(0, 0.06, (1 if alike else count, 2)) + np.zeros((count, 2))


def lengths(vectors: np.ndarray) -> np.ndarray:
    """The largest and the median."""
    length = np.hypot(*vectors.T)
    return np.array([length.max(), np.median(length)])


def apart(vectors: np.ndarray) -> float:
    return max(float(np.hypot(*(a - b))) for a in vectors for b in vectors)


def diameters(matrix: np.ndarray, vectors: np.ndarray) -> float:
    return 2 * float(isocentre.radii(matrix, -vectors[None])[0])


def points(matrix: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    return np.asarray(-np.linalg.lstsq(matrix.reshape(-1, 3), vectors.ravel(), rcond=None)[0])


@pytest.mark.parametrize("size_mm", [0.0, 0.5])
@pytest.mark.parametrize("count", [4, 8])
def test_uncertainty_of_its_set_numbers_covers_the_errors_of_its_images(size_mm: float, count: int) -> None:
    """A machine of nothing, little and much: the truth lies within 2u of the number in nine of ten draws, whatever the machine."""
    rng, u = np.random.default_rng(8), np.full((count, 2), 0.06)
    within: dict[str, list[bool]] = {name: [] for name in ("largest", "median", "sphere", "widest", "x", "y", "z")}
    for _ in range(40):
        matrix, noise = drawn(rng, count)
        move = rng.normal(0, size_mm, 3)
        true = -matrix @ move + rng.normal(0, size_mm, (count, 2))
        seen = true + noise

        length, width, diameter, point = (f(seen) - f(true) for f in (lengths, apart, partial(diameters, matrix), partial(points, matrix)))
        within["largest"].append(abs(length[0]) <= 2 * worth.largest(u))
        within["median"].append(abs(length[1]) <= 2 * worth.median(seen, u))
        within["sphere"].append(abs(diameter) <= 2 * worth.sphere(matrix, seen, u, diameters(matrix, seen)))
        within["widest"].append(abs(width) <= 2 * worth.widest(u, apart(seen)))
        stated = worth.shift(matrix, u, points(matrix, seen), 1000.0)
        for k, axis in enumerate("xyz"):
            within[axis].append(abs(point[k]) <= 2 * stated[k])
    assert {name: sum(good) for name, good in within.items() if sum(good) < 36} == {}


def seen_as(images: Sequence[object], **changes: object) -> list[Seen]:
    return [Seen(replace(image, **changes), np.zeros(2), np.zeros(2), np.zeros(2)) for image in images]  # type: ignore[type-var]


def test_panel_that_runs_the_other_way_is_not_given_to_pylinac(folder: Path) -> None:
    told = Told(6.0, 0.0, 0.0, 0.0)
    with dicom.opened([folder]) as batch:
        images = batch.acquisitions[0].images
    words = winston_lutz_set_engine.measure(seen_as(images, column_u=-1), {}, told)
    assert isinstance(words, str)
    assert "run the other way" in words
    by_key = {number.key: number for number in seen_as(images, column_u=-1, receptor_mm=(1.0, 0.0))[0].numbers}
    assert by_key["panel_offset_u"].value is None
    assert by_key["ball_offset_u"].value == 0.0


def test_one_image_is_no_set_for_pylinac(folder: Path) -> None:
    with dicom.opened([folder]) as batch:
        images = batch.acquisitions[0].images
    words = winston_lutz_set_engine.measure(seen_as(images[:1]), {}, Told(6.0, 0.0, 0.0, 0.0))
    assert words == "pylinac needs two images that it can measure, and has 1"


def test_pixels_that_are_not_square_are_not_given_to_pylinac(folder: Path) -> None:
    with dicom.opened([folder]) as batch:
        image = batch.acquisitions[0].images[0]
    words = winston_lutz_engine.one_image(replace(image, spacing_mm=(0.4, 0.3)), folder, Told(6.0, 0.0, 0.0, 0.0))
    assert isinstance(words, str)
    assert "not square" in words


def test_images_of_another_kind_are_refused_with_reasons(tmp_path: Path) -> None:
    rtimage.write(expose(replace(LINAC, energy="100kV"), BALL, SHOTS[:1], np.random.default_rng(1)), tmp_path, seed=1)
    with pytest.raises(QaError, match=r"nothing could be measured(.|\n)*kV(.|\n)*truth\.json: not a DICOM file"):
        record_of(tmp_path)


@pytest.mark.real
@pytest.mark.skipif("IGRTQA_REAL_DATA" not in os.environ, reason="IGRTQA_REAL_DATA names no folder of real images")
def test_real_images_agree_in_every_number() -> None:
    record = record_of(Path(os.environ["IGRTQA_REAL_DATA"]) / "winston_lutz_17.zip")
    assert len(record.comparisons) == 17 * 6 + 9
    assert not [one for one in record.comparisons if one.outcome in (Outcome.DISAGREEMENT, Outcome.NOT_MEASURED)]
