"""A cube phantom in drawn volumes: its centre from its faces, with and without a cavity, straight and turned."""

import numpy as np
import pytest

from phantoms.volume import Cube, Cylinder, Grid, Rings, Scan, Scanned, Sphere, scan
from qa.features.place import Place
from qa.features.volume_cube import volume_cube
from qa.reading import AnalysisError

CENTRE = (1.37, -2.21, 0.83)
PITCH = (2.0, 1.5, 1.4)


def draw(size=(160.0, 160.0, 160.0), turn=(0.0, 0.0, 0.0), pitch=PITCH, seed=0, more=(), noise=30.0, centre=CENTRE) -> Scanned:
    """A plastic cube in air, 190 x 200 x 204 mm of it."""
    shape = tuple(int(length / p) for length, p in zip((190, 200, 204), pitch, strict=True))
    how = Scan(blur_mm=(0.6, 0.6), noise_hu=noise, rings=Rings(), cupping_hu=40.0)
    solids = [Cube("cube", centre, size, 120.0, turn), *more]
    return scan(solids, Grid(shape=shape, spacing_mm=pitch), np.random.default_rng(seed), how)


def measure(scanned: Scanned, part=np.s_[:]) -> Place:
    return volume_cube(scanned.voxels.astype(np.float32)[part], scanned.grid.spacing_mm)


def true_mm(scanned: Scanned) -> np.ndarray:
    return np.array(scanned.truth["cube"].index) * scanned.grid.spacing_mm


@pytest.mark.parametrize("pitch", [PITCH, (2.5, 1.4, 1.5)])
@pytest.mark.parametrize("turn", [(0.0, 0.0, 0.0), (2.5, -1.2, 0.7)])
def test_straight_and_turned_cubes(pitch, turn):
    scanned = draw(pitch=pitch, turn=turn)
    place = measure(scanned)
    off = np.abs(np.array(place.index_mm) - true_mm(scanned))
    assert off.max() < 0.05  # a thirtieth of a voxel
    assert (off < 3.5 * np.array(place.u_mm)).all()
    assert place.shape == "cube"
    assert place.radius_mm == pytest.approx(80.0, abs=0.3)
    assert np.sqrt(np.sum(np.square(list(place.budget.values())), axis=0)) == pytest.approx(place.u_mm)
    assert np.abs(np.array(place.second) - true_mm(scanned)).max() < 0.2


def test_the_uncertainty_means_something():
    pulls = []
    for k in range(6):
        rng = np.random.default_rng([3, k])
        scanned = draw(centre=tuple(rng.uniform(-3, 3, 3)), turn=tuple(rng.uniform(-2, 2, 3) * (k % 2)), seed=k)
        place = measure(scanned)
        pulls.append((np.array(place.index_mm) - true_mm(scanned)) / place.u_mm)
    assert 0.3 < np.std(pulls) < 1.5  # 18 pulls; the level's share is a bound for cupping that this phantom has little of


def test_the_central_cavity_is_the_independent_second_number():
    scanned = draw(more=[Sphere("hollow", CENTRE, 6.0, -1000.0)])
    place = measure(scanned)
    assert "central cavity" in place.flags
    assert np.abs(np.array(place.second) - true_mm(scanned)).max() < 0.06
    assert np.abs(np.array(place.index_mm) - true_mm(scanned)).max() < 0.05


def test_rods_inside_do_not_move_the_faces():
    rods = [Cylinder(f"rod {k}", (x, -2.0, z), (0, 1, 0), 4.0, 100.0, 900.0) for k, (x, z) in enumerate(((40, 30), (-50, 20), (10, -55)))]
    scanned = draw((140.0,) * 3, more=rods)
    assert np.abs(np.array(measure(scanned).index_mm) - true_mm(scanned)).max() < 0.05


@pytest.mark.parametrize("part", [np.s_[:-10], np.s_[16:], np.s_[:, :-20], np.s_[:, 22:], np.s_[:, :, :-25], np.s_[:, :, 24:]])
def test_a_face_that_is_cut_off(part):
    with pytest.raises(AnalysisError, match=r"end of the volume|no air around|seen whole"):
        measure(draw(), part)


def test_a_cavity_that_is_not_in_the_middle():
    with pytest.raises(AnalysisError, match=r"central cavity differ"):
        measure(draw(more=[Sphere("hollow", (CENTRE[0] + 0.9, *CENTRE[1:]), 6.0, -1000.0)]))


def test_what_is_not_a_cube():
    with pytest.raises(AnalysisError, match=r"no cube"):
        measure(draw((160.0, 120.0, 160.0)))
    with pytest.raises(AnalysisError, match=r"no cube"):
        measure(draw((60.0, 60.0, 60.0)))
    with pytest.raises(AnalysisError, match=r"no cube"):
        volume_cube(np.full((40, 50, 60), -1000, np.float32), PITCH)


def test_a_cube_turned_too_far():
    with pytest.raises(AnalysisError, match=r"turned|seen whole|no cube"):
        measure(draw((140.0,) * 3, turn=(0.0, 8.0, 0.0)))


def test_a_cylinder_is_not_a_cube():
    shape = tuple(int(length / p) for length, p in zip((190, 200, 204), PITCH, strict=True))
    how = Scan(blur_mm=(0.6, 0.6), noise_hu=30.0)
    scanned = scan(
        [Cylinder("body", CENTRE, (0, 1, 0), 80.0, 160.0, 120.0)], Grid(shape=shape, spacing_mm=PITCH), np.random.default_rng(0), how
    )
    with pytest.raises(AnalysisError, match=r"no cube|seen whole"):
        measure(scanned)
