"""Drawn CT phantoms against geometry and integrals worked out here: places, CT numbers, MTF, NPS, slice thickness, what goes wrong."""

import json
from dataclasses import replace

import numpy as np
import pydicom
import pytest
from scipy.integrate import dblquad
from scipy.spatial.transform import Rotation
from scipy.special import erf

from phantoms import ctphantom_draw, ctphantom_noise, ctphantom_thin
from phantoms.ctphantom import Imaging, Placement, build, grid_over, render, scan_phantom
from phantoms.ctphantom_frame import Frame
from phantoms.ctphantom_parts import Round, Stripes, Thin, parts
from phantoms.ctphantom_patient import patient
from phantoms.ctphantom_solids import _solids
from phantoms.ctphantom_truth import PhantomTruth
from phantoms.ctseries import write
from phantoms.models import ct_models
from phantoms.volume import Grid, draw
from phantoms.volume_average import add

MODELS = {model.key: model for model in ct_models()}
C504, C604 = MODELS["catphan504"], MODELS["catphan604"]
STRAIGHT, TURNED = Placement((1.3, 0.7, -2.1)), Placement((1.3, 0.7, -2.1), 0.8, -4.0, 0.6)
SPACING = (2.5, 1.05, 0.93)
POSES = [
    Placement((3.1, -2.2, 4.3)),
    Placement((3.1, -2.2, 4.3), 0.8, -3.0, 1.1),
    Placement((-6.0, 1.0, 2.0), -2.0, 5.0, -1.5, reversed=True),
    Placement((-6.0, 1.0, 2.0), 1.0, 2.5, -0.7, mirrored=True),
    Placement((2.0, 3.0, -5.0), 0.7, 1.0, 0.4, scale=(1.01, 0.992, 1.004), shear=(0.004, -0.006, 0.005)),
]  # fmt: skip
IDS = ["straight", "turned", "reversed", "mirrored", "distorted"]


def expected(placement: Placement, points) -> np.ndarray:
    """Where points of the phantom are in F: another rotation library, and the definitions written out once more."""
    turn = Rotation.from_euler("xyz", [placement.pitch_deg, placement.roll_deg, placement.yaw_deg], degrees=True)
    x, y, z = np.asarray(points, float).T
    if placement.reversed:
        x, y = -x, -y
    if placement.mirrored:
        x = -x
    x, y, z = turn.apply(np.stack([x, y, z], axis=-1)).T + np.asarray(placement.offset_mm)[:, None]
    (sx, sy, sz), (xy, xz, yz) = placement.scale, placement.shear
    return np.stack([sx * x + xy * y + xz * z, sy * y + yz * z, sz * z], axis=-1)


def ground(grid: Grid, model, placement, blur=(0.45, 0.5), hu=None) -> np.ndarray:
    """Noise-free voxels, HU."""
    voxels = np.full(grid.shape, -1000.0, np.float32)
    render(voxels, grid, model, placement, Imaging(blur_mm=blur), hu)
    return voxels


def truth(model, placement, grid, blur=(0.45, 0.5), **rest) -> PhantomTruth:
    return PhantomTruth(model, placement, grid, blur, {}, **rest)


# Places and CT numbers


@pytest.mark.parametrize("placement", POSES, ids=IDS)
def test_inserts_are_where_geometry_puts_them_and_have_their_ct_number(placement):
    module = C504.modules[0]
    grid = grid_over(C504, placement, spacing_mm=SPACING, keys=["hu"])
    voxels = ground(grid, C504, placement).astype(float)
    for plug in (*module.plugs, *module.rods):
        ends = expected(placement, [(plug.x_mm, y, plug.z_mm) for y in (-8.0, 8.0)])
        for k in (k for k in range(grid.shape[0]) if abs(grid.room(np.array([k, 0, 0]))[1] - ends.mean(axis=0)[1]) < 4.0):
            y = grid.room(np.array([k, 0, 0]))[1]
            place = ends[0] + (ends[1] - ends[0]) * (y - ends[0, 1]) / (ends[1, 1] - ends[0, 1])
            rows, columns = (np.arange(round(i) - 10, round(i) + 11) for i in grid.index(place)[1:])
            around = grid.room(np.stack(np.meshgrid([k], rows, columns, indexing="ij"), axis=-1)[0].astype(float)) - place
            away, seen = np.hypot(around[..., 0], around[..., 2]), voxels[k][np.ix_(rows, columns)]
            if plug in module.plugs:
                assert seen[away < 3.0] == pytest.approx(plug.hu, abs=0.05)
            near = (away < plug.diameter_mm / 2 + 2.6)[..., None]
            weight = (seen - module.hu)[..., None] * near
            found = (weight * around).sum(axis=(0, 1)) / weight.sum()
            assert np.hypot(found[0], found[2]) < 0.002


@pytest.mark.parametrize("placement", POSES, ids=IDS)
def test_the_truth_names_the_same_places(placement):
    known = truth(C504, placement, Grid())
    rods = C504.modules[0].rods
    places = expected(placement, [(rod.x_mm, 0.0, rod.z_mm) for rod in rods])
    assert [known.rods[rod.name] for rod in rods] == pytest.approx(places, abs=1e-9)
    assert known.distances["top left", "bottom right"] == pytest.approx(np.linalg.norm(places[0] - places[3]))
    assert known.origin_mm == pytest.approx(expected(placement, [(0.0, 0.0, 0.0)])[0])
    middle = expected(placement, [(0.0, known.module("uniform").y_mm, 0.0)])[0]
    assert known.place((0.0, -70.0, 0.0)) == pytest.approx(middle)


def test_turns_have_the_signs_that_the_frame_gives_them():
    """A small roll about Y is clockwise in a slice (x right, z up), a pitch lifts the gantry end, a yaw moves it to -x."""
    for turn, point, moved in (
        ("roll_deg", (0, 0, 50), (1, 0, 0)),
        ("pitch_deg", (0, 50, 0), (0, 0, 1)),
        ("yaw_deg", (0, 50, 0), (-1, 0, 0)),
    ):
        placement = replace(Placement(), **{turn: 1.0})
        shift = placement.room(np.array(point, float)) - point
        assert shift == pytest.approx(50 * np.sin(np.radians(1)) * np.array(moved), abs=0.01)


@pytest.mark.parametrize("placement", POSES[:4], ids=IDS[:4])
def test_turns_come_back_from_the_truth(placement):
    known = truth(C504, placement, Grid())
    assert known.turn_deg == pytest.approx((placement.pitch_deg, placement.roll_deg, placement.yaw_deg), abs=1e-9)
    assert known.stretch == pytest.approx(np.eye(3), abs=1e-12)


def test_scale_errors_and_shears_come_back_from_the_truth():
    placement = Placement((5.0, 0.0, 0.0), 0.5, 1.0, -0.5, scale=(1.01, 0.99, 1.0), shear=(0.002, 0.004, -0.006))
    known = truth(C504, placement, Grid())
    assert np.diag(known.stretch) == pytest.approx((1.01, 0.99, 1.0), abs=5e-5)
    assert known.stretch[[0, 0, 1], [1, 2, 2]] == pytest.approx((0.001, 0.002, -0.003), abs=5e-5)
    turned = known.stretch @ Rotation.from_euler("xyz", known.turn_deg, degrees=True).as_matrix()
    assert turned == pytest.approx(placement.matrix, abs=1e-12)
    assert known.origin_mm[0] == pytest.approx(5.05)


def test_an_insert_longer_than_its_module_keeps_its_ct_number_beyond():
    grid = grid_over(C604, spacing_mm=SPACING, keys=["hu", "spacer"])
    voxels = ground(grid, C604, Placement())
    bone = next(plug for plug in C604.modules[0].plugs if plug.name == "Bone 50 %")
    for y in (-16.0, -12.5, -10.0, 0.0, 8.0):
        k, row, column = (round(float(i)) for i in grid.index(np.array([bone.x_mm, y, bone.z_mm])))
        assert voxels[k, row, column] == pytest.approx(bone.hu, abs=0.05)
    assert [part.name for part in parts(C604)].count("Bone 50 %") == 2


def test_ct_numbers_can_be_told_and_an_unknown_name_is_refused():
    grid = grid_over(C504, spacing_mm=SPACING, keys=["hu"])
    scanned = scan_phantom(C504, grid, np.random.default_rng(1), None, Imaging(noise_hu=0.0), hu={"Teflon": 850.0})
    k, row, column = (round(i) for i in scanned.truth["Teflon"].index)
    assert scanned.voxels[k, row, column] == 850
    assert scanned.known.hu["Teflon"] == 850
    with pytest.raises(KeyError, match="no plug Gold"):
        scan_phantom(C504, grid, np.random.default_rng(1), hu={"Gold": 1.0})


# The drawing against the exact renderer and against brute force


@pytest.mark.parametrize(
    ("placement", "blur"),
    [(STRAIGHT, (0.45, 0.45)), (STRAIGHT, (0.5, 0.4)), (TURNED, (0.45, 0.45)), (TURNED, (0.35, 0.8))],
    ids=["straight", "straight, longer across", "turned", "turned, longer along"],
)
def test_parts_are_those_of_the_exact_renderer(placement, blur):
    grid = Grid((16, 56, 66), (2.5, 1.05, 0.93), (2.0, 1.0, -3.0))
    turned = placement.pitch_deg != 0
    for part in (
        Round("plug", 4, -3, 6.1, -12, 12, 1000),
        Round("body", -80, 0, 75, -30, 9, 1000),
        Stripes("bars", 5, 6, 33, 4, 1.25, 4.6, 2, 4, 1000),
    ):
        fast, exact = np.zeros(grid.shape, np.float32), np.zeros(grid.shape, np.float32)
        ctphantom_draw.draw(fast, Frame.of(grid, placement, blur), part, {})
        for solid in _solids(part, placement, 0.0):
            add(exact, grid, solid, 1000.0, blur)
        error = np.abs(fast - exact)
        assert error.max() < (1.0 if turned else 0.05)
        inside = [k for k in range(16) if abs(grid.room(np.array([k, 0, 0]))[1] - placement.offset_mm[1]) < 5.5]
        assert part.name == "bars" or error[inside].max() < 0.03


def test_a_whole_phantom_is_that_of_the_exact_renderer():
    model = MODELS["quart_dvt"]
    model = replace(model, modules=tuple(replace(module, ramps=()) for module in model.modules))
    placement = Placement((4.0, -3.0, 2.0))
    grid = grid_over(model, placement, spacing_mm=(3.0, 2.1, 1.9), keys=["hu"], ends_mm=4.0)
    exact = draw(build(model, placement), grid, Imaging(blur_mm=(0.8, 0.8)))
    assert ground(grid, model, placement, (0.8, 0.8)) == pytest.approx(exact, abs=0.1)


def brute(grid: Grid, index, ends, mass, sigmas, count=40):
    """A voxel's average of a line's mass behind a Gaussian: many points on the line, many points in the voxel."""
    points = np.linspace(*ends, 4001)[:-1] + (np.subtract(*ends[::-1]) / 8000)
    offsets = (np.arange(count) + 0.5) / count - 0.5
    result = np.ones(len(points))
    away = np.asarray(index) - grid.index(points)
    for axis, (pitch, sigma) in enumerate(zip(grid.spacing_mm, sigmas, strict=True)):
        t = (away[:, axis, None] + offsets) * pitch / sigma
        result *= (np.exp(-(t**2) / 2) / sigma / np.sqrt(2 * np.pi)).mean(axis=1)
    return mass * max(np.linalg.norm(np.subtract(*ends)), 1.0) * result.mean()


def test_wires_and_beads_are_mass_behind_a_blur():
    grid, placement, blur = Grid((10, 30, 44), (2.0, 0.9, 1.1), (1.0, 0.5, -0.5)), Placement((0.3, 0.2, -0.4), 1.0, 2.0, -1.0), (0.5, 0.7)
    for part in (Thin("wire", ((-12.0, -5.0, 2.0), (12.0, 5.0, 2.0)), 700.0, 0.07), Thin("bead", ((3.0, 1.0, -4.0),) * 2, 1700.0, 0.06)):
        voxels = np.zeros(grid.shape, np.float32)
        ctphantom_thin.draw(voxels, grid, placement, blur, part)
        ends = expected(placement, part.ends_mm)
        length = np.linalg.norm(ends[1] - ends[0]) or 1.0
        assert voxels.sum() * np.prod(grid.spacing_mm) == pytest.approx(part.mass_hu * length, rel=1e-4)
        sigmas = np.hypot([blur[1], blur[0], blur[0]], part.spread_mm)
        for index in np.argwhere(voxels > 0.2 * voxels.max())[::5]:
            assert voxels[tuple(index)] == pytest.approx(brute(grid, index, ends, part.mass_hu, sigmas), rel=2e-3)


def test_a_thick_wire_behind_a_sharp_blur_is_refused():
    with pytest.raises(ValueError, match="too thick"):
        ctphantom_thin.draw(
            np.zeros((4, 5, 6), np.float32), Grid((4, 5, 6)), Placement(), (0.1, 0.1), Thin("w", ((0, 0, 0),) * 2, 1.0, 0.07)
        )


def test_a_phantom_across_the_slices_is_refused():
    with pytest.raises(ValueError, match="across"):
        Frame.of(Grid(), Placement(yaw_deg=80.0), (0.4, 0.4))


# Resolution


@pytest.mark.parametrize("along", ["row", "column"])
def test_an_edge_shows_the_mtf_that_the_truth_states(along):
    """One pixel beside the edge of a large cylinder that is moved in steps of a twentieth of a pixel."""
    grid, blur, radius = Grid((1, 31, 33), (2.5, 1.05, 0.93)), (0.45, 0.5), 4000.0
    pitch = grid.spacing_mm[1 if along == "row" else 2]
    step = pitch / 20
    esf = []
    for shift in step * np.arange(20):
        voxels = np.zeros(grid.shape, np.float32)
        place = (radius - shift, 0.0) if along == "column" else (0.0, -radius + shift)  # the edge comes nearer: each pixel sees more of it
        ctphantom_draw.draw(voxels, Frame.of(grid, Placement(), blur), Round("edge", *place, radius, -50.0, 50.0, 1.0), {})
        esf.append(voxels[0, 15, :] if along == "column" else voxels[0, :, 16])
    fine = np.array(esf).T.ravel()
    lsf = np.diff(fine)
    f = np.linspace(0.0, 0.9, 37)
    at = step * np.arange(len(lsf))
    seen = np.abs((lsf * np.exp(-2j * np.pi * f[:, None] * at)).sum(axis=1)) / lsf.sum() / np.sinc(f * step)
    known = truth(C504, Placement(), grid, blur)
    assert seen == pytest.approx(known.mtf(f, along), abs=0.003)
    assert known.mtf(f, along) == pytest.approx(np.exp(-2 * np.pi**2 * 0.45**2 * f**2) * np.abs(np.sinc(f * pitch)), abs=1e-12)
    assert known.mtf(known.mtf_falls_to(0.5, along), along) == pytest.approx(0.5, abs=1e-9)


def test_the_mtf_over_all_directions_lies_between_those_of_rows_and_columns():
    known, f = truth(C504, Placement(), Grid((4, 50, 60), (2.0, 1.3, 0.7))), np.array([0.0, 0.2, 0.4, 0.6])
    assert known.mtf(0.0) == pytest.approx(1.0)
    assert (known.mtf(f[1:], "row") < known.mtf(f[1:])).all()
    assert (known.mtf(f[1:]) < known.mtf(f[1:], "column")).all()


@pytest.mark.parametrize(
    "placement", [Placement((1.7, 0.4, -2.3)), Placement((1.7, 0.4, -2.3), 0.8, 0.0, -1.0)], ids=["straight", "turned"]
)
def test_ramps_show_the_slice_thickness_that_the_truth_states(placement):
    """Profiles of the upper and lower wire in the slice through the middle, on pixels that are narrow along the wire."""
    grid = Grid((3, 180, 700), (2.5, 1.0, 0.1), (1.7, 0.4, -2.3))
    voxels = np.zeros(grid.shape, np.float32)
    for part in (part for part in parts(C504) if isinstance(part, Thin) and part.name.startswith("ramp")):
        ctphantom_thin.draw(voxels, grid, placement, (0.4, 0.5), part)
    known = truth(C504, placement, grid, (0.4, 0.5))
    for name, z in (("top", 38.0), ("bottom", -38.0)):
        row = round(float(grid.index(np.array(known.place((0.0, 0.0, z))))[1]))
        profile = voxels[1, row - 4 : row + 5].sum(axis=0)
        above = np.flatnonzero(profile > profile.max() / 2)
        ends = [np.interp(profile.max() / 2, profile[[a, b]], [a, b]) for a, b in ((above[0] - 1, above[0]), (above[-1] + 1, above[-1]))]
        assert (ends[1] - ends[0]) * 0.1 == pytest.approx(known.ramp_fwhm_mm(name), rel=0.005)
    widths = [known.ramp_fwhm_mm(name) for name in ("top", "bottom")]
    assert placement.yaw_deg or widths[0] == pytest.approx(widths[1])


def test_slice_sensitivity_is_a_box_behind_a_gaussian():
    known = truth(C504, Placement(), Grid((4, 50, 60), (2.5, 1.0, 0.9)), (0.4, 0.05))
    assert known.slice_fwhm_mm == pytest.approx(2.5, abs=1e-6)
    wide = truth(C504, Placement(), Grid((4, 50, 60), (0.1, 1.0, 0.9)), (0.4, 2.0))
    assert wide.slice_fwhm_mm == pytest.approx(2.0 * np.sqrt(8 * np.log(2)), rel=2e-4)
    y = np.linspace(-8, 8, 16001)
    assert known.sensitivity(y).sum() * 0.001 == pytest.approx(1.0, abs=1e-6)
    half = erf(2.5 / 2 / 0.5 / np.sqrt(2)) / 2.5
    assert truth(C504, Placement(), Grid((4, 50, 60), (2.5, 1.0, 0.9)), (0.4, 0.5)).sensitivity(0.0) == pytest.approx(half)


# Noise


def test_noise_has_the_spectrum_and_the_variance_that_are_stated():
    grid = Grid((500, 45, 60), (2.0, 1.1, 0.9))
    nps = ctphantom_noise.Nps(20.0, 0.22, grid)
    voxels = np.zeros(grid.shape, np.float32)
    ctphantom_noise.add(voxels, nps, np.random.default_rng(5))
    assert voxels.var() == pytest.approx(400.0, rel=0.005)
    assert voxels.std(axis=0).min() == pytest.approx(20.0, rel=0.15)
    power = (np.abs(np.fft.fft2(voxels)) ** 2).mean(axis=0) * 1.1 * 0.9 / (45 * 60)
    v, u = (np.fft.fftfreq(n, d) for n, d in ((45, 1.1), (60, 0.9)))
    f, stated = np.hypot(u, v[:, None]), nps.at(u[None, :], v[:, None])
    for low in np.arange(0.03, 0.45, 0.05):
        ring = (f >= low) & (f < low + 0.05)
        assert power[ring].mean() == pytest.approx(stated[ring].mean(), rel=0.03)
    ratio = nps.radial(np.array([0.1, 0.22, 0.4])) / nps.radial(0.22)
    by_hand = [f / 0.22 * np.exp(-(f**2 - 0.22**2) / (2 * 0.22**2)) for f in (0.1, 0.22, 0.4)]
    assert ratio == pytest.approx(by_hand)


def test_the_integral_of_the_spectrum_is_the_variance():
    nps = ctphantom_noise.Nps(17.0, 0.3, Grid((3, 210, 244), (2.0, 1.1, 0.9)))
    quarter, _ = dblquad(lambda v, u: float(nps.at(u, v)), 0.0, 0.5 / 0.9, 0.0, 0.5 / 1.1, epsrel=1e-4)
    assert 4 * quarter == pytest.approx(17.0**2, rel=0.002)


def test_neighbouring_slices_correlate_as_asked():
    grid = Grid((240, 40, 50), (2.0, 1.1, 0.9))
    for across, wanted in ((0.0, 0.0), (2.0, np.exp(-0.5))):
        voxels = np.zeros(grid.shape, np.float32)
        ctphantom_noise.add(voxels, ctphantom_noise.Nps(10.0, 0.25, grid, across), np.random.default_rng(3))
        assert voxels.std() == pytest.approx(10.0, rel=0.02)
        assert (voxels[1:] * voxels[:-1]).mean() / voxels.var() == pytest.approx(wanted, abs=0.03)


# What goes wrong


def test_a_scan_is_the_same_again_and_carries_its_truth():
    grid = grid_over(C504, spacing_mm=(3.0, 2.1, 1.9), keys=["hu"])
    first, second = (scan_phantom(C504, grid, np.random.default_rng(9), POSES[1]) for _ in range(2))
    assert (first.voxels == second.voxels).all()
    assert not first.voxels.flags.writeable
    assert first.known.nps is not None
    assert first.known.nps.sd_hu == 15.0
    assert first.truth["rod top left"].f_mm == pytest.approx(first.known.rods["top left"])


def test_half_a_phantom_and_two_phantoms():
    placement = Placement((0.0, 0.0, 0.0))
    half = grid_over(C504, spacing_mm=(3.0, 2.1, 1.9), keys=["uniform"], ends_mm=-4.0)
    voxels = scan_phantom(C504, half, np.random.default_rng(1), placement, Imaging(noise_hu=0.0)).voxels
    assert voxels.max() <= 12
    wide = Grid((3, 130, 260), (3.0, 2.1, 1.9))
    two = scan_phantom(
        C504,
        wide,
        np.random.default_rng(1),
        Placement((-115.0, 0.0, 0.0)),
        Imaging(noise_hu=0.0),
        beside=[(C604, Placement((115.0, 0.0, 0.0)))],
    )
    for x, hu in ((-115.0, 92), (115.0, 58)):
        k, row, column = (round(float(i)) for i in wide.index(np.array([x, 0.0, 0.0])))
        assert two.voxels[k, row, column] == hu
    assert two.voxels[1, 65, 130] == -1000


def test_clipping_a_wrong_rescale_and_cupping():
    grid = grid_over(C504, spacing_mm=(3.0, 2.1, 1.9), keys=["hu"])
    plain, wrong, clipped, cupped = (
        scan_phantom(C504, grid, np.random.default_rng(1), None, Imaging(noise_hu=0.0, clip_hu=(-1000.0, top), **faults))
        for top, faults in (
            (3071.0, {}),
            (3071.0, {"slope": 0.9, "intercept_hu": 20.0}),
            (800.0, {}),
            (3071.0, {"cupping_hu": 60.0, "cupping_mm": 100.0}),
        )
    )
    k, row, column = (round(i) for i in plain.truth["Teflon"].index)
    assert [s.voxels[k, row, column] for s in (plain, wrong, clipped)] == [1000, 920, 800]
    assert wrong.known.hu["Teflon"] == pytest.approx(920)
    assert plain.voxels.astype(int)[k, row, column] - cupped.voxels[k, row, column] == pytest.approx(60 * (1 - (58.4 / 100) ** 2), abs=2)
    noisy = scan_phantom(C504, grid, np.random.default_rng(1), None, Imaging(noise_hu=30.0, slope=0.9))
    k, row, column = (int(i) for i in grid.index(np.array([0.0, 0.0, 0.0])))
    assert noisy.voxels[k - 1 : k + 2, row - 8 : row + 9, column - 9 : column + 10].std() == pytest.approx(27.0, rel=0.1)
    assert noisy.known.nps is not None
    assert noisy.known.nps.sd_hu == pytest.approx(27.0)


def test_a_patient_is_no_phantom():
    scanned = patient(Grid((6, 120, 170), (5.0, 2.0, 2.1)), np.random.default_rng(4), Imaging(noise_hu=10.0))
    shares = [((scanned.voxels > low) & (scanned.voxels < high)).mean() for low, high in ((-850, -650), (-50, 120), (220, 400))]
    assert shares[0] > 0.1
    assert shares[1] > 0.1
    assert 0.002 < shares[2] < 0.05
    assert scanned.truth == {}


def test_files_hold_the_scan_and_its_truth(tmp_path):
    grid = grid_over(C604, spacing_mm=(5.0, 3.1, 2.9), keys=["hu"])
    scanned = scan_phantom(C604, grid, np.random.default_rng(2), POSES[1])
    files = write(scanned, tmp_path, seed=2)
    one = pydicom.dcmread(files[2])
    assert (one.pixel_array * float(one.RescaleSlope) + float(one.RescaleIntercept) == scanned.voxels[2]).all()
    record = json.loads((tmp_path / "truth.json").read_text("utf-8"))
    assert record["truth"]["Teflon"]["f_mm"] == pytest.approx(scanned.known.place((28.95, 0.0, 50.143)), abs=0.5)
    assert {solid["name"] for solid in record["solids"]} > {"body", "Teflon", "ramp top", "1 lp/cm"}
