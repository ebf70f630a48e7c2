"""What a star says, as readings; the sections are those of docs/physics/starshot.md."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from qa import frames
from qa.acquisition import Image
from qa.ball_images import SILENT
from qa.reading import Measured, NotMeasured, Quantity, Reading
from qa.shots import RECEPTOR_MM, SCALE
from qa.starshot_star import Spoke, Star, Unseen

Array = NDArray[np.float64]
Quantities = Mapping[str, Quantity]
State = dict[str, float | str]
FILM_SCALE = 2e-3  # relative standard uncertainty of a flat-bed scanner's resolution; assumed, its maker's limits are seldom stated
PITCH_DEG = 0.003  # what a pixel pitch wrong by 1e-4 in one direction does to an angle of 45 degrees
NO_ORIGIN = "a scan of film has no origin of its own: the star's centre means something against a mark only; judge the circle"
NO_READOUT = "one picture of all spokes does not say at which angle each was exposed: hand in an image per spoke"
AXES = {"gantry": r"gantry|gant", "collimator": r"colli?(imator)?|coll", "couch": r"couch|table"}


def setting(images: Sequence[Image]) -> str:
    """What turned and with which beam: baselines are kept for each. A panel sees a star of the collimator only; film's name may say."""
    first = images[0]
    named = next((axis for axis, words in AXES.items() if _named(first.name, words)), "unnamed")
    turned = "collimator" if first.radiation == "MV" else named
    return f"{turned} star | {first.energy or first.radiation}"


def _named(name: str, words: str) -> bool:
    return re.search(rf"(?<![a-z])({words})(?![a-z])", name.rsplit("/", 1)[-1].lower()) is not None


def of_star(quantities: Quantities, star: Star, at: State, missing: str = "") -> list[Reading]:
    """Sections 3 to 6: the circle, both centres, and every spoke."""
    images = [spoke.image for spoke in star.spokes]
    state: State = at | {"setting": setting(images)}
    return [
        *_circle(quantities, star, state, missing),
        *_centres(quantities, star, state, missing),
        *_spokes(quantities, star, state, missing),
    ]


def of_nothing(quantities: Quantities, reason: str, at: State) -> list[Reading]:
    """Every quantity with the reason why there is none."""
    return [NotMeasured(quantity, reason, at) for quantity in quantities.values()]


def words(unseen: Sequence[Unseen], total: int) -> str:
    """Which images of a set were not measured, "" when all were."""
    if not unseen:
        return ""
    told = "; ".join(f"{one.image.name}: {one.reason}" for one in unseen)
    return f"{len(unseen)} of {total} images could not be measured: {told}"


def _shared(star: Star, u: float) -> dict[str, float]:
    """An uncertainty split into the spokes' components, by their mean squares."""
    names = star.spokes[0].parts_mm
    squares = {name: float(np.mean([spoke.parts_mm[name] ** 2 for spoke in star.spokes])) for name in names}
    return {name: u * float(np.sqrt(square / sum(squares.values()))) for name, square in squares.items()}


def _scale(image: Image) -> float:
    return FILM_SCALE if image.radiation == "film" else SCALE


def _circle(quantities: Quantities, star: Star, state: State, missing: str) -> list[Reading]:
    """Diameter of the smallest circle, the noise's share taken out."""
    size, scale = star.size, _scale(star.spokes[0].image) * star.size.diameter_mm
    u = float(np.hypot(size.u_mm, scale))
    parts = _shared(star, size.u_mm) | {"scale": scale, "certificate gap": star.meeting.gap_mm}
    flags = _spoilt(star)
    return [Measured(quantities["star_circle_diameter"], size.diameter_mm, u, state, parts, flags, size.interval_mm, missing)]


def _spoilt(star: Star) -> tuple[str, ...]:
    left_out = sum(spoke.line.left_out for spoke in star.spokes)
    return (f"{left_out} short stretches of spokes left out: dust, scratches or dead pixels",) if left_out else ()


def _centres(quantities: Quantities, star: Star, state: State, missing: str) -> list[Reading]:
    """The circle's centre and the least-squares point, from the imager's own origin."""
    image = star.spokes[0].image
    keys = ("star_centre", star.meeting.point_mm, star.covariance), ("star_ls", star.least_squares_mm, star.least_squares_covariance)
    if image.radiation == "film":
        return [NotMeasured(quantities[f"{key}_{axis}"], NO_ORIGIN, state) for key, _, _ in keys for axis in "uv"]
    flags = () if all(spoke.image.receptor_mm for spoke in star.spokes) else (SILENT,)
    readings: list[Reading] = []
    for key, point, covariance in keys:
        for k, axis in enumerate("uv"):
            value, noise = float(star.origin_mm[k] + point[k]), float(np.sqrt(covariance[k, k]))
            scale = SCALE * abs(value - float(frames.receptor_mm(image)[k]))
            parts = _shared(star, noise) | {"receptor position": RECEPTOR_MM, "scale": scale}
            u = float(np.sqrt(noise**2 + RECEPTOR_MM**2 + scale**2))
            readings.append(Measured(quantities[f"{key}_{axis}"], value, u, state, parts, flags, missing=missing))
    return readings


def _spokes(quantities: Quantities, star: Star, state: State, missing: str) -> list[Reading]:
    """Every spoke's angle, distance from the least-squares point, and width."""
    readings: list[Reading] = []
    turned = _turned(star.spokes)
    for k, spoke in enumerate(star.spokes):
        at = state | {"part": f"spoke {k + 1}"}
        if len(turned):
            at["collimator_deg"] = spoke.image.collimator_deg
        u = float(np.hypot(spoke.line.u_angle_deg, PITCH_DEG))
        parts = {"noise": spoke.line.u_angle_deg, "pixel pitch": PITCH_DEG}
        readings.append(Measured(quantities["star_angle"], spoke.angle_deg, u, at, parts, missing=missing))
        if len(turned):
            readings.append(Measured(quantities["star_angle_deviation"], float(turned[k]), u, at, parts, missing=missing))
        else:
            readings.append(NotMeasured(quantities["star_angle_deviation"], NO_READOUT, at))
        u = float(star.u_residual_mm[k])
        residual = float(star.residual_mm[k])
        readings.append(Measured(quantities["star_residual"], residual, u, at, _shared(star, u), missing=missing))
        width, scale = spoke.line.width_mm, _scale(spoke.image) * spoke.line.width_mm
        parts = {"noise": spoke.line.u_width_mm, "scale": scale, "surroundings": _around(spoke)}
        u = float(np.linalg.norm(list(parts.values())))
        readings.append(Measured(quantities["star_width"], width, u, at, parts, missing=missing))
    return readings


def _around(spoke: Spoke) -> float:
    """How well the height of a beam above its surroundings is known, as a width: 2 % of it (its tails), on an edge a third as wide."""
    return 0.02 * spoke.line.width_mm / 3


def _turned(spokes: Sequence[Spoke]) -> Array:
    """Each spoke's angle minus its collimator readout, from their mean; none for spokes of one picture."""
    if len({id(spoke.image) for spoke in spokes}) < len(spokes):
        return np.empty(0)
    apart = np.radians(2 * np.array([spoke.angle_deg - spoke.image.collimator_deg for spoke in spokes]))
    mean = np.angle(np.exp(1j * apart).mean())
    rest = np.degrees(np.angle(np.exp(1j * (apart - mean)))) / 2
    return np.asarray(rest - rest.mean())
