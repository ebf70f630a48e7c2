"""Rows, columns and single pixels of a panel that read wrong, filled from their neighbours: what lies behind can then be measured."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qa.features.position import Array

APART = 0.25  # of the middle of the neighbours: a line whose mean differs by more is no picture of anything
NEIGHBOURS = 9  # lines; of a few dead ones side by side the middle is still a good one
MOST_SPECKS, LONELY = 0.01, 4.0  # share of the pixels; times the spread of the neighbours, which an edge or bars make large
MOST = 12  # of rows, of columns: more is no panel with defects but another image


def mended(pixels: NDArray[np.float32]) -> tuple[NDArray[np.float32], tuple[str, ...]]:
    """The image with grossly wrong rows and columns filled, and what is to be said about it; the image itself where there are none."""
    rows, columns = (_wrong(pixels.mean(axis=axis, dtype=np.float64)) for axis in (1, 0))
    if max(len(rows), len(columns)) > MOST:
        return pixels, ()
    filled = pixels.copy() if len(rows) + len(columns) else pixels
    for lines, view in ((rows, filled), (columns, filled.T)):
        good = np.setdiff1d(np.arange(len(view)), lines)
        for line in lines:
            after = int(np.searchsorted(good, line))
            below, above = good[max(after - 1, 0)], good[min(after, len(good) - 1)]
            share = (line - below) / (above - below) if above != below else 0.0
            view[line] = (1 - share) * view[below] + share * view[above]
    said = [f"{word} {', '.join(map(str, lines))}" for word, lines in (("rows", rows), ("columns", columns)) if len(lines)]
    flags = (f"the panel's {' and '.join(said)} read wrong all along and were filled from their neighbours",) if said else ()
    filled, count = _without_specks(filled)
    return filled, (*flags, f"{count} single pixels read wrong and were filled from their neighbours") if count else flags


def _without_specks(pixels: NDArray[np.float32]) -> tuple[NDArray[np.float32], int]:
    """The image with pixels filled that differ grossly from neighbours which agree among themselves, and how many there were."""
    from scipy.ndimage import percentile_filter

    near = percentile_filter(pixels, 50, size=5, mode="nearest")
    off = np.abs(pixels - near)
    rows, columns = np.nonzero(off > APART * np.abs(near))
    if not 0 < len(rows) < MOST_SPECKS * pixels.size:
        return pixels, 0
    step = np.arange(-2, 3)
    around = pixels[
        np.clip(rows[:, None, None] + step[:, None], 0, pixels.shape[0] - 1), np.clip(columns[:, None, None] + step, 0, pixels.shape[1] - 1)
    ].reshape(len(rows), 25)
    spread = np.ptp(np.percentile(around, (15, 85), axis=1), axis=0)
    wrong = off[rows, columns] > LONELY * spread
    if not wrong.any():
        return pixels, 0
    filled = pixels.copy()
    filled[rows[wrong], columns[wrong]] = near[rows[wrong], columns[wrong]]
    return filled, int(wrong.sum())


def _wrong(mean: Array) -> NDArray[np.intp]:
    """Lines whose mean is far from the middle of their neighbours'. A phantom's or a blade's edge is a step, and so none of them."""
    from scipy.ndimage import median_filter

    near = median_filter(mean, NEIGHBOURS, mode="nearest")
    return np.flatnonzero(np.abs(mean - near) > APART * np.abs(near))
