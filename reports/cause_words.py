"""The cause of a change in words: the answer, the evidence for and against every cause, and the changes as rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from qa.cause import LEVEL, MARGIN, NOTHING, Fit, Verdict
from qa.cause_changes import Change
from reports import numbers

HEAD = ("changed", "now", "before", "change ± U", "explained", "change/u")
FITS = ("cause", "how", "chi² / freedom", "chance", "BIC", "by how much")
SHOWN_U = 2.0  # times u: changes beyond it are worth a look
REST = "this passes and fails nothing, the records' own outcomes stand: look at the machine before you act on it"


@dataclass(frozen=True)
class Row:
    """One change with what the best cause says of it; ``predicted`` is None where there is none."""

    change: Change
    u: float
    predicted: float | None

    @property
    def in_u(self) -> float:
        """The change in units of its standard uncertainty."""
        return self.change.size / self.u

    @property
    def matters(self) -> bool:
        """Whether it changed, or should have."""
        return abs(self.in_u) > SHOWN_U or abs(self.predicted or 0.0) > SHOWN_U * self.u


def title(verdict: Verdict) -> str:
    """ "LINAC-B, changes since 2026-01-05: explained best by kV panel"."""
    answer = f"explained best by {verdict.named}" if verdict.named else verdict.why
    return f"{verdict.machine}, changes since {verdict.changes.since:%Y-%m-%d}: {answer}"


def rows(verdict: Verdict) -> list[Row]:
    """Every change, the largest in units of u first."""
    best = verdict.best
    made = [
        Row(change, u, float(best.predicted[k]) if best is not None else None)
        for k, (change, u) in enumerate(zip(verdict.changes.rows, verdict.u, strict=True))
    ]
    return sorted(made, key=lambda row: -abs(row.in_u))


def summary(verdict: Verdict) -> Iterator[str]:
    """The answer and the evidence in sentences."""
    compared, left = len(verdict.changes.rows), len(verdict.changes.left)
    beyond = sum(abs(row.in_u) > SHOWN_U for row in rows(verdict))
    yield verdict.why
    yield f"{compared} numbers compared, {beyond} changed by more than 2 u; {left} have no place"
    best = verdict.best
    if verdict.named and best is not None and best.way is not None:
        yield f"how: {best.way.words}; {found(best)}"
        other = next((fit for fit in verdict.by_cause if fit.cause != verdict.named), None)
        if other is not None:
            yield f"next best: {other.cause}, BIC {other.bic - best.bic:.0f} worse ({MARGIN:.0f} are asked for)"
    elif not verdict.candidates and any(fit.way is None and not fit.fits for fit in verdict.fits):
        yield f"every cause is rejected by chi-square at {1 - LEVEL:.0%}: several changed at once, or something that is not among them"
    elif len(verdict.candidates) > 1:
        yield "more tests of the same day tell them apart: MV, kV and CBCT images of one ball, the couch check"
    yield from _services(verdict)
    yield REST


def _services(verdict: Verdict) -> Iterator[str]:
    """What service changed is no fault, and a mean of before and after it is the machine's state at no time."""
    for what, those in (("between the records that are compared", verdict.between), ("among the earlier records", verdict.among)):
        if those:
            begun, ended = those[-1]
            until = f"until {ended.day}" if ended is not None else "and not put back yet"
            more = f", and {len(those) - 1} more before it" if len(those) > 1 else ""
            yield f"service {what}: {begun.day} {until} ({begun.text}){more}; what was adjusted then is a change like any other"


def found(fit: Fit) -> str:
    """ "x +0.51 ± 0.04 mm, y ..."; "no amount follows" where it fixes none."""
    said = [f"{name} {numbers.with_unit(numbers.estimate(value, u), unit)}" for name, unit, value, u in fit.found]
    return ", ".join(said) or ("" if fit.cause == NOTHING else "no amount follows")


def causes(verdict: Verdict) -> Iterator[tuple[str, ...]]:
    """Every cause by its best way."""
    for fit in verdict.by_cause:
        how = fit.way.words if fit.way else ""
        yield fit.cause, how, f"{fit.chi2:.0f} / {fit.freedom}", f"{fit.p:.2g}", f"{fit.bic:.0f}", found(fit)


def cells(row: Row) -> tuple[str, ...]:
    """A change as text."""
    change = row.change
    size, explained = numbers.estimate(change.size, row.u), "" if row.predicted is None else numbers.estimate(row.predicted, row.u)
    now, before = (numbers.estimate(value, change.u).partition(" ±")[0] for value in (change.value, change.reference))
    own = numbers.with_unit(size, change.unit)
    return change.name, now, f"{before} ({change.reference_words})", own, explained.partition(" ±")[0], f"{row.in_u:+.1f}"
