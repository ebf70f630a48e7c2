"""A star of narrow beams in one picture: every spoke a strip with a known axis, on a panel or on film that is scanned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from phantoms.aperture import SIMPLE, Penumbra, Rectangle
from phantoms.epid import View, draw
from phantoms.noise import correlated
from phantoms.panel import Panel
from phantoms.rays import turn

Array = NDArray[np.float64]
FOG, DENSEST = 0.12, 2.6  # optical density of film without dose and with very much
HALF_DOSE = 1.2  # of the dose of one spoke: where film has half of its densest rise


@dataclass(frozen=True)
class Spoke:
    """A strip along ``angle_deg`` (from +u towards +v); its axis passes ``offset_mm`` to the left of the origin, on the isocentre plane.

    ``shift_mm`` moves the strip along itself, which changes no axis; ``dose`` is that of its open middle.
    """

    angle_deg: float
    offset_mm: float
    width_mm: float = 4.0
    length_mm: float = 80.0
    dose: float = 1.0
    shift_mm: float = 0.0

    @property
    def normal(self) -> Array:
        """(2,) to the left of the direction."""
        return np.asarray(turn(self.angle_deg) @ [0.0, 1.0])


def dose(spokes: Sequence[Spoke], panel: Panel, sid_mm: float = 1500.0, penumbra: Penumbra = SIMPLE, transmission: float = 0.002) -> Array:
    """The sum of all spokes on a panel or film at ``sid_mm`` (1000: film in the isocentre plane); every pixel its own area's average."""
    total = np.zeros(panel.shape)
    for spoke in spokes:
        u, v = turn(spoke.angle_deg) @ [spoke.shift_mm, spoke.offset_mm]
        strip = Rectangle(spoke.length_mm, spoke.width_mm)
        view = View(panel, strip, penumbra, (float(u), float(v)), spoke.angle_deg, sid_mm=sid_mm, transmission=transmission)
        total += spoke.dose * draw(view)
    return total


def scan(doses: Array, rng: np.random.Generator, grain: float = 0.01, bits: int = 16) -> NDArray[Any]:
    """What a flat-bed scanner reads of film in transmitted light: darker with dose, flattening, with ``grain`` in optical density."""
    density = FOG + (DENSEST - FOG) * doses / (doses + HALF_DOSE)
    seen = 10.0 ** -correlated(rng, density, grain, 0.3)
    full = 2**bits - 1
    levels = np.clip(np.rint(full * seen), 0, full)
    return np.asarray(levels, dtype=np.uint16 if bits == 16 else np.uint8)


def save(levels: NDArray[Any], path: Path, pitch_mm: tuple[float, float]) -> Path:
    """The scan as a grey TIFF or PNG, by the name's ending, with its resolution (row, column pitch)."""
    from PIL import Image

    down, across = (25.4 / mm for mm in pitch_mm)
    Image.fromarray(levels).save(path, dpi=(across, down))
    return path
