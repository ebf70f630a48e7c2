"""What a record says, line by line: verdict first, then what is not a pass and why, then the numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from qa.limit import Judgement, Outcome
from qa.protocol import verdicts
from qa.reading import Measured, NotMeasured, Reading
from qa.record import Record
from reports import numbers
from reports.comparison import apart, both, summary
from reports.index import judgements_of, per_image

NO_VERDICT = "no limit of this protocol covers this test: the numbers are not judged. This is not a pass."
JUDGED = ("exception", "value", "second engine")  # kinds of lines that say their outcome; the words of the others do
SHOWN_FILES = 3  # names per reason; the record itself holds all of them


@dataclass(frozen=True)
class Line:
    """One line: a stable word for what it is, its outcome if it has one, what it is about, and the rest in words.

    ``meaning`` explains what it is about, where there is room.
    """

    kind: str
    outcome: Outcome | None
    about: str
    words: str
    meaning: str = ""

    @property
    def plain(self) -> str:
        """The line as text without looks: what it is, what it is about, the words."""
        outcome = f" {self.outcome.name}" if self.outcome is not None and self.kind in JUDGED else ""
        return f"{self.kind}{outcome} {self.about}: {self.words}"


def lines(record: Record) -> tuple[Line, ...]:
    """Everything to be said of a record, in order: verdicts, exceptions, values, caveats, notes."""
    said = (*_verdicts(record), *_exceptions(record), *_second_engine(record), *_unjudged(record))
    return (*said, *_values(record), *_caveats(record), *_notes(record))


def left_out(record: Record) -> tuple[Line, ...]:
    """The files that were handed in and not used, under their reasons."""
    reasons: dict[str, list[str]] = {}
    for entry in record.inputs:
        if not entry.used:
            reasons.setdefault(entry.reason or "no reason was recorded", []).append(entry.name)
    return tuple(Line("left out", None, _names(names), reason) for reason, names in reasons.items())


def _names(names: Sequence[str]) -> str:
    more = len(names) - SHOWN_FILES
    return ", ".join(names[:SHOWN_FILES]) + (f" and {more} more" if more > 0 else "")


def outcome_words(outcome: Outcome) -> str:
    """What to do and why, in two words: "GO (PASS)"."""
    return f"{outcome.word} ({outcome.name})"


def _verdicts(record: Record) -> Iterator[Line]:
    found = verdicts(record.judgements)
    for technique, outcome in found.items():
        yield Line("verdict", outcome, numbers.technique(technique), outcome_words(outcome))
    if not found:
        yield Line("verdict", None, "none", NO_VERDICT)


def _exceptions(record: Record) -> Iterator[Line]:
    """Judgements that are no pass, worst first; limits that come to the same share a line."""
    groups: dict[tuple[int, str, Outcome, str], list[Judgement]] = {}
    for judgement in record.judgements:
        if judgement.outcome is not Outcome.PASS:
            key = judgement.reading, judgement.limit.quantity, judgement.outcome, judgement.reason
            groups.setdefault(key, []).append(judgement)
    for (_, quantity, outcome, reason), judgements in sorted(groups.items(), key=lambda item: -item[0][2]):
        limits = ", ".join(judgement.limit.limit_id for judgement in judgements)
        reading = record.readings[judgements[0].reading] if 0 <= judgements[0].reading < len(record.readings) else None
        yield Line("exception", outcome, _named(quantity, reading), f"{reason} [{limits}]")


def _unjudged(record: Record) -> Iterator[Line]:
    """What could not be measured and no limit asked for; quantities with one reason share a line."""
    judged = judgements_of(record)
    reasons: dict[str, list[str]] = {}
    for index, reading in enumerate(record.readings):
        if isinstance(reading, NotMeasured) and index not in judged:
            reasons.setdefault(reading.reason, []).append(reading.quantity.key)
    for reason, keys in reasons.items():
        yield Line("not measured", Outcome.NOT_MEASURED, ", ".join(dict.fromkeys(keys)), reason)


def _values(record: Record) -> Iterator[Line]:
    """Readings of the whole set, and those that a limit judged, these first."""
    judged = judgements_of(record)
    order = sorted(range(len(record.readings)), key=lambda index: index not in judged)
    for index in order:
        reading = record.readings[index]
        if isinstance(reading, Measured) and (index in judged or not per_image(reading)):
            outcome = max((judgement.outcome for judgement in judged.get(index, [])), default=None)
            yield Line("value", outcome, _named(reading.quantity.key, reading), _value(reading), reading.quantity.meaning)


def _named(quantity: str, reading: Reading | None) -> str:
    """The quantity, and which set or target it is of where there are several: "kv_isocenter_x (kV 2)"."""
    which = [str(reading.at[key]) for key in ("set", "target") if key in reading.at] if reading else []
    return f"{quantity} ({', '.join(which)})" if which else quantity


def _second_engine(record: Record) -> Iterator[Line]:
    """How two programs compare, and both numbers wherever they disagree."""
    for one in apart(record):
        where = numbers.state(one.at) or "whole set"
        yield Line("second engine", Outcome.DISAGREEMENT, one.quantity, f"{where}: {both(one)}")
    if record.comparisons:
        worst = max((one.outcome for one in record.comparisons if one.outcome is not None), default=None)
        yield Line("second engine", worst, "all", summary(record.comparisons))


def _value(reading: Measured) -> str:
    value = numbers.with_unit(numbers.pair(reading), reading.quantity.unit)
    return f"{value} {numbers.interval(reading)}".strip()


def _caveats(record: Record) -> Iterator[Line]:
    """The flags of readings of the whole set, each once with the quantities that carry it."""
    flags: dict[str, list[str]] = {}
    for reading in record.readings:
        if isinstance(reading, Measured) and not per_image(reading):
            for flag in reading.flags:
                flags.setdefault(flag, []).append(reading.quantity.key)
    for flag, keys in flags.items():
        yield Line("caveat", None, ", ".join(dict.fromkeys(keys)), flag)


def _notes(record: Record) -> Iterator[Line]:
    unconfirmed = dict.fromkeys(judgement.limit.limit_id for judgement in record.judgements if not judgement.limit.confirmed)
    if unconfirmed:
        yield Line("note", None, "limits", f"not confirmed in the standard's own document: {', '.join(unconfirmed)}")
    for note in record.notes:
        yield Line("note", None, "record", note)
