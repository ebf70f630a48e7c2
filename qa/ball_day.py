"""A day's images and volumes as sets: the treatment isocentre, and the ball in every imaging system at every couch place.

Physics: docs/physics/imaging_isocenter.md, sections 2 and 3.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial

import numpy as np
from numpy.typing import NDArray

from qa import ball_images, ball_position, couch_correction, grouping, shot_sets
from qa.acquisition import Acquisition, Image, Volume
from qa.angles import distinct, same
from qa.ball_images import BallImage, in_open_field
from qa.ball_position import BallPosition
from qa.couch_correction import Correction
from qa.features.place import Place
from qa.features.turns import COUNT
from qa.reading import AnalysisError, DicomError
from qa.shots import Shot, Unseen
from qa.volume_views import View, views

Array = NDArray[np.float64]
Couch = tuple[float, float, float]
RADIATION = {"kv": "kV", "mv": "MV", "cbct": "CBCT"}
NOT_ASKED = "the treatment isocentre was not asked for"
LONG_AGO = datetime(1, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Treatment:
    """The ball against the treatment isocentre: B - T in F, mm, named parts of its covariance, where the couch stood, the ball's diameter.

    ``missing`` says which images of the set could not be measured.
    """

    ball_mm: Array
    components: dict[str, Array]
    couch_mm: Couch | None
    couch_deg: float
    diameter_mm: float
    acquired: datetime | None
    uids: frozenset[str]
    missing: str
    flags: tuple[str, ...]

    @property
    def covariance(self) -> Array:
        """(3, 3) mm^2."""
        return np.asarray(sum(self.components.values(), np.zeros((3, 3))))


@dataclass(frozen=True)
class ImagingSet:
    """What one imaging system saw with the couch in one place: images of one kind, or one volume.

    ``kind`` is "kv", "mv" or "cbct", ``name`` what a reader calls the set ("kV 2"); ``images`` are those that show the ball at
    ``couch_deg``, ``unseen`` those that should and do not, with reasons, ``turned`` those at another couch angle; ``position`` is the ball
    in the system's coordinates or why there is none. ``volume``, ``place`` and pictures (``views``) belong to a CBCT.
    """

    kind: str
    images: tuple[BallImage, ...]
    unseen: tuple[tuple[Image | Volume, str], ...]
    position: BallPosition | str
    couch_mm: Couch | None
    couch_deg: float
    acquired: datetime | None
    turned: tuple[tuple[Image, str], ...] = ()
    volume: Volume | None = None
    place: Place | None = None
    views: tuple[View, ...] = ()
    name: str = ""

    @property
    def diameter_mm(self) -> float | None:
        """The ball's own diameter as this system shows it, None when it shows none."""
        if self.place is not None:
            return 2 * self.place.radius_mm
        return float(np.median([seen.diameter_mm for seen in self.images])) if self.images else None

    @property
    def missing(self) -> str:
        """Which images of the set could not be measured, in words."""
        if not self.unseen or self.volume is not None:
            return ""
        names = ", ".join(item.name for item, _ in self.unseen)
        return f"{len(self.unseen)} of {len(self.images) + len(self.unseen)} {RADIATION[self.kind]} images could not be measured: {names}"


@dataclass(frozen=True)
class Day:
    """Everything that one machine's images of one day show; ``treatment`` is a text when there is no treatment isocentre.

    ``correction`` is what the protocol has couch readouts corrected by, None: they count as they are.
    """

    treatment: Treatment | str
    sets: tuple[ImagingSet, ...]
    correction: Correction | None = None

    def of(self, kind: str) -> tuple[ImagingSet, ...]:
        """The sets of one kind, earliest first."""
        return tuple(item for item in self.sets if item.kind == kind)


def day(acquisition: Acquisition, angles_deg: Sequence[float] | None = None) -> Day:
    """All balls found, all sets solved. An image or volume that cannot be measured is named in its set.

    ``angles_deg``: the treatment isocentre is not asked for, and MV images at other couch angles than these are not measured, only named
    (``ImagingSet.turned``); None = all are. AnalysisError when couch readouts are to be corrected by a calibration that cannot be used.
    """
    wanted = partial(_at_any, angles_deg)
    beams = grouping.beams([i for i in acquisition.images if i.radiation == "MV"])
    places = [place for beam in beams for place in grouping.places(beam)]
    megavolt = [ball_images.in_megavolt(place, wanted) for place in places]
    treatment = _treatment([found for found in megavolt if found], acquisition) if angles_deg is None else NOT_ASKED
    known = treatment if isinstance(treatment, Treatment) else None
    couch_deg, diameter = (known.couch_deg, known.diameter_mm) if known else (None, _diameter_mm(megavolt))
    aside = [[image for image in place if not wanted(image)] for place in places]
    sets = [_projections("mv", seen, couch_deg, left) for seen, left in zip(megavolt, aside, strict=True)]
    for place in grouping.places([i for i in acquisition.images if i.radiation == "kV"]):
        sets.append(_projections("kv", [in_open_field(image, k % COUNT + 1, diameter) for k, image in enumerate(place)], couch_deg))
    sets += [_reconstructed(volume, diameter) for volume in acquisition.volumes]
    named = _named(sorted(sets, key=lambda item: item.acquired or LONG_AGO))
    return Day(treatment, named, couch_correction.applied(acquisition.calibrations))


def _diameter_mm(megavolt: Sequence[Sequence[BallImage | Unseen]]) -> float | None:
    """The ball's diameter in the collimated fields, None when they show none."""
    found = [seen.diameter_mm for place in megavolt for seen in place if isinstance(seen, BallImage) and seen.shot is not None]
    return float(np.median(found)) if found else None


def _at_any(angles_deg: Sequence[float] | None, image: Image) -> bool:
    """Whether the couch stood at one of these angles; None = any."""
    return angles_deg is None or any(same(image.couch_deg, angle) for angle in angles_deg)


def _named(sets: Sequence[ImagingSet]) -> tuple[ImagingSet, ...]:
    """The sets with names: the kind, numbered in order of time where there are several of it."""
    kinds = [item.kind for item in sets]
    numbers = [f" {kinds[: k + 1].count(kind)}" if kinds.count(kind) > 1 else "" for k, kind in enumerate(kinds)]
    return tuple(replace(item, name=RADIATION[item.kind] + number) for item, number in zip(sets, numbers, strict=True))


def _treatment(places: Sequence[Sequence[BallImage | Unseen]], acquisition: Acquisition) -> Treatment | str:
    """The treatment isocentre by the set that covers the gantry best, or why none does."""
    best: tuple[int, Treatment] | None = None
    reasons: list[str] = []
    for place in places:
        seen = [item.shot for item in place if isinstance(item, BallImage) and item.shot]
        unseen = [item for item in place if isinstance(item, Unseen)]
        if not seen:
            reasons += [item.reason for item in unseen]
            continue
        gantry, shortage = shot_sets.gantry_set(seen)
        if shortage:
            reasons.append(shortage)
            continue
        if moved := ball_position.disagreement([s.image for s in seen], np.array([s.offset_mm for s in seen])):
            reasons.append(moved)
            continue
        rank = len(distinct(gantry.angles_deg))
        if best is None or rank > best[0]:
            best = rank, _isocentre(seen, unseen)
    if best:
        return best[1]
    if any(image.radiation == "MV" for image in acquisition.images) and not reasons:
        return "no treatment isocentre: no MV image shows a ball in a collimated field; hand in Winston-Lutz images"
    if not any(image.radiation == "MV" for image in acquisition.images):
        return f"no MV Winston-Lutz images of {acquisition.machine} on this day were handed in: hand them in together with the others"
    return "no treatment isocentre: " + "; ".join(dict.fromkeys(reasons))


def _isocentre(seen: Sequence[Shot], unseen: Sequence[Unseen]) -> Treatment:
    gantry, _ = shot_sets.gantry_set(seen)
    found = shot_sets.treatment_isocentre(seen, gantry)
    used = tuple(seen[k] for k in found.indices)
    one = len(found.collimators_deg) == 1
    flags = ("one collimator angle only: the field's offset from the collimator's axis counts as the beam's",) if one else ()
    missing = ""
    if unseen:
        names = ", ".join(item.image.name for item in unseen)
        missing = f"{len(unseen)} of {len(seen) + len(unseen)} MV images could not be measured: {names}"
    components = {"treatment isocentre": found.covariance}
    diameter = float(np.median([ball_images.of_shot(shot).diameter_mm for shot in used]))
    images = [s.image for s in used]
    return Treatment(
        ball_mm=-found.meeting.point_mm,
        components=components,
        couch_mm=couch_place(images),
        couch_deg=found.couch_deg,
        diameter_mm=diameter,
        acquired=first_time(images),
        uids=frozenset(image.sop_instance_uid for image in images),
        missing=missing,
        flags=flags,
    )


def first_time(images: Sequence[Image]) -> datetime | None:
    """When the first of some images was taken, None when one of them does not say."""
    times = [image.acquired for image in images if image.acquired is not None]
    return min(times) if times and len(times) == len(images) else None


def couch_place(images: Sequence[Image]) -> Couch | None:
    """The mean couch readout, None when an image has none."""
    readouts = [image.couch_mm for image in images]
    known = [readout for readout in readouts if readout is not None]
    if not known or len(known) < len(readouts):
        return None
    lateral, longitudinal, vertical = np.mean(known, axis=0).tolist()
    return lateral, longitudinal, vertical


def _projections(kind: str, found: Sequence[BallImage | Unseen], couch_deg: float | None, aside: Sequence[Image] = ()) -> ImagingSet:
    """Images of one couch place, solved at the treatment set's couch angle (or, without one, at the most frequent); ``aside`` are those
    that were not looked at.
    """
    images = [*(item.image for item in found), *aside]
    angles = distinct([item.image.couch_deg for item in found] or [image.couch_deg for image in aside])
    stood = max(angles, key=lambda angle: sum(same(image.couch_deg, angle) for image in images)) if couch_deg is None else couch_deg
    there = [item.image for item in found if not same(item.image.couch_deg, stood)]
    turned = [(i, f"couch at {i.couch_deg:.1f}, not {stood:.1f} degrees") for i in there]
    turned += [(i, f"couch at {i.couch_deg:.1f} degrees, as in no kV image or CBCT: not compared") for i in aside]
    here = [item for item in found if same(item.image.couch_deg, stood)]
    seen, others = ball_images.of_one_object([item for item in here if isinstance(item, BallImage)])
    unseen = (*((item.image, item.reason) for item in here if isinstance(item, Unseen)), *others)
    position: BallPosition | str = ball_position.from_images(seen)
    if not seen:
        reasons = dict.fromkeys(f"{item.name}: {reason}" for item, reason in (*unseen, *turned))
        position = "; ".join(reasons)
    stands = couch_place([item.image for item in seen or here] or images)
    return ImagingSet(kind, seen, unseen, position, stands, stood, first_time(images), tuple(turned))


def _reconstructed(volume: Volume, diameter_mm: float | None) -> ImagingSet:
    """One volume; without a couch angle in its files the couch counts as at 0."""
    couch_deg = 0.0 if volume.couch_deg is None else volume.couch_deg
    try:
        voxels = volume.voxels
        place = ball_images.in_volume(voxels, volume.pitch_mm, diameter_mm)
    except (AnalysisError, DicomError) as error:
        reason = f"{volume.name}: {error}"
        return ImagingSet("cbct", (), ((volume, str(error)),), reason, volume.couch_mm, couch_deg, volume.acquired, volume=volume)
    position = ball_position.from_volume(volume, place.index_mm, place.budget)
    shown = views(volume, voxels, position.point_mm)
    return ImagingSet("cbct", (), (), position, volume.couch_mm, couch_deg, volume.acquired, (), volume, place, shown)


def turned_away(item: ImagingSet, treatment: Treatment) -> str:
    """Why a set's couch angle does not fit the treatment set's; "" when it does."""
    if same(item.couch_deg, treatment.couch_deg):
        return ""
    there = f"{treatment.couch_deg:.1f} for the treatment images"
    return f"the couch stood at {item.couch_deg:.1f} degrees, at {there}: do not turn it in between"
