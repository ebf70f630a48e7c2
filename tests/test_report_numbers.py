"""Numbers are printed as the GUM asks: U with two significant digits, the value to the same decimal place."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from qa.limit import Limit
from qa.reading import Measured, Quantity
from reports import numbers

SIZE = Quantity("size", "mm", "a size", "this test")


@pytest.mark.parametrize(
    ("value", "u", "expected"),
    [
        (0.3124, 0.021, "0.312 ± 0.042"),
        (-1.26, 0.06, "-1.26 ± 0.12"),
        (12.0, 0.5, "12.0 ± 1.0"),
        (1234.5, 61.5, "1230 ± 120"),
        (0.0, 0.005, "0.000 ± 0.010"),
        (-0.0004, 0.05, "0.00 ± 0.10"),  # no "-0.00"
        (0.123456, 0.0498, "0.12 ± 0.10"),  # 0.0996 rounds up into the next decade and keeps two digits
        (2.0, 0.000123, "2.00000 ± 0.00025"),
        (99.96, 0.25, "99.96 ± 0.50"),
        (1e6, 5e5, "1000000 ± 1000000"),
    ],
)
def test_u_has_two_digits_and_the_value_its_decimal(value: float, u: float, expected: str) -> None:
    assert numbers.pair(Measured(SIZE, value, u)) == expected


def test_an_interval_has_the_decimal_of_u() -> None:
    assert numbers.interval(Measured(SIZE, 0.3, 0.021, interval=(0.26049, 0.3651))) == "[0.260, 0.365]"
    assert numbers.interval(Measured(SIZE, 0.3, 0.021)) == ""


@pytest.mark.parametrize(("number", "expected"), [(0.0, "0"), (0.0437, "0.044"), (0.0996, "0.10"), (1.25e-7, "0.00000012"), (345.0, "340")])
def test_two_digits_without_exponent(number: float, expected: str) -> None:
    assert numbers.two_digits(number) == expected


def limit(tolerance: float | None, action: float | None, kind: str = "absolute", unit: str = "mm") -> Limit:
    return Limit("a", "test", "size", unit, tolerance, action, kind, ("srs",), "daily", "this test", True)


def test_a_limit_in_words_never_invents_a_number() -> None:
    assert numbers.limit_words(limit(1.0, 1.5)) == "≤ 1 mm, action above 1.5 mm"
    assert numbers.limit_words(limit(0.75, None, "baseline")) == "≤ 0.75 mm from the baseline"
    assert numbers.limit_words(limit(3.0, None, unit="")) == "≤ 3"
    assert numbers.limit_words(limit(None, None)) == "no number in the source: set your own limit"
    assert numbers.limit_words(limit(None, None, "functional")) == "functional: yes or no"


def test_a_state_in_words_leaves_the_uid_out() -> None:
    at = {"gantry_deg": 359.99, "axis": "rising", "sop_instance_uid": "1.2.3", "couch_deg": -0.0}
    assert numbers.state(at) == "gantry 359.99 deg, axis rising, couch 0 deg"


def test_a_time_is_told_in_utc_or_said_to_be_unknown() -> None:
    summer = timezone(timedelta(hours=2))
    assert numbers.moment(datetime(2026, 7, 1, 0, 30, tzinfo=summer)) == "2026-06-30 22:30:00 UTC"
    assert numbers.moment(datetime(2026, 7, 1, 22, 30, 5, tzinfo=UTC)) == "2026-07-01 22:30:05 UTC"
    assert numbers.moment(datetime(2026, 7, 1)) == "2026-07-01 00:00:00 (time zone not stated)"
    assert numbers.moment(None) == "not stated in the files"


def test_techniques_are_written_as_people_write_them() -> None:
    assert [numbers.technique(name) for name in ("conventional", "imrt", "srs", "sbrt")] == ["Conventional", "IMRT", "SRS", "SBRT"]
