"""Cube phantoms in drawn open kV images, in true perspective, against where the phantoms put their centre."""

from functools import lru_cache

import numpy as np
import pytest

from phantoms.aperture import Rectangle
from phantoms.cuboid import Cuboid
from phantoms.epid import Block, View, draw, truth
from phantoms.kv import KvImager, kv_system
from phantoms.linac import Exposure, expose
from phantoms.machine import Linac, Shot
from phantoms.noise import white
from phantoms.panel import Panel
from phantoms.penumbra import Penumbra
from phantoms.placement import BallSetup
from qa.features.planar_cube import cube_cavity, planar_cube
from qa.reading import AnalysisError

COARSE = Panel("coarse", 192, 256, (1.55, 1.55))  # few pixels: a cube is slow to draw
KV = kv_system(Linac(), KvImager(panel=COARSE, blades_mm=(-130.0, 130.0, -98.0, 98.0)))
PITCH = (1.55 / 1.5, 1.55 / 1.5)
FLAT = View(Panel("oblong", 360, 500, (0.8, 0.75)), Rectangle(240.0, 186.0), Penumbra((1.0,), (2.0,)), veil=0.03)


@lru_cache
def cube(size_mm: float, gantry_deg: float) -> Exposure:
    """A cube of acrylic, smaller than real ones to be drawn quickly, 3 mm off, turned by up to 0.8 degrees, with a cavity of 14 mm."""
    centre, rng = (2.2, -3.1, 1.4), np.random.default_rng(4)
    cavity = BallSetup(centre, 14.0, -0.0045, kv_mu_per_mm=-0.02)
    solid = Cuboid(centre, (size_mm,) * 3, (0.5, -0.8, 0.6))
    return expose(KV, [cavity], [Shot(gantry_deg)], rng, furniture=[solid])[0]


def error_mm(exposure: Exposure, x_mm: float, y_mm: float) -> np.ndarray:
    row, column = exposure.truth.ball_px[0]
    return np.array([x_mm - column * PITCH[1], y_mm - row * PITCH[0]])


@pytest.mark.parametrize(("size_mm", "gantry_deg"), [(90.0, 0.0), (100.0, 90.0)])
def test_centre_and_cavity_of_a_cube_in_perspective(size_mm, gantry_deg):
    exposure = cube(size_mm, gantry_deg)
    pixels = exposure.pixels.astype(np.float32)
    found = planar_cube(pixels, PITCH)
    assert np.abs(error_mm(exposure, found.x_mm, found.y_mm)).max() < 0.1
    assert (np.abs(error_mm(exposure, found.x_mm, found.y_mm)) < 3 * np.array(found.u_mm)).all()
    assert found.shape == "cube"
    assert found.size_mm[:2] == pytest.approx((size_mm, size_mm), rel=0.01)
    cavity = cube_cavity(pixels, PITCH, found)
    assert (np.abs(error_mm(exposure, cavity.x_mm, cavity.y_mm)) < 3.5 * np.array(cavity.u_mm)).all()
    assert cavity.shape == "cavity"


def flat(*blocks: Block) -> tuple[np.ndarray, tuple[float, float], View]:
    """Blocks in an open field on pixels that are not square, with 0.4 % of noise."""
    view = View(**{**vars(FLAT), "blocks": blocks})
    pitch = view.panel.pitch_mm[0] / 1.5, view.panel.pitch_mm[1] / 1.5
    return white(np.random.default_rng(1), draw(view), 0.004).astype(np.float32), pitch, view


@pytest.mark.parametrize("angle_deg", [0.0, 1.7, -4.0])
def test_a_turned_square_and_its_angle(angle_deg):
    image, pitch, view = flat(Block(3.3, -2.1, 140.0, 140.0, angle_deg, 0.1, 2.0))
    found = planar_cube(image, pitch)
    row, column = view.map.to_pixel((3.3, -2.1))
    assert np.hypot(found.x_mm - column * pitch[1], found.y_mm - row * pitch[0]) < 0.02
    assert found.size_mm[2] == pytest.approx(-angle_deg, abs=0.02)  # rows run down
    assert truth(view).field_px  # the view is one that can be asked


REFUSED = {
    "nothing in the middle": ((Block(90.0, 0.0, 40.0, 40.0, 0.0, 0.1, 2.0),), "no cube"),
    "reaches beyond the field": ((Block(60.0, 0.0, 140.0, 140.0, 0.0, 0.1, 2.0),), "four sides"),
    "its side at a blade": ((Block(0.0, 18.0, 140.0, 140.0, 0.0, 0.1, 2.0),), "blades|cube"),
    "not a square shape": ((Block(0.0, 0.0, 150.0, 40.0, 0.0, 0.1, 2.0), Block(0.0, 0.0, 40.0, 150.0, 0.0, 0.1, 2.0)), "not a cube"),
    "something over one side": ((Block(0.0, 0.0, 140.0, 140.0, 0.0, 0.1, 2.0), Block(73.0, 10.0, 24.0, 50.0, 0.0, 0.2, 1.0)), "side|cube"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_a_whole_cube_is_refused(name):
    blocks, words = REFUSED[name]
    image, pitch, _ = flat(*blocks)
    with pytest.raises(AnalysisError, match=words):
        planar_cube(image, pitch)


def test_a_cube_without_a_cavity_has_none():
    image, pitch, _ = flat(Block(3.3, -2.1, 140.0, 140.0, 0.0, 0.1, 2.0))
    with pytest.raises(AnalysisError, match="no ball"):
        cube_cavity(image, pitch, planar_cube(image, pitch))
