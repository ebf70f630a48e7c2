"""Defective rows, columns and single pixels of a panel near the field, filled in from their neighbours before anything is measured.

A dead line through a field cuts it in two and pulls on everything fitted across it; a dead pixel beside the ball looks like part of it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qa.features.position import Array, middle
from qa.features.region import Region
from qa.reading import AnalysisError

MARGIN_MM = 7.0  # around the field: profiles reach 3 mm outside, splines a little further
SAMPLES = 32  # places along a line where it is compared with its neighbours
WINDOW = 7  # lines whose median is what a line should be: up to three defective ones side by side are seen
ODD_LINE = 0.03  # relative: three times the loudest noise; a weaker line moves the ball by under 0.005 mm
MOST = 0.8  # of a line's places must be odd in the same direction: a ball or a rod covers fewer
BRIGHT = 0.2  # of the open beam: places darker than this do not show a weak line
FEWEST = 6  # places that are bright enough
ODD_PIXEL, LOUD = 0.08, 7.0  # of the open beam; times the noise: a small ball on coarse pixels is curved by 0.05 from pixel to pixel
MOST_LINES, MOST_PIXELS = 9, 0.02  # more lines, or a larger share of pixels, and the panel is not fit to measure with


def mended(pixels: NDArray[np.float32], pitch_mm: tuple[float, float], region: Region) -> tuple[NDArray[np.float32], int]:
    """The image with defective lines and pixels near the field filled in, and how many there were; the same array when there were none.

    ``pitch_mm`` (row, column). A line counts when most of it differs by 3 % from the median of its surroundings in one direction, a pixel
    when it differs by 8 % of the open beam from both its row and its column. Patches of several pixels stay as they are. AnalysisError when
    there are too many to believe the rest.
    """
    r0, r1, c0, c1 = _around(pixels.shape, pitch_mm, region)
    crop = pixels[r0:r1, c0:c1]
    level = region.level - region.dark
    rows, columns = _odd_lines(crop - region.dark, level), _odd_lines(crop.T - region.dark, level)
    if rows.sum() + columns.sum() > MOST_LINES:
        raise AnalysisError("too many rows or columns of the panel are defective in the field; have the panel's pixel map corrected")
    if rows.any() or columns.any():
        crop = _filled_lines(_filled_lines(crop, rows).T, columns).T
    odd = _odd_pixels(crop, level)
    if odd.mean() > MOST_PIXELS:
        raise AnalysisError("too many pixels of the panel are defective in the field; have the panel's pixel map corrected")
    count = int(rows.sum() + columns.sum() + odd.sum())
    if not count:
        return pixels, 0
    result = pixels.copy()
    result[r0:r1, c0:c1] = _filled_pixels(crop, odd)
    return result, count


def _around(shape: tuple[int, ...], pitch_mm: tuple[float, float], region: Region) -> tuple[int, int, int, int]:
    """First and last row and column (exclusive) of the field's surroundings."""
    angle = np.radians(region.angle_deg)
    cos, sin = abs(np.cos(angle)), abs(np.sin(angle))
    reach = region.half_mm[0] * sin + region.half_mm[1] * cos + MARGIN_MM, region.half_mm[0] * cos + region.half_mm[1] * sin + MARGIN_MM
    limits = []
    for axis in (0, 1):
        at = region.centre_mm[1 - axis]
        limits += [max(0, int((at - reach[axis]) / pitch_mm[axis])), min(shape[axis], int((at + reach[axis]) / pitch_mm[axis]) + 2)]
    return limits[0], limits[1], limits[2], limits[3]


def _odd_lines(signal: NDArray[np.float32], level: float) -> NDArray[np.bool_]:
    """Which rows differ from the median of their surroundings nearly everywhere, in one direction."""
    rows, columns = signal.shape
    if rows <= WINDOW or columns < SAMPLES:
        return np.zeros(rows, dtype=bool)
    some = signal[:, :: columns // SAMPLES]
    shifted = np.lib.stride_tricks.sliding_window_view(some, WINDOW, axis=0)
    usual = np.partition(shifted, WINDOW // 2, axis=2)[:, :, WINDOW // 2]
    half = WINDOW // 2
    ratio = (some[half:-half] - usual) / np.maximum(usual, BRIGHT * level)
    odd = np.zeros(rows, dtype=bool)
    for seen in (usual > BRIGHT * level, np.ones(usual.shape, dtype=bool)):
        count = seen.sum(axis=1)
        dark, hot = (((sign * ratio > ODD_LINE) & seen).sum(axis=1) for sign in (-1, 1))
        odd[half:-half] |= (count >= FEWEST) & (np.maximum(dark, hot) >= MOST * count)
    return odd


def _filled_lines(signal: NDArray[np.float32], odd: NDArray[np.bool_]) -> NDArray[np.float32]:
    """The rows marked as odd replaced by the cubic through the two good rows on either side."""
    if not odd.any():
        return signal
    result, good = signal.copy(), np.nonzero(~odd)[0]
    for row in np.nonzero(odd)[0]:
        place = int(np.searchsorted(good, row))
        near = good[max(place - 2, 0) : place + 2]
        weights = [float(np.prod([(row - b) / (a - b) for b in near if b != a])) for a in near]
        result[row] = np.tensordot(np.array(weights, dtype=np.float32), signal[near], axes=1)
    return result


def _odd_pixels(signal: NDArray[np.float32], level: float) -> NDArray[np.bool_]:
    """Which pixels differ from what the cubic through their neighbours says, along their row and along their column alike."""
    odd = np.zeros(signal.shape, dtype=bool)
    if min(signal.shape) < 8:
        return odd
    inner = signal[2:-2, 2:-2]
    along = inner - (4 * (signal[2:-2, 1:-3] + signal[2:-2, 3:-1]) - (signal[2:-2, :-4] + signal[2:-2, 4:])) / 6
    down = inner - (4 * (signal[1:-3, 2:-2] + signal[3:-1, 2:-2]) - (signal[:-4, 2:-2] + signal[4:, 2:-2])) / 6
    least = np.where(along * down > 0, np.minimum(np.abs(along), np.abs(down)), 0.0)
    limit = max(ODD_PIXEL * level, LOUD * middle(np.abs(along[::2, ::2])) / 0.6745)
    odd[2:-2, 2:-2] = least > limit
    return odd


def _filled_pixels(signal: NDArray[np.float32], odd: NDArray[np.bool_]) -> NDArray[np.float32]:
    """The pixels marked as odd replaced by the mean of what their row and column say, or of their good neighbours."""
    result = signal.copy()
    for row, column in np.argwhere(odd):
        said = [s for s in (_between(signal[row], odd[row], column), _between(signal[:, column], odd[:, column], row)) if s is not None]
        if not said:
            box = slice(max(row - 2, 0), row + 3), slice(max(column - 2, 0), column + 3)
            said = [float(np.mean(signal[box][~odd[box]]))] if (~odd[box]).any() else [float(signal[row, column])]
        result[row, column] = np.mean(said)
    return result


def _between(line: Array | NDArray[np.float32], odd: NDArray[np.bool_], at: int) -> float | None:
    """What the neighbours on both sides of a place say: a cubic through four, a straight line through two, None without those."""
    if not 0 < at < len(line) - 1 or odd[at - 1] or odd[at + 1]:
        return None
    near = float(line[at - 1]) + float(line[at + 1])
    if not 1 < at < len(line) - 2 or odd[at - 2] or odd[at + 2]:
        return near / 2
    return (4 * near - float(line[at - 2]) - float(line[at + 2])) / 6
