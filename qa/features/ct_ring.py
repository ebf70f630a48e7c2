"""A slice of a cylinder unrolled about its axis, what a phantom model would show there, and how well the two agree at every roll.

Only what changes along a ring counts: the ring's mean is taken out, so that cupping, rings and the module's own plastic do not matter.
"""

from __future__ import annotations

from dataclasses import dataclass
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
PRESENT_HU = 100.0  # a plug of any material shows by this much


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


def presence(ring_map: Array, scale: float = 1.0) -> Array:
    """Where anything other than the plastic is, 0 to 1: for phantoms whose holes take any plug."""
    return np.asarray(np.clip(np.abs(ring_map - np.median(ring_map)) * scale / PRESENT_HU, 0, 1))


@dataclass(frozen=True)
class Pattern:
    """A map as spectra along its rings, weighted by the rings' lengths, with the power of each."""

    spectra: NDArray[np.complex128]
    power: Array


def pattern(ring_map: Array) -> Pattern:
    """The pattern of a map: what changes along its rings."""
    weighted = (ring_map - ring_map.mean(axis=1, keepdims=True)) * np.sqrt(np.arange(len(ring_map)) + 0.5)[:, None]
    return Pattern(np.fft.rfft(weighted, axis=1), np.asarray((weighted * weighted).sum(axis=1)))


@cache
def predicted(model: CtModel, key: str, filled: bool, anything: bool, mirrored: bool) -> Pattern:
    """What a module shows: contrast of plugs, rods and bars, as it is or as in a mirror; ``filled`` optional places hold what they are for.

    ``anything``: 1 where a plug is, whatever it is made of.
    """
    module = next(m for m in model.modules if m.key == key)
    rings = int(INNER * model.diameter_mm / 2 / RING_MM)
    r: Array = np.asarray((np.arange(rings * FINE) + 0.5) * (RING_MM / FINE), dtype=np.float64)
    angle = (np.arange(TURNS * FINE) + 0.5) * (2 * np.pi / (TURNS * FINE))
    x: Array = r[:, None] * np.cos(angle) * (-1.0 if mirrored else 1.0)
    z: Array = r[:, None] * np.sin(angle)
    result = np.zeros(x.shape)
    for plug in module.plugs:
        hu = -1000.0 if plug.optional and not filled else plug.hu
        _disc(result, r, x, z, (plug.x_mm, plug.z_mm, plug.diameter_mm / 2), 1.0 if anything else hu - module.hu)
    if not anything:
        for rod in module.rods:
            _disc(result, r, x, z, (rod.x_mm, rod.z_mm, rod.diameter_mm / 2), rod.hu - module.hu)
        for bars in module.bars:
            _bars(result, r, x, z, bars)
    result = np.clip(result, -STRONGEST_HU, STRONGEST_HU)
    return pattern(result.reshape(rings, FINE, TURNS, FINE).mean(axis=(1, 3)))


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
    """Correlation (-1 to 1) of two patterns for every roll in steps of 360/TURNS degrees, counter-clockwise from x towards z."""
    rings = min(len(seen.spectra), len(model.spectra))
    power = float(np.sqrt(seen.power[:rings].sum() * model.power[:rings].sum()))
    if power <= 0:
        return np.zeros(TURNS)
    return np.asarray(np.fft.irfft((seen.spectra[:rings] * np.conj(model.spectra[:rings])).sum(axis=0), TURNS) / power)
