"""Where lines and projections meet, by general optimisers: slow, and nobody's production code, so a truth to test against."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from phantoms.machine import BeamAxis
from phantoms.rays import Point, Point3, project, to_gantry

Array = NDArray[np.float64]
STARTS = (0.0, 0.013, -0.029)  # from the least-squares point, in shares of its largest distance: not along any symmetry
TIE_MM = 0.001  # nearly parallel lines leave the centre open along themselves; a micrometre more of radius is no worse


def smallest_sphere(axes: Sequence[BeamAxis]) -> tuple[Array, float]:
    """Centre (x, y, z) mm in F and radius mm; minimises the radius under one constraint per line (SLSQP), from the least-squares point."""
    points = np.array([axis.source_mm for axis in axes])
    across = np.array([np.eye(3) - np.outer(axis.direction, axis.direction) for axis in axes])
    return _smallest(across, np.einsum("nij,nj->ni", across, points))


def smallest_circle(points: Sequence[tuple[float, float]]) -> tuple[Array, float]:
    """Centre (2,) and radius of the smallest circle around points of a plane."""
    places = np.array(points)
    return _smallest(np.broadcast_to(np.eye(2), (len(places), 2, 2)), places)


def smallest_touching_circle(normals: Array, offsets_mm: Array) -> tuple[Array, float]:
    """Centre (2,) and radius of the smallest circle that all lines of a plane touch: n . p = offset, ``normals`` (n, 2) of unit length."""
    across = np.einsum("ni,nj->nij", normals, normals)
    return _smallest(across, normals * np.asarray(offsets_mm)[:, None])


def _smallest(across: NDArray[np.float64], feet: Array) -> tuple[Array, float]:
    """Minimise r over (p, r) with |across_k p - feet_k| <= r; of all p within TIE_MM of it take the one with the least sum of squares."""
    from scipy import optimize

    minimize: Any = optimize.minimize  # its stubs know no dictionary of constraints

    size = across.shape[-1]
    start = np.linalg.lstsq(across.reshape(-1, size), feet.ravel(), rcond=None)[0]
    scale = max(float(np.linalg.norm(across @ start - feet, axis=1).max()), 1e-9)

    def room(x: Array) -> Array:
        rest = across @ (start + scale * x[:size]) - feet
        value: Array = x[size] ** 2 - (rest**2).sum(axis=1) / scale**2
        return value

    def slopes(x: Array) -> Array:
        rest = across @ (start + scale * x[:size]) - feet
        return np.hstack([-2 * np.einsum("nij,ni->nj", across, rest) / scale, np.full((len(feet), 1), 2 * x[size])])

    def reached(x: Array) -> float:
        return float(np.linalg.norm(across @ (start + scale * x[:size]) - feet, axis=1).max())

    least = min((_minimised(minimize, size, room, slopes, first) for first in STARTS), key=reached)  # some starts throw the solver off
    smallest = reached(least)

    def spare(x: Array) -> Array:
        rest = across @ (start + scale * x) - feet
        value: Array = ((smallest + TIE_MM) / scale) ** 2 - (rest**2).sum(axis=1) / scale**2
        return value

    def total(x: Array) -> tuple[float, Array]:
        rest = across @ (start + scale * x) - feet
        return float((rest**2).sum()) / scale**2, 2 * np.einsum("nij,ni->j", across, rest) / scale

    settled = minimize(
        total, least[:size], jac=True, method="SLSQP",
        constraints={"type": "ineq", "fun": spare, "jac": lambda x: slopes(np.append(x, 0.0))[:, :size]},
        options={"ftol": 1e-15, "maxiter": 500},
    )  # fmt: skip
    centre: Array = start + scale * settled.x
    return centre, smallest


def _minimised(minimize: Any, size: int, room: Any, slopes: Any, first: float) -> Array:
    """(p, r) with the least r, from p = ``first`` along every axis; whatever the solver ended with."""
    start, down = np.append(np.full(size, first), 1.0 + abs(first) * size), np.append(np.zeros(size), 1.0)
    found = minimize(
        lambda x: x[size], start, jac=lambda x: down, method="SLSQP",
        constraints={"type": "ineq", "fun": room, "jac": slopes}, options={"ftol": 1e-14, "maxiter": 500},
    )  # fmt: skip
    result: Array = np.nan_to_num(found.x, nan=1e30)
    return result


def ball_from_projections(seen_mm: Sequence[Point], gantry_deg: Sequence[float], sad_mm: float) -> Point3:
    """The point of F whose projections on the isocentre plane are nearest to what was seen, by a general optimiser."""
    from scipy import optimize

    def misses(point: Array) -> Array:
        places = [project(to_gantry((point[0], point[1], point[2]), angle), (0.0, 0.0), sad_mm).uv_mm for angle in gantry_deg]
        return np.subtract(places, seen_mm).ravel()

    x, y, z = optimize.least_squares(misses, np.zeros(3), xtol=1e-14, ftol=1e-14, gtol=1e-14).x
    return float(x), float(y), float(z)
