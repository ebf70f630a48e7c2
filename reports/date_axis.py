"""Ticks of a time axis on round dates, with labels no denser than they have room."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from reports.axes import Range, Scale

DAY = 86400.0
_MONTHS = (1, 2, 3, 6, 12, 24, 60, 120)
_DAYS = (1, 2, 7, 14)


def scale(limits: Range, length: float, room: float = 46.0) -> Scale:
    """Dates over ``limits`` (days since 1970, UTC), at least ``room`` points apart along ``length``: days, first days of months, years."""
    low, high = limits
    rough = (high - low) / max(2.0, length / room)
    first, last = _time(low), _time(high)
    step = next((step for step in _DAYS if step >= rough), None)
    if step is not None:
        start = datetime(first.year, first.month, first.day, tzinfo=UTC)
        times = [start + timedelta(days=step * n) for n in range(int((high - low) / step) + 2)]
    else:
        months = next((each for each in _MONTHS if each * 30.4 >= rough), _MONTHS[-1])
        begun = (first.year * 12 + first.month - 1) // months * months
        ended = last.year * 12 + last.month
        times = [datetime(each // 12, each % 12 + 1, 1, tzinfo=UTC) for each in range(begun, ended + 1, months) if each >= 12]
    inside = [time for time in times if low <= days(time) <= high]
    form = "%Y-%m-%d" if step is not None else "%Y-%m" if months < 12 else "%Y"
    return Scale(tuple(map(days, inside)), tuple(f"{time:{form}}" for time in inside), ("taken (UTC)",))


def days(time: datetime) -> float:
    """Days since 1970."""
    return time.timestamp() / DAY


def _time(value: float) -> datetime:
    return datetime.fromtimestamp(value * DAY, UTC)
