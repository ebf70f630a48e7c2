"""What changed about the machine, what is in force, with what it was measured; and the page where the audit is signed."""

from __future__ import annotations

from datetime import date

from reportlab.platypus import Flowable

from qa.audit import Audit
from qa.events import SERVICE, Event
from reports import audit_words
from reports.page import DISCLAIMER, small_heading
from reports.shapes import Canvas, Drawn, write
from reports.style import BODY, CELL_MUTED, CELL_STRONG, MUTED, STRONG, WIDTH, paragraph
from reports.tables import Cell, grid

SIGNERS = ("Prepared by", "Reviewed by: qualified medical physicist", "Approved by")
LINE = 62.0  # points that one signer takes


def changes(audit: Audit) -> list[Flowable]:
    """Services and returns to use; records that were accepted as baselines or calibrations, each alone or several as one baseline."""
    rows: list[list[Cell]] = []
    if audit.began is not None:
        began = paragraph("under service when the period began", CELL_STRONG)
        rows.append([f"{audit.began.day}", began, *_said(audit, audit.began)])
    for event in audit.events:
        what = "out of clinical use" if event.kind == SERVICE else "back in clinical use"
        rows.append([f"{event.day}", paragraph(what, CELL_STRONG), *_said(audit, event)])
    head = ("Day", "What", "By", "Why")
    widths = [WIDTH * part for part in (0.14, 0.3, 0.2, 0.36)]
    service = grid(head, rows, widths) if rows else paragraph("None was put down.", BODY)
    return [*small_heading("Service"), service, *small_heading("Records accepted as baseline or calibration"), _accepted(audit)]


def _said(audit: Audit, event: Event) -> list[Cell]:
    return [paragraph(event.who), paragraph(f"{event.text}{audit_words.later(event, audit)}")]


def _accepted(audit: Audit) -> Flowable:
    rows: list[list[Cell]] = []
    for one in audit.accepted:
        own = one.record
        more = f"{one.rejected}: it counts no more" if one.rejected is not None else one.comment
        what = [
            paragraph(f"{own.procedure.replace('_', ' ')}, taken {own.taken:%Y-%m-%d}", CELL_STRONG),
            paragraph(own.record_id, CELL_MUTED),
        ]
        rows.append([f"{audit.day(one.accepted)}", what, paragraph(one.who), paragraph(more)])
    for made in audit.baselines:
        more = f"{made.broken}: it counts no more" if made.broken else made.because
        members = [paragraph(f"{member.record.taken:%Y-%m-%d}, record {member.record.record_id}", CELL_MUTED) for member in made.members]
        title = f"{made.procedure.replace('_', ' ')}, {made.name}: the mean of {audit_words.many(len(members), 'record')}"
        device = [paragraph(f"device: {made.device}", CELL_MUTED)] if made.device else []
        rows.append(
            [f"{audit.day(made.accepted)}", [paragraph(title, CELL_STRONG), *members], paragraph(made.who), [paragraph(more), *device]]
        )
    if not rows:
        return paragraph("None was accepted in this period.", BODY)
    return grid(("Accepted", "Record", "By", "Comment"), rows, [WIDTH * part for part in (0.14, 0.36, 0.2, 0.3)])


def calibrations(audit: Audit) -> list[Flowable]:
    """Every kind of calibration: which record is in force at the end of the period and until when, or why there is none."""
    rows: list[list[Cell]] = []
    for one in audit.calibrations:
        if one.found is None:
            rows.append([paragraph(one.kind, CELL_STRONG), paragraph("none in force", CELL_STRONG), "", paragraph(one.words)])
        else:
            expires = f"{one.found.expires:%Y-%m-%d %H:%M} UTC"
            rows.append([paragraph(one.kind, CELL_STRONG), f"{one.found.taken:%Y-%m-%d}", expires, paragraph(one.words)])
    if not rows:
        return [paragraph("No test provides a calibration.", BODY)]
    return [grid(("Calibration", "Taken", "Expires", "Record"), rows, [WIDTH * part for part in (0.25, 0.15, 0.2, 0.4)])]


def software(audit: Audit) -> list[Flowable]:
    """Every version of software and of each test's algorithm that made a record of the period."""
    used: dict[tuple[str, str], list[date]] = {}
    for one in audit.records:
        for name, version in (*one.head.versions, (f"algorithm of {one.head.procedure}", one.head.procedure_version)):
            used.setdefault((name, version), []).append(one.head.day)
    if not used:
        return [paragraph("No record of this period, so no software made one.", BODY)]
    rows: list[list[Cell]] = [
        [paragraph(name), paragraph(version), f"{len(days)}", f"{min(days)} to {max(days)}" if len(set(days)) > 1 else f"{days[0]}"]
        for (name, version), days in sorted(used.items())
    ]
    return [grid(("Software", "Version", "Records", "Days"), rows, [WIDTH * part for part in (0.4, 0.2, 0.12, 0.28)])]


def signatures(audit: Audit) -> list[Flowable]:
    """Lines for names; what state of the store this is of."""
    over = "" if audit.until == audit.period.last else f" The period is not over: it was printed with what there was by {audit.until}."
    chain = (
        "The store has no chain of records yet."
        if audit.end is None
        else f"Made from the store as it was at link {audit.end.number} of its chain, {audit.end.hash}."
    )
    said = (
        f"This audit is of {audit.machine} from {audit.period.first} to {audit.until}.{over} igrtqa verify checks the records themselves."
    )
    return [paragraph(DISCLAIMER, STRONG), paragraph(f"{said} {chain}", BODY), lines_to_sign(SIGNERS)]


def lines_to_sign(signers: tuple[str, ...], high: float = LINE) -> Drawn:
    """For each person a line for name, signature and date."""
    fields = (("name", 0.44), ("signature", 0.34), ("date", 0.22))

    def paint(canvas: Canvas) -> None:
        for n, signer in enumerate(signers):
            base, x = high * (len(signers) - n - 1) + 14, 0.0
            canvas.setStrokeColor(MUTED)
            canvas.setLineWidth(0.6)
            for label, part in fields:
                canvas.line(x, base, x + WIDTH * part - 12, base)
                write(canvas, f"{signer}, {label}" if label == "name" else label.capitalize(), x, base - 9, 6.5, colour=MUTED)
                x += WIDTH * part

    return Drawn(WIDTH, high * len(signers), paint)


def names(audit: Audit) -> str:
    """The names that the machine's records are under, where they are several."""
    return f"Records are stored under {', '.join(audit.names)}." if len(audit.names) > 1 else ""


def strange(audit: Audit) -> str:
    """The names of records that may be of the machine and are not in its audit, "" where there are none."""
    names = ", ".join(map(repr, audit.strange))
    known = "the site file has no such machine" if audit.asked is not None else "no site file says that it is the same machine"
    return f"Not in this audit are records stored under {names}: {known}." if names else ""


def counted(audit: Audit) -> str:
    """How many records, how many of them decide nothing, and for how many nothing was measured."""
    left, again = len(audit.records) - len(audit.counting), sum(one.head.judged_again for one in audit.records)
    said = [f"{left} of which decide nothing"] * bool(left) + [
        f"{again} of which {'is' if again == 1 else 'are'} another judged again"
    ] * bool(again)
    return ", ".join([audit_words.many(len(audit.records), "record"), *said])
