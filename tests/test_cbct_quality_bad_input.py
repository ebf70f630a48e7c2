"""Image quality of CBCT: scans as they should not be. Each gives numbers within 4 u of the truth, or a reason that says what to do."""

import os
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from phantoms.ctphantom import Imaging, PhantomScan, Placement, grid_over, scan_phantom
from phantoms.models import ct_models
from phantoms.volume import Cylinder, Scan, scan
from phantoms.volume_faults import Rings, Streaks, add_cupping, add_rings, add_streaks
from phantoms.volume_grid import Grid
from phantoms.volume_phantoms import ball_block
from qa import cbct_quality_truth_rehearsal, dicom, procedure, rehearsal
from qa.acquisition import Acquisition, Volume
from qa.procedure import Analysis
from qa.reading import Measured, NotMeasured

TEST, CALIBRATION = procedure.load("cbct_quality"), procedure.load("hu_calibration")
MODELS = {model.key: model for model in ct_models()}
STANDS = Placement((2.0, -3.0, 1.5), 0.2, 2.0, -0.1)
HOW = Imaging(blur_mm=(0.6, 0.5), noise_hu=6.0, nps_peak_per_mm=0.2, clip_hu=(-1024.0, 3071.0))
PITCH = (2.5, 1.2, 1.1)
SHORT, WHOLE = ("hu", "bars"), ("hu", "bars", "uniform", "low_contrast")
FAR_U = 4.0
SCALED = (  # every quantity that a wrong rescale slope or intercept makes wrong
    *("cbct_hu", "cbct_hu_deviation", "cbct_hu_slope", "cbct_hu_intercept", "cbct_hu_residual_max"),
    *("cbct_uniformity_index", "cbct_non_uniformity", "cbct_uniform_hu", "cbct_noise", "cbct_nps_noise", "cbct_contrast"),
)


@dataclass(frozen=True)
class Drawn:
    """A scan and the truth of what it shows."""

    scanned: PhantomScan
    truth: dict[tuple[str, str], float]


@cache
def drawn(key: str = "catphan604", stands: Placement = STANDS, modules: tuple[str, ...] = SHORT, how: Imaging = HOW) -> Drawn:
    """A phantom whose inserts read what the maker says, air excepted, which scatter fills."""
    return drawn_in(grid_over(MODELS[key], stands, spacing_mm=PITCH, keys=modules, ends_mm=6.0), key, stands, how)


def drawn_in(grid: Grid, key: str = "catphan604", stands: Placement = STANDS, how: Imaging = HOW) -> Drawn:
    told = told_of(key)
    scanned = scan_phantom(MODELS[key], grid, np.random.default_rng(5), stands, how, told)
    return Drawn(scanned, truth(scanned, key, told))


def told_of(key: str) -> dict[str, float]:
    plugs = [plug for module in MODELS[key].modules for plug in module.plugs]
    return {plug.name: max(plug.hu, -950.0) for plug in plugs}


def truth(scanned: PhantomScan, key: str, told: dict[str, float]) -> dict[tuple[str, str], float]:
    return cbct_quality_truth_rehearsal.of(scanned.known, MODELS[key], HOW, told, (0.0, 0.0), 0.0)


def volume(scanned: PhantomScan, change: Callable[[np.ndarray], np.ndarray] = lambda voxels: voxels) -> Volume:
    """The scan with its values changed and stored as whole numbers."""
    return replaced(rehearsal.volume(scanned, "LINAC"), change(scanned.voxels.astype(np.float32)))


def replaced(scanned: Volume, voxels: np.ndarray) -> Volume:
    stored = np.rint(voxels).astype(np.float32, copy=False)
    stored.flags.writeable = False  # slices are asked for one by one: a copy of all of it for each would take longer than the analysis
    return replace(scanned, shape=stored.shape, load=lambda: stored, load_planes=None)


def part_of(scanned: Volume, first: int, last: int) -> Volume:
    origin = np.asarray(scanned.origin_mm) + first * np.asarray(scanned.steps_mm[0])
    start = (float(origin[0]), float(origin[1]), float(origin[2]))
    return replace(replaced(scanned, scanned.voxels[first:last]), origin_mm=start, slices=scanned.slices[first:last])


def analysed(scanned: Volume, phantom: str = "") -> Analysis:
    return TEST.analyse(Acquisition((), "LINAC", "CBCT", "a scan", (scanned,), phantom=phantom))


def numbers(analysis: Analysis) -> list[Measured]:
    return [r for r in analysis.readings if isinstance(r, Measured)]


def far(analysis: Analysis, true: dict[tuple[str, str], float]) -> list[tuple[str, str, float, float, float]]:
    """What is further than 4 u from the truth."""
    each = [(r, true.get((r.quantity.key, str(r.at.get("part", ""))))) for r in numbers(analysis)]
    return [
        (r.quantity.key, str(r.at.get("part", "")), r.value, r.u, t) for r, t in each if t is not None and abs(r.value - t) > FAR_U * r.u
    ]


def refused(analysis: Analysis) -> str:
    """The one reason why there is no number at all."""
    assert numbers(analysis) == []
    assert {r.quantity.key for r in analysis.readings} == {q.key for q in TEST.quantities}
    (reason,) = {r.reason for r in analysis.readings if isinstance(r, NotMeasured)}
    return reason


def measured(analysis: Analysis, *keys: str) -> None:
    assert set(keys) <= {r.quantity.key for r in numbers(analysis)}


# The scale of the CT numbers


@pytest.mark.parametrize(
    ("slope", "shift", "said"), [(0.5, 0.0, "-500 HU"), (2.0, 0.0, "-2000 HU"), (1.0, 1000.0, "0 HU"), (1.0, -100.0, "-1100 HU")]
)
def test_numbers_of_a_wrong_rescale_never_pass_and_lengths_stay(slope, shift, said):
    base = drawn(modules=WHOLE)
    found = analysed(volume(base.scanned, lambda voxels: slope * voxels + shift))
    measured(found, *SCALED, "cbct_rod_distance", "cbct_mtf50_edge", "cbct_roll", "cbct_nps_mean")
    doubted = {r.quantity.key for r in numbers(found) if r.missing}
    assert doubted >= set(SCALED)
    assert all(said in r.missing and "rescale" in r.missing and "export" in r.missing for r in numbers(found) if r.quantity.key in SCALED)
    lengths = {k: v for k, v in base.truth.items() if k[0] not in doubted}
    assert {"cbct_rod_distance", "cbct_mtf50_edge", "cbct_scale_x", "cbct_offset_y"} <= {key for key, _ in lengths}
    assert far(found, lengths) == []


@pytest.mark.parametrize(
    "scale",
    [
        lambda voxels: 0.5 * voxels,
        lambda voxels: 2 * voxels + 1000,
        lambda voxels: 1.15 * voxels + 150,
        lambda voxels: 0.85 * voxels - 150,
        lambda voxels: voxels + 50,
        lambda voxels: voxels - 50,
    ],
)
def test_a_calibration_is_not_made_from_a_wrong_rescale(scale):
    """Air is wrong, or right and the contrast doubled or 15 % off, or water 50 HU off; the line of the drawing gives water +4."""
    given = Acquisition((), "LINAC", "CBCT", "a scan", (volume(drawn().scanned, scale),))
    readings = CALIBRATION.analyse(given).readings
    assert all(isinstance(r, NotMeasured) and "rescale" in r.reason for r in readings)


def test_a_scale_that_is_wrong_where_air_is_right_is_seen_by_the_inserts():
    """Twice the contrast about air: (HU + 1000) 2 - 1000. Air in the inserts reads -950 before, so the line is a little flatter than 2."""
    found = analysed(volume(drawn().scanned, lambda voxels: 2 * voxels + 1000))
    assert all("1.9" in r.missing and "steeply" in r.missing for r in numbers(found) if r.quantity.key == "cbct_hu")


@pytest.mark.parametrize(("slope", "shift"), [(1.15, 150.0), (0.85, -150.0), (1.0, 50.0), (1.0, -50.0)])
def test_water_far_from_zero_is_a_wrong_rescale(slope, shift):
    found = analysed(volume(drawn(modules=WHOLE).scanned, lambda voxels: slope * voxels + shift))
    measured(found, *SCALED)
    assert all("water" in r.missing and "rescale" in r.missing for r in numbers(found) if r.quantity.key in SCALED)


def test_water_is_seen_by_the_uniform_module_alone():
    """The inserts are left as they are: a drawing whose uniform module reads 6 is lifted by 50 there."""
    base = drawn(modules=WHOLE).scanned
    (module,) = (m for m in MODELS["catphan604"].modules if m.uniform)
    slices, rows, columns = np.indices(base.grid.shape)
    along = base.grid.room(np.stack([slices, rows, columns], axis=-1))[..., 1] - base.known.place((0.0, module.y_mm, 0.0))[1]
    lifted = np.where(np.abs(along) < module.length_mm / 2, 50.0, 0.0)
    found = [r for r in numbers(analysed(volume(base, lambda voxels: voxels + lifted * (voxels > -500)))) if r.quantity.key in SCALED]
    assert found
    assert all("the uniform module puts water at" in r.missing for r in found)


def test_air_that_is_stored_as_1024_below_is_no_wrong_rescale():
    base = drawn(modules=WHOLE)
    found = analysed(volume(base.scanned, lambda voxels: np.where(voxels < -980, -1024, voxels)))
    assert [r.missing for r in numbers(found) if r.missing] == []
    assert far(found, base.truth) == []


@pytest.mark.parametrize("cut", [(0.0, 3071.0), (-1024.0, 300.0), (-1024.0, 100.0)])
def test_values_that_are_cut_off_are_named_before_anything_else(cut):
    reason = refused(analysed(volume(drawn().scanned, lambda voxels: voxels.clip(*cut))))
    assert "cut off" in reason
    assert f"{cut[0] if cut[0] == 0 else cut[1]:.0f} HU" in reason
    assert "export the series again" in reason


def test_grey_values_upside_down_are_named():
    for factor in (-1.0, -0.5):
        reason = refused(analysed(volume(drawn().scanned, lambda voxels, factor=factor: factor * voxels)))
        assert "upside down" in reason
        assert "export the series again" in reason


def test_one_voxel_at_the_highest_value_is_no_clip():
    """Few slices of an insert hold the highest value of the picture: some voxel must."""
    base = drawn()
    found = analysed(volume(base.scanned))
    assert {r.at["part"] for r in numbers(found) if r.quantity.key == "cbct_hu"} == set(told_of("catphan604"))
    assert [flag for r in numbers(found) for flag in r.flags if "clipped" in flag] == []
    assert far(found, base.truth) == []


# What is in the scan


@pytest.mark.parametrize("count", [1, 3])
def test_a_few_slices_are_refused(count):
    base = volume(drawn().scanned)
    assert "scan the whole phantom" in refused(analysed(part_of(base, 8, 8 + count)))


@pytest.mark.parametrize("key", ["catphan604", "catphan504"])
@pytest.mark.parametrize("stands", [STANDS, replace(STANDS, reversed=True)])
def test_a_scan_that_stops_within_the_inserts_gives_right_numbers_or_none(key, stands):
    """Cut by 5 mm steps from both sides; a part of the inserts beside line pairs once looked like another phantom."""
    base = drawn(key, stands)
    whole = volume(base.scanned)
    count = whole.shape[0]
    middle = count - 7 if stands != STANDS else 9  # a slice within the inserts' module when the rest is line pairs
    for first, last in ((middle - 5, count), (middle, count), (0, middle - 3), (0, middle)):
        for said in ("", MODELS[key].name):
            found = analysed(part_of(whole, first, last), said)
            assert far(found, base.truth) == []
            assert {str(r.at["setting"]).split(" | ")[0] for r in numbers(found)} <= {MODELS[key].name}
            assert numbers(found) or "phantom" in refused(found)


def test_the_wrong_name_is_refused_either_way():
    for key, said in (("catphan504", "CatPhan 604"), ("catphan604", "CatPhan 504")):
        reason = refused(analysed(volume(drawn(key).scanned), said))
        assert f"show a {MODELS[key].name}" in reason


@pytest.mark.parametrize("side", ["left", "top", "all"])
def test_a_phantom_beyond_the_edge_of_the_image_is_told(side):
    rows, columns = drawn().scanned.grid.shape[1:]
    keep = {"left": (0, rows, 50, columns), "top": (40, rows, 0, columns), "all": (25, rows - 25, 30, columns - 30)}[side]
    cut = volume(drawn().scanned, lambda voxels: voxels[:, keep[0] : keep[1], keep[2] : keep[3]])
    assert "larger field of view" in refused(analysed(cut))


def test_a_cylinder_of_water_is_no_phantom():
    grid = grid_over(MODELS["catphan604"], STANDS, spacing_mm=PITCH, keys=SHORT)
    water = Cylinder("water", (2.0, 10.0, 1.5), (0.0, 1.0, 0.0), 100.0, 300.0, 0.0)
    scanned = scan((water,), grid, np.random.default_rng(3), Scan(noise_hu=10.0))
    assert "no phantom was recognised" in refused(analysed(rehearsal.volume(scanned, "LINAC")))


def test_a_ball_in_a_block_is_no_phantom():
    scanned = scan(ball_block().solids, Grid((40, 200, 200), (2.5, 1.2, 1.2)), np.random.default_rng(3), Scan(noise_hu=10.0))
    assert "check what was scanned" in refused(analysed(rehearsal.volume(scanned, "LINAC")))


# How it stands


@pytest.mark.parametrize(
    "stands",
    [
        Placement((0.0, 0.0, 0.0), 1.9, 1.0, 0.0),
        Placement((0.0, 0.0, 0.0), 0.0, -3.0, 1.9),
        Placement((80.0, 2.0, 10.0), 0.3, 0.5, 0.2),
        Placement((-1.0, 4.0, 2.0), 0.3, 178.0, 0.2),
    ],
    ids=["pitch 2", "yaw 2", "80 mm off", "upside down"],
)
def test_wherever_it_stands(stands):
    found = analysed(volume(drawn(stands=stands).scanned))
    assert far(found, drawn(stands=stands).truth) == []
    measured(found, "cbct_hu", "cbct_offset_x", "cbct_pitch", "cbct_yaw", "cbct_roll", "cbct_rod_distance")


@pytest.mark.parametrize(("pitch", "yaw"), [(5.0, 0.0), (0.0, -5.0), (2.5, 2.5)])
def test_a_phantom_that_leans_is_to_be_set_level(pitch, yaw):
    reason = refused(analysed(volume(drawn(stands=Placement((0.0, 0.0, 0.0), pitch, 1.0, yaw)).scanned)))
    said = [float(number) for number in re.findall(r"(?:leans|pitch|yaw) ([-+\d.]+\d)", reason)]
    assert said == pytest.approx([np.hypot(pitch, yaw), pitch, yaw], abs=0.15)
    assert "set it level" in reason


@pytest.mark.parametrize("flip", [(1, 1, -1), (-1, 1, 1)], ids=["left and right", "slices"])
def test_a_mirror_image_gives_ct_numbers_and_no_turns(flip):
    base = drawn()
    found = analysed(volume(base.scanned, lambda voxels: voxels[:: flip[0], :: flip[1], :: flip[2]]))
    keys = {r.quantity.key for r in numbers(found)}
    assert keys.isdisjoint({"cbct_roll", "cbct_pitch", "cbct_yaw", "cbct_offset_x", "cbct_offset_y", "cbct_offset_z", "cbct_shear_xy"})
    assert {r.at["part"] for r in numbers(found) if r.quantity.key == "cbct_hu"} == set(told_of("catphan604"))
    assert far(found, {k: v for k, v in base.truth.items() if k[0] != "cbct_rod_distance"}) == []  # rods of the other side have its name
    reasons = {r.reason for r in found.readings if isinstance(r, NotMeasured) and r.quantity.key == "cbct_roll"}
    assert all("mirror" in reason for reason in reasons)


@pytest.mark.parametrize(
    ("position", "orientation"),
    [
        ("HFP", (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)),
        ("HFP", (-1.0, 0.0, 0.0, 0.0, -1.0, 0.0)),
        ("FFS", (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)),
        ("FFS", (-1.0, 0.0, 0.0, 0.0, 1.0, 0.0)),
    ],
)
def test_the_patients_position_changes_nothing(position, orientation):
    grid = replace(drawn().scanned.grid, patient_position=position, orientation=orientation, decreasing=position == "FFS")
    base = drawn_in(grid)
    found = analysed(volume(base.scanned))
    measured(found, "cbct_hu", "cbct_offset_x", "cbct_offset_y", "cbct_offset_z", "cbct_roll", "cbct_pitch", "cbct_yaw")
    assert far(found, base.truth) == []


# What the system adds


def with_field(field: np.ndarray) -> tuple[Analysis, dict[tuple[str, str], float]]:
    """The scan with something added, and the truth: an insert reads what is added to it too."""
    base = drawn()
    grid, told = base.scanned.grid, told_of("catphan604")
    slices, rows, columns = np.indices(grid.shape)
    places = grid.room(np.stack([slices, rows, columns], axis=-1))
    (module,) = (m for m in MODELS["catphan604"].modules if m.plugs)
    for plug in module.plugs:
        x, y, z = base.scanned.known.place((plug.x_mm, module.y_mm, plug.z_mm))
        near = np.hypot(places[..., 0] - x, places[..., 2] - z) <= plug.diameter_mm / 4
        told[plug.name] += float(field[near & (np.abs(places[..., 1] - y) <= 6.0)].mean())
    return analysed(volume(base.scanned, lambda voxels: voxels + field)), truth(base.scanned, "catphan604", told)


def empty() -> np.ndarray:
    return np.zeros(drawn().scanned.grid.shape, np.float32)


@pytest.mark.parametrize("depth", [100.0, 250.0])
def test_strong_cupping(depth):
    field = empty()
    add_cupping(field, drawn().scanned.grid, depth, 120.0)
    found, true = with_field(field)
    measured(found, "cbct_hu", "cbct_mtf50_edge", "cbct_rod_distance", "cbct_roll")
    assert far(found, true) == []


@pytest.mark.parametrize("height", [40.0, 150.0])
def test_strong_rings(height):
    """The truth is that of the inserts: a ring that lies in one is to be seen in its u."""
    field = empty()
    add_rings(field, drawn().scanned.grid, Rings(count=20, hu=height), np.random.default_rng(8))
    found = analysed(volume(drawn().scanned, lambda voxels: voxels + field))
    measured(found, "cbct_hu", "cbct_rod_distance", "cbct_roll")
    assert far(found, drawn().truth) == []


@pytest.mark.parametrize("height", [150.0, 600.0])
def test_the_streaks_of_a_piece_of_metal(height):
    field = empty()
    metal = drawn().scanned.known.place((18.0, 2.0, -12.0))
    add_streaks(field, drawn().scanned.grid, Streaks("metal", hu=height, band_hu=-height), metal, 4.0, 0.5)
    found, true = with_field(field)
    measured(found, "cbct_hu", "cbct_rod_distance", "cbct_roll")
    assert far(found, true) == []


# Real scans


@cache
def real(name: str) -> Volume:
    with dicom.opened([Path(os.environ["IGRTQA_REAL_DATA"]) / f"{name}.zip"]) as batch:
        (found,) = [a for a in batch.acquisitions if not TEST.accepts(a)]
        return replaced(found.volumes[0], found.volumes[0].voxels)


@pytest.mark.real
@pytest.mark.skipif("IGRTQA_REAL_DATA" not in os.environ, reason="IGRTQA_REAL_DATA names no folder of real images")
@pytest.mark.parametrize("name", ["catphan604", "catphan504"])
def test_real_scans_spoiled(name):
    whole = real(name)
    assert [r.missing for r in numbers(analysed(whole)) if "rescale" in r.missing] == []
    spoiled = {
        "cut off": np.minimum(whole.voxels, 300),
        "cut off there or wrongly": np.maximum(whole.voxels, 0),
        "upside down": -whole.voxels,
        "larger field of view": whole.voxels[:, :, whole.shape[2] // 2 - 60 :],
    }
    for said, voxels in spoiled.items():
        assert said in refused(analysed(replaced(whole, voxels)))
    for voxels in (0.5 * whole.voxels, 2 * whole.voxels, whole.voxels + 1000):
        found = numbers(analysed(replaced(whole, voxels)))
        assert all("rescale" in r.missing for r in found if r.quantity.key in SCALED)
