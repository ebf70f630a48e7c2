"""Planar image quality on drawn images: numbers against what was drawn, and images that are wrong in some way."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from phantoms.linac import Linac
from phantoms.models import planar_models
from phantoms.panel import Panel
from phantoms.planar import Placement, Scene, draw
from phantoms.planar_blur import MV, Blur
from phantoms.planar_detector import Detector, Frame, develop
from phantoms.planar_exposure import MV_LINAC
from phantoms.planar_light import Beam
from qa import procedure, rehearsal
from qa.acquisition import Acquisition, Image
from qa.evidence import Overlay, Table
from qa.reading import Measured, NotMeasured, Reading

TEST = procedure.load("planar_quality")
MODELS = {model.key: model for model in planar_models()}
PANEL = Panel("small", 400, 512, (0.60, 0.57))
QC3 = Scene(MODELS["si_qc3"], PANEL, Placement((14.0, -7.0), 42.0, False, 1008.0), blur=MV, sid_mm=1150.0)
QUIET = Detector(0.001, 0.2)


def taken(scene: Scene, detector: Detector = QUIET) -> Frame:
    return develop(scene, draw(scene), detector, np.random.default_rng(11))


@cache
def qc3() -> Frame:
    return taken(QC3)


def acquisition(*frames: Frame, linac: Linac = MV_LINAC) -> Acquisition:
    return rehearsal.planar(frames, linac)


def with_pixels(one: Acquisition, make) -> Acquisition:
    def changed(image: Image) -> Image:
        pixels = np.asarray(make(image.pixels.copy()), dtype=np.float32)
        return replace(image, shape=pixels.shape, load=lambda: pixels.copy())

    return replace(one, images=tuple(changed(image) for image in one.images))


def readings(one: Acquisition) -> tuple[Reading, ...]:
    assert TEST.accepts(one) == ""
    return TEST.analyse(one).readings


def numbers(found: tuple[Reading, ...]) -> dict[tuple[str, str], Measured]:
    return {(r.quantity.key, str(r.at.get("part", ""))): r for r in found if isinstance(r, Measured)}


def test_a_qc3_measures_what_was_drawn():
    found = numbers(readings(acquisition(qc3())))
    assert found["planar_scale", "width"].value == pytest.approx(1000 / 1008, abs=2e-4)
    assert found["planar_scale", "height"].value == pytest.approx(1000 / 1008, abs=2e-4)
    assert found["planar_angle", ""].value == pytest.approx(42.0, abs=0.02)
    assert found["planar_center_u", ""].value == pytest.approx(14.0 / 1.15, abs=0.02)
    assert found["planar_center_v", ""].value == pytest.approx(-7.0 / 1.15, abs=0.02)
    assert found["planar_contrast", "top 2"].value == pytest.approx(100 * (1.007 / 1.081 - 1), abs=0.3)


def test_a_known_blur_gives_its_mtf():
    """One Gaussian of 0.5 mm and pixels of 0.60 x 0.57 mm at the panel: MTF = exp(-2 (pi s f)^2) sinc sinc, solved here for 50 %."""
    scene = replace(QC3, blur=Blur((1.0,), (0.5,)))
    f = np.linspace(0, 1, 100001)
    c = np.sqrt(0.5)  # at 42 degrees both axes see nearly the same
    curve = np.exp(-2 * (np.pi * 0.5 * f) ** 2) * np.sinc(f * c * 0.60) * np.sinc(f * c * 0.57)
    expected = f[np.argmax(curve <= 0.5)] * 1150 / 1008
    found = numbers(readings(acquisition(taken(scene))))["planar_mtf50", "edge"]
    assert found.value == pytest.approx(expected, rel=0.02)
    assert abs(found.value - expected) < 4 * found.u


def test_the_setting_names_phantom_beam_and_imager_and_no_file():
    (setting,) = {str(r.at["setting"]) for r in readings(acquisition(qc3())) if "setting" in r.at}
    assert setting == "QC-3 | 6X | panel 512x400, 0.570 mm"


def test_one_look_shows_the_phantom_and_every_region():
    shown = TEST.analyse(acquisition(qc3())).evidence
    (picture,) = [item for item in shown if isinstance(item, Overlay)]
    assert {mark.label for mark in picture.marks} >= {"QC-3", "top 2", "bottom 3", "0.25 lp/mm"}
    (table,) = [item for item in shown if isinstance(item, Table)]
    assert table.rows[0][1] == "QC-3"


def test_the_wrong_phantom_stated_is_refused_with_what_was_seen():
    found = TEST.analyse(replace(acquisition(qc3()), phantom="Las Vegas")).readings
    assert numbers(found) == {}
    assert any("QC-3" in r.reason and "Las Vegas" in r.reason for r in found if isinstance(r, NotMeasured))


def test_words_that_name_no_phantom_do_not_stop_the_recognition():
    found = TEST.analyse(replace(acquisition(qc3()), phantom="serial 12345")).readings
    assert numbers(found)
    scales = [r for r in found if isinstance(r, Measured) and r.quantity.key == "planar_scale"]
    assert scales
    assert all(any("serial 12345" in flag for flag in r.flags) for r in scales)


def test_a_phantom_for_ct_is_none_of_a_planar_image():
    found = TEST.analyse(replace(acquisition(qc3()), phantom="CatPhan 604")).readings
    assert numbers(found) == {}
    assert any("CatPhan 604" in r.reason for r in found if isinstance(r, NotMeasured))


def test_a_mirrored_phantom_is_measured_and_says_so():
    found = numbers(readings(acquisition(taken(replace(QC3, placement=replace(QC3.placement, mirrored=True))))))
    assert any("mirrored" in flag for flag in found["planar_scale", "width"].flags)
    assert found["planar_contrast", "top 2"].value == pytest.approx(100 * (1.007 / 1.081 - 1), abs=0.3)


def test_an_upside_down_phantom_is_turned_by_half_a_turn():
    found = numbers(readings(acquisition(taken(replace(QC3, placement=replace(QC3.placement, angle_deg=-138.0))))))
    assert found["planar_angle", ""].value == pytest.approx(-138.0, abs=0.02)


@pytest.mark.parametrize("part", ["left", "right", "upper", "lower"])
def test_half_a_phantom_gives_no_number(part):
    cut = {"left": np.s_[:, :250], "right": np.s_[:, 280:], "upper": np.s_[:200], "lower": np.s_[210:]}[part]
    one = with_pixels(acquisition(qc3()), lambda pixels: np.ascontiguousarray(pixels[cut]))
    assert TEST.accepts(one) != ""
    found = TEST.analyse(one).readings
    assert numbers(found) == {}
    assert any("outline" in r.reason for r in found if isinstance(r, NotMeasured))


def test_blades_in_view_leave_the_phantom_measured():
    beam = Beam(field_uv_mm=(-118.0, 136.0, -115.0, 104.0), edge_sigma_mm=1.5)
    found = numbers(readings(acquisition(taken(replace(QC3, beam=beam)))))
    assert found["planar_scale", "width"].value == pytest.approx(1000 / 1008, abs=4e-4)


def test_a_saturated_region_is_refused_and_the_others_are_measured():
    """Values cut off between the plate (0.792) and the background square (0.856 of the open beam)."""
    top = 0.83 * 65535 / 1.35
    found = readings(with_pixels(acquisition(qc3()), lambda pixels: np.minimum(pixels, top)))
    reasons = {r.reason for r in found if isinstance(r, NotMeasured)}
    assert any("clipped" in reason for reason in reasons)
    assert ("planar_contrast", "top 2") not in numbers(found)
    assert ("planar_scale", "width") not in numbers(found)  # its edges' upper half is cut off
    inside = numbers(found)["planar_scale", "inside, width"]
    assert abs(inside.value - 1000 / 1008) < 5 * inside.u
    assert inside.u < 0.002


def test_dead_lines_and_pixels_are_counted_where_they_are():
    detector = replace(QUIET, dead_rows=(30,), dead_pixels=((44, 60), (52, 81)))
    scene = replace(QC3, placement=replace(QC3.placement, centre_uv_mm=(24.0, -12.0)))
    found = numbers(readings(acquisition(taken(scene, detector))))
    assert found["planar_defects", "rows and columns"].value == 1
    assert "rows 30" in " ".join(found["planar_defects", "rows and columns"].flags)
    assert found["planar_defects", "pixels"].value == 2


def test_two_images_are_measured_each_for_itself():
    turned = taken(replace(QC3, placement=replace(QC3.placement, angle_deg=-47.0)))
    found = [r for r in readings(acquisition(qc3(), turned)) if r.quantity.key == "planar_angle"]
    assert [r.value for r in found] == pytest.approx([42.0, -47.0], abs=0.02)
    assert len({r.at["sop_instance_uid"] for r in found}) == 2


def test_images_of_a_ball_are_refused_with_a_reason():
    winston_lutz = procedure.load("winston_lutz").rehearse(np.random.default_rng(5)).acquisition
    assert "phantom" in TEST.accepts(winston_lutz)
