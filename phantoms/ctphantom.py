"""CBCT volumes of phantoms for CT image quality, with everything known that a measurement can find: place, sizes, CT numbers, MTF, NPS."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from phantoms import ctphantom_draw, ctphantom_noise, ctphantom_thin
from phantoms.ctphantom_frame import Frame
from phantoms.ctphantom_parts import Thin, parts
from phantoms.ctphantom_place import Placement
from phantoms.ctphantom_shapes import Circle
from phantoms.ctphantom_solids import build, middle
from phantoms.ctphantom_truth import PhantomTruth
from phantoms.models import CtModel
from phantoms.volume import Centre, Grid, Scan, Scanned
from phantoms.volume_faults import add_cupping, add_rings, noise
from phantoms.volume_grid import Point

__all__ = ["Imaging", "PhantomScan", "PhantomTruth", "Placement", "build", "grid_over", "render", "scan_phantom"]


@dataclass(frozen=True)
class Imaging(Scan):
    """How the system reconstructs a phantom: as ``Scan``, and with noise of a stated spectrum.

    ``nps_peak_per_mm`` is where the noise power spectrum is largest (0: the noise of ``Scan``), ``noise_across_mm`` how far slices
    correlate. ``slope`` and ``intercept_hu`` change all values before they are clipped: a rescale that is wrong.
    """

    noise_hu: float = 15.0
    nps_peak_per_mm: float = 0.25
    noise_across_mm: float = 0.0
    slope: float = 1.0
    intercept_hu: float = 0.0


@dataclass(frozen=True)
class PhantomScan(Scanned):
    """A reconstruction of a phantom: ``known`` is what a measurement should find in it."""

    known: PhantomTruth = field(kw_only=True)


def scan_phantom(
    model: CtModel,
    grid: Grid,
    rng: np.random.Generator,
    placement: Placement | None = None,
    how: Imaging | None = None,
    hu: Mapping[str, float] | None = None,
    beside: Sequence[tuple[CtModel, Placement]] = (),
) -> PhantomScan:
    """The volume that a system with these faults reconstructs; same arguments and generator state, same voxels.

    ``hu`` replaces CT numbers of plugs by their names; ``beside``: further phantoms in the same scan. A phantom that the grid does not
    hold is cut off, as half a phantom is. Fails for a phantom that lies across the slices.
    """
    placement, how = placement or Placement(), how or Imaging()
    voxels = np.full(grid.shape, how.air_hu, np.float32)
    for what, where in ((model, placement), *beside):
        render(voxels, grid, what, where, how, hu if what is model else None)
    known = PhantomTruth(model, placement, grid, how.blur_mm, dict(hu or {}), how.slope, how.intercept_hu, _spectrum(grid, how, how.slope))
    solids = build(model, placement, hu, how.air_hu)
    return PhantomScan(solids, grid, how, finished(voxels, grid, rng, how), _centres(model, placement, grid), known=known)


def render(
    voxels: NDArray[np.float32], grid: Grid, model: CtModel, placement: Placement, how: Scan, hu: Mapping[str, float] | None = None
) -> None:
    """Add a phantom to a volume of air in place: partial volume and blur only, no faults, noise, clip or rounding."""
    frame, circles = Frame.of(grid, placement, how.blur_mm), dict[float, Circle]()
    for part in parts(model, hu, how.air_hu):
        if isinstance(part, Thin):
            ctphantom_thin.draw(voxels, grid, placement, how.blur_mm, part)
        else:
            ctphantom_draw.draw(voxels, frame, part, circles)


def finished(voxels: NDArray[np.float32], grid: Grid, rng: np.random.Generator, how: Imaging) -> NDArray[np.int16]:
    """What is stored of a volume: cupping, rings and noise added, rescaled, clipped, rounded. The volume given is used up."""
    if how.cupping_hu:
        add_cupping(voxels, grid, how.cupping_hu, how.cupping_mm)
    if how.rings:
        add_rings(voxels, grid, how.rings, rng)
    if spectrum := _spectrum(grid, how):
        ctphantom_noise.add(voxels, spectrum, rng)
    elif how.noise_hu:
        voxels += noise(rng, grid, how.noise_hu, how.correlation_mm)
    if (how.slope, how.intercept_hu) != (1.0, 0.0):
        voxels *= np.float32(how.slope)
        voxels += np.float32(how.intercept_hu)
    np.clip(voxels, *how.clip_hu, out=voxels)
    stored = np.rint(voxels, out=voxels).astype(np.int16)
    stored.flags.writeable = False
    return stored


def grid_over(
    model: CtModel,
    placement: Placement | None = None,
    *,
    spacing_mm: Point = (2.5, 1.05, 0.95),
    keys: Sequence[str] = (),
    ends_mm: float = 0.0,
    around_mm: tuple[float, float] = (12.0, 20.0),
    off_mm: tuple[float, float] = (5.0, -3.0),
) -> Grid:
    """A grid that holds the modules of these keys (none: the whole phantom), with air of ``around_mm`` above and beside.

    ``ends_mm`` more (or, negative, less) is scanned at both ends; the phantom is ``off_mm`` (x, z) from the middle of the slices.
    """
    placement = placement or Placement()
    modules = [module for module in model.modules if module.key in keys]
    spans = [(m.y_mm - m.length_mm / 2, m.y_mm + m.length_mm / 2) for m in modules] or [
        (model.y_mm - model.length_mm / 2, model.y_mm + model.length_mm / 2)
    ]
    low, high = min(a for a, _ in spans) - ends_mm, max(b for _, b in spans) + ends_mm
    first, last = (placement.room(np.array([0.0, y, 0.0])) for y in (low, high))
    sizes = (abs(last[1] - first[1]), *(model.diameter_mm + 2 * margin for margin in around_mm))
    slices, rows, columns = (int(np.ceil(size / pitch)) for size, pitch in zip(sizes, spacing_mm, strict=True))
    centre = (first + last) / 2
    return Grid((slices, rows, columns), spacing_mm, (float(centre[0] - off_mm[0]), float(centre[1]), float(centre[2] - off_mm[1])))


def _spectrum(grid: Grid, how: Imaging, slope: float = 1.0) -> ctphantom_noise.Nps | None:
    if not (how.noise_hu and how.nps_peak_per_mm):
        return None
    return ctphantom_noise.Nps(how.noise_hu * abs(slope), how.nps_peak_per_mm, grid, how.noise_across_mm)


def _centres(model: CtModel, placement: Placement, grid: Grid) -> dict[str, Centre]:
    found = parts(model)
    places = placement.room(np.array([middle(part) for part in found]))
    each = zip(found, places.tolist(), grid.index(places).tolist(), strict=True)
    return {part.name: Centre((place[0], place[1], place[2]), (index[0], index[1], index[2])) for part, place, index in each}
