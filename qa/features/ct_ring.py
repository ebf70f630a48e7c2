"""A slice of a cylinder unrolled about its axis, what a phantom model would show there, and how well the two agree at every roll.

Only what changes along a ring counts: the ring's mean is taken out, so that cupping, rings and the module's own plastic do not matter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from phantoms.models import Bars, CtModel
from qa.features.ct_scan import View
from qa.features.position import Array

RING_MM, TURNS = 2.0, 180  # radial step; angles per turn: 2 mm along the ring that holds a CatPhan's inserts
FINE = 2  # samples per step in either direction, averaged
INNER = 0.93  # of the body's radius: beyond is its rim
STRONGEST_HU = 1200.0  # contrasts are cut off here: bars of metal and clipped air must not outweigh everything
SMOOTH_MM = 1.0  # sd along the ring
LIFTED = 1.5  # at most, of agreement by leaving out noise: what is noise alone must not look like anything
ALIKE = 0.25  # quantile over neighbouring slices of what they differ by: where modules change they differ by more than noise


def unrolled(view: View, centre: tuple[float, float], radius_mm: float) -> Array:
    """(rings, TURNS) mean values about a centre, angle from x towards z; ring k lies about (k + 1/2) RING_MM."""
    rings = int(INNER * radius_mm / RING_MM)
    r = (np.arange(rings * FINE) + 0.5) * (RING_MM / FINE)
    angle = (np.arange(TURNS * FINE) + 0.5) * (2 * np.pi / (TURNS * FINE))
    x, z = centre[0] + r[:, None] * np.cos(angle), centre[1] + r[:, None] * np.sin(angle)
    values = view.sampled(x, z)
    return np.asarray(values.reshape(rings, FINE, TURNS, FINE).mean(axis=(1, 3), dtype=np.float64))


def contrast(ring_map: Array, scale: float = 1.0) -> Array:
    """The map minus every ring's median, strong contrasts cut off: what the materials add to the plastic. ``scale`` makes it true HU."""
    plain = np.median(ring_map, axis=1, keepdims=True)
    return np.asarray(np.clip((ring_map - plain) * scale, -STRONGEST_HU, STRONGEST_HU))


@dataclass(frozen=True)
class Pattern:
    """Maps (..., rings, turns) as spectra along rings, weighted by the rings' lengths; their power, and its part that is noise."""

    spectra: NDArray[np.complex128]
    power: Array
    noise: Array

    def signal(self, rings: int) -> Array:
        """The power of the first rings without noise: never less than the share that lifts agreement by LIFTED."""
        power = self.power[..., :rings].sum(axis=-1)
        return np.asarray(np.maximum(power - self.noise[:rings].sum(), power / LIFTED**2))

    def at(self, slices: Sequence[int]) -> Pattern:
        """Some of a stack's patterns."""
        return replace(self, spectra=self.spectra[slices], power=self.power[slices])


def pattern(ring_map: Array) -> Pattern:
    """The pattern of a map or of a stack of them: what changes along rings, smoothed so that the scan's blur does not matter."""
    r = np.arange(ring_map.shape[-2]) + 0.5
    weighted = (ring_map - ring_map.mean(axis=-1, keepdims=True)) * np.sqrt(r)[:, None]
    spectra = np.fft.rfft(weighted, axis=-1)
    spectra *= np.exp(-0.5 * (SMOOTH_MM / RING_MM * np.arange(spectra.shape[-1]) / r[:, None]) ** 2)
    return Pattern(spectra, _power(spectra), np.zeros(len(r)))


def _power(spectra: NDArray[np.complex128]) -> Array:
    """The summed squares of the rings that these are spectra of; the mean is not in them."""
    return np.asarray((np.abs(spectra[..., 1:]) ** 2).sum(axis=-1) * (2 / TURNS))


def noisy(stack: Pattern) -> Pattern:
    """A stack's patterns with the noise of one: what neighbours differ by where they show the same module, which most do."""
    apart = _power(np.diff(stack.spectra, axis=0)) / 2
    return replace(stack, noise=np.quantile(apart, ALIKE, axis=0)) if len(apart) else stack


@cache
def predicted(model: CtModel, key: str, filled: bool, mirrored: bool) -> Pattern:
    """What a module shows: plugs, rods and bars, as it is or as in a mirror; ``filled`` optional places hold what they are for."""
    module = next(m for m in model.modules if m.key == key)
    r, x, z = _places(model)
    if mirrored:
        x = -x
    result = np.zeros(x.shape)
    for plug in module.plugs:
        hu = -1000.0 if plug.optional and not filled else plug.hu
        _disc(result, r, x, z, (plug.x_mm, plug.z_mm, plug.diameter_mm / 2), hu - module.hu)
    for rod in module.rods:
        _disc(result, r, x, z, (rod.x_mm, rod.z_mm, rod.diameter_mm / 2), rod.hu - module.hu)
    for bars in module.bars:
        _bars(result, r, x, z, bars)
    return pattern(_binned(np.clip(result, -STRONGEST_HU, STRONGEST_HU)))


@dataclass(frozen=True)
class Holes:
    """The patterns of single holes with one HU of contrast, off the axis, and the inverse of their products with each other."""

    patterns: Pattern
    inverse: Array


@cache
def holes(model: CtModel, key: str) -> Holes:
    """Where a module's holes are, whatever is in them."""
    module = next(m for m in model.modules if m.key == key)
    r, x, z = _places(model)
    found = []
    for plug in module.plugs:
        if np.hypot(plug.x_mm, plug.z_mm) <= plug.diameter_mm / 2:
            continue  # on the axis it changes nothing along any ring
        result = np.zeros(x.shape)
        _disc(result, r, x, z, (plug.x_mm, plug.z_mm, plug.diameter_mm / 2), 1.0)
        found.append(_binned(result))
    each = pattern(np.array(found))
    spectra = each.spectra[..., 1:].reshape(len(found), -1)
    return Holes(each, np.asarray(np.linalg.inv((spectra @ spectra.conj().T).real * (2 / TURNS)), dtype=np.float64))


def _places(model: CtModel) -> tuple[Array, Array, Array]:
    """Radius of every fine ring, x and z of every sample on it."""
    rings = int(INNER * model.diameter_mm / 2 / RING_MM)
    r: Array = np.asarray((np.arange(rings * FINE) + 0.5) * (RING_MM / FINE), dtype=np.float64)
    angle = (np.arange(TURNS * FINE) + 0.5) * (2 * np.pi / (TURNS * FINE))
    return r, np.asarray(r[:, None] * np.cos(angle)), np.asarray(r[:, None] * np.sin(angle))


def _binned(fine: Array) -> Array:
    """The means of the samples of each step."""
    return np.asarray(fine.reshape(len(fine) // FINE, FINE, TURNS, FINE).mean(axis=(1, 3)))


def _near(r: Array, place: float, reach: float) -> slice:
    """The rings that something reaches."""
    return slice(*np.searchsorted(r, [place - reach, place + reach]))


def _disc(result: Array, r: Array, x: Array, z: Array, disc: tuple[float, float, float], value: float) -> None:
    rows = _near(r, float(np.hypot(disc[0], disc[1])), disc[2])
    result[rows][(x[rows] - disc[0]) ** 2 + (z[rows] - disc[1]) ** 2 <= disc[2] ** 2] = value


def _bars(result: Array, r: Array, x: Array, z: Array, bars: Bars) -> None:
    turn, width = np.radians(bars.turn_deg), 0.5 / bars.lp_per_mm
    half = (bars.count - 0.5) * width
    rows = _near(r, float(np.hypot(bars.x_mm, bars.z_mm)), half + bars.length_mm)
    u = (x[rows] - bars.x_mm) * np.cos(turn) + (z[rows] - bars.z_mm) * np.sin(turn)
    v = (z[rows] - bars.z_mm) * np.cos(turn) - (x[rows] - bars.x_mm) * np.sin(turn)
    result[rows][(np.abs(u) <= half) & (np.abs(v) <= bars.length_mm / 2) & ((u + half) % (2 * width) <= width)] = STRONGEST_HU


def agreement(seen: Pattern, model: Pattern) -> Array:
    """Correlation (-1 to 1) of a pattern, or each of a stack, with a model's, noise left out: for every roll, 360/TURNS degrees each."""
    rings = min(seen.spectra.shape[-2], model.spectra.shape[-2])
    power = np.sqrt(seen.signal(rings) * model.power[:rings].sum())
    return np.asarray(np.clip(_products(seen, model) / np.maximum(power, 1e-9)[..., None], -1.0, 1.0))


def filled(seen: Pattern, model: Holes) -> tuple[Array, Array]:
    """Correlation (0 to 1) with holes of whatever contrast each, at every roll as in ``agreement``, and those contrasts (holes, rolls)."""
    products = _products(seen, model.patterns)
    contrasts = model.inverse @ products
    power = seen.signal(min(seen.spectra.shape[-2], model.patterns.spectra.shape[-2]))
    return np.sqrt(np.clip((contrasts * products).sum(axis=0) / np.maximum(power, 1e-9), 0.0, 1.0)), contrasts


def _products(seen: Pattern, model: Pattern) -> Array:
    """What a pattern has of another at every roll; one of the two may be a stack."""
    rings = min(seen.spectra.shape[-2], model.spectra.shape[-2])
    return np.asarray(np.fft.irfft((seen.spectra[..., :rings, :] * np.conj(model.spectra[..., :rings, :])).sum(axis=-2), TURNS))
