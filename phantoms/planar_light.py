"""Beam and couch of a planar image: smooth, and multiplied pixel by pixel with what the phantom shows."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from phantoms.panel import Panel
from phantoms.penumbra import edge
from phantoms.rays import Point, turn

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Strip:
    """A couch, a rail, an edge: between two lines across `turn_deg` (0: they run along v), `from_mm` to `to_mm` from the panel's centre."""

    from_mm: float
    to_mm: float
    transmission: float
    turn_deg: float = 0.0
    sigma_mm: float = 0.5


@dataclass(frozen=True)
class Beam:
    """The open beam at the panel: 1 in the middle, times (1 + tilt.r + curvature r^2 + horn r^4) / (1 + (r/fff_mm)^2).

    `field_uv_mm` = (u from, u to, v from, v to) of the collimator's edges, None: none in view; outside is `leakage`.
    """

    field_uv_mm: tuple[float, float, float, float] | None = None
    edge_sigma_mm: float = 3.0
    leakage: float = 0.01
    tilt_per_mm: Point = (0.0, 0.0)
    curvature_per_mm2: float = 0.0
    horn_per_mm4: float = 0.0
    fff_mm: float = float("inf")


OPEN = Beam()


def lighting(panel: Panel, beam: Beam, strips: tuple[Strip, ...]) -> Array:
    """What the beam and the couch make of an empty image, at pixel centres."""
    down, across = panel.pitch_mm
    u: Array = ((np.arange(panel.columns, dtype=np.float64) - panel.centre_px[1]) * across)[None, :]
    v: Array = ((panel.centre_px[0] - np.arange(panel.rows, dtype=np.float64)) * down)[:, None]
    r2: Array = u**2 + v**2
    light: Array = 1 + beam.tilt_per_mm[0] * u + beam.tilt_per_mm[1] * v + (beam.curvature_per_mm2 + beam.horn_per_mm4 * r2) * r2
    light = light / (1 + r2 / beam.fff_mm**2)
    for strip in strips:
        c, s = (float(value) for value in turn(strip.turn_deg)[:, 0])
        light = light * (1 - (1 - strip.transmission) * _slot(c * u + s * v, strip.from_mm, strip.to_mm, strip.sigma_mm))
    if beam.field_uv_mm:
        u0, u1, v0, v1 = beam.field_uv_mm
        opening = _slot(u, u0, u1, beam.edge_sigma_mm) * _slot(v, v0, v1, beam.edge_sigma_mm)
        light = light * (beam.leakage + (1 - beam.leakage) * opening)
    return light


def _slot(x: Array, low: float, high: float, sigma: float) -> Array:
    return edge(x - low, sigma) - edge(x - high, sigma)
