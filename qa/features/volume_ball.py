"""The ball, or the cavity, in a volume: looked for, measured by two algorithms, joined or refused.

Algorithm "sphere" fits a blurred, slice-averaged sphere to all voxels around it; algorithm "level" is the symmetry of what lies above half
of the contrast. Nothing is assumed of the slice thickness: the blur along the axis is found.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qa.features.place import Place, Triple
from qa.features.position import Array
from qa.features.volume_find import CONTRAST_HU, Piece, pieces
from qa.features.volume_fit import MARGIN_MM, Crop, SphereFit, fit_sphere
from qa.features.volume_level import LevelCentre, level_centre
from qa.reading import AnalysisError

SMALLEST_MM, LARGEST_MM = 1.2, 11.0  # radii of balls of 3 to 20 mm and what the scale's end leaves uncertain of them
RIVAL = 0.5  # of the strongest's contrast: a second ball that strong may as well be the one
FITTED = 4  # of the strongest pieces are measured; more than that is a phantom of another kind
RADIUS_SHARE, RADIUS_MM = 0.2, 0.5  # by how much a radius may differ from the one stated: metal beyond the scale's end looks larger
ROUGH_SHARE, ROUGH_MM = 0.35, 0.6  # the same for a piece, whose blocks are coarse
AGREE_MM, AGREE_VOXEL = 0.08, (0.06, 0.14, 0.14)  # the level algorithm's own error, at least and in voxels: drawn balls show 0.10
AGREE_SMALL = 0.4  # a ball that few slices show: the same times slice over diameter, squared
MISFIT, NOISES = 0.06, 0.5  # at the edge beyond the noise, over the visible contrast or the noise: balls 0.03 with streaks, rods 0.10
BEYOND = 1.2  # times the visible contrast: the ball's own goes beyond the scale
MISFIT_CLIPPED = 0.09  # where the scale ends below the ball's contrast: streaks are more of what is left to see, metal rods show 0.14
ROUND = 0.15  # widths of what lies above the level, against each other; a rod's end or half a ball differ by a third and more
STEEP = 0.8  # the same along the axis in slices over the diameter: thick slices lengthen a ball
FEWEST = 3  # slices that show the ball: two cannot tell its place along the axis from its size
MODEL_SHARE = 0.003  # of the pitch: with streaks, balls drawn on 2.5 x 0.9 x 0.9 mm scatter by up to 1.7 times what the fit alone says
MODEL_MM = 0.001  # pixels taken as round, a table's steps: drawn balls without noise come within 0.0005 mm
SATURATED = 4  # voxels with exactly the largest value: the scale ends there


def volume_ball(voxels: NDArray[np.float32], pitch_mm: Triple, radius_mm: float | None = None, sign: int | None = None) -> Place:
    """The one ball of a volume, mm along the index axes (slice, row, column).

    ``voxels`` float32 (slices, rows, columns) HU, ``pitch_mm`` (slice, row, column), axes at right angles. ``radius_mm`` decides between
    balls of different sizes; ``sign`` +1 looks for what is denser than its surroundings only, -1 for cavities only. AnalysisError when
    there is no ball, two that could be meant, one that reaches the end of the volume, that fewer than three slices show, that is not round,
    or whose centre two algorithms see in different places.
    """
    size = "3 to 20 mm" if radius_mm is None else f"about {2 * radius_mm:.1f} mm"
    for side in (1, -1) if sign is None else (sign,):
        found = pieces(voxels, pitch_mm, side)
        if radius_mm is not None:
            found = [piece for piece in found if abs(piece.radius_mm - radius_mm) < ROUGH_SHARE * radius_mm + ROUGH_MM]
        if found:
            return _choose(voxels, pitch_mm, found, radius_mm)
    raise AnalysisError(f"no ball in the volume: nothing in it is round, of {size} and stands out; check the phantom and scan it again")


def _choose(voxels: NDArray[np.float32], pitch: Triple, found: list[Piece], radius: float | None) -> Place:
    """The strongest piece as a ball, if no other of like strength is one too."""
    strong = [piece for piece in found if piece.contrast >= RIVAL * found[0].contrast]
    if len(strong) > FITTED:
        raise AnalysisError(
            f"no ball in the volume that can be told from {len(strong) - 1} other small things; place only the ball phantom in the scan"
        )
    places: list[Place] = []
    refused: list[AnalysisError] = []
    for piece in strong:
        try:
            places.append(measure(voxels, pitch, piece, radius))
        except AnalysisError as error:
            if piece is strong[0] or piece.cut:
                refused.append(error)
    if len(places) > 1:
        apart = np.linalg.norm(np.subtract(places[0].index_mm, places[1].index_mm))
        raise AnalysisError(
            f"{len(places)} balls in the volume, {apart:.0f} mm apart: it is not clear which is meant; state the ball's size"
        )
    if refused or not places:
        raise refused[0]
    return places[0]


def measure(voxels: NDArray[np.float32], pitch: Triple, piece: Piece, radius: float | None) -> Place:
    """One piece as a ball, of that radius where it is known. AnalysisError as ``volume_ball``."""
    rough = _Rough.of(voxels, pitch, piece)
    fit = fit_sphere(rough.crop, rough.centre_mm, rough.radius_mm, max(rough.top - rough.around, 1.0) * rough.beyond, rough.around)
    if not SMALLEST_MM < fit.sphere.radius_mm < LARGEST_MM or not fit.converged:
        raise AnalysisError("no ball in the volume: the small thing that stands out is not a sphere; check the phantom and scan it again")
    level = level_centre(rough.crop, rough.centre_mm, fit.sphere.radius_mm, rough.around, rough.top)
    _refuse(voxels, pitch, fit, level, rough)
    if radius is not None and abs(fit.sphere.radius_mm - radius) > RADIUS_SHARE * radius + RADIUS_MM:
        raise AnalysisError(
            f"no ball of radius {radius:.1f} mm in the volume: the one that is there has {fit.sphere.radius_mm:.1f} mm; check the phantom"
        )
    return _join(fit, level, pitch, rough, piece.sign)


@dataclass(frozen=True)
class _Rough:
    """A piece at full resolution: its crop (brighter than around), centre and radius mm, the level around, the highest that can be seen,
    and by how much the true contrast may exceed that.
    """

    crop: Crop
    centre_mm: Array
    radius_mm: float
    around: float
    top: float
    beyond: float

    @classmethod
    def of(cls, voxels: NDArray[np.float32], pitch: Triple, piece: Piece) -> _Rough:
        """Cut out twice: where the piece seemed to be, and where its voxels above half contrast are."""
        centre, radius = piece.centre_mm, piece.radius_mm + 1.0
        for _ in range(2):
            crop = _cut(voxels, pitch, centre, radius + MARGIN_MM + 1.0, piece.sign)
            top, beyond = _top(crop)
            far = _distance(crop, centre)
            shell = (far > radius + 1.0) & (far < radius + MARGIN_MM)
            around = float(np.median(crop.values[shell])) if shell.any() else piece.around * piece.sign
            above = (crop.values > (around + top) / 2) & (far < radius + 2.0)
            if not above.any():
                break
            centre = np.array([axis[k].mean() for axis, k in zip(crop.axes(), np.nonzero(above), strict=True)])
            radius = float((above.sum() * np.prod(pitch) * 3 / (4 * np.pi)) ** (1 / 3))
        if not above.any() or radius < 0.4 * SMALLEST_MM or top - around < CONTRAST_HU:
            raise AnalysisError("no ball in the volume: what stands out is too small or too faint; check the phantom and scan it again")
        return cls(crop, centre, radius, around, top, beyond)


def _cut(voxels: NDArray[np.float32], pitch: Triple, centre: Array, reach: float, sign: int) -> Crop:
    first = [max(0, int((c - reach) / p)) for c, p in zip(centre, pitch, strict=True)]
    last = [min(n, int((c + reach) / p) + 2) for c, p, n in zip(centre, pitch, voxels.shape, strict=True)]
    values = voxels[tuple(slice(a, b) for a, b in zip(first, last, strict=True))].astype(np.float64) * sign
    end = float(values.max())
    clipped = np.count_nonzero(values == end) >= SATURATED
    return Crop(values, pitch, np.array(first) * np.array(pitch), end if clipped else np.inf)


def _top(crop: Crop) -> tuple[float, float]:
    """The highest level that can be seen of the ball, and by how much its contrast may exceed that."""
    if np.isfinite(crop.end):
        return crop.end, 3.0
    brightest = np.sort(crop.values, axis=None)[-12:]
    return float(np.median(brightest)), 1.2


def _distance(crop: Crop, centre: Array) -> Array:
    z, y, x = (axis - c for axis, c in zip(crop.axes(), centre, strict=True))
    return np.asarray(np.sqrt(z[:, None, None] ** 2 + y[None, :, None] ** 2 + x[None, None, :] ** 2))


def _refuse(voxels: NDArray[np.float32], pitch: Triple, fit: SphereFit, level: LevelCentre, rough: _Rough) -> None:
    """Cut off, too few slices, or not round."""
    length = (np.array(voxels.shape) - 1) * pitch
    room = np.minimum(fit.centre_mm, length - fit.centre_mm)
    needed = fit.sphere.radius_mm + np.array([pitch[0] / 2, 1.0, 1.0])
    if (room < needed).any():
        raise AnalysisError("the ball reaches the end of the volume: scan a longer range, or centre the ball, and repeat")
    if fit.slices < FEWEST:
        raise AnalysisError(f"only {fit.slices} slices show the ball: at least {FEWEST} are needed; reconstruct thinner slices")
    visible = rough.top - rough.around
    along, across = level.ratios
    uneven = abs(np.log(across)) > ROUND or abs(np.log(along)) > ROUND + STEEP * pitch[0] / (2 * fit.sphere.radius_mm)
    strange = float(np.sqrt(max(fit.misfit**2 - fit.noise**2, 0.0)))
    allowed = MISFIT_CLIPPED if np.isfinite(rough.crop.end) and fit.contrast > BEYOND * visible else MISFIT
    if uneven or strange > max(allowed * visible, NOISES * fit.noise):
        raise AnalysisError("no ball: what stands out in the volume is not round (a rod, or part of a ball); check the phantom and repeat")


def _join(fit: SphereFit, level: LevelCentre, pitch: Triple, rough: _Rough, sign: int) -> Place:
    """Both algorithms' answers as one place, or a refusal when they disagree."""
    u_fit = np.sqrt(np.diag(fit.covariance))
    few = AGREE_SMALL * pitch[0] * (pitch[0] / (2 * fit.sphere.radius_mm)) ** 2
    own = np.maximum(AGREE_MM, np.array(AGREE_VOXEL) * pitch) + np.array([few, 0.0, 0.0])
    apart = np.abs(fit.centre_mm - level.centre_mm)
    limit = np.maximum(own, 5 * u_fit)
    if (apart > limit).any():
        raise AnalysisError(
            f"two ways to find the ball's centre in the volume differ by {apart.max():.2f} mm: streaks or another thing beside the ball "
            "pull on it; look at the volume and scan again"
        )
    model = MODEL_MM + MODEL_SHARE * np.array(pitch)
    u = np.hypot(u_fit, model)
    return Place(
        index_mm=_triple(fit.centre_mm),
        u_mm=_triple(u),
        radius_mm=fit.sphere.radius_mm,
        budget={"ball: image noise and artefacts": _triple(u_fit), "ball: model of the scanner": _triple(model)},
        second=_triple(level.centre_mm),
        shape="ball" if sign > 0 else "cavity",
        flags=("the ball exceeds the CT scale",) if np.isfinite(rough.crop.end) else (),
    )


def _triple(values: Array) -> Triple:
    return float(values[0]), float(values[1]), float(values[2])
