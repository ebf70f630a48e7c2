"""What lies on the couch besides the phantom: slabs of couch top, plates and bars of metal, in true perspective."""

from dataclasses import dataclass
from itertools import product
from math import exp

import numpy as np
from scipy.spatial import ConvexHull

from phantoms.clutter import Silhouette
from phantoms.machine import Linac, Shot
from phantoms.placement import carried
from phantoms.rays import Point3, project, to_gantry


@dataclass(frozen=True)
class Slab:
    """A box with its sides along the axes of F, from `low_mm` to `high_mm`, while the couch is at 0 and has not travelled.

    It goes with the couch. Its outline is that of its eight corners along the rays; inside it takes the same from the
    beam everywhere, that of its mean chord (volume over shadow). `blur_mm` serves machines without unsharpness.
    """

    low_mm: Point3
    high_mm: Point3
    mu_per_mm: float = 0.003
    kv_mu_per_mm: float = 0.01
    blur_mm: float = 0.6

    def shadow(self, linac: Linac, shot: Shot) -> Silhouette:
        """Its shadow in one shot. ValueError when it reaches up to the source."""
        xs, ys, zs = zip(self.low_mm, self.high_mm, strict=True)
        corners = [carried(linac, corner, shot) for corner in product(xs, ys, zs)]
        gantry = [to_gantry(corner, shot.gantry_deg) for corner in corners]
        if max(z for _, _, z in gantry) > 0.9 * linac.sad_mm:
            raise ValueError(f"{self} reaches up to the source at gantry {shot.gantry_deg}")
        seen = [project(corner, linac.source_uv_mm(shot), linac.sad_mm) for corner in gantry]
        hull = ConvexHull(np.array([point.uv_mm for point in seen]))  # counter-clockwise; its volume is an area
        magnification = float(np.mean([point.magnification for point in seen]))
        volume = float(np.prod(np.subtract(self.high_mm, self.low_mm)))
        chord = volume * magnification**2 / float(hull.volume)
        mu = self.kv_mu_per_mm if linac.radiation == "kV" else self.mu_per_mm
        blur = linac.blur_mm(magnification, self.blur_mm)
        outline = tuple(seen[int(corner)].uv_mm for corner in hull.vertices)
        return Silhouette(outline, exp(-mu * chord), blur)
