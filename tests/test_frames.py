"""Pixels and millimetres against geometry worked out by hand; panels are never square and pixels not isotropic."""

from functools import partial

import numpy as np
import pytest

from phantoms.panel import Panel
from phantoms.view import View, truth
from qa.acquisition import Image
from qa.frames import angle_difference, pixel_mm, to_pixel, to_plane


def panel(column_u: int = 1, row_v: int = -1, sid_mm: float = 1500.0, **more: object) -> Image:
    """5 rows of 0.6 mm, 8 columns of 0.3 mm: 0.4 and 0.2 mm on the isocentre plane at SID 1500."""
    fields: dict[str, object] = {
        "name": "a", "sop_instance_uid": "1.2", "sha256": "00", "shape": (5, 8), "load": partial(np.zeros, (5, 8), np.float32),
        "spacing_mm": (0.6, 0.3), "sid_mm": sid_mm, "sad_mm": 1000.0, "gantry_deg": 0.0, "collimator_deg": 0.0, "couch_deg": 0.0,
        "radiation": "MV", "machine": "M", "acquired": None, "column_u": column_u, "row_v": row_v,
    }  # fmt: skip
    return Image(**(fields | more))  # type: ignore[arg-type]


def test_pixels_shrink_with_the_distances():
    assert pixel_mm(panel()) == pytest.approx((0.4, 0.2), rel=1e-15)
    assert pixel_mm(panel(sid_mm=1000.0)) == pytest.approx((0.6, 0.3), rel=1e-15)
    assert pixel_mm(panel(sid_mm=1800.0, sad_mm=900.0)) == pytest.approx((0.3, 0.15), rel=1e-15)


def test_the_origin_is_the_centre_of_the_panel_between_pixels_when_the_count_is_even():
    assert to_plane(panel(), 2.0, 3.5) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("column_u", "row_v", "expected"),
    [(1, -1, (0.7, 0.8)), (-1, -1, (-0.7, 0.8)), (1, 1, (0.7, -0.8)), (-1, 1, (-0.7, -0.8))],
)
def test_rows_and_columns_run_as_the_file_says(column_u, row_v, expected):
    """Row 0 is 2 rows of 0.4 mm from the middle, column 7 is 3.5 columns of 0.2 mm from it."""
    assert to_plane(panel(column_u, row_v), 0.0, 7.0) == pytest.approx(expected, abs=1e-12)


def test_what_the_file_says_of_the_receptors_place_is_not_applied_here():
    assert to_plane(panel(receptor_mm=(10.0, -20.0)), 2.0, 3.5) == (0.0, 0.0)


@pytest.mark.parametrize("column_u", [1, -1])
@pytest.mark.parametrize("row_v", [1, -1])
def test_there_and_back(column_u, row_v):
    image = panel(column_u, row_v)
    for place in ((0.0, 0.0), (4.0, 7.0), (-3.25, 11.5)):
        assert to_pixel(image, *to_plane(image, *place)) == pytest.approx(place, abs=1e-12)


def test_a_drawn_field_is_where_its_pixels_say():
    """Same plane, axes and signs as the ray geometry of the phantoms, which shares no code with it."""
    crop = Panel("crop", 118, 135, (0.56, 0.50))
    seen = View(crop, field_uv_mm=(3.21, -1.77), sid_mm=1612.0, sad_mm=1003.0)
    image = panel(spacing_mm=crop.pitch_mm, shape=crop.shape, sid_mm=1612.0, sad_mm=1003.0)
    assert to_plane(image, *truth(seen).field_px) == pytest.approx((3.21, -1.77), abs=1e-9)


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        (359.99, 0.0, -0.01), (0.0, 359.99, 0.01), (359.9999995, 0.0, -5e-7), (90.0, 270.0, -180.0), (270.0, 90.0, -180.0),
        (10.0, 350.0, 20.0), (-10.0, 350.0, 0.0), (720.0, 0.0, 0.0), (181.0, 0.0, -179.0), (179.0, 0.0, 179.0),
    ],
)  # fmt: skip
def test_angles_are_compared_on_the_circle(a, b, expected):
    assert angle_difference(a, b) == pytest.approx(expected, abs=1e-9)
