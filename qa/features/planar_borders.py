"""The edges that a planar phantom's facts hold: which of them run free of everything else, and which serves best for an MTF."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from phantoms.models import PlanarModel, Region
from qa.features.planar_map import corners, drawn, inside, outline
from qa.features.position import Array

LEAST_MM = {"kV": 2.4, "MV": 3.9}  # free on both sides of an edge, on the phantom
MOST_MM = 6.0  # farther is not needed
CENTRAL = 0.78  # of a side's length: rounded corners
LEAST_STEP = 0.10  # of the signal: across steps of 7 % the tails of a blur drown in noise, and MTF50 was found 6 % too high on average
SAME = 0.004  # transmissions that differ by less are one
ALONG = 17  # places along an edge at which its surroundings are looked at
SHORTEST_MM = 9.0


@dataclass(frozen=True)
class Border:
    """An edge of the phantom's facts: ``name``; a line from ``start`` to ``stop`` or, ``radius_mm`` > 0, a circle about ``start``.

    ``reach_mm`` is how far it is free of everything else on both sides, ``step`` the change of signal over their mean.
    """

    name: str
    start: tuple[float, float]
    stop: tuple[float, float]
    radius_mm: float
    reach_mm: float
    step: float

    @property
    def length_mm(self) -> float:
        """Of the line or the circle."""
        return float(2 * np.pi * self.radius_mm if self.radius_mm else np.hypot(self.stop[0] - self.start[0], self.stop[1] - self.start[1]))


@lru_cache(maxsize=32)
def borders(model: PlanarModel) -> tuple[Border, ...]:
    """The usable edges of a model, the best first."""
    found = []
    for region in model.regions:
        if region.kind in ("body", "bars", "marker") or _is_outline(model, region):
            continue
        sides = [None] if region.shape == "circle" else list(range(4))
        found += [border for side in sides if (border := _border(model, region, side)) is not None]
    whole = outline(model)
    sides = [None] if model.shape == "circle" else list(range(4))
    found += [border for side in sides if (border := _border(model, whole, side)) is not None]
    return tuple(sorted(found, key=lambda b: -_worth(b)))


def usable(model: PlanarModel, radiation: str) -> tuple[Border, ...]:
    """The edges with room enough for the blur of that radiation, the best first."""
    return tuple(border for border in borders(model) if border.reach_mm >= LEAST_MM[radiation])


def _worth(border: Border) -> float:
    """How well an edge serves: its step, length and room; the outline last, because thick plates have slanting flanks."""
    own = 0.05 if border.name.startswith("outline") else 1.0
    return float(own * min(border.step, 0.5) * np.sqrt(min(border.length_mm, 40.0)) * min(border.reach_mm / 4, 1.0))


def _is_outline(model: PlanarModel, region: Region) -> bool:
    return abs(region.width_mm - model.width_mm) < 1.0 and abs(region.height_mm - model.height_mm) < 1.0


NAMES = {0: "low", 1: "right", 2: "top", 3: "left"}


def _border(model: PlanarModel, region: Region, side: int | None) -> Border | None:
    """One side of a region (None: its rim) when it runs free and has a step."""
    if side is None:
        radius, turn = region.width_mm / 2, np.linspace(0, 2 * np.pi, 2 * ALONG, endpoint=False)
        out = np.stack([np.cos(turn), np.sin(turn)])
        at = np.array([[region.x_mm], [region.y_mm]]) + radius * out
        start, stop, most = (region.x_mm, region.y_mm), (region.x_mm, region.y_mm), min(MOST_MM, 0.8 * radius)
    else:
        ends = np.array(corners(region))
        a, b = ends[side], ends[(side + 1) % 4]
        trim = max((1 - CENTRAL) / 2, (region.corner_mm + 0.5) / max(float(np.hypot(*(b - a))), 1e-9))
        if trim > 0.4:
            return None
        share = np.linspace(trim, 1 - trim, ALONG)
        at = a[:, None] + (b - a)[:, None] * share
        along = (b - a) / np.hypot(*(b - a))
        out = np.repeat(np.array([along[1], -along[0]])[:, None], ALONG, axis=1)
        start, stop = (float(at[0, 0]), float(at[1, 0])), (float(at[0, -1]), float(at[1, -1]))
        radius, most = 0.0, MOST_MM
    depth = np.arange(0.2, most + 0.01, 0.2)
    inner, outer = (_signal(model, at, sign * out, depth) for sign in (-1, 1))
    reach = min(_free(inner, depth), _free(outer, depth))
    step = abs(float(outer[:, 0].mean() - inner[:, 0].mean())) / float(outer[:, 0].mean() + inner[:, 0].mean()) * 2
    name = f"{region.name}, rim" if side is None else f"{region.name}, {NAMES[side]} side"
    border = Border(name, start, stop, radius, reach, step)
    return border if step > LEAST_STEP and border.length_mm > SHORTEST_MM else None


def _signal(model: PlanarModel, at: Array, out: Array, depth: Array) -> Array:
    """(places, depths) of the model's transmission over open beam, on one side of an edge."""
    x, y = at[0][:, None] + out[0][:, None] * depth, at[1][:, None] + out[1][:, None] * depth
    signal = model.transmission * drawn(model, x, y)
    if model.shape == "circle":
        open_ = np.hypot(x, y) > model.width_mm / 2
    else:
        open_ = (np.abs(x) > model.width_mm / 2) | (np.abs(y) > model.height_mm / 2)
    bodies = [r for r in model.regions if r.kind == "body"]
    return np.where(open_ & ~np.any([inside(b, x, y) for b in bodies], axis=0) if bodies else open_, 1.0, signal)


def _free(signal: Array, depth: Array) -> float:
    """How deep the signal stays what it is next to the edge."""
    same = (np.abs(signal - signal[:, :1].mean()) < SAME).all(axis=0)
    return float(depth[-1] if same.all() else depth[max(int(np.argmin(same)) - 1, 0)]) if same[0] else 0.0
