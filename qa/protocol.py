"""A protocol is a list of limits, each with its source, and every one of them is judged: a limit without a reading is not a pass."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path

from qa.limit import Baseline, Judgement, Limit, Outcome
from qa.procedure import parts_are_ways
from qa.reading import Identity, Measured, NotMeasured, ProtocolError, Quantity, Reading, identity

__all__ = ["Baseline", "Baselines", "Judgement", "Limit", "Outcome", "Protocol", "check", "judge", "names", "read", "verdicts"]

KINDS = ("absolute", "baseline", "functional")
TECHNIQUES = ("conventional", "imrt", "srs", "sbrt")
FREQUENCIES = ("daily", "weekly", "monthly", "quarterly", "semiannual", "annual", "per_use", "commissioning")
YES = "Yes, as the performer says"
UNITS = ("mm", "deg", "HU", "1/mm", "%", "")


@dataclass(frozen=True)
class Protocol:
    """The limits that a clinic judges by, and the coverage factor k of the decision (0 = simple acceptance).

    ``apply`` names the calibrations that readings are corrected by before they are judged, by what they provide.
    """

    name: str
    title: str
    coverage_factor: float
    limits: tuple[Limit, ...]
    frequency: str
    source: str
    apply: tuple[str, ...] = ()

    @property
    def questions(self) -> dict[str, str]:
        """What a person is asked, by name: the functional limits with their notes."""
        return {limit.quantity: limit.note for limit in self.limits if limit.kind == "functional"}

    @property
    def asking(self) -> frozenset[str]:
        """The procedures whose limits hold a question."""
        return frozenset(limit.procedure for limit in self.limits if limit.kind == "functional")

    @property
    def procedures(self) -> tuple[str, ...]:
        """The procedures that this protocol has limits for, in the file's order."""
        return tuple(dict.fromkeys(limit.procedure for limit in self.limits))

    def compared(self, procedure: str) -> frozenset[str]:
        """The quantities of that procedure that are judged against a baseline."""
        return frozenset(one.quantity for one in self.limits if one.kind == "baseline" and one.procedure == procedure)


@dataclass(frozen=True)
class Baselines:
    """What a machine's readings are held against, by quantity and what a reading is of; ``why`` there is none for the others.

    ``notes`` are what a record must say of them.
    """

    found: Mapping[tuple[str, Identity], Baseline] = field(default_factory=dict)
    why: Mapping[tuple[str, Identity], str] = field(default_factory=dict)
    otherwise: str = "none was looked for"
    notes: tuple[str, ...] = ()

    def of(self, reading: Reading) -> tuple[Baseline | None, str]:
        """The reading's baseline, or why there is none and what to do."""
        key = reading.quantity.key, identity(reading.at)
        return self.found.get(key), self.why.get(key, self.otherwise)


def judge(
    protocol: Protocol,
    procedure: str,
    readings: Sequence[Reading],
    baselines: Baselines | None = None,
    answers: Mapping[str, bool] | None = None,
) -> tuple[Judgement, ...]:
    """Every limit of that procedure against every reading of its quantity; a limit without a reading is NOT_MEASURED, never left out.

    A limit that needs a quantity nobody measured cannot pass; a value that fails, fails nevertheless. A limit for parts of a phantom asks
    for every one of them; where parts are ways to measure the same thing, one that was measured and that no row is for is NOT_MEASURED by
    those that there are. A functional limit is a question that a person has answered, or nobody: ``answers`` by its quantity.
    """
    judgements = []
    ways = parts_are_ways(procedure)
    for limit in protocol.limits:
        if limit.procedure != procedure:
            continue
        if limit.kind == "functional":
            judgements.append(Judgement(limit, -1, *_answered(limit, answers or {})))
            continue
        missing = "; ".join(f"{key} was not measured ({_why(key, readings)})" for key in limit.needs if not _measured(key, readings))
        found, absent = _asked(limit, readings)
        if absent:
            judgements.append(Judgement(limit, -1, Outcome.NOT_MEASURED, absent))
        for index in found:
            outcome, reason, baseline = _judge(limit, readings[index], protocol.coverage_factor, baselines or Baselines())
            if missing:
                outcome, reason = max(outcome, Outcome.NOT_MEASURED), f"{reason}; this limit needs more: {missing}"
            judgements.append(Judgement(limit, index, outcome, reason, baseline))
        for index in _unasked(protocol, limit, readings) if ways else ():
            judgements.append(Judgement(limit, index, Outcome.NOT_MEASURED, _for_no_row(readings[index], protocol)))
    return tuple(judgements)


def _unasked(protocol: Protocol, limit: Limit, readings: Sequence[Reading]) -> list[int]:
    """The indices of what was measured of the limit's quantity in a part that no row of one of its techniques is for."""
    rows = [one for one in protocol.limits if (one.procedure, one.quantity) == (limit.procedure, limit.quantity)]
    found = []
    for index, reading in enumerate(readings):
        if reading.quantity.key != limit.quantity or isinstance(reading, NotMeasured):
            continue
        judged = {technique for row in rows if not row.parts or reading.at.get("part") in row.parts for technique in row.techniques}
        if not set(limit.techniques) <= judged:
            found.append(index)
    return found


def _for_no_row(reading: Reading, protocol: Protocol) -> str:
    """What to do about a part that was measured and is not judged."""
    part = reading.at.get("part", "the whole")
    return (
        f"{part} was measured too, and no limit of {protocol.title} is for that: judge by a protocol that has rows for it as well, or "
        f"hand in the images without those of the {part}"
    )


def _answered(limit: Limit, answers: Mapping[str, bool]) -> tuple[Outcome, str]:
    """What a person's yes or no to a question comes to."""
    said = answers.get(limit.quantity)
    if said is None:
        return Outcome.NOT_MEASURED, f"{limit.note} Not answered: check it and say so (--check {limit.quantity}=yes or =no)"
    return (Outcome.PASS, f"{limit.note} {YES}") if said else (Outcome.FAIL, f"{limit.note} No, as the performer says")


def _asked(limit: Limit, readings: Sequence[Reading]) -> tuple[list[int], str]:
    """The indices of the readings that the limit is for, and in words what it asks for that is not among them.

    What could not be measured as a whole stands for all parts of it.
    """
    of_it = [index for index, reading in enumerate(readings) if reading.quantity.key == limit.quantity]
    if not limit.parts:
        return of_it, "" if of_it else f"no reading of {limit.quantity} was made"
    whole = [index for index in of_it if isinstance(readings[index], NotMeasured) and "part" not in readings[index].at]
    found = [index for index in of_it if index in whole or readings[index].at.get("part") in limit.parts]
    lacking = set(limit.parts) - {readings[index].at.get("part") for index in found} if not whole else set()
    words = ", ".join(part for part in limit.parts if part in lacking)
    return found, f"no reading of {limit.quantity} of {words} was made" if lacking else ""


def _judge(limit: Limit, reading: Reading, k: float, baselines: Baselines) -> tuple[Outcome, str, Baseline | None]:
    """Outcome, reason, and the baseline that it was decided by."""
    if limit.kind != "baseline" or isinstance(reading, NotMeasured):
        return *limit.judge(reading, k), None
    baseline, why = baselines.of(reading)
    outcome, reason = limit.judge(reading, k, baseline)
    unknown = baseline is None and limit.tolerance is not None
    return outcome, f"{reason}: {why}" if unknown else reason, baseline


def _measured(key: str, readings: Sequence[Reading]) -> bool:
    return any(reading.quantity.key == key for reading in readings if isinstance(reading, Measured))


def _why(key: str, readings: Sequence[Reading]) -> str:
    return next((r.reason for r in readings if isinstance(r, NotMeasured) and r.quantity.key == key), "no reading of it was made")


def verdicts(judgements: Iterable[Judgement]) -> dict[str, Outcome]:
    """The worst outcome per technique; a technique without a limit in the protocol is absent, because nothing was said of it."""
    worst: dict[str, Outcome] = {}
    for judgement in judgements:
        for technique in judgement.limit.techniques:
            worst[technique] = max(worst.get(technique, Outcome.PASS), judgement.outcome)
    return {technique: worst[technique] for technique in TECHNIQUES if technique in worst}


def check(protocol: Protocol, procedure: str, quantities: Iterable[Quantity]) -> None:
    """Nothing, when every limit of that procedure asks for a quantity that it measures, in its unit; else ProtocolError.

    A misspelt quantity would otherwise only be noticed as a missing reading, after the phantom has been put away.
    """
    units = {quantity.key: quantity.unit for quantity in quantities}
    for limit in protocol.limits:
        if limit.procedure != procedure or limit.kind == "functional":
            continue
        for key in (limit.quantity, *limit.needs):
            if key not in units:
                raise ProtocolError(
                    f"{protocol.name}, limit {limit.limit_id}: {procedure} measures no {key!r}; expected one of {', '.join(units)}"
                )
        if units[limit.quantity] != limit.unit:
            raise ProtocolError(
                f"{protocol.name}, limit {limit.limit_id}: unit is {limit.unit!r}, but {limit.quantity} is measured in "
                f"{units[limit.quantity]!r}"
            )


def names() -> tuple[str, ...]:
    """The names of the protocols that come with the suite."""
    files = resources.files("qa.protocols").iterdir()
    return tuple(sorted(file.name.removesuffix(".toml") for file in files if file.name.endswith(".toml")))


def read(path_or_name: str | Path) -> Protocol:
    """The protocol of that name, or in that file (a clinic's own). ProtocolError says file, item, what was expected and what was found.

    A clinic's file may not carry the name of a protocol of the suite unless it is that protocol: a record must not claim a
    standard whose limits were changed.
    """
    if isinstance(path_or_name, str) and path_or_name in names():
        return _parse(_packaged(path_or_name), f"{path_or_name}.toml")
    path = Path(path_or_name)
    try:
        content = path.read_bytes()
    except (OSError, ValueError) as error:
        from qa.spelling import nearest

        raise ProtocolError(
            f"{path}: cannot be read ({getattr(error, 'strerror', None) or error}); expected a .toml file or a protocol of the suite"
            f"{nearest(str(path), names())}"
        ) from error
    protocol = _parse(content, str(path))
    if protocol.name in names() and protocol != read(protocol.name):
        raise ProtocolError(
            f"{path}: name {protocol.name!r} belongs to a protocol of the suite, but the content differs; give it its own name"
        )
    return protocol


def _packaged(name: str) -> bytes:
    return resources.files("qa.protocols").joinpath(f"{name}.toml").read_bytes()


def _parse(content: bytes, where: str) -> Protocol:
    try:
        table = tomllib.loads(content.decode("utf-8-sig"))  # Windows editors write a byte order mark
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ProtocolError(f"{where}: not a TOML file in UTF-8: {error}") from error
    top = _Item(where, table, ("name", "title", "coverage_factor", "frequency", "source", "apply", "limit"))
    rows = table.get("limit")
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        raise top.wrong("limit", "at least one [[limit]] table")
    limits = tuple(_limit(f"{where}, limit {number}", row) for number, row in enumerate(rows, 1))
    ids = [limit.limit_id for limit in limits]
    for number, limit_id in enumerate(ids, 1):
        if limit_id in ids[: number - 1]:
            raise ProtocolError(f"{where}, limit {number}: id {limit_id!r} is used twice; every limit needs its own")
    coverage_factor = top.number("coverage_factor")
    if coverage_factor is None or coverage_factor < 0:
        raise top.wrong("coverage_factor", "a number, 0 or larger (2 is usual)")
    return Protocol(
        name=top.text("name"),
        title=top.text("title"),
        coverage_factor=coverage_factor,
        limits=limits,
        frequency=top.choice("frequency", FREQUENCIES),
        source=top.text("source"),
        apply=top.texts("apply") if "apply" in table else (),
    )


_REQUIRED = ("id", "procedure", "quantity", "unit", "kind", "techniques", "frequency", "source", "confirmed")
_OPTIONAL = ("tolerance", "action", "needs", "note", "parts")


def _limit(where: str, row: dict[str, object]) -> Limit:
    item = _Item(f"{where} ({row['id']})" if isinstance(row.get("id"), str) else where, row, _REQUIRED + _OPTIONAL)
    kind, tolerance, action = item.choice("kind", KINDS), item.number("tolerance"), item.number("action")
    if tolerance is not None and tolerance <= 0:
        raise item.wrong("tolerance", "a number larger than 0, or no tolerance at all where the source gives none")
    if action is not None and (tolerance is None or action < tolerance):
        raise item.wrong("action", "a number not smaller than the tolerance, and a tolerance beside it")
    if kind == "functional" and tolerance is not None:
        raise item.wrong("tolerance", "none for a functional (yes/no) limit")
    if kind == "functional" and not row.get("note"):
        raise item.wrong("note", "the question that a person answers with yes or no")
    if not isinstance(row.get("confirmed"), bool):
        raise item.wrong("confirmed", "true (the number was read in the standard's own document) or false")
    techniques = item.texts("techniques")
    if not techniques or len(set(techniques)) != len(techniques) or not set(techniques) <= set(TECHNIQUES):
        raise item.wrong("techniques", f"a list of {', '.join(TECHNIQUES)}, each once, at least one")
    return Limit(
        limit_id=item.text("id"),
        procedure=item.text("procedure"),
        quantity=item.text("quantity"),
        unit=item.choice("unit", UNITS),
        tolerance=tolerance,
        action=action,
        kind=kind,
        techniques=techniques,
        frequency=item.choice("frequency", FREQUENCIES),
        source=item.text("source"),
        confirmed=bool(row["confirmed"]),
        needs=item.texts("needs") if "needs" in row else (),
        note=item.text("note") if "note" in row else "",
        parts=item.texts("parts") if "parts" in row else (),
    )


@dataclass(frozen=True)
class _Item:
    """One table of the file, taken apart with messages that say where, what was expected and what was found."""

    where: str
    table: Mapping[str, object]
    allowed: tuple[str, ...]

    def __post_init__(self) -> None:
        for key in self.table:
            if key not in self.allowed:
                raise ProtocolError(f"{self.where}: unknown key {key!r}; expected one of {', '.join(self.allowed)}")

    def wrong(self, key: str, expected: str) -> ProtocolError:
        found = repr(self.table[key]) if key in self.table else "nothing"
        return ProtocolError(f"{self.where}: {key} must be {expected}; found {found}")

    def text(self, key: str) -> str:
        value = self.table.get(key)
        if not isinstance(value, str) or not value.strip():
            raise self.wrong(key, "a text that is not empty")
        return value.strip()

    def texts(self, key: str) -> tuple[str, ...]:
        value = self.table.get(key)
        if not isinstance(value, list) or not all(isinstance(text, str) and text.strip() for text in value):
            raise self.wrong(key, "a list of texts")
        return tuple(text.strip() for text in value)

    def choice(self, key: str, choices: tuple[str, ...]) -> str:
        value = self.table.get(key)
        if not isinstance(value, str) or value not in choices:
            raise self.wrong(key, f"one of {', '.join(repr(choice) for choice in choices)}")
        return value

    def number(self, key: str) -> float | None:
        value = self.table.get(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise self.wrong(key, "a finite number")
        return float(value)
