"""The low-contrast targets: their contrast, and how visible that makes them in noise of this strength and this spectrum."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from phantoms.models import Disc, Module
from qa.ct_found import Found
from qa.features import detectability
from qa.features.ct_scan import View
from qa.features.mtf import Mtf
from qa.features.nps import Nps
from qa.features.number import Number, number
from qa.features.position import Array
from qa.reading import AnalysisError

SMALLEST_MM = 5.0  # targets below are smaller than their places are known to
INNER = 0.6  # of a target's radius: their places are known to 1 degree, 0.9 mm
BESIDE_MM = (2.0, 6.0)  # beyond a target's rim: its ground, other targets and their rims left out
LEAKAGE = 3.0  # what regions of limited width leave unknown of d', times (lowest frequency times radius)^2: in drawings, 10 % for 15 mm
HALF = 0.1874  # MTF50 of a Gaussian blur times its sigma: sqrt(ln 2/2)/pi
BLUR_U = 0.3  # of the correction for blur: a CBCT's is not Gaussian
FEWEST = 20  # voxels of target or ground in one slice


@dataclass(frozen=True)
class Target:
    """One target: its contrast in HU over all slices of its module, CNR in one slice, CNR times the root of its area, d', its place."""

    disc: Disc
    place: tuple[float, float]
    radius_mm: float
    contrast: Number | AnalysisError
    cnr: Number | AnalysisError
    area_cnr: Number | AnalysisError
    d_prime: Number | AnalysisError


@dataclass(frozen=True)
class LowContrast:
    """All targets of 5 mm and more, and the picture they were measured in."""

    module: Module
    targets: tuple[Target, ...]
    view: View
    slices: tuple[int, ...]


def measure(found: Found, noise: Number | AnalysisError, spectrum: Nps | AnalysisError, mtf: Mtf | AnalysisError) -> LowContrast:
    """The targets. AnalysisError when the model has none or the scan does not show them."""
    module = next((m for m in found.model.modules if m.discs), None)
    if module is None:
        raise AnalysisError(f"the {found.model.name} has no low-contrast targets")
    slices = found.slices(module)
    view = found.view(slices)
    discs = [disc for disc in module.discs if disc.diameter_mm >= SMALLEST_MM]
    targets = [_target(found, view, module, disc, slices, noise, spectrum, mtf) for disc in discs]
    return LowContrast(module, tuple(targets), view, tuple(slices))


def _target(
    found: Found,
    view: View,
    module: Module,
    disc: Disc,
    slices: Sequence[int],
    noise: Number | AnalysisError,
    spectrum: Nps | AnalysisError,
    mtf: Mtf | AnalysisError,
) -> Target:
    place = found.at(disc.x_mm, module.y_mm, disc.z_mm, list(slices))
    radius = disc.diameter_mm / 2
    try:
        contrast = _recovered(_contrast(found, module, disc, slices), radius, mtf)
    except AnalysisError as error:
        return Target(disc, place, INNER * radius, error, error, error, error)
    if isinstance(noise, AnalysisError):
        return Target(disc, place, INNER * radius, contrast, noise, noise, noise)
    ratio = contrast.value / noise.value
    cnr = number(ratio, {"contrast": contrast.u / noise.value, "noise": abs(ratio) * noise.u / noise.value})
    weighted = detectability.area_weighted(cnr, radius)
    d: Number | AnalysisError
    if isinstance(spectrum, AnalysisError):
        d = spectrum
    elif isinstance(mtf, AnalysisError):
        d = mtf
    else:
        try:
            d = _observer(contrast, radius, mtf, spectrum)
        except AnalysisError as error:
            d = error
    return Target(disc, place, INNER * radius, contrast, cnr, weighted, d)


def _recovered(contrast: Number, radius: float, mtf: Mtf | AnalysisError) -> Number:
    """The contrast over the share of it that a blur leaves in the middle of a target: a Gaussian one with the measured MTF's 50 %."""
    from scipy.special import chndtr

    half = mtf if isinstance(mtf, AnalysisError) else mtf.at["50"]
    if not isinstance(half, Number):
        return contrast
    sigma = HALF / half.value
    away = np.linspace(0.02, 1.0, 25) * max(INNER * radius, 1.0)
    share = float((chndtr((radius / sigma) ** 2, 2, (away / sigma) ** 2) * away).sum() / away.sum())
    budget = {"noise": contrast.u / share, "blur": BLUR_U * abs(contrast.value) * (1 / share - 1)}
    return number(contrast.value / share, budget, least_u=0.02)


def _observer(contrast: Number, radius: float, mtf: Mtf, spectrum: Nps) -> Number:
    """d' as the mean of two readings of the noise below the spectrum's lowest frequency: constant, and falling to nothing at zero."""
    constant = detectability.non_prewhitening(contrast, radius, mtf, spectrum).d_prime
    falling = replace(
        spectrum,
        frequency_per_mm=np.concatenate([[1e-6], spectrum.frequency_per_mm]),
        curve=np.concatenate([[1e-9 * spectrum.curve[0]], spectrum.curve]),
        curve_u=np.concatenate([[spectrum.curve_u[0]], spectrum.curve_u]),
        samples=np.concatenate([[1.0], spectrum.samples]),
    )
    other = detectability.non_prewhitening(contrast, radius, mtf, falling).d_prime
    value = (constant.value + other.value) / 2
    budget = {
        **constant.budget,
        "noise near zero frequency": abs(other.value - constant.value) / 2 / np.sqrt(3),
        "width of the regions": LEAKAGE * (float(spectrum.frequency_per_mm[0]) * radius) ** 2 * value,
    }
    return number(value, budget)


def _contrast(found: Found, module: Module, disc: Disc, slices: Sequence[int]) -> Number:
    """Target minus ground of every slice: their mean, and u from their scatter, neighbours in the stack being correlated."""
    each = _each(found, module, disc, list(slices))
    if len(each) < 3:
        raise AnalysisError("fewer than three slices show the low-contrast module: scan all of it")
    mean = float(each.mean())
    left = each - mean
    rho = float((left[1:] * left[:-1]).sum() / max((left**2).sum(), 1e-12)) + 1 / len(each)
    widened = np.sqrt(max((1 + rho) / (1 - rho), 1.0)) if abs(rho) < 0.9 else np.sqrt(len(each))
    degrees = max(len(each) - 1, 1)
    student = np.sqrt(degrees / (degrees - 2)) if degrees > 2 else 2.0
    u = float(left.std(ddof=1) / np.sqrt(len(each)) * (widened if len(each) > 5 else 1.0) * student)
    return number(mean, {"noise": u}, least_u=0.02)


def _each(found: Found, module: Module, disc: Disc, slices: list[int]) -> Array:
    """Target minus a plane through its ground, of every slice; other targets are left out of the ground."""
    a, b = found.at(disc.x_mm, module.y_mm, disc.z_mm, slices)
    radius = disc.diameter_mm / 2
    views = [found.single(k).near(a, b, radius + BESIDE_MM[1]) for k in slices]
    x, z = views[0].x_mm[None, :] - a, views[0].z_mm[:, None] - b
    r = np.hypot(x, z)
    ground = (r > radius + BESIDE_MM[0]) & (r <= radius + BESIDE_MM[1])
    for other in module.discs:
        away = found.pose.matrix @ (other.x_mm - disc.x_mm, other.z_mm - disc.z_mm)
        if 0 < np.hypot(*away) < radius + other.diameter_mm / 2 + 10.0:
            ground &= np.hypot(x - away[0], z - away[1]) > other.diameter_mm / 2 + BESIDE_MM[0]
    axis = found.pose.matrix @ (-disc.x_mm, -disc.z_mm)
    ground &= np.hypot(x - axis[0], z - axis[1]) < module.diameter_mm / 2 - 3.0
    target = r <= max(INNER * radius, 1.0)
    if target.sum() < 3 or ground.sum() < FEWEST:
        raise AnalysisError(f"the {disc.name} target has too few voxels in a slice; use smaller voxels")
    wide, high = np.broadcast_to(x, r.shape), np.broadcast_to(z, r.shape)
    plane = np.stack([np.ones(int(ground.sum())), wide[ground], high[ground]], axis=1)
    stack = np.stack([view.pixels for view in views]).astype(np.float64)
    level = np.linalg.pinv(plane) @ stack[:, ground].T
    under = np.array([1.0, wide[target].mean(), high[target].mean()]) @ level
    return np.asarray(stack[:, target].mean(axis=1) - under, dtype=np.float64)
