"""Whether the CT numbers of a scan are on the scale they should be: a wrong rescale, values cut off, grey values turned upside down."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from qa.features.ct_scan import Scan
from qa.features.position import Array, middle

AIR_HU, AIR_OFF_HU = -1000.0, 60.0  # air further from where it should be is a rescale that is wrong, not a calibration that drifted
WATER_OFF_HU = 40.0  # water is 0 by definition; makers of CBCT promise it within 30 to 50, real scans and drawings have at most 20
STEEP = 0.2  # the inserts' line may be this much steeper or flatter than the maker's: megavoltage beams flatten it by 0.15
LOOK_MM = 10.0  # along the stack: the module of the inserts is 25 mm long
FRAME = 3  # pixels at the left, the right and the top of every slice: air, where the phantom is within the image
BRIGHT_HU, DARK = 300.0, 0.02  # what is around is not so much brighter than water, nor than the darkest share of all: a phantom fills more
LOW_SHARE, HIGH_COUNT = 0.01, 50  # of all values, and voxels, that are exactly the lowest or the highest: a scan that is whole has a few
ROOM_HU = 3000.0  # a scale that ends above cuts nothing off that is measured
AGAIN = "export the series again as CT numbers in HU, with the rescale slope and intercept of the scanner and nothing cut off"

# What a wrong scale makes wrong; lengths, turns and resolution are the same on any scale, and so is the shape of the noise spectrum.
KEYS = (
    *("cbct_hu", "cbct_hu_deviation", "cbct_hu_slope", "cbct_hu_intercept", "cbct_hu_residual_max", "cbct_red_error"),
    *("cbct_uniformity_index", "cbct_non_uniformity", "cbct_uniform_hu", "cbct_noise", "cbct_nps_noise"),
    *("cbct_contrast", "cbct_cnr", "cbct_cnr_area", "cbct_detectability"),
)


def wrong(air_hu: float, slope: float | None = None, water: Mapping[str, float] | None = None) -> str:
    """Why CT numbers must not pass, by the air around the phantom, the slope of the inserts' line, and water; empty when they may.

    ``water``: the CT number of water, or of a plastic that is like it, by where it is from.
    """
    if abs(air_hu - AIR_HU) > AIR_OFF_HU:
        seen = f"air reads {air_hu:.0f} HU instead of {AIR_HU:.0f}"
        return f"{seen}: the rescale slope or intercept of these images is wrong, or they are cut off; {AGAIN}"
    if slope is not None and abs(slope - 1) > STEEP:
        seen = f"the inserts' CT numbers rise {slope:.2f} times as steeply as the maker's"
        return f"{seen}: the rescale slope of these images is wrong; {AGAIN}"
    for place, hu in (water or {}).items():
        if not abs(hu) <= WATER_OFF_HU:
            return f"{place} puts water at {hu:+.0f} HU instead of 0: the rescale slope or intercept of these images is wrong; {AGAIN}"
    return ""


def doubts(reason: str) -> Mapping[str, str]:
    """The reason by key of every quantity that it concerns."""
    return dict.fromkeys(KEYS, reason) if reason else {}


def stored(scan: Scan) -> str:
    """What the values of a whole scan say against them, for one in which no phantom could be found; empty when nothing."""
    step = max(int(LOOK_MM / scan.slice_mm), 1)
    planes = scan.volume.planes(list(range(0, scan.count, step))).astype(np.float64)
    edge = _frame(planes)
    if edge - max(float(np.quantile(planes, DARK)), 0.0) > BRIGHT_HU:
        return (
            f"what is around reads {edge:.0f} HU, more than what is within: grey values are turned upside down (a negative slope); {AGAIN}"
        )
    low, high = float(planes.min()), float(planes.max())
    share, count = float((planes == low).mean()), int((planes == high).sum())
    if low > AIR_HU + AIR_OFF_HU and share > LOW_SHARE:
        seen = f"no value lies below {low:.0f} HU, and air should read {AIR_HU:.0f}"
        return f"{seen}: these images are cut off there or wrongly rescaled; {AGAIN}"
    if high < ROOM_HU and count > HIGH_COUNT:
        return f"{count} voxels read exactly {high:.0f} HU and none more: these images are cut off there; {AGAIN}"
    return ""


def _frame(planes: Array) -> float:
    return middle(np.concatenate([planes[:, :FRAME].ravel(), planes[..., :FRAME].ravel(), planes[..., -FRAME:].ravel()]))
