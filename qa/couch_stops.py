"""Where the ball was seen each time the couch stood still: stops, in order of time, of one imaging system.

Physics: docs/physics/couch_translation.md, section 2.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from qa import ball_images, ball_position, frames, grouping
from qa.acquisition import Acquisition, Image, Volume
from qa.angles import distinct, same
from qa.ball_images import BallImage
from qa.ball_position import BallPosition, OneDirection
from qa.couch_move import LONG_H, SILENT_ANGLE
from qa.features.turns import COUNT
from qa.isocentre import towards_source
from qa.reading import AnalysisError, DicomError
from qa.shots import Unseen

Array = NDArray[np.float64]
Looked = tuple[BallPosition, Array, float | None]  # the ball of a volume in F, by the second algorithm, its diameter where it is one ball
KINDS = ("MV", "kV", "CBCT")
NO_READOUT = "the file does not say where the couch stood: export the images with the couch position, it is not guessed"
FINEST_DECIMALS = 3  # a couch display has three decimals of a millimetre at most; what a file holds beyond is arithmetic


@dataclass(frozen=True)
class Stop:
    """One standing still of the couch: ``place`` counts places, the same one when the couch came back to it.

    ``readout_mm`` is the couch readout in F (x, y, z), ``images`` what shows the ball, ``position`` the ball of the ``volume``,
    ``second_mm`` where its second algorithm sees it, and ``diameter_mm`` how wide it is there, None where it is no single ball.
    """

    place: int
    readout_mm: Array
    acquired: datetime | None
    images: tuple[BallImage, ...] = ()
    position: BallPosition | None = None
    volume: Volume | None = None
    second_mm: Array | None = None
    diameter_mm: float | None = None

    @property
    def diameters_mm(self) -> tuple[float, ...]:
        """How wide the ball is in each image, or in the volume."""
        return tuple(seen.diameter_mm for seen in self.images) + ((self.diameter_mm,) if self.diameter_mm is not None else ())


@dataclass(frozen=True)
class Stops:
    """All stops of one imaging system ("MV", "kV" or "CBCT"), and what could not be used, with reasons.

    ``timed`` says whether they are in order of time. ``resolution_mm`` is the step of the couch readouts.
    """

    kind: str
    stops: tuple[Stop, ...]
    unseen: tuple[tuple[Image | Volume, str], ...]
    timed: bool
    resolution_mm: float
    couch_deg: float
    flags: tuple[str, ...] = ()

    @property
    def missing(self) -> str:
        """What keeps numbers from passing, in words: images that could not be used, and a pause in which a phantom may be set up anew."""
        names = ", ".join(item.name for item, _ in self.unseen)
        lost = f"{len(self.unseen)} of the {self.kind} images could not be used: {names}" if names else ""
        times = [_moment(stop.acquired) for stop in self.stops] if self.timed else [0.0]
        hours = (max(times, default=0.0) - min(times, default=0.0)) / 3600
        long = f"{hours:.0f} hours between the first and the last stop: image all of them in one go" if hours > LONG_H else ""
        return "; ".join(filter(None, (lost, long)))


def of_day(acquisition: Acquisition) -> tuple[Stops, ...]:
    """The stops of every imaging system that took images at several couch places, by the readouts."""
    of_kind = {kind: [image for image in acquisition.images if image.radiation == kind] for kind in KINDS[:2]}
    found = [of_images(kind, images) for kind, images in of_kind.items() if grouping.moved(images)]
    return (*found, of_volumes(acquisition.volumes)) if volumes_moved(acquisition.volumes) else tuple(found)


def volumes_moved(volumes: Sequence[Volume]) -> bool:
    """Whether the couch stood in several places by the readouts of volumes."""
    known = np.array([volume.couch_mm for volume in volumes if volume.couch_mm is not None], float).reshape(-1, 3)
    return bool(len(known) > 1 and np.ptp(known, axis=0).max() > grouping.SAME_PLACE_MM)


def of_several_places(acquisition: Acquisition) -> str:
    """Why a day shows no couch moves, in words; "" when it does. Nothing is decoded for it."""
    of_kind = ([image for image in acquisition.images if image.radiation == kind] for kind in KINDS[:2])
    if acquisition.day and (any(map(grouping.moved, of_kind)) or volumes_moved(acquisition.volumes)):
        return ""
    items: list[Image | Volume] = [*acquisition.images, *acquisition.volumes]
    if items and all(item.couch_mm is None for item in items):
        return "the couch test needs to know where the couch stood, and these files do not say: export them with the couch position"
    return "the couch test needs images of one ball at two couch places or more (by their readouts), of one machine and day"


def of_images(kind: str, images: Sequence[Image]) -> Stops:
    """The ball in every image with a readout at the most frequent couch angle."""
    angles = distinct([image.couch_deg for image in images])
    stood = max(angles, key=lambda angle: sum(same(image.couch_deg, angle) for image in images), default=0.0)
    unseen: list[tuple[Image | Volume, str]] = [(i, NO_READOUT) for i in images if i.couch_mm is None]
    turned = [i for i in images if i.couch_mm is not None and not same(i.couch_deg, stood)]
    unseen += [(i, f"couch at {i.couch_deg:.1f}, not {stood:.1f} degrees: do not turn it between the images") for i in turned]
    used, flags = _of_one_beam([i for i in images if i.couch_mm is not None and same(i.couch_deg, stood)])
    balls: list[BallImage] = []
    place_of: dict[str, int] = {}
    for number, place in enumerate(grouping.places(used)):
        place_of |= {image.sop_instance_uid: number for image in place}
        for item in _seen(kind, place):
            if isinstance(item, Unseen):
                unseen.append((item.image, item.reason))
            else:
                balls.append(item)
    one, odd = ball_images.of_one_object(_at_one_height(balls, frames.couch_turn(stood)))
    timed = _timed([seen.image.acquired for seen in one])
    ordered = sorted(one, key=lambda seen: (_moment(seen.image.acquired) if timed else 0.0, seen.image.name))
    stops = _stops([(seen, place_of[seen.image.sop_instance_uid]) for seen in ordered], timed, stood)
    return Stops(kind, stops, (*unseen, *odd), timed, resolution([i.couch_mm for i in used if i.couch_mm]), stood, flags)


def _of_one_beam(images: Sequence[Image]) -> tuple[list[Image], tuple[str, ...]]:
    """The images of the beam that most are of: another has its focal spot elsewhere, as if the ball had moved. And what was left out."""
    beams = sorted(grouping.beams(images), key=len, reverse=True)
    left = [f"{len(other)} images of another beam ({other[0].energy or 'not stated'}) were not used" for other in beams[1:]]
    return (beams[0] if beams else []), tuple(left)


def _seen(kind: str, place: Sequence[Image]) -> list[BallImage | Unseen]:
    if kind == "MV":
        return ball_images.in_megavolt(place)
    return [ball_images.in_open_field(image, k % COUNT + 1) for k, image in enumerate(place)]


def _at_one_height(balls: Sequence[BallImage], turn: Array) -> list[BallImage]:
    """The same with the diameters that they would have at their mean height: a ball nearer to the source looks larger."""
    if not balls:
        return []
    readouts = np.array([ball.image.couch_mm for ball in balls], float) @ turn.T
    gantry = np.array([ball.image.gantry_deg for ball in balls])
    nearer = np.einsum("ij,ij->i", towards_source(gantry, np.zeros(len(balls))), readouts - readouts.mean(axis=0))
    return [
        replace(ball, diameter_mm=ball.diameter_mm * (1 - float(near) / ball.image.sad_mm))
        for ball, near in zip(balls, nearer, strict=True)
    ]


def _timed(times: Sequence[datetime | None]) -> bool:
    """Whether the times tell an order."""
    return all(time is not None for time in times) and len(set(times)) > 1


def _moment(time: datetime | None) -> float:
    return time.timestamp() if time is not None else 0.0


def _stops(balls: Sequence[tuple[BallImage, int]], timed: bool, couch_deg: float) -> tuple[Stop, ...]:
    """Neighbours in time of one place are one stop; without times, or where most such stops are seen from one side, each place is."""
    visits: list[list[tuple[BallImage, int]]] = []
    for pair in balls:
        if visits and visits[-1][-1][1] == pair[1]:
            visits[-1].append(pair)
        else:
            visits.append([pair])
    if not timed or 2 * sum(_crossed([seen for seen, _ in visit]) for visit in visits) <= len(visits):
        visits = [[pair for pair in balls if pair[1] == place] for place in dict.fromkeys(place for _, place in balls)]
    turn = frames.couch_turn(couch_deg)
    return tuple(_stop([seen for seen, _ in visit], visit[0][1], turn) for visit in visits)


def _crossed(images: Sequence[BallImage]) -> bool:
    """Whether the images of one stop alone fix the ball in space."""
    return not isinstance(ball_position.from_images(images), OneDirection)


def _stop(images: Sequence[BallImage], place: int, turn: Array) -> Stop:
    readouts = [seen.image.couch_mm for seen in images if seen.image.couch_mm is not None]
    times = [seen.image.acquired for seen in images if seen.image.acquired is not None]
    return Stop(place, turn @ np.mean(readouts, axis=0), min(times, default=None), tuple(images))


def ball_in(volume: Volume) -> Looked:
    """The one ball of a volume. AnalysisError or DicomError when there is none."""
    place = ball_images.in_volume(volume.voxels, volume.pitch_mm, None)
    second = ball_position.from_volume(volume, place.second, {}).point_mm
    return ball_position.from_volume(volume, place.index_mm, place.budget), second, 2 * place.radius_mm


def of_volumes(volumes: Sequence[Volume], see: Callable[[Volume], Looked] = ball_in) -> Stops:
    """What ``see`` finds in every volume with a readout; without a couch angle in its files the couch counts as at 0.

    A volume of another ball than most is left out, by name.
    """
    unseen: list[tuple[Image | Volume, str]] = []
    stops: list[Stop] = []
    degrees = [volume.couch_deg or 0.0 for volume in volumes]
    stood = next((angle for volume, angle in zip(volumes, degrees, strict=True) if volume.couch_mm is not None), 0.0)
    for volume, angle in zip(volumes, degrees, strict=True):
        if volume.couch_mm is None:
            unseen.append((volume, NO_READOUT))
        elif not same(angle, stood):
            unseen.append((volume, f"couch at {angle:.1f}, not {stood:.1f} degrees: do not turn it between the scans"))
        else:
            try:
                position, second, width = see(volume)
            except (AnalysisError, DicomError) as error:
                unseen.append((volume, str(error)))
                continue
            readout = frames.couch_turn(stood) @ np.array(volume.couch_mm)
            number = next((s.place for s in stops if np.abs(s.readout_mm - readout).max() <= grouping.SAME_PLACE_MM), len(stops))
            stops.append(Stop(number, readout, volume.acquired, (), position, volume, second, width))
    odd = ball_images.odd_ones([width for stop in stops for width in stop.diameters_mm])  # ``see`` gives each stop a width, or none any
    unseen += [(one, odd[k]) for k, stop in enumerate(stops) if k in odd and (one := stop.volume) is not None]
    stops = [stop for k, stop in enumerate(stops) if k not in odd]
    timed = _timed([stop.acquired for stop in stops])
    if timed:
        stops.sort(key=lambda stop: _moment(stop.acquired))
    known = [volume.couch_mm for volume in volumes if volume.couch_mm is not None]
    silent = (SILENT_ANGLE,) if any(volume.couch_deg is None for volume in volumes) else ()
    return Stops("CBCT", tuple(stops), tuple(unseen), timed, resolution(known), stood, silent)


def resolution(readouts: Sequence[tuple[float, float, float]]) -> float:
    """The step of the readouts, mm: that of the last decimal which any of them uses."""
    values = np.array(readouts, float).ravel()
    for decimals in range(FINEST_DECIMALS):
        if np.allclose(values, np.round(values, decimals), rtol=0.0, atol=1e-6):
            return float(10.0**-decimals)
    return float(10.0**-FINEST_DECIMALS)
