"""The path of a ball that turns with the couch, seen from above or below: its circle, whatever the readouts say.

Physics: docs/physics/couch_rotation.md, section 2.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qa import ball_images
from qa.acquisition import Image
from qa.angles import distinct, largest_gap, same
from qa.ball_images import BallImage
from qa.frames import angle_difference
from qa.rotation import fit_turn
from qa.shots import SCALE, Unseen

Array = NDArray[np.float64]
FEWEST = 4  # three points make a circle; the fourth tells whether it is one
WIDEST_GAP_DEG = 240.0  # an arc of less than 120 degrees hardly fixes its centre
ARM_MM = 5.0  # 0.02 mm of the ball are then 0.2 degrees; nearer to the axis its place says nothing of the angle
ROUND_MM = 2.0  # axes wander by tenths; more is another object, or the couch was moved
ODD_DEG = 10.0  # no couch is this far off its readout
AGREE_MM = 0.001  # two ways to one centre
HEIGHT_MM = 10.0  # of the ball towards the source: from above nothing shows it
NEAR = "the ball stands {:.1f} mm from the axis of couch rotation, too near to tell an angle: put it 20 mm off or more"


@dataclass(frozen=True)
class Path:
    """A circle through the ball's places (x, y) in the imager's coordinates, mm, seen from ``gantry_deg`` 0 or 180.

    ``seen`` are the images in order of couch readout from the one nearest to 0, ``turn_deg`` the turns measured from that first one, and
    ``read_deg`` those read out. What a change of the places does: ``centre_row`` (2, 2n) to the centre, ``turn_row`` (n, 2n) to the turns
    in radians, ``radial_row`` (n, 2n) to distances from the circle, ``arm_row`` (2n,) to its radius. ``parts`` are named standard
    uncertainties (n, 2). ``reason`` says why there is no circle; ``doubt`` why no number may pass.
    """

    seen: tuple[BallImage, ...]
    unseen: tuple[tuple[Image, str], ...]
    places_mm: Array
    parts: Mapping[str, Array]
    centre_mm: Array
    arm_mm: float
    turn_deg: Array
    read_deg: Array
    radial_mm: Array
    centre_row: Array
    turn_row: Array
    radial_row: Array
    arm_row: Array
    mirror: float
    reason: str = ""
    doubt: str = ""

    @property
    def error_deg(self) -> Array:
        """Measured minus read out, on the circle."""
        return np.array([angle_difference(t, r) for t, r in zip(self.turn_deg, self.read_deg, strict=True)])

    @property
    def missing(self) -> str:
        """What keeps numbers from passing, in words."""
        names = ", ".join(item.name for item, _ in self.unseen)
        lost = f"{len(self.unseen)} of {len(self.seen) + len(self.unseen)} images could not be used: {names}" if names else ""
        return "; ".join(filter(None, (lost, self.doubt)))


def from_above(images: Sequence[Image]) -> list[Image]:
    """The images at gantry 0, or those at 180 when they show more couch angles."""
    sides = [[image for image in images if same(image.gantry_deg, side)] for side in (0.0, 180.0)]
    return max(sides, key=lambda side: len(distinct([image.couch_deg for image in side])))


def shortage(images: Sequence[Image]) -> str:
    """What is missing of couch angles, in words; "" when they suffice."""
    angles = distinct([image.couch_deg for image in images])
    if len(angles) >= FEWEST and largest_gap(angles)[0] <= WIDEST_GAP_DEG:
        return ""
    have = ", ".join(f"{angle:.0f}" for angle in angles) or "none"
    return f"couch rotation needs four couch angles over 120 degrees or more at gantry 0 (or 180); measured: {have}"


def path(images: Sequence[Image]) -> Path:
    """The ball in every image from above, and the circle through it."""
    above = {id(image) for image in from_above(images)}
    found = [item for item in ball_images.in_megavolt(images) if id(item.image) in above]  # all, as other tests of the set do: once
    one, odd = ball_images.of_one_object([item for item in found if isinstance(item, BallImage)])
    unseen = (*((item.image, item.reason) for item in found if isinstance(item, Unseen)), *odd)
    seen = tuple(sorted(one, key=lambda ball: (abs(angle_difference(ball.image.couch_deg, 0.0)), ball.image.name)))
    if reason := shortage([ball.image for ball in seen]):
        why = "; ".join(dict.fromkeys(f"{item.name}: {text}" for item, text in unseen))
        return _none(seen, unseen, f"{reason}{f' ({why})' if why else ''}")
    return _circled(seen, unseen)


def _none(seen: tuple[BallImage, ...], unseen: tuple[tuple[Image, str], ...], reason: str) -> Path:
    none, n = np.zeros(0), len(seen)
    rows = np.zeros((n, 2 * n))
    return Path(seen, unseen, np.zeros((n, 2)), {}, np.zeros(2), 0.0, none, none, none, rows[:2], rows, rows, none, 1.0, reason)


def _circled(seen: tuple[BallImage, ...], unseen: tuple[tuple[Image, str], ...]) -> Path:
    mirror = 1.0 if same(seen[0].image.gantry_deg, 0.0) else -1.0
    places = np.array([ball.ball_mm for ball in seen]) * [mirror, 1.0]
    centre, arm = circle(places)
    if arm < ARM_MM:
        return _none(seen, unseen, NEAR.format(arm))
    out = places - centre
    distance = np.hypot(*out.T)
    radial = distance - arm
    if (worst := float(np.abs(radial).max())) > ROUND_MM:
        return _none(seen, unseen, f"the ball's places are {worst:.1f} mm off a circle: was the couch or the ball moved in between?")
    angle = np.degrees(np.arctan2(out[:, 1], out[:, 0]))
    if _elsewhere(places, angle, centre, mirror):
        return _none(seen, unseen, "two ways to the axis of couch rotation disagree: take images at more couch angles")
    read = np.array([angle_difference(ball.image.couch_deg, seen[0].image.couch_deg) for ball in seen])
    turn = np.array([angle_difference(a, angle[0]) for a in angle])
    names = dict.fromkeys(name for ball in seen for name in ball.components)
    parts = {name: np.array([ball.components.get(name, np.zeros(2)) for ball in seen]) for name in names if not name.startswith("scale")}
    rows, doubt = _slopes(out, distance), _doubt(turn, read)
    return Path(seen, unseen, places, parts, centre, arm, turn, read, radial, *rows, mirror, "", doubt)


def circle(places_mm: Array) -> tuple[Array, float]:
    """The centre and radius of the circle nearest to (n, 2) places, by Gauss and Newton from the algebraic one."""
    design = np.column_stack([2 * places_mm, np.ones(len(places_mm))])
    x, y, rest = np.linalg.lstsq(design, (places_mm**2).sum(axis=1), rcond=None)[0]
    found = np.array([x, y, np.sqrt(max(rest + x * x + y * y, 0.0))])
    for _ in range(20):
        out = places_mm - found[:2]
        distance = np.maximum(np.hypot(*out.T), 1e-9)
        step = np.linalg.lstsq(_jacobian(out, distance), distance - found[2], rcond=None)[0]
        found = found + step
    return found[:2], float(found[2])


def _jacobian(out: Array, distance: Array) -> Array:
    """(n, 3): what a move of centre and radius adds to the distances from the circle, its sign reversed."""
    return np.column_stack([out / distance[:, None], np.ones(len(out))])


def _elsewhere(places: Array, angle: Array, centre: Array, mirror: float) -> bool:
    """Whether points turned by the measured angles have another centre: they are solved in (u, v) by linear least squares."""
    turned = fit_turn(angle, places * [mirror, 1.0], np.full(places.shape, 1.0), mirror)
    return bool(np.abs(turned.centre_mm * [mirror, 1.0] - centre).max() > AGREE_MM)


def _slopes(out: Array, distance: Array) -> tuple[Array, Array, Array, Array]:
    """How centre, turns (radians), radial distances and radius follow the places."""
    n = len(out)
    unit = out / distance[:, None]
    across = np.stack([-unit[:, 1], unit[:, 0]], axis=1)
    along_row, across_row = np.zeros((n, 2 * n)), np.zeros((n, 2 * n))
    for k in range(n):
        along_row[k, 2 * k : 2 * k + 2], across_row[k, 2 * k : 2 * k + 2] = unit[k], across[k]
    solved = np.linalg.pinv(_jacobian(out, distance)) @ along_row
    angle_row = (across_row - across @ solved[:2]) / distance[:, None]
    return solved[:2], angle_row - angle_row[0], along_row - _jacobian(out, distance) @ solved, solved[2]


def _doubt(turn: Array, read: Array) -> str:
    """Why the angles are not what they seem; "" when they are."""

    def off(sign: float) -> float:
        return max(abs(angle_difference(t, sign * r)) for t, r in zip(turn, read, strict=True))

    if off(1.0) <= ODD_DEG:
        return ""
    if off(-1.0) <= ODD_DEG:
        return "the ball turns the other way than the couch angle: is it the vendor's scale and not IEC 61217?"
    if off(0.0) <= ODD_DEG:
        return "the ball did not turn: the couch stood still, or the ball does not stand on it"
    return f"an angle is {off(1.0):.0f} degrees from its readout: images are swapped, or their couch angles are wrong"


def scale_part(centre: Array, sad_mm: float) -> Array:
    """Standard uncertainties (x, y) of a centre by the distance scale and by the height that nobody sees."""
    return np.abs(centre) * float(np.hypot(SCALE, HEIGHT_MM / sad_mm))
