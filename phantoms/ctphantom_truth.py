"""What a measurement should find in a drawn CT phantom: pose, places, distances, CT numbers, slice thickness, MTF, NPS."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import ndtr

from phantoms.ctphantom_noise import Nps
from phantoms.ctphantom_parts import ramp_ends
from phantoms.ctphantom_place import Placement
from phantoms.models import CtModel, Module, Plug
from phantoms.volume_grid import Grid, Point

Array = NDArray[np.float64]
DIRECTIONS = 96  # over a quarter of a turn, for an average over all directions


@dataclass(frozen=True)
class PhantomTruth:
    """The truth of one scan. Places are in F, as the volume shows them; frequencies in 1/mm; CT numbers as stored, cupping apart.

    ``hu_told`` are CT numbers of plugs that replace the model's; ``nps`` is None for noise of another kind or none.
    """

    model: CtModel
    placement: Placement
    grid: Grid
    blur_mm: tuple[float, float]
    hu_told: Mapping[str, float]
    slope: float = 1.0
    intercept_hu: float = 0.0
    nps: Nps | None = None

    @property
    def origin_mm(self) -> Point:
        """Where the middle of the HU module is."""
        x, y, z = self.placement.origin_mm
        return float(x), float(y), float(z)

    @property
    def turn_deg(self) -> Point:
        """Pitch, roll, yaw: the phantom's, or with a shear those of the turn nearest to what the volume shows."""
        turn = _polar(self.placement)[0]
        angles = (np.arctan2(turn[2, 1], turn[2, 2]), -np.arcsin(turn[2, 0]), np.arctan2(turn[1, 0], turn[0, 0]))
        pitch, roll, yaw = (float(np.degrees(angle)) for angle in angles)
        return pitch, roll, yaw

    @property
    def stretch(self) -> Array:
        """The symmetric matrix that is left when the turn is taken out: 1 + scale errors on the diagonal, half shear angles beside it."""
        return _polar(self.placement)[1]

    def module(self, key: str) -> Module:
        """The module of that key. KeyError when the model has none."""
        return next((module for module in self.model.modules if module.key == key), None) or _none(self.model, key)

    def place(self, point: Point) -> Point:
        """Where a point of the phantom is shown."""
        x, y, z = self.placement.room(np.asarray(point))
        return float(x), float(y), float(z)

    @property
    def plugs(self) -> dict[str, Point]:
        """The middle of every plug, at the height of its module's middle."""
        return {plug.name: self.place((plug.x_mm, module.y_mm, plug.z_mm)) for module in self.model.modules for plug in module.plugs}

    @property
    def rods(self) -> dict[str, Point]:
        """The middle of every rod."""
        return {rod.name: self.place((rod.x_mm, module.y_mm, rod.z_mm)) for module in self.model.modules for rod in module.rods}

    @property
    def distances(self) -> dict[tuple[str, str], float]:
        """Between every two rods, in F."""
        return {(a, b): float(np.linalg.norm(np.subtract(p, q))) for (a, p), (b, q) in combinations(self.rods.items(), 2)}

    def stored(self, hu: float) -> float:
        """What the volume shows where the CT number is ``hu``."""
        return self.slope * hu + self.intercept_hu

    @property
    def hu(self) -> dict[str, float]:
        """The CT number of every plug, as stored."""
        plugs: list[Plug] = [plug for module in self.model.modules for plug in module.plugs]
        return {plug.name: self.stored(self.hu_told.get(plug.name, plug.hu)) for plug in plugs}

    @property
    def contrasts(self) -> dict[str, float]:
        """What every low-contrast target is above its module, in stored HU."""
        return {disc.name: 10 * self.slope * disc.contrast_percent for module in self.model.modules for disc in module.discs}

    def mtf(self, frequency: Array | float, along: str = "all") -> Array:
        """MTF before sampling within the slices: blur and pixel, along "row" or "column" steps, or the mean over "all" directions."""
        f, (rows, columns) = np.asarray(frequency, np.float64), self.grid.spacing_mm[1:]
        blur = np.exp(-2 * (np.pi * f * self.blur_mm[0]) ** 2)
        if along != "all":
            result: Array = blur * np.abs(np.sinc(f * {"row": rows, "column": columns}[along]))
            return result
        angle = (np.arange(DIRECTIONS) + 0.5) * np.pi / 2 / DIRECTIONS
        pixel = np.abs(np.sinc(f[..., None] * rows * np.sin(angle)) * np.sinc(f[..., None] * columns * np.cos(angle)))
        result = blur * pixel.mean(axis=-1)
        return result

    def mtf_falls_to(self, level: float, along: str = "all") -> float:
        """The frequency at which the MTF is ``level`` (0.5 for MTF50), in 1/mm."""
        top = 1 / max(self.grid.spacing_mm[1:])  # the first zero of the coarser pixel
        return float(brentq(lambda f: float(self.mtf(f, along)) - level, 0.0, top))

    def sensitivity(self, y_mm: Array | float, across_mm: float = 0.0) -> Array:
        """Slice sensitivity at a distance from the slice's middle, 1 = its integral over mm; ``across_mm``: more blur of that sigma."""
        thickness, sigma = self.grid.spacing_mm[0], float(np.hypot(self.blur_mm[1], across_mm))
        y = np.asarray(y_mm, np.float64)
        result: Array = (ndtr((y + thickness / 2) / sigma) - ndtr((y - thickness / 2) / sigma)) / thickness
        return result

    @property
    def slice_fwhm_mm(self) -> float:
        """Full width at half maximum of the slice sensitivity: what a ramp shows with a perfect resolution within the slice."""
        return self._fwhm(0.0)

    def ramp_fwhm_mm(self, name: str) -> float:
        """Full width at half maximum of a ramp's image along its trace in a slice, in mm of the slice: resolution and pixel are in it."""
        module, ramp = next((m, r) for m in self.model.modules for r in m.ramps if r.name == name)
        low, high = (self.place(end) for end in ramp_ends(module, ramp))
        run = self.grid.directions @ np.subtract(high, low)
        trace = float(np.hypot(run[1], run[2]))
        pixel = (run[1:] / trace * self.grid.spacing_mm[1:]) ** 2 / 12
        per_mm = abs(float(run[0])) / trace  # how much of the slice's thickness a mm of the trace climbs
        return self._fwhm(float(np.sqrt(self.blur_mm[0] ** 2 + pixel.sum())) * per_mm) / per_mm

    def _fwhm(self, across_mm: float) -> float:
        half = float(self.sensitivity(0.0, across_mm)) / 2
        far = self.grid.spacing_mm[0] + 4 * float(np.hypot(self.blur_mm[1], across_mm))
        return 2 * float(brentq(lambda y: float(self.sensitivity(y, across_mm)) - half, 0.0, far))


def _polar(placement: Placement) -> tuple[Array, Array]:
    """(turn, stretch): what the volume shows of the phantom's axes is stretch times turn times which way round it is."""
    left, sizes, right = np.linalg.svd(placement.matrix @ np.linalg.inv(placement.facing))
    turn: Array = left @ right
    stretch: Array = left @ np.diag(sizes) @ left.T
    return turn, stretch


def _none(model: CtModel, key: str) -> Module:
    raise KeyError(f"{model.name} has no module {key}; it has {', '.join(module.key for module in model.modules)}")
