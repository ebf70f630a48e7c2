"""Size, place and turn of a phantom as numbers: by its outline, against what is known of its size, and by the parts inside."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from phantoms.models import PlanarModel
from qa import frames
from qa.features.number import Number, number
from qa.features.planar_sides import Outlined
from qa.planar_quality_look import Seen
from qa.planar_quality_place import TOLD
from qa.reading import AnalysisError


@dataclass(frozen=True)
class Doubted:
    """A number that can fail, and why it cannot pass."""

    value: Number
    missing: str


Pairs = Iterable[tuple[str, str, Number | Doubted | str]]  # key, part, value or reason
HUNDRED = 100.0
QUIET, PLAIN = 2.0, 4.0  # times u: outline and inside may differ by this without a part in the budget; contradict each other beyond


def geometry(seen: Seen) -> Pairs:
    """All readings of size, place and turn."""
    if isinstance(seen.inside, str):
        yield "planar_scale", "inside", seen.inside
    else:
        for name, scale in zip(("inside, width", "inside, height"), seen.inside.scale, strict=True):
            yield "planar_scale", name, scale
    if isinstance(seen.outlined, str):
        for name, nominal in _nominal(seen.model).items():
            yield "planar_scale", name, seen.outlined
            inside = _by_inside(seen, name, nominal, seen.outlined)
            yield "planar_size_error", name, seen.outlined if inside is None else inside
        yield from ((f"planar_{key}", "", seen.outlined) for key in ("anisotropy", "center_u", "center_v"))
        yield "planar_angle", "", _round_angle(seen) if seen.model.shape == "circle" else seen.outlined
    else:
        yield from _of_outline(seen, seen.outlined)


def _of_outline(seen: Seen, outlined: Outlined) -> Pairs:
    image, model = seen.image, seen.model
    sides, known = sizes(seen, outlined), known_u(model)
    for name, (size, nominal) in sides.items():
        yield "planar_scale", name, times(size, 1 / nominal)
        error = number(size.value - nominal, {**size.budget, "nominal size": known[name]})
        yield "planar_size_error", name, _agreed(error, _by_inside(seen, name, nominal, ""), nominal)
    if model.shape == "circle":
        one, other = outlined.size_mm
        parts = {"edges": HUNDRED * float((one.u**2 + other.u**2) ** 0.5) / one.value}
        yield "planar_anisotropy", "", number(HUNDRED * (one.value / other.value - 1), parts)
        yield "planar_angle", "", _round_angle(seen)
    else:
        (width, w), (height, h) = sides["width"], sides["height"]
        ratio = (width.value / w) / (height.value / h)
        parts = {"width": HUNDRED * ratio * width.u / width.value, "height": HUNDRED * ratio * height.u / height.value}
        parts["nominal size"] = HUNDRED * float(((known["width"] / w) ** 2 + (known["height"] / h) ** 2) ** 0.5)
        yield "planar_anisotropy", "", number(HUNDRED * (ratio - 1), parts)
        yield "planar_angle", "", number((seen.frame.angle_deg + 180) % 360 - 180, outlined.angle_deg.budget, least_u=1e-4)
    x, y = outlined.centre_mm
    u, v = frames.to_plane(image, y.value / seen.pitch_mm[0], x.value / seen.pitch_mm[1]) + frames.receptor_mm(image)
    yield "planar_center_u", "", number(float(u), x.budget, least_u=1e-4)
    yield "planar_center_v", "", number(float(v), y.budget, least_u=1e-4)


def _agreed(error: Number, inside: Number | None, nominal: float) -> Number | Doubted:
    """What is known better of the outline's and the inside's error, half of what they differ by beyond two u in its budget.

    Where they plainly contradict each other nobody knows which is right: the number cannot pass.
    """
    if inside is None:
        return error
    apart, u = abs(error.value - inside.value), float((error.u**2 + inside.u**2) ** 0.5)
    best = error if error.u <= inside.u else inside
    found = number(best.value, {**best.budget, "outline and inside": max(apart - QUIET * u, 0.0) / 2}, best.flags)
    if apart <= max(PLAIN * u, TOLD * nominal):
        return found
    words = f"outline and parts inside say sizes {apart:.1f} mm apart: lay the phantom flat, clear its sides, or look which model it is"
    return Doubted(found, words)


def _by_inside(seen: Seen, name: str, nominal: float, why: str) -> Number | None:
    """The error over the outline's size by the parts inside, whose places are often known better than a plate's edge; None without them."""
    if isinstance(seen.inside, str):
        return None
    said = ("by the places of the parts inside" + (f": {why}" if why else ", which are known better than the outline"),)
    scale = _inside(seen, name)
    return number(nominal * (scale - 1), {"parts inside": nominal * _inside_u(seen)}, said)


def _nominal(model: PlanarModel) -> dict[str, float]:
    """The outline's sizes by name."""
    return {"diameter": model.width_mm} if model.shape == "circle" else {"width": model.width_mm, "height": model.height_mm}


def _inside(seen: Seen, name: str) -> float:
    """The scale by the parts inside along a side of the outline, the outline's own where they do not tell."""
    scale = seen.frame.scale if isinstance(seen.inside, str) else (seen.inside.scale[0].value, seen.inside.scale[1].value)
    return {"width": scale[0], "height": scale[1], "diameter": (scale[0] + scale[1]) / 2}[name]


def _inside_u(seen: Seen) -> float:
    return 0.0 if isinstance(seen.inside, str) else max(scale.u for scale in seen.inside.scale)


def mean_scale(seen: Seen) -> Number:
    """The phantom's plane over the isocentre's: by the parts inside, which lie where bars and edges do, else by the outline."""
    if not isinstance(seen.inside, str):
        one, other = seen.inside.scale
        return number((one.value + other.value) / 2, {"parts inside": float((one.u**2 + other.u**2) ** 0.5) / 2})
    assert not isinstance(seen.outlined, str)
    known, sides = known_u(seen.model), sizes(seen, seen.outlined)
    found = [
        number(size.value / nominal, {"outline": size.u / nominal, "nominal size": known[name] / nominal})
        for name, (size, nominal) in sides.items()
    ]
    parts = {name: sum(one.budget[name] ** 2 for one in found) ** 0.5 / len(found) for name in ("outline", "nominal size")}
    return number(sum(one.value for one in found) / len(found), parts)


def sizes(seen: Seen, outlined: Outlined) -> dict[str, tuple[Number, float]]:
    """The outline's measured sizes on the isocentre plane along the model's axes, and the nominal ones."""
    model, (one, other) = seen.model, outlined.size_mm
    if model.shape == "circle":
        parts = {name: float((one.budget[name] ** 2 + other.budget[name] ** 2) ** 0.5 / 2) for name in one.budget}
        return {"diameter": (number((one.value + other.value) / 2, parts), model.width_mm)}
    turned = abs(one.value / model.width_mm - seen.frame.scale[0]) > 1e-9
    width, height = (other, one) if turned else (one, other)
    return {"width": (width, model.width_mm), "height": (height, model.height_mm)}


def known_u(model: PlanarModel) -> dict[str, float]:
    """How well the outline's sizes are known, mm."""
    width, height = model.size_u_mm
    return {"diameter": width} if model.shape == "circle" else {"width": width, "height": height}


def _round_angle(seen: Seen) -> Number | str:
    """The turn of a round phantom by what it holds."""
    from qa.planar_quality_turn import turn

    try:
        return turn(seen)
    except AnalysisError as error:
        return str(error)


def product(value: Number, scale: Number) -> Number:
    """A number in units of the phantom's plane."""
    own = times(value, scale.value)
    return number(own.value, {**own.budget, "scale": abs(value.value) * scale.u}, own.flags)


def times(value: Number, factor: float) -> Number:
    """A number in another unit."""
    return Number(value.value * factor, value.u * abs(factor), {k: u * abs(factor) for k, u in value.budget.items()}, value.flags)
