"""Which way the stored values grow with radiation: what the file says, unless a collimated megavoltage field plainly shows the contrary.

Behind the jaws there is less radiation than anywhere in the field, whatever the phantom: that is the only thing an image can show by
itself. An open field shows nothing: a phantom darkens its middle, which looks like a collimated field with its values turned round. So
without jaw positions the picture is asked only when the file is silent, and only for MV, where phantoms are usually imaged in small fields.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

BORDER = 0.03  # of each side: the jaws of a phantom image seldom come this near to the edge, dead lines stay in it
MARGIN_MM = 20.0  # on the panel: penumbra, leakage tails and a panel that is not centred
MIN_SHADOW = 0.05  # of the border behind the jaws, else it is not a collimated field
EXTREME = 0.05  # per cent: a 10 mm field covers 0.1 % of a panel
CLEAR = 0.25  # of the range: how far from its end the shadow may lie; scatter and leakage lift it, by less than this
CLEAR_ALONE = 0.05  # the same where no jaw position says that it is a shadow
ENOUGH = 256  # pixels along the shorter side are enough for medians

Jaws = tuple[float, float, float, float]  # x1, x2, y1, y2, mm at the isocentre


def grows(
    stored: NDArray[Any], spacing_mm: tuple[float, float], magnification: float, jaws: Jaws | None, sign: int, radiation: str
) -> tuple[int, str]:
    """(+1 when larger stored values mean more radiation, else -1; a note, "" when the file said it and nothing speaks against it).

    ``sign`` is PixelIntensityRelationshipSign (PS3.3 C.8.11.3: 1 = lower values mean less X-ray intensity, -1 = lower values mean
    more), 0 when absent. Without sign and without evidence values are taken as stored, and the note says so.
    """
    asked = jaws is not None or (radiation == "MV" and not sign)
    step = max(1, min(stored.shape) // ENOUGH)
    seen = _shown(stored[::step, ::step], (spacing_mm[0] * step, spacing_mm[1] * step), magnification, jaws) if asked else 0
    if sign:
        if jaws is not None and radiation == "MV" and seen == -sign:
            return seen, f"pixel values {_way(seen)} with radiation: so the field shows, against PixelIntensityRelationshipSign {sign}"
        return sign, ""
    if seen:
        return seen, f"pixel values {_way(seen)} with radiation: so the surround of the field shows, the file does not say"
    return 1, "pixel values taken to grow with radiation: neither the file nor the image says so"


def _way(direction: int) -> str:
    return "grow" if direction > 0 else "fall"


def _shown(stored: NDArray[Any], spacing_mm: tuple[float, float], magnification: float, jaws: Jaws | None) -> int:
    """+1 when the shadow of the jaws holds the low values, -1 when the high ones, 0 when there is no shadow or it is not clear."""
    rows, columns = stored.shape
    edge_rows, edge_columns = max(1, math.ceil(rows * BORDER)), max(1, math.ceil(columns * BORDER))
    border = np.ones(stored.shape, bool)
    border[edge_rows : rows - edge_rows, edge_columns : columns - edge_columns] = False
    if jaws is not None:
        reach = math.hypot(max(map(abs, jaws[:2])), max(map(abs, jaws[2:]))) * magnification + MARGIN_MM
        y = (np.arange(rows) - (rows - 1) / 2)[:, None] * spacing_mm[0]
        x = (np.arange(columns) - (columns - 1) / 2)[None, :] * spacing_mm[1]
        shadow = border & (np.hypot(y, x) > reach)
        if shadow.sum() < MIN_SHADOW * border.sum():
            return 0
        border = shadow
    level = float(np.median(stored[border]))
    low, high = (float(v) for v in np.percentile(stored, [EXTREME, 100 - EXTREME]))
    if high <= low:
        return 0
    position = (level - low) / (high - low)
    clear = CLEAR_ALONE if jaws is None else CLEAR
    return 1 if position < clear else -1 if position > 1 - clear else 0
