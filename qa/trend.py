"""The trend of one quantity on one machine: its epochs with their charts, what has no place on them and why, and where it drifts to.

Physics: docs/physics/trend.md. It reads the store alone and judges nothing again; an alarm or a forecast never changes an outcome.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from qa.control_chart import Chart, NoChart, chart
from qa.drift import Line, Reach, fit, reach
from qa.reading import Identity, Measured, Quantity
from qa.trend_choice import chosen

if TYPE_CHECKING:
    from qa.acceptance import Acceptance
    from qa.accepted_baselines import AcceptedBaseline
    from qa.history import Point
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

    @property
    def charted(self) -> tuple[Point, ...]:
        """The points on the chart."""
        return tuple(point for index, point in enumerate(self.points) if index not in self.left)


@dataclass(frozen=True)
class Level:
    """Two ends, in the quantity's unit, that a limit keeps the value between: ``name`` is "tolerance" or "action level"."""

    name: str
    size: float
    low: float
    high: float


@dataclass(frozen=True)
class Forecast:
    """When the newest epoch's line leaves a level; days count from ``last``, when the newest value was taken."""

    level: Level
    last: datetime
    reach: Reach


@dataclass(frozen=True)
class Trend:
    """``line`` is the drift of the newest epoch or why there is none; ``forecasts`` one for each level of the newest value's limits."""

    machine: str
    quantity: Quantity
    of: Identity
    procedure: str
    epochs: tuple[Epoch, ...]
    line: Line | str
    forecasts: tuple[Forecast, ...]

    @property
    def points(self) -> tuple[Point, ...]:
        """All points, the one taken first first."""
        return tuple(point for epoch in self.epochs for point in epoch.points)


def trend(store: Store, machine: str, quantity: str, texts: Mapping[str, str] | None = None, test: str = "") -> Trend:
    """The trend of what is chosen by ``texts`` of its state (part, set, setting, ...) and ``test``, which only the ambiguous needs.

    QaError when there is no such machine, quantity or part, naming the nearest spelling, or several, naming them.
    """
    of, points = chosen(store, machine, quantity, texts or {}, test)
    tests = [points[0].procedure]
    return of_points(machine, of, points, store.accepted(machine, tests), store.accepted_baselines(machine, tests))


def of_points(
    machine: str, of: Identity, points: Sequence[Point], accepted: Sequence[Acceptance] = (), baselines: Sequence[AcceptedBaseline] = ()
) -> Trend:
    """The trend of the points of one quantity, identity and test, in order of time, at least one."""
    left = _left(points)
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
    forecasts = (
        () if isinstance(line, str) else tuple(Forecast(e, newest[-1].taken, reach(line, e.low, e.high)) for e in levels(newest[-1]))
    )
    return Trend(machine, points[-1].reading.quantity, of, points[-1].procedure, tuple(epochs), line, forecasts)


def levels(point: Point) -> tuple[Level, ...]:
    """The tolerances and action levels that judged this point, about 0 or its baseline, each once, the narrowest first."""
    found: dict[tuple[float, float], Level] = {}
    for judged in point.judgements:
        limit = judged.limit
        if limit.kind == "functional" or (limit.kind == "baseline" and judged.baseline is None):
            continue
        middle = judged.baseline.value if limit.kind == "baseline" and judged.baseline else 0.0
        for name, size in (("tolerance", limit.tolerance), ("action level", limit.action)):
            if size is not None:
                found.setdefault((size, middle), Level(name, size, middle - size, middle + size))
    return tuple(found[key] for key in sorted(found))


def _left(points: Sequence[Point]) -> dict[int, str]:
    """Why points, by index, have no place on a chart."""
    numbers = Counter(point.record_id for point in points if isinstance(point.reading, Measured))
    last = {
        point.taken: point for point in points if point.dated and isinstance(point.reading, Measured)
    }  # by analysis: points are in order
    found = {}
    for n, point in enumerate(points):
        if not isinstance(point.reading, Measured):
            found[n] = point.reading.reason
        elif numbers[point.record_id] > 1:
            found[n] = f"this record has {numbers[point.record_id]} such numbers and nothing tells which"
        elif point.dated and last[point.taken].record_id != point.record_id:
            found[n] = f"the same images were measured again: record {last[point.taken].record_id[:8]} counts"
        elif point.reading.missing:
            found[n] = f"a part of it is missing: {point.reading.missing}"
    return found


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
    return fit(days, [one.value for one in readings], [one.u for one in readings])
