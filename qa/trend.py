"""The trend of one quantity on one machine: its epochs with their charts, what has no place on them and why, and where it drifts to.

Physics: docs/physics/trend.md. It reads the store alone and judges nothing again; an alarm or a forecast never changes an outcome.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

from qa import opinions
from qa.control_chart import Chart, NoChart, chart
from qa.drift import Line, Reach, fit, reach
from qa.events import Event, services
from qa.reading import Identity, Measured, Quantity
from qa.trend_choice import chosen
from qa.trend_left import why_left

if TYPE_CHECKING:
    from qa.acceptance import Acceptance
    from qa.accepted_baselines import AcceptedBaseline
    from qa.history import Asked, Point
    from qa.imported import Opinion
    from qa.limit import Baseline
    from qa.store import Store

_DAY = 86400.0


@dataclass(frozen=True)
class Epoch:
    """Points between two deliberate changes, and why it began; ``left`` says why a point (by its index) is not on the chart.

    ``chart`` is of the other points, in their order.
    """

    began: datetime
    why: str
    points: tuple[Point, ...]
    left: Mapping[int, str]
    chart: Chart | NoChart

    @cached_property
    def charted(self) -> tuple[Point, ...]:
        """The points on the chart."""
        return tuple(point for index, point in enumerate(self.points) if index not in self.left)

    @property
    def unit(self) -> str:
        """Of the numbers on the chart, which are all of one; without any, of the first point."""
        return (self.charted or self.points)[0].reading.quantity.unit

    def in_unit(self, unit: str) -> Epoch:
        """Without the points in another unit; those on the chart are all in this one."""
        kept = [index for index, point in enumerate(self.points) if point.reading.quantity.unit == unit]
        left = {place: self.left[index] for place, index in enumerate(kept) if index in self.left}
        return replace(self, points=tuple(self.points[index] for index in kept), left=left)


@dataclass(frozen=True)
class Level:
    """Two ends, in the quantity's unit, that a limit keeps the value between: ``name`` is "tolerance" or "action level".

    ``low`` is -inf where there is no such end. ``baseline`` says that they lie about a baseline.
    """

    name: str
    size: float
    low: float
    high: float
    baseline: bool = False


@dataclass(frozen=True)
class Forecast:
    """When the newest epoch's line leaves a level; days count from ``last``, when the newest value was taken."""

    level: Level
    last: datetime
    reach: Reach


@dataclass(frozen=True)
class Trend:
    """``line`` is the drift of the newest epoch or why there is none; ``forecasts`` one for each level of the newest value's limits.

    ``services`` are those of the machine, each with the event that ended it, None while it lasts.
    """

    machine: str
    quantity: Quantity
    of: Identity
    procedure: str
    epochs: tuple[Epoch, ...]
    line: Line | str
    forecasts: tuple[Forecast, ...]
    services: tuple[tuple[Event, Event | None], ...] = ()
    opinions: tuple[Opinion, ...] = ()  # of other programs: in no epoch, on no chart, in no forecast

    @cached_property
    def points(self) -> tuple[Point, ...]:
        """All points, the one taken first first."""
        return tuple(point for epoch in self.epochs for point in epoch.points)

    @cached_property
    def in_unit(self) -> Trend:
        """The epochs and points in the newest epoch's unit alone: what goes on one axis."""
        unit = self.epochs[-1].unit
        return replace(self, epochs=tuple(epoch.in_unit(unit) for epoch in self.epochs if epoch.unit == unit))

    @cached_property
    def signed(self) -> bool:
        """Whether a value was ever negative: lengths, sizes and counts never are, and have no level below 0."""
        return signed(self.points)


def trend(store: Store, machine: str, quantity: str, texts: Mapping[str, str] | None = None, test: str = "") -> Trend:
    """The trend of what is chosen by ``texts`` of its state (part, set, setting, ...) and ``test``, which only the ambiguous needs.

    QaError when there is no such machine, quantity or part, naming the nearest spelling, or several, naming them.
    """
    of, points = chosen(store, machine, quantity, texts or {}, test)
    tests = [points[0].procedure]
    made = of_points(machine, of, points, store.accepted(machine, tests), store.accepted_baselines(machine, tests))
    return replace(made, services=services(store.events(machine)), opinions=opinions.of(store, machine, quantity))


def of_points(
    machine: str, of: Identity, points: Sequence[Point], accepted: Sequence[Acceptance] = (), baselines: Sequence[AcceptedBaseline] = ()
) -> Trend:
    """The trend of the points of one quantity, identity and test, in order of time, at least one."""
    left = why_left(points)
    starts = _starts(points, left, accepted, baselines)
    ends = [*sorted(starts)[1:], None]
    epochs = []
    for start, end in zip(sorted(starts), ends, strict=True):
        inside = [n for n, point in enumerate(points) if start <= point.taken and (end is None or point.taken < end)]
        own = {k: left[n] for k, n in enumerate(inside) if n in left}
        made = chart([_value(points[n]) for n in inside if n not in left])
        epochs.append(Epoch(start, starts[start], tuple(points[n] for n in inside), own, made))
    newest = epochs[-1].charted
    line = _line(newest)
    ahead = () if isinstance(line, str) else levels(newest[-1], signed(points))
    forecasts = tuple(Forecast(each, newest[-1].taken, reach(line, each.low, each.high)) for each in ahead if isinstance(line, Line))
    quantity = (newest or points)[-1].reading.quantity
    return Trend(machine, quantity, of, points[-1].procedure, tuple(epochs), line, forecasts)


def signed(points: Sequence[Point]) -> bool:
    """Whether a value was ever negative."""
    return any(_value(point) < 0 for point in points if isinstance(point.reading, Measured))


def levels(point: Point, signed: bool = True) -> tuple[Level, ...]:
    """The tolerances and action levels that judged this point, about 0 or its baseline, each once, the narrowest first.

    Without ``signed`` there is no end below 0: a number that was never negative is not said to go there.
    """
    return _levels(tuple((judged.limit, judged.baseline) for judged in point.judgements), signed)


@lru_cache(maxsize=1000)
def _levels(judged_by: tuple[tuple[Asked, Baseline | None], ...], signed: bool) -> tuple[Level, ...]:
    """The same of limits and what they held their reading against, which many points share."""
    found: dict[tuple[float, float], Level] = {}
    for limit, baseline in judged_by:
        if limit.kind == "functional" or (limit.kind == "baseline" and baseline is None):
            continue
        held = baseline if limit.kind == "baseline" else None
        middle = held.value if held is not None else 0.0
        for name, size in (("tolerance", limit.tolerance), ("action level", limit.action)):
            if size is not None:
                low = middle - size if signed or middle - size > 0 else -math.inf
                found.setdefault((size, middle), Level(name, size, low, middle + size, held is not None))
    return tuple(found[key] for key in sorted(found))


def _starts(
    points: Sequence[Point], left: Mapping[int, str], accepted: Sequence[Acceptance], baselines: Sequence[AcceptedBaseline]
) -> dict[datetime, str]:
    """When epochs begin, and why."""
    starts = {points[0].taken: "the first record"}
    measured = {point.record_id: point for point in points if isinstance(point.reading, Measured)}
    for one in accepted:
        if one.record.record_id in measured and one.rejected is None:
            starts[measured[one.record.record_id].taken] = f"record {one.record.record_id[:8]}, accepted by {one.who}"
    for made in baselines:
        taken = [measured[member.record.record_id].taken for member in made.members if member.record.record_id in measured]
        if taken and not made.broken:
            starts[min(taken)] = f"{made.name}, of {len(taken)} record{'s' if len(taken) > 1 else ''} from here on, accepted by {made.who}"
    before: Point | None = None
    for n, point in enumerate(points):
        if n in left:
            continue
        if before is not None and point.version != before.version:
            starts.setdefault(point.taken, f"version {point.version} of the test, {before.version} before")
        if before is not None and point.reading.quantity.unit != before.reading.quantity.unit:
            starts.setdefault(point.taken, f"another unit, {before.reading.quantity.unit or 'none'} before")
        before = point
    return starts


def _value(point: Point) -> float:
    assert isinstance(point.reading, Measured)
    return point.reading.value


def _line(charted: Sequence[Point]) -> Line | str:
    readings = [point.reading for point in charted if isinstance(point.reading, Measured)]
    days = [point.taken.timestamp() / _DAY for point in charted]
    return fit(days, [one.value for one in readings], [one.u for one in readings], _date)


def _date(day: float) -> str:
    return f"{datetime.fromtimestamp(round(day * _DAY), UTC):%Y-%m-%d}"
