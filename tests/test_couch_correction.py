"""Readouts corrected by a calibration of the couch: what a drawn couch did, from its readouts; and when nothing may be corrected."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache

import numpy as np
import pytest

from qa import couch_correction, procedure
from qa.acquisition import Calibration
from qa.couch_correction import Correction
from qa.reading import AnalysisError, Measured

TEST = procedure.load("couch_readout")
DATED = datetime(2026, 1, 5, tzinfo=UTC)
MATRIX = np.array([[1.002, 0.001, 0.0], [-0.001, 0.998, 0.0005], [0.0, -0.0005, 1.001]])
SPREAD = 1e-3


def calibration(readings) -> Calibration:
    return Calibration(couch_correction.PROVIDES, "record-1", DATED, DATED + timedelta(days=365), tuple(readings))


def stated(kind: str = "MV", matrix: np.ndarray = MATRIX, known: str = "xyz", couch_deg: float = 0.0, missing: str = "") -> list[Measured]:
    """Elements as the calibration's record holds them, each with a u of 0.001 of its own."""
    found = []
    for k, element in enumerate(couch_correction.ELEMENTS):
        if element[1] in known:
            own = {f"covariance_{other}": SPREAD**2 * (k == j) for j, other in enumerate(couch_correction.ELEMENTS)}
            at = {"set": kind, "couch_deg": couch_deg, "from_mm": -30.0, "to_mm": 30.0, **own}
            value = float(matrix[divmod(k, 3)])
            found.append(Measured(TEST.quantity(f"couch_gain_{element}"), value, SPREAD, at, {"x": SPREAD}, missing=missing))
    return found


def applied(*readings) -> Correction:
    found = couch_correction.applied([calibration(readings)])
    assert found is not None
    return found


@cache
def rehearsed():
    drawn = TEST.rehearse(np.random.default_rng(5))
    return drawn, TEST.analyse(drawn.acquisition).readings


def test_the_kind_is_what_the_calibration_provides():
    assert TEST.provides == couch_correction.PROVIDES


def test_without_a_calibration_there_is_no_correction():
    assert couch_correction.applied([]) is None
    assert couch_correction.applied([replace(calibration(stated()), provides="CT number to density")]) is None


def test_a_move_is_the_matrix_times_the_readouts():
    move, covariance = applied(*stated()).displacement((1.0, 2.0, 3.0), (11.0, -18.0, 8.0), 0.0)
    went = np.array([10.0, -20.0, 5.0])
    assert move == pytest.approx(MATRIX @ went, abs=1e-12)
    assert covariance == pytest.approx(np.eye(3) * SPREAD**2 * (went @ went), abs=1e-15)


def test_a_calibration_of_a_drawn_couch_tells_its_moves():
    """The truth is what was drawn: the matrix by which the couch went for every mm it read out."""
    drawn, readings = rehearsed()
    matrix = np.array([drawn.truth[f"couch_gain_{e}", "MV"] for e in couch_correction.ELEMENTS]).reshape(3, 3)
    found = applied(*readings)
    start, end = found.low, found.high
    turned = (tuple(start), tuple(end))
    move, covariance = found.displacement(*turned, found.couch_deg)
    u = np.sqrt(np.diag(covariance))
    assert found.couch_deg == 0.0
    assert (u > 0).all()
    assert (np.abs(move - matrix @ (end - start)) < 3.5 * u).all()
    bare = np.abs(matrix @ (end - start) - (end - start))
    assert (np.abs(move - matrix @ (end - start)) < bare).sum() >= 2


def test_at_a_turned_couch_the_readouts_are_turned_first():
    """At 90 degrees a lateral readout is a move along y."""
    move, _ = applied(*stated(couch_deg=90.0)).displacement((0.0, 0.0, 0.0), (10.0, 0.0, 0.0), 90.0)
    assert move == pytest.approx(MATRIX @ [0.0, 10.0, 0.0], abs=1e-9)


@pytest.mark.parametrize(
    ("readings", "end", "couch_deg", "words"),
    [
        (stated(), (10.0, 0.0, 0.0), 10.0, "for the couch at 0.0 degrees, and it stood at 10.0"),
        (stated(known="xy"), (10.0, 0.0, 0.2), 0.0, "says nothing of moves along z, and the couch moved by 0.20 mm"),
        (stated(), (0.0, -34.0, 0.0), 0.0, "from -30.0 to 30.0 mm along y, and the couch stood 4.0 mm beyond"),
    ],
)
def test_moves_that_it_says_nothing_of_are_not_corrected(readings, end, couch_deg, words):
    with pytest.raises(AnalysisError, match=words):
        applied(*readings).displacement((0.0, 0.0, 0.0), end, couch_deg)


def test_an_axis_that_stood_still_needs_no_calibration():
    move, _ = applied(*stated(known="xy")).displacement((0.0, 0.0, 90.0), (10.0, 0.0, 90.04), 0.0)
    assert move == pytest.approx(MATRIX[:, 0] * 10 + [0.0, 0.0, 0.04], abs=1e-12)


@pytest.mark.parametrize(
    ("readings", "words"),
    [
        ([], "holds no matrix"),
        (stated(missing="the readout is in cm, not mm"), "cannot be used: the readout is in cm"),
        ([*stated(), *stated("kV", MATRIX + 0.01 * np.eye(3))], "different matrices"),
        (stated()[:8], None),
        ([replace(one, at={k: v for k, v in one.at.items() if k != "couch_deg"}) for one in stated()], "does not say couch_deg"),
        (stated()[:2], "holds no whole column"),
    ],
)
def test_what_cannot_be_used_says_so(readings, words):
    if words is None:  # one element of z is missing: x and y count
        assert applied(*readings).known == (True, True, False)
        return
    with pytest.raises(AnalysisError, match=words):
        applied(*readings)


def test_the_move_is_better_known_than_by_bare_readouts():
    """0.03 mm of scatter, 0.005 of resolution, 1 % of an unknown gain: of 20 mm that is 0.2 mm; the calibration knows 0.02."""
    residual = Measured(TEST.quantity("couch_readout_residual"), 0.03, 0.01, {"set": "MV"}, {"x": 0.01})
    here, there = (0.0, 0.0, 0.0), (0.0, 20.0, 0.0)
    bare = couch_correction.moved(None, here, there, 0.0)
    only = couch_correction.moved(applied(*stated()), here, there, 0.0)
    found = couch_correction.moved(applied(*stated(), residual), here, there, 0.0)
    assert bare.u_mm[1] == pytest.approx(np.sqrt(0.03**2 + 0.2**2 + 0.005**2))
    assert only.u_mm[1] == pytest.approx(np.sqrt(0.03**2 + 0.2**2 + 0.02**2 + 0.005**2))
    assert found.u_mm[1] == pytest.approx(np.sqrt(0.03**2 + 0.03**2 / 3 + 0.02**2 + 0.005**2))
    assert (found.vector_mm == only.vector_mm).all()
    assert bare.said == ""
    assert found.said == "couch readouts corrected by the couch readout's calibration of 2026-01-05, record record-1"
    assert "at 10.0" in couch_correction.moved(applied(*stated()), here, there, 10.0)


def test_the_beam_s_own_images_count_first_and_others_must_agree():
    slightly = MATRIX + 0.002
    assert applied(*stated("CBCT", slightly), *stated("MV")).matrix == pytest.approx(MATRIX)
    assert applied(*stated("CBCT", slightly)).matrix == pytest.approx(slightly)
