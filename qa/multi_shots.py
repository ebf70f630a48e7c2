"""Images of several targets: every separate field with its ball measured as a single Winston-Lutz image is, or why not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from qa import frames, shots
from qa.acquisition import Image
from qa.features.region import Unusable
from qa.features.targets import Window, windows
from qa.features.turns import COUNT
from qa.reading import AnalysisError, DicomError
from qa.shots import SCALE, Shot, Unseen

Array = NDArray[np.float64]
NEIGHBOUR_MM, NEIGHBOUR_AT_MM, NEIGHBOUR_FADES_MM = 0.03, 6.5, 3.6
"""By how much the tail of another field's penumbra moves a centre: 29, 20, 6.4 and 0.6 um were simulated at 6.5, 8, 12 and 20 mm, with the
penumbra of real images; with one of a single Gaussian nothing."""


@dataclass(frozen=True)
class Lost:
    """A field whose ball could not be measured: where it is, (u, v) mm from the panel's centre pixel, and why."""

    image: Image
    field_mm: Array
    reason: str


Sight = Shot | Lost | Unseen


def measure_all(images: Sequence[Image]) -> tuple[Sight, ...]:
    """Every field of every image, in order of the images; an image without any usable field is one ``Unseen``."""
    return tuple(sight for k, image in enumerate(images) for sight in measure(image, k))


def measure(image: Image, number: int) -> tuple[Sight, ...]:
    """Every field of one image; ``number`` chooses the first turn of the symmetry self-test, each field then takes the next."""
    try:
        pixels = image.pixels
        found = windows(pixels, frames.pixel_mm(image))
    except (AnalysisError, DicomError) as error:
        return (Unseen(image, str(error)),)
    return tuple(_one(image, item, (COUNT - 1 - number - k) % COUNT + 1) for k, item in enumerate(found))


def _one(image: Image, item: Window | Unusable, turn: int) -> Shot | Lost:
    """The window is measured as an image of its own, and the answer carried back to the panel's centre."""
    if isinstance(item, Unusable):
        return Lost(image, _on_plane(image, item.centre_mm), item.reason)
    part = replace(image, shape=item.pixels.shape, load=lambda: np.array(item.pixels))
    seen = shots.measure(part, turn)
    if isinstance(seen, Unseen):
        return Lost(image, _on_plane(image, item.region.centre_mm), seen.reason)
    rows, columns = item.pixels.shape
    moved = np.array(frames.to_plane(image, item.corner[0] + (rows - 1) / 2, item.corner[1] + (columns - 1) / 2))
    (du, dv), (left, right, bottom, top) = moved, seen.extent_mm
    beside = np.full(2, NEIGHBOUR_MM * np.exp(-(item.region.apart_mm - NEIGHBOUR_AT_MM) / NEIGHBOUR_FADES_MM))
    return replace(
        seen,
        image=image,
        ball_mm=seen.ball_mm + moved,
        field_mm=seen.field_mm + moved,
        ball_u_mm=_with_scale(seen.ball_u_mm, seen.ball_mm, moved),
        field_u_mm=np.hypot(_with_scale(seen.field_u_mm, seen.field_mm, moved), beside),
        components=seen.components | ({"field: neighbouring field": beside} if np.isfinite(item.region.apart_mm) else {}),
        extent_mm=(left + du, right + du, bottom + dv, top + dv),
    )


def _with_scale(u_mm: Array, from_window_mm: Array, moved_mm: Array) -> Array:
    """The uncertainty of a place on the panel: the scale acts on the distance from the panel's centre, not from the window's."""
    return np.asarray(np.sqrt(u_mm**2 - (SCALE * from_window_mm) ** 2 + (SCALE * (from_window_mm + moved_mm)) ** 2))


def _on_plane(image: Image, xy_mm: tuple[float, float]) -> Array:
    pitch = frames.pixel_mm(image)
    return np.array(frames.to_plane(image, xy_mm[1] / pitch[0], xy_mm[0] / pitch[1]))
