"""pylinac measures one multi-target acquisition: told where each ball roughly is, it finds ball and field by itself.

pylinac needs an arrangement of balls; it gets the places where we saw them, per image, within 10 mm of which it looks. Its shift and
rotations are not asked for: they hold the told arrangement against positions from parallel rays, and the panel's place is in them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qa import frames, multi_shots
from qa.acquisition import Acquisition, Image
from qa.engines import Number, Say, Theirs
from qa.pylinac_engine import BALL_U_MM, FIELD_PART, gave_up, silence
from qa.reading import QaError
from qa.shots import Shot

Array = NDArray[np.float64]
NEAR_MM = 10.0  # pylinac's own default: how far a ball or field may be from where it is said to be


def measure(acquisition: Acquisition, files: Mapping[str, Path], say: Say) -> Theirs:
    """Every image by itself, then the largest and the median distance; ``files`` maps SOP Instance UIDs to paths.

    QaError when no image shows a target that we can measure: pylinac must be told where to look.
    """
    sights = [[s for s in multi_shots.measure(i, k) if isinstance(s, Shot)] for k, i in enumerate(acquisition.images)]
    if not any(sights):
        raise QaError(f"{acquisition.title}: pylinac must be told where the balls are, and no image shows one that can be measured")
    say("loading pylinac")
    found: list[Array | str] = []
    with silence():
        for number, (image, seen) in enumerate(zip(acquisition.images, sights, strict=True), 1):
            found.append(offsets(image, files[image.sop_instance_uid], seen))
            say(f"pylinac: {number} of {len(acquisition.images)} images")
    told = f"pylinac {version('pylinac')} was told, for each image, where the balls are seen, their diameter and the size of the fields"
    images = tuple(item if isinstance(item, str) else _numbers(image, item) for image, item in zip(acquisition.images, found, strict=True))
    return Theirs(told, images, _whole(acquisition.images, found), "pylinac", version("pylinac"))


def offsets(image: Image, file: Path, seen: Sequence[Shot]) -> Array | str:
    """(targets, 2): ball minus field centre along u and v of the targets that were seen, or why pylinac has none."""
    from pylinac.winston_lutz import BBConfig, WinstonLutzMultiTargetMultiFieldImage

    row, column = frames.pixel_mm(image)
    if abs(row - column) > 1e-3 * column:
        return "the pixels are not square, which pylinac does not look at: its distances would be wrong"
    if not seen:
        return "we found no target, so pylinac could not be told where to look"
    along = np.array([image.column_u, image.row_v])
    arrangement = []
    for number, shot in enumerate(seen):
        across, down = along * shot.ball_mm  # as seen from above at gantry 0, where its left is -column and its in is -row
        size, field = 2 * shot.radius_mm * 1.155, float(np.sqrt(shot.field_size_mm[0] * shot.field_size_mm[1]))
        arrangement.append(
            BBConfig(name=str(number), offset_left_mm=-across, offset_up_mm=0, offset_in_mm=-down, bb_size_mm=size, rad_size_mm=field)
        )
    try:
        theirs: Any = WinstonLutzMultiTargetMultiFieldImage(file, gantry=0, coll=0, couch=0)
        theirs.analyze(bb_arrangement=tuple(arrangement), bb_proximity_mm=NEAR_MM)
        pairs = [theirs.arrangement_matches[str(number)] for number in range(len(seen))]
        return np.array([along * (p.bb.x - p.field.x, p.bb.y - p.field.y) / p.dpmm for p in pairs])
    except Exception as error:  # pylinac raises whatever its libraries do
        return gave_up(error)


def _numbers(image: Image, found: Array) -> tuple[Number, ...]:
    """Under our keys where the image shows one target; of several, each is shown and held against nothing, having no key of its own."""
    u, what = _u(image), "ball minus field centre"
    if len(found) == 1:
        return tuple(Number(f"target_offset_{axis}", float(found[0, k]), what, float(u[k])) for k, axis in enumerate("uv"))
    return tuple(
        Number("", float(offset[k]), f"target {number} of {len(found)}, {what} along {axis}")
        for number, offset in enumerate(found, 1)
        for k, axis in enumerate("uv")
    )


def _u(image: Image) -> Array:
    """Standard uncertainty of its ball minus field: a field centre from a mask of whole pixels, a ball from a weighted centroid."""
    row, column = frames.pixel_mm(image)
    return np.asarray(np.hypot(BALL_U_MM, FIELD_PART * np.array([column, row])))


def _whole(images: Sequence[Image], found: Sequence[Array | str]) -> tuple[Number, ...] | str:
    measured = [item for item in found if not isinstance(item, str)]
    if not measured:
        return "pylinac could measure no image"
    lengths = np.concatenate([np.hypot(*item.T) for item in measured])
    u = float(max(_u(image).max() for image in images))
    return (
        Number("max_target_offset", float(lengths.max()), "largest distance, noise included", u),
        Number("median_target_offset", float(np.median(lengths)), "median distance, noise included", u),
    )
