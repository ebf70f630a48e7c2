"""Which numbers have no place on a chart, and why: docs/physics/trend.md, section 1."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from qa.reading import Measured
from qa.trend_choice import look

if TYPE_CHECKING:
    from qa.history import Point


def why_left(points: Sequence[Point]) -> dict[int, str]:
    """Why points, by index, have no place on a chart."""
    numbers = Counter(point.record_id for point in points if isinstance(point.reading, Measured))
    judged = any(point.asked for point in points if isinstance(point.reading, Measured))
    last = _last_looks(points)
    found = {}
    for n, point in enumerate(points):
        if not isinstance(point.reading, Measured):
            found[n] = point.reading.reason
        elif judged and not point.asked:
            found[n] = "no limit judged anything in this record: measured beside another test, or by a protocol that does not ask for it"
        elif last.get(point.record_id, point) is not point:
            found[n] = f"one of {numbers[point.record_id]} looks in this record: {last[point.record_id].reading.at['set']} counts"
        elif numbers[point.record_id] > 1 and point.record_id not in last:
            found[n] = f"this record has {numbers[point.record_id]} such numbers and nothing tells which"
        elif point.reading.missing:
            found[n] = f"a part of it is missing: {point.reading.missing}"
    return found | _again(points, found)


def _last_looks(points: Sequence[Point]) -> dict[str, Point]:
    """The last whole look, else the last one, of each record that has its numbers from several: "kV 1" and "kV 2"."""
    of: dict[str, list[Point]] = defaultdict(list)
    for point in points:
        if isinstance(point.reading, Measured):
            of[point.record_id].append(point)
    found = {}
    for record_id, own in of.items():
        looks = [look(point.reading.at)[1] for point in own] if len(own) > 1 else []
        if looks and len(set(looks)) == len(looks) and all(looks):
            found[record_id] = max(own, key=lambda one: (not getattr(one.reading, "missing", ""), look(one.reading.at)[1]))
    return found


def _again(points: Sequence[Point], left: Mapping[int, str]) -> dict[int, str]:
    """The whole numbers, by index, some of whose images were measured again: the newest analysis counts."""
    counts: dict[str, Point] = {}  # by image
    found = {}
    whole = [n for n in range(len(points)) if n not in left]
    for n in sorted(whole, key=lambda n: (points[n].analysed, points[n].record_id), reverse=True):
        other = next((counts[image] for image in points[n].inputs if image in counts), None)
        if other is None:
            counts |= dict.fromkeys(points[n].inputs, points[n])
        else:
            found[n] = f"the same images were measured again: record {other.record_id[:8]} counts"
    return found
