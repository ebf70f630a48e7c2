"""The second engine in print: every number of both programs, and plainly where they disagree."""

from __future__ import annotations

from collections.abc import Iterator

from reportlab.platypus import Flowable

from qa.compared import Compared
from qa.limit import Outcome
from qa.record import Record
from reports import comparison, numbers
from reports.index import PART, UID, image_names
from reports.shapes import tag
from reports.style import CELL_MUTED, CELL_STRONG, FACES, STRONG, WIDTH, paragraph, printable
from reports.tables import Cell, grid

NOTE = (
    "Every number that a second, independent program gives of the same images, beside ours. ± U is U = 2u; the difference is theirs minus "
    "ours, allowed is twice the standard uncertainty of the difference. Without a known uncertainty of theirs both are shown, not judged."
)
HEAD = ("ours ± U", "theirs ± U", "difference", "allowed", "Outcome")
SET = (0.35, 0.135, 0.135, 0.1, 0.08, 0.2)
PARTS = (0.2, 0.2, 0.13, 0.13, 0.1, 0.08, 0.16)
IMAGE = (0.08, 0.27, 0.135, 0.135, 0.1, 0.08, 0.2)


def section(record: Record) -> list[Flowable]:
    """A table of the set, one of the parts, one of the images, then what their numbers are; nothing where no second engine was asked."""
    if not record.comparisons:
        return []
    names = image_names(record)
    flowables: list[Flowable] = [paragraph(comparison.summary(record.comparisons), STRONG), paragraph(NOTE, CELL_MUTED)]
    whole = [_of_set(one) for one in record.comparisons if not one.at]
    of_parts = sorted((one for one in record.comparisons if _of_part(one)), key=lambda one: one.quantity)  # sorting keeps the parts' order
    part = [_of_parts(one, n == 0 or of_parts[n - 1].quantity != one.quantity) for n, one in enumerate(of_parts)]
    single = [_of_image(one, names) for one in record.comparisons if one.at and not _of_part(one)]
    for lead, parts, body in (
        (("Whole set",), SET, whole),
        (("Quantity", "Part"), PARTS, part),
        (("Image", "Quantity"), IMAGE, single),
    ):
        if body:
            count = len(lead)
            widths = [WIDTH * part for part in parts]
            flowables.append(grid((*lead, *HEAD), body, widths, right=range(count, count + 4)))
    meanings = dict.fromkeys((one.quantity, one.really) for one in record.comparisons if one.at and one.their_value is not None)
    unjudged = dict.fromkeys((one.quantity, one.reason) for one in of_parts if one.outcome is None)
    notes = [f"{key}, theirs: {really}" for key, really in meanings if really] + [f"{key}: {reason}" for key, reason in unjudged]
    return [*flowables, *(paragraph(note, CELL_MUTED) for note in notes)]


def warning(record: Record) -> Iterator[Flowable]:
    """The line of the first page where the engines disagree."""
    found = comparison.apart(record)
    if found:
        keys = ", ".join(dict.fromkeys(one.quantity.replace("_", " ") for one in found))
        face = FACES[Outcome.DISAGREEMENT]
        words = f"The two engines disagree on {len(found)} of {len(record.comparisons)} numbers ({keys}). {face.todo}"
        yield grid(("", ""), [[tag(Outcome.DISAGREEMENT), paragraph(words, CELL_STRONG)]], (WIDTH * 0.2, WIDTH * 0.8))


def rows(record: Record) -> Iterator[tuple[Outcome, list[Cell]]]:
    """What disagrees, a row for the exceptions per quantity, every place with both numbers."""
    names = image_names(record)
    groups: dict[str, list[Compared]] = {}
    for one in comparison.apart(record):
        groups.setdefault(one.quantity, []).append(one)
    for key, group in groups.items():
        what = [paragraph(f"{key.replace('_', ' ')}: two engines", CELL_STRONG)]
        why = [paragraph(f"{_where(one, names)}: {comparison.both(one)}") for one in group]
        yield Outcome.DISAGREEMENT, [what, [*why, paragraph(f"→ {FACES[Outcome.DISAGREEMENT].todo}", CELL_STRONG)]]


def _of_set(one: Compared) -> list[Cell]:
    """A number of the whole set, with what theirs really is."""
    why = "" if one.outcome is Outcome.PASS else one.reason
    small = [paragraph(text, CELL_MUTED) for text in (one.really, why) if text]
    return [[paragraph(_head(one.quantity, one.unit), CELL_STRONG), *small], *comparison.cells(one), _outcome(one)]


def _of_part(one: Compared) -> bool:
    return bool(one.at.get(PART)) and not one.at.get(UID)


def _of_parts(one: Compared, first: bool) -> list[Cell]:
    """A number of one part: a line under the name of its quantity, unless there is something to say."""
    said = one.outcome in (None, Outcome.PASS)
    place = numbers.state(one.at)
    lead = paragraph(_head(one.quantity, one.unit), CELL_STRONG) if first else ""
    return [
        lead,
        place if said and len(place) < 20 else [paragraph(place), *([] if said else [paragraph(one.reason, CELL_MUTED)])],
        *comparison.cells(one),
        _outcome(one),
    ]


def _of_image(one: Compared, names: dict[str, str]) -> list[Cell]:
    """A number of one image: a line, unless there is something to say."""
    uid = str(one.at.get(UID, ""))
    lead = names.get(uid, uid) or numbers.state(one.at)
    head = ", ".join(filter(None, (_head(one.quantity, one.unit), comparison.besides(one))))
    what: Cell = printable(head) if len(head) < 30 else paragraph(head)
    if one.outcome is not Outcome.PASS:
        what = [paragraph(head, CELL_STRONG), paragraph(one.reason, CELL_MUTED)]
    return [lead if len(lead) < 8 else paragraph(lead), what, *comparison.cells(one), _outcome(one)]


def _outcome(one: Compared) -> Cell:
    """Two that agree are no pass of the machine: the word is another."""
    if one.outcome is None:
        return paragraph("not judged", CELL_MUTED)
    return "agree" if one.outcome is Outcome.PASS else tag(one.outcome)


def _head(key: str, unit: str) -> str:
    return f"{key.replace('_', ' ') or 'theirs alone'}{f' / {unit}' if unit else ''}"


def _where(one: Compared, names: dict[str, str]) -> str:
    if not one.at:
        return "whole set"
    image = f"image {names.get(str(one.at[UID]), one.at[UID])}, " if one.at.get(UID) else ""
    return f"{image}{numbers.state(one.at)}"
