"""Angles on the circle: which images differ in one axis only, and whether they cover it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from qa.acquisition import Image
from qa.frames import angle_difference

SAME_DEG = 1.0  # readouts of "the same" angle scatter by 0.2 degrees (a couch at zero reads 359.79), steps of a test are 15 degrees or more


def same(a_deg: float, b_deg: float) -> bool:
    """Whether two readouts are the same angle."""
    return abs(angle_difference(a_deg, b_deg)) <= SAME_DEG


def distinct(angles_deg: Sequence[float]) -> tuple[float, ...]:
    """One of each angle, in [0, 360), sorted."""
    kept: list[float] = []
    for angle in angles_deg:
        if not any(same(angle, other) for other in kept):
            kept.append(angle % 360.0)
    return tuple(sorted(kept))


def largest_gap(angles_deg: Sequence[float]) -> tuple[float, float]:
    """The largest unseen arc and its middle, degrees; (360, 180) for fewer than two angles."""
    angles = distinct(angles_deg)
    if len(angles) < 2:
        return 360.0, (angles[0] + 180.0) % 360.0 if angles else 180.0
    gaps = [((b - a) % 360.0, a) for a, b in zip(angles, (*angles[1:], angles[0]), strict=True)]
    gap, start = max(gaps)
    return gap, (start + gap / 2) % 360.0


@dataclass(frozen=True)
class Turned:
    """Images that differ in one axis only: indices into the acquisition, and the angles the other axes stood at."""

    indices: tuple[int, ...]
    angles_deg: tuple[float, ...]
    others_deg: tuple[float, float]


_AXES = ("gantry", "collimator", "couch")


def angle(image: Image, axis: str) -> float:
    """The readout of "gantry", "collimator" or "couch", degrees."""
    return {"gantry": image.gantry_deg, "collimator": image.collimator_deg, "couch": image.couch_deg}[axis]


def turned(images: Sequence[Image], axis: str) -> Turned:
    """The largest set in which only ``axis`` turns (any reference angles); ties go to references nearest to 0."""
    first, second = (other for other in _AXES if other != axis)
    best: tuple[tuple[int, int, float], Turned] | None = None
    references = {(round(angle(i, first) % 360.0, 1), round(angle(i, second) % 360.0, 1)) for i in images}
    for reference in sorted(references):
        indices = tuple(k for k, i in enumerate(images) if same(angle(i, first), reference[0]) and same(angle(i, second), reference[1]))
        angles = tuple(angle(images[k], axis) for k in indices)
        from_zero = sum(abs(angle_difference(a, 0.0)) for a in reference)
        rank = (len(distinct(angles)), len(indices), -from_zero)
        if best is None or rank > best[0]:
            best = rank, Turned(indices, angles, reference)
    return best[1] if best else Turned((), (), (0.0, 0.0))


def shortage(axis: str, angles_deg: Sequence[float], fewest: int, widest_gap_deg: float) -> str:
    """What is missing for a measurement about an axis, in words; "" when the angles suffice."""
    seen = distinct(angles_deg)
    gap, middle = largest_gap(seen)
    if len(seen) >= fewest and gap <= widest_gap_deg:
        return ""
    have = ", ".join(f"{a:.0f}" for a in seen) or "none"
    need = f"at least {fewest} {axis} angles with the other axes fixed, no gap wider than {widest_gap_deg:.0f} degrees"
    return f"{need}; measured: {have}; expose more images, one near {axis} {middle:.0f} degrees"
