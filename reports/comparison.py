"""Two engines side by side in words: both numbers, how far they are apart, how far they may be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from math import floor, log10

from qa.compared import Compared
from qa.limit import Outcome
from qa.record import Record
from reports import numbers
from reports.index import PART, UID, common, without

HEAD = ("image", "quantity", "unit", "ours ± U", "theirs ± U", "difference", "allowed", "outcome", "why, and what their number is")
FINE = 0.01
COUNTED = {
    Outcome.DISAGREEMENT: "disagree",
    Outcome.NOT_MEASURED: "not measured by both",
    Outcome.PASS: "agree",
    None: "shown, not judged",
}


def summary(comparisons: Sequence[Compared]) -> str:
    """How many numbers agree, disagree, are missing or not judged: "pylinac 3.49.0: 108 agree, 1 shown, not judged"."""
    engines = ", ".join(dict.fromkeys(f"{one.engine} {one.engine_version}".strip() for one in comparisons))
    return f"{engines}: {counted(one.outcome for one in comparisons)}"


def counted(outcomes: Iterable[Outcome | None]) -> str:
    """How many of each, the worst first."""
    counts = Counter(outcomes)
    return ", ".join(f"{counts[outcome]} {word}" for outcome, word in COUNTED.items() if counts[outcome])


def apart(record: Record) -> tuple[Compared, ...]:
    """What the two engines disagree on."""
    return tuple(one for one in record.comparisons if one.outcome is Outcome.DISAGREEMENT)


def cells(one: Compared) -> tuple[str, str, str, str]:
    """Ours ± U, theirs ± U, the difference and what is allowed."""
    ours, theirs = (numbers.estimate(value, u) or "not measured" for value, u in ((one.value, one.u), (one.their_value, one.their_u)))
    if not one.quantity and one.value is None:
        ours = "–"
    fine = one.allowed is not None and 0 < one.allowed < FINE  # then a thousandth would not show two digits of it
    places = 1 - floor(log10(one.allowed or 1.0)) if fine else 3
    difference = "–" if one.difference is None else f"{one.difference:+.{places}f}"
    return ours, theirs, difference, "–" if one.allowed is None else f"{one.allowed:.{places}f}"


def both(one: Compared) -> str:
    """Both numbers in a sentence: "ours 0.30 ± 0.02, pylinac 0.52 ± 0.06 mm"."""
    ours, theirs, _, _ = cells(one)
    return f"ours {ours}, {one.engine} {theirs} {one.unit}".rstrip() + f": {one.reason}"


def besides(one: Compared) -> str:
    """What its state says besides image and angles, in words: which target."""
    return numbers.state({key: value for key, value in one.at.items() if key != UID and not key.endswith("_deg")})


def rows(record: Record) -> Iterator[tuple[str, ...]]:
    """Every comparison for a screen: the set first, then the images by their file names; under ``HEAD``."""
    record = without(record, common(record))
    files = {entry.sop_instance_uid: entry.name for entry in record.inputs}
    for one in sorted(record.comparisons, key=lambda one: bool(one.at)):
        where = files.get(str(one.at.get(UID, "")), numbers.state(one.at)) if set(one.at) - {PART} else "whole set"
        outcome = "shown" if one.outcome is None else "agree" if one.outcome is Outcome.PASS else one.outcome.name
        words = "; ".join(filter(None, ("" if one.outcome is Outcome.PASS else one.reason, "" if one.at else one.really)))
        what = ", ".join(filter(None, (one.quantity or "(theirs alone)", besides(one))))
        yield (where, what, one.unit, *cells(one), outcome, words)
