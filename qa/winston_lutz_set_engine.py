"""pylinac's numbers of a whole Winston-Lutz set, each with the uncertainty that its own algorithm is worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from qa import angles, frames, isocentre
from qa import winston_lutz_engine_u as spread
from qa.engines import Number
from qa.pylinac_engine import gave_up
from qa.winston_lutz_engine import Seen, Told

Array = NDArray[np.float64]


def measure(images: Sequence[Seen], files: Mapping[str, Path], told: Told) -> tuple[Number, ...] | str:
    """pylinac's numbers of images that it can measure one by one, or why there are none.

    Its own frame is IEC F: x right facing the gantry, y towards it, z up; its shift is the move of the ball, like ours.
    """
    from pylinac import WinstonLutz

    if len(images) < 2:
        return f"pylinac needs two images that it can measure, and has {len(images)}"
    if any((item.image.column_u, item.image.row_v) != (1, -1) for item in images):
        return "the panel's rows or columns run the other way, which pylinac does not look at: its vectors would be mirrored"
    stood = {str(files[i.image.sop_instance_uid]): (i.image.gantry_deg, i.image.collimator_deg, i.image.couch_deg) for i in images}
    try:
        seen = WinstonLutz("", axis_mapping=stood)
        seen.analyze(**told.arguments)
        found = seen.results_data()
        shift = _shift(images, told)
    except Exception as error:
        return gave_up(error)
    offsets, u = np.array([item.ball_field for item in images]), np.array([item.ball_field_u for item in images])
    origins, origin_u = np.array([item.field_origin for item in images]), np.array([item.field_u for item in images])
    largest = float(np.hypot(*origins.T).max())
    printed = f"its max_2d_cax_to_epid_mm, {found.max_2d_cax_to_epid_mm:.3f}, is in truth from the ball"
    alone = "couch_2d_iso_diameter: holds the ball's set-up error, no isocentre size"
    couch = [Number("", found.couch_2d_iso_diameter_mm, alone)] if found.num_couch_images > 1 else []
    return (
        Number("max_ball_offset", found.max_2d_cax_to_bb_mm, "largest distance, noise included", spread.largest(u)),
        Number("median_ball_offset", found.median_2d_cax_to_bb_mm, "median distance, noise included", spread.median(offsets, u)),
        Number("max_panel_offset", largest, f"largest over its images; {printed}", spread.largest(origin_u)),
        *shift,
        _sphere(found.gantry_3d_iso_diameter_mm, _only(images, told, "gantry"), told),
        _circle(found.coll_2d_iso_diameter_mm, _only(images, told, "collimator")),
        *couch,
    )


def _only(images: Sequence[Seen], told: Told, axis: str) -> list[Seen]:
    """The images that pylinac takes as turned about one axis alone."""
    references = {"gantry": told.gantry_deg, "collimator": told.collimator_deg, "couch": told.couch_deg}
    others = [(other, reference) for other, reference in references.items() if other != axis]
    return [item for item in images if all(angles.same(angles.angle(item.image, other), reference) for other, reference in others)]


def _matrix(images: Sequence[Seen], told: Told) -> Array:
    gantry = np.array([item.image.gantry_deg for item in images])
    couch = np.array([frames.angle_difference(item.image.couch_deg, told.couch_deg) for item in images])
    return isocentre.rows(gantry, couch)


def _shift(images: Sequence[Seen], told: Told) -> tuple[Number, ...]:
    """Its solver for the images at one couch angle: a couch that turns moves the ball, and its own shift mixes that in."""
    from pylinac.core.scale import MachineScale
    from pylinac.winston_lutz import solve_3d_shift_vector_from_2d_planes

    still = [item for item in images if angles.same(item.image.couch_deg, told.couch_deg)]
    found = solve_3d_shift_vector_from_2d_planes(
        xs=[float(item.ball_field[0]) for item in still],
        ys=[float(item.ball_field[1]) for item in still],
        thetas=[item.image.gantry_deg for item in still],
        phis=[frames.angle_difference(item.image.couch_deg, told.couch_deg) for item in still],
        scale=MachineScale.IEC61217,
    )
    vector = np.array([float(found.x), float(found.y), float(found.z)])
    u = spread.shift(_matrix(still, told), np.array([item.ball_field_u for item in still]), vector, min(i.image.sad_mm for i in still))
    really = f"its least squares of {len(still)} images with the couch at {told.couch_deg:g}, rays taken as parallel"
    return tuple(Number(f"ball_shift_ls_{axis}", float(vector[k]), really, float(u[k])) for k, axis in enumerate("xyz"))


def _sphere(diameter_mm: float, images: Sequence[Seen], told: Told) -> Number:
    key, really = "isocenter_size_gantry", "sphere about parallel rays, noise included"
    if len(images) < 2:
        return _no_size(key, really, diameter_mm, len(images))
    offsets, u = np.array([item.ball_field for item in images]), np.array([item.ball_field_u for item in images])
    return Number(key, diameter_mm, really, spread.sphere(_matrix(images, told), offsets, u, diameter_mm))


def _circle(distance_mm: float, images: Sequence[Seen]) -> Number:
    key, really = "isocenter_size_collimator", "largest distance of two points, no circle, noise included"
    if len(images) < 2:
        return _no_size(key, really, distance_mm, len(images))
    return Number(key, distance_mm, really, spread.widest(np.array([item.ball_field_u for item in images]), distance_mm))


def _no_size(key: str, really: str, printed: float, images: int) -> Number:
    """From a single image there is no size, though pylinac prints 0."""
    return Number(key, None, f"{really}; pylinac prints {printed:g} for {images} image(s)")
