"""Dead rows, columns and pixels in an open part of a panel's image, and how much of an earlier image is still seen in a later one.

Unlike ``qa/features/defects.py``, which fills them in round a field, this counts them over a whole open region and says where they are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qa.features.number import Number, jackknife_u, number
from qa.features.position import Array, middle
from qa.reading import AnalysisError

WINDOW = 7  # lines, and pixels along a row and a column, whose median is what one should be
ODD_LINE, ODD_PIXEL = 0.02, 0.08  # of the open signal: three times the loudest noise of a line's mean; what no dose fluctuation reaches
LOUD = 8.0  # times the noise: in a million pixels of Gaussian noise none is that far off
MOST = 0.7  # of a line's places must be odd in the same direction
EVEN = 0.25  # of the open signal: a region whose smooth part varies by more is not open
SMALLEST = 16  # pixels of the region's side
PARTS = 12  # blocks the ghost's uncertainty is taken from


@dataclass(frozen=True)
class PanelDefects:
    """Rows, columns and (row, column) pixels of the image that are defective in the region, and how many pixels were looked at.

    ``noise`` is the standard deviation of a good pixel over the open signal.
    """

    rows: tuple[int, ...]
    columns: tuple[int, ...]
    pixels: tuple[tuple[int, int], ...]
    looked_at: int
    noise: float


def panel_defects(image: Array, region: tuple[int, int, int, int]) -> PanelDefects:
    """Defects of an open region (first row, last row, first column, last column; last ones exclusive).

    A line counts when 70 % of it differs by 2 % of the open signal from the median of seven lines, in one direction; a pixel when it
    differs by 8 % and eight times the noise from the medians of its row and its column alike. AnalysisError for a region that is not open.
    """
    r0, r1, c0, c1 = region
    crop = image[r0:r1, c0:c1].astype(np.float64)
    if min(crop.shape) < SMALLEST:
        raise AnalysisError(f"the open part of the image is {min(crop.shape)} pixels wide and must have {SMALLEST}")
    level = middle(crop)
    blocks = [middle(block) for part in np.array_split(crop, 4) for block in np.array_split(part, 4, axis=1)]
    if level <= 0 or max(blocks) - min(blocks) > EVEN * level:
        raise AnalysisError("the part of the image that should be open shows something; take an image of the open field")
    down, along = crop - _medians(crop, 0), crop - _medians(crop, 1)
    rows = np.maximum((down > ODD_LINE * level).mean(axis=1), (down < -ODD_LINE * level).mean(axis=1)) > MOST
    columns = np.maximum((along > ODD_LINE * level).mean(axis=0), (along < -ODD_LINE * level).mean(axis=0)) > MOST
    noise = max(1.4826 * middle(np.abs(along)), 1e-12 * level)
    odd = np.minimum(np.abs(down), np.abs(along)) > max(ODD_PIXEL * level, LOUD * noise)
    odd &= (down * along > 0) & ~rows[:, None] & ~columns[None, :]
    return PanelDefects(
        tuple(int(r) + r0 for r in np.nonzero(rows)[0]),
        tuple(int(c) + c0 for c in np.nonzero(columns)[0]),
        tuple((int(r) + r0, int(c) + c0) for r, c in np.argwhere(odd)),
        int(crop.size),
        float(noise / level),
    )


def _medians(crop: Array, axis: int) -> Array:
    """The median of seven neighbours along an axis; at the ends of those there are, mirrored."""
    half = WINDOW // 2
    padded = np.pad(crop, [(half, half) if k == axis else (0, 0) for k in (0, 1)], mode="reflect")
    windows = np.lib.stride_tricks.sliding_window_view(padded, WINDOW, axis=axis)
    return np.asarray(np.partition(windows, half, axis=-1)[..., half])


def ghost(later: Array, earlier: Array, use: NDArray[np.bool_]) -> Number:
    """The share of an earlier image that is still seen in a later, evenly exposed one, where ``use``.

    The slope of a regression of the later image on the earlier one, both without their smooth part (a plane and squares): what is left of
    the earlier one's edges. u from blocks of the region, left out in turn. AnalysisError where the earlier image is even itself.
    """
    rows, columns = np.nonzero(use)
    if len(rows) < 20 * PARTS:
        raise AnalysisError("too few pixels are seen in both images to look for a ghost")
    a, b = (rows - rows.mean()) / max(np.ptp(rows), 1), (columns - columns.mean()) / max(np.ptp(columns), 1)
    smooth = np.stack([np.ones_like(a), a, b, a * a, a * b, b * b], axis=1)
    q = np.linalg.qr(smooth)[0]
    x, y = (image[use].astype(np.float64) for image in (earlier, later))
    level = abs(middle(x))
    x, y = x - q @ (q.T @ x), y - q @ (q.T @ y)
    if float(np.std(x)) < 0.02 * level:
        raise AnalysisError("the earlier image shows nothing that could leave a ghost; expose an object or a smaller field first")
    block = (np.argsort(np.argsort(rows * (columns.max() + 1) + columns)) * PARTS // len(rows)).astype(np.intp)
    products, squares = np.bincount(block, x * y), np.bincount(block, x * x)
    whole = float(products.sum() / squares.sum())
    without = (products.sum() - products) / (squares.sum() - squares)
    return number(whole, {"noise": float(jackknife_u(without))}, least_u=1e-7)
