"""Facts about CT phantoms agree with each other, with chemistry, with the makers' tables, and with real images of two of them."""

import io
import os
import zipfile
from itertools import combinations, pairwise
from math import cos, dist, hypot, radians, sin
from pathlib import Path

import numpy as np
import pydicom
import pytest
from scipy.ndimage import label, map_coordinates

from phantoms.models import CtModel, ct_models, materials, named

MODELS = {model.key: model for model in ct_models()}
CATPHANS = [key for key in MODELS if key.startswith("catphan")]
Z_OVER_A = {"H": 1 / 1.008, "C": 6 / 12.011, "N": 7 / 14.007, "O": 8 / 15.999, "F": 9 / 18.998, "Ar": 18 / 39.948}
# manual of the Catphan 503, page 15: relative electron density, and CT number range of page 15 too
MANUAL = {"pmp": (0.853, -220, -172), "ldpe": (0.945, -121, -87), "polystyrene": (0.998, -65, -29), "acrylic": (1.147, 92, 137),
          "delrin": (1.363, 344, 387), "teflon": (1.868, 941, 1060), "air": (0.001, -1046, -986)}  # fmt: skip


@pytest.fixture(params=MODELS.values(), ids=MODELS.keys())
def model(request) -> CtModel:
    return request.param


def test_nine_phantoms_are_known():
    assert {"catphan503", "catphan504", "catphan600", "catphan604", "catphan700", "quart_dvt", "acr464", "tomo_cheese", "cirs062m"} == set(
        MODELS
    )


def test_every_number_says_where_it_is_from(model):
    assert len(model.source) > 40
    assert all(len(note) > 20 for note in model.notes)
    assert all(len(material.source) > 10 for material in materials().values())


@pytest.mark.parametrize(
    ("said", "key"), [("CatPhan 604, serial 12", "catphan604"), ("Catphan® 504", "catphan504"), ("our ACR 464", "acr464")]
)
def test_a_persons_words_name_a_phantom(said, key):
    assert named(said, "ct") is MODELS[key]


def test_no_name_or_alias_is_part_of_another_phantoms():
    words = [
        (model.key, "".join(c for c in word.lower() if c.isalnum()))
        for model in MODELS.values()
        for word in (model.key, model.name, *model.aliases)
    ]
    assert [(a, b) for (k, a), (m, b) in combinations(words, 2) if k != m and (a in b or b in a)] == []


def test_parts_are_inside_their_module_and_apart(model):
    for module in model.modules:
        round_parts = [(p.name, p.x_mm, p.z_mm, p.diameter_mm / 2) for p in (*module.plugs, *module.rods, *module.discs)]
        assert [name for name, x, z, r in round_parts if hypot(x, z) + r > module.diameter_mm / 2 - 1] == []
        assert [(a[0], b[0]) for a, b in combinations(round_parts, 2) if dist(a[1:3], b[1:3]) < a[3] + b[3] + 0.3] == []


def test_names_are_unique_within_a_phantom(model):
    for kind in ("plugs", "rods", "ramps", "bars", "discs", "beads"):
        found = [part.name for module in model.modules for part in getattr(module, kind)]
        assert len(found) == len(set(found))


def test_modules_fill_the_body_without_overlap(model):
    spans = sorted((m.y_mm - m.length_mm / 2, m.y_mm + m.length_mm / 2) for m in model.modules)
    assert all(a[1] <= b[0] + 1e-6 for a, b in pairwise(spans))
    assert spans[0][0] >= model.y_mm - model.length_mm / 2 - 1e-6
    assert spans[-1][1] <= model.y_mm + model.length_mm / 2 + 1e-6
    assert all(module.diameter_mm <= model.diameter_mm for module in model.modules)
    assert next(module for module in model.modules if module.plugs).y_mm == 0.0


def test_nominal_ct_numbers_lie_in_the_makers_range_and_materials_are_known(model):
    for plug in (plug for module in model.modules for plug in module.plugs):
        assert plug.hu_low <= plug.hu <= plug.hu_high
        assert plug.material == "" or plug.material in materials()


@pytest.mark.parametrize("key", CATPHANS)
def test_catphan_inserts_have_the_ranges_of_the_manual(key):
    for plug in (plug for module in MODELS[key].modules for plug in module.plugs if plug.material in MANUAL):
        assert (plug.hu_low, plug.hu_high) == MANUAL[plug.material][1:]


@pytest.mark.parametrize("key", ["catphan503", "catphan504", "catphan600", "catphan604"])
def test_rods_form_a_square_of_50_mm(key):
    rods = [(rod.x_mm, rod.z_mm) for module in MODELS[key].modules for rod in module.rods]
    assert sorted(dist(a, b) for a, b in combinations(rods, 2)) == pytest.approx([50] * 4 + [50 * 2**0.5] * 2)


def test_ramps_climb_at_23_degrees_in_pairs_that_go_opposite_ways_and_stay_in_their_module(model):
    for module in (module for module in model.modules if module.ramps):
        assert {ramp.angle_deg for ramp in module.ramps} == {23.0}
        assert all(ramp.length_mm * sin(radians(23)) <= module.length_mm for ramp in module.ramps)
        for along in {ramp.along for ramp in module.ramps}:
            assert sum(ramp.rising for ramp in module.ramps if ramp.along == along) == 0


def test_bar_groups_get_finer_and_do_not_touch(model):
    for module in (module for module in model.modules if module.bars):
        assert all(a.lp_per_mm < b.lp_per_mm for a, b in pairwise(module.bars))
        for a, b in combinations(module.bars, 2):
            reach = [hypot((bars.count - 0.5) * 0.5 / bars.lp_per_mm, 0.5 * min(bars.length_mm, 5)) for bars in (a, b)]
            assert dist((a.x_mm, a.z_mm), (b.x_mm, b.z_mm)) > 0.97 * sum(reach) or model.key == "catphan700"
        assert all(abs(bars.y_mm) + (bars.thickness_mm or 0) / 2 <= module.length_mm / 2 for bars in module.bars)


@pytest.mark.parametrize("key", CATPHANS)
def test_low_contrast_groups_hold_nine_sizes_each(key):
    for module in (module for module in MODELS[key].modules if module.discs):
        for contrast in (1.0, 0.5, 0.3):
            sizes = [disc.diameter_mm for disc in module.discs if disc.contrast_percent == contrast]
            assert sizes == [15, 9, 8, 7, 6, 5, 4, 3, 2]


def clock(key: str, name: str) -> tuple[int, int]:
    """Which side of the phantom's middle a plug is on, x and z."""
    plug = next(plug for module in MODELS[key].modules for plug in module.plugs if plug.name == name)
    return int(np.sign(round(plug.x_mm, 3))), int(np.sign(round(plug.z_mm, 3)))


def test_inserts_are_where_the_slices_show_them():
    """Seen with x to the right and z up: 504 and 604 air up, Teflon right above; the 600 half a turn on; the 700 mirrored."""
    assert clock("catphan504", "Air") == (0, 1)
    assert clock("catphan504", "Teflon") == clock("catphan604", "Teflon") == (1, 1)
    assert clock("catphan604", "Bone 20 %") == (1, -1)
    assert clock("catphan600", "Air") == (0, -1)
    assert clock("catphan600", "Teflon") == (-1, -1)
    assert clock("catphan700", "PMP") == (1, 1)
    assert clock("acr464", "Bone") == (1, 1)
    assert clock("acr464", "Water") == (-1, 0)


def test_electron_density_follows_from_composition():
    water = sum(w * Z_OVER_A[e] for e, w in materials()["water"].elements.items())
    assert water == pytest.approx(0.5551, abs=2e-4)
    known = [material for material in materials().values() if material.elements]
    assert len(known) == 8
    for material in known:
        assert sum(material.elements.values()) == pytest.approx(1, abs=2e-3)
        computed = material.density * sum(w * Z_OVER_A[e] for e, w in material.elements.items()) / water
        assert material.relative_electron_density == pytest.approx(computed, abs=6e-4)


def test_electron_density_is_the_manuals():
    for key, (electrons, _, _) in MANUAL.items():
        assert materials()[key].relative_electron_density == pytest.approx(electrons, abs=1e-3)


def test_what_no_document_says_is_marked():
    for material in materials().values():
        assert material.confirmed == ("not confirmed" not in material.source)
        assert material.confirmed or not material.elements


# Real images: pose from air alone (body and holes), then every insert and every bar group must be where the model says.


def volume(name: str) -> tuple[np.ndarray, np.ndarray, tuple[float, float, float]]:
    """(HU, y of each slice, (first x, first z, pitch))."""
    with zipfile.ZipFile(Path(os.environ["IGRTQA_REAL_DATA"]) / f"{name}.zip") as archive:
        files = [pydicom.dcmread(io.BytesIO(archive.read(entry)), force=True) for entry in archive.namelist() if not entry.endswith("/")]
    slices = sorted((f for f in files if "PixelData" in f), key=lambda f: float(f.ImagePositionPatient[2]))
    hu = np.array([f.pixel_array * float(f.RescaleSlope) + float(f.RescaleIntercept) for f in slices], np.float32)
    x, z = float(slices[0].ImagePositionPatient[0]), -float(slices[0].ImagePositionPatient[1])
    return hu, np.array([float(f.ImagePositionPatient[2]) for f in slices]), (x, z, float(slices[0].PixelSpacing[0]))


def body_centre(plane: np.ndarray, first: tuple[float, float, float]) -> tuple[float, float]:
    parts, _ = label(plane > -500)
    rows, columns = np.nonzero(parts == np.bincount(parts.ravel())[1:].argmax() + 1)
    x, z, pitch = first
    return x + pitch * (columns.min() + columns.max()) / 2, z - pitch * (rows.min() + rows.max()) / 2


def sampled(plane, first, centre, roll_deg, px, pz):
    """The plane at points of the phantom (mm), rolled counter-clockwise by ``roll_deg``."""
    a, (x, z, pitch) = radians(roll_deg), first
    fx, fz = centre[0] + px * cos(a) - pz * sin(a), centre[1] + px * sin(a) + pz * cos(a)
    return map_coordinates(plane, [(z - fz) / pitch, (fx - x) / pitch], order=1)


@pytest.mark.real
@pytest.mark.skipif("IGRTQA_REAL_DATA" not in os.environ, reason="IGRTQA_REAL_DATA names no folder of real images")
@pytest.mark.parametrize(("key", "roll_deg", "middle_mm", "clear_hu"), [("catphan504", 2.6, -0.9, 45), ("catphan604", -0.24, 1.6, 45)])
def test_real_images_show_inserts_and_bars_where_the_model_has_them(key, roll_deg, middle_mm, clear_hu):
    hu, y, first = volume(key)
    disc = np.array([(r * cos(a), r * sin(a)) for r in (0.5, 1.5, 2.5, 3.5) for a in np.linspace(0, 6, 12)])
    hu_module = next(module for module in MODELS[key].modules if module.key == "hu")
    plane = hu[abs(y - middle_mm) < 4].mean(axis=0)
    centre = body_centre(plane, first)
    for plug in hu_module.plugs:
        seen = np.median(sampled(plane, first, centre, roll_deg, plug.x_mm + disc[:, 0], plug.z_mm + disc[:, 1]))
        assert seen == pytest.approx(plug.hu, abs=clear_hu), plug.name
    for rod in hu_module.rods:
        seen = sampled(plane, first, centre, roll_deg, rod.x_mm + disc[:12, 0], rod.z_mm + disc[:12, 1]).mean()
        assert (seen - hu_module.hu) * np.sign(rod.hu) > 500, rod.name
    module = next(module for module in MODELS[key].modules if module.key == "bars")
    plane = hu[abs(y - middle_mm - module.y_mm - module.bars[0].y_mm) < 2.6].max(axis=0)
    centre = body_centre(plane, first)
    for bars, following in pairwise(module.bars):
        width, t = (bars.count - 0.5) / bars.lp_per_mm / 2, radians(bars.turn_deg)
        u = np.linspace(-width, width, 41)
        bright = sampled(plane, first, centre, roll_deg, bars.x_mm + u * cos(t), bars.z_mm + u * sin(t)).mean()
        between = np.array([bars.x_mm + following.x_mm, bars.z_mm + following.z_mm])
        dark = sampled(plane, first, centre, roll_deg, *(between[:, None] * 47 / hypot(*between)))[0]
        assert bright > max(250, dark / 0.6), bars.name
