"""A QC-3 in an MV beam and a TOR 18 in a kV beam of an ordinary machine, for the demonstration."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

SEED = 20260105
SOURCE_MM = 1003.0  # set up by the lasers, a little below the isocentre


def write(folder: Path, say: Callable[[str], None]) -> list[Path]:
    """One image of each phantom, in folders of their own: they are of two imagers."""
    from phantoms import planar_exposure
    from phantoms.models import PlanarModel, named
    from phantoms.panel import AS1000, PAXSCAN
    from phantoms.planar_detector import take
    from phantoms.planar_random import random_detector, random_scene

    paths: list[Path] = []
    rng = np.random.default_rng(SEED)
    for key, panel, angle in (("si_qc3", AS1000, -44.2), ("leeds_tor18", PAXSCAN, 1.8)):
        model = named(key, "planar")
        assert isinstance(model, PlanarModel)
        say(f"drawing {model.name}")
        scene = random_scene(rng, model, panel=panel, angle_deg=angle, mirrored=False, clutter=False)
        scene = replace(scene, placement=replace(scene.placement, source_mm=SOURCE_MM))
        paths += planar_exposure.write([take(scene, random_detector(rng, model.radiation), rng)], folder / key, seed=SEED)
    return paths
