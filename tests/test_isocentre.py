"""Where beam axes meet: geometry by hand, an optimiser of another kind, and simulated noise whose truth is known."""

import numpy as np
import pytest

from phantoms.machine import BeamAxis
from phantoms.meeting import smallest_circle
from phantoms.meeting import smallest_sphere as other_optimiser
from phantoms.rays import to_fixed, to_gantry, turn
from qa.isocentre import centre_covariance, centres, least_squares, radii, rows, size, smallest_sphere, towards_source

CARDINALS = np.array([0.0, 90.0, 180.0, 270.0])
STILL = np.zeros(4)
PLANE = np.eye(2)


def plane(count: int) -> np.ndarray:
    """Axes at right angles to a plane: the smallest sphere is the smallest circle around points."""
    return np.broadcast_to(PLANE, (count, 2, 2)).copy()


def ring(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Gantry angles all round, couch at 0."""
    return rows(np.arange(count) * 360 / count, np.zeros(count)), np.zeros((count, 2))


def distances(matrix: np.ndarray, offsets: np.ndarray, point: np.ndarray) -> np.ndarray:
    return np.linalg.norm(offsets - matrix @ point, axis=1)


# Directions


def test_rows_by_hand():
    """At gantry 90 the source is at +x and u runs down; a couch at 90 degrees turns its own y towards -x of the room."""
    assert rows(CARDINALS[:2], STILL[:2]) == pytest.approx(np.array([[[1, 0, 0], [0, 1, 0]], [[0, 0, -1], [0, 1, 0]]]), abs=1e-15)
    assert rows(np.array([0.0]), np.array([90.0]))[0] == pytest.approx(np.array([[0, -1, 0], [1, 0, 0]]), abs=1e-15)


def test_rows_are_those_of_the_phantoms_own_ray_geometry():
    rng = np.random.default_rng(1)
    gantry, couch, point = rng.uniform(0, 360, 50), rng.uniform(0, 360, 50), rng.normal(0, 30, 3)
    across, up = rows(gantry, couch) @ point, towards_source(gantry, couch) @ point
    for g, f, found, height in zip(gantry, couch, across, up, strict=True):
        x, y = turn(f) @ point[:2]
        assert (*found, height) == pytest.approx(to_gantry((x, y, point[2]), g), abs=1e-10)


# Least squares


def test_axes_through_one_point_meet_there():
    matrix, point = rows(CARDINALS, np.array([0.0, 0.0, 30.0, 300.0])), np.array([1.5, -0.7, 0.3])
    assert least_squares(matrix, matrix @ point) == pytest.approx(point, abs=1e-12)
    found = smallest_sphere(matrix, matrix @ point)
    assert found.point_mm == pytest.approx(point, abs=1e-6)
    assert found.radius_mm < 1e-6


def test_least_squares_of_the_four_cardinals_by_hand():
    """u at 0 and 180 see +x and -x, at 90 and 270 -z and +z; v always sees y. Each coordinate is the mean of what sees it."""
    u, v = np.array([0.1, 0.2, 0.4, -0.6]), np.array([1.0, 2.0, 3.0, 6.0])
    found = least_squares(rows(CARDINALS, STILL), np.stack([u, v], axis=1))
    assert found == pytest.approx([(0.1 - 0.4) / 2, 3.0, (-0.2 - 0.6) / 2], abs=1e-12)


# The smallest sphere, by hand


@pytest.mark.parametrize(
    ("points", "centre", "radius"),
    [
        ([(0, 0), (3, 0), (0, 4)], (1.5, 2.0), 2.5),  # a right angle: the hypotenuse is the diameter
        ([(0, 0), (4, 0), (2, 1)], (2.0, 0.0), 2.0),  # a blunt one: the longest side is
        ([(1, 0), (-0.5, np.sqrt(0.75)), (-0.5, -np.sqrt(0.75))], (0.0, 0.0), 1.0),
        ([(2, 3), (2, 3), (2, 3), (4, 3)], (3.0, 3.0), 1.0),  # copies weigh nothing
        ([(5, -7)], (5.0, -7.0), 0.0),
    ],
)
def test_the_smallest_circle_around_points(points, centre, radius):
    found = smallest_sphere(plane(len(points)), np.array(points, dtype=float))
    assert found.radius_mm == pytest.approx(radius, abs=1e-6)
    # a micrometre more of radius leaves the centre free by sqrt((r + 0.001)^2 - r^2) across the axis of two points
    assert found.point_mm == pytest.approx(centre, abs=1e-3 + np.sqrt((radius + 1e-3) ** 2 - radius**2))
    assert distances(plane(len(points)), np.array(points, dtype=float), found.point_mm).max() <= radius + 1.01e-3


@pytest.mark.parametrize("count", [4, 5, 8, 24])
def test_axes_that_pass_the_isocentre_on_one_side_touch_a_circle(count):
    """A head that hangs 0.4 mm to one side makes every axis a tangent of a circle of 0.8 mm diameter about the gantry's axis."""
    matrix, offsets = ring(count)
    found = smallest_sphere(matrix, offsets + np.array([0.4, 0.0]))
    assert 2 * found.radius_mm == pytest.approx(0.8, abs=1e-6)
    assert found.point_mm == pytest.approx(np.zeros(3), abs=2e-3)


def test_a_displacement_that_follows_the_gantry_only_moves_the_isocentre():
    """u = a cos - b sin is a ball at (a, 0, b) and nothing else."""
    matrix, offsets = ring(8)
    g = np.radians(np.arange(8) * 45.0)
    found = smallest_sphere(matrix, offsets + np.stack([0.7 * np.cos(g) + 0.2 * np.sin(g), np.full(8, 0.3)], axis=1))
    assert found.radius_mm < 1e-6
    assert found.point_mm == pytest.approx([0.7, 0.3, -0.2], abs=1e-6)


def test_sag_along_the_gantry_axis_is_half_its_span():
    matrix, offsets = ring(8)
    offsets[:, 1] = 0.5 * np.cos(np.radians(np.arange(8) * 45.0))
    found = smallest_sphere(matrix, offsets)
    assert found.radius_mm == pytest.approx(0.5, abs=1e-6)


# The certificate


def random_set(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Axes of any number, direction, couch angle and scatter, some of them twice."""
    count = int(rng.integers(3, 25))
    couch = rng.uniform(0, 360, count) if rng.random() < 0.5 else np.zeros(count)
    matrix = rows(rng.uniform(0, 360, count), couch)
    offsets = rng.normal(0, 10 ** rng.uniform(-3, 0.5), (count, 2)) + matrix @ rng.normal(0, 2, 3)
    if rng.random() < 0.2:
        matrix, offsets = np.concatenate([matrix, matrix[:2]]), np.concatenate([offsets, offsets[:2]])
    return matrix, offsets


def test_the_certificate_is_below_a_micrometre_and_says_what_it_claims():
    """Any weights give a lower bound (weak duality), so radius minus gap must lie below what any point reaches."""
    rng = np.random.default_rng(2)
    for _ in range(100):
        matrix, offsets = random_set(rng)
        found = smallest_sphere(matrix, offsets)
        assert 0 <= found.gap_mm < 1e-3
        assert distances(matrix, offsets, found.point_mm).max() <= found.radius_mm + 1.01e-3
        near = found.point_mm + rng.normal(0, 0.1, (200, 3)) * found.radius_mm
        reached = np.linalg.norm(offsets - np.einsum("nij,bj->bni", matrix, near), axis=2).max(axis=1).min()
        assert reached >= found.radius_mm - found.gap_mm - 1e-9


def test_another_optimiser_finds_the_same_sphere():
    """SLSQP on lines in space against the interior point method on rows: nothing in common but the question."""
    rng = np.random.default_rng(3)
    for _ in range(40):
        count = int(rng.integers(4, 17))
        gantry, uv = rng.uniform(0, 360, count), rng.normal(0, 0.3, (count, 2))
        axes = [
            BeamAxis(to_fixed((u, v, 1000.0), g), tuple(-np.array(to_fixed((0.0, 0.0, 1.0), g))))
            for g, (u, v) in zip(gantry, uv, strict=True)
        ]
        centre, radius = other_optimiser(axes)
        found = smallest_sphere(rows(gantry, np.zeros(count)), uv)
        assert found.radius_mm == pytest.approx(radius, abs=1e-4)
        assert distances(rows(gantry, np.zeros(count)), uv, centre).max() <= found.radius_mm + 1.1e-3
        assert found.point_mm == pytest.approx(centre, abs=0.01)


def test_another_optimiser_finds_the_same_circle():
    rng = np.random.default_rng(4)
    for _ in range(40):
        points = rng.normal(0, 0.3, (int(rng.integers(3, 9)), 2))
        _, radius = smallest_circle([tuple(p) for p in points])
        assert smallest_sphere(plane(len(points)), points).radius_mm == pytest.approx(radius, abs=1e-4)


def test_many_sets_at_once_are_the_same_as_one_by_one():
    rng = np.random.default_rng(5)
    matrix, _ = ring(7)
    sets = rng.normal(0, 0.2, (20, 7, 2))
    found_radii, found_centres = radii(matrix, sets), centres(matrix, sets)
    for offsets, radius, centre in zip(sets, found_radii, found_centres, strict=True):
        alone = smallest_sphere(matrix, offsets)
        assert (radius, *centre) == pytest.approx((alone.radius_mm, *alone.point_mm), abs=1e-5)


# Size without noise


def test_noise_on_two_points_widens_their_circle_by_four_variances():
    """E|d|^2 = |d|^2 + 4 s^2 for two points of noise s per axis: what is taken out of the diameter squared.

    Four variances are estimated from 128 resamples, whose own scatter is (2 d s sqrt 2)/sqrt 128 in the diameter squared.
    """
    s, apart = 0.1, 0.5
    points, u = np.array([(0.0, 0.0), (apart, 0.0)]), np.full((2, 2), s)
    found = size(plane(2), points, u, smallest_sphere(plane(2), points))
    assert found.raw_mm == pytest.approx(apart, abs=1e-6)
    scatter = np.sqrt((2 * apart * s * np.sqrt(2)) ** 2 + 8 * (2 * s**2) ** 2) / np.sqrt(128)
    assert apart**2 - found.diameter_mm**2 == pytest.approx(4 * s**2, abs=4 * scatter)


def simulated(count: int, s: float, sets: int, seed: int, machine: np.ndarray | None = None) -> list:
    """(true diameter, sphere found, its size) of noisy sets; every set its own machine unless one is given."""
    rng, (matrix, _) = np.random.default_rng(seed), ring(count)
    found = []
    for _ in range(sets):
        true = rng.normal(0, 0.2, (count, 2)) if machine is None else machine
        noisy = true + rng.normal(0, s, true.shape)
        meeting = smallest_sphere(matrix, noisy)
        found.append((2 * smallest_sphere(matrix, true).radius_mm, meeting, size(matrix, noisy, np.full(true.shape, s), meeting)))
    return found


@pytest.mark.parametrize("count", [4, 8])
def test_the_size_of_ordinary_machines_is_unbiased_and_its_uncertainty_is_meant(count):
    """60 machines tell the mean pull to 1/sqrt 60 = 0.13, their deviation to 9 %, coverage of 95 % to 2.8 %; four times that is allowed."""
    found = simulated(count, 0.01, 60, seed=6)
    pulls = np.array([(z.diameter_mm - true) / z.u_mm for true, _, z in found])
    covered = np.mean([z.interval_mm[0] <= true <= z.interval_mm[1] for true, _, z in found])
    assert abs(pulls.mean()) < 4 * 0.129
    assert 1 - 4 * 0.092 < pulls.std(ddof=1) < 1 + 4 * 0.092
    assert covered > 0.95 - 4 * 0.0281


@pytest.fixture(scope="module")
def perfect() -> dict[int, list]:
    """40 noisy sets of each of three numbers of axes that all pass through one point."""
    return {count: simulated(count, 0.01, 40, seed=7, machine=np.zeros((count, 2))) for count in (4, 8, 16)}


@pytest.mark.parametrize("count", [4, 8, 16])
def test_a_perfect_machine_loses_the_size_that_noise_lends_it(perfect, count):
    """Noise alone looks like 2 to 4 standard deviations of size. What is left of it must be less than half, and may be nothing."""
    raw, left = (np.array(values) for values in zip(*((z.raw_mm, z.diameter_mm) for _, _, z in perfect[count]), strict=True))
    assert raw.mean() > 2 * 0.01
    assert left.mean() < 0.5 * raw.mean()
    assert np.mean(left == 0.0) > 0.25


def test_the_interval_of_a_perfect_machines_size_reaches_nothing(perfect):
    """95 % of the intervals hold the truth, which is 0: of 120 all but 6 +- 2.4, so at least 104 (four standard deviations)."""
    assert sum(z.interval_mm[0] == 0.0 for found in perfect.values() for _, _, z in found) >= 104


def test_the_centres_covariance_is_its_scatter():
    """One machine, 200 sets of noise: the scatter of each coordinate is known to 5 %, what 10 of them state, 128 resamples each, to 2 %."""
    rng, (matrix, _) = np.random.default_rng(9), ring(6)
    noisy = rng.normal(0, 0.2, (6, 2)) + rng.normal(0, 0.005, (200, 6, 2))
    scatter = np.std(centres(matrix, noisy), axis=0, ddof=1)
    stated = [centre_covariance(matrix, one, np.full((6, 2), 0.005)) for one in noisy[:10]]
    assert scatter / np.sqrt(np.mean([np.diag(c) for c in stated], axis=0)) == pytest.approx(np.ones(3), abs=4 * 0.054)


def test_the_same_images_give_the_same_size_to_the_bit():
    matrix, offsets = random_set(np.random.default_rng(11))
    once, again = (size(matrix, offsets, np.full(offsets.shape, 0.01), smallest_sphere(matrix, offsets)) for _ in range(2))
    assert (once.diameter_mm, once.u_mm, once.interval_mm) == (again.diameter_mm, again.u_mm, again.interval_mm)
    u = np.full(offsets.shape, 0.01)
    assert (centre_covariance(matrix, offsets, u) == centre_covariance(matrix, offsets, u)).all()
