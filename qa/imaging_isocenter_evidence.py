"""What an imaging isocentre record shows: vectors in the room, the ball as every system sees it, offsets against angle, what was used."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from qa.acquisition import Acquisition
from qa.ball_day import RADIATION, Day, ImagingSet, Treatment
from qa.ball_evidence import overlay, used, view
from qa.ball_position import BallPosition, project
from qa.evidence import Arrow, Curve, Evidence, Overlay, Room, Series
from qa.frames import angle_difference
from qa.imaging_isocenter_values import Compared
from qa.imaging_isocenter_vectors import Coincidence, Offsets

Array = NDArray[np.float64]
LETTERS = {"kv": "K", "mv": "M", "cbct": "C"}


def show(acquisition: Acquisition, day: Day, compared: Sequence[Compared]) -> tuple[Evidence, ...]:
    """The vectors first, then the pictures, the curves and the list of what was used."""
    room = _room(compared)
    seen = [picture for one in compared for picture in _pictures(one, day)]
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


def _pictures(one: Compared, day: Day) -> list[Overlay]:
    item = one.item
    if item.volume is not None:
        known = isinstance(one.vector, Coincidence) and isinstance(day.treatment, Treatment)
        treatment = -one.vector.vector_mm if known and isinstance(one.vector, Coincidence) else None
        return [view(item, k, treatment) for k in range(len(item.views))]
    chosen = range(len(item.images)) if item.kind == "kv" else _alike(item, day)
    found = [None] * len(item.images) if isinstance(one.offsets, str) else list(zip(one.offsets.values_mm, one.offsets.u_mm, strict=True))
    return [overlay(item.images[k], item, found[k]) for k in chosen]


def _alike(item: ImagingSet, day: Day) -> list[int]:
    """The MV images nearest to the gantry angles of the kV images (to 0 and 90 when there are none)."""
    if not item.images:
        return []
    wanted = sorted({seen.image.gantry_deg for kv in day.of("kv") for seen in kv.images}) or [0.0, 90.0]
    nearest = [
        min(range(len(item.images)), key=lambda k: abs(angle_difference(item.images[k].image.gantry_deg, angle))) for angle in wanted
    ]
    return list(dict.fromkeys(nearest))


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
