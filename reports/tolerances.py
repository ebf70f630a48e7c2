"""What a record's own limits draw: circles about an isocentre, bands about 0; techniques with one number share one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from qa.evidence import Bars, Room
from qa.limit import Judgement, Limit, Outcome
from qa.reading import Measured, Reading
from qa.record import Record
from reports import numbers
from reports.index import PART, UID


@dataclass(frozen=True)
class Circle:
    """A tolerance about the treatment isocentre: "SRS, SBRT ≤ 1 mm" on the line, in the legend with what it holds for."""

    radius_mm: float
    words: str
    short: str


@dataclass(frozen=True)
class Band:
    """A tolerance or an action level on either side of 0, and what it holds for: "SRS, SBRT: action above 50 HU"."""

    half: float
    words: str


def bands(bars: Bars, judgements: Sequence[Judgement]) -> tuple[Band, ...]:
    """From the narrowest: absolute limits on what is drawn, in its unit, for all parts; techniques with one number share a band."""
    unit = bars.axis.rpartition(" / ")[2] if " / " in bars.axis else ""
    of_bars = (j.limit for j in judgements if bars.quantity_key and j.limit.quantity == bars.quantity_key)
    limits = dict.fromkeys(limit for limit in of_bars if not limit.parts)
    groups: dict[tuple[float, str, bool], list[str]] = {}
    for limit in limits:
        for number, sign in ((limit.tolerance, "≤"), (limit.action, "action above")):
            if number is not None and number > 0 and limit.kind == "absolute" and limit.unit == unit:
                groups.setdefault((number, sign, limit.confirmed), []).extend(map(numbers.technique, limit.techniques))
    return tuple(
        Band(number, f"{', '.join(dict.fromkeys(names))}: {sign} {number:g} {unit}".strip() + ("" if confirmed else ", unconfirmed"))
        for (number, sign, confirmed), names in sorted(groups.items(), key=lambda item: item[0])
    )


def outcomes(bars: Bars, record: Record) -> dict[str, Outcome | None]:
    """The worst outcome of each part that a limit judged; {} when no limit judged any. Parts that none asked for have None."""
    found: dict[str, Outcome | None] = {}
    for judgement, reading in _judged(bars, record):
        part = str(reading.at.get(PART, ""))
        found[part] = max(judgement.outcome, found.get(part) or Outcome.PASS)
    asked = {name: outcome for name, outcome in found.items() if name in {item.name for item in bars.items}}
    return {item.name: asked.get(item.name) for item in bars.items} if asked else {}


def brackets(bars: Bars, record: Record) -> dict[str, tuple[float, float]]:
    """(middle, tolerance) of each part with a limit of its own, the narrowest: about its baseline, or of a limit for some parts only."""
    items = {item.name: item for item in bars.items}
    found: dict[str, tuple[float, float]] = {}
    for judgement, reading in _judged(bars, record):
        item, limit, old = items.get(str(reading.at.get(PART, ""))), judgement.limit, judgement.baseline
        if item is None or limit.tolerance is None or not isinstance(reading, Measured):
            continue
        shift = (item.nominal or 0.0) if reading.value == item.value else 0.0  # of values, or of their differences from nominal
        middle = old.value - shift if old else 0.0 if limit.parts and limit.kind == "absolute" else None
        if middle is not None:
            found[item.name] = min(found.get(item.name, (middle, limit.tolerance)), (middle, limit.tolerance), key=lambda pair: pair[1])
    return found


def _judged(bars: Bars, record: Record) -> Iterator[tuple[Judgement, Reading]]:
    """The judgements of the quantities that the bars show, of their image, with their readings."""
    keys = (bars.quantity_key, *bars.also_keys)
    for judgement in record.judgements:
        reading = record.readings[judgement.reading] if 0 <= judgement.reading < len(record.readings) else None
        if reading is not None and reading.quantity.key in keys and str(reading.at.get(UID, "")) == bars.sop_instance_uid:
            yield judgement, reading


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
