"""What a CT phantom is made of, in its own axes: round parts, bars, wires and beads, each with its contrast on what it lies in.

x, y, z are the phantom's own (see ``phantoms.models``): y along its axis. Parts only add: a part's CT number is what it lies in plus its
contrast. A part that reaches from one module into the next is cut at the border, so that each piece has the contrast of its own
surroundings.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from phantoms.models import Bars, CtModel, Module, Ramp

Point = tuple[float, float, float]


@dataclass(frozen=True)
class Round:
    """A cylinder along the phantom's axis from ``low_mm`` to ``high_mm``."""

    name: str
    x_mm: float
    z_mm: float
    radius_mm: float
    low_mm: float
    high_mm: float
    contrast_hu: float

    @property
    def reach_mm(self) -> float:
        """How far from its middle it fills anything, across the axis."""
        return self.radius_mm


@dataclass(frozen=True)
class Stripes:
    """Parallel bars of ``width_mm`` every ``2 width_mm`` along ``turn_deg`` from x, ``length_mm`` long, from ``low_mm`` to ``high_mm``."""

    name: str
    x_mm: float
    z_mm: float
    turn_deg: float
    count: int
    width_mm: float
    length_mm: float
    low_mm: float
    high_mm: float
    contrast_hu: float

    @property
    def reach_mm(self) -> float:
        """How far from its middle it fills anything, across the axis."""
        return float(np.hypot(self.length_mm / 2, (self.count - 0.5) * self.width_mm))


@dataclass(frozen=True)
class Thin:
    """A wire, or with both ends at one place a bead, so thin that only its mass and its second moment are seen.

    ``mass_hu`` is contrast times cross-section (HU mm^2, wire) or times volume (HU mm^3, bead); ``spread_mm`` the standard deviation of
    its matter about its middle along any direction (wire: across it).
    """

    name: str
    ends_mm: tuple[Point, Point]
    mass_hu: float
    spread_mm: float


Part = Round | Stripes | Thin


def parts(model: CtModel, hu: Mapping[str, float] | None = None, air_hu: float = -1000.0) -> tuple[Part, ...]:
    """Everything of the model; ``hu`` replaces the CT numbers of plugs by their names. KeyError for a name that no plug has."""
    told = dict(hu or {})
    if unknown := set(told) - {plug.name for module in model.modules for plug in module.plugs}:
        raise KeyError(f"{model.name} has no plug {', '.join(sorted(unknown))}")
    low, high = model.y_mm - model.length_mm / 2, model.y_mm + model.length_mm / 2
    found: list[Part] = [Round("body", 0.0, 0.0, model.diameter_mm / 2, low, high, model.hu - air_hu)]
    for module in model.modules:
        if module.hu != model.hu:
            found.append(Round(module.name, 0.0, 0.0, module.diameter_mm / 2, *_ends(module), module.hu - model.hu))
    for module in model.modules:
        found += _rounds(model, module, told)
        found += [_stripes(module, bars) for bars in module.bars]
        found += _thin(module)
    return tuple(found)


def _ends(module: Module, length_mm: float = 0.0, y_mm: float = 0.0) -> tuple[float, float]:
    half = (length_mm or module.length_mm) / 2
    return module.y_mm + y_mm - half, module.y_mm + y_mm + half


def _rounds(model: CtModel, module: Module, told: Mapping[str, float]) -> Iterator[Round]:
    for plug in module.plugs:
        low, high = _ends(module, plug.length_mm, plug.y_mm)
        for start, end, around in _cut(model, low, high):
            yield Round(plug.name, plug.x_mm, plug.z_mm, plug.diameter_mm / 2, start, end, told.get(plug.name, plug.hu) - around)
    for rod in module.rods:
        yield Round(f"rod {rod.name}", rod.x_mm, rod.z_mm, rod.diameter_mm / 2, *_ends(module), rod.hu - module.hu)
    for disc in module.discs:
        low, high = _ends(module, disc.length_mm)
        yield Round(disc.name, disc.x_mm, disc.z_mm, disc.diameter_mm / 2, low, high, 10 * disc.contrast_percent)


def _cut(model: CtModel, low: float, high: float) -> Iterator[tuple[float, float, float]]:
    """Pieces (low, high, CT number around) of what reaches from ``low`` to ``high``, cut where modules begin and end."""
    borders = {low, high} | {end for module in model.modules for end in _ends(module) if low < end < high}
    for start, end in pairwise(sorted(borders)):
        if end - start < 1e-6:
            continue
        middle = (start + end) / 2
        inside = [module.hu for module in model.modules if abs(middle - module.y_mm) < module.length_mm / 2]
        yield start, end, inside[0] if inside else model.hu


def _stripes(module: Module, bars: Bars) -> Stripes:
    low, high = _ends(module, bars.thickness_mm, bars.y_mm)
    width = 0.5 / bars.lp_per_mm
    return Stripes(
        bars.name, bars.x_mm, bars.z_mm, bars.turn_deg, bars.count, width, bars.length_mm, low, high, bars.hu - module.hu
    )  # fmt: skip


def _thin(module: Module) -> Iterator[Thin]:
    for ramp in module.ramps:
        yield _wire(f"ramp {ramp.name}", ramp_ends(module, ramp), ramp.diameter_mm, ramp.hu - module.hu)
    for wire in module.wires:
        ends = [(x, y + module.y_mm, z) for x, y, z in (wire.from_mm, wire.to_mm)]
        yield _wire(f"wire {wire.name}", (ends[0], ends[1]), wire.diameter_mm, wire.hu - module.hu)
    for bead in module.beads:
        radius, place = bead.diameter_mm / 2, (bead.x_mm, bead.y_mm + module.y_mm, bead.z_mm)
        mass = (bead.hu - module.hu) * 4 / 3 * np.pi * radius**3
        yield Thin(f"bead {bead.name}", (place, place), float(mass), float(radius / np.sqrt(5)))


def _wire(name: str, ends: tuple[Point, Point], diameter_mm: float, contrast_hu: float) -> Thin:
    return Thin(name, ends, float(contrast_hu * np.pi * diameter_mm**2 / 4), diameter_mm / 4)


def ramp_ends(module: Module, ramp: Ramp) -> tuple[Point, Point]:
    """The two ends of a ramp's wire, the lower one first."""
    angle, half = np.radians(ramp.angle_deg), ramp.length_mm / 2
    rise, run = float(half * np.sin(angle)), float(half * np.cos(angle)) * ramp.rising
    step = (run, 0.0) if ramp.along == "x" else (0.0, run)
    low = (ramp.x_mm - step[0], module.y_mm - rise, ramp.z_mm - step[1])
    return low, (ramp.x_mm + step[0], module.y_mm + rise, ramp.z_mm + step[1])
