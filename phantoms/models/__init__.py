"""The phantom models that are known: what their makers say they are made of, as TOML, one file a model.

These are facts about things that can be bought, not geometry code: both the renderer and an analysis may read them. Everything that
turns a fact into a place in an image stands twice, here for drawing and in the analysis for measuring.

CT models: the phantom's own axes are those of frame F when it stands as it is meant to: x to the right and z up as the slices of a
head-first supine scan are shown (columns along x, rows against z), y along the phantom's axis towards the gantry, the origin on the axis
at the middle of the module that holds the materials. Planar models: x to the right and y up in the picture of the phantom as its maker
shows it, the origin at the middle of its outline. All lengths are in mm at the phantom, all angles in degrees, counter-clockwise.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import MISSING, dataclass, fields
from datetime import date
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any, TypeVar, get_args, get_origin, get_type_hints

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

LONGEST = 6  # words of a name
T = TypeVar("T", bound="DataclassInstance")


@dataclass(frozen=True)
class Plug:
    """A rod of known material along the axis. ``hu_low``/``hu_high`` are what the maker states, both ``hu`` where only that is known.

    ``material`` is a key of ``materials()``; ``optional`` a place that may hold something else (a vial slot, a hole for any plug);
    ``length_mm`` 0 = the module's; ``y_mm`` is the plug's middle along the axis, from the module's.
    """

    name: str
    x_mm: float
    z_mm: float
    diameter_mm: float
    hu: float
    hu_low: float
    hu_high: float
    material: str = ""
    optional: bool = False
    length_mm: float = 0.0
    y_mm: float = 0.0


@dataclass(frozen=True)
class Rod:
    """A thin rod or hole along the axis whose place is known: geometry is measured with it."""

    name: str
    x_mm: float
    z_mm: float
    diameter_mm: float
    hu: float


@dataclass(frozen=True)
class Ramp:
    """A thin wire that climbs along the axis: it runs along ``along`` ("x" or "z") and rises ``angle_deg`` out of the slice.

    Its middle is at (x_mm, z_mm) in the middle of the module; ``rising`` +1: y grows with x (or z) along it.
    ``length_mm`` is the wire's own.
    """

    name: str
    x_mm: float
    z_mm: float
    along: str
    angle_deg: float
    rising: int
    length_mm: float
    diameter_mm: float
    hu: float


@dataclass(frozen=True)
class Bars:
    """A group of parallel bars with gaps as wide as they are: ``count`` bars, whose pattern repeats along ``turn_deg`` from x.

    ``length_mm`` is a bar's within the slice, ``thickness_mm`` along the axis (0 = the module's length); ``y_mm`` is its middle from the
    module's.
    """

    name: str
    x_mm: float
    z_mm: float
    lp_per_mm: float
    count: int
    turn_deg: float
    length_mm: float
    hu: float
    thickness_mm: float = 0.0
    y_mm: float = 0.0


@dataclass(frozen=True)
class Disc:
    """A low-contrast target along the axis; ``contrast_percent`` 1 % = 10 HU; ``length_mm`` 0 = as long as the module."""

    name: str
    group: str
    x_mm: float
    z_mm: float
    diameter_mm: float
    contrast_percent: float
    length_mm: float = 0.0


@dataclass(frozen=True)
class Bead:
    """A small ball; ``y_mm`` is from the module's middle."""

    name: str
    x_mm: float
    y_mm: float
    z_mm: float
    diameter_mm: float
    hu: float


@dataclass(frozen=True)
class Wire:
    """A straight thin wire between two points (x, y, z), y from the module's middle."""

    name: str
    from_mm: tuple[float, float, float]
    to_mm: tuple[float, float, float]
    diameter_mm: float
    hu: float


@dataclass(frozen=True)
class Module:
    """A part of a CT phantom: a disc about the axis, its middle at ``y_mm``. ``uniform``: noise and uniformity are measured in it."""

    key: str
    name: str
    y_mm: float
    length_mm: float
    diameter_mm: float
    hu: float
    uniform: bool = False
    plugs: tuple[Plug, ...] = ()
    rods: tuple[Rod, ...] = ()
    ramps: tuple[Ramp, ...] = ()
    bars: tuple[Bars, ...] = ()
    discs: tuple[Disc, ...] = ()
    beads: tuple[Bead, ...] = ()
    wires: tuple[Wire, ...] = ()


@dataclass(frozen=True)
class CtModel:
    """A phantom for CT: a cylinder of ``diameter_mm``, made of modules; ``source`` says where its numbers come from.

    The cylinder's middle along the axis is at ``y_mm``; what no module fills has ``hu``.
    """

    key: str
    name: str
    maker: str
    aliases: tuple[str, ...]
    source: str
    diameter_mm: float
    length_mm: float
    hu: float
    modules: tuple[Module, ...]
    y_mm: float = 0.0
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Region:
    """A part of a planar phantom. ``kind``: contrast, background, bars, disc, edge, uniform, window, frame, marker or body.

    The parts are painted in their order, each over what lies under it: two of them are apart or one is inside the other. A "window"
    shows what lies round it, a "frame" is there to be seen; only a "body", what carries the phantom, reaches beyond the outline.

    ``shape`` is "rectangle" (width, height, turned) or "circle" (width = diameter). ``transmission`` is what it lets through, over what the
    phantom's plate lets through beside it, at the energy the model is made for (nominal; only drawing and recognition use it). For bars
    that is the dark bars', between them the gaps' ``gap_transmission``; the pattern repeats along ``turn_deg`` + 0 (the width's direction),
    begins and ends with a bar, or with a gap where ``outer_gaps``, and fills the width: 2 width lp is an odd number. ``lp_per_mm`` is the
    best known number, ``stated_lp_per_mm`` the maker's where that is another. A rectangle's corners are rounded with ``corner_mm``.
    """

    name: str
    kind: str
    shape: str
    x_mm: float
    y_mm: float
    width_mm: float
    height_mm: float
    transmission: float
    turn_deg: float = 0.0
    lp_per_mm: float = 0.0
    gap_transmission: float = 1.0
    group: str = ""
    outer_gaps: bool = False
    stated_lp_per_mm: float = 0.0
    corner_mm: float = 0.0


@dataclass(frozen=True)
class Distance:
    """Two points of a planar phantom, or of its outline, whose distance is known to ``u_mm`` (standard uncertainty, all specimens)."""

    name: str
    from_mm: tuple[float, float]
    to_mm: tuple[float, float]
    u_mm: float = 0.5


@dataclass(frozen=True)
class PlanarModel:
    """A planar phantom. ``shape`` is "rectangle" or "circle" (width = diameter); ``transmission`` is the plate's, over the open beam."""

    key: str
    name: str
    maker: str
    aliases: tuple[str, ...]
    source: str
    radiation: str
    shape: str
    width_mm: float
    height_mm: float
    transmission: float
    regions: tuple[Region, ...]
    distances: tuple[Distance, ...] = ()
    notes: tuple[str, ...] = ()
    corner_mm: float = 0.0

    @property
    def size_u_mm(self) -> tuple[float, float]:
        """How well width and height of the outline are known (standard uncertainty, all specimens): of the distances those that are it."""
        found = [UNKNOWN_MM, UNKNOWN_MM]
        for one in self.distances:
            run = abs(one.to_mm[0] - one.from_mm[0]), abs(one.to_mm[1] - one.from_mm[1])
            for k, size in enumerate((self.width_mm, self.height_mm)):
                if abs(run[k] - size) < AT_THE_END_MM and run[1 - k] == 0:
                    found[k] = one.u_mm
        return (found[0], found[0]) if self.shape == "circle" else (found[0], found[1])


@dataclass(frozen=True)
class Material:
    """What a plug is made of: mass density in g/cm^3, electron density relative to water, mass fractions of elements by symbol.

    No elements: the maker does not say. Not ``confirmed``: the numbers could not be found in a document; a certificate takes their place.
    """

    key: str
    name: str
    density: float
    relative_electron_density: float
    source: str
    elements: dict[str, float]
    confirmed: bool = True


Model = CtModel | PlanarModel
UNKNOWN_MM = 1.0  # u of an outline's size of which the facts do not say how well it is known
AT_THE_END_MM = 0.3  # a known distance that ends this near to the outline is the outline's size
FOLDERS = {"ct": CtModel, "planar": PlanarModel}


@cache
def models(kind: str) -> tuple[Model, ...]:
    """All models of a kind ("ct" or "planar"), by key. ValueError names the file and the item that is wrong."""
    folder = resources.files(__name__).joinpath(kind)
    files = sorted((f for f in folder.iterdir() if f.name.endswith(".toml")), key=lambda f: f.name)
    return tuple(made(FOLDERS[kind], {"key": f.name.removesuffix(".toml"), **tomllib.loads(f.read_text("utf-8"))}, f.name) for f in files)


def ct_models() -> tuple[CtModel, ...]:
    """The phantoms for CT."""
    return tuple(model for model in models("ct") if isinstance(model, CtModel))


def planar_models() -> tuple[PlanarModel, ...]:
    """The planar phantoms."""
    return tuple(model for model in models("planar") if isinstance(model, PlanarModel))


@cache
def materials() -> dict[str, Material]:
    """What plugs are made of, by key."""
    table = tomllib.loads(resources.files(__name__).joinpath("materials.toml").read_text("utf-8"))
    return {key: made(Material, {"key": key, **item}, f"materials.toml, {key}") for key, item in table.items()}


def named(text: str, kind: str) -> Model | None:
    """The model that a person's words name, the first where they name several alike; None when they name none."""
    return next(iter(all_named(text, kind)), None)


def all_named(text: str, kind: str) -> tuple[Model, ...]:
    """The models that a person's words name, "CatPhan 604, serial 12": by key, name or alias, the longest one, which two models may share.

    Only whole words name one, however they are parted: "catphan604" does, and "CatPhan 604x" is another thing.
    """
    said = _words(text)
    known = [("".join(_words(name)), model) for model in models(kind) for name in (model.key, model.name, *model.aliases)]
    parts = {"".join(said[start : start + count]) for start in range(len(said)) for count in range(1, LONGEST + 1)}
    found = [(len(name), model) for name, model in known if name in parts]
    most = max((length for length, _ in found), default=0)
    return tuple({model.key: model for length, model in found if length == most}.values())


def _words(text: str) -> list[str]:
    """Its runs of letters and digits; signs such as ®, - and _ part them."""
    return re.findall(r"[^\W_]+", text.lower())


def made(kind: type[T], table: Any, where: str) -> T:
    """The table as that dataclass, every key known and every value of its type; ValueError says ``where`` what is not."""
    if not isinstance(table, dict):
        raise ValueError(f"{where}: expected a table, found {table!r}")
    hints, known = _hints(kind), {f.name: f for f in fields(kind)}
    if unknown := set(table) - set(known):
        raise ValueError(f"{where}: unknown {', '.join(sorted(unknown))}; known: {', '.join(known)}")
    if absent := [name for name, f in known.items() if name not in table and f.default is MISSING]:
        raise ValueError(f"{where}: {', '.join(absent)} missing")
    return kind(**{name: _value(hints[name], value, f"{where}, {name}") for name, value in table.items()})


@cache
def _hints(kind: type[Any]) -> dict[str, Any]:
    return get_type_hints(kind)


def _value(hint: Any, value: Any, where: str) -> Any:
    if get_origin(hint) is tuple:
        if not isinstance(value, list):
            raise ValueError(f"{where}: expected a list, found {value!r}")
        inner = get_args(hint)
        kinds = [inner[0]] * len(value) if inner[-1] is Ellipsis else inner
        if len(kinds) != len(value):
            raise ValueError(f"{where}: expected {len(kinds)} values, found {len(value)}")
        return tuple(_value(k, v, f"{where} {n}") for n, (k, v) in enumerate(zip(kinds, value, strict=True), 1))
    if get_origin(hint) is dict:
        return {str(key): float(part) for key, part in value.items()}
    if hint is float and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if hint in (str, int, bool, date) and type(value) is hint:
        return value
    if hasattr(hint, "__dataclass_fields__"):
        return made(hint, value, where)
    raise ValueError(f"{where}: expected {getattr(hint, '__name__', hint)}, found {value!r}")
