"""What moves all balls against all fields alike: shift, rotation, scale, collimator angle.

Section 6 of docs/physics/winston_lutz_multi.md.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qa.isocentre import RESAMPLES, SEED
from qa.multi_geometry import Views

Array = NDArray[np.float64]
NAMES = ("shift x", "shift y", "shift z", "pitch", "roll", "yaw", "scale", "collimator angle")
WEAK = 0.1  # a combination that the images see ten times less than the best seen one is given up: what is not modelled would be magnified
PURE = 0.02  # a component is itself when less than this of it, and of any other, is in its place
ORIGIN_MM = 0.5  # by which the imager's origin misses the treatment isocentre: 0.1 to 0.4 mm were published, sag comes on top
PLACE_MM = 0.3  # by which a panel's sag misplaces each ball besides, as not all are seen from the same angles
STEPS, LITTLE = 3, 1e-4


@dataclass(frozen=True)
class Parts:
    """The eight components in the order of ``NAMES`` (mm, degrees, %), their covariance (8, 8), its part from where the isocentre is (8,),
    what cannot be told from what (index to words), and what is left, mm: root mean square per sighting, its uncertainty and the part of
    that from where the isocentre is (all 0 where there are no more numbers than components).
    """

    values: Array
    covariance: Array
    origin_u: Array
    open: dict[int, str]
    residual_mm: float
    residual_u_mm: float
    residual_origin_mm: float


def decompose(views: Views, places_mm: Array, target: NDArray[np.intp], offsets_mm: Array, u_mm: Array) -> Parts:
    """Least squares over all sightings, each of the same weight.

    ``places_mm`` (n, 3) is where the ball of each sighting stands, ``target`` (n,) which it is, ``offsets_mm`` and ``u_mm`` (n, 2).
    """
    values = _solve(views, places_mm, offsets_mm)
    design, left = _around(views, places_mm, values, offsets_mm)
    inverse, weak = _inverse(design)
    rest = _projector(design) @ left
    moved, grown = [], []
    apart = [PLACE_MM * (target == k)[:, None] * axis for k in np.unique(target) for axis in np.eye(3)]
    for step in (*(ORIGIN_MM * np.eye(3)), *apart):  # everything fitted again with balls elsewhere
        other, difference = _around(views, places_mm + step, values, offsets_mm)
        moved.append(_inverse(other)[0] @ difference)
        grown.append(np.linalg.norm(_projector(other) @ difference) - np.linalg.norm(rest))
    covariance = (inverse * u_mm.ravel() ** 2) @ inverse.T + np.array(moved).T @ np.array(moved)
    residual, residual_u = _residual(_projector(design), rest, u_mm)
    origin = np.sqrt(np.square(moved).sum(axis=0))
    residual_origin = float(np.linalg.norm(grown)) / np.sqrt(len(offsets_mm)) if residual_u > 0 else 0.0
    return Parts(values, covariance, origin, weak, residual, float(np.hypot(residual_u, residual_origin)), residual_origin)


def _projector(design: Array) -> Array:
    """(2n, 2n): what the components cannot explain of any offsets."""
    return np.asarray(np.eye(len(design)) - design @ np.linalg.pinv(design))


def _around(views: Views, places_mm: Array, values: Array, offsets_mm: Array) -> tuple[Array, Array]:
    """The slopes (2n, 8) of the offsets at some values of the components, and what these leave of the offsets (2n,)."""
    start = _model(views, places_mm, values)
    columns = [(_model(views, places_mm, values + LITTLE * unit) - start).ravel() / LITTLE for unit in np.eye(len(NAMES))]
    return np.stack(columns, axis=1), (offsets_mm - start).ravel()


def _solve(views: Views, places_mm: Array, offsets_mm: Array) -> Array:
    """The eight components: Gauss-Newton, which small angles need two steps of."""
    values = np.zeros(len(NAMES))
    for _ in range(STEPS):
        design, left = _around(views, places_mm, values, offsets_mm)
        values = values + _inverse(design)[0] @ left
    return values


def _model(views: Views, places_mm: Array, values: Array) -> Array:
    """(n, 2): ball minus field when the phantom was planned elsewhere by these values and the fields follow the plan with an error."""
    planned = (places_mm - values[:3]) @ _rotation(values[3:6])
    angle = np.radians(values[7])
    turned = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return np.asarray(_own(views, places_mm) - (1 + values[6] / 100) * _own(views, planned) @ turned.T)


def _rotation(turned_deg: Array) -> Array:
    """(3, 3): right-handed about x, then y, then z."""
    whole = np.eye(3)
    for k, angle in enumerate(np.radians(turned_deg)):
        i, j = (k + 1) % 3, (k + 2) % 3
        single = np.eye(3)
        single[i, i] = single[j, j] = np.cos(angle)
        single[i, j], single[j, i] = -np.sin(angle), np.sin(angle)
        whole = single @ whole
    return whole


def _own(views: Views, places_mm: Array) -> Array:
    """(n, 2): each place in its own view."""
    seen = np.einsum("nij,nj->ni", views.axes, places_mm)
    return np.asarray(seen[:, :2] * (views.sad_mm / (views.sad_mm - seen[:, 2]))[:, None])


def _inverse(design: Array) -> tuple[Array, dict[int, str]]:
    """The pseudo-inverse without what is hardly seen, and which components that leaves open, in words."""
    sizes = np.sqrt(np.mean(design**2, axis=0)) + 1e-12
    left, strength, right = np.linalg.svd(design / sizes, full_matrices=False)
    seen = strength > WEAK * strength[0]
    inverse = (right[seen].T / strength[seen]) @ left[:, seen].T / sizes[:, None]
    mixed = np.abs(right[seen].T @ right[seen] - np.eye(len(NAMES)))
    weak: dict[int, str] = {}
    for k, row in enumerate(mixed):
        if row.max() > PURE:
            others = [NAMES[j] for j in np.argsort(-row) if j != k and row[j] > PURE]
            weak[k] = (
                f"{NAMES[k]} cannot be told from {', '.join(others) or 'nothing at all'} in these images: expose more gantry angles, "
                "and targets that do not all lie near one line"
            )
    return inverse, weak


def _residual(left: Array, rest: Array, u_mm: Array) -> tuple[float, float]:
    """Root mean square length of what the fit leaves over, the noise's share taken out, and its standard uncertainty.

    ``left`` (2n, 2n) is what the fit leaves of any offsets, ``rest`` (2n,) what it left of these.
    """
    if np.trace(left) < 0.5:
        return 0.0, 0.0
    count = len(u_mm)
    noise = float(np.trace((left * u_mm.ravel() ** 2) @ left.T))
    raw = float(rest @ rest)
    real = rest * np.sqrt(max(0.0, 1 - noise / max(raw, 1e-300)))
    shaken = real + (np.random.default_rng(SEED).standard_normal((RESAMPLES, left.shape[1])) * u_mm.ravel()) @ left.T
    spread = float(np.std(np.sqrt((shaken**2).sum(axis=1) / count)))
    return float(np.sqrt(max(0.0, raw - noise) / count)), spread


def vector(views: Views, place_mm: Array, offsets_mm: Array, u_mm: Array) -> tuple[Array, Array] | None:
    """The displacement (3,) in the couch's frame that explains one target's offsets best, with covariance; None along one line only."""
    design = views.slopes(np.broadcast_to(place_mm, (len(offsets_mm), 3))).reshape(-1, 3)
    strength = np.linalg.svd(design, compute_uv=False)
    if strength[-1] < WEAK * strength[0]:
        return None
    inverse = np.linalg.pinv(design)
    return inverse @ offsets_mm.ravel(), (inverse * u_mm.ravel() ** 2) @ inverse.T
