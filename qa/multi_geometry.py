"""Points of the couch's frame as images of any gantry and couch angle see them, and back.

Section 2 of docs/physics/winston_lutz_multi.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qa.acquisition import Image
from qa.isocentre import rows, towards_source

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Views:
    """One view per sighting: ``axes`` (n, 3, 3), rows along u, v and towards the source in the couch's frame (F, couch at 0), and
    ``sad_mm`` (n,).
    """

    axes: Array
    sad_mm: Array

    @classmethod
    def of(cls, images: Sequence[Image]) -> Views:
        """The views of some images, one each, in order."""
        gantry, couch = np.array([i.gantry_deg for i in images]), np.array([i.couch_deg for i in images])
        axes = np.concatenate([rows(gantry, couch), towards_source(gantry, couch)[:, None, :]], axis=1)
        return cls(axes, np.array([i.sad_mm for i in images]))

    def chosen(self, indices: Sequence[int]) -> Views:
        """Some of them."""
        return Views(self.axes[list(indices)], self.sad_mm[list(indices)])

    def project(self, points_mm: Array) -> Array:
        """(u, v) on the isocentre plane of points: (m, 3) or (m, 1, 3) against (n,) views broadcast to (..., 2)."""
        seen = np.einsum("nij,...nj->...ni", self.axes, points_mm)
        return np.asarray(seen[..., :2] * (self.sad_mm / (self.sad_mm - seen[..., 2]))[..., None])

    def slopes(self, points_mm: Array) -> Array:
        """(n, 2, 3): how (u, v) of the n-th point (n, 3) moves in the n-th view when the point moves."""
        seen = np.einsum("nij,nj->ni", self.axes, points_mm)
        larger = self.sad_mm / (self.sad_mm - seen[:, 2])
        along = (seen[:, :2] * (larger**2 / self.sad_mm)[:, None])[:, :, None] * self.axes[:, 2:, :]
        return np.asarray(larger[:, None, None] * self.axes[:, :2, :] + along)

    def ray_rows(self, uv_mm: Array) -> tuple[Array, Array]:
        """The two planes that meet in each ray: rows (n, 2, 3) and right sides (n, 2), exact and linear in the point."""
        return self.axes[:, :2, :] + (uv_mm / self.sad_mm[:, None])[:, :, None] * self.axes[:, 2:, :], uv_mm

    def triangulate(self, uv_mm: Array) -> Array:
        """The point (3,) nearest to the rays through ``uv_mm`` (n, 2), by least squares; any point of a line when rays are parallel."""
        left, right = self.ray_rows(uv_mm)
        return np.asarray(np.linalg.pinv(left.reshape(-1, 3)) @ right.ravel())

    def spread(self) -> float:
        """The largest sine of the angle between two lines of sight, 0 for one view: opposite views are the same line."""
        towards = self.axes[:, 2, :]
        return float(np.sqrt(max(0.0, 1 - float(((towards @ towards.T) ** 2).min()))))
