"""What is known of the materials in a phantom's holes: from the model, or from what the performer says is in them.

A phantom whose holes take any plug needs words: "CIRS 062M; 1 = water; 2 = cirs_adipose; 5 = 1.456" names materials by key or name, or
gives the electron density relative to water of a certificate.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from phantoms.models import Material, materials
from qa import ct_inserts, stopping_power
from qa.ct_inserts import Insert
from qa.features.number import Number, number
from qa.reading import AnalysisError

CONFIRMED_U, RECALLED_U = 0.005, 0.02  # relative, of a density: plastics vary between batches; what no document states is known worse
WATER_U = 0.001  # relative: five degrees of temperature
COLUMNS = ("red", "density", "spr")


@dataclass(frozen=True)
class Plugged:
    """One material with its CT number and, by column, what it is worth; an AnalysisError in place of what is not known."""

    name: str
    hu: Number | AnalysisError
    values: Mapping[str, Number | AnalysisError]
    confirmed: bool


def plugged(inserts: Sequence[Insert], said: str) -> list[Plugged]:
    """Every material that a scan shows, plugs of one material together. AnalysisError when nothing is said of any."""
    spoken, known = _spoken(said), materials()
    groups: dict[str, tuple[Material | float | None, list[Insert]]] = {}
    for insert in inserts:
        what = spoken.get(_folded(insert.plug.name), known.get(insert.plug.material))
        if what is None and isinstance(insert.hu, AnalysisError):
            continue
        key = _short(what) if isinstance(what, Material) else insert.plug.name
        groups.setdefault(key, (what, []))[1].append(insert)
    if not any(what is not None for what, _ in groups.values()):
        example = f"--phantom '{said or 'model'}; 1 = water; 2 = ldpe'"
        raise AnalysisError(f"what is in which hole is not known: say it with the phantom, such as {example}")
    return [_plugged(name, what, together) for name, (what, together) in groups.items()]


def scale(inserts: Sequence[Insert], plugs: Sequence[Plugged]) -> tuple[float | None, dict[str, float]]:
    """The slope of the inserts' line and where it puts water; where a maker states no CT numbers, what a plug of water reads."""
    try:
        return ct_inserts.scale(ct_inserts.linearity(list(inserts)))
    except AnalysisError:
        name = _short(materials()["water"])
        return None, {f"the plug of {name}": one.hu.value for one in plugs if one.name == name and isinstance(one.hu, Number)}


def _spoken(said: str) -> dict[str, Material | float]:
    """Hole to material or electron density. AnalysisError for words that name no material."""
    known = materials()
    by_name = {_folded(word): m for m in known.values() for word in (m.key, m.name, m.name.split(" (")[0])}
    found: dict[str, Material | float] = {}
    for part in said.replace(",", ";").split(";"):
        hole, equals, words = part.partition("=")
        if not equals:
            continue
        try:
            value: Material | float | None = float(words)
        except ValueError:
            value = by_name.get(_folded(words))
        if value is None or (isinstance(value, float) and not 0 < value < 5):
            raise AnalysisError(f"{part.strip()!r} names no material that is known ({', '.join(known)}) and is no electron density")
        found[_folded(hole.rpartition(":")[2])] = value
    return found


def _short(material: Material) -> str:
    return material.name.split(" (")[0]


def _folded(text: str) -> str:
    return "".join(letter for letter in text.lower() if letter.isalnum())


def _plugged(name: str, what: Material | float | None, inserts: Sequence[Insert]) -> Plugged:
    hu = _together([insert.hu for insert in inserts])
    if what is None:
        unknown = AnalysisError(f"what {name} is made of is not known: give its certificate's electron density, such as '{name} = 1.28'")
        return Plugged(name, hu, dict.fromkeys(COLUMNS, unknown), False)
    if isinstance(what, float):
        absent = AnalysisError(f"of {name} only the electron density is known, from the certificate")
        return Plugged(name, hu, {"red": number(what, {"certificate": CONFIRMED_U * what}), "density": absent, "spr": absent}, True)
    part = WATER_U if what.key == "water" else CONFIRMED_U if what.confirmed else RECALLED_U
    told = () if what.confirmed else (f"the density of {name} is recalled, not read in a document: use the certificate",)
    red = number(what.relative_electron_density, {"material": part * what.relative_electron_density}, told)
    density = number(what.density, {"material": part * what.density}, told)
    spr: Number | AnalysisError
    try:
        if what.key == "water":
            return Plugged(name, hu, {"red": red, "density": density, "spr": red}, True)  # both are relative to it
        ratio, u = stopping_power.relative(what.relative_electron_density, what.elements)
        spr = number(ratio, {"electron density": part * ratio, "excitation energy": u}, told)
    except AnalysisError:
        spr = AnalysisError(f"which elements {name} is made of is not known: no stopping power without them")
    return Plugged(name, hu, {"red": red, "density": density, "spr": spr}, what.confirmed)


def _together(found: Sequence[Number | AnalysisError]) -> Number | AnalysisError:
    """The weighted mean of the CT numbers of several plugs of one material; what they differ by beyond noise counts."""
    good = [one for one in found if isinstance(one, Number)]
    if not good:
        return next(one for one in found if isinstance(one, AnalysisError))
    if len(good) == 1:
        return good[0]
    values, u = np.array([one.value for one in good]), np.array([one.u for one in good])
    weight = 1 / u**2 / (1 / u**2).sum()
    mean = float(weight @ values)
    noise = float(np.sqrt(((weight * u) ** 2).sum()))
    apart = float(np.sqrt(max(0.0, values.var(ddof=1) / len(good) - noise**2)))
    flags = tuple(dict.fromkeys(flag for one in good for flag in one.flags))
    return number(mean, {"noise": noise, "places differ": apart}, flags)
