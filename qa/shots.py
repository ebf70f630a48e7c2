"""Winston-Lutz images measured one by one: ball, field and panel on the isocentre plane, or why not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from qa import frames
from qa.acquisition import Image
from qa.features import ball_size
from qa.features.position import Position
from qa.features.turns import COUNT
from qa.reading import AnalysisError, DicomError

Array = NDArray[np.float64]
SCALE = 5e-4  # standard uncertainty of SAD/SID, relative: SID readouts repeat within 0.1 mm and are accurate to about 1 mm in 1500
ASIDE_MM = 10.0  # panels sag by millimetres; a field this far from where the others are is meant for another target
RECEPTOR_MM = 0.02  # repeat standard deviation of an imager's position, the least of 0.02 to 0.06 mm (Clivio et al. 2015, abstract)
PICTURE_MM = 4.0  # of the panel around the field that is kept to be shown
PICTURE_PX = 200  # largest side of the kept picture


@dataclass(frozen=True)
class Shot:
    """One measured image; every vector is (u, v) mm on the isocentre plane, every u a standard uncertainty.

    ``ball_mm`` and ``field_mm`` are from the panel's centre pixel. ``components`` names the parts of the uncertainty of ball minus field.
    ``turned_mm`` is the symmetry self-test, ``apart_mm`` how far the second algorithms are (ball, field). ``picture`` and ``extent_mm``
    (left, right, bottom, top) show the surroundings.
    """

    image: Image
    ball_mm: Array
    ball_u_mm: Array
    field_mm: Array
    field_u_mm: Array
    components: dict[str, Array]
    radius_mm: float
    diameter_mm: float
    field_size_mm: tuple[float, float, float]
    field_shape: str
    turned_mm: float
    apart_mm: tuple[float, float]
    flags: tuple[str, ...]
    picture: NDArray[np.uint8]
    extent_mm: tuple[float, float, float, float]

    @property
    def offset_mm(self) -> Array:
        """Ball minus field centre."""
        return self.ball_mm - self.field_mm

    @property
    def offset_u_mm(self) -> Array:
        """Standard uncertainty of ball minus field centre."""
        return np.asarray(np.sqrt(sum((part**2 for part in self.components.values()), np.zeros(2))))


@dataclass(frozen=True)
class Unseen:
    """An image that could not be measured, and why."""

    image: Image
    reason: str


def measure_all(images: Sequence[Image], wanted: Callable[[Image], bool] = lambda image: True) -> tuple[Shot | Unseen, ...]:
    """Every wanted image measured, in order; one that cannot be says why and the others go on. ``images`` are the whole set.

    One after the other: threads were measured to slow thousands of small array operations down, and a second process to gain nothing.
    """
    turns = [(COUNT - 1 - k) % COUNT + 1 for k in range(len(images))]  # over a set every flip and rotation is used
    return _of_one_target([measure(image, turn) for image, turn in zip(images, turns, strict=True) if wanted(image)])


def _of_one_target(found: Sequence[Shot | Unseen]) -> tuple[Shot | Unseen, ...]:
    """The same, without images whose field is not where the fields of most are: they show another target."""
    places = {k: shot.field_mm + frames.receptor_mm(shot.image) for k, shot in enumerate(found) if isinstance(shot, Shot)}
    middle = np.median(list(places.values()), axis=0) if places else np.zeros(2)
    aside = {k: float(np.hypot(*(place - middle))) for k, place in places.items()}
    return tuple(
        Unseen(item.image, f"the field is {aside[k]:.0f} mm from where the others are: hand in images of several targets alone")
        if aside.get(k, 0.0) > ASIDE_MM
        else item
        for k, item in enumerate(found)
    )


class _Itself:
    """An image that equals nothing but itself."""

    def __init__(self, image: Image) -> None:
        self.image = image

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Itself) and self.image is other.image

    def __hash__(self) -> int:
        return id(self.image)


def measure(image: Image, turn: int) -> Shot | Unseen:
    """One image measured, with the symmetry self-test of that number; the same image is not measured twice for two tests of one day."""
    return _measured(_Itself(image), turn)


@lru_cache(maxsize=256)  # pixels are not kept, so a few MB
def _measured(itself: _Itself, turn: int) -> Shot | Unseen:
    from qa.features.ball_in_field import ball_in_field

    image = itself.image
    try:
        pixels = image.pixels
        seen = ball_in_field(pixels, frames.pixel_mm(image), turn)
    except (AnalysisError, DicomError) as error:
        return Unseen(image, str(error))
    ball, field = on_plane(image, seen.ball), on_plane(image, seen.field)
    components = {name: np.array(part) for position in (seen.ball, seen.field) for name, part in position.budget.items()}
    components["scale SAD/SID"] = SCALE * np.abs(ball - field)
    components["turned picture"] = np.full(2, seen.turned_mm / np.sqrt(12))
    picture, extent = picture_around(image, pixels, seen.field, max(seen.region.half_mm))
    apart = tuple(float(np.hypot(p.second.xy_mm[0] - p.x_mm, p.second.xy_mm[1] - p.y_mm)) for p in (seen.ball, seen.field))
    return Shot(
        image=image,
        ball_mm=ball,
        ball_u_mm=np.hypot(np.array(seen.ball.u_mm), SCALE * np.abs(ball)),
        field_mm=field,
        field_u_mm=np.hypot(np.array(seen.field.u_mm), SCALE * np.abs(field)),
        components=components,
        radius_mm=seen.ball.size_mm[0],
        diameter_mm=ball_size.diameter_mm(seen.ball),
        field_size_mm=(seen.field.size_mm[0], seen.field.size_mm[1], seen.field.size_mm[2]),
        field_shape=seen.field.shape,
        turned_mm=seen.turned_mm,
        apart_mm=(apart[0], apart[1]),
        flags=seen.ball.flags,
        picture=picture,
        extent_mm=extent,
    )


def on_plane(image: Image, position: Position) -> Array:
    """(u, v) mm on the isocentre plane, from the panel's centre pixel, of a position in the pixel frame."""
    pitch_row, pitch_column = frames.pixel_mm(image)
    return np.array(frames.to_plane(image, position.y_mm / pitch_row, position.x_mm / pitch_column))


def picture_around(
    image: Image, pixels: NDArray[np.float32], centre: Position, half_mm: float
) -> tuple[NDArray[np.uint8], tuple[float, float, float, float]]:
    """The surroundings of a place in 256 greys, u to the right and v up, and their outer edges (left, right, bottom, top) in mm."""
    pitch = frames.pixel_mm(image)
    reach = 1.15 * half_mm + PICTURE_MM
    rows, columns = image.shape
    r0, r1 = max(0, int((centre.y_mm - reach) / pitch[0])), min(rows, int((centre.y_mm + reach) / pitch[0]) + 1)
    c0, c1 = max(0, int((centre.x_mm - reach) / pitch[1])), min(columns, int((centre.x_mm + reach) / pitch[1]) + 1)
    every = max(1, -(-max(r1 - r0, c1 - c0) // PICTURE_PX))
    r1, c1 = r0 + (r1 - r0) // every * every, c0 + (c1 - c0) // every * every
    crop = pixels[r0:r1, c0:c1].reshape((r1 - r0) // every, every, (c1 - c0) // every, every).mean(axis=(1, 3))
    low, high = float(crop.min()), float(crop.max())
    grey = np.rint((crop - low) * (255.0 / max(high - low, 1e-30))).astype(np.uint8)
    grey = grey if image.row_v < 0 else grey[::-1]
    grey = grey if image.column_u > 0 else grey[:, ::-1]
    (ua, va), (ub, vb) = frames.to_plane(image, r0 - 0.5, c0 - 0.5), frames.to_plane(image, r1 - 0.5, c1 - 0.5)
    return np.ascontiguousarray(grey), (min(ua, ub), max(ua, ub), min(va, vb), max(va, vb))
