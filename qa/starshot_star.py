"""A star measured: every spoke's axis, and where they meet. Positions are (u, v) mm on the isocentre plane, in the imager's coordinates.

The sections are those of docs/physics/starshot.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qa import frames, isocentre
from qa.acquisition import Image
from qa.angles import same
from qa.features.star_line import Line, line
from qa.features.star_look import Look, look
from qa.features.star_profiles import Smooth, smooth
from qa.isocentre import Meeting, Size
from qa.reading import AnalysisError, DicomError

Array = NDArray[np.float64]
FEWEST, WIDEST_DEG = 3, 80.0  # axes, and the widest gap: a point is then known in its worst direction within 1.6 times a spoke's u
DISTINCT_DEG = 5.0  # nearer to each other two axes count as one
PASSES = 3  # profiles laid d off a beam's middle find it 0.09 d off: after these less than a micrometre is left
WIDTHS = 0.15, 0.2  # part of the usual width, and mm: spokes are exposed through one aperture
SEAM_DEG = -5.0  # angles run from here over half a turn: no angle in use lies on the seam


@dataclass(frozen=True)
class Spoke:
    """One beam's axis: ``angle_deg`` from +u towards +v in [-5, 175); it passes ``offset_mm`` from the star's origin along ``normal``.

    ``parts_mm`` are the components of the offset's standard uncertainty, ``u_mm`` their root sum of squares.
    """

    image: Image
    line: Line
    angle_deg: float
    normal: Array
    offset_mm: float

    @property
    def parts_mm(self) -> dict[str, float]:
        """Components of the offset's standard uncertainty."""
        return self.line.parts_mm

    @property
    def u_mm(self) -> float:
        """Standard uncertainty of the offset."""
        return self.line.u_offset_mm


@dataclass(frozen=True)
class Star:
    """Spokes in order of angle, and where they meet. ``origin_mm`` (u, v) is what offsets and points of ``meeting`` are relative to.

    ``least_squares_mm`` and both covariances (2, 2) mm^2 belong to points relative to the origin, too. ``residual_mm`` (n,) are the
    spokes' signed distances from the least-squares point, ``u_residual_mm`` (n,) their standard uncertainties.
    """

    spokes: tuple[Spoke, ...]
    origin_mm: Array
    meeting: Meeting
    size: Size
    covariance: Array
    least_squares_mm: Array
    least_squares_covariance: Array
    residual_mm: Array
    u_residual_mm: Array


@dataclass(frozen=True)
class Unseen:
    """An image that shows no spoke that can be measured, and why."""

    image: Image
    reason: str


def of_one_image(image: Image) -> Star:
    """The star that one image shows whole. AnalysisError when it does not, DicomError when the image cannot be decoded."""
    pixels = image.pixels
    pitch = frames.pixel_mm(image)
    seen = look(pixels, pitch)
    _enough(seen.axes_deg)
    picture, centre = smooth(pixels, pitch), seen.centre_mm
    axes, width, offsets = seen.axes_deg, seen.width_mm, np.zeros(len(seen.axes_deg))
    for _ in range(PASSES):
        gaps = _gaps(axes)
        found = [line(picture, centre, *each, width_mm=width) for each in zip(axes, gaps, offsets, strict=True)]
        moved = centre + _meeting_point(found)
        offsets = np.array([one.offset_mm + one.normal @ (centre - moved) for one in found])
        axes, width, centre = np.array([_turn(one) for one in found]), float(np.median([one.width_mm for one in found])), moved
    return _star([_spoke(image, one) for one in found])


def of_many(images: Sequence[Image]) -> tuple[Star, tuple[Unseen, ...]]:
    """The star of spokes exposed in an image each, measured each in its own. AnalysisError when too few of them show a spoke."""
    pictures: list[tuple[Image, Smooth, Look]] = []
    unseen: list[Unseen] = []
    for image in images:
        try:
            pixels, pitch = image.pixels, frames.pixel_mm(image)
            seen = look(pixels, pitch)
            if len(seen.axes_deg) != 1:
                raise AnalysisError(f"shows {len(seen.axes_deg)} beams where the others show one: hand it in alone")
            pictures.append((image, smooth(pixels, pitch), seen))
        except (AnalysisError, DicomError) as error:
            unseen.append(Unseen(image, str(error)))
    spokes, failed = _each(pictures)
    unseen += failed
    if why := "; ".join(f"{one.image.name}: {one.reason}" for one in unseen[:3]):
        why = f" ({why})"
    try:
        _enough(np.array([spoke.angle_deg for spoke in spokes]))
    except AnalysisError as error:
        raise AnalysisError(f"{error}{why}") from error
    return _star(spokes), tuple(unseen)


def _each(pictures: Sequence[tuple[Image, Smooth, Look]]) -> tuple[list[Spoke], list[Unseen]]:
    spokes, failed = [], []
    for image, picture, seen in pictures:
        try:
            found = line(picture, seen.centre_mm, float(seen.axes_deg[0]), 360.0, width_mm=seen.width_mm)
            for _ in range(PASSES - 1):
                found = line(picture, seen.centre_mm, _turn(found), 360.0, found.offset_mm, width_mm=found.width_mm)
            spokes.append(_spoke(image, found))
        except AnalysisError as error:
            failed.append(Unseen(image, str(error)))
    return spokes, failed


def _turn(found: Line) -> float:
    """The line's direction, degrees; not folded into half a turn, because its offset is to the left of it."""
    return float(np.degrees(np.arctan2(found.direction[1], found.direction[0])))


def _gaps(axes_deg: Array) -> Array:
    """Degrees from each axis (sorted, mod 180) to the nearer of its neighbours."""
    ahead = np.diff(np.append(axes_deg, axes_deg[0] + 180.0))
    return np.minimum(ahead, np.roll(ahead, 1))


def _enough(axes_deg: Array) -> None:
    """AnalysisError unless the axes are enough and spread well enough for a circle to be known."""
    axes = np.sort(axes_deg % 180.0)
    kept = [a for k, a in enumerate(axes) if k == 0 or a - axes[k - 1] > DISTINCT_DEG]
    if len(kept) > 1 and axes[0] + 180.0 - axes[-1] <= DISTINCT_DEG:
        kept = kept[1:]
    gap = float(np.diff(np.append(kept, kept[0] + 180.0)).max()) if kept else 180.0
    if len(kept) < FEWEST or gap > WIDEST_DEG:
        raise AnalysisError(
            f"a star needs at least {FEWEST} beams in different directions, no gap wider than {WIDEST_DEG:.0f} degrees; "
            f"measured: {', '.join(f'{a:.0f}' for a in kept) or 'none'}; expose more"
        )


def _meeting_point(found: Sequence[Line]) -> Array:
    """The least-squares point, from the lines' common centre, in the picture's millimetres."""
    return np.asarray(np.linalg.lstsq(np.array([one.normal for one in found]), np.array([one.offset_mm for one in found]), rcond=None)[0])


def _spoke(image: Image, found: Line) -> Spoke:
    """The line on the isocentre plane, its offset from the imager's own origin."""
    foot = found.centre_mm + found.offset_mm * found.normal
    pitch = frames.pixel_mm(image)
    place = np.array(frames.to_plane(image, foot[1] / pitch[0], foot[0] / pitch[1])) + frames.receptor_mm(image)
    u, v = image.column_u * found.direction[0], image.row_v * found.direction[1]
    angle = (float(np.degrees(np.arctan2(v, u))) - SEAM_DEG) % 180.0 + SEAM_DEG
    normal = np.array([-np.sin(np.radians(angle)), np.cos(np.radians(angle))])
    return Spoke(image, found, angle, normal, float(normal @ place))


def _star(spokes: Sequence[Spoke]) -> Star:
    """Where the axes meet (sections 4 and 5). AnalysisError when the spokes cannot be of one aperture."""
    widths = np.array([s.line.width_mm for s in spokes])
    if np.abs(widths - np.median(widths)).max() > WIDTHS[0] * np.median(widths) + WIDTHS[1]:
        raise AnalysisError(f"spokes from {widths.min():.1f} to {widths.max():.1f} mm wide are not of one aperture: look at the picture")
    ordered = tuple(sorted(spokes, key=lambda s: (s.angle_deg, s.image.name)))
    normals, offsets = np.array([s.normal for s in ordered]), np.array([s.offset_mm for s in ordered])
    origin = np.linalg.lstsq(normals, offsets, rcond=None)[0]
    offsets = offsets - normals @ origin
    u = np.array([s.u_mm for s in ordered])
    matrix = np.stack([normals, np.zeros_like(normals)], axis=1)  # a line holds a point in one direction only
    both, shaken = np.stack([offsets, np.zeros_like(offsets)], -1), np.stack([u, np.zeros_like(u)], -1)
    meeting = isocentre.smallest_sphere(matrix, both)
    inverse = np.linalg.pinv(normals)
    left = np.eye(len(normals)) - normals @ inverse
    return Star(
        spokes=ordered,
        origin_mm=np.asarray(origin),
        meeting=meeting,
        size=isocentre.size(matrix, both, shaken, meeting),
        covariance=isocentre.centre_covariance(matrix, both, shaken) + np.eye(2) * meeting.gap_mm**2,
        least_squares_mm=inverse @ offsets,
        least_squares_covariance=(inverse * u**2) @ inverse.T,
        residual_mm=left @ offsets,
        u_residual_mm=np.sqrt(((left * u) ** 2).sum(axis=1)),
    )


def turned_by(images: Sequence[Image]) -> str:
    """Nothing ("") when only the collimator turned between these images, else what is wrong, in words."""
    first = images[0]
    still = all(same(i.gantry_deg, first.gantry_deg) and same(i.couch_deg, first.couch_deg) for i in images)
    return "" if still else "between these images gantry or couch were turned: a panel shows a star of the turning collimator only"
