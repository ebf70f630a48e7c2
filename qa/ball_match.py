"""Which ball found is which of a certificate: told by their distances, or refused.

A phantom is known by the distances of its balls. Every assignment of the balls found to those of the certificate is looked for that three
balls propose and the others agree with; two different ones, or none, are refused, with what was seen.

Physics: docs/physics/couch_6dof.md, section 2.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, permutations

import numpy as np
from numpy.typing import NDArray

from qa.ball_position import SCALE
from qa.certificate import Ball, Certificate
from qa.features.place import Place
from qa.features.volume_balls import fits
from qa.reading import AnalysisError
from qa.rigid import FEWEST, FLAT, kabsch, mirrored

Array = NDArray[np.float64]
LIKE_MM = 1.0  # two distances this near may be the same one: ten times what makers state
FIRST = 1.5  # times that, where a pose from three balls says where the others are
SIGMAS, LEAST_MM = 4.5, 0.05  # a distance further off than both is not this phantom's: of a thousand phantoms none


@dataclass(frozen=True)
class Matched:
    """One ball of the certificate, and where it was found: ``point_mm`` (3,) in F, ``components`` named covariances (3, 3)."""

    ball: Ball
    place: Place
    point_mm: Array
    components: dict[str, Array]

    @property
    def covariance(self) -> Array:
        """(3, 3), mm^2."""
        return np.asarray(sum(self.components.values(), np.zeros((3, 3))))


@dataclass(frozen=True)
class Seen:
    """A ball-like thing in a volume, in F: as ``Matched``, of no name yet."""

    place: Place
    point_mm: Array
    components: dict[str, Array]


def match(seen: Sequence[Seen], certificate: Certificate) -> tuple[list[Matched], tuple[str, ...]]:
    """The balls by their names, in the certificate's order, and what a reader should know of it.

    AnalysisError when fewer than three are there or all on a line, when their distances are not the certificate's, when they fit in two
    ways, or as a mirror image only.
    """
    balls = certificate.balls
    if len(seen) < FEWEST:
        raise AnalysisError(
            f"{len(seen)} of the {len(balls)} balls of {certificate.title} can be seen, {FEWEST} are needed: "
            "scan the whole phantom, nothing else beside it"
        )
    best = [_named(pairs, seen, balls) for pairs in _assignments(seen, balls)]
    if not best or len(best[0]) < min(len(seen), len(balls)):  # balls are missing, and others are where none should be
        raise AnalysisError(_stranger(seen, certificate))
    right = [found for found in best if not _off(found)]
    if not right:
        raise AnalysisError(
            f"the balls are not where the certificate of {certificate.title} says: {_off(best[0])}; hand in the certificate of the phantom "
            "in the scan, or have the phantom, or the scan's scale, checked"
        )
    if len(right) > 1:
        raise AnalysisError(
            f"the {len(seen)} balls that can be seen fit {certificate.title} in {len(right)} ways: too few, or too evenly placed, to tell "
            "how it lies; scan the whole phantom"
        )
    found = right[0]
    extra = len(seen) - len(found)
    lost = [ball.name for ball in balls if all(ball is not one.ball for one in found)]
    flags = [f"measured without {', '.join(lost)}: not found, not round, or not apart from another thing"] if lost else []
    flags += [f"{extra} more round things in the scan than the phantom has: left out"] if extra else []
    return found, tuple(flags)


def _named(pairs: Sequence[tuple[int, int]], seen: Sequence[Seen], balls: Sequence[Ball]) -> list[Matched]:
    """An assignment's balls in the certificate's order."""
    by_ball = sorted(pairs, key=lambda pair: pair[1])
    return [Matched(balls[j], seen[k].place, seen[k].point_mm, seen[k].components) for k, j in by_ball]


def _assignments(seen: Sequence[Seen], balls: Sequence[Ball]) -> list[tuple[tuple[int, int], ...]]:
    """The largest sets of (index seen, index in the certificate) that one rigid motion explains, each once."""
    there, here = np.array([one.point_mm for one in seen]), np.array([ball.place_mm for ball in balls])
    apart = np.linalg.norm(there[:, None] - there, axis=-1)
    proposed: set[tuple[tuple[int, int], ...]] = set()
    done: set[frozenset[tuple[int, int]]] = set()
    for named in _triangles(apart, here):
        if any(set(named) <= one for one in done):
            continue
        whole = _grown(named, seen, there, here, balls)
        if whole:
            done.add(frozenset(whole))
            proposed.add(whole)
    most = max((len(one) for one in proposed), default=0)
    return sorted(one for one in proposed if len(one) == most)


def _triangles(apart: Array, here: Array) -> Iterator[tuple[tuple[int, int], ...]]:
    """Every three balls seen with three of the certificate that are as far apart, none on a line."""
    known = np.linalg.norm(here[:, None] - here, axis=-1)
    for a, b, c in combinations(range(len(apart)), 3):
        for i, j in permutations(range(len(here)), 2):
            if abs(apart[a, b] - known[i, j]) > LIKE_MM:
                continue
            near = (np.abs(apart[a, c] - known[i]) < LIKE_MM) & (np.abs(apart[b, c] - known[j]) < LIKE_MM)
            for k in np.flatnonzero(near).tolist():
                if k not in (i, j) and not _on_a_line(here[[i, j, k]]):
                    yield (a, i), (b, j), (c, k)


def _on_a_line(points: Array) -> bool:
    size = np.linalg.svd(points - points.mean(axis=0), compute_uv=False)
    return bool(size[1] < FLAT * size[0])


def _grown(
    named: tuple[tuple[int, int], ...], seen: Sequence[Seen], there: Array, here: Array, balls: Sequence[Ball]
) -> tuple[tuple[int, int], ...]:
    """The three with all others that lie where their pose puts them; () where one of the three does not."""
    rotation, shift = kabsch(here[[j for _, j in named]], there[[k for k, _ in named]])
    for near in (FIRST * LIKE_MM, LIKE_MM):  # once more with all of them: a pose from three is worse far from them
        placed = here @ rotation.T + shift
        far = np.linalg.norm(there[:, None] - placed, axis=-1)
        pairs = [(k, int(far[k].argmin())) for k in range(len(there)) if far[k].min() < near]
        pairs = [(k, j) for k, j in pairs if fits(seen[k].place, balls[j]) and k == int(far[:, j].argmin())]
        if len(pairs) < FEWEST or not set(named) <= set(pairs):
            return ()
        rotation, shift = kabsch(here[[j for _, j in pairs]], there[[k for k, _ in pairs]])
    return tuple(sorted(pairs))


def _off(found: Sequence[Matched]) -> str:
    """Which distance is not the certificate's within what both are worth, as that of another serial is not; "" when all are."""
    worst, words = 1.0, ""
    for one, other in combinations(found, 2):
        here = np.subtract(one.ball.place_mm, other.ball.place_mm)
        there = one.point_mm - other.point_mm
        stated, measured = float(np.linalg.norm(here)), float(np.linalg.norm(there))
        along = there / measured
        certified = (np.array(one.ball.u_mm) ** 2 + np.array(other.ball.u_mm) ** 2) @ (here / stated) ** 2
        u = float(np.sqrt(along @ (one.covariance + other.covariance) @ along + certified + (SCALE * stated) ** 2))
        share = abs(measured - stated) / max(SIGMAS * u, LEAST_MM)
        if share > worst:
            worst = share
            words = f"{one.ball.name} and {other.ball.name} are {measured:.2f} mm apart, the certificate says {stated:.2f} (U {2 * u:.2f})"
    return words


def _stranger(seen: Sequence[Seen], certificate: Certificate) -> str:
    """Another phantom than the certificate's, with what was seen of it; or the same in a mirror."""
    there, balls = np.array([one.point_mm for one in seen]), certificate.balls
    flipped = [Seen(one.place, one.point_mm * (-1.0, 1.0, 1.0), one.components) for one in seen]
    reflected = _assignments(flipped, balls)
    if reflected and len(reflected[0]) > FEWEST:
        pairs = reflected[0]
        if mirrored(np.array([balls[j].place_mm for _, j in pairs]), there[[k for k, _ in pairs]]):
            return (
                f"the scan shows a mirror image of {certificate.title}: the patient position or the slices' order in the files is wrong; "
                "correct it at the console and scan again"
            )
    distances = sorted(float(np.linalg.norm(a - b)) for a, b in combinations(there, 2))
    known = sorted(float(np.linalg.norm(np.subtract(a.place_mm, b.place_mm))) for a, b in combinations(balls, 2))
    return (
        f"the scan does not show {certificate.title}: {len(seen)} balls, {_listed(distances)} mm apart, the certificate has {len(balls)}, "
        f"{_listed(known)} mm apart; hand in the certificate of the phantom in the scan"
    )


def _listed(values: Sequence[float]) -> str:
    shown = ", ".join(f"{value:.1f}" for value in values[:6])
    return f"{shown}, ..." if len(values) > 6 else shown
