"""Rows, columns and single pixels of a panel that read wrong, filled from their neighbours: what lies behind can then be measured."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qa.features.position import Array

APART = 0.25  # of the middle of the neighbours: a line whose mean differs by more is no picture of anything
MOST_SUSPECTS = 0.1  # share of the pixels that are looked at closely
MOST_SPECKS, LONELY = 0.01, 4.0  # share that may be filled; times the spread of the neighbours, which an edge or bars make large
HALF_APART = APART / 2  # the mean of two neighbours of which one reads wrong itself is that far off at least
MOST = 12  # of rows, of columns: more is no panel with defects but another image
NEIGHBOURS = 2 * MOST + 1  # lines: of as many dead ones side by side as are filled the middle is still a good one


@dataclass(frozen=True)
class Mended:
    """An image without what reads wrong: which ``rows``, ``columns`` and ``specks`` (row, column) were filled."""

    pixels: NDArray[np.float32]
    rows: tuple[int, ...] = ()
    columns: tuple[int, ...] = ()
    specks: tuple[tuple[int, int], ...] = ()

    @property
    def flags(self) -> tuple[str, ...]:
        """What is to be said about it."""
        lines = [f"{word} {', '.join(map(str, at))}" for word, at in (("rows", self.rows), ("columns", self.columns)) if at]
        said = [f"the panel's {' and '.join(lines)} read wrong all along and were filled from their neighbours"] if lines else []
        count = len(self.specks)
        return (*said, *([f"{count} single pixels read wrong and were filled from their neighbours"] if count else []))


def mended(pixels: NDArray[np.float32]) -> Mended:
    """The image with grossly wrong rows, columns and single pixels filled; the image itself where there are none."""
    lines = without_lines(pixels)
    filled, specks = _without_specks(lines.pixels)
    return Mended(filled, lines.rows, lines.columns, specks)


def without_lines(pixels: NDArray[np.float32]) -> Mended:
    """The image with grossly wrong rows and columns filled."""
    rows, columns = (_wrong(pixels.mean(axis=axis, dtype=np.float64)) for axis in (1, 0))
    if not 0 < max(len(rows), len(columns)) <= MOST:
        return Mended(pixels)
    filled = pixels.copy()
    for lines, view in ((rows, filled), (columns, filled.T)):
        good = np.setdiff1d(np.arange(len(view)), lines)
        for line in lines:
            after = int(np.searchsorted(good, line))
            below, above = good[max(after - 1, 0)], good[min(after, len(good) - 1)]
            share = (line - below) / (above - below) if above != below else 0.0
            view[line] = (1 - share) * view[below] + share * view[above]
    return Mended(filled, tuple(map(int, rows)), tuple(map(int, columns)))


def _without_specks(pixels: NDArray[np.float32]) -> tuple[NDArray[np.float32], tuple[tuple[int, int], ...]]:
    """The image with pixels filled that differ grossly from neighbours which agree among themselves, and which these are."""
    rows, columns = np.nonzero(_suspects(pixels))
    if not 0 < len(rows) < MOST_SUSPECTS * pixels.size:
        return pixels, ()
    step = np.arange(-2, 3)
    around = pixels[
        np.clip(rows[:, None, None] + step[:, None], 0, pixels.shape[0] - 1), np.clip(columns[:, None, None] + step, 0, pixels.shape[1] - 1)
    ].reshape(len(rows), 25)
    low, near, high = np.percentile(around, (15, 50, 85), axis=1)
    off = np.abs(pixels[rows, columns] - near)
    wrong = (off > APART * np.abs(near)) & (off > LONELY * (high - low))
    if not 0 < int(wrong.sum()) < MOST_SPECKS * pixels.size:
        return pixels, ()
    filled = pixels.copy()
    filled[rows[wrong], columns[wrong]] = near[wrong]
    return filled, tuple((int(r), int(c)) for r, c in zip(rows[wrong], columns[wrong], strict=True))


def _suspects(pixels: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Pixels far from both pairs of pixels two away: a look that costs little and lets no lonely one through."""
    padded = np.pad(pixels, 2, mode="edge")
    down = (padded[:-4, 2:-2] + padded[4:, 2:-2]) / 2
    across = (padded[2:-2, :-4] + padded[2:-2, 4:]) / 2
    return np.asarray((np.abs(pixels - down) > HALF_APART * np.abs(down)) & (np.abs(pixels - across) > HALF_APART * np.abs(across)))


def _wrong(mean: Array) -> NDArray[np.intp]:
    """Lines whose mean is far from the middle of their neighbours'. A phantom's or a blade's edge is a step, and so none of them."""
    from scipy.ndimage import median_filter

    near = median_filter(mean, NEIGHBOURS, mode="nearest")
    return np.flatnonzero(np.abs(mean - near) > APART * np.abs(near))
