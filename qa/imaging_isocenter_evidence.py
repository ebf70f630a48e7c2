"""What an imaging isocentre record shows: vectors in the room, the ball as every system sees it, offsets against angle, what was used."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from qa.acquisition import Acquisition, Image
from qa.ball_images import BallImage
from qa.ball_position import BallPosition, project
from qa.evidence import Arrow, Curve, Evidence, Mark, Overlay, Room, Series, Table
from qa.frames import angle_difference
from qa.imaging_isocenter_sets import RADIATION, Day, ImagingSet, Treatment
from qa.imaging_isocenter_values import Compared
from qa.imaging_isocenter_vectors import Coincidence, Offsets

Array = NDArray[np.float64]
LETTERS = {"kv": "K", "mv": "M", "cbct": "C"}
ROW = "Ball and field as every system sees them"
TAGS = ("KVP", "ExposureSequence.KVP", "RTImageDescription", "SOPClassUID", "Modality")


def show(acquisition: Acquisition, day: Day, compared: Sequence[Compared]) -> tuple[Evidence, ...]:
    """The vectors first, then the pictures, the curves and the list of what was used."""
    room = _room(compared)
    seen = [picture for one in compared for picture in pictures(one, day)]
    curves = [curve for kind in ("kv", "mv") for curve in _curves(kind, [one for one in compared if one.item.kind == kind])]
    return (*room, *seen, *curves, used(acquisition, day))


def _room(compared: Sequence[Compared]) -> list[Evidence]:
    arrows = []
    for one in compared:
        if not isinstance(one.vector, Coincidence):
            continue
        name, covariance = f"{LETTERS[one.item.kind]} ({one.item.name})", one.vector.covariance
        keys = tuple(f"{one.item.kind}_isocenter_{what}" for what in ("distance", "max_2d", "cardinals"))
        rows = _triple(covariance[0]), _triple(covariance[1]), _triple(covariance[2])
        arrows.append(Arrow(name, keys, _triple(one.vector.vector_mm), rows))
    note = "From the treatment isocentre T to every imaging isocentre; the ellipses hold 95 %."
    return [Room("Imaging isocentres in the room", tuple(arrows), note)] if arrows else []


def _triple(values: Array) -> tuple[float, float, float]:
    x, y, z = (float(value) for value in values)
    return x, y, z


def pictures(one: Compared, day: Day) -> list[Overlay]:
    """The ball in the images of one set, or in three planes of its volume."""
    item = one.item
    if item.volume is not None:
        return [_view(item, k, day, one) for k in range(len(item.views))]
    chosen = range(len(item.images)) if item.kind == "kv" else _alike(item, day)
    found = [None] * len(item.images) if isinstance(one.offsets, str) else list(zip(one.offsets.values_mm, one.offsets.u_mm, strict=True))
    return [_overlay(item.images[k], item, found[k]) for k in chosen]


def _alike(item: ImagingSet, day: Day) -> list[int]:
    """The MV images nearest to the gantry angles of the kV images (to 0 and 90 when there are none)."""
    if not item.images:
        return []
    wanted = sorted({seen.image.gantry_deg for kv in day.of("kv") for seen in kv.images}) or [0.0, 90.0]
    nearest = [
        min(range(len(item.images)), key=lambda k: abs(angle_difference(item.images[k].image.gantry_deg, angle))) for angle in wanted
    ]
    return list(dict.fromkeys(nearest))


def _ring(centre: Array, radius: float) -> tuple[tuple[float, float], ...]:
    angle = np.linspace(0, 2 * np.pi, 49)
    return tuple((float(centre[0] + radius * c), float(centre[1] + radius * s)) for c, s in zip(np.cos(angle), np.sin(angle), strict=True))


def _dot(place: Array) -> tuple[tuple[float, float], ...]:
    return ((float(place[0]), float(place[1])),)


def _overlay(seen: BallImage, item: ImagingSet, found: tuple[Array, Array] | None) -> Overlay:
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


def _view(item: ImagingSet, k: int, day: Day, one: Compared) -> Overlay:
    """One plane of a volume through the ball; the volume's origin and the treatment isocentre where they are near."""
    assert isinstance(item.position, BallPosition)
    assert item.place is not None
    name, (right, up), grey, extent = item.views[k]
    plane = [right, up]
    ball = item.position.point_mm[plane]
    marks = [Mark("outline", "ball", _ring(ball, item.place.radius_mm)), Mark("cross", "ball centre", _dot(ball))]
    places = {"imaging isocentre": ("plus", np.zeros(2))}
    if isinstance(one.vector, Coincidence) and isinstance(day.treatment, Treatment):
        places["treatment isocentre"] = "cross", -one.vector.vector_mm[plane]
    for what, (kind, place) in places.items():
        if extent[0] < place[0] < extent[1] and extent[2] < place[1] < extent[3]:
            marks.append(Mark(kind, what, _dot(place)))
    axes = ("x / mm", "y / mm", "z / mm")
    u = np.sqrt(np.diag(item.position.covariance))[plane]
    note = f"ball: {axes[right][0]} {ball[0]:+.3f} ± {2 * u[0]:.3f}, {axes[up][0]} {ball[1]:+.3f} ± {2 * u[1]:.3f} mm"
    return Overlay(f"CBCT {name}", grey, extent, tuple(marks), (axes[right], axes[up]), note, row=ROW)


def _curves(kind: str, compared: Sequence[Compared]) -> list[Curve]:
    """Offsets with the vector's own curve, and residuals, against the gantry angle."""
    shown = [one for one in compared if isinstance(one.offsets, Offsets) and one.item.images]
    name, angles = RADIATION[kind], np.arange(0.0, 361.0, 5.0)
    offsets, residuals = [], []
    for one in shown:
        assert isinstance(one.offsets, Offsets)
        order = sorted(range(len(one.item.images)), key=lambda k: one.item.images[k].image.gantry_deg % 360)
        gantry = tuple(float(one.item.images[k].image.gantry_deg % 360) for k in order)
        for axis, letter in enumerate("uv"):
            values, u = one.offsets.values_mm[order, axis], one.offsets.u_mm[order, axis]
            offsets.append(Series(letter, gantry, tuple(values.tolist()), "points", tuple(u.tolist())))
            if isinstance(one.item.position, BallPosition) and (one.item.position.residual_u_mm[order, axis] > 0).all():
                rest, rest_u = one.item.position.residual_mm[order, axis], one.item.position.residual_u_mm[order, axis]
                residuals.append(Series(letter, gantry, tuple(rest.tolist()), "points", tuple(rest_u.tolist())))
        if isinstance(one.vector, Coincidence):
            sad = one.item.images[0].image.sad_mm
            model = np.array([project(one.vector.vector_mm, float(angle), sad)[0] for angle in angles])
            for axis, letter in enumerate("uv"):
                line = f"{letter} of {LETTERS[kind]} - T"
                offsets.append(Series(line, tuple(angles.tolist()), tuple(model[:, axis].tolist()), "line"))
    vector = f"the vector {LETTERS[kind]} - T"
    note = f"Points: {name} imaging minus treatment isocentre in every image, bars u. Lines: what {vector} alone gives."
    found = []
    if offsets:
        axes = ("gantry angle / deg", "imaging - treatment / mm")
        found.append(Curve(f"{name} imager offset against gantry angle (flexmap as measured)", axes, tuple(offsets), note=note))
    if residuals:
        axes = ("gantry angle / deg", "residual / mm")
        left = f"What is left when the {name} isocentre is taken out: no shift of the system corrects it."
        found.append(Curve(f"{name} residual against gantry angle", axes, tuple(residuals), note=left))
    return found


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
