"""Which circles a record's own limits draw about an isocentre: one per tolerance and the techniques that share it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from qa.evidence import Room
from qa.limit import Judgement, Limit
from reports import numbers


@dataclass(frozen=True)
class Circle:
    """A tolerance about the treatment isocentre: "SRS, SBRT ≤ 1 mm" on the line, in the legend with what it holds for."""

    radius_mm: float
    words: str
    short: str


def circles(room: Room, judgements: Sequence[Judgement]) -> tuple[Circle, ...]:
    """From the smallest: techniques with one tolerance share a circle; arrows are named where others have another limit."""
    groups: dict[tuple[float, tuple[str, ...], bool], list[str]] = {}
    for radius, technique, limits in sorted(_drawn(room, judgements), key=lambda found: found[0]):
        asked = {limit.quantity for limit in limits}
        names = tuple(arrow.name for arrow in room.vectors if asked & set(arrow.quantity_keys))
        groups.setdefault((radius, names, all(limit.confirmed for limit in limits)), []).append(technique)
    made = []
    for (radius, names, confirmed), techniques in groups.items():
        of = "" if len(names) == len(room.vectors) else f" ({', '.join(names)})"
        short = f"{', '.join(map(numbers.technique, techniques))} ≤ {radius:g} mm"
        made.append(Circle(radius, f"{short}{of}{'' if confirmed else ', unconfirmed'}", short))
    return tuple(made)


def undrawn(room: Room, judgements: Sequence[Judgement]) -> str:
    """Which arrows have no circle because no limit gives a number, in words; "" when all have one."""
    keys = {limit.quantity for _, _, limits in _drawn(room, judgements) for limit in limits}
    names = [arrow.name for arrow in room.vectors if not keys & set(arrow.quantity_keys)]
    return f"No limit of this protocol gives a number for {', '.join(names)}: no circle is drawn for it." if names else ""


def _drawn(room: Room, judgements: Sequence[Judgement]) -> Iterator[tuple[float, str, list[Limit]]]:
    """(tolerance, technique, the limits of that technique with that tolerance) for limits on lengths of these arrows."""
    keys = {key for arrow in room.vectors for key in arrow.quantity_keys}
    limits = dict.fromkeys(j.limit for j in judgements if j.limit.quantity in keys and j.limit.kind == "absolute" and j.limit.unit == "mm")
    pairs = dict.fromkeys((limit.tolerance, technique) for limit in limits for technique in limit.techniques)
    for tolerance, technique in pairs:
        if tolerance is not None:
            yield tolerance, technique, [one for one in limits if one.tolerance == tolerance and technique in one.techniques]
