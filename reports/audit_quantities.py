"""Every quantity of an audit in tables, test by test: value ± U, limits, the part of them used, baseline, course."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from reportlab.lib.units import mm
from reportlab.platypus import CondPageBreak, Flowable

from qa.audit import Audit
from qa.audit_quantities import Newest
from qa.limit import MEAN, Judgement
from qa.reading import NotMeasured
from reports import audit_course, audit_words, numbers
from reports.page import small_heading
from reports.shapes import Canvas, Drawn, symbol, write
from reports.style import BODY, CELL, CELL_MUTED, CELL_STRONG, MUTED, WIDTH, lines, paragraph
from reports.tables import PAD, Cell, columns, grid

NOTE = (
    "The newest of each quantity in the period, and of each protocol that judged it, ± U with U = 2u. Used: the part of the tolerance that "
    "the value takes up, and after U the part that it takes up with its uncertainty, which is what decides. 12 months: dashed are the ends "
    "of the tightest tolerance where they are near; what was no pass keeps its shape. A quantity that a record has several of (one for "
    "each image, say) is given from its least to its largest."
)
EMPTY = "No record of this period that counts holds a reading."
WIDTHS = [WIDTH * part for part in (0.27, 0.16, 0.235, 0.065, 0.135, 0.135)]
HEAD = ("Quantity", "Value ± U", "Limits", "Used", "Baseline", "12 months")
SIZE = 6.2
OF_ALL = ("setting", "beam")  # of what a reading is of: said once, above the table
COURSE = 60.0  # points


def section(audit: Audit) -> list[Flowable]:
    """For each test and setting what limits judged, then the other numbers a line each, then what was not measured and nobody asked for."""
    if not audit.quantities:
        return [paragraph(EMPTY, BODY)]
    flowables: list[Flowable] = [paragraph(NOTE, CELL_MUTED)]
    protocols: dict[str, set[str]] = {}
    for one in audit.quantities:
        protocols.setdefault(one.head.procedure, set()).add(one.head.protocol)

    def headed(one: Newest) -> str:
        by = f", judged by {one.head.protocol_title}" if len(protocols[one.head.procedure]) > 1 else ""
        return f"{_heading(one)}{by}"

    for heading, group in groupby(sorted(audit.quantities, key=headed), headed):
        found = list(group)
        judged = [one for one in found if one.judgements]
        rest = [one for one in found if not one.judgements]
        flowables += [CondPageBreak(32 * mm), *small_heading(heading)[1:]]
        if judged:
            flowables.append(grid(HEAD, [_row(one, audit) for one in judged], WIDTHS))
        flowables += _unjudged([one for one in rest if one.numbers], audit)
        flowables += _unmeasured([one for one in rest if not one.numbers])
    return flowables


def _heading(one: Newest) -> str:
    setting = ", ".join(f"{key} {text}" if key == "beam" else text for key, text in one.of if key in OF_ALL)
    return f"{one.head.test}{': ' + setting if setting else ''}"


def _of(one: Newest) -> str:
    """What it is of beside the setting: "Teflon", "set kV"."""
    return numbers.state({key: text for key, text in one.of if key not in OF_ALL})


def _row(one: Newest, audit: Audit) -> list[Cell]:
    quantity, of = one.readings[0].quantity, _of(one)
    return [
        [paragraph(quantity.meaning, CELL), paragraph(f"{quantity.key}{', ' + of if of else ''}", CELL_MUTED)],
        [*_value(one), paragraph(f"{one.head.day}", CELL_MUTED)],
        _limits(one.judgements),
        _used(one),
        _baseline(one.judgements),
        _course(one, audit, WIDTHS[5] - 2 * PAD),
    ]


def _unjudged(found: Sequence[Newest], audit: Audit) -> list[Flowable]:
    """A line for each number that no limit of its protocol asks for; what a quantity is stands in the first line of it, then its key."""
    if not found:
        return []
    of = any(map(_of, found))
    head = ["Measured, and no limit", *(["Of"] if of else []), "Value ± U", "Day", "12 months"]
    rows: list[list[Cell]] = []
    for meaning, group in groupby(sorted(found, key=_meaning), _meaning):
        for n, one in enumerate(group):
            course = _course(one, audit, COURSE, audit_course.LOW)
            name = one.readings[0].quantity.key if n else meaning
            rows.append([name, *([_of(one)] if of else []), _span(one), f"{one.head.day}", course])
    return list(columns(head, rows))


def _meaning(one: Newest) -> str:
    return one.readings[0].quantity.meaning


def _unmeasured(found: Sequence[Newest]) -> list[Flowable]:
    """Reasons, each once with all that it is of."""
    groups: dict[str, dict[str, list[str]]] = {}
    for one in found:
        for reason in dict.fromkeys(reading.reason for reading in one.readings if isinstance(reading, NotMeasured)):
            groups.setdefault(reason, {}).setdefault(one.readings[0].quantity.meaning, []).append(_of(one))
    words = []
    for reason, whats in groups.items():
        named = [f"{meaning}{' (' + ', '.join(filter(None, of)) + ')' if any(of) else ''}" for meaning, of in whats.items()]
        words.append(paragraph(f"Not measured, and no limit: {'; '.join(named)}: {reason}", CELL_MUTED))
    return words


def _value(one: Newest) -> list[Flowable]:
    measured = one.numbers
    missing = [paragraph(f"a part is missing: {each.missing}", CELL_MUTED) for each in measured if each.missing]
    missing += [paragraph(text, CELL_MUTED) for text in dict.fromkeys(r.reason for r in one.readings if isinstance(r, NotMeasured))]
    if not measured:
        return [paragraph("not measured", CELL_STRONG), *missing]
    return [paragraph(_span(one), CELL_STRONG), *missing]


def _span(one: Newest) -> str:
    """The number ± U with its unit, or from the least to the largest of several."""
    unit = one.readings[0].quantity.unit
    if len(one.readings) == 1:
        return numbers.with_unit(numbers.pair(one.numbers[0]), unit)
    least, most = (pick(one.numbers, key=lambda each: each.value) for pick in (min, max))
    of = f"{len(one.numbers)} numbers{f' of {len(one.readings)}' if len(one.numbers) < len(one.readings) else ''}"
    largest = numbers.two_digits(2 * max(each.u for each in one.numbers))
    ends = f"{numbers.value_and_u(least)[0]} to {numbers.value_and_u(most)[0]} ± {largest}"
    return f"{numbers.with_unit(ends, unit)} at most, {of}"


def _limits(judgements: Sequence[Judgement]) -> Cell:
    """Each limit once behind the shape of its worst outcome; the word of every outcome that is no pass stands with it."""
    if not judgements:
        return paragraph("no limit", CELL_MUTED)
    worst: dict[str, Judgement] = {}
    for judged in judgements:
        words = _limit_words(judged)
        if words not in worst or judged.outcome > worst[words].outcome:
            worst[words] = judged
    return [_marked(judged, words) for words, judged in worst.items()]


def _limit_words(judged: Judgement) -> str:
    limit = judged.limit
    techniques = ", ".join(map(numbers.technique, limit.techniques)) or "no technique"
    return f"{techniques}: {numbers.limit_words(limit)}{'' if limit.confirmed else ' (unconfirmed)'}"


def _marked(judged: Judgement, words: str) -> Drawn:
    left, width = SIZE * 1.5, WIDTHS[2] - 2 * PAD
    outcome = judged.outcome
    text = lines(words if outcome == 0 else f"{outcome.name.replace('_', ' ')}: {words}", width - left, SIZE)
    height = len(text) * SIZE * 1.3 + 1

    def paint(canvas: Canvas) -> None:
        symbol(canvas, outcome, SIZE * 0.55, height - SIZE * 0.75, SIZE * 1.05)
        for n, line in enumerate(text):
            write(canvas, line, left, height - SIZE * (1.05 + 1.3 * n), SIZE)

    return Drawn(width, height, paint)


def _used(one: Newest) -> Cell:
    used = one.used()
    if used is None:
        return paragraph("", CELL)
    value, worst = (f"{100 * part:.0f} %" for part in used)
    return [paragraph(value, CELL_STRONG if used[1] > 1 else CELL), paragraph(f"U: {worst}", CELL_MUTED)]


def _baseline(judgements: Sequence[Judgement]) -> Cell:
    asked = [judged for judged in judgements if judged.limit.kind == "baseline"]
    if not asked:
        return paragraph("", CELL)
    held = dict.fromkeys(judged.baseline for judged in asked if judged.baseline is not None)
    if not held:
        return paragraph("none", CELL_STRONG)
    cell: list[Flowable] = []
    for baseline in held:
        cell.append(paragraph(numbers.with_unit(numbers.estimate(baseline.value, baseline.u), baseline.unit)))
        mean = baseline.record_id.startswith(MEAN)
        name = f"{baseline.record_id}, a mean" if mean else f"record {audit_words.short(baseline.record_id)}"
        cell.append(paragraph(f"{baseline.taken:%Y-%m-%d}, {name}", CELL_MUTED))
    return cell


def _course(one: Newest, audit: Audit, width: float, high: float = audit_course.HIGH) -> Drawn:
    if not one.past:
        return _small("several in a record" if one.numbers else "no number", width)
    ends = [_ends(judged) for judged in one.judgements]
    near = min((each for each in ends if each is not None), key=lambda each: each[1] - each[0], default=None)
    return audit_course.course(one.past, audit.period.since, audit.period.last, near, width, high)


def _small(text: str, width: float) -> Drawn:
    """Words in place of a picture."""
    return Drawn(width, SIZE * 1.4, lambda canvas: write(canvas, text, 0, 2, SIZE - 0.4, colour=MUTED))


def _ends(judged: Judgement) -> tuple[float, float] | None:
    """Where the limit lets a value be."""
    tolerance = judged.limit.tolerance
    if tolerance is None or (judged.limit.kind == "baseline" and judged.baseline is None):
        return None
    middle = judged.baseline.value if judged.limit.kind == "baseline" and judged.baseline else 0.0
    return middle - tolerance, middle + tolerance
