"""The centre of a radiation field to a few micrometres, by two algorithms that must agree.

Definition: the field centre is the centre of symmetry of opposite field edges, each profile divided by the open signal just inside its own
edge. Algorithm "mirror" slides the profiles of opposite edges over each other (no model of the penumbra: shoulders, tails and
leakage cancel). Algorithm "crossing" takes the 50 % points. See docs/physics/winston_lutz.md.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qa.features.edges import DEPTH_SHARE, Disc, Edges, Frame, Shift, moved
from qa.features.position import Array, Estimate, Position
from qa.features.region import Region
from qa.features.surface import Surface
from qa.reading import AnalysisError

AGREE_MM = 0.05  # nearer than this the two algorithms never count as in conflict: a tenth of the tightest published limit
PLENTY, HALF = 0.3, 0.5  # of the pairs; fewer beside a ball that covers the others were simulated to be 0.02 mm off with a u of 0.003
FEWEST_PAIRS = 16  # fewer pairs of profiles cannot show their own scatter
SHARES = (DEPTH_SHARE, 0.25, 0.2, 0.15)  # where the ball leaves no room, the open signal is read nearer to the edge
NEAREST_MM, NEAR_U_MM = 1.0, 0.02  # but no nearer than this, and then the penumbra counts: errors of 0.01 to 0.02 mm were simulated
COVERED = 1.5  # an edge covered in part was simulated to move by up to five times what the two depths differ by: 3 u is that
NEARER = 0.65  # and once more in this proportion, to see whether something stands in the open signal
FINAL_STRIPS = 72  # profiles per axis; more see the same noise again
SATURATED = 0.02  # fraction of the field's pixels at exactly the largest value; noise leaves one in thousands
ROUGH = 0.008  # median fourth difference over the open level: 0.15 % of noise gives this, a smooth penumbra a third of it


def field_centre(surface: Surface, region: Region, disc: Disc | None = None) -> Position:
    """The centre of the radiation field, mm in the pixel frame.

    ``disc`` is the ball's shadow to keep clear of. AnalysisError when the field is saturated, when too few clean profiles are left
    (something covers an edge), or when the two algorithms disagree beyond their uncertainty.
    """
    _refuse_saturation(surface, region)
    frame, share = Frame.of(region), DEPTH_SHARE
    for strips in (16, FINAL_STRIPS, FINAL_STRIPS):
        nearer_shares = [one for one in SHARES if one < share and one * min(frame.half_mm) >= NEAREST_MM]
        edges = Edges.sample(surface, frame, disc, strips, share)
        while not (_enough(edges) and len(edges.along_mm) >= PLENTY * 2 * strips) and nearer_shares:
            share = nearer_shares.pop(0)
            edges = Edges.sample(surface, frame, disc, strips, share)
        if not _enough(edges):
            raise AnalysisError(
                "too little of the field's edges is free: the ball or its holder covers them; use a larger field or centre the ball"
            )
        few = len(edges.along_mm) < HALF * 2 * strips
        mirror, before = edges.mirror(), frame
        if not np.isfinite(mirror.xy_mm).all():
            raise AnalysisError("the field has no clear edges; repeat the exposure with the field well inside the panel")
        frame = moved(frame, mirror, edges)
        if strips == FINAL_STRIPS and not few:
            break  # few pairs still show where they were begun, so they are sampled once more
    nearer = Edges.sample(surface, before, disc, strips, share * NEARER)
    crossing, other = edges.crossing(), nearer.mirror() if _enough(nearer) else mirror
    if not (np.isfinite(crossing.xy_mm).all() and np.isfinite(other.xy_mm).all()):
        raise AnalysisError("the field has no clear edges; repeat the exposure with the field well inside the panel")
    return _join(np.array(before.centre_mm), mirror, crossing, other, frame, NEAR_U_MM if share < DEPTH_SHARE or few else 0.0)


def _enough(edges: Edges) -> bool:
    """Whether enough pairs are left, with normals in two directions."""
    return len(edges.along_mm) >= FEWEST_PAIRS and bool(np.linalg.eigvalsh(edges.normal.T @ edges.normal)[0] > 3.0)


def _refuse_saturation(surface: Surface, region: Region) -> None:
    """A noisy field whose brightest pixels are all alike was clipped by the detector: its edges are not where they seem.

    A drawn image without noise is flat too and is not clipped: fourth differences tell noise (8 times its standard deviation) from slopes.
    """
    values, level = surface.values, region.level - region.dark
    bright = values > 0.5 * level
    top = values == values.max()
    if (top & bright).sum() <= SATURATED * bright.sum():
        return
    rough = np.abs(np.diff(values, n=4, axis=1))[(bright & ~top)[:, 2:-2]]
    if rough.size and np.median(rough) > ROUGH * level:
        raise AnalysisError("the image is saturated inside the field; repeat the exposure with fewer monitor units or a longer distance")


def _join(centre: Array, mirror: Shift, crossing: Shift, nearer: Shift, frame: Frame, floor_mm: float) -> Position:
    """Both algorithms' answers as one position, or a refusal when they disagree or the open signal is not the same at two depths."""
    apart, structure = np.abs(mirror.xy_mm - crossing.xy_mm), np.abs(mirror.xy_mm - nearer.xy_mm)
    u_apart = np.hypot(mirror.u_mm, crossing.u_mm)
    if (apart > np.maximum(4 * u_apart, AGREE_MM)).any() or (structure > np.maximum(4 * u_apart, AGREE_MM)).any():
        worst = max(apart.max(), structure.max())
        raise AnalysisError(
            f"two ways to find the field centre differ by {worst:.2f} mm: one edge is not like its opposite (something covers it, "
            "or an artefact); look at the image and repeat the exposure"
        )
    method = np.hypot(np.maximum(apart - 2 * u_apart, 0) / np.sqrt(3), COVERED * np.maximum(structure - 0.5 * mirror.u_mm, 0))
    method = np.hypot(method, floor_mm)
    u = np.hypot(mirror.u_mm, method)
    xy, second = centre + mirror.xy_mm, centre + crossing.xy_mm
    return Position(
        x_mm=float(xy[0]),
        y_mm=float(xy[1]),
        u_mm=_pair(u),
        budget={"field: image noise and edge shape": _pair(mirror.u_mm), "field: edge definition": _pair(method)},
        second=Estimate("50 % crossing", _pair(second), _pair(crossing.u_mm)),
        size_mm=(2 * frame.half_mm[0], 2 * frame.half_mm[1], frame.angle_deg),
        shape=frame.shape,
    )


def _pair(values: NDArray[np.float64]) -> tuple[float, float]:
    return float(values[0]), float(values[1])
