"""A protocol is a list of limits, each with its source; judging is a guarded decision (JCGM 106)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Outcome(IntEnum):
    """Ordered so that ``max()`` aggregates: nothing missing ever beats a pass."""

    PASS = 0
    INDETERMINATE = 1
    NOT_MEASURED = 2
    FAIL = 3


@dataclass(frozen=True)
class Limit:
    """One line of a protocol.

    ``tolerance`` and ``action`` are magnitudes in ``unit``; None = the source gives no number ("set your own limit"). ``kind`` is
    "absolute" (|value|), "baseline" (|value - baseline|) or "functional". ``needs`` are keys of quantities that must have been measured
    for this limit to count. ``confirmed`` says whether the number was read in the standard's own document.
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


@dataclass(frozen=True)
class Judgement:
    """What one limit says of one reading: ``reading`` is its index in the record (or -1: there was none to judge)."""

    limit: Limit
    reading: int
    outcome: Outcome
    reason: str
