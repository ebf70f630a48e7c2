"""The stops of a day as passes: all that one imaging system saw with one load on the couch. docs/physics/couch_sag.md, section 2."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from qa import ball_moves, ball_position, couch_sag_volumes, couch_stops, couch_travel
from qa.acquisition import Acquisition, Image, Volume
from qa.angles import same
from qa.ball_moves import Scanned
from qa.couch_sag_load import WORDS, Said, said
from qa.couch_stops import KINDS, Looked, Stop, Stops
from qa.couch_travel import Travel, room
from qa.isocentre import rows

Array = NDArray[np.float64]
Item = Image | Volume
SAME_EXTENSION_MM = 10.0  # nearer than this is one extension: 10 mm of a couch top that sinks by 5 mm over 600 mm is 0.1 mm
FEWEST_EXTENSIONS, RANGE_MM = 3, 100.0  # fewer or shorter says nothing of how a couch top hangs


@dataclass(frozen=True)
class Pass:
    """Stops (places in ``travel``, in order of time) with one load: ``name`` in words, ``load`` "loaded", "unloaded" or "" (not said)."""

    name: str
    load: str
    kilograms: frozenset[float]
    stops: tuple[int, ...]


@dataclass(frozen=True)
class System:
    """One imaging system's day: every stop of every pass in one ``travel``; ``second_mm`` (n,) is z by the second way, NaN where none.

    ``scans`` are the day's scans of a certified phantom. ``reason`` says why there is nothing at all.
    """

    kind: str
    travel: Travel
    passes: tuple[Pass, ...]
    second_mm: Array
    scans: tuple[Scanned, ...] = ()
    reason: str = ""

    @property
    def extension_mm(self) -> Array:
        """(n,): the longitudinal readout of every stop."""
        return np.array([room(stop, self.travel.stops.couch_deg)[1] for stop in self.travel.stops.stops])


def extended(acquisition: Acquisition) -> str:
    """Why a day shows no couch at several extensions, in words; "" when it does. Nothing is decoded for it."""
    if reason := couch_stops.of_several_places(acquisition):
        return reason
    count, span = max((_extent(items) for items in _by_kind(acquisition).values()), key=lambda found: (_far(*found), found[1]))
    if _far(count, span):
        return ""
    return (
        f"the couch must be imaged at {FEWEST_EXTENSIONS} extensions (longitudinal readouts) or more, {RANGE_MM:.0f} mm apart in all, by "
        f"one imaging system; here are {count} over {span:.1f} mm (are the readouts in cm?)"
    )


def _by_kind(acquisition: Acquisition) -> dict[str, list[Item]]:
    found: dict[str, list[Item]] = {kind: [image for image in acquisition.images if image.radiation == kind] for kind in KINDS[:2]}
    return found | {KINDS[2]: list(acquisition.volumes)}


def _extent(items: Sequence[Item]) -> tuple[int, float]:
    """How many extensions the readouts tell of, and over how many mm."""
    along = np.array([item.couch_mm[1] for item in items if item.couch_mm is not None])
    return len(distinct(along)), float(np.ptp(along)) if len(along) else 0.0


def _far(count: int, span_mm: float) -> bool:
    return count >= FEWEST_EXTENSIONS and span_mm >= RANGE_MM


def distinct(extension_mm: Array) -> list[list[int]]:
    """Indices by extension, least first: neighbours nearer than ``SAME_EXTENSION_MM`` are one."""
    groups: list[list[int]] = []
    for k in np.argsort(extension_mm, kind="stable").tolist():
        if groups and extension_mm[k] - extension_mm[groups[-1][0]] <= SAME_EXTENSION_MM:
            groups[-1].append(k)
        else:
            groups.append([k])
    return groups


def of_day(acquisition: Acquisition) -> list[System]:
    """Every imaging system that was used at several extensions; where the readouts tell of none, all whose couch places differ."""
    kinds = _by_kind(acquisition)
    chosen = [kind for kind, items in kinds.items() if _far(*_extent(items))]
    chosen = chosen or [kind for kind, items in kinds.items() if len({item.couch_mm for item in items if item.couch_mm is not None}) > 1]
    return [_scanned(acquisition) if kind == KINDS[2] else _system(kind, kinds[kind], partial(_look, kind)) for kind in chosen]


def _look(kind: str, items: Sequence[Item]) -> Stops:
    return couch_stops.of_images(kind, [item for item in items if isinstance(item, Image)])


def _scanned(acquisition: Acquisition) -> System:
    """CBCT: the certified phantom where there is a certificate, else the one ball."""
    scans: tuple[Scanned, ...] = ()
    see: Callable[[Volume], Looked] = couch_sag_volumes.ball
    if acquisition.certificate is not None:
        moved = ball_moves.scans(acquisition)
        if isinstance(moved, str):
            nothing = couch_travel.travel(Stops("CBCT", (), (), False, 0.0, 0.0))
            return System("CBCT", nothing, (), np.zeros(0), (), moved)
        scans, see = moved, couch_sag_volumes.Phantom(moved)
    system = _system("CBCT", acquisition.volumes, lambda items: couch_stops.of_volumes([v for v in items if isinstance(v, Volume)], see))
    return replace(system, scans=scans)


def _system(kind: str, items: Sequence[Item], look: Callable[[Sequence[Item]], Stops]) -> System:
    """All loads of one imaging system, looked at one by one and then put together."""
    groups: dict[str, list[tuple[Item, Said]]] = {"unloaded": [], "loaded": [], "": []}
    wrong: list[tuple[Item, str]] = []
    for item in items:
        words = said(item)
        if words.wrong:
            wrong.append((item, words.wrong))
        else:
            groups[words.load].append((item, words))
    looked = {load: look([item for item, _ in group]) for load, group in groups.items() if group}
    weights = {load: frozenset(kg for _, words in group for kg in words.kilograms) for load, group in groups.items()}
    together, parts = _joined(kind, looked, tuple(wrong), items)
    travel = couch_travel.travel(together)
    passes: list[Pass] = []
    for load, stops in parts.items():
        if load:
            passes.append(Pass(f"{kind} {load}", load, weights[load], stops))
            continue
        several = _split(stops, np.array([room(s, together.couch_deg)[1] for s in together.stops]), together.timed)
        passes += [Pass(f"{kind} {WORDS['']}{f', pass {k}' if k > 1 else ''}", "", frozenset(), one) for k, one in enumerate(several, 1)]
    return System(kind, travel, tuple(passes), second_rise(travel))


def _joined(
    kind: str, looked: dict[str, Stops], wrong: tuple[tuple[Item, str], ...], items: Sequence[Item]
) -> tuple[Stops, dict[str, tuple[int, ...]]]:
    """The stops of all loads as one, and which are of which load. A load at another couch angle than the first is left out, by name."""
    couch_deg = next((stops.couch_deg for stops in looked.values() if stops.stops), 0.0)
    together, unseen, parts, places = list[Stop](), list(wrong), dict[str, tuple[int, ...]](), 0
    for load, stops in looked.items():
        unseen += stops.unseen
        if not same(stops.couch_deg, couch_deg):
            taken: list[Item] = [ball.image for stop in stops.stops for ball in stop.images]
            taken += [stop.volume for stop in stops.stops if stop.volume is not None]
            unseen += [
                (item, f"couch at {stops.couch_deg:.1f}, not {couch_deg:.1f} degrees: take all passes at one angle") for item in taken
            ]
            parts[load] = ()
            continue
        parts[load] = tuple(range(len(together), len(together) + len(stops.stops)))
        together += [replace(stop, place=stop.place + places) for stop in stops.stops]
        places += max((stop.place for stop in stops.stops), default=-1) + 1
    resolution = couch_stops.resolution([item.couch_mm for item in items if item.couch_mm is not None])
    timed = all(stops.timed or not stops.stops for stops in looked.values())
    return Stops(kind, tuple(together), tuple(unseen), timed, resolution, couch_deg), parts


def _split(stops: tuple[int, ...], extension_mm: Array, timed: bool) -> list[tuple[int, ...]]:
    """Passes of which no word tells: a new one where the couch is back at the first extension and goes out again."""

    def far(some: tuple[int, ...]) -> bool:
        return len(distinct(extension_mm[list(some)])) >= FEWEST_EXTENSIONS

    for k in range(1, len(stops)) if timed else ():
        back = abs(extension_mm[stops[k]] - extension_mm[stops[0]]) <= SAME_EXTENSION_MM
        if back and far(stops[:k]) and far(stops[k:]):
            return [stops[:k], *_split(stops[k:], extension_mm, timed)]
    return [stops]


def second_rise(travel: Travel) -> Array:
    """(n,): how far the ball went up from the reference stop, by the second way; readouts are not taken off."""
    stops = travel.stops.stops
    rise = np.full(len(stops), np.nan)
    if not stops:
        return rise
    start = stops[travel.reference]
    rise[travel.reference] = 0.0
    for k, stop in enumerate(stops):
        if stop.second_mm is not None and start.second_mm is not None:
            rise[k] = stop.second_mm[2] - start.second_mm[2]
        seen = [one for one in travel.images if one.stop == k]
        gantry = np.array([one.image.gantry_deg for one in seen])
        across = rows(gantry, np.zeros(len(seen)))[:, 0, :][:, [0, 2]] if seen else np.zeros((0, 2))
        if len(seen) > 1 and np.linalg.svd(across, compute_uv=False)[-1] > ball_position.CROSSING / 2:
            error = np.array([one.error_mm[0] for one in seen])
            rise[k] = float((np.linalg.pinv(across) @ error)[1]) + travel.readout_mm[k, 2]
    return rise
