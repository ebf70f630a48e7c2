"""A place found in a volume, with its uncertainty and where the uncertainty comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

Triple = tuple[float, float, float]


@dataclass(frozen=True)
class Place:
    """A sub-voxel place in a volume: mm along the index axes (index times pitch), order (slice, row, column).

    The origin is the centre of voxel (0, 0, 0). ``u_mm`` is the standard uncertainty (k = 1) per axis, ``budget`` its named components,
    ``second`` the answer of the independent second algorithm, ``radius_mm`` the ball's radius (a cube: half its mean edge),
    ``shape`` is "ball" (denser than what is around it), "cavity" (less dense) or "cube".
    """

    index_mm: Triple
    u_mm: Triple
    radius_mm: float
    budget: Mapping[str, Triple]
    second: Triple
    shape: str
    flags: tuple[str, ...] = field(default=())
