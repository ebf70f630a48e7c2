"""The ball in one image, in the imager's own coordinates: whatever the radiation, in a collimated field or an open one."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qa import frames, shots
from qa.acquisition import Image
from qa.features import ball_size
from qa.features.place import Place
from qa.features.position import Position
from qa.features.region import locate
from qa.features.turns import COUNT
from qa.reading import AnalysisError, DicomError
from qa.shots import RECEPTOR_MM, SCALE, Shot, Unseen, on_plane, picture_around

Array = NDArray[np.float64]
SILENT = "the file does not say where the receptor stood; its centre is taken as the origin"
CUBE = "no ball: the position is that of a cube phantom's centre"
SAME_BALL_MM = 1.0  # blur makes one ball up to 0.6 mm wider in one system than in another; phantoms' balls differ by more
PICTURE_MM = 7.0  # half the side of the picture that is kept of an open field: ball, stem and some surroundings


@dataclass(frozen=True)
class BallImage:
    """Where one image shows the ball, on the isocentre plane.

    ``ball_mm`` (u, v) is from the origin of the imager's own coordinates (receptor translation included), ``components`` names the parts of
    its standard uncertainty (u, v). ``radius_mm`` is the shadow's at half depth, ``diameter_mm`` the ball's own (``shape`` "cube": its
    edge). ``origin_mm`` is the panel's centre pixel in those coordinates; ``picture`` and ``extent_mm`` (left, right, bottom, top, from the
    centre pixel) show the surroundings. ``shot`` is the Winston-Lutz measurement where the ball was found in a collimated field.
    """

    image: Image
    ball_mm: Array
    components: dict[str, Array]
    radius_mm: float
    diameter_mm: float
    apart_mm: float
    shape: str
    flags: tuple[str, ...]
    origin_mm: Array
    picture: NDArray[np.uint8]
    extent_mm: tuple[float, float, float, float]
    shot: Shot | None = None

    @property
    def u_mm(self) -> Array:
        """Standard uncertainty of ``ball_mm``."""
        return np.asarray(np.sqrt(sum((part**2 for part in self.components.values()), np.zeros(2))))


def of_shot(shot: Shot) -> BallImage:
    """The ball of a measured Winston-Lutz image."""
    origin = frames.receptor_mm(shot.image)
    scale = SCALE * np.abs(shot.ball_mm)
    components = {
        "ball in the image": np.sqrt(np.maximum(shot.ball_u_mm**2 - scale**2, 0.0)),
        "receptor position": np.full(2, RECEPTOR_MM),
        "scale SAD/SID": SCALE * np.abs(shot.ball_mm + origin),
    }
    return BallImage(
        image=shot.image,
        ball_mm=shot.ball_mm + origin,
        components=components,
        radius_mm=shot.radius_mm,
        diameter_mm=shot.diameter_mm,
        apart_mm=shot.apart_mm[0],
        shape="ball",
        flags=(*shot.flags, *_silent(shot.image)),
        origin_mm=origin,
        picture=shot.picture,
        extent_mm=shot.extent_mm,
        shot=shot,
    )


def in_open_field(image: Image, turn: int, diameter_mm: float | None = None) -> BallImage | Unseen:
    """The ball in an open field, with the symmetry self-test of that number, or why there is none.

    ``diameter_mm`` decides where there are several balls. Where there is no ball a cube phantom's centre serves.
    """
    try:
        pixels = image.pixels
        found = _found(pixels, frames.pixel_mm(image), turn, diameter_mm)
    except (AnalysisError, DicomError) as error:
        return Unseen(image, str(error))
    origin, place = frames.receptor_mm(image), on_plane(image, found)
    picture, extent = picture_around(image, pixels, found, PICTURE_MM)
    parts = {name: np.array(part) for name, part in found.budget.items()}
    return BallImage(
        image=image,
        ball_mm=place + origin,
        components=parts | {"receptor position": np.full(2, RECEPTOR_MM), "scale SAD/SID": SCALE * np.abs(place + origin)},
        radius_mm=found.size_mm[0] / 2 if found.shape == "cube" else found.size_mm[0],
        diameter_mm=found.size_mm[0] if found.shape == "cube" else ball_size.diameter_mm(found),
        apart_mm=float(np.hypot(found.second.xy_mm[0] - found.x_mm, found.second.xy_mm[1] - found.y_mm)),
        shape=found.shape,
        flags=(*found.flags, *((CUBE,) if found.shape == "cube" else ()), *_silent(image)),
        origin_mm=origin,
        picture=picture,
        extent_mm=extent,
    )


def _found(pixels: NDArray[np.float32], pitch_mm: tuple[float, float], turn: int, diameter_mm: float | None) -> Position:
    """The only ball, else the ball of that diameter, else a cube; AnalysisError says why there is no ball."""
    from qa.features.open_ball import open_ball

    try:
        return open_ball(pixels, pitch_mm, turn)
    except AnalysisError as first:
        if diameter_mm is not None:
            with contextlib.suppress(AnalysisError):
                return open_ball(pixels, pitch_mm, turn, diameter_mm / 2)
        from qa.features.planar_cube import planar_cube

        with contextlib.suppress(AnalysisError):
            return planar_cube(pixels, pitch_mm)
        raise AnalysisError(str(first)) from first


def in_megavolt(images: Sequence[Image], wanted: Callable[[Image], bool] = lambda image: True) -> list[BallImage | Unseen]:
    """The ball in MV images of one couch place, those that are wanted: in its collimated field, else in an open one."""
    found: list[BallImage | Unseen] = []
    for k, item in enumerate(shots.measure_all(images, wanted)):
        if isinstance(item, Shot):
            found.append(of_shot(item))
        elif collimated(item.image):
            found.append(item)
        else:
            planar = in_open_field(item.image, k % COUNT + 1)
            found.append(planar if isinstance(planar, BallImage) else item)
    return found


def of_one_object(found: Sequence[BallImage]) -> tuple[tuple[BallImage, ...], tuple[tuple[Image, str], ...]]:
    """The images that show what most show, and the others with the reason: one set is of one ball."""
    odd = odd_ones([seen.diameter_mm for seen in found])
    return tuple(seen for k, seen in enumerate(found) if k not in odd), tuple((found[k].image, why) for k, why in odd.items())


def odd_ones(diameters_mm: Sequence[float]) -> dict[int, str]:
    """Which of one set are of another object than most, by place, with the reason."""
    if not diameters_mm or max(diameters_mm) - min(diameters_mm) <= SAME_BALL_MM:
        return {}
    middle = float(np.median(diameters_mm))
    return {
        k: f"shows something {width:.1f} mm wide, the others of its set {middle:.1f} mm: one phantom for all images"
        for k, width in enumerate(diameters_mm)
        if abs(width - middle) > SAME_BALL_MM / 2
    }


def in_volume(voxels: NDArray[np.float32], pitch_mm: tuple[float, float, float], diameter_mm: float | None) -> Place:
    """The only ball, else the ball of that diameter, else a cube; AnalysisError says why there is no ball."""
    from qa.features.volume_ball import volume_ball
    from qa.features.volume_cube import volume_cube

    try:
        return volume_ball(voxels, pitch_mm)
    except AnalysisError as first:
        if diameter_mm is not None:
            with contextlib.suppress(AnalysisError):
                return volume_ball(voxels, pitch_mm, diameter_mm / 2)
        with contextlib.suppress(AnalysisError):
            return volume_cube(voxels, pitch_mm)
        raise AnalysisError(str(first)) from first


def collimated(image: Image) -> bool:
    """Whether the image shows one collimated field, as a Winston-Lutz image does; False when it cannot be decoded."""
    try:
        locate(image.pixels, frames.pixel_mm(image))
    except (AnalysisError, DicomError):
        return False
    return True


def _silent(image: Image) -> tuple[str, ...]:
    return () if image.receptor_mm else (SILENT,)
