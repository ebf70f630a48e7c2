"""Which planar phantom an image shows: drawn ones of every model at random poses, and images that show none."""

import sys
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from phantoms.models import Region, named, planar_models
from phantoms.panel import Panel
from phantoms.planar import Placement, Scene, draw
from phantoms.planar_blur import KV, MV
from phantoms.planar_detector import Detector, develop
from phantoms.planar_light import Beam, Strip
from phantoms.planar_random import NONE, random_none
from qa import planar_quality_accept
from qa.features import planar_outline, planar_sides
from qa.features.planar_map import Pose
from qa.features.planar_recognise import Recognition, recognise

PANELS = {"kV": Panel("small", 384, 512, (0.8, 0.78)), "MV": Panel("small", 400, 512, (0.8, 0.78))}
MODELS = {model.key: model for model in planar_models()}
SID_MM = 1150.0


def scene(key: str, angle_deg: float, *, mirrored: bool = False, centre=(9.0, -6.0), **more: object) -> Scene:
    model = MODELS[key]
    placement = Placement(centre, angle_deg, mirrored, 1010.0)
    return Scene(model, PANELS[model.radiation], placement, blur=KV if model.radiation == "kV" else MV, sid_mm=SID_MM, **more)


@cache
def pixels(one: Scene, seed: int = 1) -> np.ndarray:
    return develop(one, draw(one), Detector(0.004, 0.3), np.random.default_rng(seed)).pixels.astype(np.float32)


def pitch(one: Scene) -> tuple[float, float]:
    row, column = (step * one.sad_mm / one.sid_mm for step in one.panel.pitch_mm)
    return row, column


def seen(one: Scene, **more: object) -> Recognition:
    return recognise(pixels(one), pitch(one), one.model.radiation, **more)


@pytest.mark.parametrize("key", MODELS)
def test_every_model_is_named_and_its_turn_found(key):
    """A turn of its own for each model, some mirrored, a couch's edge across it, which is stronger than a Las Vegas's holes."""
    couch = 110.0 if key == "las_vegas" else 60.0
    angle, mirrored = 17.0 + 31.0 * sorted(MODELS).index(key) - 150.0, sorted(MODELS).index(key) % 3 == 1
    found = seen(scene(key, angle, mirrored=mirrored, strips=(Strip(couch, 400.0, 0.8),))).found
    assert found is not None
    assert found.model.key == key
    assert found.pose.mirrored == mirrored
    assert (found.pose.angle_deg - angle + 180) % 360 - 180 == pytest.approx(0.0, abs=1.6)
    assert found.pose.mean_scale == pytest.approx(1000.0 / 1010.0, rel=0.015)


@pytest.mark.parametrize("what", NONE)
@pytest.mark.parametrize("radiation", ["kV", "MV"])
def test_what_shows_no_phantom_is_named_none(what, radiation):
    frame = random_none(np.random.default_rng(3), what, radiation, panel=PANELS[radiation])
    assert recognise(frame.pixels.astype(np.float32), (0.7, 0.68), radiation).found is None


def test_values_that_fall_with_radiation_are_seen():
    one = scene("leeds_tor18", 25.0)
    turned = recognise(65535.0 - pixels(one), pitch(one), "kV")
    assert turned.reversed
    assert turned.found is not None
    assert turned.found.model.key == "leeds_tor18"


def test_blades_in_view_do_not_hide_the_phantom():
    found = seen(scene("si_qc3", 44.0, beam=Beam(field_uv_mm=(-125.0, 130.0, -120.0, 118.0), edge_sigma_mm=2.0))).found
    assert found is not None
    assert found.model.key == "si_qc3"


def test_the_performers_word_against_the_image_is_refused_with_what_was_seen():
    found = seen(scene("si_qc3", 44.0), said=named("Las Vegas", "planar"))
    assert found.found is None
    assert "QC-3" in found.reason
    assert "Las Vegas as stated" in found.reason


def test_the_name_of_a_phantom_with_a_kv_and_an_mv_area_serves_for_both():
    """The performer says DoseLab MC2; the model of the image's radiation is meant."""
    found = seen(scene("doselab_mc2_mv", 44.0), said=named("DoseLab MC2", "planar")).found
    assert found is not None
    assert found.model.key == "doselab_mc2_mv"


def test_the_performers_word_decides_where_the_image_alone_is_not_sure():
    """A Las Vegas of which the holes that show best are filled: no more like the whole one than the rest's share of what shows says."""
    one = scene("las_vegas", 44.0)
    kept = tuple(part for part in one.model.regions if part.name not in ("A10", "A7", "B10"))
    shows, left = (sum(part.width_mm**2 * (part.transmission - 1) ** 2 for part in parts) for parts in (one.model.regions, kept))
    image = pixels(replace(one, model=replace(one.model, regions=kept)))
    alone = recognise(image, pitch(one), "MV")
    assert alone.ranking[0].score < (left / shows) ** 0.5 + 0.03
    assert alone.found is None
    assert "state it with --phantom" in alone.reason
    stated = recognise(image, pitch(one), "MV", said=named("LasVegas", "planar"))
    assert stated.found is not None
    assert stated.found.model.key == "las_vegas"
    assert recognise(image, pitch(one), "MV", said=named("QC-3", "planar")).found is None


def test_an_image_turned_over_or_upside_down_is_seen_so():
    """Turned by 180 degrees the angle grows by 180; with its rows reversed a turn of a becomes, mirrored, one of 180 - a."""
    one = scene("si_qc3", 30.0, centre=(0.0, 0.0))
    image = pixels(one)
    for changed, angle, mirrored in ((image, 30.0, False), (image[::-1, ::-1], 210.0, False), (image[::-1], 150.0, True)):
        found = recognise(np.ascontiguousarray(changed), pitch(one), "MV").found
        assert found is not None
        assert found.pose.mirrored == mirrored
        assert (found.pose.angle_deg - angle + 180) % 360 - 180 == pytest.approx(0.0, abs=0.3)


@pytest.mark.parametrize(("key", "angle_deg"), [("las_vegas", -0.7), ("snc_mv", 3.2)])
def test_a_phantom_laid_almost_along_a_couch_and_blades_is_named(key, angle_deg):
    """Their lines are stronger than the phantom's own and only a degree or three off; the couch's edge hides a side in part."""
    half = 0.62 * MODELS[key].width_mm
    beam = Beam(field_uv_mm=(-half - 8, half + 30, -half - 24, half + 9), edge_sigma_mm=2.0)
    found = seen(
        scene(key, angle_deg, beam=beam, strips=(Strip(0.3 * half, 400.0, 0.6), Strip(0.3 * half + 12, 0.3 * half + 18, 0.8)))
    ).found
    assert found is not None
    assert found.model.key == key


def test_slabs_with_other_parts_are_none():
    """Ten discs and squares at random in a plate of the size of a phantom that is known, and nothing at all in it."""
    rng = np.random.default_rng(5)
    for key in ("si_qckv", "snc_mv"):
        model = MODELS[key]
        parts = tuple(
            Region(f"part {k}", "contrast", str(rng.choice(["circle", "rectangle"])), x, y, size, size, float(rng.uniform(0.6, 1.2)))
            for k, (x, y, size) in enumerate(rng.uniform(-0.35, 0.35, (10, 3)) * [model.width_mm, model.height_mm, 40] + [0, 0, 16])
            if size > 4
        )
        for regions in ((), parts):
            one = scene(key, 20.0)
            found = recognise(pixels(replace(one, model=replace(model, regions=regions))), pitch(one), model.radiation)
            assert found.outlines > 0
            assert found.found is None


def field_image(size_mm: float, *regions: Region, model: str = "", scale: float = 1.0) -> np.ndarray:
    """A square field on a panel of 1.5 mm pixels as the isocentre has them, with parts or a phantom at that scale in it."""
    half = size_mm / 2
    held = replace(MODELS["snc_mv"], shape="circle", width_mm=1.0, height_mm=1.0, transmission=1.0, regions=regions)
    one = Scene(
        MODELS[model] if model else held,
        Panel("coarse", 220, 260, (1.5, 1.45)),
        Placement((2.0, 1.0), 12.0, False, 1000.0 / scale),
        Beam(field_uv_mm=(2 - half, 2 + half, 1 - half, 1 + half), edge_sigma_mm=2.0),
        blur=MV,
        sid_mm=1000.0,
    )
    return develop(one, draw(one), Detector(0.003, 0.3), np.random.default_rng(2)).pixels.astype(np.float32)


@pytest.mark.parametrize("size_mm", [25.0, 45.0, 70.0])
def test_a_small_field_of_a_ball_is_refused_before_any_model_is_looked_at(size_mm, monkeypatch):
    monkeypatch.setitem(sys.modules, "qa.features.planar_recognise", None)  # an import of it fails now
    ball = Region("ball", "marker", "circle", 1.0, -2.0, 8.0, 8.0, 0.6)
    rod = Region("rod", "marker", "rectangle", 1.0, -60.0, 6.0, 120.0, 0.95)
    image = field_image(size_mm, rod, ball)
    for values in (image, 65535.0 - image):
        assert "small field" in planar_quality_accept.seen(values, (1.5, 1.45), "MV")


@pytest.mark.parametrize("key", ["snc_mv", "las_vegas", "si_qc3"])
def test_a_phantom_in_a_tight_field_is_not_taken_for_a_ball(key):
    """As small as phantoms get, 6 mm of open beam round their corners."""
    size = 0.6 * (MODELS[key].width_mm * np.cos(np.radians(12)) + MODELS[key].height_mm * np.sin(np.radians(12))) + 12
    assert not planar_quality_accept.small_field(field_image(float(size), model=key, scale=0.6), (1.5, 1.45))


def test_half_a_phantom_is_none():
    one = scene("si_qc3", 44.0)
    half = np.ascontiguousarray(pixels(one)[:, : one.panel.columns // 2 + 10])
    assert recognise(half, pitch(one), "MV").found is None


def test_an_outline_is_where_it_was_drawn():
    """Without noise, at five turns: sizes within 10 um, the middle within 5 um; a plate without parts, so that nothing else shows."""
    for turn in (-37.0, -12.0, 3.0, 28.0, 44.0):
        one = scene("las_vegas", turn)
        one = replace(one, model=replace(one.model, regions=()))
        image = (draw(one) * 40000).astype(np.float32)
        (outline,) = planar_outline.outlines(planar_outline.coarse(image, pitch(one)))
        found = planar_sides.measure(image, pitch(one), outline)
        assert [size.value for size in found.size_mm] == pytest.approx([140 / 1.01] * 2, abs=0.010)
        rows, columns = one.panel.shape
        middle = (columns - 1) / 2 * pitch(one)[1] + 9.0 / 1.15, (rows - 1) / 2 * pitch(one)[0] + 6.0 / 1.15
        assert [at.value for at in found.centre_mm] == pytest.approx(middle, abs=0.005)
        assert (found.angle_deg.value + turn + 45) % 90 - 45 == pytest.approx(0.0, abs=0.003)


def test_a_pose_and_its_inverse():
    """Where points go by hand: 90 degrees counter-clockwise takes the phantom's right to the picture's top, rows grow downwards."""
    pose = Pose((100.0, 50.0), (1.1, 0.9), 90.0)
    assert [float(v) for v in pose.place(10.0, 0.0)] == pytest.approx([100.0, 39.0])
    assert [float(v) for v in pose.place(0.0, 10.0)] == pytest.approx([91.0, 50.0])
    mirrored = Pose((100.0, 50.0), (1.1, 0.9), 30.0, True)
    assert [float(v) for v in mirrored.back(*mirrored.place(7.0, -3.0))] == pytest.approx([7.0, -3.0])
