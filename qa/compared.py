"""One number by two engines: both values, how far they are apart, how far they may be, and what that means."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from qa.limit import Judgement, Outcome
from qa.reading import At, Measured, NotMeasured, Reading

NO_U = "shown, not judged: no uncertainty of their number is known"
THEIRS_ALONE = "shown, not judged: there is nothing of ours to hold against it"


@dataclass(frozen=True)
class Number:
    """One number of the second engine under the key of our quantity that it can be held against ("" there is none), in its unit.

    ``value`` is None where the engine could not have measured it, whatever it prints; ``really`` says what the number is. ``u`` is the
    standard uncertainty its algorithm is known to have; without one the two are shown, not judged. ``unit`` counts where there is no key.
    ``at`` tells readings of one key and image apart, by what their state says besides (which target); {} where there is one only.
    """

    key: str
    value: float | None
    really: str = ""
    u: float | None = None
    unit: str = "mm"
    at: At = field(default_factory=dict)


@dataclass(frozen=True)
class Compared:
    """One quantity by both engines at the state ``at`` ({} = of the whole set), as it is stored.

    ``value``, ``u`` are ours and ``their_value``, ``their_u`` the second engine's, in ``unit``, k = 1; None where there is no number.
    ``difference`` is theirs minus ours, ``allowed`` = 2 hypot(u, their_u). ``outcome`` is PASS (they agree), DISAGREEMENT, NOT_MEASURED
    (one of them has no number), or None: shown, not judged. ``reason`` says why. ValueError for an outcome that the numbers do not give.
    """

    quantity: str
    unit: str
    at: At
    value: float | None
    u: float | None
    their_value: float | None
    their_u: float | None
    engine: str
    engine_version: str
    really: str
    difference: float | None
    allowed: float | None
    outcome: Outcome | None
    reason: str

    def __post_init__(self) -> None:
        """Refuse what is no comparison, and freeze the mapping."""
        numbers = (self.value, self.u, self.their_value, self.their_u, self.difference, self.allowed)
        finite = all(number is None or math.isfinite(number) for number in numbers)
        judged = self.difference is not None and self.allowed is not None
        fits = {
            None: self.allowed is None,
            Outcome.NOT_MEASURED: self.allowed is None,
            Outcome.PASS: judged and abs(self.difference or 0.0) <= (self.allowed or 0.0),
            Outcome.DISAGREEMENT: judged and abs(self.difference or 0.0) > (self.allowed or 0.0),
        }
        if not finite or not fits.get(self.outcome, False) or not self.reason.strip() or (self.value is None) != (self.u is None):
            raise ValueError(f"{self.quantity or self.really}: not a comparison: {numbers}, {self.outcome}, {self.reason!r}")
        object.__setattr__(self, "at", MappingProxyType(dict(self.at)))


def compare(number: Number, ours: Reading | None, at: At, engine: str, version: str) -> Compared:
    """Our reading (None: we measure no such thing) beside their number."""
    mine = ours if isinstance(ours, Measured) else None
    missing = ours.reason if isinstance(ours, NotMeasured) else "" if mine else "no reading of it was made"
    difference = number.value - mine.value if mine and number.value is not None else None
    allowed = 2 * math.hypot(mine.u, number.u) if mine and number.u is not None and difference is not None else None
    if number.value is None:
        outcome = None if isinstance(ours, NotMeasured) else Outcome.NOT_MEASURED  # what neither can measure is no difference
        reason = f"{engine} has no number: {number.really or 'it does not say why'}"
        reason += f"; ours neither: {missing}" if missing and number.key else ""
    elif not number.key:
        outcome, reason = None, THEIRS_ALONE
    elif difference is None:
        outcome, reason = Outcome.NOT_MEASURED, f"ours was not measured: {missing}"
    elif allowed is None:
        outcome, reason = None, NO_U
    else:
        agree = abs(difference) <= allowed
        outcome = Outcome.PASS if agree else Outcome.DISAGREEMENT
        reason = f"{abs(difference):.3g} apart, {allowed:.3g} allowed"
    return Compared(
        quantity=number.key,
        unit=ours.quantity.unit if ours is not None else number.unit,
        at=at,
        value=mine.value if mine else None,
        u=mine.u if mine else None,
        their_value=number.value,
        their_u=number.u if number.value is not None else None,
        engine=engine,
        engine_version=version,
        really=number.really,
        difference=difference,
        allowed=allowed,
        outcome=outcome,
        reason=reason,
    )


def doubted(judgements: Iterable[Judgement], readings: Sequence[Reading], comparisons: Sequence[Compared]) -> tuple[Judgement, ...]:
    """The judgements; where the engines disagree on anything, none of a number is better than DISAGREEMENT.

    Every number of a set comes from the same images, so one that is doubted casts doubt on all.
    """
    apart = [one for one in comparisons if one.outcome is Outcome.DISAGREEMENT]
    if not apart:
        return tuple(judgements)
    why = _words(apart)

    def raised(judgement: Judgement) -> Judgement:
        number = judgement.reading >= 0 and isinstance(readings[judgement.reading], Measured)
        if not number or judgement.outcome >= Outcome.DISAGREEMENT:
            return judgement
        return replace(judgement, outcome=Outcome.DISAGREEMENT, reason=f"{why} (the limit alone: {judgement.reason})")

    return tuple(map(raised, judgements))


def _words(apart: Sequence[Compared]) -> str:
    """The widest disagreement, and how many more there are."""
    worst = max(apart, key=lambda one: abs(one.difference or 0.0) / (one.allowed or 1.0))
    more = f", and on {len(apart) - 1} more" if len(apart) > 1 else ""
    both = f"ours {worst.value:.3f}, {worst.engine} {worst.their_value:.3f} {worst.unit}".rstrip()
    return f"the two engines disagree on {worst.quantity}: {both}, {worst.reason}{more}"
