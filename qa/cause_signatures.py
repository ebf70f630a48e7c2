"""What each single cause does to the quantities that records hold: a table, keyed by quantity. Physics: docs/physics/cause.md, section 3.

A quantity that a way does not name does not change with it. Lengths of vectors are not here: they follow from their components.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from numpy import cos, radians, sin

from qa.reading import At

Numbers = Mapping[str, float]
Shape = Callable[[str, At, Numbers], tuple[float, ...]]
"""The change per unit of each parameter of a quantity along an axis, at a state, beside the other numbers of its record."""

BALL, KV, MV = "ball set-up", "kV panel", "MV panel"
SAG, MOVED = "gantry sag", "phantom moved between exposures"
COUCH = {"x": "couch lateral (x) axis", "y": "couch longitudinal (y) axis", "z": "couch vertical (z) axis"}
INSTEAD = {"treatment_ball": "ball_offset", "mv_offset": "panel_offset"}  # of the same images: read only where the other is absent


@dataclass(frozen=True)
class Way:
    """One way in which a cause shows.

    ``parameters`` are (name, unit). ``rows`` gives the shape of every quantity family (a key without its axis) that changes. A key or
    family in ``free`` changes by an amount of its own, so it says nothing for or against. ``usual`` ways happen a little from one test to
    the next on a machine that nothing is wrong with. Where none of ``needs`` was measured a way is another one's double, and not asked.
    """

    cause: str
    words: str
    parameters: tuple[tuple[str, str], ...]
    rows: Mapping[str, Shape]
    free: frozenset[str] = field(default_factory=frozenset)
    usual: bool = False
    needs: frozenset[str] = field(default_factory=frozenset)

    def column(self, key: str, at: At, beside: Numbers) -> tuple[float, ...]:
        """What one unit of every parameter changes this quantity by."""
        stem, axis = family(key)
        return self.rows[stem](axis, at, beside) if stem in self.rows else (0.0,) * len(self.parameters)

    def is_free(self, key: str) -> bool:
        """Whether this quantity changes by an amount that the cause does not fix."""
        return key in self.free or family(key)[0] in self.free


def family(key: str) -> tuple[str, str]:
    """A key's family and its axis: ("kv_offset", "u")."""
    stem, _, axis = key.rpartition("_")
    return (stem, axis) if axis in {"x", "y", "z", "u", "v"} else (key, "")


def _angle(at: At, name: str) -> float:
    value = at.get(name, 0.0)
    return float(radians(value)) if not isinstance(value, str) else 0.0


def _along(sign: float) -> Shape:
    """A vector in F along its own axis."""
    return lambda axis, at, beside: tuple(sign * (axis == one) for one in "xyz")


def _projected(axis: str, g: float, f: float) -> tuple[float, ...]:
    """What (x, y, z) on a couch turned by f adds to u or v at gantry angle g, both in radians."""
    u = float(cos(g) * cos(f)), float(-cos(g) * sin(f)), float(-sin(g))
    return u if axis == "u" else (float(sin(f)), float(cos(f)), 0.0)


def _seen(sign: float) -> Shape:
    """A vector in F as an image shows it."""
    return lambda axis, at, beside: tuple(sign * part for part in _projected(axis, _angle(at, "gantry_deg"), 0.0))


def _rides(axis: str, at: At, beside: Numbers) -> tuple[float, ...]:
    """A vector that turns with the couch, as an image shows it."""
    return _projected(axis, _angle(at, "gantry_deg"), _angle(at, "couch_deg"))


def _panel(sign: float) -> Shape:
    """The same (u, v) at every angle."""
    return lambda axis, at, beside: tuple(sign * (axis == one) for one in "uv")


def _hangs(axis: str, at: At) -> tuple[float, float]:
    """What hangs: u with the sine of the gantry angle (weight across the beam), v with its cosine (a tilt along y)."""
    g = _angle(at, "gantry_deg")
    return (float(sin(g)), 0.0) if axis == "u" else (0.0, float(cos(g)))


def _of_head(sign: float) -> Shape:
    return lambda axis, at, beside: (*(sign * part for part in _hangs(axis, at)), 0.0, 0.0, 0.0)


def _in_panel(axis: str, at: At, beside: Numbers) -> tuple[float, ...]:
    return (0.0, 0.0, *_hangs(axis, at), 0.0)


def _isocentre(axis: str, at: At, beside: Numbers) -> tuple[float, ...]:
    """T moved by -s along z, and by some way along y, as an image shows what is measured against it."""
    return (-_hangs(axis, at)[0], 0.0, 0.0, 0.0, -float(axis == "v"))


def _raised(axis: str, at: At, beside: Numbers) -> tuple[float, ...]:
    """The same as a vector in F."""
    return (float(axis == "z"), 0.0, 0.0, 0.0, -float(axis == "y"))


def _turned_panel(axis: str, at: At, beside: Numbers) -> tuple[float, ...]:
    """A kV panel's (u, v) in a reconstruction of a whole turn: u comes from all sides and only blurs."""
    return (0.0, float(axis == "y"))


def _match(axis: str, at: At, beside: Numbers) -> tuple[float, ...]:
    """The ball in the imaging system's own coordinates, from a whole turn or from projections."""
    return (0.0, -float(axis == "y"))


def _over(along: str, move: str) -> Shape:
    """The true move over the readout, times a move in the same record; 0 where the record has none."""

    def shape(axis: str, at: At, beside: Numbers) -> tuple[float, ...]:
        name = f"{move}_{along}"
        if axis in "uv":
            return (_projected(axis, _angle(at, "gantry_deg"), 0.0)["xyz".index(along)] * beside.get(name, 0.0), 0.0)
        return (beside.get(name, 0.0) if axis == along else 0.0, 0.0)

    return shape


def _only(along: str, parameter: int) -> Shape:
    return lambda axis, at, beside: tuple(float(axis == along and k == parameter) for k in range(2))


def _couch(axis: str) -> Way:
    rows = {
        "couch_scale": _only(axis, 0),
        "kv_ball_move_error": _over(axis, "kv_ball_move"),
        "kv_offset": _over(axis, "kv_couch_move"),
        "cbct_isocenter": _over(axis, "cbct_couch_move"),
        "daily_couch": _only(axis, 1),
        "daily_residual": _only(axis, 1),
    }
    return Way(COUCH[axis], "it goes another way than it reads out", ((f"{axis} scale", ""), (f"{axis} of a correction", "mm")), rows)


_XYZ = (("x", "mm"), ("y", "mm"), ("z", "mm"))
_UV = (("u", "mm"), ("v", "mm"))
_HANGS = (("u, sine of gantry", "mm"), ("v, cosine of gantry", "mm"))
_SAG = (
    *((f"beam {name}", unit) for name, unit in _HANGS),
    *((f"field on the panel {name}", unit) for name, unit in _HANGS),
    ("isocentre y", "mm"),
)
_BEAM = frozenset({"daily_coincidence"})
_BLURRED = frozenset({"daily_setup_x", "daily_setup_z", "daily_coincidence"})
_IMAGING, _LOOKS = frozenset({"kv_offset", "cbct_isocenter"}), frozenset({"kv_ball_move_error", "daily_couch"})
_SEEN_LATER = {"kv_offset": _seen(1), "cbct_isocenter": _along(1)}

WAYS = (
    Way(BALL, "in the treatment images", _XYZ, {"ball_offset": _rides, "treatment_ball": _along(1)}, usual=True),
    Way(BALL, "in the daily check", _XYZ, {"daily_setup": _along(1)}, usual=True),
    Way(
        BALL, "in both", _XYZ, {"ball_offset": _rides, "treatment_ball": _along(1), "daily_setup": _along(1)}
    ),
    Way(
        KV, "shifted", _UV, {"kv_offset": _panel(1), "cbct_isocenter": _turned_panel, "daily_setup": _match}, _BLURRED, usual=True
    ),
    Way(KV, "its arm hangs differently", _HANGS, {"kv_offset": lambda axis, at, beside: _hangs(axis, at)},
        frozenset({"cbct_isocenter", "daily_setup", "daily_coincidence"})),
    Way(MV, "shifted", _UV, {"mv_offset": _panel(1), "panel_offset": _panel(-1)}, usual=True),
    Way(MV, "its arm hangs differently", _HANGS,
        {"mv_offset": lambda axis, at, beside: _hangs(axis, at), "panel_offset": lambda axis, at, beside: _hangs(axis, at)}),
    Way(
        SAG,
        "the head hangs differently",
        _SAG,
        {
            "ball_offset": _of_head(-1),
            "treatment_ball": _raised,
            "panel_offset": _in_panel,
            "mv_offset": _in_panel,
            "kv_offset": _isocentre,
            "cbct_isocenter": _raised,
        },
        _BEAM,
        usual=True,
    ),
    *(_couch(axis) for axis in "xyz"),
    Way(MOVED, "after the imaging, before the treatment images", _XYZ,
        {**_SEEN_LATER, "ball_offset": _rides, "treatment_ball": _along(1)}, _BEAM, needs=_IMAGING),
    Way(MOVED, "after the treatment images, before the imaging", _XYZ, _SEEN_LATER),
    Way(MOVED, "between kV images before and after a couch correction", _XYZ,
        {"kv_ball_move_error": _along(1), "daily_couch": _along(1), "daily_residual": _along(1)}, _BEAM),
    Way(MOVED, "between those, and stood there for the treatment images", _XYZ,
        {"kv_ball_move_error": _along(1), "daily_couch": _along(1), "daily_residual": _along(1), "ball_offset": _rides,
         "treatment_ball": _along(1)}, _BEAM, needs=_LOOKS),
    Way(MOVED, "after the last image of the daily check, before its beam", (), {}, _BEAM),
    Way(MOVED, "between stops of the couch check", (), {},
        frozenset({"couch_scale", "couch_linearity", "couch_square_xy", "couch_square_xz", "couch_square_yz"})),
)  # fmt: skip
CAUSES = tuple(dict.fromkeys(way.cause for way in WAYS))
KEYS = (
    *(f"{stem}_{axis}" for stem in ("ball_offset", "panel_offset", "kv_offset", "mv_offset") for axis in "uv"),
    *(f"{stem}_{axis}" for stem in ("treatment_ball", "cbct_isocenter", "kv_ball_move_error") for axis in "xyz"),
    *(f"daily_{link}_{axis}" for link in ("setup", "match", "couch", "residual") for axis in "xyz"),
    "daily_coincidence",
    *(f"{stem}_{axis}" for stem in ("couch_scale", "couch_linearity") for axis in "xyz"),
    *(f"couch_square_{pair}" for pair in ("xy", "xz", "yz")),
)
BESIDE = tuple(f"{stem}_{axis}" for stem in ("kv_ball_move", "kv_couch_move", "cbct_couch_move") for axis in "xyz")
