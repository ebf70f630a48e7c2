"""The turn of a round phantom, by what it holds: the nominal picture and its slope fitted to the image over the angle alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qa.features.number import Number, number
from qa.features.planar_map import drawn
from qa.features.position import Array, clustered_u
from qa.planar_quality_look import Seen
from qa.reading import AnalysisError

RINGS, SECTORS = 40, 1440
OUTER = 0.95  # of the radius
STEP_DEG = 0.5  # either side of the angle at which the nominal picture is drawn: its parts are blurred by as much as the image
GROUP_DEG = 6.0  # sectors whose errors go together
LARGEST_DEG = 1.5  # from the recognition's angle: farther, something else was fitted
CONFLICT_DEG, CERTAIN = 0.5, 4.0  # halves of the picture may differ by this, or by this many u


def turn(seen: Seen) -> Number:
    """The angle in degrees, counter-clockwise, by two halves of the picture that must agree. AnalysisError when they do not."""
    from scipy.ndimage import map_coordinates

    model = seen.model
    radius = (np.arange(RINGS) + 0.5) / RINGS * OUTER * model.width_mm / 2
    angle = (np.arange(SECTORS) + 0.5) / SECTORS * 2 * np.pi
    x, y = radius[:, None] * np.cos(angle), radius[:, None] * np.sin(angle)
    px, py = seen.pose.place(x, y)
    image = map_coordinates(seen.pixels, [py / seen.pitch_mm[0], px / seen.pitch_mm[1]], order=1, mode="nearest", output=np.float64)
    step = np.radians(STEP_DEG)
    shifted = [_soft(drawn(model, radius[:, None] * np.cos(angle + s), radius[:, None] * np.sin(angle + s))) for s in (-step, 0.0, step)]
    weight = np.repeat(np.sqrt(radius)[:, None], SECTORS, axis=1)
    sector = np.repeat((np.degrees(angle) // GROUP_DEG).astype(np.intp)[None, :], RINGS, axis=0)
    change, u = _fit(image, shifted, weight, sector, np.ones(image.shape, dtype=bool))
    halves = [_fit(image, shifted, weight, sector, np.cos(angle)[None, :] * sign + 0 * image > 0) for sign in (1, -1)]
    apart = abs(halves[0][0] - halves[1][0])
    if apart > max(CONFLICT_DEG, CERTAIN * float(np.hypot(halves[0][1], halves[1][1]))) or abs(change) > LARGEST_DEG:
        raise AnalysisError("two halves of the phantom say different turns: it is tilted, or not quite the model that it seems")
    sign = -1.0 if seen.pose.mirrored else 1.0
    found = (seen.pose.angle_deg + sign * change + 180) % 360 - 180
    return number(found, {"noise and parts": u, "halves of the picture": max(apart / 2 - u, 0.0) / 2}, least_u=1e-4)


def _soft(rings: Array) -> Array:
    """The nominal picture with its steps made as soft as an image's."""
    from scipy.ndimage import gaussian_filter1d

    return np.asarray(gaussian_filter1d(rings, 2.5, axis=1, mode="wrap"))


def _fit(image: Array, shifted: list[Array], weight: Array, sector: NDArray[np.intp], use: NDArray[np.bool_]) -> tuple[float, float]:
    """(Turn in degrees, u) by which the nominal picture must be turned, its contrast free, ring means taken out."""
    before, here, after = shifted
    slope = (after - before) / (2 * STEP_DEG)  # the picture at angle + s is the phantom turned by -s
    columns = []
    for values in (image, here, -slope):
        masked = np.where(use, values, 0.0)
        mean = masked.sum(axis=1, keepdims=True) / np.maximum(use.sum(axis=1, keepdims=True), 1)
        columns.append(np.where(use, (values - mean) * weight, 0.0)[use])
    target, design = columns[0], np.stack(columns[1:], axis=1)
    (scale, turned), *_ = np.linalg.lstsq(design, target, rcond=None)
    left = target - design @ np.array([scale, turned])
    influence = np.linalg.pinv(design).T[:, 1:] * left[:, None]
    return float(turned / scale), float(clustered_u(influence, sector[use])[0] / abs(scale))
