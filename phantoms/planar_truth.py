"""What a planar image shows, from the facts and the geometry alone: places, scale, levels, contrasts, modulations. Nothing is measured.

Places are (row, column) in pixels, integers at pixel centres. Levels are noise-free plateaus far from any edge, the open beam at 1.
"""

from dataclasses import asdict

import numpy as np
from numpy.typing import NDArray

from phantoms.models import Distance, PlanarModel, Region
from phantoms.planar import Scene
from phantoms.planar_blur import frequency_at, wave_deviation, wave_modulation
from phantoms.planar_detector import Frame, nps
from phantoms.planar_light import lighting
from phantoms.planar_parts import OUTLINE, level, outline, under
from phantoms.rays import Point, turn

Array = NDArray[np.float64]
PERCENTS = (50, 30, 10)


def place_px(scene: Scene, x_mm: float, y_mm: float) -> Point:
    """Where a point of the phantom is seen: flip, turn, enlarge, shift, then u along the columns and v against the rows."""
    where, panel = scene.placement, scene.panel
    u, v = scene.magnification * (turn(where.angle_deg) @ (-x_mm if where.mirrored else x_mm, y_mm))
    row = panel.centre_px[0] - (where.centre_uv_mm[1] + v) / panel.pitch_mm[0]
    return float(row), float(panel.centre_px[1] + (where.centre_uv_mm[0] + u) / panel.pitch_mm[1])


def centre_px(scene: Scene) -> Point:
    """Where the phantom's origin, the middle of its outline, is seen."""
    return place_px(scene, 0.0, 0.0)


def region(model: PlanarModel, name: str) -> Region:
    """A part by its name; "outline" is the plate itself. KeyError when there is none."""
    found = {part.name: part for part in (*model.regions, outline(model))}
    return found[name]


def plateau(model: PlanarModel, name: str) -> float:
    """Level of a part, over the open beam; of bars the dark ones'."""
    return level(model, region(model, name))


def michelson(a: float, b: float) -> float:
    """(a - b)/(a + b), signed: of two levels."""
    return (a - b) / (a + b)


def weber(a: float, b: float) -> float:
    """(a - b)/b, signed: of a level against the one it is seen on."""
    return (a - b) / b


def contrast(model: PlanarModel, name: str, against: str = "") -> dict[str, float]:
    """Both contrasts of a part against another one, by default against what lies round it."""
    part = region(model, name)
    other = plateau(model, against) if against else under(model, part)
    return {"michelson": michelson(level(model, part), other), "weber": weber(level(model, part), other)}


def bar_modulation(scene: Scene, part: Region) -> float:
    """Peak modulation of a group at the panel over the modulation of its plateaus, as of an endless group (Coltman's series)."""
    return wave_modulation(scene.blur, scene.panel, part.lp_per_mm / scene.magnification, wave_direction_deg(scene, part))


def bar_deviation(scene: Scene, part: Region) -> float:
    """Standard deviation over whole periods over half the difference of its plateaus: the series' sum of squares."""
    return wave_deviation(scene.blur, scene.panel, part.lp_per_mm / scene.magnification, wave_direction_deg(scene, part))


def wave_direction_deg(scene: Scene, part: Region) -> float:
    """Direction on the panel in which a group's pattern repeats, counter-clockwise from u."""
    own = 180 - part.turn_deg if scene.placement.mirrored else part.turn_deg
    return scene.placement.angle_deg + own


def mtf_frequencies(scene: Scene, direction_deg: float = 0.0) -> dict[int, float]:
    """Where the presampled MTF falls to 50, 30 and 10 %, in 1/mm at the panel; times the magnification: at the phantom."""
    return {percent: frequency_at(scene.blur, scene.panel, percent / 100, direction_deg) for percent in PERCENTS}


def length_px(scene: Scene, distance: Distance) -> float:
    """How long a known distance is in the image, in pixels of the given pitch: only for even pitches the same in all directions."""
    a, b = place_px(scene, *distance.from_mm), place_px(scene, *distance.to_mm)
    return float(np.hypot(a[0] - b[0], a[1] - b[1]))


def length_mm(distance: Distance) -> float:
    """How long it is at the phantom."""
    return float(np.hypot(distance.from_mm[0] - distance.to_mm[0], distance.from_mm[1] - distance.to_mm[1]))


def truth(frame: Frame) -> dict[str, object]:
    """All of it for a file beside the image: plain numbers, texts and tables."""
    scene, detector, model = frame.scene, frame.detector, frame.scene.model
    facts: dict[str, object] = {
        "placement": asdict(scene.placement),
        "magnification": scene.magnification,
        "scale_px_per_phantom_mm": [scene.magnification / pitch for pitch in scene.panel.pitch_mm],
        "beam": asdict(scene.beam),
        "strips": [asdict(strip) for strip in scene.strips],
        "blur": asdict(scene.blur),
        "mtf_per_mm_at_panel": {f"{axis}": mtf_frequencies(scene, turned) for axis, turned in (("u", 0.0), ("v", 90.0))},
        "detector": asdict(detector),
        "nps_at_zero_mm2": float(nps(detector, scene.panel, 0.0, 0.0)),
        "levels_per_open_beam": frame.levels,
    }
    if model:
        facts["model"], facts["centre_px"] = model.key, centre_px(scene)
        light = lighting(scene.panel, scene.beam, scene.strips)
        facts["regions"] = {part.name: _part(scene, model, part, light) for part in (outline(model), *model.regions)}
        facts["distances_mm"] = {distance.name: length_mm(distance) for distance in model.distances}
    return facts


def _part(scene: Scene, model: PlanarModel, part: Region, light: Array) -> dict[str, object]:
    row, column = place_px(scene, part.x_mm, part.y_mm)
    found: dict[str, object] = {"kind": part.kind, "centre_px": (row, column), "level": level(model, part)}
    shape = scene.panel.shape
    if 0 <= row < shape[0] and 0 <= column < shape[1]:
        found["lit"] = float(light[round(row) % shape[0], round(column) % shape[1]])
    if part.kind == "bars":
        found |= {"gap_level": level(model, part, gap=True)}
        found |= {"modulation": bar_modulation(scene, part), "deviation": bar_deviation(scene, part)}
    elif part.name != OUTLINE:
        found |= contrast(model, part.name)
    return found
