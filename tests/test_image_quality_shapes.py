"""Slice ramps, uniformity, panel defects and numbers against closed forms and hand arithmetic."""

import math

import numpy as np
import pytest

from qa.features.number import Number, jackknife_u, number
from qa.features.panel_defects import ghost, panel_defects
from qa.features.slice_ramp import ramp_profile, ramp_thickness
from qa.features.uniformity import integral_non_uniformity, planar_uniformity, uniformity_index
from qa.reading import AnalysisError

TANGENT = math.tan(math.radians(23))
erf = np.vectorize(math.erf)


def profile(d, thickness_mm, blur_mm, centre_mm):
    """A box as wide as the ramp in the slice, behind a Gaussian."""
    half = thickness_mm / TANGENT / 2
    return 0.5 * (erf((d - centre_mm + half) / blur_mm / math.sqrt(2)) - erf((d - centre_mm - half) / blur_mm / math.sqrt(2)))


@pytest.mark.parametrize("thickness_mm", [1.5, 2.0, 3.0, 5.0])
@pytest.mark.parametrize("sign", [1, -1])
def test_a_ramp_gives_the_thickness_and_the_place_of_the_slice(thickness_mm, sign):
    d = np.arange(-20, 20, 0.24)
    found = ramp_thickness(d, -50 + 0.4 * d + sign * 200 * profile(d, thickness_mm, 0.6, 0.83), TANGENT, 0.6)
    assert found.thickness_mm.value == pytest.approx(thickness_mm, rel=5e-3)
    assert found.second_mm.value == pytest.approx(thickness_mm, rel=3e-3)
    assert found.centre_mm.value == pytest.approx(0.83, abs=0.005)


def test_the_scatter_of_a_slice_thickness_is_its_uncertainty():
    rng = np.random.default_rng(1)
    d = np.arange(-20, 20, 0.25)
    pulls, places = [], []
    for _ in range(60):
        centre = rng.uniform(-1, 1)
        found = ramp_thickness(d, 30 + 200 * (profile(d, 2.0, 0.6, centre) + 0.06 * rng.standard_normal(len(d))), TANGENT, 0.6)
        pulls.append((found.thickness_mm.value - 2.0) / found.thickness_mm.u)
        places.append((found.centre_mm.value - centre) / found.centre_mm.u)
    for each in (pulls, places):
        assert abs(np.mean(each)) < 0.5
        assert 0.7 < np.std(each) < 1.3


def test_a_ramp_is_read_from_a_turned_picture():
    """A bright wire along 10 degrees, 2.5 mm slice, on pixels that are not square, read by a strip along it."""
    pitch_mm, centre, angle = (0.5, 0.4), (22.0, 21.0), math.radians(10)
    y, x = np.arange(90)[:, None] * pitch_mm[0] - centre[1], np.arange(112)[None, :] * pitch_mm[1] - centre[0]
    along, across = x * math.cos(angle) + y * math.sin(angle), -x * math.sin(angle) + y * math.cos(angle)
    picture = 100 + 400 * profile(along, 2.5, 0.7, 0.4) * np.exp(-0.5 * (across / 0.7) ** 2)
    d, value = ramp_profile(picture, pitch_mm, centre, 30.0, 5.0, 10.0)
    found = ramp_thickness(d, value, TANGENT, 0.7)
    assert found.thickness_mm.value == pytest.approx(2.5, rel=0.01)
    assert found.centre_mm.value == pytest.approx(0.4, abs=0.03)
    with pytest.raises(AnalysisError, match="border"):
        ramp_profile(picture, pitch_mm, (4.0, 21.0), 30.0, 5.0, 10.0)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (lambda d, rng: 20 * rng.standard_normal(len(d)), "stand out"),
        (lambda d, rng: profile(d, 2.0, 0.6, 19.0), "cut off|stand out"),
        (lambda d, rng: profile(d, 1.2, 0.6, -2.0) + 0.4 * profile(d, 2.0, 0.6, 3.0), "not that of one|stand out"),
        (lambda d, rng: profile(d, 0.4, 0.6, 0.0), "too thin"),
    ],
)
def test_a_profile_that_is_no_ramp_is_refused(value, words):
    d = np.arange(-20, 20, 0.25)
    with pytest.raises(AnalysisError, match=words):
        ramp_thickness(d, value(d, np.random.default_rng(2)), TANGENT, 0.6)


# Uniformity


def test_the_uniformity_index_is_the_extreme_with_its_sign():
    """Centre 20, edges 30 and -12: 100 (-32)/1020 = -3.137 %."""
    centre, edges = Number(20.0, 0.3), {"top": Number(30.0, 0.4), "left": Number(-12.0, 0.4)}
    found, where = uniformity_index(centre, edges)
    assert where == "left"
    assert found.value == pytest.approx(-100 * 32 / 1020)
    assert found.u == pytest.approx(math.hypot(100 * 0.4 / 1020, 100 * 0.3 * 988 / 1020**2))
    with pytest.raises(AnalysisError):
        uniformity_index(centre, {})
    with pytest.raises(AnalysisError):
        uniformity_index(Number(-1000.0, 1.0), edges)


def test_integral_non_uniformity_of_hu_and_of_pixel_values():
    regions = {"centre": Number(20.0, 0.3), "top": Number(30.0, 0.4), "left": Number(-12.0, 0.5)}
    assert integral_non_uniformity(regions).value == pytest.approx(42 / 2018)
    assert integral_non_uniformity(regions).u == pytest.approx(math.hypot(0.4 * 2 * 988, 0.5 * 2 * 1030) / 2018**2)
    planar = {"a": Number(1000.0, 1.0), "b": Number(900.0, 1.0), "c": Number(950.0, 1.0)}
    assert planar_uniformity(planar).value == pytest.approx(100 * (1 - 100 / 1900))
    with pytest.raises(AnalysisError):
        integral_non_uniformity({"a": Number(1.0, 0.1)})
    with pytest.raises(AnalysisError):
        planar_uniformity({"a": Number(-5.0, 0.1), "b": Number(3.0, 0.1)})


def test_the_uncertainty_of_the_uniformity_index_is_its_scatter():
    rng = np.random.default_rng(3)
    pulls = []
    for _ in range(80):
        centre, edge = 10 + rng.normal(0, 0.5), -20 + rng.normal(0, 0.8)
        found, _ = uniformity_index(Number(centre, 0.5), {"edge": Number(edge, 0.8)})
        pulls.append((found.value - 100 * -30 / 1010) / found.u)
    assert 0.7 < np.std(pulls) < 1.3


# The panel


def open_field(rng, shape=(180, 240)):
    """A tilted open field of 1000 with noise of 1 %."""
    return 1000 * (1 + 0.06 * np.linspace(-1, 1, shape[1])[None, :]) + 10 * rng.standard_normal(shape)


def test_defects_are_counted_where_they_are():
    picture = open_field(np.random.default_rng(4))
    assert panel_defects(picture, (5, 175, 8, 236)).rows == ()
    picture[50] = 0
    picture[:, 77] *= 1.06
    picture[120, 200], picture[121, 150], picture[130, 110:112] = 0, 2000, 0
    picture[2, 3] = 0  # outside of the region
    found = panel_defects(picture, (5, 175, 8, 236))
    assert found.rows == (50,)
    assert found.columns == (77,)
    assert found.pixels == ((120, 200), (121, 150), (130, 110), (130, 111))
    assert found.looked_at == 170 * 228
    assert found.noise == pytest.approx(0.01, rel=0.3)


def test_a_region_that_is_not_open_is_refused():
    picture = open_field(np.random.default_rng(5))
    picture[60:120, 80:160] *= 0.4
    with pytest.raises(AnalysisError, match="open"):
        panel_defects(picture, (5, 175, 8, 236))
    with pytest.raises(AnalysisError, match="wide"):
        panel_defects(picture, (5, 12, 8, 236))


def test_a_ghost_is_found_with_its_uncertainty():
    """1.2 % of an earlier image that showed a block, on a tilted field with noise of 1 %."""
    rng = np.random.default_rng(6)
    earlier = np.full((110, 130), 1000.0)
    earlier[30:75, 40:90] = 300
    use = np.ones(earlier.shape, dtype=bool)
    found = [ghost(open_field(rng, earlier.shape) + 0.012 * earlier, earlier, use) for _ in range(60)]
    pulls = [(one.value - 0.012) / one.u for one in found]
    assert abs(np.mean(pulls)) < 0.4
    assert 0.7 < np.std(pulls) < 1.3
    with pytest.raises(AnalysisError, match="earlier image"):
        ghost(earlier, open_field(rng, earlier.shape), use)


# Numbers


def test_a_number_without_uncertainty_cannot_be_made():
    assert number(3.0, {"a": 3e-3, "b": 4e-3}).u == pytest.approx(5e-3)
    assert number(3.0, {"a": 0.0}, least_u=0.01).u == 0.01
    for value, u in ((1.0, 0.0), (math.nan, 1.0), (1.0, math.inf)):
        with pytest.raises(ValueError, match="finite"):
            Number(value, u)


def test_the_jackknife_of_a_mean_is_its_standard_error():
    """For a mean the jackknife equals sd/sqrt(n); Student's factor for 12 groups is sqrt(11/9)."""
    x = np.random.default_rng(7).standard_normal(12)
    without = (x.sum() - x) / 11
    assert jackknife_u(without) == pytest.approx(x.std(ddof=1) / math.sqrt(12) * math.sqrt(11 / 9))
