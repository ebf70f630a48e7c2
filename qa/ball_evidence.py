"""The ball as every system sees it, as pictures, and what a day's images are: evidence that several tests show."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qa.acquisition import Acquisition, Image
from qa.ball_day import Day, ImagingSet
from qa.ball_images import BallImage
from qa.ball_position import BallPosition
from qa.evidence import Mark, Overlay, Table

Array = NDArray[np.float64]
ROW = "Ball and field as every system sees them"
TAGS = ("KVP", "ExposureSequence.KVP", "RTImageDescription", "SOPClassUID", "Modality")


def _ring(centre: Array, radius: float) -> tuple[tuple[float, float], ...]:
    angle = np.linspace(0, 2 * np.pi, 49)
    return tuple((float(centre[0] + radius * c), float(centre[1] + radius * s)) for c, s in zip(np.cos(angle), np.sin(angle), strict=True))


def _dot(place: Array) -> tuple[tuple[float, float], ...]:
    return ((float(place[0]), float(place[1])),)


def overlay(seen: BallImage, item: ImagingSet, found: tuple[Array, Array] | None = None) -> Overlay:
    """The ball, the imager's origin, and where the treatment isocentre is in this image."""
    ball = seen.ball_mm - seen.origin_mm  # the picture counts from the panel's centre pixel
    marks = [Mark("outline", "ball", _ring(ball, seen.radius_mm)), Mark("cross", "ball centre", _dot(ball))]
    marks.append(Mark("plus", "imaging isocentre", _dot(-seen.origin_mm)))
    if seen.shot is not None:
        marks.append(Mark("plus", "field centre", _dot(seen.shot.field_mm)))
    note = f"ball: u {seen.ball_mm[0]:+.3f} ± {2 * seen.u_mm[0]:.3f}, v {seen.ball_mm[1]:+.3f} ± {2 * seen.u_mm[1]:.3f} mm"
    if found is not None:
        offset, u = found
        marks.append(Mark("cross", "treatment isocentre", _dot(-seen.origin_mm - offset)))
        note += f"; imaging - treatment: u {offset[0]:+.3f} ± {2 * u[0]:.3f}, v {offset[1]:+.3f} ± {2 * u[1]:.3f} mm"
    title = f"{item.name}  G {round(seen.image.gantry_deg, 1) % 360:.1f}"
    return Overlay(title, seen.picture, seen.extent_mm, tuple(marks), ("u / mm", "v / mm"), f"{note}; {seen.image.name}", row=ROW)


def view(item: ImagingSet, k: int, treatment_mm: Array | None = None) -> Overlay:
    """One plane of a volume through the ball; the volume's origin and the treatment isocentre where they are near."""
    assert isinstance(item.position, BallPosition)
    assert item.place is not None
    name, (right, up), grey, extent = item.views[k]
    plane = [right, up]
    ball = item.position.point_mm[plane]
    marks = [Mark("outline", "ball", _ring(ball, item.place.radius_mm)), Mark("cross", "ball centre", _dot(ball))]
    places = {"imaging isocentre": ("plus", np.zeros(2))}
    if treatment_mm is not None:
        places["treatment isocentre"] = "cross", treatment_mm[plane]
    for what, (kind, place) in places.items():
        if extent[0] < place[0] < extent[1] and extent[2] < place[1] < extent[3]:
            marks.append(Mark(kind, what, _dot(place)))
    axes = ("x / mm", "y / mm", "z / mm")
    u = np.sqrt(np.diag(item.position.covariance))[plane]
    note = f"ball: {axes[right][0]} {ball[0]:+.3f} ± {2 * u[0]:.3f}, {axes[up][0]} {ball[1]:+.3f} ± {2 * u[1]:.3f} mm"
    return Overlay(f"CBCT {name}", grey, extent, tuple(marks), (axes[right], axes[up]), note, row=ROW)


def used(acquisition: Acquisition, day: Day) -> Table:
    """Every image and volume: what it is, by which tags, where the couch stood, and whether it counted."""
    unseen = {item.name: reason for found in day.sets for item, reason in (*found.unseen, *found.turned)}
    counted = {seen.image.name: found.name for found in day.sets for seen in found.images}
    rows = [
        (
            image.name,
            image.radiation,
            _by(image),
            f"{round(image.gantry_deg, 2) % 360:.2f}",
            couch(image.couch_mm),
            f"set {counted[image.name]}" if image.name in counted else unseen.get(image.name, ""),
        )
        for image in acquisition.images
    ]
    for volume in acquisition.volumes:
        reason = unseen.get(volume.name, "yes")
        by = f"CT Image Storage, {len(volume.slices)} slices, {volume.patient_position}"
        rows.append((volume.name, "CBCT", by, "", couch(volume.couch_mm), reason))
    header = ("file", "kind", "recognised by", "gantry / deg", "couch / mm", "ball found")
    return Table("Images and volumes, and how they were recognised", header, tuple(rows))


def _by(image: Image) -> str:
    """The tags that say which radiation it was, as they stand in the file."""
    said = [f"{tag.rsplit('.', 1)[-1]} {image.tags[tag].split(' ModeId')[0][:24].strip()}" for tag in TAGS if tag in image.tags]
    said += [note.split(":")[0] for note in image.notes if note.startswith("taken as")]
    return "; ".join(dict.fromkeys(said)) or image.energy or image.radiation


def couch(place: tuple[float, float, float] | None) -> str:
    """A couch readout in words."""
    return "unknown" if place is None else ", ".join(f"{value:.2f}" for value in place)
