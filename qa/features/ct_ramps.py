"""The images of thin wires that climb through a module: where each is in every slice, how long its image is, how fast it moves.

Each slice cuts the wire where it is at the slice's height, so a wire is a ruler along the axis that is read within the slice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from phantoms.models import Ramp
from qa.features.position import Array, middle

HALF_MM, ACROSS_MM, BACK_MM = 27.0, 1.7, (3.2, 6.0)  # of the strip along the wire; beside it the surroundings
STEP_MM = 0.25
LEAST = 4.0  # peak of a trace over its noise: fainter is not seen
FEWEST = 4  # slices that show a wire


@dataclass(frozen=True)
class Trace:
    """One wire. ``along_mm`` is where its image is in each slice ``t_mm``, counted from its middle, ``noise_mm`` how badly each is known.

    ``slope`` is mm within the slice per mm of stack, with u; ``zero_mm`` the height in the stack at which it passes its middle, with u;
    ``fwhm_mm`` the full width at half maximum of its image along itself, with u, from all slices laid over each other, and ``profile``
    (distance, value) what they make; ``second_mm`` the same width from single slices.
    """

    ramp: Ramp
    t_mm: Array
    along_mm: Array
    slope: float
    u_slope: float
    zero_mm: float
    u_zero_mm: float
    fwhm_mm: float
    u_fwhm_mm: float
    second_mm: float
    profile: tuple[Array, Array]


def trace(ramp: Ramp, t_mm: Sequence[float], strips: Sequence[Array]) -> Trace | str:
    """The wire in strips (along STEP_MM steps from -HALF_MM) of consecutive slices; or why it cannot be used."""
    u = np.arange(-HALF_MM, HALF_MM + STEP_MM / 2, STEP_MM)
    seen: list[tuple[float, float, float, Array, float]] = []
    for height, strip in zip(t_mm, strips, strict=True):
        found = _peak(u, strip)
        if found is not None:
            seen.append((height, *found))
    if len(seen) < FEWEST:
        return "the wire ramp is not seen in enough slices: noise hides it, or it lies outside the scan"
    t, along = (np.array([row[i] for row in seen], dtype=np.float64) for i in (0, 1))
    use: NDArray[np.bool_] = np.ones(len(t), dtype=np.bool_)
    for _ in range(4):
        if use.sum() < FEWEST:
            return "the wire ramp's images do not lie on a line"
        slope, start = (float(v) for v in np.polyfit(t[use], along[use], 1))
        left = np.asarray(along - start - slope * t)
        use = np.abs(left) <= max(3.5 * 1.4826 * middle(np.abs(left[use])), 0.15)
    if abs(slope) < 0.5:
        return "what was taken for the wire ramp does not climb"
    sd = max(float(np.sqrt((left[use] ** 2).sum() / max(use.sum() - 2, 1))), 0.01)
    t0 = -start / slope
    away = t[use] - t[use].mean()
    u_slope = sd / float(np.sqrt((away**2).sum()))
    u_zero = float(np.hypot(sd / np.sqrt(use.sum()), u_slope * (t0 - t[use].mean()))) / abs(slope)
    profile, width, u_width = _joined(u, [seen[k][3] for k in np.nonzero(use)[0]], [start + slope * t[k] for k in np.nonzero(use)[0]])
    single = middle(np.array([seen[k][4] for k in np.nonzero(use)[0]]))
    return Trace(ramp, t, along, float(slope), u_slope, float(t0), u_zero, width, u_width, single, profile)


def _peak(u: Array, strip: Array) -> tuple[float, float, Array, float] | None:
    """(centre, height, strip without background, width) of the wire's image, or None where nothing stands out."""
    smooth = np.convolve(strip, np.ones(11) / 11, "same")
    back = middle(strip)
    noise = max(1.4826 * middle(np.abs(smooth - back)), 0.2)
    top = int(np.argmax(smooth[4:-4])) + 4
    height = float(smooth[top]) - back
    if height < LEAST * noise:
        return None
    centre = float(u[top])
    width = _width(u - centre, strip - back, height) or 6.0
    for _ in range(4):
        near = np.abs(u - centre) <= max(0.9 * width, 2.5)
        weight = np.maximum((strip - back)[near], 0.0)
        moved = float((weight * u[near]).sum() / max(weight.sum(), 1e-9))
        if abs(moved - centre) < 1e-3:
            break
        centre = moved
    if abs(centre) > HALF_MM - 0.8 * width:  # the image's end is cut off
        return None
    return centre, height, strip - back, width


def _joined(u: Array, strips: Sequence[Array], centres: Sequence[float]) -> tuple[tuple[Array, Array], float, float]:
    """All images laid over each other: their mean profile, its width and the width's u from leaving out groups of slices."""
    grid = np.arange(-14.0, 14.0 + STEP_MM / 2, STEP_MM)
    laid = np.array([np.interp(grid, u - c, s, left=np.nan, right=np.nan) for s, c in zip(strips, centres, strict=True)])
    whole = _mean(laid)
    width = _half_width(grid, whole)
    groups = min(len(laid), 8)
    parts = np.array([_half_width(grid, _mean(np.delete(laid, np.arange(g, len(laid), groups), axis=0))) for g in range(groups)])
    u_width = float(np.sqrt((groups - 1) / groups * ((parts - parts.mean()) ** 2).sum())) if groups > 1 else width / 10
    return (grid, whole), width, max(u_width, 0.01)


def _mean(laid: Array) -> Array:
    filled = np.where(np.isfinite(laid), laid, 0.0)
    return np.asarray(filled.sum(axis=0) / np.maximum(np.isfinite(laid).sum(axis=0), 1))


def _half_width(grid: Array, profile: Array) -> float:
    """Full width at half of the maximum; the maximum from a parabola over the top."""
    back = middle(profile[np.abs(grid) > 10.0])
    line = profile - back
    top = int(np.argmax(np.where(np.abs(grid) < 3.0, line, -np.inf)))
    near = slice(max(top - 5, 0), top + 6)
    curve = np.polyfit(grid[near], line[near], 2)
    height = float(np.polyval(curve, -curve[1] / 2 / curve[0])) if curve[0] < 0 else float(line[top])
    return _width(grid - grid[top], line, height) or 0.0


def _width(u: Array, line: Array, height: float) -> float | None:
    """Between the first crossings of half the height on either side of zero."""
    zero = int(np.argmin(np.abs(u)))
    right = next((k for k in range(zero, len(u) - 1) if line[k + 1] <= height / 2 < line[k]), None)
    left = next((k for k in range(zero, 0, -1) if line[k - 1] <= height / 2 < line[k]), None)
    if right is None or left is None:
        return None
    after = u[right] + (line[right] - height / 2) / (line[right] - line[right + 1]) * (u[right + 1] - u[right])
    before = u[left] - (line[left] - height / 2) / (line[left] - line[left - 1]) * (u[left] - u[left - 1])
    return float(after - before)
