"""Drawn volumes against integrals worked out here: centres, amounts, partial volume, blur, noise, artefacts, and what is refused."""

import numpy as np
import pytest
from scipy.stats import norm

from phantoms.volume import Cube, Cylinder, Grid, Rings, Scan, Sphere, Streaks, draw, scan
from phantoms.volume_faults import noise
from phantoms.volume_phantoms import FIVE_MM, ball_block, ball_cube, mimi_cube, penta_cube

AIR, BALL = -1000.0, 2000.0
REAL_ORIENTATION = (0.99999847691329, 0.0, -0.0017453283659, 0.0, 1.0, 0.0)


def tilted(degrees=20.0):
    """Columns turned about the patient's y, rows then about the new columns: at right angles, along none of the axes."""
    a, b = np.radians(degrees), np.radians(degrees / 2)
    right = np.array([np.cos(a), 0.0, -np.sin(a)])
    down = np.cos(b) * np.array([0.0, 1.0, 0.0]) + np.sin(b) * np.cross(right, [0.0, 1.0, 0.0])
    return (*right, *down)


GRIDS = {
    "isotropic": Grid((26, 27, 28), (0.5, 0.5, 0.5)),
    "anisotropic": Grid((15, 30, 25), (2.0, 0.5, 0.7), (0.3, -1.1, 0.8)),
    "as in real files": Grid((16, 30, 34), (2.0, 0.5, 0.5), (1.0, 2.0, 3.0), REAL_ORIENTATION),
    "oblique": Grid((20, 32, 30), (1.5, 0.6, 0.5), (-1.0, 1.5, 2.5), tilted()),
    "feet first, decreasing": Grid((20, 32, 30), (1.5, 0.6, 0.5), (-1.0, 1.5, 2.5), tilted(-7), "FFS", True),
    "prone": Grid((20, 32, 30), (1.5, 0.6, 0.5), (-1.0, 1.5, 2.5), tilted(40), "HFP"),
    "feet first, prone": Grid((20, 32, 30), (1.5, 0.6, 0.5), (-1.0, 1.5, 2.5), REAL_ORIENTATION, "FFP"),
}


def wide(grid):
    """A blur of 0.65 pitches: the frequency of the voxels is blurred away, so that sums over voxels are integrals to 1e-5."""
    return Scan(blur_mm=(0.65 * max(grid.spacing_mm[1:]), 0.65 * grid.spacing_mm[0]))


def off_centre(grid, radius=3.1):
    x, y, z = np.add(grid.centre_mm, (0.23, -0.31, 0.17))
    return Sphere("ball", (x, y, z), radius, BALL)


@pytest.mark.parametrize("grid", GRIDS.values(), ids=GRIDS.keys())
def test_the_centre_of_mass_and_the_amount_of_a_drawn_ball_are_the_truth(grid):
    ball = off_centre(grid)
    filled = draw([ball], grid, wide(grid)).astype(float) - AIR
    index = np.array([(axis * filled).sum() / filled.sum() for axis in np.indices(grid.shape)])
    origin, (across, down, right) = np.asarray(grid.origin_mm), grid.steps_mm
    found = origin + index[0] * across + index[1] * down + index[2] * right
    assert found == pytest.approx(ball.centre_mm, abs=1e-4)
    volume = filled.sum() * abs(np.linalg.det(grid.steps_mm))
    assert volume == pytest.approx(4 / 3 * np.pi * ball.radius_mm**3 * (BALL - AIR), rel=1e-4)
    assert scan([ball], grid, np.random.default_rng(1)).truth["ball"].index == pytest.approx(index, abs=1e-4)


@pytest.mark.parametrize("blur", [(0.8, 1.6), (1.2, 1.0), (0.8, 3.0)])
def test_the_blur_has_the_variance_asked_for(blur):
    grid = Grid((36, 40, 44), (1.4, 0.5, 0.6))
    filled = draw([Sphere("ball", (0.1, 0.2, 0.3), 3.0, BALL)], grid, Scan(blur_mm=blur)).astype(float) - AIR
    for axis, sigma in enumerate((blur[1], blur[0], blur[0])):
        place = np.indices(grid.shape)[axis] * grid.spacing_mm[axis]
        mean = (place * filled).sum() / filled.sum()
        variance = ((place - mean) ** 2 * filled).sum() / filled.sum()
        assert variance == pytest.approx(3.0**2 / 5 + sigma**2 + grid.spacing_mm[axis] ** 2 / 12, rel=2e-3)


def chord(solid, points, direction):
    """Where lines enter and leave a convex solid, as distances along the direction; enter > leave where a line misses."""
    apart = points - np.asarray(solid.centre_mm)
    if isinstance(solid, Cube):
        enter, leave = np.full(len(points), -np.inf), np.full(len(points), np.inf)
        for edge, size in zip(solid.edges, solid.size_mm, strict=True):
            speed, place = direction @ edge, apart @ edge
            if abs(speed) < 1e-12:
                enter = np.where(np.abs(place) > size / 2, np.inf, enter)
                continue
            near, far = sorted((-size / 2, size / 2), key=lambda half: half / speed)
            enter, leave = np.maximum(enter, (near - place) / speed), np.minimum(leave, (far - place) / speed)
        return enter, leave
    if isinstance(solid, Cylinder):
        axis = np.asarray(solid.axis) / np.linalg.norm(solid.axis)
        enter, leave = round_chord(apart - np.outer(apart @ axis, axis), direction - (direction @ axis) * axis, solid.radius_mm)
        speed, place = direction @ axis, apart @ axis
        ends = np.sort([(-solid.length_mm / 2 - place) / speed, (solid.length_mm / 2 - place) / speed], axis=0)
        return np.maximum(enter, ends[0]), np.minimum(leave, ends[1])
    return round_chord(apart, direction, solid.radius_mm)


def round_chord(apart, direction, radius):
    if np.linalg.norm(direction) < 1e-9:  # along a rod: in it for ever, or never
        inside = (apart**2).sum(axis=1) < radius**2
        return np.where(inside, -np.inf, 1.0), np.where(inside, np.inf, 0.0)
    square, middle = direction @ direction, apart @ direction
    root = middle**2 - square * ((apart**2).sum(axis=1) - radius**2)
    half = np.sqrt(np.maximum(root, 0)) / square
    return np.where(root > 0, -middle / square - half, 1.0), np.where(root > 0, -middle / square + half, 0.0)


def cumulative(place, pitch, sigma):
    """Distribution function of a place in a voxel moved by a Gaussian."""

    def integral(t):
        return t * norm.cdf(t / sigma) + sigma * norm.pdf(t / sigma)

    return (integral(place + pitch / 2) - integral(place - pitch / 2)) / pitch


def brute_force(solid, grid, voxel, blur, count=240):
    """Share of a voxel behind its blur: lines along the slices, cut exactly; a fine grid within the slice, each cell with its weight."""
    direction = grid.directions[0]
    cells = [np.linspace(-1, 1, count + 1) * (grid.spacing_mm[k] / 2 + 5 * blur[0]) for k in (1, 2)]
    rows, columns = ((edges[1:] + edges[:-1]) / 2 for edges in cells)
    weights = [np.diff(cumulative(edges, grid.spacing_mm[k], blur[0])) for k, edges in zip((1, 2), cells, strict=True)]
    centre = np.asarray(grid.origin_mm) + voxel @ grid.steps_mm
    down, right = np.meshgrid(rows, columns, indexing="ij")
    points = centre + down.reshape(-1, 1) * grid.directions[1] + right.reshape(-1, 1) * grid.directions[2]
    enter, leave = np.clip(chord(solid, points, direction), -99.0, 99.0)
    share = cumulative(leave, grid.spacing_mm[0], blur[1]) - cumulative(enter, grid.spacing_mm[0], blur[1])
    return (np.where(leave > enter, share, 0.0) * np.outer(*weights).ravel()).sum()


AXES = Grid((11, 26, 24), (2.0, 0.5, 0.6), (0.1, 0.2, -0.3))
OBLIQUE = Grid((11, 26, 24), (2.0, 0.5, 0.6), (0.1, 0.2, -0.3), tilted())
SHAPES = {
    "ball": Sphere("s", (0.2, -0.3, 0.1), 3.0, BALL),
    "small ball": Sphere("s", (0.2, -0.3, 0.1), 0.7, BALL),
    "rod along the slices": Cylinder("s", (0.2, -0.3, 0.1), (0.0, 2.0, 0.0), 2.0, 6.0, BALL),
    "rod askew": Cylinder("s", (0.2, -0.3, 0.1), (1.0, 2.0, -0.7), 2.0, 6.0, BALL),
    "box": Cube("s", (0.2, -0.3, 0.1), (4.0, 5.0, 6.0), BALL),
    "box askew": Cube("s", (0.2, -0.3, 0.1), (4.0, 5.0, 6.0), BALL, (10.0, -20.0, 30.0)),
    "thin plate askew": Cube("s", (0.2, -0.3, 0.1), (1.0, 6.0, 5.0), BALL, (10.0, -20.0, 30.0)),
}


BLURS = [(0.3, 0.3), (0.4, 0.9), (0.7, 0.5)]
CASES = [
    pytest.param(solid, grid, blur, id=f"{name}, {lie}, {blur}")
    for name, solid in SHAPES.items()
    for lie, grid in (("axes", AXES), ("oblique", OBLIQUE))
    for blur in (BLURS if "ball" in name else BLURS[::2])
    if (name, lie) != ("box", "axes")  # its edges fall between the lines: exact in the next test
]


@pytest.mark.parametrize("blur", BLURS, ids=str)
def test_a_box_along_the_axes_is_a_product_in_closed_form(blur):
    box = SHAPES["box"]
    drawn = draw([box], AXES, Scan(blur_mm=blur)).astype(float)
    expected = np.ones(())
    for k, (room, half) in enumerate(((1, 2.5), (2, 3.0), (0, 2.0))):  # slices grow along Y, rows along -Z, columns along X
        place = AXES.origin_mm[room] + np.arange(AXES.shape[k]) * AXES.steps_mm[k][room] - box.centre_mm[room]
        sigma = blur[1] if k == 0 else blur[0]
        share = cumulative(half - place, AXES.spacing_mm[k], sigma) - cumulative(-half - place, AXES.spacing_mm[k], sigma)
        expected = expected[..., None] * share
    assert drawn == pytest.approx(AIR + (BALL - AIR) * expected, abs=0.5)


@pytest.mark.parametrize(("solid", "grid", "blur"), CASES)
def test_partial_volume_is_that_of_brute_force_within_1_hu_of_3000(solid, grid, blur):
    drawn = draw([solid], grid, Scan(blur_mm=blur)).astype(float)
    edge = np.argwhere((drawn > AIR + 5) & (drawn < drawn.max() - 5))
    for voxel in np.random.default_rng(5).permutation(edge)[:5]:
        expected = AIR + (BALL - AIR) * brute_force(solid, grid, voxel, blur)
        assert drawn[tuple(voxel)] == pytest.approx(expected, abs=1.0)


def test_far_from_every_surface_the_ct_numbers_are_those_of_the_solids():
    phantom = ball_block((1.0, 2.0, 3.0), (0.0, 5.0, 0.0), diameter_mm=16.0, offset_mm=(4.0, -3.0, 2.0))
    grid = Grid((60, 120, 120), (2.0, 1.0, 1.0))
    drawn = draw(phantom.solids, grid, Scan())
    solids = {solid.name: solid for solid in phantom.solids}
    points = grid.room(np.moveaxis(np.indices(grid.shape), 0, -1).astype(float))
    expected, clear = np.full(grid.shape, AIR), np.ones(grid.shape, bool)
    for name in ("couch shell", "couch core", "block", "ball"):
        depth = solids[name].depth(points)
        expected[depth > 0] = solids[name].hu
        clear &= np.abs(depth) > 3.5
    assert clear.mean() > 0.5
    assert np.abs(drawn - expected)[clear].max() < 0.1
    assert {AIR, solids["block"].hu, solids["ball"].hu, solids["couch core"].hu} <= set(expected[clear])


def test_a_ball_half_outside_the_grid_is_drawn_as_in_a_larger_one():
    ball = Sphere("ball", (0.3, 0.1, 7.0), 4.0, BALL)
    whole, part = Grid((14, 60, 40), (1.0, 0.5, 0.5)), Grid((14, 28, 40), (1.0, 0.5, 0.5))  # 30 mm and 14 mm high about the isocentre
    assert draw([ball], part) == pytest.approx(draw([ball], whole)[:, 16:44], abs=1e-3)
    away = Sphere("ball", (0.0, 0.0, 90.0), 4.0, BALL)
    assert (draw([away], part) == AIR).all()


def test_solids_that_cut_each_other_or_share_a_name_are_refused():
    ball = Sphere("ball", (0.0, 0.0, 0.0), 4.0, BALL)
    for other in (Sphere("other", (5.0, 0.0, 0.0), 4.0, 0.0), Cube("other", (0.0, 0.0, 5.0), (40.0, 40.0, 8.0), 0.0)):
        with pytest.raises(ValueError, match="cut each other"):
            draw([ball, other], AXES)
    with pytest.raises(ValueError, match="name of its own"):
        draw([ball, ball], AXES)
    with pytest.raises(ValueError, match="cut each other"):
        draw([ball, Sphere("shell", (0.0, 0.0, 0.0), 6.0, 0.0)], AXES)  # a shell drawn after what it holds would hide it


def test_a_hollow_sphere_is_a_wall_about_a_cavity():
    solids = [Sphere("wall", (0.1, 0.2, 0.3), 6.0, 500.0), Sphere("cavity", (0.1, 0.2, 0.3), 4.0, AIR)]
    grid = Grid((30, 30, 30), (0.6, 0.6, 0.6))
    filled = draw(solids, grid, wide(grid)).astype(float) - AIR
    assert filled.sum() * 0.6**3 == pytest.approx(4 / 3 * np.pi * (6.0**3 - 4.0**3) * 1500.0, rel=1e-4)
    assert filled[15, 15, 15] == pytest.approx(0.0, abs=0.1)


@pytest.mark.parametrize("spacing", [(0.5, 0.5, 0.5), (2.0, 0.5, 0.6)], ids=str)
def test_noise_has_its_sd_and_its_correlation_in_millimetres(spacing):
    grid, length = Grid((64, 128, 120), spacing), 1.5
    drawn = noise(np.random.default_rng(2), grid, 25.0, length)
    assert drawn.std() == pytest.approx(25.0, rel=0.04)  # 6500 independent cells: sd 0.9 %
    for axis, pitch in enumerate(spacing):
        for lag in (1, 2, 3):
            found = (drawn * np.roll(drawn, lag, axis)).mean() / drawn.var()
            assert found == pytest.approx(np.exp(-((lag * pitch) ** 2) / (2 * length**2)), abs=0.03)


def test_noise_is_white_below_the_pitch_and_stationary_to_the_border():
    grid = Grid((40, 60, 60), (2.0, 1.0, 1.0))
    white = noise(np.random.default_rng(3), grid, 10.0, 0.0)
    assert abs((white * np.roll(white, 1, 2)).mean()) < 2.0
    correlated = noise(np.random.default_rng(3), grid, 10.0, 2.0)
    assert correlated[:, 0].std() == pytest.approx(10.0, rel=0.12)


def empty(grid, **faults):
    """What faults add to air, where nothing is clipped."""
    return scan([], grid, np.random.default_rng(4), Scan(clip_hu=(-5000.0, 5000.0), **faults)).voxels.astype(float) - AIR


@pytest.mark.parametrize("orientation", [REAL_ORIENTATION, tilted()], ids=["axial", "oblique"])
def test_rings_and_cupping_are_round_about_the_rotation_axis_wherever_the_grid_is(orientation):
    grid = Grid((4, 81, 90), (2.0, 1.0, 1.0), (8.0, 5.0, -3.0), orientation)
    index = np.moveaxis(np.indices(grid.shape), 0, -1)
    x, _, z = np.moveaxis(np.asarray(grid.origin_mm) + index @ grid.steps_mm, -1, 0)
    away = np.hypot(x, z)
    cup = empty(grid, cupping_hu=80.0, cupping_mm=30.0)
    assert cup == pytest.approx(-80.0 * np.maximum(0.0, 1 - (away / 30.0) ** 2), abs=0.51)
    rings = empty(grid, rings=Rings(count=8, hu=40.0, radius_mm=30.0, width_mm=1.0))
    assert rings.std() > 3.0
    order = np.argsort(away, axis=None)
    steps, values = np.diff(away.ravel()[order]), np.diff(rings.ravel()[order])
    assert np.abs(values[steps < 1e-3]).max() <= 2.0  # the same radius, the same ring
    assert (rings[away > 37.0] == 0).all()


def star(**kind):
    """The streaks of a ball in the middle of a voxel, as a difference to the volume without them."""
    grid, ball = Grid((15, 81, 81), (1.0, 0.5, 0.5)), Sphere("ball", (0.0, 0.0, 0.0), 3.0, BALL)
    how = {"clip_hu": (-5000.0, 5000.0)}
    plain = scan([ball], grid, np.random.default_rng(1), Scan(**how)).voxels.astype(float)
    return scan([ball], grid, np.random.default_rng(1), Scan(streaks=(Streaks("ball", **kind),), **how)).voxels - plain


def test_streaks_fall_as_1_over_r_in_the_slices_of_the_ball_and_nowhere_else():
    streaks = star(hu=200.0, rays=4, phase_deg=0.0, band_hu=0.0)
    assert (streaks[:3] == 0).all()
    assert (streaks[-3:] == 0).all()
    assert streaks[7, 40, 52] == pytest.approx(100.0, abs=3.0)  # 6 mm along a ray: half the height at 3 mm
    assert streaks[7, 40, 76] == pytest.approx(33.3, abs=1.5)  # 18 mm
    assert streaks[9, 40, 52] < streaks[7, 40, 52]


def test_streaks_are_odd_even_or_lopsided_as_asked():
    odd, even = star(rays=7, band_hu=0.0), star(rays=6)
    assert odd == pytest.approx(-odd[:, ::-1, ::-1], abs=1.01)  # twice half a HU of rounding
    assert even == pytest.approx(even[:, ::-1, ::-1], abs=1.01)
    dark = star(hu=0.0, band_hu=-300.0, band_deg=0.0, lopsided=0.5)[7, 40]
    assert dark[60] == pytest.approx(-300.0 * 3.0 / 10.0 * 1.5, abs=1.5)
    assert dark[20] == pytest.approx(-300.0 * 3.0 / 10.0 * 0.5, abs=1.5)
    with pytest.raises(ValueError, match="sphere"):
        scan([Cube("c", (0.0, 0.0, 0.0), (4.0, 4.0, 4.0), 0.0)], AXES, np.random.default_rng(1), Scan(streaks=(Streaks("c"),)))


def test_metal_is_clipped_at_what_can_be_stored():
    ball = Sphere("ball", (0.2, -0.3, 0.1), 3.0, 9000.0)
    for most in (1023.0, 3071.0):
        voxels = scan([ball], AXES, np.random.default_rng(1), Scan(noise_hu=20.0, clip_hu=(-1000.0, most))).voxels
        assert (voxels.min(), voxels.max()) == (-1000, most)
        assert (voxels == most).sum() * 0.6 > 0.8 * 4 / 3 * np.pi * 3.0**3


def test_the_same_generator_gives_the_same_read_only_voxels():
    solids, how = ball_block().solids, Scan(noise_hu=20.0, rings=Rings(), streaks=(Streaks("ball"),))
    first, again, other = (scan(solids, AXES, np.random.default_rng(seed), how).voxels for seed in (1, 1, 2))
    assert (first == again).all()
    assert (first != other).any()
    assert first.dtype == np.int16
    with pytest.raises(ValueError, match="read-only"):
        first[0, 0, 0] = 1


def test_a_grid_starts_where_it_is_told_to():
    grid = Grid.starting_at((-20.0, 30.0, 7.5), (10, 20, 30), (2.0, 0.5, 0.7), orientation=tilted(), patient_position="FFP")
    assert grid.origin_mm == pytest.approx((-20.0, 30.0, 7.5), abs=1e-12)
    assert grid.steps_mm @ grid.steps_mm.T == pytest.approx(np.diag([4.0, 0.25, 0.49]), abs=1e-12)
    with pytest.raises(ValueError, match="right angles"):
        Grid(orientation=(1.0, 0.0, 0.0, 0.1, 1.0, 0.0))
    with pytest.raises(ValueError, match=r"blur of at least 0\.05 mm"):
        Scan(blur_mm=(0.4, 0.0))


def test_cubes_hold_their_targets_where_their_truth_says():
    turn, centre = (1.0, -2.0, 3.0), (5.0, -4.0, 3.0)
    penta, mimi = penta_cube(centre, turn), mimi_cube(centre, turn)
    cavities = [solid for solid in penta.solids if isinstance(solid, Sphere)]
    assert len(cavities) == 5
    assert all(10.0 <= 2 * cavity.radius_mm <= 17.0 for cavity in cavities)
    assert np.linalg.norm(np.asarray(penta.marks["mark"]) - centre) == pytest.approx(np.sqrt(14.0**2 + 12.0**2 + 10.0**2), abs=1e-9)
    grid = Grid((95, 95, 95), (2.0, 2.0, 2.0), centre)
    scanned = scan(penta.solids, grid, np.random.default_rng(1))
    for cavity in cavities:
        assert scanned.voxels[tuple(np.rint(scanned.truth[cavity.name].index).astype(int))] == -1000
    assert scanned.truth[penta.target].f_mm == centre
    voxels = scan(mimi.solids, grid, np.random.default_rng(1)).voxels
    tip = 30.0 * np.array([np.cos(np.radians(2.0)) * np.cos(np.radians(3.0)), np.cos(np.radians(2.0)) * np.sin(np.radians(3.0)), 0.0])
    tip[2] = 30.0 * np.sin(np.radians(2.0))  # 30 mm along the phantom's X after turns about X (no effect), Y (-2), Z (3 degrees)
    assert voxels[tuple(np.rint(grid.index(np.asarray(centre) + tip)).astype(int))] == 800


def turn(pitch, roll, yaw):
    """Rz Rx Ry, written out here."""
    from scipy.spatial.transform import Rotation

    return Rotation.from_euler("ZXY", [yaw, pitch, roll], degrees=True).as_matrix()


@pytest.mark.parametrize("angles", [(0.0, 0.0, 0.0), (3.0, -2.0, 5.0), (-40.0, 25.0, 130.0)])
def test_a_cube_of_balls_stands_at_any_pose(angles):
    """Every ball's centre of mass, over what a ball adds to the plastic, is where the pose takes it; the cube's faces turn with them."""
    balls, centre, diameters = ((1.0, 2.0, -3.0), (9.0, -8.0, 7.0), (-9.0, 6.0, 8.0)), (1.3, -0.7, 2.1), (5.0, 6.0, 7.0)
    rotation = turn(*angles)
    phantom = ball_cube(centre, rotation, balls_mm=balls, diameters_mm=diameters, names=("A", "B", "C"), side_mm=34.0)
    grid = Grid((50, 53, 56), (1.1, 1.0, 0.9), (0.4, 0.2, -0.3))
    how = wide(grid)
    bare = draw(phantom.solids[:1], grid, how).astype(float)
    added = draw(phantom.solids, grid, how).astype(float) - bare
    places = grid.room(np.moveaxis(np.indices(grid.shape), 0, -1).astype(float))
    for solid, ball, diameter in zip(phantom.solids[1:], balls, diameters, strict=True):
        near = np.where(np.linalg.norm(places - solid.centre_mm, axis=-1) < diameter / 2 + 4.0, added, 0.0)
        assert np.einsum("ijk,ijkl->l", near, places) / near.sum() == pytest.approx(rotation @ ball + centre, abs=2e-3)
        amount = 4 / 3 * np.pi * (diameter / 2) ** 3 * (2200.0 - 120.0)
        assert near.sum() * np.prod(grid.spacing_mm) == pytest.approx(amount, rel=2e-3)
    cube = phantom.solids[0]
    for direction in np.eye(3):
        for sign in (-1, 1):
            assert cube.depth(rotation @ (sign * 17.0 * direction) + centre) == pytest.approx(0.0, abs=1e-9)
    assert phantom.target == "A"
    assert phantom.marks["mark"] == pytest.approx(rotation @ (14.0, 12.0, 10.0) + centre)


def test_the_five_balls_of_the_cube_are_told_apart_by_their_distances():
    from itertools import combinations

    apart = sorted(np.linalg.norm(np.subtract(a, b)) for a, b in combinations(FIVE_MM, 2))
    assert np.diff(apart).min() > 3.7
