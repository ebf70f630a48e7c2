"""The stated truth against the drawn image, to a tenth of a micrometre, and against rays worked out by hand."""

import numpy as np
import pytest

from phantoms.aperture import REALISTIC, Cone, Leaves, Penumbra, Rectangle
from phantoms.epid import Shadow, View, draw, truth
from phantoms.linac import BallSetup, Linac, Shot, view
from phantoms.panel import AS1200, IVIEWGT, Panel

TENTH_OF_A_MICROMETRE = 1e-4  # mm
OBLONG = Panel("oblong", 260, 330, (0.6, 0.45))


def centroid_px(weight: np.ndarray) -> np.ndarray:
    """(row, column) of the centre of mass: exact for a smooth symmetric shape that fades out inside the image."""
    rows, columns = np.indices(weight.shape)
    return np.array([(weight * rows).sum(), (weight * columns).sum()]) / weight.sum()


def error_mm(found_px, true_px, panel: Panel, magnification: float) -> np.ndarray:
    return np.abs(np.subtract(found_px, true_px)) * panel.pitch_mm / magnification


NARROW = Penumbra((0.8, 0.2), (0.9, 2.5), (0.7, 3.0))
FIELDS = [
    View(OBLONG, Rectangle(17.31, 11.17, (1.1, -0.7)), NARROW, (2.13, -3.71), 33.3, panel_shift_mm=(1.7, 0.9)),
    View(
        OBLONG, Leaves(20.0, 15.0, (2.2, 0.0)), NARROW, (-1.37, 0.61), 281.7, panel_rotation_deg=1.3, sid_error_mm=7.0
    ),
    View(AS1200.cropped(400, 420), Cone(12.5, (0.3, 0.8)), NARROW, (0.11, 0.07), 90.0, sid_mm=1800.0),
    View(
        IVIEWGT.cropped(390, 350), Rectangle(30, 10), NARROW, (3.3, 1.9), 359.99, sid_mm=1600.0, source_mm=(0.4, -0.9)
    ),
]


@pytest.mark.parametrize("exposed", FIELDS)
def test_a_drawn_field_is_centred_on_its_truth(exposed):
    found = centroid_px(draw(exposed) - exposed.transmission)
    magnification = (exposed.sid_mm + exposed.sid_error_mm) / exposed.sad_mm
    assert error_mm(found, truth(exposed).field_px, exposed.panel, magnification).max() < TENTH_OF_A_MICROMETRE


def test_both_edges_of_a_drawn_field_cross_half_height_where_the_field_ends():
    exposed = View(
        OBLONG, Rectangle(24.7, 30.0), Penumbra((1.0,), (1.06,)), (1.77, 0.4), transmission=0.0, sid_error_mm=-5
    )
    profile = draw(exposed)[110:150].mean(axis=0)
    crossing = []
    for side in (slice(0, 170), slice(170, 330)):
        level = profile[side] - 0.5
        k = int(np.flatnonzero(np.diff(np.sign(level)))[0])
        near = slice(k - 2, k + 4)  # six samples, a quintic through them
        inverse = np.polynomial.Polynomial.fit(level[near], np.arange(6.0), 5)
        crossing.append(side.start + k - 2 + inverse(0.0))
    mm_per_px = 0.45 * 1000 / 1495
    assert (crossing[1] - crossing[0]) * mm_per_px == pytest.approx(24.7, abs=1e-3)
    assert abs(np.mean(crossing) - truth(exposed).field_px[1]) * mm_per_px < TENTH_OF_A_MICROMETRE


@pytest.mark.parametrize(("u", "v", "magnification"), [(0.213, -0.377, 1.0), (1.6, 2.9, 1.08), (-2.2, 0.9, 0.94)])
def test_a_drawn_ball_is_centred_on_its_truth(u, v, magnification):
    exposed = View(
        OBLONG, Rectangle(900, 900), balls=(Shadow(u, v, 7.9, 0.1, 0.6, magnification),),
        panel_shift_mm=(0.31, -0.77), panel_rotation_deg=-0.9, sid_error_mm=3.0, transmission=0.0,
    )  # fmt: skip
    found = centroid_px(1 - draw(exposed))
    assert error_mm(found, truth(exposed).ball_px[0], OBLONG, 1.503).max() < TENTH_OF_A_MICROMETRE


def test_far_off_the_axis_the_shadow_leans_outwards_as_an_ellipse_does():
    """The centroid of a sphere's shadow at u lies about u (R/SAD)^2 further out than the ray through its centre.

    By sections: the cone that touches the sphere meets the plane in an ellipse between SAD tan(a - b) and
    SAD tan(a + b), with tan a = u/SAD and sin b = R/(distance to the centre); a dense ball fills it evenly.
    """
    panel = Panel("far", 120, 330, (0.6, 0.45))
    exposed = View(panel, Rectangle(900, 900), balls=(Shadow(70.0, 0.0, 20.0, 50.0, 0.5),), panel_shift_mm=(105.0, 0.0))
    a, b = np.arctan2(70.0, 1000.0), np.arcsin(10.0 / np.hypot(70.0, 1000.0))
    middle = 1000 * (np.tan(a - b) + np.tan(a + b)) / 2
    column = centroid_px(1 - draw(exposed))[1] - truth(exposed).ball_px[0][1]
    assert column * 0.45 / 1.5 == pytest.approx(middle - 70.0, abs=2e-4)
    assert middle - 70.0 == pytest.approx(70.0 * 0.01**2, rel=0.02)


# A ball at x = 10, y = 20, z = 30 mm, SAD 1000. Gantry 0: seen at (10, 20) from 970 mm away.
BY_HAND = [
    (0, 0, 10 / 0.97, 20 / 0.97),
    (90, 0, -30 / 0.99, 20 / 0.99),
    (180, 0, -10 / 1.03, 20 / 1.03),
    (270, 0, 30 / 1.01, 20 / 1.01),
    (0, 90, -20 / 0.97, 10 / 0.97),
    (0, 30, (10 * 0.8660254038 - 10) / 0.97, (5 + 20 * 0.8660254038) / 0.97),
    (180, 270, -20 / 1.03, -10 / 1.03),
    (90, 90, -30 / 1.02, 10 / 1.02),
]


@pytest.mark.parametrize(("gantry_deg", "couch_deg", "u", "v"), BY_HAND)
def test_a_ball_in_the_room_lands_where_the_ray_through_it_lands(gantry_deg, couch_deg, u, v):
    linac = Linac(panel=Panel("any", 301, 400, (0.5, 0.4)), sid_mm=1600.0)
    seen = truth(view(linac, BallSetup((10.0, 20.0, 30.0)), Shot(gantry_deg, 0.0, couch_deg)))
    assert seen.ball_uv_mm[0] == pytest.approx((u, v), abs=1e-7)
    assert seen.ball_px[0] == pytest.approx((150 - v * 1.6 / 0.5, 199.5 + u * 1.6 / 0.4), abs=1e-6)


def test_panel_faults_move_the_picture_and_not_the_room():
    panel = Panel("any", 301, 400, (0.5, 0.4))
    # centre at (+2, -3) mm on the panel, turned 90 degrees: columns now grow with v, rows with u; true distance 1610
    exposed = View(
        panel, field_uv_mm=(1.0, 2.0), sid_mm=1600, sid_error_mm=10, panel_shift_mm=(2.0, -3.0), panel_rotation_deg=90
    )
    across, up = 1.0 * 1.61 - 2.0, 2.0 * 1.61 + 3.0
    assert truth(exposed).field_px == pytest.approx((150 + across / 0.5, 199.5 + up / 0.4), abs=1e-9)
    assert truth(exposed).field_uv_mm == (1.0, 2.0)


def test_a_shifted_focal_spot_swings_the_picture_about_the_isocentre_plane():
    """Spot 1 mm to +u: the ray through the isocentre reaches a panel 500 mm behind it 0.5 mm to -u."""
    exposed = View(Panel("any", 301, 400, (0.5, 0.4)), source_mm=(1.0, 0.0))
    assert truth(exposed).isocentre_px == pytest.approx((150, 199.5 - 0.5 / 0.4), abs=1e-9)


def test_drawn_and_stated_truth_agree_for_real_penumbra():
    exposed = View(Panel("wide", 420, 500, (0.5, 0.4)), Leaves(20.0, 20.0), REALISTIC, (0.83, -0.57), 217.0)
    found = centroid_px(draw(exposed) - exposed.transmission)
    assert error_mm(found, truth(exposed).field_px, exposed.panel, 1.5).max() < TENTH_OF_A_MICROMETRE
