"""Noise spectra, regions and detectability against noise of known spectrum, on pixels that are not square."""

import math

import numpy as np
import pytest

from qa.features.detectability import area_weighted, contrast_to_noise, non_prewhitening, statistical_contrast
from qa.features.mtf import Mtf
from qa.features.nps import noise_power
from qa.features.number import Number
from qa.features.roi import agree, clipped_share, covered, disc, rectangle, region
from qa.reading import AnalysisError

PITCH_MM = (0.52, 0.47)
SHAPE = 400, 420
F = np.hypot(np.fft.fftfreq(SHAPE[0], PITCH_MM[0])[:, None], np.fft.fftfreq(SHAPE[1], PITCH_MM[1])[None, :])


def spectrum(f):
    """A CT-like noise spectrum, HU^2 mm^2: a ramp behind a Gaussian, on a floor."""
    return 3000 * np.exp(-((f / 0.35) ** 2)) * (f + 0.05)


POWER = spectrum(F)
NOISE = math.sqrt(POWER.sum() / (SHAPE[0] * PITCH_MM[0] * SHAPE[1] * PITCH_MM[1]))  # the integral over the plane is the variance


def drawn(rng):
    """A picture of noise with that spectrum, periodic."""
    white = rng.standard_normal(SHAPE) / math.sqrt(PITCH_MM[0] * PITCH_MM[1])
    return np.fft.ifft2(np.fft.fft2(white) * np.sqrt(POWER)).real


def tiles(picture, rows=64, columns=60):
    return [picture[r : r + rows, c : c + columns] for r in range(0, SHAPE[0] - rows, 96) for c in range(0, SHAPE[1] - columns, 96)]


def test_a_noise_spectrum_sums_to_the_variance_and_finds_the_known_one():
    rng = np.random.default_rng(1)
    found = [noise_power(tiles(drawn(rng)), PITCH_MM) for _ in range(50)]
    first = found[0]
    assert first.integral == pytest.approx(first.variance, rel=1e-3)
    assert first.variance == pytest.approx(first.noise.value**2, rel=1e-12)
    for points in (3, 6, 9):  # rings where the window's leakage is small against the noise itself
        pulls = [(one.curve[points] - spectrum(one.frequency_per_mm[points])) / one.curve_u[points] for one in found]
        assert 0.7 < np.std(pulls) < 1.3
        assert abs(np.mean([one.curve[points] for one in found]) / spectrum(first.frequency_per_mm[points]) - 1) < 0.06
    noise = np.array([(one.noise.value, one.noise.u) for one in found])
    assert noise[:, 0].mean() == pytest.approx(NOISE, rel=0.01)
    assert 0.7 < noise[:, 0].std() / noise[:, 1].mean() < 1.3


def test_the_frequency_axis_is_per_mm_and_ends_at_the_coarser_nyquist():
    """A cosine along the columns' direction of 0.25 per mm shows at u = 0.25 and v = 0, whatever the pixels."""
    wave = 10 * np.cos(2 * np.pi * 0.25 * np.arange(64)[None, :] * 0.5) + np.zeros((48, 1))
    found = noise_power([wave], (0.75, 0.5), trend=0)
    row, column = np.unravel_index(np.argmax(found.power), found.power.shape)
    assert abs(found.u_per_mm[column]) == pytest.approx(0.25)
    assert found.v_per_mm[row] == 0
    assert found.peak_per_mm.value == pytest.approx(0.25, abs=0.03)
    assert found.frequency_per_mm[-1] <= 0.5 / 0.75 + 0.03
    assert found.variance == pytest.approx(50, rel=0.05)


def test_peak_and_mean_frequency_of_a_known_spectrum():
    rng = np.random.default_rng(2)
    found = [noise_power(tiles(drawn(rng)), PITCH_MM) for _ in range(12)]
    f = np.linspace(0, 0.5 / PITCH_MM[0], 2000)
    mean = (f * spectrum(f)).sum() / spectrum(f).sum()
    peak = f[np.argmax(spectrum(f))]
    assert all(abs(one.mean_frequency.value - mean) < 3 * one.mean_frequency.u for one in found)
    assert all(abs(one.peak_per_mm.value - peak) < 3.5 * one.peak_per_mm.u for one in found)


def test_white_noise_along_the_axes_without_the_panels_lines():
    """White noise of variance 9 has the power 9 dx dy everywhere; a panel's striped columns lie on one axis and can be left out."""
    rng = np.random.default_rng(3)
    regions = [3 * rng.standard_normal((64, 80)) + 2 * rng.standard_normal((1, 80)) for _ in range(20)]
    level = 9 * 0.4 * 0.3
    for along in ("u", "v"):
        found = noise_power(regions, (0.4, 0.3), along=along)
        assert found.curve[5:].mean() == pytest.approx(level, rel=0.03)
    assert noise_power(regions, (0.4, 0.3), without_axes=True).curve[5:].mean() == pytest.approx(level, rel=0.03)
    assert noise_power(regions, (0.4, 0.3)).curve[3:].mean() > 1.1 * level


def test_the_difference_of_two_images_halves_the_power_and_removes_what_they_share():
    rng = np.random.default_rng(4)
    shared = 20 * rng.standard_normal((64, 60))
    pairs = [(shared + 3 * rng.standard_normal((64, 60))) - (shared + 3 * rng.standard_normal((64, 60))) for _ in range(8)]
    found = noise_power(pairs, PITCH_MM, difference=True)
    assert found.noise.value == pytest.approx(3, abs=4 * found.noise.u)
    with pytest.raises(AnalysisError, match="mean"):
        noise_power([pair - pair.mean() - 1 for pair in pairs], PITCH_MM).normalised()
    assert noise_power([pair + 100 for pair in pairs], PITCH_MM, trend=1).normalised() * 100**2 == pytest.approx(
        noise_power(pairs, PITCH_MM, trend=1).curve, rel=0.01
    )


@pytest.mark.parametrize("regions", [[], [np.zeros((8, 40))], [np.zeros((64, 60))], [np.ones((64, 60)), np.ones((64, 50))]])
def test_no_spectrum_from_nothing(regions):
    with pytest.raises(AnalysisError):
        noise_power(regions, PITCH_MM)


# Regions


def test_discs_and_rectangles_are_placed_in_mm():
    """Areas: pi r^2 and 4 a b over the pixel's area; their middle where it was asked for."""
    pitch_mm, shape = (0.5, 0.3), (200, 300)
    for use, area in (
        (disc(shape, pitch_mm, (40.0, 55.0), 12.0), math.pi * 144),
        (rectangle(shape, pitch_mm, (40.0, 55.0), (12.0, 5.0), 30.0), 240.0),
        (covered(shape, pitch_mm, (40.0, 55.0), 12.0), math.pi * 144),
    ):
        rows, columns = np.indices(shape)
        assert use.sum() * 0.15 == pytest.approx(area, rel=0.01)
        assert (columns * use).sum() / use.sum() * 0.3 == pytest.approx(40.0, abs=0.05)
        assert (rows * use).sum() / use.sum() * 0.5 == pytest.approx(55.0, abs=0.05)
    turned = rectangle(shape, pitch_mm, (40.0, 55.0), (12.0, 5.0), 30.0)
    assert turned[round((55 + 10 * math.sin(math.radians(30))) / 0.5), round((40 + 10 * math.cos(math.radians(30))) / 0.3)]
    with pytest.raises(AnalysisError, match="outside"):
        disc(shape, pitch_mm, (5.0, 55.0), 12.0)


@pytest.mark.parametrize(("kind", "radius_mm"), [("white", 3.5), ("white", 8.0), ("wide", 8.0), ("ct", 9.0)])
def test_the_scatter_of_a_mean_is_its_uncertainty(kind, radius_mm):
    """Noise that is white, correlated over pixels, or poor in low frequencies (where a mean is better than white noise says)."""
    rng = np.random.default_rng(5)
    power = {"white": np.ones(SHAPE), "wide": np.exp(-((F / 0.35) ** 2)), "ct": POWER}[kind]
    pulls, noises = [], []
    for _ in range(3):
        picture = 40 + np.fft.ifft2(np.fft.fft2(rng.standard_normal(SHAPE)) * np.sqrt(power)).real
        for y in (20, 50, 80, 110, 140, 170):
            for x in (20, 55, 90, 125, 160):
                crop = picture[round((y - 12) / 0.52) : round((y + 12) / 0.52), round((x - 12) / 0.47) : round((x + 12) / 0.47)]
                found = region(crop, disc(crop.shape, PITCH_MM, (12.0, 12.0), radius_mm))
                pulls.append((found.mean.value - 40) / found.mean.u)
                noises.append((found.noise.value, found.noise.u))
    assert abs(np.mean(pulls)) < 0.4
    assert (0.7 if kind != "ct" else 0.5) < np.std(pulls) < 1.3
    assert 0.7 < np.std([n for n, _ in noises]) / np.mean([u for _, u in noises]) < 1.3


def test_a_small_region_takes_its_noise_from_a_larger_one():
    """Noise correlated over pixels in a disc of 60 pixels, of which it is worth three independent ones."""
    rng = np.random.default_rng(6)
    kernel = np.exp(-((F / 0.2) ** 2))
    pulls = []
    for _ in range(60):
        picture = np.fft.ifft2(np.fft.fft2(rng.standard_normal(SHAPE)) * kernel).real[:80, :90]
        large = region(picture, disc(picture.shape, PITCH_MM, (20.0, 20.0), 17.0))
        small = region(picture, disc(picture.shape, PITCH_MM, (20.0, 20.0), 2.2), large)
        pulls.append(small.mean.value / small.mean.u)
    assert 0.7 < np.std(pulls) < 1.3


def test_clipped_values_and_foreign_things_are_noticed():
    rng = np.random.default_rng(7)
    air = np.round(-1000 + 20 * rng.standard_normal((60, 50)))
    assert clipped_share(air.ravel()) == 0
    assert clipped_share(np.maximum(air, -1000).ravel()) == pytest.approx(0.5, abs=0.05)
    assert clipped_share(np.minimum(air + 4071, 3090).ravel()) == pytest.approx(0.17, abs=0.04)
    assert clipped_share(np.full(100, 7.0)) == 0
    use = disc((60, 50), PITCH_MM, (11.0, 15.0), 8.0)
    assert agree(region(air, use))
    spoilt = air + 500 * disc((60, 50), PITCH_MM, (14.0, 15.0), 3.0)
    assert not agree(region(spoilt, use))
    assert region(spoilt, use).odd > 0.08
    with pytest.raises(AnalysisError, match="pixels"):
        region(air, disc((60, 50), PITCH_MM, (11.0, 15.0), 0.8))


def test_a_constant_region_is_known_to_its_value_step():
    found = region(np.full((60, 50), 7.0), disc((60, 50), PITCH_MM, (11.0, 15.0), 8.0), step=1.0)
    assert found.mean.value == 7
    assert 0 < found.mean.u < 0.05


# Detectability


def test_contrast_to_noise_is_the_difference_over_the_noise_of_both():
    rng = np.random.default_rng(8)
    use = disc((80, 90), PITCH_MM, (20.0, 20.0), 17.0)
    found = [contrast_to_noise(*(region(m + s * rng.standard_normal((80, 90)), use) for m, s in ((50, 3), (40, 4)))) for _ in range(50)]
    truth = 10 / math.sqrt(12.5)
    assert np.mean([one.value for one in found]) == pytest.approx(truth, rel=0.01)
    assert 0.7 < np.std([(one.value - truth) / one.u for one in found]) < 1.3
    assert area_weighted(found[0], 3.0).value == pytest.approx(found[0].value * math.sqrt(math.pi * 9))


def gaussian_mtf(blur_mm):
    f = np.linspace(0, 1, 257)
    return Mtf(f, np.exp(-2 * math.pi**2 * f**2 * blur_mm**2), np.full(257, 1e-3), {}, "known", {})


def test_the_observer_agrees_with_one_that_looks_at_pictures():
    """A template of the blurred disc on 5000 pictures of noise: difference of the means over the scatter, within 5 %."""
    rng = np.random.default_rng(9)
    radius, blur, contrast = 3.0, 0.6, 10.0
    y, x = (np.minimum(np.arange(n), n - np.arange(n)) * p for n, p in zip(SHAPE, PITCH_MM, strict=True))
    template = np.fft.fft2((np.hypot(y[:, None], x[None, :]) <= radius).astype(float)) * np.exp(-2 * math.pi**2 * F**2 * blur**2)
    seen, found = [], []
    for _ in range(24):
        noise = drawn(rng)
        seen.append(np.fft.ifft2(np.fft.fft2(noise) * np.conj(template)).real[::31, ::29].ravel())
        if len(found) < 6:
            spectrum_found = noise_power(tiles(noise, 96, 90), PITCH_MM)
            found.append(non_prewhitening(Number(contrast, 0.1), radius, gaussian_mtf(blur), spectrum_found).d_prime)
    truth = contrast * (np.abs(template) ** 2).mean() / np.concatenate(seen).std()
    assert np.mean([one.value for one in found]) == pytest.approx(truth, rel=0.05)
    assert all(abs(one.value - truth) < 3.5 * one.u for one in found)


def test_white_noise_without_blur_is_the_rose_model():
    """d' = C sqrt(area)/(sd sqrt(pixel area)) for white noise and no blur, as far as the disc's spectrum lies within the pixels'."""
    rng = np.random.default_rng(10)
    nps = noise_power([5 * rng.standard_normal((128, 120)) for _ in range(30)], (0.25, 0.2))
    found = non_prewhitening(Number(2.0, 0.01), 4.0, None, nps)
    assert found.d_prime.value == pytest.approx(2 * math.sqrt(math.pi * 16) / 5 / math.sqrt(0.05), rel=0.03)
    assert found.contrast_at_d1.value == pytest.approx(2 / found.d_prime.value, rel=1e-6)
    with_eye = non_prewhitening(Number(2.0, 0.01), 4.0, None, nps, eye=True)
    assert with_eye.eye
    assert with_eye.d_prime.value < found.d_prime.value  # in white noise the template without an eye is the best there is
    with pytest.raises(AnalysisError, match="wider"):
        non_prewhitening(Number(2.0, 0.01), 40.0, None, nps)


def test_the_statistical_contrast_is_that_of_disc_means():
    """3.29 standard deviations of the mean over a disc, from the spectrum: Int NPS |disc|^2 over the plane."""
    rng = np.random.default_rng(11)
    y, x = (np.minimum(np.arange(n), n - np.arange(n)) * p for n, p in zip(SHAPE, PITCH_MM, strict=True))
    mask = (np.hypot(y[:, None], x[None, :]) <= 3.0).astype(float)
    share = np.abs(np.fft.fft2(mask / mask.sum())) ** 2
    truth = 3.29 * math.sqrt((POWER * share).sum() / (SHAPE[0] * PITCH_MM[0] * SHAPE[1] * PITCH_MM[1]))
    use = disc((150, 160), PITCH_MM, (37.0, 38.0), 35.0)
    found = [statistical_contrast(drawn(rng)[:150, :160], use, PITCH_MM, 3.0) for _ in range(50)]
    pulls = [(one.value - truth) / one.u for one in found]
    assert abs(np.mean(pulls)) < 0.7
    assert 0.7 < np.std(pulls) < 1.3
    with pytest.raises(AnalysisError, match="discs"):
        statistical_contrast(drawn(rng)[:150, :160], use, PITCH_MM, 15.0)
