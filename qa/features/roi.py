"""The mean, noise and their uncertainty of a disc or rectangle placed in mm on pixels that need not be square."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qa.features.number import Number, number
from qa.features.position import Array, middle
from qa.reading import AnalysisError

FEWEST = 20  # pixels: fewer have no noise to speak of
LAGS = 4  # pixels over which noise is taken as correlated
MOST_LOST = 0.6  # of the autocorrelation that the plane may have taken: beyond, too little is left to correct
PLAIN = 2.0  # standard deviations that a ring of the autocorrelation must differ from nothing to count
CLIPPED = 0.02  # share of pixels at the very lowest or highest value that says "clipped", when the next value has less than half as many
APART = 5.0  # times what noise gives: beyond this the median and the mean do not describe the same region
WORST_SHARED = 9.0  # pixels that share their noise, at most, where mean and median are compared: what lies in a region looks like more
ODD = 4.5  # robust standard deviations beyond which a pixel counts as odd


@dataclass(frozen=True)
class Roi:
    """What a region of one image holds.

    ``mean`` with u under correlated noise; ``noise`` the standard deviation about a fitted plane, with u; ``sd`` about the mean;
    ``median`` and ``robust_sd`` the second, outlier-proof estimates; ``pixels`` how many count, ``shared_px`` how many of them share their
    noise; ``clipped`` the share of pixels at a value that the image cannot exceed; ``odd`` the share far off the rest.
    """

    mean: Number
    noise: Number
    sd: float
    median: float
    robust_sd: float
    pixels: int
    shared_px: float
    clipped: float
    odd: float


def disc(shape: tuple[int, ...], pitch_mm: tuple[float, float], centre_mm: tuple[float, float], radius_mm: float) -> NDArray[np.bool_]:
    """Which pixels have their centre within a disc about (x, y) mm from the centre of pixel (0, 0); ``pitch_mm`` (row, column).

    AnalysisError when the disc leaves the image.
    """
    y = np.arange(shape[0])[:, None] * pitch_mm[0] - centre_mm[1]
    x = np.arange(shape[1])[None, :] * pitch_mm[1] - centre_mm[0]
    _inside(shape, pitch_mm, centre_mm, (radius_mm, radius_mm))
    return np.asarray(x * x + y * y <= radius_mm * radius_mm)


def rectangle(
    shape: tuple[int, ...],
    pitch_mm: tuple[float, float],
    centre_mm: tuple[float, float],
    half_mm: tuple[float, float],
    angle_deg: float = 0.0,
) -> NDArray[np.bool_]:
    """Which pixels have their centre within a rectangle of half widths (x, y), turned from x towards y.

    AnalysisError when it leaves the image.
    """
    y = np.arange(shape[0])[:, None] * pitch_mm[0] - centre_mm[1]
    x = np.arange(shape[1])[None, :] * pitch_mm[1] - centre_mm[0]
    cos, sin = np.cos(np.radians(angle_deg)), np.sin(np.radians(angle_deg))
    _inside(shape, pitch_mm, centre_mm, (abs(half_mm[0] * cos) + abs(half_mm[1] * sin), abs(half_mm[0] * sin) + abs(half_mm[1] * cos)))
    return np.asarray((np.abs(x * cos + y * sin) <= half_mm[0]) & (np.abs(y * cos - x * sin) <= half_mm[1]))


def _inside(shape: tuple[int, ...], pitch_mm: tuple[float, float], centre_mm: tuple[float, float], reach_mm: tuple[float, float]) -> None:
    """AnalysisError when a region leaves the image."""
    for axis, word in ((0, "rows"), (1, "columns")):
        at, reach = centre_mm[1 - axis], reach_mm[1 - axis]
        if at - reach < -pitch_mm[axis] or at + reach > shape[axis] * pitch_mm[axis]:
            raise AnalysisError(f"a region that is needed lies outside the image's {word}; take a larger field of view")


def covered(shape: tuple[int, ...], pitch_mm: tuple[float, float], centre_mm: tuple[float, float], radius_mm: float) -> Array:
    """The share of every pixel that a disc covers, from 8 x 8 points in each: weights of a region that is small against its pixels."""
    _inside(shape, pitch_mm, centre_mm, (radius_mm, radius_mm))
    fine = (np.arange(8) - 3.5) / 8
    y = (np.arange(shape[0])[:, None] + fine[None, :]) * pitch_mm[0] - centre_mm[1]
    x = (np.arange(shape[1])[:, None] + fine[None, :]) * pitch_mm[1] - centre_mm[0]
    rows, columns = (np.nonzero(np.abs(a).min(axis=1) <= radius_mm + p)[0] for a, p in ((y, pitch_mm[0]), (x, pitch_mm[1])))
    result = np.zeros(shape)
    inside = (y[rows] ** 2)[:, None, :, None] + (x[columns] ** 2)[None, :, None, :] <= radius_mm**2
    result[np.ix_(rows, columns)] = inside.mean(axis=(2, 3))
    return result


def region(image: Array, use: NDArray[np.bool_], like: Roi | None = None, step: float = 0.0) -> Roi:
    """Statistics of the pixels ``use``.

    ``like``: a larger region of the same noise, which says how many pixels share their noise and how strong it is at least; without it a
    region under about 150 pixels in strongly correlated noise states a u that is up to twice too small. ``step`` is the image's value step
    (1 HU, 1 count): a constant region is known to step/sqrt(12). AnalysisError for fewer than 20 pixels.
    """
    values = image[use].astype(np.float64)
    if len(values) < FEWEST:
        raise AnalysisError(f"a region holds {len(values)} pixels and needs {FEWEST}; take a smaller pixel")
    mean, sd, median = float(values.mean()), float(values.std(ddof=1)), middle(values)
    rows, columns = np.nonzero(use)
    plane = np.stack([np.ones(len(values)), rows - rows.mean(), columns - columns.mean()], axis=1)
    left = values - plane @ np.linalg.lstsq(plane, values, rcond=None)[0]
    noise = float(np.sqrt(left @ left / (len(values) - 3)))
    shared, squared = correlated_px(left, use)
    of_mean = noise
    if like is not None:
        shared, squared, of_mean = like.shared_px, max(squared, like.shared_px), max(noise, like.noise.value)
    independent = max(len(values) / shared, 2.0)
    robust = 1.4826 * middle(np.abs(values - median))
    odd = float(np.mean(np.abs(values - median) > ODD * max(robust, step / 2))) if robust > 0 else 0.0
    floor = step / np.sqrt(12)
    budget = {"noise": of_mean / np.sqrt(independent), "value step": floor / np.sqrt(len(values))}
    return Roi(
        number(mean, budget, least_u=1e-9 * max(abs(mean), 1.0)),
        number(
            noise, {"few pixels": noise * np.sqrt(squared / 2 / len(values)), "value step": floor / 2}, least_u=1e-9 * max(abs(mean), 1.0)
        ),
        sd,
        median,
        robust,
        len(values),
        shared,
        clipped_share(values),
        odd,
    )


def correlated_px(left: Array, use: NDArray[np.bool_]) -> tuple[float, float]:
    """How many pixels share their noise in a mean, and in a variance: the sums of the autocorrelation and of its square.

    ``left`` is what a plane leaves in a region. A mean over n pixels has the variance noise^2 shared/n. Rings of lags are added as long as
    they differ from nothing, up to 4 pixels; what the plane's 3 parameters took from every lag is given back. Small regions know this
    badly: hand over that of a larger one where there is one.
    """
    rows, columns = np.nonzero(use)
    size = int(np.ptp(rows)) + 1 + LAGS, int(np.ptp(columns)) + 1 + LAGS
    pictures = np.zeros((2, *size))
    pictures[0, rows - rows.min(), columns - columns.min()] = left
    pictures[1, rows - rows.min(), columns - columns.min()] = 1.0
    total, pairs = np.fft.irfft2(np.abs(np.fft.rfft2(pictures)) ** 2, size)
    count, zero = len(left), float(total[0, 0])
    if zero <= 1e-20 * count:
        return 1.0, 1.0
    lag = np.arange(-LAGS, LAGS + 1)
    total, pairs, away = total[np.ix_(lag, lag)] / zero, pairs[np.ix_(lag, lag)], np.hypot(lag[:, None], lag[None, :])
    summed, squares, lost = 1.0, 1.0, 3.0 / count
    for reach in range(1, LAGS + 1):
        ring = (away > reach - 1) & (away <= reach)
        seen = float(pairs[ring].sum())
        gained = float(total[ring].sum())
        if 3 * (lost * count / 3 + seen / count) / count > MOST_LOST or abs(gained * count / seen) < PLAIN * np.sqrt(2 * squares / seen):
            break
        summed, lost = summed + gained, lost + 3 * seen / count**2
        squares += float((total[ring] ** 2 * count / np.maximum(pairs[ring], 1)).sum())
    shared = summed / max(1 - lost + 3 * summed / count, 0.1)
    return float(np.clip(shared, 0.25, count / 3)), float(np.clip(squares, 1.0, count / 3))


def clipped_share(values: Array) -> float:
    """The share of values at the lowest or highest value found, where they pile up there as values cut off do; 0 where none are.

    A pile is more than 2 % of the values and twice as many as at the next value. A region that is nearly constant has no pile.
    """
    levels, counts = np.unique(values, return_counts=True)
    if len(levels) < 4:
        return 0.0
    ends = [counts[0] if counts[0] > 2 * counts[1] else 0, counts[-1] if counts[-1] > 2 * counts[-2] else 0]
    share = max(ends) / len(values)
    return float(share) if share > CLIPPED else 0.0


def agree(roi: Roi) -> bool:
    """Whether mean and median describe the same region: false where something else lies in part of it, however large its noise looks."""
    return bool(
        abs(roi.mean.value - roi.median) <= APART * max(roi.robust_sd * np.sqrt(WORST_SHARED / roi.pixels), roi.mean.budget["value step"])
    )
