"""Facts about chemical elements that densities and stopping powers of mixtures need: see elements.toml for where they come from."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources


@dataclass(frozen=True)
class Element:
    """Atomic number, atomic weight (g/mol), and the mean excitation energy (eV) of the element in solids and liquids."""

    number: int
    weight: float
    excitation_ev: float


@cache
def elements() -> dict[str, Element]:
    """By symbol."""
    table = tomllib.loads(resources.files(__name__.rpartition(".")[0]).joinpath("elements.toml").read_text("utf-8"))
    return {symbol: Element(int(one["number"]), float(one["weight"]), float(one["excitation_ev"])) for symbol, one in table.items()}
