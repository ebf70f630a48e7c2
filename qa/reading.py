"""A reading is a number with an uncertainty, or the reason why there is none."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

At = Mapping[str, float | str]
"""The state a reading was taken at, e.g. ``{"gantry_deg": 90.0, "sop_instance_uid": "1.2.3"}``."""


Identity = tuple[tuple[str, str], ...]
"""What a reading is of, whenever it is taken: see ``identity``."""

_OF_THIS_TIME = {"sop_instance_uid", "series_instance_uid"}  # texts that say which file it was, not what was measured


def identity(at: At) -> Identity:
    """What a reading is of: all texts of its state but the UIDs of files (part, setting, set, ...). Numbers do not count: readouts vary.

    Two readings of one quantity may be compared over time only where this is the same.
    """
    return tuple(sorted((key, value) for key, value in at.items() if isinstance(value, str) and key not in _OF_THIS_TIME))


class QaError(Exception):
    """Something a person must act on; the message says what was expected, what was found and where."""


class DicomError(QaError):
    """The images cannot be used as they are: export them again."""


class AnalysisError(QaError):
    """The image does not show what was to be measured: repeat the exposure."""


class ProtocolError(QaError):
    """The protocol file is wrong: correct the file."""


class RecordError(QaError):
    """The store refused or could not be opened."""


@dataclass(frozen=True)
class Quantity:
    """Something that can be measured, and which document defines it.

    ``key`` is the stable name other tools read; ``unit`` is one of mm, deg, HU, 1/mm, % or "" (a count or ratio).
    """

    key: str
    unit: str
    meaning: str
    source: str


@dataclass(frozen=True)
class Measured:
    """A value with its standard uncertainty u (k = 1, same unit).

    ``budget`` names the components of u (same unit, k = 1; they need not add up in quadrature when they are correlated);
    ``flags`` are caveats in words; ``interval`` is a 95 % coverage interval where value +/- 2u would mislead; ``missing`` says what belongs
    to this value and could not be measured (a largest value over images of which one failed): it can fail a limit but never pass one.
    Raises ValueError for numbers that are not finite, an interval that is not ordered, or an uncertainty that is not positive.
    """

    quantity: Quantity
    value: float
    u: float
    at: At = field(default_factory=dict)
    budget: Mapping[str, float] = field(default_factory=dict)
    flags: tuple[str, ...] = ()
    interval: tuple[float, float] | None = None
    missing: str = ""

    def __post_init__(self) -> None:
        """Refuse what is not a measurement, and freeze the mappings."""
        numbers = (self.value, self.u, *self.budget.values(), *(self.interval or ()))
        if not all(map(math.isfinite, numbers)) or self.u <= 0:
            found = f"{self.value}, u = {self.u}, {dict(self.budget)}"
            raise ValueError(f"{self.quantity.key}: a measured value needs finite numbers and u > 0, got {found}")
        if self.interval is not None and not self.interval[0] <= self.interval[1]:
            raise ValueError(f"{self.quantity.key}: an interval runs from low to high, got {self.interval}")
        object.__setattr__(self, "value", float(self.value))
        object.__setattr__(self, "u", float(self.u))
        object.__setattr__(self, "at", MappingProxyType(dict(self.at)))
        object.__setattr__(self, "budget", MappingProxyType({k: float(v) for k, v in self.budget.items()}))


@dataclass(frozen=True)
class NotMeasured:
    """Why there is no number, in words that say what to do next. Raises ValueError for an empty reason."""

    quantity: Quantity
    reason: str
    at: At = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse an empty reason, and freeze the mapping."""
        if not self.reason.strip():
            raise ValueError(f"{self.quantity.key}: a missing number needs a reason")
        object.__setattr__(self, "at", MappingProxyType(dict(self.at)))


Reading = Measured | NotMeasured
