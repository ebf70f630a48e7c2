"""A turning point, its axis and its path: by hand, with rays of the phantoms, and with simulated noise."""

import numpy as np
import pytest

from phantoms.machine import Linac, Shot
from phantoms.placement import BallSetup, shadows
from qa.rotation import Turn, fit_turn, length, turning

QUARTERS = np.array([0.0, 90.0, 180.0, 270.0])
THIRDS = np.array([300.0, 0.0, 60.0])
EIGHTHS = np.arange(8) * 45.0
FINE = 1e-3  # mm, a standard uncertainty too small to matter


def fitted(angles: np.ndarray, points: np.ndarray, u: float = FINE, mirror: float = 1.0) -> Turn:
    return fit_turn(angles, points, np.full(points.shape, u), mirror)


def own_path(turn: Turn) -> tuple[float, float]:
    """Largest distance of the turning point itself from its axis."""
    return turn.largest(turn.arm_mm, turn.covariance[2:, 2:])


def test_turns_by_hand():
    """Counter-clockwise: x becomes y after a quarter; at gantry 180 u runs against x."""
    (quarter,) = turning(np.array([90.0]), 1.0)
    assert quarter @ [1, 0] == pytest.approx([0, 1], abs=1e-15)
    assert quarter @ [0, 1] == pytest.approx([-1, 0], abs=1e-15)
    (mirrored,) = turning(np.array([90.0]), -1.0)
    assert mirrored @ [0, 1] == pytest.approx([1, 0], abs=1e-15)


@pytest.mark.parametrize("mirror", [1.0, -1.0])
@pytest.mark.parametrize("angles", [THIRDS, QUARTERS, np.array([359.79, 30.2, 271.0, 90.1, 45.0])])
def test_a_perfect_circle_is_found_exactly(angles, mirror):
    centre, arm = np.array([0.3, -0.7]), np.array([0.5, 0.2])
    found = fitted(angles, centre + turning(angles, mirror) @ arm, mirror=mirror)
    assert found.centre_mm == pytest.approx(centre, abs=1e-12)
    assert found.arm_mm == pytest.approx(arm, abs=1e-12)
    assert np.abs(found.residual_mm).max() < 1e-12
    assert own_path(found)[0] == pytest.approx(np.hypot(*arm), abs=2 * FINE)


def test_four_quarters_by_hand():
    """The centre is the mean of the points, each coordinate of it and of the arm as uncertain as a mean of four."""
    points = np.array([(1.0, 0.0), (0.0, 1.0), (-1.0, 0.2), (0.0, -1.0)])
    found = fitted(QUARTERS, points, u=0.01)
    assert found.centre_mm == pytest.approx([0.0, 0.05], abs=1e-12)
    assert np.sqrt(np.diag(found.covariance)) == pytest.approx(np.full(4, 0.005), rel=1e-9)


@pytest.mark.parametrize(("gantry", "mirror"), [(0.0, 1.0), (180.0, -1.0)])
def test_a_couchs_axis_is_where_the_phantoms_put_it(gantry, mirror):
    """A ball at the isocentre's height that the couch turns about (1.2, -0.8), seen from above or from below."""
    linac, setup = Linac(couch_axis_mm=(1.2, -0.8)), BallSetup((0.3, 0.4, 0.0))
    places = [shadows(linac, setup, Shot(gantry_deg=gantry, couch_deg=t))[0] for t in THIRDS]
    found = fitted(THIRDS, np.array([(p.u_mm, p.v_mm) for p in places]), mirror=mirror)
    assert found.centre_mm == pytest.approx([mirror * 1.2, -0.8], abs=1e-9)
    assert found.arm_mm == pytest.approx([0.3 - 1.2, 0.4 + 0.8], abs=1e-9)


def test_what_the_circle_leaves_over_counts():
    """A wobble twice per turn on quarters is (+w, 0) at 0 and 180, (-w, 0) at 90 and 270: no circle explains any of it."""
    w, arm = 0.2, np.array([0.5, 0.0])
    wobble = w * np.array([(1.0, 0.0), (-1.0, 0.0), (1.0, 0.0), (-1.0, 0.0)])
    found = fitted(QUARTERS, turning(QUARTERS, 1.0) @ arm + wobble)
    assert found.residual_mm == pytest.approx(wobble, abs=1e-12)
    assert own_path(found)[0] == pytest.approx(0.7, abs=2 * FINE)


def test_the_path_of_another_point_of_the_same_couch():
    """A point with no arm stays on the axis: a set-up error of the ball, which is its arm, has no part in it."""
    found = fitted(THIRDS, np.array([1.0, 0.0]) + turning(THIRDS, 1.0) @ np.array([3.0, 4.0]))
    assert found.largest(np.zeros(2), np.zeros((2, 2)))[0] < 3 * FINE
    assert found.largest(np.array([0.0, 0.1]), np.zeros((2, 2)))[0] == pytest.approx(0.1, abs=2 * FINE)


def pulls(angles: np.ndarray, true: np.ndarray, sets: int = 300, s: float = 0.005) -> np.ndarray:
    """(found - true) / u of the path of a point, with noise s on every coordinate."""
    rng, exact = np.random.default_rng(1), fitted(angles, true)
    largest = np.hypot(*(turning(angles, 1.0) @ exact.arm_mm + exact.residual_mm).T).max()
    found = [own_path(fitted(angles, true + rng.normal(0, s, true.shape), s)) for _ in range(sets)]
    return np.array([(value - largest) / u for value, u in found])


@pytest.mark.parametrize("angles", [THIRDS, QUARTERS, EIGHTHS])
@pytest.mark.parametrize("wobble", [0.0, 0.1, 0.3])
def test_a_path_is_unbiased_and_its_uncertainty_is_meant(angles, wobble):
    """300 sets tell the mean pull to 0.06 and the standard deviation to 4 %; four times that beyond 0.3 and [0.7, 1.3]."""
    double = np.radians(2 * angles)
    true = turning(angles, 1.0) @ np.array([0.5, 0.1]) + wobble * np.stack([np.cos(double), np.sin(double)], axis=1)
    found = pulls(angles, true)
    assert abs(found.mean()) < 0.3 + 4 * 0.058
    assert 0.7 * (1 - 4 * 0.041) < found.std(ddof=1) < 1.3 * (1 + 4 * 0.041)


def test_a_couch_that_does_not_wander_reads_next_to_nothing():
    """Noise alone lends the path about 1.3 of its standard deviations (the largest of a few lengths); more than half of it is taken out."""
    rng, s = np.random.default_rng(2), 0.005
    noise = [rng.normal(0, s, (4, 2)) for _ in range(200)]
    turns = [fitted(QUARTERS, n, s) for n in noise]
    raw = np.mean([np.hypot(*(turning(QUARTERS, 1.0) @ t.arm_mm + t.residual_mm).T).max() for t in turns])
    assert raw > s
    assert np.mean([own_path(t)[0] for t in turns]) < 0.5 * raw


# Lengths


def test_the_length_of_a_vector_far_above_its_noise():
    """E|v|^2 = |v|^2 + trace; along (3, 4) the variance of diag(a, b) is (9 a + 16 b)/25."""
    value, u = length(np.array([3.0, 4.0]), np.diag([0.04, 0.09]))
    assert value == pytest.approx(np.sqrt(25 - 0.13), rel=1e-12)
    assert u == pytest.approx(np.sqrt((9 * 0.04 + 16 * 0.09) / 25), rel=1e-12)


def test_the_length_of_a_vector_that_is_only_noise():
    """Nothing is left of it, and it is as uncertain as its widest direction."""
    assert length(np.array([0.1, 0.0]), np.diag([0.01, 0.04])) == pytest.approx((0.0, 0.2))
    assert length(np.zeros(3), np.diag([0.01, 0.04, 0.09])) == pytest.approx((0.0, 0.3))


def test_lengths_of_noisy_vectors_are_unbiased_in_their_square():
    rng, true, s = np.random.default_rng(3), np.array([0.03, -0.04]), 0.01
    found = np.array([length(true + rng.normal(0, s, 2), np.eye(2) * s**2)[0] for _ in range(4000)])
    scatter = np.std(found**2, ddof=1) / np.sqrt(4000)
    assert np.mean(found**2) == pytest.approx(0.05**2, abs=4 * scatter)


def test_a_path_is_the_same_to_the_bit():
    points = np.random.default_rng(4).normal(0, 0.3, (3, 2))
    assert own_path(fitted(THIRDS, points)) == own_path(fitted(THIRDS, points))
