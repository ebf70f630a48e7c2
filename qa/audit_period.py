"""The days that an audit is of: a month or a year of the clinic's calendar."""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import date, timedelta

from qa.reading import QaError

_YEAR = 12  # months that a number's course is shown over


@dataclass(frozen=True)
class Period:
    """The days from ``first`` to ``last``; ``words`` names them as they were asked for: "2026-11" or "2026"."""

    words: str
    first: date
    last: date

    @property
    def annual(self) -> bool:
        """Whether it is a year."""
        return (self.first.month, self.last.month) == (1, 12)

    @property
    def since(self) -> date:
        """The first day of the twelve months that end with it."""
        months = self.last.year * 12 + self.last.month - _YEAR
        return date(months // 12, months % 12 + 1, 1)

    def days(self, until: date) -> tuple[date, ...]:
        """Its days in order, none after ``until``."""
        count = (min(self.last, until) - self.first).days + 1
        return tuple(self.first + timedelta(days=k) for k in range(count))


def period(month: str = "", year: str = "") -> Period:
    """The month "2026-11" or the year "2026". QaError for anything else, or for both."""
    if bool(month.strip()) == bool(year.strip()):
        raise QaError("say which month or which year: --month 2026-11, or --year 2026")
    if year:
        if not re.fullmatch(r"[12]\d{3}", year.strip()):
            raise QaError(f"--year {year}: expected a year, as 2026")
        return Period(year.strip(), date(int(year), 1, 1), date(int(year), 12, 31))
    found = re.fullmatch(r"([12]\d{3})-(\d\d)", month.strip())
    if not found or not 1 <= int(found[2]) <= 12:
        raise QaError(f"--month {month}: expected a year and a month, as 2026-11")
    of, number = int(found[1]), int(found[2])
    return Period(month.strip(), date(of, number, 1), date(of, number, calendar.monthrange(of, number)[1]))
