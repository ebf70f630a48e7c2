"""A random CatPhan, built as badly as the uncertainties say, in a system of random blur, noise and geometry, with its truth.

The truth is what a perfect measurement would find; the model that is drawn differs from the one that is known by the tolerances of section
2 and 9 of the physics page.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from phantoms import ctphantom, ctseries
from phantoms.ctphantom import Imaging, PhantomScan, Placement
from phantoms.models import CtModel, Module, ct_models
from phantoms.volume_grid import Grid
from qa import cbct_quality_truth_rehearsal, rehearsal
from qa.acquisition import Acquisition
from qa.cbct_quality_geometry import ANGLE_U_DEG, INSERT_U_MM, RAMP_U_MM, ROD_U_MM
from qa.cbct_quality_truth_rehearsal import SMALLEST_MM
from qa.procedure import Rehearsal

Array = NDArray[np.float64]
Point = tuple[float, float, float]
SHARES = {"catphan503": 0.12, "catphan504": 0.28, "catphan600": 0.22, "catphan604": 0.28, "catphan700": 0.1}  # some parts only some have
SPACING_MM: Point = (3.0, 1.05, 0.95)
HALVES_MM = {"hu": 22.0, "bars": 8.0, "low_contrast": 11.0, "uniform": 12.0}  # of each module are scanned at least
AROUND_MM = (12.0, 18.0)  # air above and beside
MACHINE = "rehearsal"


@dataclass(frozen=True)
class Shade:
    """How uneven the uniform module is made about its middle: HU per mm along x and z of the slice, and HU per mm^2 of the distance."""

    slope: tuple[float, float]
    bowl: float


def draw(rng: np.random.Generator) -> Rehearsal:
    """One scan with its truth."""
    seed = int(rng.integers(2**31))
    key = str(rng.choice(list(SHARES), p=list(SHARES.values())))
    model = next(m for m in ct_models() if m.key == key)
    placement = _placement(rng)
    how = Imaging(
        blur_mm=(float(rng.uniform(0.85, 1.0)), float(rng.uniform(0.4, 0.7))),
        noise_hu=float(rng.uniform(7, 14)),
        nps_peak_per_mm=float(rng.uniform(0.15, 0.25)),
        noise_across_mm=float(rng.choice([0.0, 1.5])),
    )
    told = _numbers(model, rng)
    angle = float(rng.choice([20, 70, 160, 250, 340]) + rng.uniform(-15, 15))
    strength, sign = float(rng.uniform(0.08, 0.2)), float(rng.choice([-1, 1]))
    grid = grid_of(model, placement, rng)
    slope = strength * float(np.cos(np.radians(angle))), strength * float(np.sin(np.radians(angle)))
    shade = Shade(slope, sign * float(rng.uniform(0.0015, 0.003)))
    built = _built(model, rng)
    scanned = scan(built, grid, placement, how, told, shade, np.random.default_rng(seed))
    volume = rehearsal.volume(scanned, MACHINE)
    volume = replace(volume, tags={"ConvolutionKernel": "smooth", "SliceThickness": f"{SPACING_MM[0]}"})
    acquisition = Acquisition((), MACHINE, "CBCT", f"simulated CBCT of a {model.name}", (volume,), phantom=model.name)
    truth = cbct_quality_truth_rehearsal.of(scanned.known, model, how, told, shade.slope, shade.bowl)

    def write(folder: Path) -> None:
        ctseries.write(scanned, folder, seed=seed, name=MACHINE)

    return Rehearsal(acquisition, truth, write)


def scan(
    model: CtModel, grid: Grid, placement: Placement, how: Imaging, told: Mapping[str, float], shade: Shade, rng: np.random.Generator
) -> PhantomScan:
    """The volume with an uneven uniform module: what ``scan_phantom`` draws, and a slope within the slices of that module."""
    quiet = replace(how, noise_hu=0.0)
    clean = ctphantom.scan_phantom(model, grid, rng, placement, replace(quiet, clip_hu=(-32768.0, 32767.0)), told)
    voxels = clean.voxels.astype(np.float32)
    uniform = next(m for m in model.modules if m.uniform)
    middle = placement.room(np.array([0.0, uniform.y_mm, 0.0]))
    slices, rows, columns = (np.arange(n) for n in grid.shape)
    y = grid.room(np.stack([slices, 0 * slices, 0 * slices], axis=-1).astype(float))[:, 1]
    inside = np.abs(y - middle[1]) < uniform.length_mm / 2 + 1
    x = grid.room(np.stack([0 * columns, 0 * columns, columns], axis=-1).astype(float))[:, 0] - middle[0]
    z = grid.room(np.stack([0 * rows, rows, 0 * rows], axis=-1).astype(float))[:, 2] - middle[2]
    voxels[inside] += _uneven(shade, x[None, :], z[:, None]).astype(np.float32)
    stored = ctphantom.finished(voxels, grid, rng, how)
    known = replace(clean.known, nps=ctphantom._spectrum(grid, how))
    return replace(clean, voxels=stored, how=how, known=known)


def _uneven(shade: Shade, x: Array, z: Array) -> Array:
    return np.asarray(shade.slope[0] * x + shade.slope[1] * z + shade.bowl * (x * x + z * z))


def grid_of(model: CtModel, placement: Placement, rng: np.random.Generator, keys: tuple[str, ...] = tuple(HALVES_MM)) -> Grid:
    """Slices over the middles of these modules, the phantom off their middle."""
    spans = [(m.y_mm - HALVES_MM[m.key], m.y_mm + HALVES_MM[m.key]) for m in model.modules if m.key in keys]
    ends = [placement.room(np.array([0.0, y, 0.0])) for y in (min(a for a, _ in spans), max(b for _, b in spans))]
    centre = (ends[0] + ends[1]) / 2
    slices = int(np.ceil(abs(ends[1][1] - ends[0][1]) / SPACING_MM[0]))
    rows, columns = (int(np.ceil((model.diameter_mm + 2 * a) / p)) for a, p in zip(AROUND_MM, SPACING_MM[1:], strict=True))
    off = rng.uniform(-3, 3, 3)
    return Grid((slices, rows, columns), SPACING_MM, (float(centre[0] + off[0]), float(centre[1] + off[1] / 2), float(centre[2] + off[2])))


def _placement(rng: np.random.Generator) -> Placement:
    """A phantom set up by hand in a system whose lengths are wrong by about a percent."""
    offset, scale = rng.normal(0, 2.5, 3), 1 + rng.choice([-1, 1]) * rng.uniform(0.005, 0.011, 3)
    shear = np.radians(rng.choice([-1, 1], 3) * rng.uniform(0.3, 0.6, 3))
    return Placement(
        (float(offset[0]), float(offset[1]), float(offset[2])),
        float(rng.normal(0, 0.25)),
        float(rng.normal(0, 1.5)),
        float(rng.normal(0, 0.25)),
        reversed=bool(rng.random() < 0.25),
        scale=(float(scale[0]), float(scale[1]), float(scale[2])),
        shear=(float(shear[0]) / 3, float(shear[1]), float(shear[2]) / 3),
    )


def _numbers(model: CtModel, rng: np.random.Generator) -> dict[str, float]:
    """CT numbers near a straight line through the nominal ones, one insert well off it; an optional vial filled or empty."""
    slope, start = float(rng.uniform(0.93, 0.96)), float(rng.uniform(0, 12))
    plugs = [plug for module in model.modules for plug in module.plugs]
    told = {plug.name: start + slope * plug.hu + float(rng.normal(0, 3)) for plug in plugs}
    odd = str(rng.choice([plug.name for plug in plugs if not plug.optional and plug.hu > -500]))
    told[odd] += float(rng.choice([-1, 1])) * float(rng.uniform(35, 50))
    for plug in plugs:
        if plug.optional and rng.random() < 0.4:
            told[plug.name] = -1000.0
    return {name: round(value, 1) for name, value in told.items()}


def _built(model: CtModel, rng: np.random.Generator) -> CtModel:
    """The phantom as a workshop builds it: rods, inserts and wires a little off."""
    return replace(model, modules=tuple(_module(module, rng) for module in model.modules))


def _module(module: Module, rng: np.random.Generator) -> Module:
    plugs = tuple(
        replace(p, x_mm=p.x_mm + float(rng.normal(0, INSERT_U_MM)), z_mm=p.z_mm + float(rng.normal(0, INSERT_U_MM))) for p in module.plugs
    )
    off = rng.normal(0, ROD_U_MM, (len(module.rods), 2))
    rods = tuple(replace(r, x_mm=r.x_mm + float(x), z_mm=r.z_mm + float(z)) for r, (x, z) in zip(module.rods, off, strict=True))
    ramps = []
    for ramp in module.ramps:
        moved = float(rng.normal(0, RAMP_U_MM)) / float(np.tan(np.radians(ramp.angle_deg)))
        turned = replace(ramp, angle_deg=ramp.angle_deg + float(rng.normal(0, ANGLE_U_DEG)))
        ramps.append(replace(turned, x_mm=ramp.x_mm + moved) if ramp.along == "x" else replace(turned, z_mm=ramp.z_mm + moved))
    discs = tuple(disc for disc in module.discs if disc.diameter_mm >= SMALLEST_MM)  # the others are not measured
    return replace(module, plugs=plugs, rods=rods, ramps=tuple(ramps), discs=discs)
