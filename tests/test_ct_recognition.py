"""Which CT phantom a scan shows: drawn phantoms at random poses named rightly, and never one that is not there."""

from functools import cache

import numpy as np
import pytest

from phantoms.ctphantom import Imaging, Placement, grid_over, scan_phantom
from phantoms.ctphantom_patient import patient
from phantoms.models import CtModel, ct_models
from phantoms.volume import Cylinder, Grid, Scan, scan
from qa import rehearsal
from qa.acquisition import Volume
from qa.features import ct_outline, ct_recognise, ct_scan
from qa.features.ct_recognise import Recognition
from qa.reading import AnalysisError

MODELS = {model.key: model for model in ct_models()}
SPACING = (4.0, 1.5, 1.4)
CATPHANS = ("catphan503", "catphan504", "catphan600", "catphan604", "catphan700")


def volume(
    model: CtModel, seed: int, keys: tuple[str, ...] = ("hu", "bars"), placement: Placement | None = None, **how: object
) -> Volume:
    """A scan of those modules with 15 HU of noise."""
    placement = placement or Placement((3.0, -4.0, 2.0), 0.4, 5.0, -0.3)
    grid = grid_over(model, placement, spacing_mm=SPACING, keys=keys, ends_mm=6.0)
    settings = Imaging(**{"blur_mm": (0.7, 0.6), "noise_hu": 15.0, **how})
    return rehearsal.volume(scan_phantom(model, grid, np.random.default_rng(seed), placement, settings), "LINAC")


def recognised(found: Volume) -> Recognition:
    stack = ct_scan.of(found)
    return ct_recognise.recognise(stack, ct_outline.find(stack))


@cache
def random_scan(key: str, seed: int) -> tuple[Recognition, Placement]:
    rng = np.random.default_rng([seed, *key.encode()])
    x, y, z = (float(v) for v in rng.normal(0, 5, 3))
    placement = Placement((x, y, z), float(rng.normal(0, 0.7)), float(rng.uniform(-25, 25)), float(rng.normal(0, 0.7)))
    placement = Placement(placement.offset_mm, placement.pitch_deg, placement.roll_deg, placement.yaw_deg, reversed=bool(seed % 2))
    noise, blur = float(rng.uniform(5, 35)), float(rng.uniform(0.5, 1.1))
    return recognised(volume(MODELS[key], seed, placement=placement, noise_hu=noise, blur_mm=(blur, blur))), placement


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("key", CATPHANS)
def test_a_catphan_is_named_with_its_roll_and_which_way_round(key, seed):
    found, placement = random_scan(key, seed)
    assert found.best is not None, found.reason
    assert found.best.model.key == key
    assert found.confidence >= ct_recognise.SURE
    assert found.alike == ()
    assert found.best.handed
    assert found.best.towards == (-1 if placement.reversed else 1)
    assert abs((found.best.roll_deg + placement.roll_deg + 180) % 360 - 180) < 3


@pytest.mark.parametrize("key", ["acr464", "quart_dvt"])
def test_other_phantoms_with_known_inserts_are_named(key):
    found = recognised(volume(MODELS[key], 3, ("hu", "uniform")))
    assert found.best is not None, found.reason
    assert found.best.model.key == key


def test_what_tells_a_503_from_a_504_is_not_in_a_scan_of_the_inserts_alone():
    found = recognised(volume(MODELS["catphan504"], 4, ("hu",)))
    assert found.best is not None
    assert {found.best.model.key, *(match.model.key for match in found.alike)} >= {"catphan503", "catphan504"}
    assert found.confidence < ct_recognise.SURE


def test_a_mirror_image_is_no_way_to_stand():
    found = recognised(volume(MODELS["catphan604"], 5, placement=Placement((1.0, 2.0, -3.0), mirrored=True)))
    assert found.best is not None
    assert found.best.model.key == "catphan604"
    assert not found.best.handed


def test_a_wrong_rescale_does_not_hide_the_phantom():
    found = recognised(volume(MODELS["catphan604"], 6, slope=0.5, intercept_hu=-200.0))
    assert found.best is not None
    assert found.best.model.key == "catphan604"


def test_water_is_no_phantom():
    grid = Grid((24, 170, 185), SPACING)
    cylinder = Cylinder("water", (2.0, 0.0, -3.0), (0.0, 1.0, 0.0), 100.0, 120.0, 0.0)
    found = recognised(rehearsal.volume(scan([cylinder], grid, np.random.default_rng(7), Scan(noise_hu=15.0)), "LINAC"))
    assert found.best is None
    assert "none that is known" in found.reason


def test_noise_and_a_patient_are_no_phantom():
    rng = np.random.default_rng(8)
    grid = Grid((12, 150, 170), SPACING)
    noise = scan([], grid, rng, Scan(noise_hu=40.0, clip_hu=(-2000.0, 3071.0)))
    with pytest.raises(AnalysisError, match="no phantom"):
        recognised(rehearsal.volume(noise, "LINAC"))
    trunk = patient(Grid((12, 170, 250), SPACING), rng)
    with pytest.raises(AnalysisError, match=r"not round|no phantom|not a phantom|no cylinder"):
        recognised(rehearsal.volume(trunk, "LINAC"))


def test_two_phantoms_are_refused():
    model, one = MODELS["catphan503"], Placement((-110.0, 0.0, 0.0))
    grid = Grid((20, 160, 330), (4.0, 1.5, 1.4), (0.0, 0.0, 0.0))
    both = scan_phantom(model, grid, np.random.default_rng(9), one, Imaging(noise_hu=10.0), beside=((model, Placement((115.0, 0.0, 4.0))),))
    with pytest.raises(AnalysisError, match="two bodies"):
        recognised(rehearsal.volume(both, "LINAC"))


def test_a_body_that_is_cut_by_the_edge_is_refused():
    model = MODELS["catphan504"]
    grid = Grid((16, 150, 120), (4.0, 1.5, 1.4), (55.0, 0.0, 0.0))
    cut = scan_phantom(model, grid, np.random.default_rng(10), Placement(), Imaging(noise_hu=10.0))
    with pytest.raises(AnalysisError, match="cut by the edge"):
        recognised(rehearsal.volume(cut, "LINAC"))


def test_the_axis_is_found_to_a_hundredth_of_a_millimetre():
    placement = Placement((3.3, 0.0, -2.2), 0.8, 0.0, -0.5)
    stack = ct_scan.of(volume(MODELS["catphan504"], 11, placement=placement))
    body = ct_outline.find(stack)
    for y in (-20.0, 10.0, 40.0):
        x, z = body.centre(y)
        along = placement.matrix[:, 1] / placement.matrix[1, 1]
        assert abs(x - (3.3 + along[0] * y)) < 0.05
        assert abs(z - (-2.2 + along[2] * y)) < 0.05
    assert abs(body.radius_mm - 100.0) < 0.15


@pytest.mark.parametrize("key", ["tomo_cheese", "cirs062m"])
def test_phantoms_for_any_plugs_are_named_by_where_their_holes_are(key):
    model, rng = MODELS[key], np.random.default_rng(12)
    placement = Placement((2.0, 0.0, -3.0), 0.3, 4.0, 0.2)
    plugs = {plug.name: float(rng.choice([-700.0, -500.0, -90.0, 120.0, 250.0, 450.0, 800.0])) for plug in model.modules[0].plugs}
    grid = grid_over(model, placement, spacing_mm=SPACING, keys=("hu",), ends_mm=-60.0 if key == "tomo_cheese" else 6.0)
    drawn = scan_phantom(model, grid, rng, placement, Imaging(noise_hu=15.0), plugs)
    found = recognised(rehearsal.volume(drawn, "LINAC"))
    assert found.best is not None, found.reason
    assert found.best.model.key == key


def test_a_noisy_503_is_told_from_a_504_by_its_line_pairs():
    found = recognised(volume(MODELS["catphan503"], 13, placement=Placement((4.0, -3.0, 5.0), 0.9, 1.0, -0.9), noise_hu=60.0))
    assert found.best is not None, found.reason
    assert found.best.model.key == "catphan503"
    assert found.confidence >= ct_recognise.SURE


@pytest.mark.parametrize("y_mm", [-0.34, -0.44])
def test_line_pairs_with_a_rim_of_the_inserts_are_never_surely_another_phantom(y_mm):
    model = MODELS["catphan504"]
    around, placement = (Placement((3.0, y, -2.0), 0.3, 2.0, reversed=True) for y in (0.0, y_mm))
    grid = grid_over(model, around, spacing_mm=(2.6, 0.9, 1.0), keys=("bars",), ends_mm=-1.0)
    drawn = scan_phantom(model, grid, np.random.default_rng(14), placement, Imaging(noise_hu=30.0))
    found = recognised(rehearsal.volume(drawn, "LINAC"))
    assert found.best is not None, found.reason
    assert "catphan504" in {found.best.model.key, *(match.model.key for match in found.alike)}


def test_inserts_elsewhere_are_no_known_phantom():
    rng = np.random.default_rng(15)
    turns, radii = np.radians([10.0, 50.0, 115.0, 170.0, 200.0, 290.0]), [30.0, 62.0, 45.0, 58.0, 25.0, 70.0]
    body = Cylinder("body", (2.0, 0.0, -3.0), (0.0, 1.0, 0.0), 100.0, 120.0, 90.0)
    inserts = [
        Cylinder(f"{k}", (2.0 + r * np.cos(t), 0.0, r * np.sin(t) - 3.0), (0.0, 1.0, 0.0), 7.0, 110.0, hu)
        for k, (r, t, hu) in enumerate(zip(radii, turns, [-1000.0, 900.0, -200.0, 400.0, -1000.0, 250.0], strict=True))
    ]
    found = recognised(rehearsal.volume(scan([body, *inserts], Grid((24, 170, 185), SPACING), rng, Scan(noise_hu=15.0)), "LINAC"))
    assert found.best is None
    assert "none that is known" in found.reason


def test_holes_tell_two_phantoms_for_any_plugs_apart_though_one_in_four_is_filled_like_the_body():
    model, rng, placement = MODELS["tomo_cheese"], np.random.default_rng(16), Placement((2.0, 0.0, -3.0), 0.3, 8.0, 0.2)
    plugs = {plug.name: (-700.0, 60.0, 300.0, 0.0)[k % 4] for k, plug in enumerate(model.modules[0].plugs)}
    grid = grid_over(model, placement, spacing_mm=SPACING, keys=("hu",), ends_mm=-65.0)
    drawn = scan_phantom(model, grid, rng, placement, Imaging(noise_hu=60.0), plugs)
    found = recognised(rehearsal.volume(drawn, "LINAC"))
    assert found.best is not None, found.reason
    assert found.best.model.key == "tomo_cheese"
    assert abs(found.best.roll_deg + placement.roll_deg) < 3
    assert found.confidence >= ct_recognise.SURE


def test_slices_that_a_tilted_end_cuts_do_not_hide_a_short_phantom():
    model, placement = MODELS["cirs062m"], Placement((-9.0, 0.0, -3.0), 1.1, 4.0, 1.1)
    grid = grid_over(model, placement, spacing_mm=(1.5, 1.9, 2.1), keys=("hu",), ends_mm=6.0)
    stack = ct_scan.of(rehearsal.volume(scan_phantom(model, grid, np.random.default_rng(17), placement, Imaging()), "LINAC"))
    body = ct_outline.find(stack)
    assert abs(body.radius_mm - 155.0) < 0.15
    assert 50.0 - 310 * np.tan(np.radians(1.1 * np.sqrt(2))) - 6.0 < body.high_mm - body.low_mm < 50.0
