"""How sharp an image is across a straight or round edge of the phantom: the MTF in the phantom's plane.

Which edge: of all borders in the phantom's facts the one with the largest step that runs free of everything else; the reading names it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from qa.features.edge_samples import Edge, line_samples
from qa.features.edge_spread import Spread, settled
from qa.features.mtf import Mtf
from qa.features.mtf_edge import mtf_of_circle, mtf_of_samples
from qa.features.number import Number
from qa.features.planar_borders import Border, usable
from qa.planar_quality_geometry import mean_scale
from qa.planar_quality_look import Seen
from qa.reading import AnalysisError

KEPT_OFF_MM = {"kV": 0.8, "MV": 1.5}  # of an edge's room, before what comes next: its own blur reaches as far
TRIED = 4  # edges, the best first


@dataclass(frozen=True)
class Sharpness:
    """An MTF in the phantom's plane (``scale``: cycles per mm there over those on the isocentre plane), and the edge it is from.

    ``part`` is "edge" for the edge that serves best, "edge 2" for the second choice: numbers across other edges are others.
    """

    part: str
    border: Border
    mtf: Mtf
    spread: Spread
    scale: Number


def edge(seen: Seen) -> Sharpness:
    """The MTF from the best edge that can be measured. AnalysisError with what stood against each."""
    why = []
    for rank, border in enumerate(usable(seen.model, seen.image.radiation)[:TRIED], 1):
        try:
            mtf, spread = _round(seen, border) if border.radius_mm else mtf_of_samples(_line_samples(seen, border))
            return Sharpness("edge" if rank == 1 else f"edge {rank}", border, mtf, spread, mean_scale(seen))
        except AnalysisError as error:
            why.append(f"{border.name}: {error}")
    raise AnalysisError("; ".join(why) if why else "this phantom has no free edge that an MTF could be measured across")


def _line_samples(seen: Seen, border: Border) -> Edge:
    """Pixels on both sides of a straight edge, their distances to it settled."""
    (xa, xb), (ya, yb) = seen.pose.place(*np.array([border.start, border.stop]).T)
    reach = (border.reach_mm - KEPT_OFF_MM[seen.image.radiation]) * seen.pose.mean_scale
    length = float(np.hypot(xb - xa, yb - ya))
    along = np.array([xb - xa, yb - ya]) / length
    half = np.abs(along) * length / 2 + np.abs(along[::-1]) * reach
    middle = (xa + xb) / 2, (ya + yb) / 2
    r0, r1 = int((middle[1] - half[1]) / seen.pitch_mm[0]), int((middle[1] + half[1]) / seen.pitch_mm[0]) + 2
    c0, c1 = int((middle[0] - half[0]) / seen.pitch_mm[1]), int((middle[0] + half[0]) / seen.pitch_mm[1]) + 2
    if min(r0, c0) < 0 or r1 > seen.pixels.shape[0] or c1 > seen.pixels.shape[1]:
        raise AnalysisError("the edge leaves the image")
    patch = seen.pixels[r0:r1, c0:c1].astype(np.float64)
    x = np.arange(c0, c1) * seen.pitch_mm[1] - middle[0]
    y = (np.arange(r0, r1) * seen.pitch_mm[0] - middle[1])[:, None]
    across = along[0] * y - along[1] * x
    use = (np.abs(across) <= reach) & (np.abs(along[0] * x + along[1] * y) <= length / 2)
    if int(use.sum()) < 200:
        raise AnalysisError("too few pixels beside the edge; take a smaller pixel")
    bright = patch[use & (across > 0)].mean() > patch[use & (across < 0)].mean()
    angle = float(np.arctan2(along[0], -along[1])) if bright else float(np.arctan2(-along[0], along[1]))
    # the edge's line about the middle of the patch, as line_samples counts it
    shift = (c0 + c1 - 1) / 2 * seen.pitch_mm[1] - middle[0], (r0 + r1 - 1) / 2 * seen.pitch_mm[0] - middle[1]
    first = -(shift[0] * np.cos(angle) + shift[1] * np.sin(angle)), angle

    def samples(place: tuple[float, ...] | None) -> Edge:
        whole = line_samples(np.where(use, patch, np.nan), seen.pitch_mm, place or first)
        good = np.isfinite(whole.value)
        parts = np.unique(whole.part[good], return_inverse=True)[1].astype(np.intp)
        return Edge(whole.distance_mm[good], whole.value[good], parts, whole.direction[good], whole.pitch_mm, whole.shape, whole.place)

    return settled(samples, True)[0]


def _round(seen: Seen, border: Border) -> tuple[Mtf, Spread]:
    """The MTF across a round edge."""
    x, y = (float(v) for v in seen.pose.place(*border.start))
    radius, reach = (mm * seen.pose.mean_scale for mm in (border.radius_mm, border.reach_mm - KEPT_OFF_MM[seen.image.radiation]))
    room = int((radius + reach) / min(seen.pitch_mm)) + 4
    r0, c0 = max(int(y / seen.pitch_mm[0]) - room, 0), max(int(x / seen.pitch_mm[1]) - room, 0)
    patch = seen.pixels[r0 : r0 + 2 * room, c0 : c0 + 2 * room].astype(np.float64)
    return mtf_of_circle(patch, seen.pitch_mm, (x - c0 * seen.pitch_mm[1], y - r0 * seen.pitch_mm[0]), radius, reach)
