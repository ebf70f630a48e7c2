"""What of a session no record measures, and why: nothing that was handed in disappears."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from qa.acquisition import Acquisition, Refused
from qa.record import Input

Answers = Sequence[tuple[str, str]]  # (procedure's name, what it misses in an acquisition, "" when it accepts it)


@dataclass(frozen=True)
class LeftOut:
    """An acquisition that no procedure accepted: ``reasons`` are (procedure's name, what is missing)."""

    acquisition: Acquisition
    reasons: tuple[tuple[str, str], ...]

    @property
    def words(self) -> str:
        """The acquisition and what each procedure misses in it."""
        return f"{self.acquisition.title}: " + "; ".join(f"{name}: {reason}" for name, reason in self.reasons)


def left_out(tried: Sequence[tuple[Acquisition, Answers]]) -> tuple[LeftOut, ...]:
    """The acquisitions that no procedure accepted and that hold anything no accepted one holds.

    A set is measured as a part of its day, too. Of a day that is left out those reasons are dropped that its sets give already, and those
    of procedures that accepted one of its sets: what a set is enough for is measured.
    """
    used = _used(tried)
    found = []
    for acquisition, answers in tried:
        if not all(reason for _, reason in answers) or not names_of(acquisition) - used:
            continue
        parts = [said for part, said in tried if acquisition.day and names_of(part) <= names_of(acquisition)]
        content = {name for said in parts for name, reason in said if not reason}
        told = {answer for said in parts if said is not answers for answer in said}
        reasons = tuple((name, reason) for name, reason in answers if name not in content and (name, reason) not in told)
        if reasons or not acquisition.day:
            found.append(LeftOut(acquisition, reasons))
    return tuple(found)


def inputs(left: Sequence[LeftOut], tried: Sequence[tuple[Acquisition, Answers]], refused: Iterable[Refused]) -> tuple[Input, ...]:
    """Every file that no record measures, once, with all reasons; the slices of a volume as one entry under its series' UID."""
    used = _used(tried)
    reasons: dict[str, tuple[str, str, list[str]]] = {}
    for item in left:
        acquisition = item.acquisition
        entries = [(i.name, i.sha256, i.sop_instance_uid) for i in acquisition.images if i.name not in used]
        entries += [(v.name, v.sha256, v.series_instance_uid) for v in acquisition.volumes if v.slices[0].name not in used]
        entries += [(r.name, r.sha256, r.sop_instance_uid) for r in acquisition.registrations if not r.wrong and r.name not in used]
        for name, sha256, uid in entries:
            reasons.setdefault(name, (sha256, uid, []))[2].append(item.words)
    unused = [Input(name, sha256, uid, False, "; ".join(words)) for name, (sha256, uid, words) in reasons.items()]
    return (*unused, *(Input(file.name, "", "", False, file.reason) for file in refused))


def lost(refused: Iterable[Refused], acquisition: Acquisition) -> tuple[str, ...]:
    """The refused files that may belong to the acquisition: what it shows is then not the whole. No volume belongs to a set of images."""
    other = not acquisition.day and not acquisition.volumes
    return tuple(file.name for file in refused if file.image and not (file.volume and other))


def nothing_measured(left: Sequence[LeftOut], refused: Sequence[Refused]) -> str:
    """Why no procedure accepted anything, for everything that was handed in."""
    files: dict[str, list[str]] = {}
    for item in refused:
        files.setdefault(item.reason, []).append(item.name)
    lines = [item.words for item in left]
    lines += [f"{names[0]}{f' and {len(names) - 1} more' if len(names) > 1 else ''}: {reason}" for reason, names in files.items()]
    return "nothing could be measured. " + (
        "\n".join(lines) if lines else "No file was found: expected DICOM images, a folder or a zip of them"
    )


def _used(tried: Sequence[tuple[Acquisition, Answers]]) -> set[str]:
    """The files that a record measures, by their names, which are unique in what was handed in."""
    return {name for acquisition, answers in tried if not all(reason for _, reason in answers) for name in names_of(acquisition)}


def names_of(acquisition: Acquisition) -> set[str]:
    """The files of an acquisition, by their names, which are unique in what was handed in."""
    slices = {s.name for volume in acquisition.volumes for s in volume.slices}
    return {image.name for image in acquisition.images} | slices | {one.name for one in acquisition.registrations if not one.wrong}
