"""Noise has the strength and the correlation that were asked for; defects and digits are where they should be."""

import numpy as np
import pytest

from phantoms.noise import bright_spot, correlated, dead_line, dead_pixels, digitise, white

SHAPE = (500, 640)


def test_white_noise_has_its_sigma_and_no_neighbours():
    noise = white(np.random.default_rng(1), np.ones(SHAPE), 0.004) - 1
    assert noise.std() == pytest.approx(0.004, rel=0.01)
    assert neighbour_correlation(noise) == pytest.approx((0, 0), abs=0.01)


@pytest.mark.parametrize("asked", [0.0, 0.2, 0.35, 0.8, 0.95])
def test_correlated_noise_has_the_sigma_and_the_neighbours_asked_for(asked):
    noise = correlated(np.random.default_rng(2), np.zeros(SHAPE), 0.0025, asked)
    assert noise.std() == pytest.approx(0.0025, rel=0.04)
    assert neighbour_correlation(noise) == pytest.approx((asked, asked), abs=0.012)


def test_correlated_noise_is_as_strong_at_the_border_as_inside():
    rng = np.random.default_rng(3)
    stack = np.array([correlated(rng, np.zeros((24, 30)), 1.0, 0.8) for _ in range(800)])
    corners = stack[:, [0, 0, -1, -1], [0, -1, 0, -1]]
    assert corners.std() == pytest.approx(1.0, abs=0.05)
    assert stack[:, 12, 15].std() == pytest.approx(1.0, abs=0.08)


def test_the_power_spectrum_of_correlated_noise_integrates_to_its_variance():
    noise = correlated(np.random.default_rng(4), np.zeros(SHAPE), 0.003, 0.8)
    power = np.abs(np.fft.fft2(noise)) ** 2 / noise.size
    assert power.mean() == pytest.approx((noise**2).mean(), rel=1e-12)  # Parseval, on this sample
    assert power.mean() == pytest.approx(0.003**2, rel=0.06)
    assert power[200:300, 250:390].mean() < 1e-3 * power.mean()  # next to nothing near the Nyquist frequency


def test_noise_comes_from_the_generator_alone():
    image = np.ones((20, 31))
    first, again = (correlated(np.random.default_rng(7), image, 0.01, 0.5) for _ in range(2))
    other = correlated(np.random.default_rng(8), image, 0.01, 0.5)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert (image == 1).all()


def test_a_correlation_that_cannot_be_had_is_refused():
    with pytest.raises(ValueError, match="neighbour correlation between 0 and"):
        correlated(np.random.default_rng(1), np.ones((9, 8)), 0.01, 1.0)


def test_defects_touch_their_own_pixels_only():
    image = np.full((40, 60), 0.5)
    dead = dead_pixels(np.random.default_rng(5), image, 17)
    assert (dead == 0).sum() == 17
    assert (dead == 0.5).sum() == image.size - 17
    line = dead_line(image, row=3, column=7, value=2.0)
    assert (line[3] == 2.0).all()
    assert (line[:, 7] == 2.0).all()
    assert (line == 2.0).sum() == 60 + 40 - 1
    spot = bright_spot(image, 10.0, 20.0, 1.0, 1.4)
    assert set(zip(*np.nonzero(spot == 1.4), strict=True)) == {(10, 20), (9, 20), (11, 20), (10, 19), (10, 21)}


def test_digits_are_the_nearest_level_and_saturate():
    signal = np.array([[-0.1, 0.0, 1.0, 2.0, 2.5], [1 / 65535, 1.4 / 65535, 1.6 / 65535, 0.5, 1.5]])
    assert digitise(signal, 2.0).tolist() == [[0, 0, 32768, 65535, 65535], [0, 1, 1, 16384, 49151]]


def neighbour_correlation(noise: np.ndarray) -> tuple[float, float]:
    """Along columns of pixels, and along rows."""
    variance = noise.var()
    return (noise[1:] * noise[:-1]).mean() / variance, (noise[:, 1:] * noise[:, :-1]).mean() / variance
