"""A random phantom in a random pose, beam and dose, and an open field taken after it in which a ghost is left, with their truth."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from qa.procedure import Rehearsal

if TYPE_CHECKING:
    from phantoms.linac import Linac
    from phantoms.models import PlanarModel, Region
    from phantoms.panel import Panel
    from phantoms.planar import Placement
    from phantoms.planar_detector import Frame

MODELS = ("si_qc3", "si_qc3", "las_vegas", "leeds_tor18", "leeds_tor18")  # resolved bars and steep edges are not in Las Vegas
SID_MM = 1150.0  # a panel this near sees a phantom and open field beside it in few pixels
PLACES_MM = 0.2  # of every part of a specimen
SQUARE = 0.015  # a specimen whose sides are further from the maker's ratio is taken for tilted
ROOM_MM = 62.0  # of panel beyond the phantom's own length: open field on two sides


def draw(rng: np.random.Generator) -> Rehearsal:
    """Two images: a phantom, and the open field after it."""
    from qa import planar_quality_truth_rehearsal, rehearsal

    frame, later = frames(rng)
    acquisition = rehearsal.planar([frame, later], machine(frame))
    first, second = (image.sop_instance_uid for image in acquisition.images)
    truth = planar_quality_truth_rehearsal.of_image(frame, first)
    truth["planar_ghost", second] = 100 * later.detector.ghost_fraction
    return Rehearsal(acquisition, truth, partial(rehearsal.write_planar, [frame, later], int(rng.integers(2**31)), linac=machine(frame)))


def frames(rng: np.random.Generator) -> tuple[Frame, Frame]:
    """The two images as drawn."""
    from phantoms.models import PlanarModel, named
    from phantoms.planar import Placement, Scene
    from phantoms.planar import draw as drawn
    from phantoms.planar_detector import develop
    from phantoms.planar_light import Beam
    from phantoms.planar_random import random_blur, random_detector

    model = named(MODELS[int(rng.integers(len(MODELS)))], "planar")
    assert isinstance(model, PlanarModel)
    model = specimen(rng, model)
    pitch = (float(rng.uniform(0.54, 0.57)), float(rng.uniform(0.58, 0.61)))
    placement = Placement((0.0, 0.0), _angle(rng, model), bool(rng.random() < 0.2), float(rng.uniform(985, 1015)))
    panel, half = _panel(model, placement, pitch)
    side = 1.0 if rng.random() < 0.5 else -1.0
    shift = [side * float(rng.uniform(0.75, 0.95)) * h for h in half]
    detector = replace(random_detector(rng, model.radiation), dose=float(rng.uniform(0.6, 2.0)))
    scene = Scene(
        model,
        panel,
        replace(placement, centre_uv_mm=(shift[1], shift[0])),
        Beam(tilt_per_mm=(float(rng.normal(0, 5e-5)), float(rng.normal(0, 5e-5)))),
        blur=random_blur(rng, model.radiation),
        sid_mm=SID_MM,
    )
    ghost = replace(detector, ghost_fraction=float(rng.uniform(0.002, 0.01)))
    first, empty = drawn(scene), replace(scene, model=None)
    later = drawn(empty) + ghost.ghost_fraction * first
    return develop(scene, first, detector, rng), develop(empty, later, ghost, rng)


def specimen(rng: np.random.Generator, model: PlanarModel) -> PlanarModel:
    """One of those that are sold: its outline as far off nominal as the facts say it may be, its parts nearer together or apart.

    The parts' places are known to 0.2 mm each, which leaves this much of their common scale open.
    """
    width = height = 0.0
    while not abs(width * model.height_mm / (height or 1.0) / model.width_mm - 1) < SQUARE:
        sizes = zip((model.width_mm, model.height_mm), model.size_u_mm, strict=True)
        width, height = (size + 3**0.5 * float(rng.uniform(-u, u)) for size, u in sizes)  # within a maker's tolerance, of that deviation
        if model.shape == "circle":
            height = width
    parts = [region for region in model.regions if region.kind != "body"]
    arm = float(np.sqrt(np.mean([r.x_mm**2 + r.y_mm**2 + (r.width_mm**2 + r.height_mm**2) / 12 for r in parts]) / 2))
    wider, higher = (1 + float(rng.normal(0, PLACES_MM / len(parts) ** 0.5 / arm)) for _ in "xy")

    def moved(region: Region) -> Region:
        if region.width_mm == model.width_mm and region.height_mm == model.height_mm:
            return replace(region, width_mm=width, height_mm=height)  # a rim goes with the outline
        return replace(region, x_mm=region.x_mm * wider, y_mm=region.y_mm * higher)

    return replace(model, width_mm=width, height_mm=height, regions=tuple(moved(region) for region in model.regions))


def machine(frame: Frame) -> Linac:
    """The machine whose beam the phantom is for."""
    from phantoms.planar_exposure import KV_LINAC, MV_LINAC

    return KV_LINAC if frame.scene.model is not None and frame.scene.model.radiation == "kV" else MV_LINAC


def _angle(rng: np.random.Generator, model: PlanarModel) -> float:
    """Around a quarter or an eighth turn, never within a degree of the pixels' own directions: edges need that."""
    base = float(rng.integers(-3, 4)) * 45.0
    return base + float(rng.choice([-1.0, 1.0])) * float(rng.uniform(2.0, 8.0))


def _panel(model: PlanarModel, placement: Placement, pitch: tuple[float, float]) -> tuple[Panel, tuple[float, float]]:
    """A panel with room for the phantom and for open field, and how far (v, u) the phantom may be from its middle."""
    from phantoms.panel import Panel

    angle = np.radians(placement.angle_deg)
    cos, sin = (1.0, 0.0) if model.shape == "circle" else (abs(float(np.cos(angle))), abs(float(np.sin(angle))))
    across, down = model.width_mm * cos + model.height_mm * sin, model.width_mm * sin + model.height_mm * cos
    scale = SID_MM / placement.source_mm
    rows, columns = round((down * scale + ROOM_MM - 14) / pitch[0]), round((across * scale + ROOM_MM) / pitch[1])
    rows += rows == columns
    room = (rows * pitch[0] - down * scale) / 2 - 9, (columns * pitch[1] - across * scale) / 2 - 9
    return Panel("crop", rows, columns, pitch), room
