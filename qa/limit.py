"""A limit judges a reading by a guarded decision (JCGM 106): doubt is never a pass."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntEnum

from qa.reading import Measured, NotMeasured, ProtocolError, Reading

NO_NUMBER = "set your own limit: the source gives no number"
NO_BASELINE = "no baseline"
MEAN = "baseline "  # before the number of an accepted baseline, where a record's id stands otherwise


class Outcome(IntEnum):
    """Ordered so that ``max()`` aggregates: nothing missing ever beats a pass.

    DISAGREEMENT (two engines give numbers of the same images that differ by more than both uncertainties) stands above NOT_MEASURED,
    because there is a number and it may be wrong, which is worse than none; and below FAIL, because a failure must never be hidden
    behind a doubt. Its word is STOP: both engines had the same images, so repeating decides nothing until a physicist has seen them.
    """

    PASS = 0
    INDETERMINATE = 1
    NOT_MEASURED = 2
    DISAGREEMENT = 3
    FAIL = 4

    @property
    def word(self) -> str:
        """What a therapist does next: GO, REPEAT or STOP."""
        return {Outcome.PASS: "GO", Outcome.DISAGREEMENT: "STOP", Outcome.FAIL: "STOP"}.get(self, "REPEAT")


@dataclass(frozen=True)
class Baseline:
    """The reading that another one is held against: of which accepted record, taken when, its value with u in ``unit``.

    ``record_id`` of the mean of several records is "baseline" and the number of the accepted baseline, ``taken`` that of the newest one.
    ``interval`` is its 95 % interval, where value +/- 2u would mislead.
    """

    record_id: str
    taken: datetime
    unit: str
    value: float
    u: float
    interval: tuple[float, float] | None = None

    def difference(self, reading: Measured) -> str:
        """How far the reading is from it, with U, and what it is: "1.0 ± 5.7 HU from the baseline 990.0 ± 4.0 HU of 2026-01-05 (...)"."""
        apart = f"{_pair(reading.value - self.value, max(_apart(reading, self, 2.0)))} {self.unit}".rstrip()
        value = f"{_pair(self.value, 2 * self.u)} {self.unit}".rstrip()
        return f"{apart} from the baseline {value} of {self.taken.astimezone(UTC):%Y-%m-%d} ({self._named})"

    @property
    def _named(self) -> str:
        return f"{self.record_id}, a mean" if self.record_id.startswith(MEAN) else f"record {self.record_id[:8]}"


@dataclass(frozen=True)
class Limit:
    """One line of a protocol.

    ``tolerance`` and ``action`` are magnitudes in ``unit``; None = the source gives no number ("set your own limit"). ``kind`` is
    "absolute" (|value|), "baseline" (|value - baseline|) or "functional". ``needs`` are keys of quantities that must have been measured
    for this limit to count. ``confirmed`` says whether the number was read in the standard's own document. ``parts`` are the parts of a
    phantom that it is for, () = all there are.
    """

    limit_id: str
    procedure: str
    quantity: str
    unit: str
    tolerance: float | None
    action: float | None
    kind: str
    techniques: tuple[str, ...]
    frequency: str
    source: str
    confirmed: bool
    needs: tuple[str, ...] = ()
    note: str = ""
    parts: tuple[str, ...] = ()

    def judge(self, reading: Reading, coverage_factor: float, baseline: Baseline | None = None) -> tuple[Outcome, str]:
        """PASS when |value| + k*u is inside the tolerance, FAIL when |value| - k*u is outside, else INDETERMINATE; with the reason.

        Where the reading has its own 95 % interval, the wider of interval and value +/- k*u counts on each side (its arms are scaled by
        k/2). A reading of which a part is missing is NOT_MEASURED unless it fails. A baseline is subtracted and its uncertainty added
        in quadrature. A method whose U = 2u exceeds the tolerance never passes, whatever k. ProtocolError when the units differ.
        """
        if reading.quantity.unit != self.unit:
            raise ProtocolError(
                f"limit {self.limit_id}: unit is {self.unit!r}, but {self.quantity} is measured in {reading.quantity.unit!r}"
            )
        if isinstance(reading, NotMeasured):
            return Outcome.NOT_MEASURED, reading.reason
        if self.kind == "functional":
            return Outcome.NOT_MEASURED, "a yes/no check: a person decides it, not a number"
        if self.kind == "baseline" and baseline is not None and baseline.unit != self.unit:
            raise ProtocolError(f"limit {self.limit_id}: unit is {self.unit!r}, but its baseline is in {baseline.unit!r}")
        held = baseline if self.kind == "baseline" else None
        if self.tolerance is None:
            return Outcome.NOT_MEASURED, NO_NUMBER
        if self.kind == "baseline" and baseline is None:
            return Outcome.NOT_MEASURED, NO_BASELINE
        return _unless_missing(reading, self._decide(self.tolerance, reading, coverage_factor, held))

    def used(self, reading: Measured, coverage_factor: float, baseline: Baseline | None = None) -> tuple[float, float] | None:
        """The part of the tolerance that the value uses (1: all of it), and the value at its worst within k u, which decides.

        None where no number decides: without a tolerance, or without the baseline that it is asked from.
        """
        held = baseline if self.kind == "baseline" else None
        if self.tolerance is None or self.kind == "functional" or (self.kind == "baseline" and held is None):
            return None
        value = reading.value - (held.value if held is not None else 0.0)
        down, up = _arms(reading, coverage_factor) if held is None else _apart(reading, held, coverage_factor)
        return abs(value) / self.tolerance, max(abs(value - down), abs(value + up)) / self.tolerance

    def _said(self, reading: Measured, baseline: Baseline | None) -> str:
        """What is decided about: the value, or its difference from the baseline, with U."""
        return (
            f"{_pair(reading.value, max(_arms(reading, 2.0)))} {self.unit}".rstrip() if baseline is None else baseline.difference(reading)
        )

    def _decide(self, tolerance: float, reading: Measured, k: float, baseline: Baseline | None) -> tuple[Outcome, str]:
        if baseline is None:
            value, (down, up), expanded = reading.value, _arms(reading, k), max(_arms(reading, 2.0))
        else:
            value, (down, up) = reading.value - baseline.value, _apart(reading, baseline, k)
            expanded = max(_apart(reading, baseline, 2.0))
        low, high = value - down, value + up
        largest, smallest = max(abs(low), abs(high)), 0.0 if low <= 0 <= high else min(abs(low), abs(high))
        said = self._said(reading, baseline) + ("" if k == 2 else f" (decided at k = {k:g})")
        limit = f"the tolerance of {tolerance:g} {self.unit}".rstrip()
        if smallest > tolerance:
            return Outcome.FAIL, f"{said} is outside {limit}{self._action(smallest, largest)}"
        if expanded > tolerance:
            return Outcome.INDETERMINATE, f"{said}: method not capable, its uncertainty is larger than {limit}"
        capable = "" if expanded <= tolerance / 2 else f"; method not capable: its uncertainty is more than half of {limit}"
        if largest <= tolerance:
            return Outcome.PASS, f"{said} is inside {limit}{capable}"
        return Outcome.INDETERMINATE, f"{said} is too close to {limit} to decide: repeat the measurement{capable}"

    def _action(self, smallest: float, largest: float) -> str:
        """What a failure says about the second level, where the source has one."""
        if self.action is None:
            return ""
        level = f"the action level of {self.action:g} {self.unit}".rstrip()
        if smallest > self.action:
            return f" and outside {level}"
        return f"; {level} is not reached" if largest <= self.action else f"; {level} may be reached"


def _unless_missing(reading: Measured, decision: tuple[Outcome, str]) -> tuple[Outcome, str]:
    """A value of which a part is missing can fail, but nothing else."""
    outcome, reason = decision
    if not reading.missing or outcome is Outcome.FAIL:
        return decision
    return Outcome.NOT_MEASURED, f"{reading.missing} (the rest: {reason})"


def _apart(reading: Measured, baseline: Baseline, k: float) -> tuple[float, float]:
    """How far the true difference may lie below and above that of the values: it is lowest where the baseline is highest."""
    (down, up), (base_down, base_up) = _arms(reading, k), _arms(baseline, k)
    return math.hypot(down, base_up), math.hypot(up, base_down)


def _arms(reading: Measured | Baseline, k: float) -> tuple[float, float]:
    """How far the truth may lie below and above the value at coverage factor k."""
    half = k * reading.u
    if reading.interval is None or k == 0:
        return half, half
    low, high = reading.interval
    return max(half, (reading.value - low) * k / 2), max(half, (high - reading.value) * k / 2)


def _pair(value: float, expanded: float) -> str:
    """Value and U with two significant digits of U."""
    decimals = 3 if not math.isfinite(expanded) else min(max(1 - math.floor(math.log10(expanded)), 0), 9)
    return f"{value:.{decimals}f} ± {expanded:.{decimals}f}"


@dataclass(frozen=True)
class Judgement:
    """What one limit says of one reading: ``reading`` is its index in the record (or -1: there was none to judge).

    ``baseline`` is what it was held against, where the limit asks for that and there was one.
    """

    limit: Limit
    reading: int
    outcome: Outcome
    reason: str
    baseline: Baseline | None = None
