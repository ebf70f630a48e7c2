"""What a mail tells a physicist: of a morning that is no GO, and of tests that are overdue."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date

from qa.due import Due, State
from qa.limit import Outcome
from qa.record import Record
from reports import catalogue, numbers
from reports.lines import Line, lines

MOST = 40  # lines of one record; its report has all of them
FOOT = "Sent by igrtqa. The stored record counts, not this mail."


def word(records: Sequence[Record], missing: Sequence[str] = ()) -> str:
    """GO, REPEAT or STOP of all together, as their exit status: of records that limits judged, or of all where none did."""
    found = [_worst(one) for one in _counted(records)] + [Outcome.NOT_MEASURED for _ in missing]
    return max(found, default=Outcome.NOT_MEASURED).word


def of_records(records: Sequence[Record], missing: Sequence[str], reports: Sequence[str]) -> tuple[str, str]:
    """(subject, text): every record that is no GO with its verdicts and what did not pass; ``reports`` say where the record's report is.

    ``missing`` are the tests that the protocol asks for and nothing showed.
    """
    said = word(records, missing)
    machines = ", ".join(dict.fromkeys(one.machine for one in records))
    days = " to ".join(dict.fromkeys(f"{day:%Y-%m-%d}" for day in _first_and_last(records)))
    text, counted = [f"{said}: {machines}", ""], {one.record_id for one in _counted(records)}
    for record, report in zip(records, reports, strict=True):
        if record.record_id in counted and _worst(record) is not Outcome.PASS:
            text += [*_of_one(record), f"report: {report}", ""]
    if missing:
        text += [f"not fulfilled: the protocol also asks for {', '.join(missing)}, and nothing that was handed in shows it", ""]
    names = ", ".join(dict.fromkeys(one.protocol for one in records))
    return f"{said}: {machines}, {names}, {days}", "\n".join([*text, FOOT, ""])


def overdue(found: Sequence[Due]) -> tuple[Due, ...]:
    """The tests that are overdue, and those that are asked for and were never done as a whole."""
    return tuple(one for one in found if one.state is State.OVERDUE or (one.state.waits and one.last is None))


def of_overdue(found: Sequence[Due], today: date) -> tuple[str, str]:
    """(subject, text) about these tests."""
    machines = ", ".join(dict.fromkeys(one.machine for one in found))
    text = [f"{line.about}: {line.words}" for line in map(catalogue.due, found)]
    return f"overdue: {machines}, {today:%Y-%m-%d}", "\n".join([f"Overdue or never done on {today:%Y-%m-%d}:", "", *text, "", FOOT, ""])


def _counted(records: Sequence[Record]) -> Sequence[Record]:
    """Those that limits judged or engines compared, all where there are none."""
    return [one for one in records if one.judgements or one.comparisons] or records


def _of_one(record: Record) -> Iterator[str]:
    taken = f"taken {numbers.moment(record.acquired)}"
    by = f", by {record.performer}" if record.performer else ""
    yield f"{record.machine}: {record.procedure_title or record.procedure}, {taken}{by}"
    yield f"protocol: {record.protocol_title} ({record.protocol}), decided at k = {record.coverage_factor:g}"
    told = [line for line in lines(record) if _tells(line)]
    yield from (line.plain for line in told[:MOST])
    if len(told) > MOST:
        yield f"and {len(told) - MOST} more lines in its report"
    yield f"record: {record.record_id}"


def _tells(line: Line) -> bool:
    return line.kind == "verdict" or (line.kind in ("exception", "second engine") and line.outcome is not Outcome.PASS)


def _worst(record: Record) -> Outcome:
    compared = [one.outcome for one in record.comparisons if one.outcome is not None]
    return max([*([one.outcome for one in record.judgements] or [Outcome.NOT_MEASURED]), *compared])  # as its exit status


def _first_and_last(records: Sequence[Record]) -> tuple[date, ...]:
    days = sorted((one.acquired or one.analysed).astimezone(UTC).date() for one in records)
    return (days[0], days[-1]) if days else ()
