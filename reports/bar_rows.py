"""One part of a phantom in words: its name in lines, value ± U, nominal, difference, and where its dot stands."""

from __future__ import annotations

from dataclasses import dataclass

from qa.evidence import Bar
from qa.limit import Outcome
from reports import numbers
from reports.style import lines

SIZE = 6.6
LEADING = SIZE * 1.22
TALL = 11.5  # points that a part of one line takes
LONGEST = 105.0  # points; longer names wrap
COLUMNS = ("value ± U", "nominal", "difference")


@dataclass(frozen=True)
class Row:
    """One part as it is printed: its name in lines, the cells beside it, where its dot stands (None: not measured), its outcome.

    ``bracket`` is the middle and half width of where a limit of its own lets it be, in the numbers of the axis.
    """

    name: tuple[str, ...]
    cells: tuple[str, str, str]
    item: Bar
    centre: float | None
    outcome: Outcome | None
    bracket: tuple[float, float] | None = None

    @property
    def height(self) -> float:
        """Points that the row takes."""
        return max(TALL, len(self.name) * LEADING + TALL - LEADING)

    @property
    def certificate(self) -> tuple[float, ...]:
        """The certificate's range in the numbers of the axis; () without one."""
        low, high, zero = self.item.low, self.item.high, self.item.nominal or 0.0
        return (low - zero, high - zero) if low is not None and high is not None else ()


def row(item: Bar, relative: bool, outcome: Outcome | None) -> Row:
    """The part as it is printed; ``relative`` says that differences from nominal are drawn."""
    name = tuple(lines(item.name, LONGEST, SIZE))
    nominal = "" if item.nominal is None else _nominal(item)
    if item.value is None or item.u is None:
        return Row(name, ("not measured", nominal, ""), item, None, outcome)
    value = numbers.estimate(item.value, item.u)
    if not relative:
        return Row(name, (value, "", ""), item, item.value, outcome)
    if item.nominal is None:
        return Row(name, (value, "none", "–"), item, None, outcome)
    difference = numbers.estimate(item.value - item.nominal, item.u).partition(" ")[0]
    signed = difference if difference.startswith("-") or not difference.strip("0.") else f"+{difference}"
    return Row(name, (value, nominal, signed), item, item.value - item.nominal, outcome)


def _nominal(item: Bar) -> str:
    edges = f" [{item.low:g}, {item.high:g}]" if item.low is not None and item.high is not None else ""
    return f"{item.nominal:g}{edges}"


def axis(name: str, relative: bool) -> str:
    """ "CT number / HU" becomes "CT number − nominal / HU"."""
    if not relative:
        return name
    what, slash, unit = name.rpartition(" / ")
    return f"{what} − nominal{slash}{unit}" if slash else f"{name} − nominal"
