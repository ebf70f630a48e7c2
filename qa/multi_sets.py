"""The sightings of a set put in order: which is of which target, what was lost, and what all of them say together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qa import frames
from qa.acquisition import Image
from qa.multi_fit import Parts, decompose, vector
from qa.multi_geometry import Views
from qa.multi_match import ALONE_MM, Target, match
from qa.multi_shots import Lost, Sight
from qa.shots import Shot, Unseen

Array = NDArray[np.float64]
FEWEST = 2  # targets, of two sightings each: less says nothing that is common to all


@dataclass(frozen=True)
class Found:
    """A set: measured sightings with the name each goes by, lost fields with theirs, images without a field, the targets,
    sightings of no known target (index to reason), and the components common to all (a text says why there are none).
    """

    seen: tuple[Shot, ...]
    names: tuple[str, ...]
    lost: tuple[tuple[Lost, str], ...]
    unseen: tuple[Unseen, ...]
    targets: tuple[Target, ...]
    alone: dict[int, str]
    parts: Parts | str

    @property
    def gone(self) -> str:
        """What could not be measured, in words; "" when nothing."""
        lost = [f"{lost.image.name}, {name}" for lost, name in self.lost]
        names = [*(unseen.image.name for unseen in self.unseen), *lost]
        return f"{len(names)} could not be measured: {'; '.join(names)}" if names else ""

    @property
    def unplaced(self) -> str:
        """Sightings that belong to no known target, in words; "" when there are none."""
        reasons = "; ".join(dict.fromkeys(self.alone.values()))
        return f"{len(self.alone)} balls belong to no known target: {reasons}" if self.alone else ""

    def displacement(self, target: Target) -> tuple[Array, Array] | None:
        """One target's displacement against its fields, (3,) with covariance; None when it was seen along one line only."""
        chosen = [self.seen[k] for k in target.sightings]
        offsets, u = np.array([s.offset_mm for s in chosen]), np.array([s.offset_u_mm for s in chosen])
        return vector(Views.of([s.image for s in chosen]), target.position_mm, offsets, u)


def gather(sights: Sequence[Sight]) -> Found:
    """Balls given to targets, lost fields too where a target stands, and the common components fitted."""
    seen = tuple(s for s in sights if isinstance(s, Shot))
    targets, alone = match(seen)
    names = {k: target.name for target in targets for k in target.sightings}
    lost = tuple((s, _nearest(s.image, s.field_mm, targets)) for s in sights if isinstance(s, Lost))
    return Found(
        seen=seen,
        names=tuple(names.get(k) or at(s.image, s.field_mm) for k, s in enumerate(seen)),
        lost=lost,
        unseen=tuple(s for s in sights if isinstance(s, Unseen)),
        targets=targets,
        alone=alone,
        parts=_parts(seen, targets),
    )


def at(image: Image, field_mm: Array) -> str:
    """A field of no known target, by where it is from the imager's origin."""
    u, v = np.round(field_mm + frames.receptor_mm(image), 1) + 0.0  # not -0.0
    return f"field at (u, v) = ({u:+.1f}, {v:+.1f}) mm"


def _nearest(image: Image, field_mm: Array, targets: Sequence[Target]) -> str:
    """The target whose ball is expected in a field that was lost, or the field's own place."""
    place = field_mm + frames.receptor_mm(image)
    views = Views.of([image])
    near = [(float(np.linalg.norm(views.project(target.position_mm[None, :])[0] - place)), target.name) for target in targets]
    distance, name = min(near, default=(np.inf, ""))
    return name if distance < ALONE_MM else at(image, field_mm)


def _parts(seen: Sequence[Shot], targets: Sequence[Target]) -> Parts | str:
    """The components common to all targets."""
    if len(targets) < FEWEST:
        return f"at least {FEWEST} targets are needed that are seen from two directions; there are {len(targets)}"
    pairs = [(seen[k], target) for target in targets for k in target.sightings]
    offsets, u = np.array([shot.offset_mm for shot, _ in pairs]), np.array([shot.offset_u_mm for shot, _ in pairs])
    which = np.array([targets.index(target) for _, target in pairs])
    return decompose(Views.of([shot.image for shot, _ in pairs]), np.array([t.position_mm for _, t in pairs]), which, offsets, u)
