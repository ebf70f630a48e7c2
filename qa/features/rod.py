"""A ball's holder rod: one dark direction, confirmed by looking what the open field would be without it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qa.features.position import Array, middle
from qa.features.residual import correlated_pixels, deviation

SECTORS = 24
DARK = 0.02  # a rod takes at least this share of the ball's depth
SIGNIFICANT = 4.0  # times the noise of a sector's mean
CORRELATED = 8.0  # pixels that share their noise, at least
LOUDEST = 1.5  # times that: a rod is structure itself, and structure looks like widely shared noise
FADED = 0.15  # a rod's edge is where it has faded to this share of its depth
BIN_MM = 0.3


@dataclass(frozen=True)
class Strip:
    """A straight band from the ball's centre outward: its direction (x, y), half width (mm), and how dark it is in the log signal."""

    direction: Array
    half_mm: float
    depth: float = 0.0

    def covers(self, dx: Array, dy: Array) -> NDArray[np.bool_]:
        """Which offsets from the ball's centre it covers."""
        ahead, across = self._axes(dx, dy)
        return np.asarray((np.abs(across) < self.half_mm) & (ahead > 0))

    def _axes(self, dx: Array, dy: Array) -> tuple[Array, Array]:
        return self.direction[0] * dx + self.direction[1] * dy, -self.direction[1] * dx + self.direction[0] * dy

    def narrowed(self, picture: Array, outside: NDArray[np.bool_], dx: Array, dy: Array, depth: float) -> Strip | None:
        """The rod inside this band, or None when the band is not dark.

        ``picture`` (rows, columns) is the log signal above what field and ball explain when the band was left out of the explanation;
        ``outside`` marks the valid pixels beyond the ball.
        """
        ahead, across = self._axes(dx, dy)
        band = outside & self.covers(dx, dy)
        if band.sum() < 10:
            return None
        place = ((across[band] + self.half_mm) / BIN_MM).astype(np.intp)
        count = np.bincount(place)
        profile = np.bincount(place, picture[band]) / np.maximum(count, 1)
        darkest = float(profile[count > 0].min())
        limit = max(DARK * depth, SIGNIFICANT * _shared_noise(picture, outside) / np.sqrt(max(middle(count.astype(np.float64)), 1.0)))
        if darkest > -limit:
            return None
        dark = np.nonzero((profile < FADED * darkest) & (count > 0))[0]
        centre = float(np.average((dark + 0.5) * BIN_MM - self.half_mm, weights=-profile[dark]))
        reach = float(np.average(ahead[band]))
        turned = self.direction + np.array([-self.direction[1], self.direction[0]]) * centre / reach
        half = (len(dark) / 2 + 1.5) * BIN_MM
        return Strip(turned / np.hypot(*turned), min(half, self.half_mm), -darkest)


def darkest_direction(picture: Array, outside: NDArray[np.bool_], dx: Array, dy: Array, depth: float) -> Array | None:
    """Unit vector (x, y) towards the darkest sector beyond the ball, or None when none is dark."""
    a, b = dx[outside], dy[outside]
    sector = ((np.arctan2(b, a) + np.pi) / (2 * np.pi) * SECTORS).astype(np.intp) % SECTORS
    count = np.bincount(sector, minlength=SECTORS)
    mean = np.bincount(sector, picture[outside], minlength=SECTORS) / np.maximum(count, 1)
    noise = _shared_noise(picture, outside) / np.sqrt(np.maximum(count, 1))
    score = np.where(count >= 2, mean + np.maximum(DARK * depth, SIGNIFICANT * noise), np.inf)
    k = int(np.argmin(score))
    if score[k] > 0:
        return None
    near = (np.arange(k - 1, k + 2)) % SECTORS
    weight = np.clip(-mean[near], 0, None)
    towards = (near + 0.5) / SECTORS * 2 * np.pi - np.pi
    vector = np.array([weight @ np.cos(towards), weight @ np.sin(towards)])
    return np.asarray(vector / np.hypot(*vector))


def _shared_noise(picture: Array, valid: NDArray[np.bool_]) -> float:
    """Standard deviation of a mean of n pixels times the root of n: neighbours share their noise."""
    alone, q = deviation(picture, valid)
    least = pixel_noise(picture, valid) * float(np.sqrt(CORRELATED))
    return float(np.clip(alone * np.sqrt(correlated_pixels(q)), least, LOUDEST * least))


def pixel_noise(picture: Array, valid: NDArray[np.bool_]) -> float:
    """Standard deviation of neighbouring pixels' difference over root two, robust."""
    pairs = valid[:, 1:] & valid[:, :-1]
    return middle(np.abs(np.diff(picture, axis=1)[pairs])) / 0.954 if pairs.any() else 0.0
