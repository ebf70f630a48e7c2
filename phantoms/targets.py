"""Several balls in one phantom, each in a field of its own off the axis, as a plan for one isocentre exposes them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from phantoms.aperture import Aperture, Leaves, Penumbra, Point, Rectangle
from phantoms.linac import BallSetup, Exposure, Linac, Shot, expose
from phantoms.placement import ball_position
from phantoms.rays import Point3, project, to_gantry, turn

Array = NDArray[np.float64]
BOX = Rectangle(220.0, 220.0)  # the jaws that a file states while leaves make the fields
CUBE: tuple[Point3, ...] = ((0, 0, 0), (0, 30, 0), (-30, 15, 0), (0, -30, -30), (30, -50, 0), (20, 60, 30))
"""Six balls up to 70 mm from the isocentre, as in phantoms on sale."""


@dataclass(frozen=True)
class Several:
    """Apertures open at the same time that do not touch, as leaves make them."""

    parts: tuple[Aperture, ...]

    @property
    def centre_mm(self) -> Point:
        """The middle of the box that holds them all."""
        low, high = self._box()
        return float(low[0] + high[0]) / 2, float(low[1] + high[1]) / 2

    @property
    def extent_mm(self) -> Point:
        """Half width and half height of that box."""
        low, high = self._box()
        return float(high[0] - low[0]) / 2, float(high[1] - low[1]) / 2

    def opening(self, x_mm: Array, y_mm: Array, penumbra: Penumbra) -> Array:
        """Open fraction behind the penumbra: the openings add up."""
        return np.asarray(sum(part.opening(x_mm, y_mm, penumbra) for part in self.parts))

    def _box(self) -> tuple[Array, Array]:
        centres, halves = (np.array([getattr(part, name) for part in self.parts]) for name in ("centre_mm", "extent_mm"))
        return (centres - halves).min(axis=0), (centres + halves).max(axis=0)


@dataclass(frozen=True)
class Plan:
    """Where the targets were planned, (x, y, z) mm in F with the couch at 0, the shape of each field, and what is wrong.

    The phantom stands at `shift_mm` from the plan, turned by `turned_deg` (right-handed about x, then y, then z of F). The collimator is
    turned by `collimator_error_deg` too far, and fields lie further out than planned by the factor 1 + `scale`.
    """

    targets_mm: tuple[Point3, ...]
    field: Rectangle | Leaves
    ball: BallSetup
    shift_mm: Point3 = (0.0, 0.0, 0.0)
    turned_deg: Point3 = (0.0, 0.0, 0.0)
    collimator_error_deg: float = 0.0
    scale: float = 0.0

    def balls(self) -> tuple[BallSetup, ...]:
        """The balls as they stand, couch at 0."""
        turned = rotation(self.turned_deg)
        places = [turned @ np.array(target) + self.shift_mm for target in self.targets_mm]
        return tuple(replace(self.ball, position_mm=(float(x), float(y), float(z))) for x, y, z in places)

    def centres(self, linac: Linac, shot: Shot, chosen: Sequence[int]) -> list[Point]:
        """Where the planned fields of the chosen targets are in the collimator's frame at the angle that is read out."""
        centres = []
        for k in chosen:
            target = ball_position(replace(linac, couch_axis_mm=(0.0, 0.0), couch_walkout_mm=0.0), BallSetup(self.targets_mm[k]), shot)
            seen = project(to_gantry(target, shot.gantry_deg), (0.0, 0.0), linac.sad_mm).uv_mm
            x, y = turn(-shot.collimator_deg) @ seen * (1 + self.scale)
            centres.append((float(x), float(y)))
        return centres


def rotation(turned_deg: Point3) -> Array:
    """3 x 3: right-handed turns about x, then y, then z."""
    x, y, z = (turn(angle) for angle in turned_deg)
    about_x, about_y, about_z = np.eye(3), np.eye(3), np.eye(3)
    about_x[1:, 1:] = x
    about_y[np.ix_([2, 0], [2, 0])] = y
    about_z[:2, :2] = z
    return np.asarray(about_z @ about_y @ about_x)


@dataclass(frozen=True)
class Targeted:
    """One image: the exposure, which targets were irradiated, and (u, v) of their fields and balls on the isocentre plane."""

    exposure: Exposure
    targets: tuple[int, ...]
    fields_uv_mm: tuple[Point, ...]
    balls_uv_mm: tuple[Point, ...]

    @property
    def offsets_mm(self) -> Array:
        """(targets, 2) ball minus field."""
        return np.subtract(self.balls_uv_mm, self.fields_uv_mm)


def irradiate(linac: Linac, plan: Plan, shot: Shot, chosen: Sequence[int], rng: np.random.Generator) -> Targeted:
    """One image with a field round each of the chosen targets; every ball stands where it stands. Fields must not overlap."""
    centres, real = plan.centres(linac, shot, chosen), replace(shot, collimator_deg=shot.collimator_deg + plan.collimator_error_deg)
    fields = Several(tuple(replace(plan.field, centre_mm=centre) for centre in centres))
    (taken,) = expose(replace(linac, aperture=fields), plan.balls(), [real], rng)
    axis, turned = linac.axis_uv_mm(shot), turn(real.collimator_deg)
    places = [turned @ centre + axis for centre in centres]
    exposure = replace(taken, linac=replace(linac, aperture=BOX), shot=shot)
    return Targeted(
        exposure, tuple(chosen), tuple((float(u), float(v)) for u, v in places), tuple(taken.truth.ball_uv_mm[k] for k in chosen)
    )


def explained(linac: Linac, plan: Plan, taken: Sequence[Targeted]) -> Array:
    """What a least-squares fit of shift (x, y, z), turns about x, y, z (degrees), scale (%) and collimator angle (degrees) to the true
    offsets of all targets in all images gives, and the root mean square length of what it leaves.

    Slopes are differences of drawn geometry: the plan spoilt by a little more of each.
    """
    ideal, little, found = Linac(sad_mm=linac.sad_mm), 1e-3, np.zeros(8)
    offsets = np.concatenate([image.offsets_mm.ravel() for image in taken])
    for _ in range(2):
        left = offsets - _offsets(ideal, _spoilt(plan, found), taken)
        design = np.stack([_offsets(ideal, _spoilt(plan, found + little * unit), taken) for unit in np.eye(8)], axis=1)
        found = found + np.linalg.lstsq((design - (offsets - left)[:, None]) / little, left, rcond=None)[0]
    left = offsets - _offsets(ideal, _spoilt(plan, found), taken)
    return np.append(found, np.sqrt((left**2).sum() / (len(left) / 2)))


def _spoilt(plan: Plan, by: Array) -> Plan:
    """The plan with these eight things wrong instead of its own."""
    x, y, z, pitch, roll, yaw, scale, angle = (float(value) for value in by)
    return replace(plan, shift_mm=(x, y, z), turned_deg=(pitch, roll, yaw), collimator_error_deg=angle, scale=scale / 100)


def _offsets(linac: Linac, plan: Plan, taken: Sequence[Targeted]) -> Array:
    """Ball minus field of every target of every image, by ray geometry, one after the other."""
    values: list[Array] = []
    for image in taken:
        shot, turned = image.exposure.shot, turn(image.exposure.shot.collimator_deg + plan.collimator_error_deg)
        for k, centre in zip(image.targets, plan.centres(linac, shot, image.targets), strict=True):
            ball = project(to_gantry(ball_position(linac, plan.balls()[k], shot), shot.gantry_deg), (0.0, 0.0), linac.sad_mm).uv_mm
            values.append(np.array(ball) - turned @ centre)
    return np.concatenate(values)
