"""pylinac measures the same star; what its circle and centre are worth follows from how it finds a spoke.

What pylinac 3.49 does and this module knows: a spoke's middle is rounded to a third of a pixel, on one mean circle, so an axis hangs on two
rounded points; the noise stays in the diameter; a circle wider than 2 mm counts as a bad search, and other settings are tried until one is
narrower; one pixel pitch serves both axes; several images are stretched to equal brightness before they are summed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qa import frames, isocentre, starshot_images
from qa.acquisition import Acquisition, Image
from qa.engines import Number, Say, Theirs
from qa.pylinac_engine import gave_up, silence

Array = NDArray[np.float64]
LINE_PX = 0.2  # u of an axis at the centre: two points, each in the middle of a third of a pixel, and a beam that its circle cuts aslant
RESAMPLES = 256
SEED = 20260104  # resampling is part of the algorithm: the same input gives the same answer
WIDEST_MM = 10.0  # its own limit of 2 mm would hide a bad machine: it searches on until the circle is narrow


def measure(acquisition: Acquisition, files: Mapping[str, Path], say: Say) -> Theirs:
    """The stars of single pictures one by one, and that of the images which show a spoke each; ``files`` by SOP Instance UID."""
    whole, parts = starshot_images.sorted_out(acquisition.images)
    told = f"pylinac {version('pylinac')} was told: circles up to {WIDEST_MM:g} mm are reasonable"
    say("loading pylinac")
    with silence():
        singles: list[tuple[Number, ...] | str] = []
        for image in acquisition.images:
            alone = any(image is one for one in whole)
            singles.append(_star([image], [files[image.sop_instance_uid]]) if alone else ())
        of_set = _star(parts, [files[image.sop_instance_uid] for image in parts]) if parts else ()
    return Theirs(told, tuple(singles), of_set, "pylinac", version("pylinac"))


def _star(images: Sequence[Image], paths: Sequence[Path]) -> tuple[Number, ...] | str:
    """Its circle, in our terms, or why there is none."""
    from pylinac import Starshot

    first = images[0]
    row, column = frames.pixel_mm(first)
    if abs(row - column) > 1e-3 * column:
        return "the pixels are not square, which pylinac does not look at: its distances would be wrong"
    film: dict[str, Any] = {"sid": 1000} if first.radiation == "film" else {}
    try:
        star = Starshot(str(paths[0]), **film) if len(paths) == 1 else Starshot.from_multiple_images([str(p) for p in paths], method="sum")
        star.analyze(max_wobble_diameter=WIDEST_MM)
        found = star.results_data()
    except Exception as error:  # pylinac raises whatever its libraries do
        return gave_up(error)
    matrix, offsets = _axes(star, row)
    u_diameter, u_centre = _worth(matrix, offsets, LINE_PX * row)
    size = f"circle about {len(star.lines)} axes, noise included"
    numbers = [Number("star_circle_diameter", float(found.circle_diameter_mm), size, u_diameter)]
    if first.radiation != "film":
        x, y = found.circle_center_x_y
        centre = np.array(frames.to_plane(first, y, x)) + frames.receptor_mm(first)
        really = "its circle's centre, moved by the receptor position that the file states"
        numbers += [Number(f"star_centre_{axis}", float(centre[k]), really, float(u_centre[k])) for k, axis in enumerate("uv")]
    return tuple(numbers)


def _axes(star: Any, pitch_mm: float) -> tuple[Array, Array]:
    """Its lines as (n, 2, 2) rows and (n, 2) offsets in mm about its centre; u runs with x, v against y, which no size depends on."""
    ends = np.array([[(line.point1.x, -line.point1.y), (line.point2.x, -line.point2.y)] for line in star.lines]) * pitch_mm
    along = ends[:, 1] - ends[:, 0]
    normals = np.stack([-along[:, 1], along[:, 0]], -1) / np.hypot(*along.T)[:, None]
    centre = np.array([star.wobble.center.x, -star.wobble.center.y]) * pitch_mm
    offsets = (normals * (ends[:, 0] - centre)).sum(axis=1)
    return np.stack([normals, np.zeros_like(normals)], axis=1), np.stack([offsets, np.zeros_like(offsets)], -1)


def _worth(matrix: Array, offsets: Array, u_mm: float) -> tuple[float, Array]:
    """Standard uncertainties of the diameter, and of the centre (2,), when every axis has that of ``u_mm``.

    The largest distance is subadditive: errors e change the diameter by at most that of the circle about e alone.
    """
    noise = u_mm * np.random.default_rng(SEED).standard_normal((RESAMPLES, *offsets.shape)) * np.array([1.0, 0.0])
    diameter = float(np.quantile(2 * isocentre.radii(matrix, noise), 0.95)) / 2
    return diameter, np.asarray(np.std(isocentre.centres(matrix, offsets + noise), axis=0))
