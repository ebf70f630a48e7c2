"""A modulation transfer function as a curve with its uncertainty, and the frequencies where it falls to 50, 30 and 10 %.

The system MTF measured in an image is presampled and holds everything between object and pixel value, the pixel's own aperture included.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from qa.features.number import Number
from qa.features.position import Array
from qa.reading import AnalysisError

LEVELS = (0.5, 0.3, 0.1)  # of the MTF: the three that protocols and manuals name
ANGLES = 64  # of a quarter turn, over which the aperture is averaged for a curve that is a mean over directions


@dataclass(frozen=True)
class Mtf:
    """An MTF: ``mtf`` and its standard uncertainty ``u`` at ``frequency_per_mm`` (cycles per mm, increasing).

    ``at`` holds the frequency (1/mm) where it first falls to each level ("50", "30", "10"), or the reason why there is none;
    ``method`` says what it was made from; ``second`` holds the same frequencies by the second algorithm; ``relative`` is True where the
    curve is normalised to its own lowest frequency and not to 1 at zero; ``aperture_removed`` where the pixel was divided out.
    """

    frequency_per_mm: Array
    mtf: Array
    u: Array
    at: Mapping[str, Number | AnalysisError]
    method: str
    second: Mapping[str, float]
    relative: bool = False
    aperture_removed: bool = False
    flags: tuple[str, ...] = ()

    def frequency(self, level: int) -> Number:
        """The frequency (1/mm) at 50, 30 or 10 %; AnalysisError with the reason where it was not reached."""
        found = self.at[str(level)]
        if isinstance(found, AnalysisError):
            raise found
        return found


def name(level: float) -> str:
    """The name of a level: 0.5 is "50"."""
    return f"{100 * level:.0f}"


def first_crossing(frequency: Array, mtf: Array, level: float) -> float | None:
    """The lowest frequency where a curve falls to ``level``, by a straight line between its points; None where it stays above."""
    below = np.nonzero(mtf <= level)[0]
    if not len(below) or below[0] == 0:
        return None
    i = int(below[0])
    part = (mtf[i - 1] - level) / (mtf[i - 1] - mtf[i])
    return float(frequency[i - 1] + part * (frequency[i] - frequency[i - 1]))


def near_crossing(frequency: Array, mtf: Array, level: float, near: float) -> float | None:
    """Of the places where a curve falls to ``level``, the one nearest to a frequency; None where it stays above."""
    falls = np.nonzero((mtf[:-1] > level) & (mtf[1:] <= level))[0]
    if not len(falls):
        return None
    part = (mtf[falls] - level) / (mtf[falls] - mtf[falls + 1])
    places = frequency[falls] + part * (frequency[falls + 1] - frequency[falls])
    return float(places[np.argmin(np.abs(places - near))])


def without_aperture(curve: Mtf, pitch_mm: tuple[float, float], angle_deg: float | None = None) -> Mtf:
    """The MTF with the square pixel's aperture divided out, to be asked for only where optics and panel are to be told apart.

    ``pitch_mm`` (row, column); ``angle_deg`` of the direction that was measured, from the row direction (x), or None for a mean over all
    directions. Points where the aperture is below 0.3 are cut off: dividing there multiplies the noise by more than three. The levels are
    found anew in the corrected curve, their u scaled by the slope.
    """
    angles = np.radians([angle_deg]) if angle_deg is not None else (np.arange(ANGLES) + 0.5) * np.pi / 2 / ANGLES
    f = curve.frequency_per_mm[:, None]
    aperture = np.abs(np.sinc(f * pitch_mm[1] * np.cos(angles)) * np.sinc(f * pitch_mm[0] * np.sin(angles))).mean(axis=1)
    low = np.nonzero(aperture < 0.3)[0]
    keep = slice(0, int(low[0]) if len(low) else len(aperture))
    frequency, mtf, u = curve.frequency_per_mm[keep], curve.mtf[keep] / aperture[keep], curve.u[keep] / aperture[keep]
    at: dict[str, Number | AnalysisError] = {}
    for level in LEVELS:
        found = first_crossing(frequency, mtf, level)
        at[name(level)] = not_reached(level, frequency) if found is None else _along_slope(frequency, mtf, u, found)
    return replace(curve, frequency_per_mm=frequency, mtf=mtf, u=u, at=at, second={}, aperture_removed=True)


def _along_slope(frequency: Array, mtf: Array, u: Array, found: float) -> Number:
    """A crossing whose u is that of the curve over its slope."""
    slope = abs(float(np.interp(found, frequency, np.gradient(mtf, frequency))))
    u_mtf = float(np.interp(found, frequency, u))
    part = u_mtf / max(slope, 1e-9)
    return Number(found, max(part, 1e-9), {"noise": part})


def not_reached(level: float, frequency: Array) -> AnalysisError:
    """Why there is no frequency at a level."""
    return AnalysisError(
        f"the MTF does not fall to {name(level)} % below {frequency[-1]:.3g} per mm, the highest frequency that was measured"
    )


def frozen(*arrays: Array) -> tuple[NDArray[np.float64], ...]:
    """Read-only copies."""
    result = tuple(np.array(array, dtype=np.float64) for array in arrays)
    for array in result:
        array.setflags(write=False)
    return result
