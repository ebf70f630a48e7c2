"""Every number is printed with its uncertainty: U = 2u with two significant digits, the value to the same decimal (GUM 7.2.6)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Context, Decimal
from functools import lru_cache
from typing import TYPE_CHECKING

from qa.limit import Limit
from qa.reading import Measured

if TYPE_CHECKING:
    from qa.history import Asked

EXACT = Context(prec=800, rounding=ROUND_HALF_EVEN)  # room for the largest beside the smallest number that a report may meet
UNITS = ("mm", "deg", "HU", "px", "s")


def two_digits(number: float) -> str:
    """A non-negative number with two significant digits and no exponent: 0.0996 is "0.10", 123 is "120"; 0 is "0"."""
    exact = Decimal(number)
    return format(exact.quantize(Decimal(1).scaleb(_last_place(exact)), context=EXACT), "f") if exact else "0"


def value_and_u(measured: Measured) -> tuple[str, str]:
    """(value, U): U = 2u with two significant digits, the value rounded to the same decimal place, never "-0"."""
    return _to_place(measured.value, _place(measured)), two_digits(2 * measured.u)


def pair(measured: Measured) -> str:
    """ "value ± U", without the unit."""
    return " ± ".join(value_and_u(measured))


def estimate(value: float | None, u: float | None) -> str:
    """ "value ± U" of a number that is no reading; to a thousandth where no uncertainty is known, "" where there is none."""
    if value is None:
        return ""
    if u is None:
        return _plain(f"{value:.3f}")
    return f"{_to_place(value, _last_place(Decimal(2 * u)))} ± {two_digits(2 * u)}"


def interval(measured: Measured) -> str:
    """The 95 % coverage interval "[low, high]" to the decimal place of U, or "" when there is none."""
    if measured.interval is None:
        return ""
    return "[" + ", ".join(_to_place(edge, _place(measured)) for edge in measured.interval) + "]"


def with_unit(number: str, unit: str) -> str:
    """The number and its unit; a count or ratio has none."""
    return f"{number} {unit}" if unit else number


@lru_cache(maxsize=1000)
def limit_words(limit: Limit | Asked) -> str:
    """What the limit asks for, in words: "≤ 1 mm, action above 2 mm", "set your own limit"."""
    if limit.kind == "functional":
        return "functional: yes or no"
    of = " from the baseline" if limit.kind == "baseline" else ""
    words = [f"≤ {with_unit(f'{limit.tolerance:.6g}', limit.unit)}{of}"] if limit.tolerance is not None else []
    if limit.action is not None:
        words.append(f"action above {with_unit(f'{limit.action:.6g}', limit.unit)}{of}")
    return ", ".join(words) or "no number in the source: set your own limit"


def technique(name: str) -> str:
    """A technique as it is written: an abbreviation in capitals (IMRT, SBRT), a word with one (Conventional)."""
    return name.upper() if len(name) <= 4 else name[:1].upper() + name[1:]


def state(at: Mapping[str, float | str], leave_out: tuple[str, ...] = ("sop_instance_uid", "radiation")) -> str:
    """The state of a reading in words: "gantry 90 deg, plane transverse"; a part of a phantom and a setting need no name: "Teflon"."""
    shown = ((key, value) for key, value in at.items() if key not in leave_out)
    return ", ".join(
        number(value) if key in ("part", "setting") else with_unit(f"{name(key)} {number(value)}", unit(key)) for key, value in shown
    )


def name(key: str) -> str:
    """A key in words, without its unit: "gantry_deg" is "gantry"."""
    return (key.rpartition("_")[0] if unit(key) else key).replace("_", " ")


def unit(key: str) -> str:
    """The unit that a key carries in its name, or ""."""
    head, _, last = key.rpartition("_")
    return last if head and last in UNITS else ""


def number(value: float | str) -> str:
    """A state as read out, at most four decimals; text stays text."""
    return value if isinstance(value, str) else _plain(f"{value:.4f}".rstrip("0").rstrip("."))


def moment(time: datetime | None) -> str:
    """A time in UTC, or that the files do not state it."""
    if time is None:
        return "not stated in the files"
    if time.tzinfo is None:
        return f"{time:%Y-%m-%d %H:%M:%S} (time zone not stated)"
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _place(measured: Measured) -> int:
    return _last_place(Decimal(2 * measured.u))


def _last_place(exact: Decimal) -> int:
    """The decimal exponent of the second significant digit after rounding (0.0996 rounds up into the next decade)."""
    place = exact.adjusted() - 1
    return place + (exact.quantize(Decimal(1).scaleb(place), context=EXACT).adjusted() > exact.adjusted())


def _to_place(value: float, place: int) -> str:
    return _plain(format(Decimal(value).quantize(Decimal(1).scaleb(place), context=EXACT), "f"))


def _plain(text: str) -> str:
    return text[1:] if text.startswith("-") and not text.strip("-0.") else text
