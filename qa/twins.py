"""One image per SOP Instance UID: copies count once, contradicting versions of one exposure not at all.

A UID that de-identification gave to several exposures is replaced, in the open: they cannot be told apart by it any more.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace

from qa.acquisition import Image, Refused
from qa.frames import angle_difference

ANOTHER_DEG = 1.0  # an angle that differs by more makes another exposure; less may be another program's rounding


def apart(read: Sequence[tuple[Image, str]]) -> tuple[list[tuple[Image, str]], list[Refused]]:
    """Images (each with its day) that are one of a kind, in order of name, and those refused as copies or as contradicting.

    Files of one UID are copies when bytes, or pixels and geometry, are equal: the first by name is kept. They are different exposures
    when both pixels and machine, radiation, time or an angle differ: each is kept under a UID made of its own bytes. In any other case
    one of them was altered, no telling which, and all concerned are refused. Decodes pixels only of files that share a UID.
    """
    by_uid: dict[str, list[tuple[Image, str]]] = {}
    for image, day in sorted(read, key=lambda pair: pair[0].name):
        by_uid.setdefault(image.sop_instance_uid, []).append((image, day))
    kept: list[tuple[Image, str]] = []
    refused: list[Refused] = []
    for sharing in by_uid.values():
        distinct, copies = _without_copies(sharing) if len(sharing) > 1 else (sharing, [])
        refused += copies
        pixels = {image.name: _digest(image) for image, _ in distinct} if len(distinct) > 1 else {}
        for image, day in distinct:
            others = [other for other, _ in distinct if other is not image]
            doubtful = [o for o in others if pixels[o.name] == pixels[image.name] or not _another_exposure(image, o)]
            if doubtful:
                refused.append(Refused(image.name, _contradicts(doubtful), True))
            else:
                kept.append((_renamed(image, others) if others else image, day))
    return kept, refused


def _without_copies(sharing: Sequence[tuple[Image, str]]) -> tuple[list[tuple[Image, str]], list[Refused]]:
    distinct: list[tuple[Image, str]] = []
    copies: list[Refused] = []
    for image, day in sharing:
        first = next((known for known, _ in distinct if _same(known, image)), None)
        if first is None:
            distinct.append((image, day))
        else:
            copies.append(Refused(image.name, f"the same image as {first.name}, counted once"))
    return distinct, copies


def _same(one: Image, other: Image) -> bool:
    """Whether two files hold one image: the same bytes, or the same pixels taken in the same geometry."""
    return one.sha256 == other.sha256 or (_taken(one) == _taken(other) and _digest(one) == _digest(other))


def _taken(image: Image) -> tuple[object, ...]:
    """Everything that decides what a measurement on the image gives, except its pixels."""
    angles = (image.gantry_deg, image.collimator_deg, image.couch_deg)
    geometry = (image.shape, image.spacing_mm, image.sid_mm, image.sad_mm, image.column_u, image.row_v, image.receptor_mm, image.couch_mm)
    return (*angles, *geometry, image.radiation, image.energy, image.machine, image.acquired)


def _digest(image: Image) -> str:
    return hashlib.sha256(image.pixels.tobytes()).hexdigest()


def _another_exposure(one: Image, other: Image) -> bool:
    pairs = ((one.gantry_deg, other.gantry_deg), (one.collimator_deg, other.collimator_deg), (one.couch_deg, other.couch_deg))
    if one.acquired is not None and other.acquired is not None and one.acquired != other.acquired:
        return True
    turned = any(abs(angle_difference(a, b)) > ANOTHER_DEG for a, b in pairs)
    return turned or one.machine != other.machine or one.radiation != other.radiation


def _contradicts(others: Sequence[Image]) -> str:
    names = ", ".join(other.name for other in others)
    return f"has the SOPInstanceUID of {names} but differs in pixels or geometry: no telling which is right; export the original again"


def _renamed(image: Image, others: Sequence[Image]) -> Image:
    """The image under a UID made of its bytes (2.25 and a number of 128 bits, PS3.5 B.2), with a note; the file's own stays in its tags."""
    uid = f"2.25.{int(image.sha256[:32], 16)}"
    note = f"recorded as {uid}: its SOPInstanceUID {image.sop_instance_uid} is also that of another exposure, {others[0].name}"
    return replace(image, sop_instance_uid=uid, tags={**image.tags, "SOPInstanceUID": image.sop_instance_uid}, notes=(*image.notes, note))
