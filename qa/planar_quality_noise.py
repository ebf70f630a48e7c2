"""Noise, its spectrum, evenness and defects, in the largest even square of the phantom's plate and of the open field beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from phantoms.models import Region
from qa.features import panel_defects, roi
from qa.features.nps import Nps, detrended, noise_power
from qa.features.number import Number, number
from qa.features.planar_map import Pose, drawn, inside, outline
from qa.features.planar_outline import Coarse, Outline
from qa.features.position import Array, middle
from qa.features.uniformity import planar_uniformity
from qa.planar_quality_look import ALL_BITS, Seen
from qa.reading import AnalysisError

Mask = NDArray[np.bool_]

CLEAR_MM = 2.6  # from every border in the phantom
AWAY_MM = 12.0  # from the phantom's outline in the open field: penumbra, scatter, clamps
EDGE_MM = 8.0  # from the image's edge: blades and dead borders
STEEP = 0.006  # of the brightest per mm: a blade's penumbra, a couch edge; horns are ten times less
BRIGHT = 0.75  # of the field's brightest tenth: open
LARGEST_PX, SMALLEST_PX = 256, 24  # side of the square that is used
TILE_PX = 48, 128  # side of a spectrum's regions, from and to: IEC 62220-1 uses 256, for which a plate has no room
AGREE, WILD = 0.05, 0.4  # of the noise: two ways of taking it may differ by the first, and beyond the second there is no answer
SAME = 1e-9  # transmissions that are one
TILT_MM = 100.0  # over which a tilt is stated
DEFECTS_PX = 768  # side of the area that defects are looked for in


@dataclass(frozen=True)
class Even:
    """An even square of one image: where (first and last row and column), and what it holds."""

    name: str
    box: tuple[int, int, int, int]
    roi: roi.Roi
    noise: Number  # % of the mean, of single pixels about second-order surfaces
    power: Number  # % of the mean, root of the integral of the spectrum
    nps: Nps
    tilt: tuple[Number, Number]  # % over 100 mm along columns' and rows' directions
    uniformity: Number  # %, of the means of nine blocks


def plate_masks(image: Coarse, seen: Seen) -> dict[str, Mask]:
    """Where on the search grid the bare plate lies, and each background, away from every border in the phantom."""
    x, y = seen.pose.back(*_grid(image))
    model, reach = seen.model, _cells(image, CLEAR_MM * seen.pose.mean_scale)
    signal = drawn(model, x, y)
    within = inside(outline(model), x, y)
    for region in model.regions:
        if region.kind == "bars":
            within &= ~inside(region, x, y)
    areas = {"plate": within & (np.abs(signal - 1.0) < SAME)}
    areas |= {region.name: inside(region, x, y) for region in model.regions if region.kind in ("background", "uniform")}
    return {name: _constant(np.where(area, signal, np.nan), reach) for name, area in areas.items()}


def bend(image: Coarse, seen: Seen) -> float:
    """How fast the light over the bare plate falls with the square of the distance, 1/mm^2 of the phantom, the mean of both directions."""
    use = plate_masks(image, seen)["plate"]
    if int(use.sum()) < 50:
        return 0.0
    x, y = (values[use] for values in seen.pose.back(*_grid(image)))
    low, high = image.levels
    design = np.stack([np.ones_like(x), x, y, x * y, x * x, y * y], axis=1)
    level, *_, along, down = np.linalg.lstsq(design, (low + image.signal * (high - low))[use], rcond=None)[0]
    return float(-(along + down) / 2 / level)


def open_mask(image: Coarse, shade: tuple[Pose, Region] | None, beside: Sequence[Outline] = ()) -> Mask:
    """Where on the search grid the field is open: bright, without slopes, away from the image's edge and from the phantom."""
    from scipy.ndimage import binary_erosion, gaussian_filter, median_filter

    low, high = image.levels
    even = median_filter(low + image.signal * (high - low), 5)  # dead lines are to be found in it, not to be left out
    smooth = gaussian_filter(even, 1.5) / max(high, 1e-9)
    slope = np.hypot(*np.gradient(smooth, *image.step_mm))
    bright = smooth > BRIGHT * float(np.percentile(smooth, 92))
    mask = bright & (slope < STEEP)
    if shade is not None:
        pose, region = shade
        x, y = pose.back(*_grid(image))
        grown = 1 + 2 * AWAY_MM / pose.mean_scale / min(region.width_mm, region.height_mm)
        mask &= ~inside(region, x, y, grown)
    for other in beside:
        x, y = _grid(image)
        a, b = (float(size) / 2 + AWAY_MM for size in other.size_mm)
        turn = np.radians(other.angle_deg)
        along, across = (
            ((x - other.centre_mm[0]) * np.cos(turn) + (y - other.centre_mm[1]) * np.sin(turn)),
            ((y - other.centre_mm[1]) * np.cos(turn) - (x - other.centre_mm[0]) * np.sin(turn)),
        )
        mask &= (np.abs(along) > a) | (np.abs(across) > b)
    border = np.zeros_like(mask)
    rows, columns = _cells(image, EDGE_MM)
    border[rows:-rows, columns:-columns] = True
    return np.asarray(binary_erosion(mask & border, iterations=2))


def _grid(image: Coarse) -> tuple[Array, Array]:
    """(x, y) of the search grid in the pixel frame, mm."""
    rows, columns = image.signal.shape
    y, x = np.meshgrid(
        image.corner_mm[0] + np.arange(rows) * image.step_mm[0], image.corner_mm[1] + np.arange(columns) * image.step_mm[1], indexing="ij"
    )
    return x, y


def _cells(image: Coarse, reach_mm: float) -> tuple[int, int]:
    return max(1, int(np.ceil(reach_mm / image.step_mm[0]))), max(1, int(np.ceil(reach_mm / image.step_mm[1])))


def _constant(signal: Array, reach: tuple[int, int]) -> Mask:
    """Where a map is the same all round."""
    from scipy.ndimage import maximum_filter, minimum_filter

    size = 2 * reach[0] + 1, 2 * reach[1] + 1
    filled = np.where(np.isfinite(signal), signal, -1.0)
    return np.asarray((maximum_filter(filled, size) == minimum_filter(filled, size)) & np.isfinite(signal))


def largest_square(
    mask: Mask, image: Coarse, shape: tuple[int, ...], pitch_mm: tuple[float, float], largest_px: int = LARGEST_PX
) -> tuple[int, int, int, int] | None:
    """The largest square (in pixels) whose every cell is in the mask; None where none of use fits."""
    from scipy.ndimage import distance_transform_cdt

    if not mask.any():
        return None
    away = distance_transform_cdt(np.pad(mask, 1), "chessboard")[1:-1, 1:-1]
    row, column = (int(k) for k in np.unravel_index(int(np.argmax(away)), away.shape))
    cells = int(away.max()) - 1
    every = [max(1, round(step / pitch)) for step, pitch in zip(image.step_mm, pitch_mm, strict=True)]
    half = min(cells * every[0], cells * every[1], largest_px // 2)
    r, c = int(image.corner_mm[0] / pitch_mm[0] + row * every[0]), int(image.corner_mm[1] / pitch_mm[1] + column * every[1])
    box = r - half, r + half, c - half, c + half
    fits = min(box[0], box[2]) >= 0 and box[1] <= shape[0] and box[3] <= shape[1]
    return box if fits and 2 * half >= SMALLEST_PX else None


def even(seen: Seen, box: tuple[int, int, int, int] | None, name: str) -> Even:
    """The noise of a square. AnalysisError where there is none, or two ways of taking the noise contradict each other."""
    if box is None:
        raise AnalysisError(f"no even square of {SMALLEST_PX} pixels was found in the {name}")
    r0, r1, c0, c1 = box
    area, pitch_mm = seen.pixels[r0:r1, c0:c1].astype(np.float64), seen.pitch_mm
    found = roi.region(area, np.ones(area.shape, dtype=bool), step=seen.step)
    if found.clipped > 0.02:
        raise AnalysisError(f"the {name} is saturated; repeat with less exposure")
    if not found.mean.value > 0:
        raise AnalysisError(f"the {name} has no signal")
    if seen.step > found.noise.value:
        raise AnalysisError(f"values of the {name} come in steps coarser than the noise, which is rounded away: {ALL_BITS}")
    nps = spectrum(area, pitch_mm)
    level, sd = found.mean.value, nps.noise.value
    pixel_sd, rough = _tile_noise(area)
    apart = abs(rough - sd)
    if apart > WILD * sd + 2 * nps.noise.u:
        raise AnalysisError(
            f"two ways of taking the noise of the {name} differ by {100 * apart / sd:.0f} %: it is not even, or lines and specks of "
            "the panel cross it; look at the image"
        )
    beyond = max(apart - AGREE * sd - 2 * nps.noise.u, 0.0) / 2
    parts = {n: 100 * u / level for n, u in nps.noise.budget.items()} | {"lines and specks": 100 * beyond / level}
    pixel = {n: 100 * u / level * pixel_sd / found.noise.value for n, u in found.noise.budget.items()} | {
        "lines and specks": 100 * beyond / level
    }
    return Even(
        name,
        box,
        found,
        number(100 * pixel_sd / level, pixel),
        number(100 * sd / level, parts),
        nps,
        _tilt(area, pitch_mm, found),
        planar_uniformity(_blocks(area, found)),
    )


def spectrum(area: Array, pitch_mm: tuple[float, float]) -> Nps:
    """The spectrum of the square's tiles, half overlapping."""
    side = int(np.clip(area.shape[0] // 2, min(TILE_PX[0], area.shape[0]), TILE_PX[1]))
    starts = np.unique(np.round(np.linspace(0, area.shape[0] - side, max(1, round(2 * area.shape[0] / side) - 1))).astype(int))
    tiles = [area[r : r + side, c : c + side] for r in starts for c in starts]
    return noise_power(tiles, pitch_mm, independent=(area.shape[0] / side) ** 2)


def _tile_noise(area: Array) -> tuple[float, float]:
    """The noise from the distances of pixels from their tile's second-order surface: their root mean square, and a second way.

    A plane over the whole square would leave the shape of a beam without flattening filter in it. The second way is the median distance,
    which lines and specks hardly move.
    """
    count = max(1, round(area.shape[0] / TILE_PX[1]))
    side = area.shape[0] // count
    starts = range(0, count * side, side)
    left = np.stack([detrended(area[r : r + side, c : c + side], 2) for r in starts for c in starts])
    return float(np.sqrt((left**2).sum() / (left.size - 6 * len(left)))), 1.4826 * middle(np.abs(left))


def _tilt(area: Array, pitch_mm: tuple[float, float], found: roi.Roi) -> tuple[Number, Number]:
    """The slope along columns' and rows' directions, % of the mean over 100 mm: signed, so noise does not make it larger."""
    tilts = []
    for axis in (1, 0):
        at = (np.arange(area.shape[axis]) - (area.shape[axis] - 1) / 2) * pitch_mm[axis]
        square = float((at**2).sum()) * area.shape[1 - axis]
        slope = float((area.mean(axis=1 - axis) * at).sum()) * area.shape[1 - axis] / square
        u = found.noise.value * float(np.sqrt(found.shared_px / square))
        tilts.append(number(100 * TILT_MM * slope / found.mean.value, {"noise": 100 * TILT_MM * u / found.mean.value}))
    return tilts[0], tilts[1]


def _blocks(area: Array, found: roi.Roi) -> dict[str, Number]:
    """Means of three by three blocks."""
    third = area.shape[0] // 3
    u = found.noise.value * float(np.sqrt(found.shared_px)) / third
    cut = [slice(k * third, (k + 1) * third) for k in range(3)]
    return {f"block {r + 1}{c + 1}": number(float(area[cut[r], cut[c]].mean()), {"noise": u}) for r in range(3) for c in range(3)}


def defects(pixels: NDArray[np.float32], mask: Mask, image: Coarse, pitch_mm: tuple[float, float]) -> panel_defects.PanelDefects:
    """Defective lines and pixels in the largest open square. AnalysisError where there is too little of it."""
    box = largest_square(mask, image, pixels.shape, pitch_mm, DEFECTS_PX)
    if box is None:
        raise AnalysisError("no open part of the field is large enough to look for defects; leave open field beside the phantom")
    return panel_defects.panel_defects(pixels.astype(np.float64), box)


def whole(seen: Seen) -> tuple[Pose, Region]:
    """What shades the field: the phantom's outline, or what carries it where that is larger."""
    bodies = [r for r in seen.model.regions if r.kind == "body"]
    return seen.frame, max([outline(seen.model), *bodies], key=lambda r: r.width_mm * r.height_mm)
