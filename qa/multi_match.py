"""Which ball is which across images, by geometry alone: rays that meet in a point belong to one ball.

No arrangement of a phantom is asked for. Where two arrangements explain the rays as well, neither is believed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations, permutations
from string import ascii_uppercase

import numpy as np
from numpy.typing import NDArray

from qa import frames
from qa.multi_geometry import Views
from qa.shots import Shot

Array = NDArray[np.float64]
MEET_MM = (1.0, 3.0)  # rays of one ball may pass its place by this: most panels sag by less than 1 mm, some by 2
CROSSED = float(np.sin(np.radians(15.0)))  # lines of sight nearer to each other than this say nothing of the depth
FARTHEST_MM = 150.0  # from the isocentre: no phantom for one isocentre reaches further
AS_WELL = 2.0  # another arrangement whose rays miss by no more than this factor explains the images as well
FLOOR_MM = 0.3  # by which rays miss on any machine: below it one arrangement is no better than another
ALONE_MM = 4.0  # a ball that another ball comes as near to in the image would have shared its field, and the field been refused
FOREIGN_MM = 1.5  # a ray that misses by this, while the others meet four times nearer without it, is another ball's
SORT_MM = 5.0  # names follow positions rounded to this, so that they are the same next month


@dataclass(frozen=True, eq=False)
class Target:
    """A ball in the couch's frame (F, couch at 0), mm from the imager's origin: the sightings that are of it, and by how much
    (root mean square) their rays miss it.
    """

    name: str
    position_mm: Array
    sightings: tuple[int, ...]
    miss_mm: float


@dataclass(frozen=True, eq=False)
class Point:
    """A place where rays meet, and whose they are."""

    position_mm: Array
    sightings: frozenset[int]
    squares: float

    @property
    def rank(self) -> tuple[int, float]:
        """The more rays the better, then the nearer."""
        return -len(self.sightings), self.squares / len(self.sightings)


def place(shot: Shot) -> Array:
    """The ball from the imager's own origin, (u, v) mm."""
    return np.asarray(shot.ball_mm + frames.receptor_mm(shot.image))


def match(seen: Sequence[Shot]) -> tuple[tuple[Target, ...], dict[int, str]]:
    """The targets, and for every sighting that belongs to none the reason.

    Fails (with reasons) for balls seen along one line only, and where two arrangements of balls explain the images alike.
    """
    if not seen:
        return (), {}
    for meet_mm in MEET_MM:  # the narrower tells more balls apart, and is enough where it explains everything
        rays = Rays.of(seen, meet_mm)
        points = rays.crossings()
        best = rays.explain(points)
        doubtful = _doubtful(rays, points, best)
        if not doubtful and not _left(rays, best):
            break
    alone = "this ball was seen along one line only, its place is not known; expose it from a gantry angle 15 degrees or more away"
    twice = "balls cannot be told apart: another arrangement explains the images as well; expose from one more oblique gantry angle"
    why = dict.fromkeys(range(len(seen)), alone)
    for point in best:
        for k in point.sightings:
            why.pop(k)
            if point in doubtful:
                why[k] = twice
    certain = sorted((p for p in best if p not in doubtful), key=lambda p: tuple(np.round(p.position_mm / SORT_MM)))
    return tuple(_named(k, point) for k, point in enumerate(certain)), why


def _named(k: int, point: Point) -> Target:
    x, y, z = np.round(point.position_mm, 1) + 0.0  # not -0.0
    letter = ascii_uppercase[k % 26] * (k // 26 + 1)
    name = f"{letter} (x, y, z) = ({x:+.1f}, {y:+.1f}, {z:+.1f}) mm"
    return Target(name, point.position_mm, tuple(sorted(point.sightings)), float(np.sqrt(point.squares / len(point.sightings))))


def _doubtful(rays: Rays, points: Sequence[Point], best: Sequence[Point]) -> list[Point]:
    """Those of the best explanation that another one, as simple and about as near, does not have.

    Simple: few balls and few rays left over; where balls are not seen from everywhere, one more of either is as simple.
    """
    doubtful = rays.crowded(best)
    squares, pieces = sum(p.squares for p in best), len(best) + _left(rays, best) + (0 if rays.complete(best) else 1)
    floor = FLOOR_MM**2 * len(rays.image)
    for rival in points:
        shared = [p for p in best if p.sightings & rival.sightings and p.sightings != rival.sightings]
        if not shared or len(rival.sightings) < min(len(p.sightings) for p in shared) - 1:
            continue
        other = rays.explain(points, rival)
        if len(other) + _left(rays, other) <= pieces and sum(p.squares for p in other) + floor <= AS_WELL**2 * (squares + floor):
            kept = {p.sightings for p in other}
            doubtful += [p for p in best if p.sightings not in kept and p not in doubtful]
    return doubtful


def _left(rays: Rays, points: Iterable[Point]) -> int:
    return len(rays.image) - sum(len(p.sightings) for p in points)


@dataclass(frozen=True, eq=False)
class Rays:
    """One ray per sighting: views, (u, v) mm, and the image each is in; rays that pass a point by ``meet_mm`` meet there."""

    views: Views
    uv_mm: Array
    image: NDArray[np.intp]
    meet_mm: float

    @classmethod
    def of(cls, seen: Sequence[Shot], meet_mm: float) -> Rays:
        """The rays through the balls as the panel shows them."""
        number = {uid: k for k, uid in enumerate(dict.fromkeys(s.image.sop_instance_uid for s in seen))}
        image = np.array([number[s.image.sop_instance_uid] for s in seen])
        return cls(Views.of([s.image for s in seen]), np.array([place(s) for s in seen]), image, meet_mm)

    def crossings(self) -> list[Point]:
        """Every place where rays of two images or more meet, each once."""
        pairs = np.array([(i, j) for i, j in combinations(range(len(self.image)), 2) if self.image[i] != self.image[j]], dtype=np.intp)
        if not len(pairs):
            return []
        left, right = self.views.ray_rows(self.uv_mm)
        towards = self.views.axes[:, 2, :]
        crossed = 1 - np.einsum("pi,pi->p", towards[pairs[:, 0]], towards[pairs[:, 1]]) ** 2 > CROSSED**2
        pairs = pairs[crossed]
        rows, sides = left[pairs].reshape(-1, 4, 3), right[pairs].reshape(-1, 4, 1)
        found = np.linalg.solve(np.swapaxes(rows, 1, 2) @ rows, np.swapaxes(rows, 1, 2) @ sides)[:, :, 0]
        miss = np.stack([self._miss(found)[np.arange(len(pairs)), pairs[:, k]] for k in (0, 1)]) if len(pairs) else np.zeros((2, 0))
        near = (miss.max(axis=0) < self.meet_mm) & (np.linalg.norm(found, axis=1) < FARTHEST_MM)
        everyone = np.ones(len(self.image), dtype=bool)
        points = {p.sightings: p for start in found[near] if (p := self._settled(start, everyone)) is not None}
        return sorted(points.values(), key=lambda p: (*p.rank, sorted(p.sightings)))

    def explain(self, points: Sequence[Point], first: Point | None = None) -> list[Point]:
        """Points that share no ray, the one with most rays first (or the one given), then from what is left, and so on."""
        free, waiting = np.ones(len(self.image), dtype=bool), list(points)
        chosen: list[Point] = []
        while waiting:
            best = first if first is not None and not chosen else min(waiting, key=lambda p: (*p.rank, sorted(p.sightings)))
            chosen.append(best)
            free[list(best.sightings)] = False
            touched = [p for p in waiting if p.sightings & best.sightings]
            again = (self._settled(p.position_mm, free) for p in touched)
            rest = [p for p in waiting if not p.sightings & best.sightings]
            waiting = list({p.sightings: p for p in [*rest, *(p for p in again if p is not None)]}.values())
        return chosen

    def _miss(self, points: Array) -> Array:
        """(points, rays): how far each ray passes each point, as the panel sees it."""
        return np.asarray(np.linalg.norm(self.views.project(points[:, None, :]) - self.uv_mm, axis=-1))

    def _settled(self, start: Array, free: NDArray[np.bool_]) -> Point | None:
        """The point of the rays that pass near a place, one per image at most; None where fewer than two cross."""
        position, members = start, np.zeros(0, dtype=np.intp)
        for _ in range(3):
            miss = np.where(free, self._miss(position[None, :])[0], np.inf)
            nearest = [int(mine[np.argmin(miss[mine])]) for k in np.unique(self.image) if len(mine := np.flatnonzero(self.image == k))]
            members = np.array([k for k in nearest if miss[k] < self.meet_mm], dtype=np.intp)
            if len(members) < 2 or self.views.chosen(members.tolist()).spread() < CROSSED:
                return None
            position = self.views.chosen(members.tolist()).triangulate(self.uv_mm[members])
        position, members = self._without_foreign(position, members)
        squares = float((self._miss(position[None, :])[0, members] ** 2).sum())
        return Point(position, frozenset(members.tolist()), squares)

    def _without_foreign(self, position: Array, members: NDArray[np.intp]) -> tuple[Array, NDArray[np.intp]]:
        """The place and its rays without one that does not belong, if there is one."""
        miss = self._miss(position[None, :])[0, members]
        if len(members) < 4 or miss.max() < FOREIGN_MM / 2:
            return position, members
        for k in np.argsort(-miss)[:3]:
            others = np.delete(members, k)
            if self.views.chosen(others.tolist()).spread() < CROSSED:
                continue
            again = self.views.chosen(others.tolist()).triangulate(self.uv_mm[others])
            passing = self._miss(again[None, :])[0]
            if passing[members[k]] > max(FOREIGN_MM, 4 * float(np.sqrt(np.mean(passing[others] ** 2)))):
                return again, others
        return position, members

    def complete(self, points: Sequence[Point]) -> bool:
        """Whether every point is seen in every image, or in every direction: then none can be missing by chance."""
        towards = np.round(self.views.axes[:, 2, :] / CROSSED)
        directions = {tuple(line) for line in towards.tolist()}
        return all({tuple(towards[k].tolist()) for k in point.sightings} == directions for point in points)

    def crowded(self, points: Sequence[Point]) -> list[Point]:
        """Points that another one comes too near to in an image for both to be true."""
        found: list[Point] = []
        for point, other in permutations(points, 2):
            mine = sorted(point.sightings)
            if (self._miss(other.position_mm[None, :])[0, mine] < ALONE_MM).any():
                found += [p for p in (point, other) if p not in found]
        return found
