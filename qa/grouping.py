"""Images and volumes that belong together, by what was imaged: sets, and days.

A set is of one machine, one day, one kind of radiation, one treatment beam, the couch in one place; or one volume; or one scan of film.
A day is everything of one machine and one day, made where there is more than MV images, or where MV images tell of several places of the
couch.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

import numpy as np

from qa.acquisition import Acquisition, Image, Refused, Registration, Volume
from qa.rtimage import FRAME

SAME_PLACE_MM = 0.2  # readouts scatter by 0.03 mm while a couch turns; a correction of 0.4 mm between two images is a real one
KINDS = ("MV", "kV", "CBCT")
UNNAMED = "unknown machine"

Dated = tuple[Image, str]
DatedVolume = tuple[Volume, str]


def acquisitions(images: Sequence[Dated], volumes: Sequence[DatedVolume] = ()) -> tuple[Acquisition, ...]:
    """Images and volumes with the day each was taken on ("" unknown, a day of its own): sets, then days, each in order of first name.

    Places are joined by single linkage: an image belongs to a place when any image there has its couch readout within
    ``SAME_PLACE_MM`` on every axis. Images without a couch readout are one place. Fails when a couch is moved on purpose by
    less than that: the steps then count as one place.
    """
    films = [image for image, _ in images if image.radiation == "film"]
    images = [pair for pair in images if pair[0].radiation != "film"]
    kinds: dict[tuple[str, str, str, str], list[Image]] = {}
    for image, day in sorted(images, key=lambda pair: pair[0].name):
        kinds.setdefault((image.machine, day, image.radiation, beam(image)), []).append(image)
    sets = [_named(day, place) for (_, day, *_), together in kinds.items() for place in places(together)]
    scanned = [(volume, day, machine_of(volume.machine, {i.machine for i, _ in images})) for volume, day in volumes]
    sets += [Acquisition((film,), film.machine, "film", f"film, {film.name}") for film in films]
    sets += [_volume(volume, day, machine) for volume, day, machine in scanned]
    return tuple(sorted(sets, key=_first_name)) + _days(images, scanned)


def registered(
    acquisitions: Sequence[Acquisition], registrations: Sequence[Registration]
) -> tuple[tuple[Acquisition, ...], tuple[Refused, ...]]:
    """The same acquisitions, every day with the registrations of its volumes and kV images, and those that cannot be used or are of none.

    What cannot be used goes to its day as well, with the reason in it, and what is of nothing here to every day with volumes or kV images:
    a test that would use a registration must know that one was handed in.
    """
    refused, by_day = [], {k: list[Registration]() for k, one in enumerate(acquisitions) if one.day and matched(one)}
    seen: dict[tuple[str, str], str] = {}
    for one in sorted(registrations, key=lambda r: r.name):
        if first := seen.get((one.sop_instance_uid, one.sha256)):
            refused.append(Refused(one.name, f"the same registration as {first}, counted once"))
            continue
        seen[one.sop_instance_uid, one.sha256] = one.name
        days = [k for k in by_day if any(_about(one, item) for item in matched(acquisitions[k]))]
        here = [item for k in by_day for item in matched(acquisitions[k])]
        told = one if days or one.wrong else replace(one, wrong=_of_others(one, here))
        if told.wrong:
            refused.append(Refused(one.name, told.wrong))
        for k in days or by_day:
            by_day[k].append(told)
    return tuple(replace(a, registrations=tuple(by_day[k])) if by_day.get(k) else a for k, a in enumerate(acquisitions)), tuple(refused)


def matched(acquisition: Acquisition) -> tuple[Volume | Image, ...]:
    """What a treatment system matches: volumes and kV images."""
    return (*acquisition.volumes, *(image for image in acquisition.images if image.radiation == "kV"))


def frame_of(item: Volume | Image) -> str:
    """Its frame of reference, "" when an image's file names none."""
    return item.frame_of_reference_uid if isinstance(item, Volume) else item.tags.get(FRAME, "")


def _about(one: Registration, item: Volume | Image) -> bool:
    uids = [s.sop_instance_uid for s in item.slices] if isinstance(item, Volume) else [item.sop_instance_uid]
    own = [placed for placed in one.placed if placed.frame == frame_of(item)]
    if own and not any(placed.counts_for(uids) for placed in own):
        return not one.images.isdisjoint(uids)
    return frame_of(item) in one.about or not one.images.isdisjoint(uids)


def _of_others(one: Registration, items: Sequence[Volume | Image]) -> str:
    here = ", ".join(sorted({frame_of(item) for item in items} - {""})) or "none"
    return (
        f"a spatial registration for other scans: it is about the frames of reference {', '.join(sorted(one.about))}, the volumes and kV "
        f"images here have {here}; hand in the registration of these"
    )


def _first_name(acquisition: Acquisition) -> str:
    """The name that orders acquisitions: that of the first image or slice."""
    slices = (s.name for volume in acquisition.volumes for s in volume.slices)
    return min((*(image.name for image in acquisition.images), *slices))


def machine_of(stated: str, machines: Collection[str]) -> str:
    """Which of the ``machines`` that took RT Images a CT series is of: ``stated`` itself when it is none or cannot be told.

    CT files and RT Images name one linac in different attributes, and often only one of them holds the serial number. They are of one
    machine when the names are the same and the serial numbers are the same or one is missing. When that fits several machines, or there
    is no name, only the very same name and serial number count.
    """
    if stated in machines or name_and_serial(stated)[0] == UNNAMED:
        return stated
    name, serial = name_and_serial(stated)
    fit = [m for m in machines if name_and_serial(m)[0] == name and (not serial or name_and_serial(m)[1] in ("", serial))]
    return fit[0] if len(fit) == 1 else stated


def name_and_serial(machine: str) -> tuple[str, str]:
    """The two parts of "LINAC-B (serial 4711)", the second "" when there is none."""
    match = re.fullmatch(r"(.*) \(serial (.*)\)", machine)
    return (match[1], match[2]) if match else (machine, "")


def _days(images: Sequence[Dated], scanned: Iterable[tuple[Volume, str, str]]) -> tuple[Acquisition, ...]:
    """Everything of one machine and day, where there is a kV image or a volume in it, or where the couch was moved in between."""
    days: dict[tuple[str, str], tuple[list[Image], list[Volume]]] = {}
    for image, day in sorted(images, key=lambda pair: pair[0].name):
        days.setdefault((image.machine, day), ([], []))[0].append(image)
    for volume, day, machine in sorted(scanned, key=lambda found: found[0].name):
        days.setdefault((machine, day), ([], []))[1].append(volume)
    found = []
    for (machine, day), (taken, reconstructed) in days.items():
        there = {image.radiation for image in taken} | ({"CBCT"} if reconstructed else set())
        if there != {"MV"} or moved(taken):
            radiation = "+".join(kind for kind in KINDS if kind in there)
            title = f"{radiation}, {machine}, {day or 'date unknown'}"
            found.append(Acquisition(tuple(taken), machine, radiation, title, tuple(reconstructed), day=True))
    return tuple(sorted(found, key=_first_name))


def _volume(volume: Volume, day: str, machine: str) -> Acquisition:
    where = _couch([volume.couch_mm] if volume.couch_mm else [])
    title = f"CBCT{f' {volume.energy}' if volume.energy else ''}, {machine}, {day or 'date unknown'}, {where}"
    return Acquisition((), machine, "CBCT", title, (volume,))


def beam(image: Image) -> str:
    """Which treatment beam an MV image is of, as far as its file says: every beam has a focal spot, and so an isocentre, of its own.

    "" for the others: the two views of a kV pair are often of two voltages of one tube.
    """
    return image.energy if image.radiation == "MV" else ""


def beams(images: Sequence[Image]) -> list[list[Image]]:
    """The images by their beam, each in the order given."""
    names = dict.fromkeys(map(beam, images))
    return [[image for image in images if beam(image) == name] for name in names]


def moved(images: Sequence[Image]) -> bool:
    """Whether the couch stood in several places by its readouts; images without a readout say nothing."""
    return len(places([image for image in images if image.couch_mm is not None])) > 1


def places(images: Sequence[Image]) -> list[list[Image]]:
    """The images by couch position, each in the order given."""
    unknown = [image for image in images if image.couch_mm is None]
    known = [image for image in images if image.couch_mm is not None]
    couch = np.array([image.couch_mm for image in known], float).reshape(-1, 3)
    place = np.full(len(known), -1)
    for start in range(len(known)):
        reached = [start] if place[start] < 0 else []
        while reached:
            place[reached] = start
            here = reached.pop()
            near = (place < 0) & (np.abs(couch - couch[here]) <= SAME_PLACE_MM).all(axis=1)
            place[near] = start
            reached += np.flatnonzero(near).tolist()
    places = [[image for image, p in zip(known, place, strict=True) if p == start] for start in sorted(set(place.tolist()))]
    return [group for group in [*places, unknown] if group]


def _named(day: str, images: Sequence[Image]) -> Acquisition:
    first = images[0]
    energies = sorted({image.energy for image in images if image.energy})
    where = _couch([image.couch_mm for image in images if image.couch_mm is not None])
    title = f"{', '.join(energies) or first.radiation}, {first.machine}, {day or 'date unknown'}, {where}"
    return Acquisition(tuple(images), first.machine, first.radiation, title)


def _couch(readouts: Sequence[tuple[float, float, float]]) -> str:
    """Where the couch stood, the mean of its readouts (lateral, longitudinal, vertical)."""
    if not readouts:
        return "couch readout unknown"
    x, y, z = np.mean(readouts, axis=0)
    return f"couch ({x:.2f}, {y:.2f}, {z:.2f}) mm"
