"""How far the ball went from stop to stop, in F, with the covariance of all stops together.

Physics: docs/physics/couch_translation.md, section 3.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qa import ball_position, frames
from qa.acquisition import Image
from qa.angles import distinct, same
from qa.ball_images import BallImage
from qa.ball_position import GANTRY_U_RAD, SCALE, BallPosition, OneDirection, project
from qa.couch_stops import Stop, Stops
from qa.isocentre import rows, towards_source

Array = NDArray[np.float64]
SCALE_NAME = "scale SAD/SID"
ROLL_RAD = float(np.radians(0.1))  # a panel is put up straight to about a tenth of a degree
HEIGHT_MM = 1.0  # of the ball towards the source: imagers sag by 1 to 2 mm (Rowshanfarzad et al. 2015, abstract)
HEIGHT_ALONE_MM = 10.0  # where no crossing view shows it, and the phantom was set up by lasers or worse
DILUTION = 4.0  # views that cross by less than about 30 degrees make more of the noise
CONTRADICTS_MM, CONTRADICTS_U = 0.3, 5.0  # an image that fits no one displacement by more than both contradicts the others
NOTHING = "the ball was not seen at two couch places in {} images"


@dataclass(frozen=True)
class Seen:
    """One image against the reference stop's image from the same direction: moved on the isocentre plane minus read out, (u, v) mm."""

    image: Image
    stop: int
    moved_mm: Array
    readout_mm: Array
    components: dict[str, Array]

    @property
    def error_mm(self) -> Array:
        """Measured minus read out."""
        return self.moved_mm - self.readout_mm


@dataclass(frozen=True)
class Travel:
    """The ball's displacement at every stop from the stop ``reference``: (n, 3) mm in F, where ``known``; else ``reasons`` say why not.

    ``components`` are named parts of the covariance of all 3n numbers; ``readout_mm`` (n, 3) is the readout's displacement.
    ``doubt`` says why the images contradict each other: then nothing is known.
    """

    stops: Stops
    reference: int
    known: tuple[bool, ...]
    reasons: tuple[str, ...]
    moved_mm: Array
    readout_mm: Array
    components: Mapping[str, Array]
    images: tuple[Seen, ...]
    doubt: str = ""

    @property
    def error_mm(self) -> Array:
        """Measured minus read out, (n, 3)."""
        return self.moved_mm - self.readout_mm

    @property
    def error_components(self) -> dict[str, Array]:
        """The same parts, and the readout's resolution."""
        step = self.stops.resolution_mm / np.sqrt(12.0)
        return dict(self.components) | {"readout resolution": shared([np.eye(3) * step**2] * len(self.known), self.reference)}


def budget(row: Array, parts: Mapping[str, Array]) -> dict[str, float]:
    """The named standard uncertainties of ``row`` times numbers that have these parts of their covariance."""
    return {name: float(np.sqrt(np.maximum(row @ part @ row, 0.0))) for name, part in parts.items()}


def shared(parts: list[Array], reference: int) -> Array:
    """(3n, 3n): covariance of differences from one of n independent positions, whose own covariances (3, 3) are given."""
    n = len(parts)
    if not n:
        return np.zeros((0, 0))
    full = np.zeros((3 * n, 3 * n))
    for k, part in enumerate(parts):
        full[3 * k : 3 * k + 3, 3 * k : 3 * k + 3] = part
    minus = np.kron(np.eye(n) - np.eye(n)[reference], np.eye(3))
    return np.array(minus @ full @ minus.T, float)


def travel(stops: Stops) -> Travel:
    """The displacements of one imaging system's stops."""
    if not stops.stops or len({stop.place for stop in stops.stops}) < 2:
        return _nothing(stops, NOTHING.format(stops.kind))
    return _of_volumes(stops) if stops.kind == "CBCT" else _of_images(stops)


def _nothing(stops: Stops, reason: str, doubt: str = "", images: tuple[Seen, ...] = ()) -> Travel:
    n = len(stops.stops)
    zeros = np.zeros((n, 3))
    return Travel(stops, 0, (False,) * n, (reason,) * n, zeros, zeros, {}, images, doubt)


def _readouts(stops: Stops, reference: int) -> Array:
    places = np.array([stop.readout_mm for stop in stops.stops])
    return np.asarray(places - places[reference])


def _of_volumes(stops: Stops) -> Travel:
    """Differences of positions."""
    positions = [stop.position for stop in stops.stops if stop.position is not None]
    moved = np.array([p.point_mm - positions[0].point_mm for p in positions])
    names = dict.fromkeys(name for p in positions for name in p.components)
    none = np.zeros((3, 3))
    parts = {name: shared([np.asarray(p.components.get(name, none)) for p in positions], 0) for name in names}
    parts["voxel scale"] = SCALE**2 * np.outer(moved.ravel(), moved.ravel())
    n = len(positions)
    return Travel(stops, 0, (True,) * n, ("",) * n, moved, _readouts(stops, 0), parts, ())


@dataclass(frozen=True)
class _Rays:
    """All images of all stops as arrays: stop and view of each, (u, v), what they depend on."""

    seen: tuple[BallImage, ...]
    stop: NDArray[np.intp]
    view: NDArray[np.intp]
    places_mm: Array
    sad_mm: Array
    matrix: Array
    up: Array
    centre_mm: Array
    height_u_mm: float

    @property
    def views(self) -> int:
        """How many directions there are."""
        return int(self.view.max()) + 1


def _rays(stops: Stops) -> _Rays | str:
    """The images as arrays, or why they contradict each other."""
    seen = [(k, ball) for k, stop in enumerate(stops.stops) for ball in stop.images]
    angles = distinct([ball.image.gantry_deg for _, ball in seen])
    view = [next(k for k, angle in enumerate(angles) if same(ball.image.gantry_deg, angle)) for _, ball in seen]
    gantry = np.array([ball.image.gantry_deg for _, ball in seen])
    centre, height = _centre(stops.stops)
    if isinstance(centre, str):
        return centre
    return _Rays(
        seen=tuple(ball for _, ball in seen),
        stop=np.array([k for k, _ in seen]),
        view=np.array(view),
        places_mm=np.array([ball.ball_mm for _, ball in seen]),
        sad_mm=np.array([ball.image.sad_mm for _, ball in seen]),
        matrix=rows(gantry, np.zeros(len(seen))),
        up=towards_source(gantry, np.zeros(len(seen))),
        centre_mm=centre,
        height_u_mm=height,
    )


def _centre(stops: tuple[Stop, ...]) -> tuple[Array | str, float]:
    """The ball at the first stop that fixes it in space and how well its height is known, or why images of one stop contradict."""
    for stop in stops:
        found = ball_position.from_images(stop.images)
        if isinstance(found, BallPosition):
            return found.point_mm - (stop.readout_mm - stops[0].readout_mm), HEIGHT_MM
        if not isinstance(found, OneDirection):
            return str(found), 0.0
    return np.zeros(3), HEIGHT_ALONE_MM


def _of_images(stops: Stops) -> Travel:
    """Least squares: a displacement for every stop, and for every direction an offset that takes the imager's sag."""
    rays = _rays(stops)
    if isinstance(rays, str):
        return _nothing(stops, rays, rays)
    best: tuple[int, NDArray[np.bool_], int] | None = None
    for reference in range(len(stops.stops)):
        known = _determined(_design(rays, reference), len(stops.stops), reference)
        if best is None or known.sum() > best[2]:
            best = reference, known, int(known.sum())
        if known.all():
            break
    assert best is not None
    reference, known, count = best
    images = _against(rays, stops, reference)
    if count < 2:
        return _nothing(stops, _one_direction(rays), images=images)
    return _solved(stops, rays, reference, known, images)


def _one_direction(rays: _Rays) -> str:
    have = ", ".join(f"{round(angle) % 360}" for angle in distinct([ball.image.gantry_deg for ball in rays.seen]))
    return (
        "the ball must be seen from the same two directions, about 90 degrees apart (at least 30), at two couch places; "
        f"measured at gantry: {have}"
    )


def _design(rays: _Rays, reference: int) -> Array:
    """(2 images, 3 stops + 2 views); the columns of the reference stop are zero."""
    n, stops = len(rays.seen), int(rays.stop.max()) + 1
    design = np.zeros((n, 2, 3 * stops + 2 * rays.views))
    for i in range(n):
        if rays.stop[i] != reference:
            design[i, :, 3 * rays.stop[i] : 3 * rays.stop[i] + 3] = rays.matrix[i]
        place = 3 * stops + 2 * rays.view[i]
        design[i, :, place : place + 2] = np.eye(2)
    return design.reshape(2 * n, -1)


def _determined(design: Array, stops: int, reference: int) -> NDArray[np.bool_]:
    """Which stops the views fix against the reference, with no more of the noise than crossing views make."""
    _, values, right = np.linalg.svd(design, full_matrices=True)
    values = np.concatenate([values, np.zeros(len(right) - len(values))])
    small = values < 1e-6 * values[0]
    free = right[small]
    noise = np.einsum("ki,ki->i", right[~small] / values[~small, None], right[~small] / values[~small, None])
    known = np.zeros(stops, bool)
    for k in range(stops):
        own = slice(3 * k, 3 * k + 3)
        known[k] = k == reference or (np.abs(free[:, own]).max(initial=0.0) < 1e-6 and noise[own].max() < DILUTION**2)
    return known


def _solved(stops: Stops, rays: _Rays, reference: int, known: NDArray[np.bool_], images: tuple[Seen, ...]) -> Travel:
    design, count = _design(rays, reference), len(stops.stops)
    own = _own(rays)
    weight = 1 / np.sqrt(sum((part**2 for part in own.values()), np.zeros_like(rays.places_mm))).ravel()
    inverse = np.linalg.pinv(design * weight[:, None], rcond=1e-9) * weight
    moved = np.zeros((count, 3))
    for _ in range(4):  # the height follows from the solution: it settles at once
        height = np.einsum("ij,ij->i", rays.up, rays.centre_mm + moved[rays.stop])
        seen = rays.places_mm * ((rays.sad_mm - height) / rays.sad_mm)[:, None] - rays.matrix @ rays.centre_mm
        solution = inverse @ seen.ravel()
        moved = solution[: 3 * count].reshape(count, 3)
    left = seen.ravel() - design @ solution
    hat = np.eye(len(design)) - design @ inverse
    systematic = {name: inverse @ columns for name, columns in _systematic(rays, height).items()}
    u_left = np.sqrt(np.maximum((hat**2) @ (1 / weight**2), 0.0))
    if doubt := _contradiction(rays, left.reshape(-1, 2), u_left.reshape(-1, 2)):
        return _nothing(stops, doubt, doubt, images)
    keep = inverse[: 3 * count]
    components = {name: (keep * part.ravel() ** 2) @ keep.T for name, part in own.items()}
    components |= {name: columns[: 3 * count] @ columns[: 3 * count].T for name, columns in systematic.items()}
    why = f"this stop is not seen from the two directions of another: {_one_direction(rays)}"
    return Travel(
        stops=stops,
        reference=reference,
        known=tuple(bool(k) for k in known),
        reasons=tuple("" if k else why for k in known),
        moved_mm=moved * known[:, None],
        readout_mm=_readouts(stops, reference),
        components=components,
        images=images,
    )


def _own(rays: _Rays) -> dict[str, Array]:
    """Named standard uncertainties (n, 2) that every image has for itself."""
    names = dict.fromkeys(name for seen in rays.seen for name in seen.components if name != SCALE_NAME)
    return {name: np.array([seen.components.get(name, np.zeros(2)) for seen in rays.seen]) for name in names}


def _systematic(rays: _Rays, height_mm: Array) -> dict[str, Array]:
    """What images share: by name, columns (2 images, k) of one standard uncertainty each.

    The distance scale and the gantry readout are one for all, a panel's turn is one for each direction, the ball's height has three
    coordinates. What is the same at every stop drops out: the directions' own offsets take it.
    """
    u, v = rays.places_mm.T
    none = np.zeros(len(rays.seen))
    turns = [np.stack([-v, u], axis=-1) * (rays.view == k)[:, None] * ROLL_RAD for k in range(rays.views)]
    heights = [rays.places_mm * (rays.up[:, axis] / rays.sad_mm)[:, None] * rays.height_u_mm for axis in range(3)]
    columns = {
        SCALE_NAME: [rays.places_mm * SCALE],
        "gantry angle": [np.stack([height_mm * GANTRY_U_RAD, none], axis=-1)],
        "panel turned": turns,
        "height of the ball": heights,
    }
    return {name: np.array([part.ravel() for part in parts]).T for name, parts in columns.items()}


def _contradiction(rays: _Rays, left_mm: Array, u_mm: Array) -> str:
    """Which image fits no one displacement of its stop; "" when all do."""
    over = np.abs(left_mm) > np.maximum(CONTRADICTS_MM, CONTRADICTS_U * u_mm)
    if not over.any():
        return ""
    worst = int(np.abs(left_mm).max(axis=1).argmax())
    return (
        f"the images contradict each other, {rays.seen[worst].image.name} most (by {np.abs(left_mm[worst]).max():.1f} mm): images of two "
        "couch places are swapped, or the ball or the couch was moved within a place; hand in the images of one run"
    )


def _against(rays: _Rays, stops: Stops, reference: int) -> tuple[Seen, ...]:
    """Every image against the reference stop's image from the same direction, one by one: no least squares."""
    readout = _readouts(stops, reference)
    start = {int(rays.view[i]): i for i in reversed(range(len(rays.seen))) if rays.stop[i] == reference}
    found = []
    for i, seen in enumerate(rays.seen):
        j = start.get(int(rays.view[i]))
        if j is None or rays.stop[i] == reference:
            continue
        first, last = rays.centre_mm, rays.centre_mm + readout[rays.stop[i]]
        (before, _), (after, _) = (
            project(p, rays.seen[k].image.gantry_deg, float(rays.sad_mm[k])) for p, k in ((first + readout[reference], j), (last, i))
        )
        moved = rays.places_mm[i] - rays.places_mm[j]
        found.append(Seen(seen.image, int(rays.stop[i]), moved, after - before, _pair(rays, i, j, readout[rays.stop[i]], stops)))
    return tuple(found)


def _pair(rays: _Rays, i: int, j: int, readout_mm: Array, stops: Stops) -> dict[str, Array]:
    """Named standard uncertainties (u, v) of the difference of two images from one direction."""
    moved = rays.places_mm[i] - rays.places_mm[j]
    parts = {name: np.hypot(part[i], part[j]) for name, part in _own(rays).items()}
    parts[SCALE_NAME] = SCALE * np.abs(moved)
    parts["gantry angle"] = np.array([GANTRY_U_RAD * abs(float(rays.up[i] @ readout_mm)), 0.0])
    parts["panel turned"] = ROLL_RAD * np.abs(moved[::-1])
    parts["height of the ball"] = np.abs(moved) * rays.height_u_mm / rays.sad_mm[i]
    return parts | {"readout resolution": np.full(2, stops.resolution_mm * np.sqrt(2 / 12))}


def room(stop: Stop, couch_deg: float) -> Array:
    """The stop's readout as the couch shows it: lateral, longitudinal, vertical."""
    return np.asarray(frames.couch_turn(couch_deg).T @ stop.readout_mm)
