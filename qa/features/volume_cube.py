"""The centre of a cube phantom in a volume: half way between its opposite faces, in two ways
(how far the material reaches, and where the half level is crossed), and its central cavity where it has one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qa.features.place import Place, Triple
from qa.features.position import Array
from qa.features.volume_ball import volume_ball
from qa.features.volume_faces import DEEP_MM, Face, box, face
from qa.reading import AnalysisError

SMALLEST_MM, LARGEST_MM = 80.0, 220.0  # cube phantoms have edges of 100 to 200 mm
CUBIC = 0.04  # edges may differ by this share: a label or a foot; a box of other proportions is another phantom
AGREE_MM, AGREE_VOXEL = 0.10, 0.11  # a straight line between two voxels errs by up to 0.08 of one where a face is as sharp as they are
CAVITY_MM = 0.5  # faces against cavity: makers state 0.1 to 0.3 mm
AROUND_MM = 16.0  # of the centre is looked at for the cavity
LEVEL = 0.002  # of the contrast: how well the level just inside one face is known against that of the opposite one (cupping, rings)


def volume_cube(voxels: NDArray[np.float32], pitch_mm: Triple) -> Place:
    """The centre of a cube phantom, mm along the index axes (slice, row, column); ``radius_mm`` is half its mean edge.

    ``voxels`` float32 (slices, rows, columns) HU, ``pitch_mm`` (slice, row, column). The cube may be turned by 3 degrees. ``second`` is
    the central cavity's centre where there is one (flag "central cavity"), otherwise the centre by half-level crossings at the faces.
    AnalysisError when there is no cube, a face is cut off or hidden, or two ways disagree.
    """
    rough = box(voxels, pitch_mm, SMALLEST_MM, LARGEST_MM)
    faces = [[face(voxels, pitch_mm, rough, axis, side) for side in (-1, 1)] for axis in range(3)]
    edges = np.array([pair[1].position_mm - pair[0].position_mm for pair in faces])
    if np.ptp(edges) > CUBIC * edges.mean():
        raise AnalysisError("no cube in the volume: its edges are {:.0f}, {:.0f} and {:.0f} mm; check the phantom".format(*edges))
    middle_mm = (rough.low_mm + rough.high_mm) / 2
    centre = _centre(faces, [(pair[0].reach_mm + pair[1].reach_mm) / 2 for pair in faces], middle_mm)
    crossing = _centre(faces, [(pair[0].position_mm + pair[1].position_mm) / 2 for pair in faces], middle_mm)
    noise = np.array([np.hypot(pair[0].u_reach_mm, pair[1].u_reach_mm) / 2 for pair in faces])
    apart = np.abs(centre - crossing)
    own = np.maximum(np.maximum(AGREE_MM, AGREE_VOXEL * np.array(pitch_mm)), 4 * noise)
    if (apart > own).any():
        raise AnalysisError(
            f"two ways to find the cube's faces differ by {apart.max():.2f} mm: something touches a face; check the phantom and repeat"
        )
    edge = np.full(3, LEVEL * DEEP_MM / np.sqrt(2))
    cavity = _cavity(voxels, pitch_mm, centre)
    if cavity is not None and np.abs(np.subtract(cavity.index_mm, centre)).max() > CAVITY_MM:
        raise AnalysisError(
            f"the cube's faces and its central cavity differ by {np.abs(np.subtract(cavity.index_mm, centre)).max():.2f} mm: check the "
            "phantom, or what touches its faces, and repeat"
        )
    return Place(
        index_mm=_triple(centre),
        u_mm=_triple(np.hypot(noise, edge)),
        radius_mm=float(edges.mean() / 2),
        budget={"cube: image noise": _triple(noise), "cube: edge definition": _triple(edge)},
        second=cavity.index_mm if cavity is not None else _triple(crossing),
        shape="cube",
        flags=("central cavity",) if cavity is not None else (),
    )


def _centre(faces: list[list[Face]], halfway: list[float], middle_mm: Array) -> Array:
    """Where the three planes half way between opposite faces meet."""
    matrix, offset = np.eye(3), np.array(halfway)
    for axis, pair in enumerate(faces):
        slopes = (np.array(pair[0].slopes) + pair[1].slopes) / 2
        for slope, other in zip(slopes, [k for k in range(3) if k != axis], strict=True):
            matrix[axis, other] = -slope
            offset[axis] -= slope * middle_mm[other]
    return np.asarray(np.linalg.solve(matrix, offset))


def _cavity(voxels: NDArray[np.float32], pitch: Triple, centre: Array) -> Place | None:
    """The cavity in the middle, or None: not every cube has one."""
    first = [max(0, int((c - AROUND_MM) / p)) for c, p in zip(centre, pitch, strict=True)]
    last = [int((c + AROUND_MM) / p) + 2 for c, p in zip(centre, pitch, strict=True)]
    try:
        found = volume_ball(voxels[tuple(slice(a, b) for a, b in zip(first, last, strict=True))], pitch, sign=-1)
    except AnalysisError:
        return None
    place = _triple(np.array(found.index_mm) + np.array(first) * np.array(pitch))
    return Place(place, found.u_mm, found.radius_mm, found.budget, found.second, found.shape, found.flags)


def _triple(values: Array) -> Triple:
    return float(values[0]), float(values[1]), float(values[2])
