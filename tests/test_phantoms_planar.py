"""The ruler of planar image quality against closed forms and brute force that share no code with it."""

import json
from dataclasses import replace
from itertools import combinations

import numpy as np
import pydicom
import pytest
from scipy.integrate import trapezoid
from scipy.ndimage import gaussian_filter
from scipy.special import ndtr

from phantoms.models import PlanarModel, Region, named, planar_models
from phantoms.panel import Panel
from phantoms.planar import Beam, Placement, Scene, Strip, draw
from phantoms.planar_blur import KV, MV, Blur, frequency_at, mtf
from phantoms.planar_detector import Detector, develop, noise_sigma, nps, take
from phantoms.planar_exposure import write
from phantoms.planar_random import NONE, random_none, random_planar, random_scene
from phantoms.planar_shapes import rounded
from phantoms.planar_truth import bar_deviation, bar_modulation, contrast, length_mm, place_px, plateau, truth

MODELS = planar_models()
PANEL = Panel("small", 90, 120, (0.42, 0.36))


def model_of(*regions: Region, size: tuple[float, float] = (60.0, 50.0), plate: float = 0.8, corner_mm: float = 0.0) -> PlanarModel:
    return PlanarModel("drawn", "drawn", "", (), "drawn", "MV", "rectangle", *size, plate, regions, corner_mm=corner_mm)


def by_key(key: str) -> PlanarModel:
    return next(model for model in MODELS if model.key == key)


# --- facts ---------------------------------------------------------------------------------------------------------------------------


def mask(region: Region, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    turned = np.exp(-1j * np.deg2rad(region.turn_deg)) * ((x - region.x_mm) + 1j * (y - region.y_mm))
    if region.shape == "circle":
        return np.abs(turned) < region.width_mm / 2
    return (np.abs(turned.real) < region.width_mm / 2) & (np.abs(turned.imag) < region.height_mm / 2)


def reach(region: Region) -> float:
    return float(np.hypot(region.width_mm, region.height_mm)) / 2


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.key)
def test_parts_are_apart_or_one_inside_the_other_and_inside_the_outline(model: PlanarModel) -> None:
    half_x, half_y = model.width_mm / 2 + 2, model.height_mm / 2 + 2
    x, y = np.meshgrid(np.arange(-half_x, half_x, 0.4), np.arange(-half_y, half_y, 0.37))
    plate = Region("plate", "window", model.shape, 0, 0, model.width_mm, model.height_mm, 1.0)
    inside = mask(replace(plate, width_mm=plate.width_mm + 0.1, height_mm=plate.height_mm + 0.1), x, y)
    parts = [(region, mask(region, x, y)) for region in model.regions if region.kind != "body"]
    for region, there in parts:
        assert there.any() or region.width_mm < 1
        assert not (there & ~inside).any(), f"{region.name} reaches beyond the outline"
    for (first, below), (second, above) in combinations(parts, 2):
        if np.hypot(first.x_mm - second.x_mm, first.y_mm - second.y_mm) > reach(first) + reach(second):
            continue
        shared = (below & above).sum()
        assert shared in (0, above.sum()), f"{second.name} lies over a part of {first.name}"


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.key)
def test_facts_have_sources_and_bars_fill_their_groups(model: PlanarModel) -> None:
    assert len(model.source) > 60
    assert model.radiation in ("kV", "MV")
    assert len({region.name for region in model.regions}) == len(model.regions)
    kinds = {"contrast", "background", "bars", "disc", "edge", "uniform", "window", "frame", "marker", "body"}
    for region in model.regions:
        assert region.kind in kinds
        assert 0 < region.transmission < 3
        if region.kind == "bars":
            pieces = 2 * region.width_mm * region.lp_per_mm
            assert pieces == pytest.approx(round(pieces), abs=0.02)
            assert round(pieces) % 2 == 1
        else:
            assert region.lp_per_mm == 0
    assert model.distances
    assert all(0 < distance.u_mm < 3 and length_mm(distance) > 10 for distance in model.distances)


def test_the_models_are_those_that_are_asked_for_and_found_by_what_people_say() -> None:
    keys = {"leeds_tor18", "si_qc3", "si_qckv", "ptw_epid_qc", "snc_kv", "snc_mv", "las_vegas", "iba_primus"}
    assert {model.key for model in MODELS} == keys | {"doselab_mc2_kv", "doselab_mc2_mv"}
    said = (("Leeds TOR 18 FG, red", "leeds_tor18"), ("our QC-3", "si_qc3"), ("QC-kV 12", "si_qckv"), ("Las Vegas", "las_vegas"))
    for words, key in said:
        found = named(words, "planar")
        assert found is not None
        assert found.key == key


def test_what_is_known_of_single_phantoms() -> None:
    discs = [region for region in by_key("las_vegas").regions if region.kind == "disc"]
    assert len(discs) == 28
    assert sorted({disc.width_mm for disc in discs}) == [1, 2, 4, 7, 10, 15]
    leeds = by_key("leeds_tor18")
    assert sum(region.kind == "disc" for region in leeds.regions) == 18
    assert sorted(region.lp_per_mm for region in leeds.regions if region.kind == "bars")[::20] == [0.5, 5.0]
    assert sum(region.kind == "bars" for region in leeds.regions) == 21
    assert {r.lp_per_mm for r in by_key("si_qckv").regions if r.kind == "bars"} == {0.66, 0.98, 1.5, 2.0, 2.46}
    assert {r.stated_lp_per_mm or r.lp_per_mm for r in by_key("si_qc3").regions if r.kind == "bars"} == {0.1, 0.2, 0.25, 0.45, 0.76}


# --- drawing -------------------------------------------------------------------------------------------------------------------------


def brute_force(scene: Scene, parts: list[tuple[float, np.ndarray]], fine: int) -> np.ndarray:
    """A raster much finer than a pixel, a blur and a box: nothing of the renderer."""
    picture = np.ones(parts[0][1].shape)
    for value, where in parts:
        picture[where] = value
    pitch = [value / fine for value in scene.panel.pitch_mm]
    spread = sum(
        weight * gaussian_filter(picture, (sigma / pitch[0], sigma / pitch[1]), mode="nearest", truncate=6)
        for weight, sigma in zip(scene.blur.weights, scene.blur.sigmas_mm, strict=True)
    )
    return np.asarray(spread).reshape(scene.panel.rows, fine, scene.panel.columns, fine).mean(axis=(1, 3))


def fine_points(scene: Scene, fine: int) -> tuple[np.ndarray, np.ndarray]:
    """Phantom coordinates of the fine raster by complex numbers: shift, turn back, shrink, flip."""
    down, across = scene.panel.pitch_mm
    column = (np.arange(scene.panel.columns * fine) + 0.5) / fine - scene.panel.columns / 2
    row = (np.arange(scene.panel.rows * fine) + 0.5) / fine - scene.panel.rows / 2
    seen = column[None, :] * across - 1j * row[:, None] * down - complex(*scene.placement.centre_uv_mm)
    back = seen * np.exp(-1j * np.deg2rad(scene.placement.angle_deg)) * scene.placement.source_mm / scene.sid_mm
    return (-back.real if scene.placement.mirrored else back.real), back.imag


@pytest.mark.parametrize(("angle", "mirrored"), [(31.0, True), (-118.0, False)])
def test_the_image_is_what_brute_force_shows(angle: float, mirrored: bool) -> None:
    panel, fine = Panel("tiny", 64, 76, (0.44, 0.36)), 20
    bars = Region("bars", "bars", "rectangle", -3.0, 2.0, 4.5, 3.0, 0.5, turn_deg=20.0, lp_per_mm=1.0, gap_transmission=1.2)
    cell = Region("cell", "contrast", "rectangle", 2.5, 1.5, 4.0, 3.0, 0.7, corner_mm=1.0)
    disc = Region("disc", "disc", "circle", 2.0, -2.5, 2.4, 2.4, 1.15)
    model = model_of(bars, cell, disc, size=(13.0, 10.0), plate=0.6, corner_mm=1.5)
    scene = Scene(model, panel, Placement((0.7, -0.9), angle, mirrored, 970.0), blur=Blur((0.7, 0.3), (0.22, 0.5)), sid_mm=1500.0)
    x, y = fine_points(scene, fine)

    def cell_mask(width: float, height: float, radius: float, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        a, b = np.maximum(np.abs(x) - width / 2 + radius, 0), np.maximum(np.abs(y) - height / 2 + radius, 0)
        return np.asarray(np.hypot(a, b) < radius)

    own = ((x + 3) + 1j * (y - 2)) * np.exp(-1j * np.deg2rad(20))
    group = (np.abs(own.real) < 2.25) & (np.abs(own.imag) < 1.5)
    dark = group & (np.floor((own.real + 2.25) / 0.5) % 2 == 0)
    parts = [(0.6, cell_mask(13, 10, 1.5, x, y)), (0.72, group), (0.3, dark), (0.42, cell_mask(4, 3, 1.0, x - 2.5, y - 1.5))]
    parts.append((0.69, np.hypot(x - 2, y + 2.5) < 1.2))
    expected = brute_force(scene, parts, fine)
    error = np.abs(draw(scene) - expected)
    assert np.quantile(error, 0.99) < 5e-4  # the raster's own error at edges: it halves with a raster twice as fine
    assert error.max() < 2.5e-3
    assert error.mean() < 5e-5


def test_axis_parallel_rectangles_are_exact_pixel_averages() -> None:
    """The average of a blurred step over a pixel is a difference of x Phi(x/s) + s phi(x/s)."""
    block = Region("block", "edge", "rectangle", 1.3, -0.7, 9.0, 6.0, 0.25)
    blur = Blur((0.6, 0.4), (0.19, 0.6))
    scene = Scene(model_of(block, size=(80, 80), plate=1.0), PANEL, Placement((0.2, 0.3), source_mm=1000.0), blur=blur)

    def average(edges: np.ndarray, low: float, high: float, sigma: float) -> np.ndarray:
        def primitive(x: np.ndarray) -> np.ndarray:
            return np.asarray(x * ndtr(x / sigma) + sigma * np.exp(-((x / sigma) ** 2) / 2) / np.sqrt(2 * np.pi))

        return np.asarray(np.diff(primitive(edges - low) - primitive(edges - high)) / np.diff(edges))

    u, v = (np.arange(121) - 60) * 0.36 - 0.2, (45 - np.arange(91)) * 0.42 - 0.3
    expected = np.ones(PANEL.shape)
    for weight, sigma in zip(scene.blur.weights, scene.blur.sigmas_mm, strict=True):
        across, along = average(u, 1.5 * (1.3 - 4.5), 1.5 * (1.3 + 4.5), sigma), average(v, 1.5 * (-0.7 - 3), 1.5 * (-0.7 + 3), sigma)
        expected -= 0.75 * weight * along[:, None] * across[None, :]
    assert np.abs(draw(scene) - expected).max() < 2e-5


@pytest.mark.parametrize("sigma", [0.13, 0.7])
def test_rounded_corners_are_the_integral_over_strips(sigma: float) -> None:
    rng, radius = np.random.default_rng(3), 2.5
    a, b = rng.uniform(-4, 4, 80), rng.uniform(-4, 4, 80)
    y = np.linspace(-12, radius, 60_001)
    reach = np.where(y < 0, radius, np.sqrt(np.maximum(radius**2 - y**2, 0)))
    density = np.exp(-(((b[:, None] - y) / sigma) ** 2) / 2) / (np.sqrt(2 * np.pi) * sigma)
    expected = trapezoid(density * ndtr((reach - a[:, None]) / sigma), y, axis=1)
    assert np.abs(rounded(a, b, radius, sigma) - expected).max() < 1e-5


@pytest.mark.parametrize("key", ["si_qc3", "las_vegas", "leeds_tor18", "doselab_mc2_mv", "si_qckv"])
def test_plateaus_are_products_of_transmissions(key: str) -> None:
    model = by_key(key)
    scene = Scene(model, Panel("coarse", 300, 360, (0.9, 0.8)), Placement((3.0, -2.0), 27.0, key == "si_qckv"), blur=Blur((1.0,), (0.5,)))
    image = draw(scene)
    checked = 0
    for region in model.regions:
        over = [r for r in model.regions if r is not region and mask(r, np.array(region.x_mm), np.array(region.y_mm))]
        if region.kind not in ("contrast", "background", "disc", "uniform") or min(region.width_mm, region.height_mm) < 7:
            continue
        if any(model.regions.index(r) > model.regions.index(region) for r in over):
            continue
        row, column = place_px(scene, region.x_mm, region.y_mm)
        assert image[round(row), round(column)] == pytest.approx(model.transmission * region.transmission, abs=2e-6)
        assert plateau(model, region.name) == pytest.approx(model.transmission * region.transmission, rel=1e-12)
        checked += 1
    assert checked > 5


def test_contrasts_are_by_their_formulas() -> None:
    disc = Region("disc", "disc", "circle", 5.0, 0.0, 4.0, 4.0, 0.9)
    other = Region("other", "contrast", "rectangle", -8.0, 0.0, 4.0, 4.0, 0.5)
    model = model_of(disc, other)
    assert contrast(model, "disc")["weber"] == pytest.approx(-0.1)
    assert contrast(model, "disc")["michelson"] == pytest.approx(-0.1 / 1.9)
    assert contrast(model, "disc", "other")["michelson"] == pytest.approx(0.4 / 1.4)


@pytest.mark.parametrize(("angle", "blur"), [(3.0, MV), (48.0, KV), (93.5, Blur((0.9, 0.1), (0.3, 1.1)))])
def test_an_edge_has_the_closed_forms_mtf(angle: float, blur: Blur) -> None:
    """The edge spread, sorted over all pixels' distances from the edge, transformed as a Stieltjes sum."""
    square = Region("edge", "edge", "rectangle", 40.0, 0.0, 80.0, 200.0, 0.3)
    model = model_of(square, size=(500.0, 500.0), plate=1.0)
    scene = Scene(model, PANEL, Placement((0.4, 0.1), angle, False, 1000.0), blur=blur)
    row, column = np.mgrid[: PANEL.rows, : PANEL.columns]
    u, v = (column - (PANEL.columns - 1) / 2) * 0.36 - 0.4, ((PANEL.rows - 1) / 2 - row) * 0.42 - 0.1
    normal = np.deg2rad(angle)
    distance = (u * np.cos(normal) + v * np.sin(normal)).ravel()
    order = np.argsort(distance)
    distance, spread = distance[order], draw(scene).ravel()[order]
    near = np.abs(distance) < 7
    distance, spread = distance[near], spread[near]
    middle, step = (distance[1:] + distance[:-1]) / 2, np.diff(spread)
    for f in (0.0, 0.15, 0.3, 0.5, 0.8, 1.1):
        measured = abs((step * np.exp(-2j * np.pi * f * middle)).sum()) / 0.7
        gauss = sum(w * np.exp(-2 * np.pi**2 * s**2 * f**2) for w, s in zip(blur.weights, blur.sigmas_mm, strict=True))
        expected = abs(gauss * np.sinc(0.36 * f * np.cos(normal)) * np.sinc(0.42 * f * np.sin(normal)))
        assert measured == pytest.approx(expected, rel=0.005, abs=5e-5)
        assert mtf(blur, PANEL, f, angle) == pytest.approx(expected, rel=1e-12)


def test_mtf_50_of_a_single_gaussian_is_its_closed_form() -> None:
    fine = Panel("fine", 10, 12, (1e-4, 1e-4))
    for level in (0.5, 0.3, 0.1):
        expected = np.sqrt(-np.log(level) / 2) / (np.pi * 0.4)
        assert frequency_at(Blur((1.0,), (0.4,)), fine, level, 33.0) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(("angle", "mirrored"), [(0.0, False), (17.0, False), (-120.0, True), (180.0, True)])
def test_discs_are_where_the_geometry_says(angle: float, mirrored: bool) -> None:
    spots = [(12.0, 5.0), (-9.0, 11.0), (-3.0, -13.0)]
    regions = [Region(f"spot {k}", "disc", "circle", *spot, 3.0, 3.0, 0.5) for k, spot in enumerate(spots)]
    panel = Panel("wide", 240, 300, (0.40, 0.31))
    placement = Placement((4.3, -6.1), angle, mirrored, 1012.0)
    scene = Scene(model_of(*regions, size=(90, 90), plate=1.0), panel, placement, blur=MV, sid_mm=1490.0)
    image = 1 - draw(scene)
    for x, y in spots:
        seen = (complex(-x, y) if mirrored else complex(x, y)) * np.exp(1j * np.deg2rad(angle)) * 1490 / 1012 + complex(4.3, -6.1)
        row, column = 119.5 - seen.imag / 0.40, 149.5 + seen.real / 0.31
        assert place_px(scene, x, y) == pytest.approx((row, column), abs=1e-9)
        rows, columns = slice(round(row) - 16, round(row) + 17), slice(round(column) - 20, round(column) + 21)
        weight = image[rows, columns]
        assert (weight.sum(axis=1) @ np.arange(240)[rows] / weight.sum() - row) * 0.40 == pytest.approx(0, abs=0.002)
        assert (weight.sum(axis=0) @ np.arange(300)[columns] / weight.sum() - column) * 0.31 == pytest.approx(0, abs=0.002)
        assert weight.sum() * 0.40 * 0.31 == pytest.approx(0.5 * np.pi * (1.5 * 1490 / 1012) ** 2, rel=1e-4)


def test_signs_of_turn_and_mirror_by_eye() -> None:
    """A spot at the upper right: turned by 90 degrees it is at the upper left, mirrored too."""
    spot = Region("spot", "disc", "circle", 10.0, 4.0, 4.0, 4.0, 0.2)
    panel = Panel("wide", 150, 190, (0.40, 0.32))

    def darkest(placement: Placement) -> tuple[int, int]:
        image = draw(Scene(model_of(spot, size=(100, 90), plate=1.0), panel, placement))
        return tuple(int(k) for k in np.unravel_index(image.argmin(), image.shape))  # type: ignore[return-value]

    row, column = darkest(Placement())
    assert row < 75 < 95 < column
    row, column = darkest(Placement(angle_deg=90.0))
    assert row < 75 and column < 95 and 75 - row > (95 - column) * 0.32 / 0.40  # noqa: PT018
    row, column = darkest(Placement(mirrored=True))
    assert row < 75 and column < 95 and 75 - row < (95 - column) * 0.32 / 0.40  # noqa: PT018
    row, _ = darkest(Placement((0.0, 8.0)))
    assert row < darkest(Placement())[0]


@pytest.mark.parametrize(("lp", "angle", "blur"), [(0.25, 0.0, MV), (0.5, 0.0, MV), (0.6, 90.0, KV), (0.25, 90.0, KV)])
def test_bars_have_the_series_modulation_and_deviation(lp: float, angle: float, blur: Blur) -> None:
    count = 60
    bars = Region("bars", "bars", "rectangle", 0.0, 0.0, (count - 0.5) / lp, 30.0, 0.4, lp_per_mm=lp)
    m = 1500 / 1000
    across = 0.36 if angle == 0 else 0.42
    length = round(0.9 * (count - 0.5) / lp * m / across)
    panel = Panel("strip", 21, length, (0.42, 0.36)) if angle == 0 else Panel("strip", length, 21, (0.42, 0.36))
    scene = Scene(model_of(bars, size=((count + 20) / lp, 60.0), plate=1.0), panel, Placement((0.05, 0.02), angle), blur=blur)
    line = draw(scene)[10, :] if angle == 0 else draw(scene)[:, 10]
    period = m / lp / across
    whole = int(len(line) / period)
    part = line[: round(whole * period)]
    f, k = lp / m, np.arange(1, 2001, 2)
    gauss = sum(w * np.exp(-2 * (np.pi * s * k * f) ** 2) for w, s in zip(blur.weights, blur.sigmas_mm, strict=True))
    response = gauss * np.sinc(k * f * across)
    deviation = np.sqrt((8 / np.pi**2 * response**2 / k**2).sum())
    peak = 4 / np.pi * (response / k * (-1.0) ** ((k - 1) // 2)).sum()
    assert part.std() / 0.3 == pytest.approx(deviation, rel=0.01)
    assert (part.max() - part.min()) / 2 / 0.3 == pytest.approx(peak, rel=0.01)
    assert bar_deviation(scene, bars) == pytest.approx(deviation, rel=1e-5)
    assert bar_modulation(scene, bars) == pytest.approx(peak, rel=1e-4, abs=1e-5)


def test_beam_blades_and_couch() -> None:
    panel = Panel("wide", 200, 260, (0.8, 0.7))
    beam = Beam(field_uv_mm=(-60.0, 50.0, -30.0, 40.0), edge_sigma_mm=2.0, leakage=0.02)
    image = draw(Scene(None, panel, beam=beam))
    u, v = (np.arange(260) - 129.5) * 0.7, (99.5 - np.arange(200)) * 0.8
    across = image[np.abs(v - 5).argmin()]
    assert np.interp(-60.0, u, across) == pytest.approx(0.51, abs=0.01)
    assert np.interp(50.0, u, across) == pytest.approx(0.51, abs=0.01)
    along = image[:, np.abs(u).argmin()]
    assert np.interp(40.0, v[::-1], along[::-1]) == pytest.approx(0.51, abs=0.01)
    assert image[0, 0] == pytest.approx(0.02, abs=1e-6)
    couch = draw(Scene(None, panel, strips=(Strip(20.0, 1e4, 0.7, 180.0, 0.5),)))
    assert couch[100, 0] == pytest.approx(0.7, abs=1e-9)
    assert couch[100, -1] == pytest.approx(1.0, abs=1e-9)
    tilted = draw(Scene(None, panel, beam=Beam(tilt_per_mm=(1e-3, 2e-3), fff_mm=250.0)))
    assert tilted[50, 30] == pytest.approx((1 + 1e-3 * u[30] + 2e-3 * v[50]) / (1 + (u[30] ** 2 + v[50] ** 2) / 250**2), rel=1e-12)


# --- detector ------------------------------------------------------------------------------------------------------------------------


def test_the_noise_has_the_stated_variance_at_every_dose_and_signal() -> None:
    panel, rng = Panel("noise", 620, 700, (0.5, 0.4)), np.random.default_rng(11)
    half = Scene(None, panel, strips=(Strip(0.0, 1e4, 0.25, sigma_mm=0.01),))
    for dose in (0.5, 2.0):
        detector = Detector(0.02, 0.3, 0.004, dose, full_scale=1.4)
        frame = take(half, detector, rng)
        signal = frame.pixels / frame.levels
        for part, level in ((signal[:, 5:345], 1.0), (signal[:, 355:], 0.25)):
            expected = np.sqrt(0.02**2 * level / dose + 0.004**2 / dose**2)
            assert noise_sigma(detector, level) == pytest.approx(expected, rel=1e-3)
            assert part.std() == pytest.approx(expected, rel=0.012)  # the noise's own scatter is 0.3 %
            assert part.mean() == pytest.approx(level, rel=1e-3)


def test_the_nps_integrates_to_the_variance_and_has_the_drawn_noises_shape() -> None:
    detector, panel = Detector(0.02, 0.4, 0.003), Panel("noise", 512, 640, (0.5, 0.4))
    fv, fu = np.meshgrid(np.fft.fftfreq(256, 0.5), np.fft.fftfreq(256, 0.4), indexing="ij")
    integral = nps(detector, panel, fu, fv).sum() / (256 * 0.5 * 256 * 0.4)
    assert integral == pytest.approx(0.02**2 + 0.003**2, rel=0.005)
    frames = [develop(Scene(None, panel), np.ones(panel.shape), detector, np.random.default_rng(seed)) for seed in range(4)]
    noise = np.stack([f.pixels / f.levels - 1 for f in frames])
    blocks = noise.reshape(4, 4, 128, 5, 128).transpose(0, 1, 3, 2, 4).reshape(-1, 128, 128)
    window = np.outer(np.hanning(129)[:-1], np.hanning(129)[:-1])  # or strong low frequencies leak into weak high ones
    measured = (np.abs(np.fft.fft2(window * blocks)) ** 2).mean(axis=0) * 0.5 * 0.4 / (window**2).sum()
    fv, fu = np.meshgrid(np.fft.fftfreq(128, 0.5), np.fft.fftfreq(128, 0.4), indexing="ij")
    expected = nps(detector, panel, fu, fv)
    ratio = measured / expected
    for ring in np.array_split(np.argsort(np.hypot(fu, fv).ravel()), 8):
        assert ratio.ravel()[ring].mean() == pytest.approx(1, abs=0.02)
    across, along = ratio[:8, 30:60].mean(), ratio[30:60, :8].mean()  # the pixels are not square: neither is the spectrum
    assert (across, along) == pytest.approx((1, 1), abs=0.04)
    assert expected[0, 50] / expected[50, 0] == pytest.approx(1, rel=1e-9)  # equal per pixel, so at frequencies as 5 to 4


def test_defects_ghosts_and_saturation_are_where_they_are_put() -> None:
    panel = Panel("wide", 120, 160, (0.8, 0.7))
    scene = Scene(None, panel)
    before = Scene(None, panel, beam=Beam(field_uv_mm=(-20.0, 20.0, -15.0, 15.0), edge_sigma_mm=0.5, leakage=0.0))
    detector = Detector(0.0, dead_rows=(7,), dead_columns=(30, 31), dead_pixels=((50, 60),), ghost_fraction=0.03, saturation=1.02)
    frame = take(scene, detector, np.random.default_rng(0), before)
    signal = frame.pixels / frame.levels
    assert not signal[7].any()
    assert not signal[:, 30:32].any()
    assert signal[50, 60] == 0
    assert frame.clean[60, 80] == pytest.approx(1.03)
    assert signal[60, 80] == pytest.approx(1.02, abs=2e-5)
    assert signal[100, 10] == pytest.approx(1.0, abs=2e-5)
    again = take(scene, detector, np.random.default_rng(0), before)
    assert (again.pixels == frame.pixels).all()


# --- files and random draws ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("key", "sign"), [("si_qc3", 1), ("si_qckv", -1)])
def test_an_image_is_written_with_its_geometry_and_truth(tmp_path, key: str, sign: int) -> None:
    rng = np.random.default_rng(5)
    frames = [random_planar(rng, by_key(key), panel=Panel("crop", 310, 340, (0.95, 0.9))) for _ in range(2)]
    paths = write(frames, tmp_path, seed=5)
    record = json.loads((tmp_path / "truth.json").read_text("utf-8"))
    for path, frame, entry in zip(paths, frames, record["images"], strict=True):
        dataset = pydicom.dcmread(path)
        assert [float(v) for v in dataset.ImagePlanePixelSpacing] == [0.95, 0.9]
        assert float(dataset.RTImageSID) == 1500
        assert dataset.PixelIntensityRelationshipSign == sign
        stored = dataset.pixel_array
        assert ((65535 - stored if sign < 0 else stored) == frame.pixels).all()
        assert entry["truth"]["model"] == key
        assert entry["truth"]["centre_px"] == pytest.approx(place_px(frame.scene, 0.0, 0.0))
        assert entry["truth"]["magnification"] == pytest.approx(1500 / frame.scene.placement.source_mm)


def test_truth_of_a_frame_names_every_part() -> None:
    frame = random_planar(np.random.default_rng(2), by_key("leeds_tor18"), panel=Panel("crop", 330, 360, (0.9, 0.85)))
    parts = truth(frame)["regions"]
    assert isinstance(parts, dict)
    assert set(parts) == {"outline"} | {region.name for region in by_key("leeds_tor18").regions}


def test_random_scenes_show_the_whole_outline_and_differ() -> None:
    rng = np.random.default_rng(8)
    angles = []
    for _ in range(60):
        model = MODELS[rng.integers(len(MODELS))]
        scene = random_scene(rng, model)
        angles.append(scene.placement.angle_deg)
        w, h = model.width_mm / 2, model.height_mm / 2
        around = [(w, 0.0), (-w, 0.0), (0.0, h), (0.0, -h)]
        around += [] if model.shape == "circle" else [(w, h), (w, -h), (-w, h), (-w, -h)]
        for x, y in around:
            row, column = place_px(scene, x, y)
            assert -0.5 <= row <= scene.panel.rows - 0.5
            assert -0.5 <= column <= scene.panel.columns - 0.5
    assert np.ptp(angles) > 300
    with pytest.raises(ValueError, match="does not fit"):
        random_scene(rng, by_key("ptw_epid_qc"), panel=Panel("small", 90, 100, (0.8, 0.8)))


@pytest.mark.parametrize("what", NONE)
def test_images_that_show_no_phantom(what: str) -> None:
    panel = Panel("coarse", 150, 190, (2.0, 2.1))
    one, other = (random_none(np.random.default_rng(seed), what, panel=panel) for seed in (1, 1))
    assert (one.pixels == other.pixels).all()
    assert one.pixels.shape == (150, 190)
    assert (one.pixels != random_none(np.random.default_rng(2), what, panel=panel).pixels).any()
