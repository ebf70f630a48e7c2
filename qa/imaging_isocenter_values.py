"""Vectors, lengths and largest offsets as readings, with their budgets: docs/physics/imaging_isocenter.md, sections 3 and 4."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qa.angles import same
from qa.ball_day import RADIATION, ImagingSet
from qa.ball_values import Quantities, State, distance
from qa.couch_move import Move
from qa.imaging_isocenter_vectors import Coincidence, Offsets
from qa.reading import Measured, NotMeasured, Quantity, Reading
from qa.rotation import length

Array = NDArray[np.float64]
CARDINALS = (0.0, 90.0, 180.0, 270.0)


@dataclass(frozen=True)
class Compared:
    """One imaging set against the treatment isocentre: move, vector and offsets, or why there are none."""

    item: ImagingSet
    move: Move | str
    vector: Coincidence | str
    offsets: Offsets | str


def largest(quantities: Quantities, one: Compared, at: State, flags: tuple[str, ...], missing: str) -> list[Reading]:
    """Largest offset over the images (of a volume: over its projections at 0 and 90 degrees), and over the cardinal angles."""
    kind = one.item.kind
    widest = quantities[f"{kind}_isocenter_max_2d"]
    if kind == "cbct":
        if isinstance(one.vector, str):
            return [NotMeasured(widest, one.vector, at)]
        views = [np.array([0, 1]), np.array([2, 1])]
        worst = max(views, key=lambda view: float(np.hypot(*one.vector.vector_mm[view])) if isinstance(one.vector, Coincidence) else 0.0)
        parts = {name: part[np.ix_(worst, worst)] for name, part in one.vector.components.items()}
        return [distance(widest, one.vector.vector_mm[worst], parts, at, flags, missing)]
    cardinals = quantities[f"{kind}_isocenter_cardinals"]
    if isinstance(one.offsets, str):
        return [NotMeasured(quantity, one.offsets, at) for quantity in (widest, cardinals)]
    everywhere = _of_images(widest, one, range(len(one.item.images)), at, flags, missing)
    absent = [a for a in CARDINALS if not any(same(seen.image.gantry_deg, a) for seen in one.item.images)]
    if absent:
        reason = f"{RADIATION[kind]} images at gantry {', '.join(f'{a:.0f}' for a in absent)} are missing"
        return [everywhere, NotMeasured(cardinals, reason, at)]
    there = [k for k, seen in enumerate(one.item.images) if any(same(seen.image.gantry_deg, a) for a in CARDINALS)]
    return [everywhere, _of_images(cardinals, one, there, at, flags, missing)]


def _of_images(quantity: Quantity, one: Compared, which: Sequence[int], at: State, flags: tuple[str, ...], missing: str) -> Measured:
    """The longest offset of some images, its noise taken out."""
    assert isinstance(one.offsets, Offsets)
    u = one.offsets.u_mm
    worst = max(which, key=lambda k: length(one.offsets.values_mm[k], np.diag(u[k] ** 2))[0] if isinstance(one.offsets, Offsets) else 0.0)
    parts = {name: np.diag(part[worst] ** 2) for name, part in one.offsets.components.items()}
    state = at | {"gantry_deg": one.item.images[worst].image.gantry_deg}
    return distance(quantity, one.offsets.values_mm[worst], parts, state, flags, missing)
