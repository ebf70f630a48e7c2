"""Random planar images: a phantom at any pose, dose and field of view, and images that show none."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from phantoms.models import PlanarModel, Region
from phantoms.panel import AS1000, AS1200, IVIEWGT, PAXSCAN, Panel
from phantoms.planar import Beam, Placement, Scene, Strip, draw
from phantoms.planar_blur import KV, MV, Blur
from phantoms.planar_detector import Detector, Frame, develop, take

Array = NDArray[np.float64]
PANELS = {"kV": (PAXSCAN,), "MV": (AS1000, AS1200, IVIEWGT)}
TRIES = 100  # of panel and turn, until one fits
NONE = ("open field", "pelvis", "ball on a rod", "picket of leaves")


def random_scene(
    rng: np.random.Generator,
    model: PlanarModel,
    *,
    panel: Panel | None = None,
    angle_deg: float | None = None,
    mirrored: bool | None = None,
    clutter: bool = True,
) -> Scene:
    """The phantom somewhere on a panel, all of it in view: any turn unless given, mirrored one time in five, often a couch, often blades.

    `panel` None: a real one of the model's radiation. ValueError when the phantom does not fit on the panel.
    """
    for _ in range(TRIES):
        on = panel or PANELS[model.radiation][rng.integers(len(PANELS[model.radiation]))]
        sid, source = 1600.0 if on.name == "iViewGT" else 1500.0, float(rng.uniform(985, 1015))
        turned = float(rng.uniform(-180, 180)) if angle_deg is None else angle_deg
        need = _half_mm(model, turned, sid / source)
        room = [count * pitch / 2 - half for count, pitch, half in zip(on.shape, on.pitch_mm, need, strict=True)]
        if min(room) >= 0:
            break
    else:
        raise ValueError(f"{model.name} turned by {turned:.0f} degrees does not fit on {on.name}: {-min(room):.1f} mm too large")
    flipped = bool(rng.random() < 0.2) if mirrored is None else mirrored
    v, u = (float(rng.uniform(-1, 1)) * min(left, 25.0) for left in room)
    scene = Scene(
        model,
        on,
        Placement((u, v), turned, flipped, source),
        _random_beam(rng, model.radiation),
        blur=random_blur(rng, model.radiation),
        sid_mm=sid,
    )
    return _cluttered(rng, scene) if clutter else scene


def random_detector(rng: np.random.Generator, radiation: str) -> Detector:
    """Dose over a factor of ten, noise and its correlation as seen on real panels; no defects."""
    sigma = float(rng.uniform(0.003, 0.006)) if radiation == "kV" else float(rng.uniform(0.001, 0.003))
    return Detector(sigma, float(rng.uniform(0.1, 0.5)), float(rng.uniform(0.0002, 0.0008)), float(10 ** rng.uniform(-0.5, 0.5)))


def random_blur(rng: np.random.Generator, radiation: str) -> Blur:
    """Around the usual panel of that radiation."""
    usual, by = KV if radiation == "kV" else MV, float(rng.uniform(0.85, 1.25))
    return Blur(usual.weights, tuple(by * sigma for sigma in usual.sigmas_mm))


def random_planar(rng: np.random.Generator, model: PlanarModel, *, panel: Panel | None = None, clutter: bool = True) -> Frame:
    """A random image of the model."""
    return take(random_scene(rng, model, panel=panel, clutter=clutter), random_detector(rng, model.radiation), rng)


def random_none(rng: np.random.Generator, what: str, radiation: str = "MV", panel: Panel | None = None) -> Frame:
    """A random image that shows no planar phantom; `what` is one of NONE."""
    panel = panel or PANELS[radiation][rng.integers(len(PANELS[radiation]))]
    scene = Scene(None, panel, beam=_random_beam(rng, radiation), blur=random_blur(rng, radiation))
    if what == "ball on a rod":
        scene = replace(scene, model=_ball_on_rod(rng), placement=Placement((0.0, 0.0), float(rng.uniform(-180, 180))))
    elif what == "picket of leaves":
        scene = replace(scene, model=_picket(rng), placement=Placement((0.0, 0.0), 90.0 * float(rng.integers(4))))
    elif what not in NONE:
        raise ValueError(f"one of {', '.join(NONE)}; found {what}")
    scene = _cluttered(rng, scene)
    image = draw(scene) * (_pelvis(rng, scene) if what == "pelvis" else 1.0)
    return develop(scene, image, random_detector(rng, radiation), rng)


def _half_mm(model: PlanarModel, angle_deg: float, magnification: float) -> tuple[float, float]:
    """Half the height and half the width of the box about the turned outline, on the panel."""
    if model.shape == "circle":
        return magnification * model.width_mm / 2, magnification * model.width_mm / 2
    c, s = abs(np.cos(np.deg2rad(angle_deg))), abs(np.sin(np.deg2rad(angle_deg)))
    w, h = magnification * model.width_mm / 2, magnification * model.height_mm / 2
    return float(s * w + c * h), float(c * w + s * h)


def _random_beam(rng: np.random.Generator, radiation: str) -> Beam:
    tilt = (float(rng.normal(0, 2e-4)), float(rng.normal(0, 2e-4)))
    if radiation == "MV" and rng.random() < 0.3:
        return Beam(tilt_per_mm=tilt, fff_mm=float(rng.uniform(200, 300)))
    return Beam(tilt_per_mm=tilt, curvature_per_mm2=float(rng.normal(0, 1.5e-6)))


def _cluttered(rng: np.random.Generator, scene: Scene) -> Scene:
    """A couch at one side in one of two, blades in view in one of two, just outside what the phantom's outline needs."""
    half_v, half_u = (count * pitch / 2 for count, pitch in zip(scene.panel.shape, scene.panel.pitch_mm, strict=True))
    if rng.random() < 0.5:
        start = float(rng.uniform(0.1, 0.8)) * half_u
        couch = Strip(start, 3 * half_u, float(rng.uniform(0.5, 0.9)), 180.0 * float(rng.integers(2)), float(rng.uniform(0.5, 2)))
        scene = replace(scene, strips=(couch, Strip(start + 12, start + 18, 0.8, couch.turn_deg, 0.8)))
    if rng.random() < 0.5:
        need_v, need_u = _half_mm(scene.model, scene.placement.angle_deg, scene.magnification) if scene.model else (40.0, 40.0)
        u, v = scene.placement.centre_uv_mm
        edges = [
            side * min(side * middle + need + float(rng.uniform(6, 20)), half + 10)
            for middle, need, half in ((u, need_u, half_u), (v, need_v, half_v))
            for side in (-1, 1)
        ]
        sigma = float(rng.uniform(0.8, 1.6)) if scene.blur.sigmas_mm[0] > 0.3 else float(rng.uniform(1.5, 3))
        scene = replace(scene, beam=replace(scene.beam, field_uv_mm=(edges[0], edges[1], edges[2], edges[3]), edge_sigma_mm=sigma))
    return scene


def _ball_on_rod(rng: np.random.Generator) -> PlanarModel:
    radius = float(rng.uniform(2.5, 6))
    rod = Region("rod", "marker", "rectangle", 0.0, -100.0, float(rng.uniform(4, 10)), 200.0, 0.9)
    ball = Region("ball", "marker", "circle", 0.0, 0.0, 2 * radius, 2 * radius, float(rng.uniform(0.1, 0.6)))
    return PlanarModel("none", "a ball on a rod", "", (), "drawn", "MV", "circle", 1.0, 1.0, 1.0, (rod, ball))


def _picket(rng: np.random.Generator) -> PlanarModel:
    """Dark leaves with a few gaps a few millimetres wide."""
    width, pitch = float(rng.uniform(2, 6)), float(rng.uniform(15, 30))
    gaps = tuple(Region(f"gap {k}", "marker", "rectangle", k * pitch, 0.0, width, 150.0, 10.0) for k in range(-3, 4))
    return PlanarModel("none", "a picket of leaves", "", (), "drawn", "MV", "rectangle", 400.0, 400.0, 0.08, gaps)


def _pelvis(rng: np.random.Generator, scene: Scene) -> Array:
    """What a pelvis lets through: soft tissue as one ellipse, hip bones and femoral heads as ellipsoids, gas as their opposite."""
    row, column = np.ogrid[: scene.panel.rows, : scene.panel.columns]
    x, y = scene.to_phantom(row, column)
    scale = float(rng.uniform(0.85, 1.15))
    path = _ellipsoid(x, y + 20, (180 * scale, 260.0, 110.0), 0.0)
    for side in (-1, 1):
        wobble = rng.normal(0, 4, 4)
        path = path + 0.5 * _ellipsoid(x - side * (70 + wobble[0]) * scale, y - 35 - wobble[1], (42.0, 62.0, 18.0), side * 25)
        path = path + 0.6 * _ellipsoid(x - side * (88 + wobble[2]) * scale, y + 42 + wobble[3], (25.0, 25.0, 25.0), 0.0)
        path = path + 0.4 * _ellipsoid(x - side * (108 + wobble[2]) * scale, y + 95, (16.0, 55.0, 15.0), -side * 8)
    for _ in range(4):
        a, b = rng.uniform(-50, 50, 2)
        path = path - 0.7 * _ellipsoid(x - a, y - b, (float(rng.uniform(8, 20)), float(rng.uniform(8, 20)), 12.0), 0.0)
    per_mm = 0.017 if scene.blur.sigmas_mm[0] < 0.3 else 0.0045
    return np.asarray(np.exp(-per_mm * path))


def _ellipsoid(x: Array, y: Array, half_mm: tuple[float, float, float], turn_deg: float) -> Array:
    """Path through an ellipsoid along the beam, in mm."""
    c, s = np.cos(np.deg2rad(turn_deg)), np.sin(np.deg2rad(turn_deg))
    inside = 1 - ((c * x + s * y) / half_mm[0]) ** 2 - ((c * y - s * x) / half_mm[1]) ** 2
    return np.asarray(2 * half_mm[2] * np.sqrt(np.maximum(inside, 0)))
