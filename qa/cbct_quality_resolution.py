"""The MTF from the rims of inserts and from groups of bars: two ways that share nothing.

A group of bars on plain ground is known exactly, so its spectrum at its own frequency over its spectrum at zero is the MTF there, times a
number that follows from its shape alone: see docs/physics/cbct_quality.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from phantoms.models import Bars
from qa.ct_found import WHOLE, Found
from qa.ct_inserts import Insert
from qa.features.ct_recognise import with_bars, with_inserts
from qa.features.ct_scan import View
from qa.features.mtf import Mtf, first_crossing
from qa.features.mtf_edge import mtf_of_circle
from qa.features.number import Number, number
from qa.features.position import Array
from qa.reading import AnalysisError

LEVELS = (50, 30, 10)
EDGE_HU, MOST_EDGES = 300.0, 4  # contrast of inserts whose rim is sharp enough against the noise; how many are used
REACH_MM = 4.8
SMALL_RIM = 0.003  # of a frequency: what rims of 12 mm scatter in drawings beyond what each says of itself
BESIDE_MM, BACK_MM = 2.8, 2.5  # beside a group that still belongs to it (its blur); the ground beyond, at both ends of the bars
NYQUIST = 0.92  # of the coarser pitch: beyond, the pattern comes back as another
SEEN = 0.35  # of the strongest slice's signal: slices with more show the bars
SHIFT_MM = (-13.5, 13.5)  # towards and away from the axis, where there is plain ground: what noise alone gives
LEAST = 3.0  # times its u: a weaker modulation is not seen
SHAPE = 0.004  # of the MTF: how well the bars' widths are known (2 % of one bar)


@dataclass(frozen=True)
class Edges:
    """The MTF of rims: frequencies at the levels joined over inserts, the best single curve, and which inserts they are from."""

    at: Mapping[int, Number | AnalysisError]
    curve: Mtf
    names: tuple[str, ...]


@dataclass(frozen=True)
class Group:
    """One group of bars: its frequency in mm of the volume, the MTF there with u (None: hidden), and what was read."""

    bars: Bars
    frequency_per_mm: float
    mtf: float | None
    u: float
    corners: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Barred:
    """The MTF of groups of bars, the frequencies at the levels, and the picture they were read in."""

    at: Mapping[int, Number | AnalysisError]
    groups: tuple[Group, ...]
    view: View
    slices: tuple[int, ...]


def by_edges(found: Found, inserts: Sequence[Insert]) -> Edges:
    """The MTF from the rims of inserts of high contrast. AnalysisError when none can be used."""
    module = with_inserts(found.model)
    known = [(i, i.hu) for i in inserts if not isinstance(i.hu, AnalysisError)]
    strong = [i for i, hu in known if abs(hu.value - module.hu) >= EDGE_HU and "odd voxels" not in hu.budget]
    use = sorted(strong, key=lambda i: -abs(i.plug.hu - module.hu))[:MOST_EDGES]
    if not use:
        raise AnalysisError("no insert has a contrast of 300 HU that is not clipped: there is no edge to measure the resolution with")
    curves, why = {}, "none"
    view = found.view(list(use[0].slices))
    for insert in use:
        radius = insert.plug.diameter_mm / 2
        try:
            near = view.near(*insert.place, radius + REACH_MM + 2.0)
            curve, _ = mtf_of_circle(near.values, near.pitch_mm, near.place(*insert.place), radius, REACH_MM)
            curves[insert.plug.name] = curve
        except AnalysisError as error:
            why = f"{insert.plug.name}: {error}"
    if not curves:
        raise AnalysisError(f"no insert's rim could be used; {why}")
    at = {level: _over_inserts([c.at[str(level)] for c in curves.values()]) for level in LEVELS}
    best = min(curves.values(), key=lambda c: _u_of(c))
    return Edges(at, best, tuple(curves))


def _u_of(curve: Mtf) -> float:
    half = curve.at["50"]
    return half.u if isinstance(half, Number) else np.inf


def _over_inserts(each: Sequence[Number | AnalysisError]) -> Number | AnalysisError:
    """The weighted mean over inserts; where they scatter more than their u says, u is widened to it (Birge)."""
    good = [n for n in each if isinstance(n, Number)]
    if not good:
        return next(n for n in each if isinstance(n, AnalysisError))
    value, u = np.array([n.value for n in good]), np.array([n.u for n in good])
    weight = 1 / u**2
    mean = float((weight * value).sum() / weight.sum())
    own = float(np.sqrt(1 / weight.sum()))
    spread = float(np.sqrt((weight * (value - mean) ** 2).sum() / max(len(good) - 1, 1)))
    budget = {"single inserts": own, "inserts differ": own * float(np.sqrt(max(spread**2 - 1, 0.0))), "small rim": SMALL_RIM * mean}
    return number(mean, budget)


def by_bars(found: Found) -> Barred:
    """The MTF from groups of bars. AnalysisError when the model has none or the scan does not show them."""
    module = with_bars(found.model)
    if module is None:
        raise AnalysisError(f"the {found.model.name} has no groups of bars")
    centre = module.y_mm + module.bars[0].y_mm
    half = min(module.bars[0].thickness_mm or module.length_mm, 10.0) / 2 + 1.6 * found.scan.slice_mm
    low, high = found.height(centre) - half, found.height(centre) + half
    slices = found.scan.between(low, high)
    ends = found.scan.y_mm([0, found.scan.count - 1])
    if not slices or not ends.min() <= found.height(centre) <= ends.max():
        raise AnalysisError(f"{module.name}, which holds the bars, would be at y = {found.height(centre):.0f} mm and is not in the scan")
    strength = np.array([_transform(found, found.single(k), module.bars[0], module.y_mm, 0.0)[0].real for k in slices])
    shown = [k for k, s in zip(slices, strength, strict=True) if s >= SEEN * strength.max()]
    if not shown:
        raise AnalysisError(f"no bars stand where {module.name} has them: {WHOLE}")
    view = found.view(shown)
    nyquist = 0.5 / max(view.pitch_mm)
    use = [bars for bars in module.bars if bars.lp_per_mm <= NYQUIST * nyquist]
    if not use:
        raise AnalysisError(f"the voxels of {max(view.pitch_mm):.2f} mm are too coarse for the coarsest bars")
    raw = [_transform(found, view, bars, module.y_mm, 0.0) for bars in use]
    noise = _noise(found, view, use, module.y_mm)
    groups = tuple(_group(found, bars, zero, own, n, sd, module.y_mm) for bars, (zero, own, n), sd in zip(use, raw, noise, strict=True))
    return Barred({level: _level(groups, level) for level in LEVELS}, groups, view, tuple(shown))


def _axes(bars: Bars) -> tuple[Array, Array]:
    """Unit vectors of the phantom along the pattern and along the bars."""
    turn = np.radians(bars.turn_deg)
    return np.array([np.cos(turn), np.sin(turn)]), np.array([-np.sin(turn), np.cos(turn)])


def _half(bars: Bars) -> float:
    return (bars.count - 0.5) * 0.5 / bars.lp_per_mm


def _transform(found: Found, view: View, bars: Bars, y_mm: float, shift_mm: float) -> tuple[complex, complex, int]:
    """The group's signal over its ground at zero and at its own frequency, summed over voxels; how many voxels that were."""
    away = 1 + shift_mm / float(np.hypot(bars.x_mm, bars.z_mm))
    middle = np.array([bars.x_mm, bars.z_mm]) * away
    a, b = found.at(float(middle[0]), y_mm + bars.y_mm, float(middle[1]))
    near = view.near(a, b, float(np.hypot(_half(bars) + BESIDE_MM, bars.length_mm / 2 + BESIDE_MM + BACK_MM)) + 0.5)
    seen = np.stack(np.broadcast_arrays(near.x_mm[None, :] - a, near.z_mm[:, None] - b), axis=-1)
    local = seen @ np.linalg.inv(found.pose.matrix).T
    along, across = _axes(bars)
    u, v = local @ along, np.abs(local @ across)
    wide, deep = np.abs(u) <= _half(bars) + BESIDE_MM, bars.length_mm / 2 + BESIDE_MM
    inside, ground = wide & (v <= deep), wide & (v > deep) & (v <= deep + BACK_MM)
    values = near.pixels.astype(np.float64)
    tilt = np.polynomial.polynomial.polyfit(u[ground], values[ground], 1)
    signal = (values - tilt[0] - tilt[1] * u)[inside]
    wave = np.exp(-2j * np.pi * bars.lp_per_mm * u[inside])
    return complex(signal.sum()), complex((signal * wave).sum()), int(inside.sum())


def _noise(found: Found, view: View, use: Sequence[Bars], y_mm: float) -> list[float]:
    """The standard deviation of either part of each group's transform that noise alone makes, per root of a voxel."""
    found_sd = []
    for bars in use:
        parts: list[float] = []
        for shift in SHIFT_MM:
            _, own, count = _transform(found, view, bars, y_mm, shift)
            parts += [own.real / np.sqrt(count), own.imag / np.sqrt(count)]
        found_sd.append(float(np.mean(np.square(parts))))
    smooth = [float(np.sqrt(np.mean(found_sd[max(k - 2, 0) : k + 3]))) for k in range(len(found_sd))]
    return smooth


def _group(found: Found, bars: Bars, zero: complex, own: complex, count: int, sd: float, y_mm: float) -> Group:
    """The MTF at one group's frequency."""
    noise = sd * np.sqrt(count)
    modulation = np.sqrt(max(abs(own) ** 2 - 2 * noise**2, 0.0)) / (zero.real * 2 / np.pi)  # sinc(1/2): the bars' own spectrum there
    u = float(np.hypot(noise / (zero.real * 2 / np.pi), SHAPE * modulation + 0.3 * modulation * noise / zero.real))
    along, across = _axes(bars)
    a, b = found.at(bars.x_mm, y_mm + bars.y_mm, bars.z_mm)
    corners = []
    for i, j in ((-1, -1), (1, -1), (1, 1), (-1, 1)):
        x, z = found.pose.matrix @ (along * i * (_half(bars) + BESIDE_MM) + across * j * (bars.length_mm / 2 + BESIDE_MM))
        corners.append((a + float(x), b + float(z)))
    seen = modulation if zero.real > 0 and modulation > LEAST * u else None
    frequency = bars.lp_per_mm / float(np.linalg.norm(found.pose.matrix @ along))
    return Group(bars, frequency, seen, u, tuple(corners))


def _level(groups: Sequence[Group], level: int) -> Number | AnalysisError:
    """The frequency at a level, along straight lines of log MTF against the frequency squared: exact for a Gaussian blur."""
    use = []
    for group in groups:
        if group.mtf is None:
            break
        use.append((group.frequency_per_mm, group.mtf, group.u))
    if not use:
        return AnalysisError("the bars are hidden by noise")
    f, m, u = (np.array([row[i] for row in use]) for i in range(3))
    target = level / 100
    x, y = np.concatenate([[0.0], f**2]), np.concatenate([[0.0], np.log(m)])
    place = first_crossing(x, np.exp(y), target) if (m <= target).any() else None
    if place is None:
        return AnalysisError(f"the bars' MTF does not fall to {level} % up to {f[-1]:.1f} per mm, the finest group the voxels can show")
    after = int(np.argmax(m <= target)) + 1
    part = (y[after - 1] - np.log(target)) / (y[after - 1] - y[after])
    square = float(x[after - 1] + part * (x[after] - x[after - 1]))
    slope = (y[after] - y[after - 1]) / (x[after] - x[after - 1])  # of log MTF against f squared
    before_u = u[after - 2] / m[after - 2] * (1 - part) if after > 1 else 0.0
    noise = float(np.hypot(before_u, u[after - 1] / m[after - 1] * part)) / abs(slope) / 2 / np.sqrt(square)
    frequency = float(np.sqrt(square))
    gap = float(np.sqrt(x[after]) - np.sqrt(x[after - 1]))
    return number(frequency, {"noise and bar widths": noise, "between two groups": 0.015 * gap + 0.003 * frequency})
