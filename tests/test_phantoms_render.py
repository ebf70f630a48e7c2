"""The renderer against brute force and against laws that need none of its formulas."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from phantoms.aperture import REALISTIC, SIMPLE, Cone, Leaves, Penumbra, Rectangle
from phantoms.epid import Block, Shadow, Stem, View, draw, truth
from phantoms.panel import AS500, AS1200, Panel

OBLONG = Panel("oblong", 64, 90, (0.6, 0.45))  # 0.4 x 0.3 mm pixels on the isocentre plane at 1500 mm
SMALL = OBLONG.cropped(48, 70)
FINE = 0.02  # mm, step of the brute-force grid on the isocentre plane
BRUTE = 5e-5  # of the open beam; what the stepped edge of the mask leaves uncertain


def fine_grid(view: View) -> tuple[np.ndarray, np.ndarray]:
    """(u, v) of a grid so fine that 20 x 15 of its cells make one pixel of SMALL."""
    u = (np.arange(70 * 15) + 0.5) * FINE - 70 * 15 * FINE / 2
    v = -((np.arange(48 * 20) + 0.5) * FINE - 48 * 20 * FINE / 2)
    return u[None, :], v[:, None]


def binned(fine: np.ndarray) -> np.ndarray:
    return fine.reshape(48, 20, 70, 15).mean(axis=(1, 3))


def covered(inside, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Share of each fine cell that lies inside, by 5 x 5 points."""
    steps = (np.arange(5) - 2) * FINE / 5
    return sum(inside(u + du, v + dv) for du in steps for dv in steps) / 25


def blur(fine: np.ndarray, penumbra: Penumbra) -> np.ndarray:
    """Brute-force convolution with an isotropic sum of Gaussians."""
    spread = (gaussian_filter(fine, s / FINE, truncate=7, mode="constant") for s in penumbra.sigmas_mm)
    return sum(w * part for w, part in zip(penumbra.weights, spread, strict=True))


def test_a_turned_rectangle_is_the_convolution_of_its_mask():
    penumbra = Penumbra((0.7, 0.3), (0.8, 1.9))
    view = View(
        SMALL,
        Rectangle(11.0, 7.0, (0.6, -0.4)),
        penumbra,
        (0.37, -1.21),
        27.0,
        panel_shift_mm=(1.5, -0.75),
        transmission=0.01,
    )

    def inside(u, v):
        # the panel's centre looks at (1.0, -0.5) on the isocentre plane
        du, dv = u + 1.0 - 0.37, v - 0.5 + 1.21
        a = np.deg2rad(27.0)
        x, y = np.cos(a) * du + np.sin(a) * dv, -np.sin(a) * du + np.cos(a) * dv
        return (abs(x - 0.6) < 5.5) & (abs(y + 0.4) < 3.5)

    expected = 0.01 + 0.99 * binned(blur(covered(inside, *fine_grid(view)), penumbra))
    assert draw(view) == pytest.approx(expected, abs=BRUTE)


def test_a_cone_is_the_convolution_of_a_disc():
    view = View(SMALL, Cone(9.0, (1.0, 0.5)), SIMPLE, collimator_deg=90.0, transmission=0.0)

    def inside(u, v):  # at 90 degrees the collimator's +x is +v and its +y is -u
        return (u + 0.5) ** 2 + (v - 1.0) ** 2 < 4.5**2

    assert draw(view) == pytest.approx(binned(blur(covered(inside, *fine_grid(view)), SIMPLE)), abs=BRUTE)


def test_a_ball_is_the_blurred_absorption_along_each_ray():
    view = View(SMALL, Rectangle(400, 400), balls=(Shadow(1.3, -2.2, 6.0, 0.11, 0.5, 1.25),), transmission=0.0)
    u, v = fine_grid(view)
    # magnification 1.25 puts the centre 200 mm above the isocentre plane, 800 mm from the source
    centre = np.array([1.3 / 1.25, -2.2 / 1.25, 200.0])
    ray = np.stack(np.broadcast_arrays(u, v, -1000.0), axis=-1)
    ray /= np.linalg.norm(ray, axis=-1, keepdims=True)
    to_ball = centre - (0.0, 0.0, 1000.0)
    half_chord_squared = 3.0**2 - (to_ball @ to_ball - (ray @ to_ball) ** 2)
    passed = np.exp(-0.11 * 2 * np.sqrt(np.maximum(half_chord_squared, 0)))
    expected = 1 - binned(gaussian_filter(1 - passed, 0.5 / FINE, truncate=7))
    assert draw(view) == pytest.approx(expected, abs=BRUTE)


@pytest.mark.parametrize(("diameter_mm", "mu_per_mm"), [(3.0, 0.3), (10.0, 0.07)])
def test_the_middle_of_a_sharp_ball_lets_through_what_its_diameter_lets_through(diameter_mm, mu_per_mm):
    panel = Panel("fine", 21, 25, (0.05, 0.04))
    image = draw(View(panel, Rectangle(300, 300), balls=(Shadow(0, 0, diameter_mm, mu_per_mm, 0.02),)))
    assert image[10, 12] == pytest.approx(np.exp(-mu_per_mm * diameter_mm), rel=1e-3)


def test_a_nearer_ball_is_larger_by_its_magnification():
    def shadow_area(magnification):
        panel = Panel("any", 120, 100, (0.5, 0.4))
        ball = Shadow(0, 0, 8, 0.1, 0.6, magnification)
        return (1 - draw(View(panel, Rectangle(400, 400), balls=(ball,)))).sum()

    assert shadow_area(1 / 0.9) / shadow_area(1.0) == pytest.approx(1 / 0.81, rel=1e-5)


@pytest.mark.parametrize("aperture", [Rectangle(17.3, 11.1), Cone(12.5)])
@pytest.mark.parametrize("collimator_deg", [0.0, 38.0])
def test_blur_keeps_the_open_area(aperture, collimator_deg):
    area = {Rectangle: 17.3 * 11.1, Cone: np.pi * 6.25**2}[type(aperture)]
    panel = Panel("wide", 300, 360, (0.5, 0.4))
    image = draw(View(panel, aperture, REALISTIC, (0.4, -0.9), collimator_deg, transmission=0.0))
    assert image.sum() * (0.5 / 1.5) * (0.4 / 1.5) == pytest.approx(area, rel=2e-6)


@pytest.mark.parametrize("aperture", [Rectangle(21, 14, (0.3, 0.2)), Leaves(21, 14, (0.3, 0.0)), Cone(13)])
def test_more_samples_change_nothing(aperture):
    view = View(
        AS500.cropped(90, 110), aperture, REALISTIC, (0.3, 0.7), 31.0, sid_mm=1100.0,
        balls=(Shadow(2.1, 1.2, 7, 0.1, 0.4),), stems=(Stem(2.1, 1.2, 200.0, 2.0),), curvature_per_mm2=-1e-4,
    )  # fmt: skip
    assert draw(view) == pytest.approx(draw(view, oversample=9), abs=1e-6)


def test_mirror_images_mirror():
    view = View(
        OBLONG, Leaves(19, 12, (0.0, 0.0)), REALISTIC, (1.3, 0.4), 20.0, balls=(Shadow(2.0, 1.0, 6),),
        stems=(Stem(2.0, 1.0, -70.0, 2.0),), tilt_per_mm=(0.002, -0.001),
        panel_shift_mm=(0.7, 0.2), panel_rotation_deg=3.0,
    )  # fmt: skip
    mirror = replace(
        view, field_uv_mm=(-1.3, 0.4), collimator_deg=-20.0, balls=(Shadow(-2.0, 1.0, 6),),
        stems=(Stem(-2.0, 1.0, 250.0, 2.0),), tilt_per_mm=(-0.002, -0.001),
        panel_shift_mm=(-0.7, 0.2), panel_rotation_deg=-3.0,
    )  # fmt: skip
    assert draw(mirror) == pytest.approx(draw(view)[:, ::-1], abs=1e-9)


def test_the_tails_run_on_without_a_step():
    """Outside the field a profile falls steadily: no step larger than its neighbours' slope where the drawing ends."""
    image = draw(View(AS1200.cropped(500, 620), Rectangle(20, 30), REALISTIC, collimator_deg=40.0, transmission=0.003))
    tail = image[250, 310:]
    assert (np.diff(tail[60:]) <= 1e-12).all()
    assert np.abs(np.diff(tail[200:])).max() < 1e-6
    assert tail[-1] == pytest.approx(0.003, abs=1e-7)


def test_the_profile_of_the_open_beam_is_the_stated_polynomial():
    view = View(
        OBLONG,
        Rectangle(400, 400),
        field_uv_mm=(2.0, -3.0),
        tilt_per_mm=(0.004, -0.002),
        curvature_per_mm2=-3e-4,
        transmission=0.0,
    )
    row, column = 10, 70  # pixel centre at u = (70 - 44.5) 0.3, v = -(10 - 31.5) 0.4
    x, y = 25.5 * 0.3 - 2.0, 21.5 * 0.4 + 3.0
    inside_pixel = (0.3**2 + 0.4**2) / 12  # mean of x^2 + y^2 over the pixel, above its centre's value
    expected = 1 + 0.004 * x - 0.002 * y - 3e-4 * (x**2 + y**2 + inside_pixel)
    assert draw(view)[row, column] == pytest.approx(expected, abs=1e-9)


def test_rods_and_blocks_let_through_what_they_say_and_end_where_they_say():
    wide = View(OBLONG, Rectangle(400, 400), transmission=0.0)
    rod = draw(replace(wide, stems=(Stem(0.0, 0.0, 90.0, 6.0, 0.8, 0.5, start_mm=2.0, length_mm=8.0),)))
    middle = rod[:, 44:46].mean(axis=1)  # up the rod, rows fall as v grows
    v = (31.5 - np.arange(64)) * 0.4
    assert middle[np.abs(v - 6.0).argmin()] == pytest.approx(0.8, abs=1e-6)
    assert ((1 - middle) / 0.2).sum() * 0.4 == pytest.approx(8.0, abs=1e-5)
    assert ((1 - middle) * v).sum() / (1 - middle).sum() == pytest.approx(6.0, abs=1e-5)
    block = draw(replace(wide, blocks=(Block(1.0, 2.0, 8.0, 5.0, 30.0, 0.7),)))
    assert (1 - block).sum() * 0.3 * 0.4 == pytest.approx(0.3 * 8.0 * 5.0, rel=1e-6)


def test_glare_moves_signal_and_makes_none():
    view = View(Panel("wide", 420, 380, (0.6, 0.5)), Rectangle(16, 12), field_uv_mm=(1.0, 2.0), transmission=0.0)
    plain, glared = draw(view), draw(replace(view, glare_fraction=0.1, glare_sigma_mm=9.0))
    assert glared.sum() == pytest.approx(plain.sum(), rel=1e-7)
    u = (np.arange(380) - 189.5) * 0.5 / 1.5

    def variance(image):
        weight = image.sum(axis=0) / image.sum()
        return weight @ u**2 - (weight @ u) ** 2

    assert variance(glared) - variance(plain) == pytest.approx(0.1 * 6.0**2, rel=1e-4)  # 9 mm on the panel is 6 at SAD


def test_leaf_ends_scallop_as_in_real_images():
    """The edge of 5 mm leaves was seen to swing by 0.14 to 0.19 mm (AS1200, 1500 mm), widest at the leaf sides."""
    view = View(AS1200.cropped(160, 170), Leaves(20.0, 19.2), REALISTIC)
    image = draw(view)
    v = (79.5 - np.arange(160)) * 0.224
    row = {name: np.abs(v - height).argmin() for name, height in {"side": 5.0, "middle": 2.5}.items()}
    reach = {name: np.interp(-0.5, -image[r, 85:], np.arange(85) * 0.224) for name, r in row.items()}
    assert reach["side"] - reach["middle"] == pytest.approx(0.165, abs=0.03)


def test_the_truth_is_unmoved_by_what_stands_in_the_field():
    view = View(OBLONG, Rectangle(15, 12), field_uv_mm=(0.4, 0.8))
    assert (
        truth(replace(view, blocks=(Block(7.0, 0, 6, 30),), stems=(Stem(0, 0, 10, 2),))).field_px
        == truth(view).field_px
    )


@pytest.mark.parametrize(
    "bad", [lambda: Shadow(0, 0, 0.0), lambda: Block(0, 0, 5, 5, blur_mm=0.0), lambda: Stem(0, 0, 0, -1.0)]
)
def test_things_without_size_are_refused(bad):
    with pytest.raises(ValueError, match="must be positive"):
        bad()


def test_a_penumbra_that_loses_beam_is_refused():
    with pytest.raises(ValueError, match="weights sum to 1"):
        Penumbra((0.5, 0.4), (1.0, 2.0))
