"""Which numbers of other programs lie beside which of ours on a trend, and in what they differ (qa/opinions.toml)."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qa.imported import Opinion
    from qa.store import Store


@dataclass(frozen=True)
class Comparable:
    """A name of another program (``source``) and a quantity of ours that measure the same, in one unit; ``differs`` says how far."""

    source: str
    name: str
    quantity: str
    unit: str
    differs: str


@cache
def comparable() -> tuple[Comparable, ...]:
    """All that there are."""
    table = tomllib.loads(files("qa").joinpath("opinions.toml").read_text("utf-8"))
    return tuple(Comparable(table["source"], **one) for one in table["comparable"])


def of(store: Store, machine: str, quantity: str) -> tuple[Opinion, ...]:
    """What other programs said of that quantity of a machine, in its unit, the one taken first first."""
    said: list[Opinion] = []
    for one in comparable():
        if one.quantity == quantity:
            said += (each for each in store.opinions(machine, one.source, one.name) if each.unit == one.unit)
    return tuple(sorted(said, key=lambda each: each.of.taken))


def differs(quantity: str) -> str:
    """In what the numbers of other programs differ from ours, "" where there are none to compare."""
    return "; ".join(one.differs for one in comparable() if one.quantity == quantity)
