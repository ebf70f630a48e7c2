"""What a drawn image of a planar phantom must read, from how it was drawn: facts, geometry, blur and noise alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from phantoms.models import PlanarModel, Region
    from phantoms.planar import Scene
    from phantoms.planar_detector import Detector, Frame
    from qa.features.position import Array

LEVELS = {"50": 0.5, "30": 0.3, "10": 0.1}
DIRECTIONS, POINTS = 18, 1200  # of a mean over directions; of an integral over frequencies

NOISE_IN = {"si_qc3": "bottom 3", "si_qckv": "bottom 3"}  # where the plate has no room for an even square

Truth = dict[tuple[str, str], float]


def of_image(frame: Frame, uid: str) -> Truth:
    """The truth of everything that the image of a phantom shows; ``uid`` its SOP Instance UID."""
    parts = {**geometry(frame.scene), **sharpness(frame.scene), **contrasts(frame), **noise(frame)}
    return {(key, f"{uid} {part}" if part else uid): value for (key, part), value in parts.items()}


def geometry(scene: Scene) -> Truth:
    """Scale, place and turn. The scale by the outline holds how far the specimen is from nominal; the size error has that in its u."""
    from phantoms.models import PlanarModel, named

    own, placement = scene.model, scene.placement
    assert own is not None
    model = named(own.key, "planar")
    assert isinstance(model, PlanarModel)
    scale, to_iso = scene.sad_mm / placement.source_mm, scene.sad_mm / scene.sid_mm
    sides = {"width": (own.width_mm, model.width_mm), "height": (own.height_mm, model.height_mm)}
    if own.shape == "circle":
        sides = {"diameter": sides["width"]}
    return {
        **{("planar_scale", name): scale * real / nominal for name, (real, nominal) in sides.items()},
        **{("planar_scale", f"inside, {name}"): scale for name in ("width", "height")},
        **{("planar_size_error", name): (scale - 1) * nominal for name, (_, nominal) in sides.items()},
        ("planar_anisotropy", ""): 0.0,
        ("planar_angle", ""): (placement.angle_deg + 180) % 360 - 180,
        ("planar_center_u", ""): placement.centre_uv_mm[0] * to_iso,
        ("planar_center_v", ""): placement.centre_uv_mm[1] * to_iso,
    }


def sharpness(scene: Scene) -> Truth:
    """Where the MTF falls to each level, across the edge that is measured; the bars relative to the coarsest group."""
    from phantoms.planar_truth import wave_direction_deg

    model = scene.model
    assert model is not None
    found: Truth = {}
    own = across(model)
    turned = None if own is None else scene.placement.angle_deg + (180 - own if scene.placement.mirrored else own)
    for key, level in LEVELS.items():
        found[f"planar_mtf{key}", "edge"] = _frequency(scene, level, turned) * scene.magnification
    bars = sorted((r for r in model.regions if r.kind == "bars"), key=lambda r: r.lp_per_mm)
    for region in bars:
        direction = wave_direction_deg(scene, region)
        first, own = (float(_mtf(scene, lp / scene.magnification, direction)) for lp in (bars[0].lp_per_mm, region.lp_per_mm))
        found["planar_bar_modulation", region.name] = own / first
    return found


def across(model: PlanarModel) -> float | None:
    """The direction across the edge that serves best in this model, from the model's x; None for a round one."""
    from qa.features.planar_borders import usable

    edge = usable(model, model.radiation)[0]
    if edge.radius_mm:
        return None
    return float(np.degrees(np.arctan2(edge.stop[1] - edge.start[1], edge.stop[0] - edge.start[0]))) + 90.0


def _mtf(scene: Scene, f: Array | float, direction: float | None) -> Array:
    """The MTF at the panel along a direction, or its mean over all."""
    from phantoms.planar_blur import mtf

    if direction is not None:
        return mtf(scene.blur, scene.panel, f, direction)
    turns = (np.arange(DIRECTIONS) + 0.5) / DIRECTIONS * 90
    return np.asarray(np.mean([mtf(scene.blur, scene.panel, f, float(turn)) for turn in turns], axis=0))


def _frequency(scene: Scene, level: float, direction: float | None) -> float:
    f = np.linspace(0, 3.0, 6001)
    curve = _mtf(scene, f, direction)
    k = int(np.argmax(curve <= level))
    return float(f[k - 1] + (curve[k - 1] - level) / (curve[k - 1] - curve[k]) * (f[k] - f[k - 1]))


def contrasts(frame: Frame) -> Truth:
    """Contrast, contrast to noise, visibility and d' of every region against what the analysis holds it against."""
    from phantoms.planar_detector import noise_sigma
    from phantoms.planar_parts import level, under

    scene, model = frame.scene, frame.scene.model
    assert model is not None
    grounds = [region for region in model.regions if region.kind == "background"]
    found: Truth = {}
    spectrum = _ring_nps(scene, frame.detector, model.transmission)
    for region in model.regions:
        if region.kind not in ("contrast", "disc"):
            continue
        own = level(model, region) * _light(scene, region)
        group = [g for g in grounds if g.group == region.group] or grounds
        if region.kind == "disc" or not group:
            other = under(model, region) * _light(scene, region)
        else:
            other = float(np.mean([level(model, g) * _light(scene, g) for g in group]))
        sigma = float(np.sqrt((noise_sigma(frame.detector, own) ** 2 + noise_sigma(frame.detector, other) ** 2) / 2))
        area = np.pi / 4 * region.width_mm**2 if region.shape == "circle" else region.width_mm * region.height_mm
        found["planar_contrast", region.name] = 100 * (own / other - 1)
        found["planar_cnr", region.name] = abs(own - other) / sigma
        found["planar_visibility", region.name] = abs(own - other) / sigma * float(np.sqrt(area))
        if region.kind == "disc":
            found["planar_detectability", region.name] = _d_prime(scene, own - other, region, spectrum)
    return found


def _light(scene: Scene, region: Region) -> float:
    """The beam at a region's middle: it is linear, so that is its mean."""
    from phantoms.planar_truth import place_px

    row, column = place_px(scene, region.x_mm, region.y_mm)
    u = (column - scene.panel.centre_px[1]) * scene.panel.pitch_mm[1]
    v = (scene.panel.centre_px[0] - row) * scene.panel.pitch_mm[0]
    return 1 + scene.beam.tilt_per_mm[0] * u + scene.beam.tilt_per_mm[1] * v


def _d_prime(scene: Scene, step: float, region: Region, spectrum: Array) -> float:
    """The non-prewhitening observer on the panel: d'^2 = [Int |W|^2 M^2]^2 / Int |W|^2 M^2 NPS, up to the Nyquist frequency."""
    from scipy.special import j1

    f = _frequencies(scene)
    radius = region.width_mm / 2 * scene.magnification
    task = (step * radius * j1(2 * np.pi * radius * f) / f) ** 2 * _mtf(scene, f, None) ** 2
    area = 2 * np.pi * f * (f[1] - f[0])
    return float((task * area).sum() / np.sqrt((task * spectrum * area).sum()))


def _frequencies(scene: Scene) -> Array:
    """Up to the Nyquist frequency of the coarser pitch, 1/mm at the panel."""
    return (np.arange(POINTS) + 0.5) / POINTS * 0.5 / max(scene.panel.pitch_mm)


def _ring_nps(scene: Scene, detector: Detector, signal: float) -> Array:
    """The noise spectrum averaged over directions."""
    from phantoms.planar_detector import nps

    f, turn = _frequencies(scene), np.radians((np.arange(DIRECTIONS) + 0.5) / DIRECTIONS * 90)
    return np.asarray(np.mean([nps(detector, scene.panel, f * np.cos(t), f * np.sin(t), signal) for t in turn], axis=0))


def noise(frame: Frame) -> Truth:
    """Noise, its spectrum's mean frequency and the beam's slope, in the plate and in the open field."""
    from phantoms.planar_detector import noise_sigma
    from phantoms.planar_parts import level

    scene, model = frame.scene, frame.scene.model
    assert model is not None
    found: Truth = {}
    f = _frequencies(scene)
    to_panel = scene.sid_mm / scene.sad_mm
    area = NOISE_IN.get(model.key, "plate")
    inner = model.transmission if area == "plate" else level(model, next(r for r in model.regions if r.name == area))
    levels = {area: inner, "open field": 1.0}
    for name, signal in levels.items():
        relative = 100 * noise_sigma(frame.detector, signal) / signal
        spectrum = _ring_nps(scene, frame.detector, signal)
        found["planar_noise", name] = found["planar_nps_integral", name] = relative
        found["planar_nps_frequency", name] = float((f * spectrum).sum() / spectrum.sum()) * to_panel
        for axis, tilt in zip("uv", scene.beam.tilt_per_mm, strict=True):
            found["planar_tilt", f"{name}, along {axis}"] = 100 * 100 * tilt * to_panel
    return found
