"""CT slices become volumes, one per series; a series that gives none is refused in one line that stands for all its files."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from qa import ctstack, patient_axes, pixels
from qa.acquisition import Refused, Slice, Volume
from qa.ctslice import PARTS, CtSlice, Unusable
from qa.ctstack import Stack
from qa.frames import angle_difference
from qa.pixels import Stored
from qa.reading import DicomError

STILL_MM = 0.05  # readouts of a standing couch repeat within 0.03 mm
STILL_DEG = 0.1
AT_ONCE = 32  # slices decoded in one process: starting it takes ten times as long as a slice, and all at once would take memory twice
THICKNESS = 0.01  # of the slice distance; a thickness that differs by more is told

Dated = tuple[Volume, str]


def volumes(slices: Sequence[CtSlice], unusable: Sequence[Unusable]) -> tuple[list[Dated], list[Refused]]:
    """Volumes, each with the day it was taken on, and what was left out; every file is in one of the two.

    A series whose slices form no single stack is split by acquisition, image type or kernel when that makes stacks of all of it.
    """
    by_series: dict[str, list[CtSlice]] = {}
    for s in sorted(slices, key=lambda s: s.name):
        by_series.setdefault(s.series, []).append(s)
    refused = _gathered(unusable)
    stacks: list[Stack] = []
    for together in by_series.values():
        try:
            stacks += _stacks(together)
        except DicomError as error:
            refused.append(_refused([s.name for s in together], f"CT slices that give no volume: {error}"))
    shared = Counter(s.sop_instance_uid for stack in stacks for s in stack.slices)
    split = Counter(stack.slices[0].series for stack in stacks)
    for stack in stacks:
        refused += _copies(stack)
    return [_volume(stack, shared, split[stack.slices[0].series] > 1) for stack in stacks], refused


def _stacks(slices: Sequence[CtSlice]) -> list[Stack]:
    """The stacks in one series, almost always one. DicomError when it has none."""
    ctstack.one_scan(slices)
    patient_axes.to_room(slices[0].patient_position)  # DicomError for a position that is not read
    try:
        return [ctstack.stack(slices)]
    except DicomError as error:
        for part in range(len(PARTS)):
            groups: dict[str, list[CtSlice]] = {}
            for s in slices:
                groups.setdefault(s.parts[part], []).append(s)
            try:
                return [ctstack.stack(group) for group in groups.values()]
            except DicomError:
                continue
        raise error


def _refused(names: Sequence[str], reason: str, image: bool = True) -> Refused:
    files = tuple(sorted(names))
    return Refused(_named(files, "files"), reason, image, volume=True, files=files)


def _named(names: Sequence[str], what: str) -> str:
    """One name for several files: "set.zip/001.dcm to 088.dcm (88 files)"."""
    if len(names) == 1:
        return names[0]
    folders = {name.rpartition("/")[0] for name in names}
    return f"{names[0]} to {names[-1].rpartition('/')[2] if len(folders) == 1 else names[-1]} ({len(names)} {what})"


def _gathered(unusable: Sequence[Unusable]) -> list[Refused]:
    """One entry for the files of one series that are refused for one reason."""
    groups: dict[tuple[str, str, bool], list[str]] = {}
    for file in unusable:
        groups.setdefault((file.series, file.reason, file.image), []).append(file.name)
    return [_refused(names, reason, image) for (_, reason, image), names in groups.items()]


def _copies(stack: Stack) -> list[Refused]:
    """The slices that are there a second time, as one entry."""
    if not stack.copies:
        return []
    copies, used = [copy.name for copy, _ in stack.copies], sorted({kept.name for _, kept in stack.copies})
    many = "slice" if len(used) == 1 else "slices"
    return [_refused(copies, f"the same {many} as {_named(used, 'files')}, counted once", image=False)]


def _volume(stack: Stack, shared: Counter[str], part_of_series: bool) -> Dated:
    first = stack.slices[0]
    room, turned = patient_axes.with_couch(
        patient_axes.to_room(first.patient_position), first.couch_deg, first.row, first.column
    )  # fmt: skip
    sha256 = hashlib.sha256("".join(s.sha256 for s in stack.slices).encode()).hexdigest()
    series = _own_uid(sha256) if part_of_series else first.series
    couch, angle, notes = _couch(stack.slices)
    notes = [*_notes(stack), *([turned] if turned else []), *notes, *_renamed(stack.slices, shared)]
    if part_of_series:
        notes.append(f"recorded as {series}: its series {first.series} holds several volumes")
    earliest = min((s for s in stack.slices if s.acquired is not None), key=_time, default=first)
    across, down, right = (_triple(room @ step) for step in _steps(stack))
    volume = Volume(
        name=_named(sorted(s.name for s in stack.slices), "slices"),
        series_instance_uid=series,
        frame_of_reference_uid=first.frame,
        sha256=sha256,
        slices=tuple(Slice(s.name, _uid(s, shared), s.sha256) for s in stack.slices),
        shape=(len(stack.slices), *first.shape),
        load=partial(_voxels, stack.slices),
        load_planes=partial(_planes, stack.slices),
        origin_mm=_triple(room @ first.position),
        steps_mm=(across, down, right),
        patient_position=first.patient_position,
        machine=first.machine,
        acquired=earliest.acquired,
        couch_mm=couch,
        couch_deg=angle,
        energy=first.energy,
        tags={**first.tags, "SeriesInstanceUID": first.series},
        notes=tuple(notes),
        room=tuple(_triple(row) for row in room),
    )
    return volume, earliest.day


def _steps(stack: Stack) -> NDArray[np.float64]:
    """(3, 3): from voxel to voxel along slices, rows and columns, in the patient's axes, mm."""
    first = stack.slices[0]
    return np.array([stack.pitch_mm * first.normal, first.spacing_mm[0] * first.column, first.spacing_mm[1] * first.row])


def _time(s: CtSlice) -> float:
    return s.acquired.timestamp() if s.acquired else 0.0


def _triple(vector: NDArray[np.float64]) -> tuple[float, float, float]:
    x, y, z = (float(v) + 0.0 for v in vector)
    return x, y, z


def _voxels(slices: Sequence[CtSlice]) -> NDArray[np.float32]:
    """(slices, rows, columns). DicomError names a slice that is gone, was changed or cannot be decoded."""
    voxels = np.empty((len(slices), *slices[0].shape), np.float32)
    for start in range(0, len(slices), AT_ONCE):
        some = slices[start : start + AT_ONCE]
        for k, (s, decoded) in enumerate(zip(some, _decoded(some), strict=True), start):
            voxels[k] = s.pixels(decoded)
    return voxels


def _planes(slices: Sequence[CtSlice], wanted: Sequence[int]) -> NDArray[np.float32]:
    """The same for some of the slices, by their indices."""
    return _voxels([slices[k] for k in wanted])


def _decoded(slices: Sequence[CtSlice]) -> list[Stored | None]:
    """The stored pixels of slices that need the decoder's process, decoded in one; None for those that do not, or when that failed."""
    if not all(s.source.later for s in slices):
        return [None] * len(slices)
    try:
        return [*pixels.decode([s.source.file.path for s in slices])]
    except DicomError:
        return [None] * len(slices)  # each alone says which one it is


def _own_uid(sha256: str) -> str:
    """A UID made of bytes: 2.25 and a number of 128 bits (PS3.5 B.2)."""
    return f"2.25.{int(sha256[:32], 16)}"


def _uid(s: CtSlice, shared: Counter[str]) -> str:
    return s.sop_instance_uid if shared[s.sop_instance_uid] == 1 else _own_uid(s.sha256)


def _renamed(slices: Sequence[CtSlice], shared: Counter[str]) -> list[str]:
    several = sum(shared[s.sop_instance_uid] > 1 for s in slices)
    return [f"{several} slices are recorded under UIDs made of their bytes: their SOPInstanceUID is also that of others"] if several else []


def _notes(stack: Stack) -> list[str]:
    """Each caveat from reading once, with the number of slices it applies to where it is not all; thickness and copies."""
    counts = Counter(note for s in stack.slices for note in dict.fromkeys(s.notes))
    total = len(stack.slices)
    notes = [note if count == total else f"{note} ({count} of {total} slices)" for note, count in counts.items()]
    thickness = stack.slices[0].thickness_mm
    if thickness is not None and abs(thickness - stack.pitch_mm) > THICKNESS * stack.pitch_mm:
        notes.append(f"SliceThickness is {thickness:.4g} mm, the slices are {stack.pitch_mm:.4g} mm apart: their distance is used")
    index = np.linalg.solve(_steps(stack).T, -stack.slices[0].position)
    if ((index < 0) | (index > np.array([total - 1, *(n - 1 for n in stack.slices[0].shape)]))).any():
        notes.append("the DICOM origin lies outside the volume: it is not the isocentre, which every CBCT of a linac holds")
    for copy, kept in stack.copies:
        if copy.sha256 != kept.sha256:
            notes.append(f"{copy.name} is the slice {kept.name} once more, in another file: used once")
    return notes


def _couch(slices: Sequence[CtSlice]) -> tuple[tuple[float, float, float] | None, float | None, list[str]]:
    """(readout, angle, notes): None where the slices do not agree or one of them is silent."""
    notes: list[str] = []
    places = np.array([s.couch_mm for s in slices if s.couch_mm is not None], float).reshape(-1, 3)
    couch = None
    if len(places) == len(slices):
        moved = float(np.ptp(places, axis=0).max())
        couch = slices[0].couch_mm if moved <= STILL_MM else None
        if couch is None:
            notes.append(f"couch readout not used: it changes by {moved:.2f} mm along the series")
    angles = [s.couch_deg for s in slices if s.couch_deg is not None]
    if len(angles) < len(slices):
        return couch, None, notes
    if max(abs(angle_difference(a, angles[0])) for a in angles) > STILL_DEG:
        return couch, None, [*notes, "couch angle not used: it changes along the series"]
    return couch, angles[0], notes
