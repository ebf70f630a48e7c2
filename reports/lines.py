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
from reports.index import PART, SETTING, again, common, judgements_of, of_part, per_image, shared_flags, without

NO_VERDICT = "no limit of this protocol covers this test: the numbers are not judged. This is not a pass."
JUDGED = ("exception", "value", "second engine")  # kinds of lines that say their outcome; the words of the others do
SHOWN = 3  # names per reason where there are more than twice as many; the record itself holds all of them


@dataclass(frozen=True)
class Line:
    """One line: a stable word for what it is, its outcome if it has one, what it is about, and the rest in words.

    ``meaning`` explains what it is about, where there is room; ``part`` says that it is of one part of a phantom, which a terminal shows
    in a table of parts.
    """

    kind: str
    outcome: Outcome | None
    about: str
    words: str
    meaning: str = ""
    part: bool = False

    @property
    def plain(self) -> str:
        """The line as text without looks: what it is, what it is about, the words."""
        outcome = f" {self.outcome.name}" if self.outcome is not None and self.kind in JUDGED else ""
        return f"{self.kind}{outcome} {self.about}: {self.words}"


def lines(record: Record) -> tuple[Line, ...]:
    """Everything to be said of a record, in order: verdicts, exceptions, values, caveats, notes."""
    shared, flags = common(record), shared_flags(record)
    record = without(record, shared, flags)
    said = (*_verdicts(record), *_exceptions(record), *_second_engine(record), *_unjudged(record))
    setting = [Line("note", None, "setting", str(shared[SETTING]))] if SETTING in shared else []
    made = [Line("note", None, "judged again", words)] if (words := again(record)) else []
    return (
        *made,
        *said,
        *_values(record),
        *(Line("caveat", None, "all readings", flag) for flag in flags),
        *_caveats(record),
        *setting,
        *_notes(record),
    )


def left_out(record: Record) -> tuple[Line, ...]:
    """The files that were handed in and not used, under their reasons."""
    reasons: dict[str, list[str]] = {}
    for entry in record.inputs:
        if not entry.used:
            reasons.setdefault(entry.reason or "no reason was recorded", []).append(entry.name)
    return tuple(Line("left out", None, _names(names), reason) for reason, names in reasons.items())


def _names(names: Sequence[str]) -> str:
    more = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {more} more" if more > 0 else "")


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
    groups: dict[tuple[Outcome, str, object], list[Judgement]] = {}
    for judgement in record.judgements:
        if judgement.outcome is not Outcome.PASS:
            groups.setdefault((judgement.outcome, judgement.reason, _alike(record, judgement)), []).append(judgement)
    for (outcome, reason, _), judgements in sorted(groups.items(), key=lambda item: -item[0][0]):
        limits = ", ".join(dict.fromkeys(judgement.limit.limit_id for judgement in judgements))
        yield Line("exception", outcome, _about([(j.limit.quantity, _reading(record, j)) for j in judgements]), f"{reason} [{limits}]")


def _alike(record: Record, judgement: Judgement) -> object:
    """What exceptions of one outcome and reason have in common that share a line: all that lacks a baseline, all of parts not measured."""
    reading = _reading(record, judgement)
    if judgement.limit.kind == "baseline" and isinstance(reading, Measured):
        return "baseline"
    if reading is None or not of_part(reading):
        return judgement.limit.quantity, judgement.reading
    return judgement.limit.quantity if isinstance(reading, Measured) else "parts"


def _reading(record: Record, judgement: Judgement) -> Reading | None:
    return record.readings[judgement.reading] if 0 <= judgement.reading < len(record.readings) else None


def _unjudged(record: Record) -> Iterator[Line]:
    """What could not be measured and no limit asked for; quantities with one reason share a line."""
    judged = judgements_of(record)
    reasons: dict[str, list[tuple[str, Reading | None]]] = {}
    for index, reading in enumerate(record.readings):
        if isinstance(reading, NotMeasured) and index not in judged:
            place = reading if of_part(reading) else None
            reasons.setdefault(reading.reason, []).append((reading.quantity.key, place))
    for reason, missing in reasons.items():
        yield Line("not measured", Outcome.NOT_MEASURED, _about(missing), reason)


def _values(record: Record) -> Iterator[Line]:
    """Readings of the whole set, and those that a limit judged, these first."""
    judged = judgements_of(record)
    order = sorted(range(len(record.readings)), key=lambda index: index not in judged)
    for index in order:
        reading = record.readings[index]
        if isinstance(reading, Measured) and (index in judged or not per_image(reading)):
            outcome = max((judgement.outcome for judgement in judged.get(index, [])), default=None)
            words = "; ".join([_value(reading), *_differences(reading, judged.get(index, []))])
            yield Line("value", outcome, _named(reading.quantity.key, reading), words, reading.quantity.meaning, of_part(reading))


def _which(reading: Reading | None) -> str:
    """Which set, target or part a reading is of, where there are several."""
    return ", ".join(str(reading.at[key]) for key in ("set", "target", PART) if key in reading.at) if reading else ""


def _named(quantity: str, reading: Reading | None) -> str:
    """The quantity, and which set, target or part it is of where there are several: "kv_isocenter_x (kV 2)"."""
    return f"{quantity} ({_which(reading)})" if _which(reading) else quantity


def _about(found: Sequence[tuple[str, Reading | None]]) -> str:
    """Quantities with all that they are of: "contrast (9 mm, 8 mm), noise"; of many the first few."""
    places: dict[str, dict[str, None]] = {}
    for quantity, reading in found:
        places.setdefault(quantity, {}).update({_which(reading): None} if _which(reading) else {})
    said = ((quantity, list(names)) for quantity, names in places.items())
    return ", ".join(f"{q} ({', '.join(names) if len(names) <= 2 * SHOWN else _names(names)})" if names else q for q, names in said)


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


def _differences(reading: Measured, judgements: Sequence[Judgement]) -> list[str]:
    """How far the reading is from the baselines that it was held against, each once."""
    return list(dict.fromkeys(one.baseline.difference(reading) for one in judgements if one.baseline is not None))


def _caveats(record: Record) -> Iterator[Line]:
    """The flags of readings of the whole set, each once with the quantities that carry it."""
    flags: dict[str, list[tuple[str, Reading | None]]] = {}
    for reading in record.readings:
        if isinstance(reading, Measured) and not per_image(reading):
            for flag in reading.flags:
                flags.setdefault(flag, []).append((reading.quantity.key, reading if of_part(reading) else None))
    for flag, found in flags.items():
        yield Line("caveat", None, _about(found), flag)


def _notes(record: Record) -> Iterator[Line]:
    unconfirmed = dict.fromkeys(judgement.limit.limit_id for judgement in record.judgements if not judgement.limit.confirmed)
    if unconfirmed:
        yield Line("note", None, "limits", f"not confirmed in the standard's own document: {', '.join(unconfirmed)}")
    for note in record.notes[bool(again(record)) :]:
        yield Line("note", None, "record", note)
