"""An imager's blur as a sum of Gaussians and its pixels as boxes: MTF in closed form, at the panel."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from phantoms.panel import Panel

Array = NDArray[np.float64]
HARMONICS = 399  # of a square wave: the rest is below 1e-3 of a wave that is not blurred at all, nothing of one that is


@dataclass(frozen=True)
class Blur:
    """Point spread at the panel: sum of weight * round Gaussian of sigma (mm). Weights sum to 1; a wide one makes glare."""

    weights: tuple[float, ...]
    sigmas_mm: tuple[float, ...]

    def __post_init__(self) -> None:
        """Refuse what is no point spread."""
        if len(self.weights) != len(self.sigmas_mm) or abs(sum(self.weights) - 1) > 1e-9 or min(self.sigmas_mm) <= 0:
            raise ValueError(f"one weight per sigma, weights that sum to 1, sigmas above 0; found {self}")


KV = Blur((1.0,), (0.19,))  # with a pixel of 0.388 mm: 50 % at about 0.8 per mm at the panel
MV = Blur((0.75, 0.25), (0.36, 0.80))  # with a pixel of 0.392 mm: 50 % at about 0.35 per mm at the panel


def mtf(blur: Blur, panel: Panel, f_per_mm: Array | float, direction_deg: float = 0.0) -> Array:
    """Presampled MTF at the panel, blur times pixel box, along a direction (0: across columns, along u; 90: along v)."""
    f = np.asarray(f_per_mm, dtype=float)
    down, across = panel.pitch_mm
    c, s = np.cos(np.deg2rad(direction_deg)), np.sin(np.deg2rad(direction_deg))
    gauss = sum(w * np.exp(-2 * (np.pi * sigma * f) ** 2) for w, sigma in zip(blur.weights, blur.sigmas_mm, strict=True))
    return np.asarray(gauss * np.sinc(f * c * across) * np.sinc(f * s * down))


def frequency_at(blur: Blur, panel: Panel, level: float, direction_deg: float = 0.0) -> float:
    """Where the MTF first falls to `level` (0 to 1), in 1/mm at the panel."""
    grid = np.linspace(0, 3 / min(*panel.pitch_mm, *blur.sigmas_mm), 4000)
    below = int(np.argmax(mtf(blur, panel, grid, direction_deg) <= level))
    return float(brentq(lambda f: float(mtf(blur, panel, f, direction_deg)) - level, grid[below - 1], grid[below], xtol=1e-12))


def wave_modulation(blur: Blur, panel: Panel, f_per_mm: float, direction_deg: float = 0.0) -> float:
    """Peak modulation of an endless square wave of frequency f behind the MTF, over that of the wave itself (Coltman 1954).

    (4/pi) [M(f) - M(3f)/3 + M(5f)/5 - ...]: what a point in the middle of a bar against one in the middle of a gap shows.
    """
    k: Array = np.arange(1, HARMONICS, 2, dtype=np.float64)
    parts: Array = np.where(k % 4 == 1, 1, -1) / k * mtf(blur, panel, k * f_per_mm, direction_deg)
    return float(4 / np.pi * parts.sum())


def wave_deviation(blur: Blur, panel: Panel, f_per_mm: float, direction_deg: float = 0.0) -> float:
    """Standard deviation over whole periods of the same wave, over half the difference of bar and gap: 1 when nothing is blurred."""
    k: Array = np.arange(1, HARMONICS, 2, dtype=np.float64)
    parts: Array = mtf(blur, panel, k * f_per_mm, direction_deg) / k
    return float(4 / np.pi * np.sqrt((parts**2).sum() / 2))
