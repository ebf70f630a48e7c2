"""pylinac's answer to the same files: its own loader, its own analysis, the ball's diameter told."""

from __future__ import annotations

import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.ours import Answer
from bench.scenes import Scene

Array = NDArray[np.float64]


def image(path: Path, diameter_mm: float) -> Any:
    """One file analysed by pylinac's WinstonLutz2D; whatever it raises goes through."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pylinac.winston_lutz import WinstonLutz2D

        found = WinstonLutz2D(path)
        found.analyze(bb_size_mm=diameter_mm)
        return found


def answer(scene: Scene, diameter_mm: float | None = None) -> Answer:
    """Ball and field of a scene, or the error it ended with; it is told the diameter of the first ball unless another is given.

    pylinac knows one pixel pitch: its pixels are turned into millimetres with the right pitch of each axis. Rows and columns that it cut
    off the image are counted in.
    """
    with scene.file() as path:
        try:
            found = image(path, scene.diameter_mm if diameter_mm is None else diameter_mm)
        except Exception as error:  # a peer may fail as it likes: it is counted as refused
            return Answer(refused=f"{type(error).__name__}: {error}")
    view = scene.view
    pitch = np.array(view.panel.pitch_mm[::-1]) * view.sad_mm / view.sid_mm
    lost = (np.array(view.panel.shape[::-1]) - found.shape[::-1]) / 2
    centre = np.array(view.panel.centre_px[::-1])
    ball, field = (((np.array([p.x, p.y]) + lost - centre) * pitch * (1, -1)) for p in (found.bb, found.field_cax))
    return Answer(ball, field)


def gantry_radius_mm(gantry_deg: Array, offsets_mm: Array) -> float:
    """The radius that pylinac's own minimiser (`WinstonLutz._minimize_axis`) finds for axes at those angles and (u, v) from the ball."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pylinac.core.geometry import Point
        from pylinac.winston_lutz import Axis, BBFieldMatch, WinstonLutz

        def seen(gantry: float, offset: Array) -> SimpleNamespace:
            middle = Point(0.0, 0.0)
            ball = Point(float(offset[0]), -float(offset[1]))  # its rows run down, and its line passes through ball minus field
            match = BBFieldMatch(epid=middle, field=middle, bb=ball, dpmm=1.0, gantry_angle=gantry, couch_angle=0.0, sad=1000.0)
            return SimpleNamespace(arrangement_matches={"Iso": match}, variable_axis=Axis.GANTRY)

        images = [seen(float(g), offset) for g, offset in zip(gantry_deg, offsets_mm, strict=True)]
        whole = WinstonLutz.__new__(WinstonLutz)  # without files: the images are already measured
        super(WinstonLutz, whole).__init__()
        whole.images = images
        return float(whole._minimize_axis(Axis.GANTRY).fun)


def shift_mm(folder: Path, diameter_mm: float) -> Array:
    """`bb_shift_vector` of the files of a folder: x to the right facing the gantry, y towards it, z up, as in F; errors go through."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pylinac import WinstonLutz

        found = WinstonLutz(folder)
        found.analyze(bb_size_mm=diameter_mm)
        vector = found.bb_shift_vector
        return np.array([vector.x, vector.y, vector.z])
