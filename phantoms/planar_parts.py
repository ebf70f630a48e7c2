"""A planar phantom's parts as shapes to add up: each over what lies under it, so that the sum is the painted picture."""

from functools import lru_cache

import numpy as np

from phantoms.models import PlanarModel, Region
from phantoms.planar_shapes import Block, Round, Shape
from phantoms.rays import turn

OUTLINE = "outline"


def outline(model: PlanarModel) -> Region:
    """The plate itself as a region; its transmission over the plate's is 1."""
    return Region(OUTLINE, "window", model.shape, 0.0, 0.0, model.width_mm, model.height_mm, 1.0, corner_mm=model.corner_mm)


def layers(model: PlanarModel) -> tuple[Region, ...]:
    """Everything in the order in which it is painted: bodies, the outline, the parts."""
    bodies = tuple(region for region in model.regions if region.kind == "body")
    return (*bodies, outline(model), *(region for region in model.regions if region.kind != "body"))


def holds(region: Region, x_mm: float, y_mm: float) -> bool:
    """Whether a point is in the region (its rounded corners counted in)."""
    if region.shape == "circle":
        return bool(np.hypot(x_mm - region.x_mm, y_mm - region.y_mm) <= region.width_mm / 2)
    x, y = turn(region.turn_deg).T @ (x_mm - region.x_mm, y_mm - region.y_mm)
    return bool(abs(x) <= region.width_mm / 2 and abs(y) <= region.height_mm / 2)


def level(model: PlanarModel, region: Region, *, gap: bool = False) -> float:
    """What a region lets through, over the open beam; of bars the dark ones, or the gaps."""
    return model.transmission * (region.gap_transmission if gap else region.transmission)


def under(model: PlanarModel, region: Region) -> float:
    """What would be seen at the region's middle if it and what is painted after it were not there, over the open beam."""
    stack = layers(model)
    below = [other for other in stack[: stack.index(region)] if holds(other, region.x_mm, region.y_mm)]
    return level(model, below[-1], gap=below[-1].kind == "bars") if below else 1.0


def bar_edges_mm(region: Region) -> tuple[tuple[float, float], ...]:
    """The dark bars of a group, from and to, along the width from the group's middle."""
    half = 0.5 / region.lp_per_mm
    pieces = round(region.width_mm / half)
    starts = [(k - pieces / 2) * half for k in range(1 if region.outer_gaps else 0, pieces, 2)]
    return tuple((start, start + half) for start in starts)


@lru_cache(maxsize=64)
def painted(model: PlanarModel) -> tuple[Shape, ...]:
    """Shapes whose sum, added to an open beam of 1, is the phantom."""
    shapes: list[Shape] = []
    for region in layers(model):
        centre, below = (region.x_mm, region.y_mm), under(model, region)
        if region.kind == "bars":
            gap, dark = level(model, region, gap=True), level(model, region)
            half = round(region.width_mm * 2 * region.lp_per_mm) / region.lp_per_mm / 4
            steps = [(a, b, dark - gap) for a, b in bar_edges_mm(region)]
            base = [(-half, half, gap - below)] if abs(gap - below) > 1e-12 else []
            shapes.append(Block(centre, region.turn_deg, tuple(base + steps), region.height_mm))
        elif abs(level(model, region) - below) > 1e-12:
            change = level(model, region) - below
            if region.shape == "circle":
                shapes.append(Round(centre, region.width_mm / 2, change))
            else:
                half = region.width_mm / 2
                shapes.append(Block(centre, region.turn_deg, ((-half, half, change),), region.height_mm, region.corner_mm))
    return tuple(shapes)
