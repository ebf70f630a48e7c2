"""The open signal around a ball, from the ring beyond it: a smooth surface, or a step along a straight line."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qa.features.position import Array, middle
from qa.features.splines import uniform
from qa.reading import AnalysisError

Mask = NDArray[np.bool_]

EDGE_ANGLES = np.radians(np.arange(0.0, 180.0, 7.5))
BIN_MM = 0.5  # of the profile across an edge while its direction is looked for
EDGE_KNOT_MM = 0.6  # of the open signal across an edge: half the narrowest blur of an edge outside the isocentre plane
FREE_SHARE = 0.12  # of the ring: more pixels than this off the smooth surface call for an explanation by an edge
BETTER = 0.6  # an edge must leave less than this share of what the smooth surface leaves
UNEXPLAINED = 0.45  # of the ring off the open signal, whatever it is: there is no open signal to speak of
DARKEST = 0.3  # of the brightest place: couches take less than half, what takes more is a blade or metal that hides part of the ball
LEAST = 0.2  # of the ring is dark then: a stem along the line is a seventh of it
NEAR_DEG = 2.5  # the rough angle is that good
OFF = 4.0  # times the noise: a pixel is off the open signal


@dataclass(frozen=True)
class Ring:
    """Offsets (x, y) of the pixels from the ball's centre (mm), their values, and which belong to the ring beyond the ball."""

    dx: Array
    dy: Array
    values: Array
    mask: Mask


@dataclass(frozen=True)
class Open:
    """The open signal at every pixel (rows, columns), the noise of a pixel as a share of it, and what was seen."""

    level: Array
    noise: float
    flags: tuple[str, ...]


def open_signal(ring: Ring) -> Open:
    """The open signal behind the ball; AnalysisError when the ring shows none."""
    z = ring.values[ring.mask]
    if len(z) < 40:
        raise AnalysisError("too little open field around the ball; move the ball away from the image's edge")
    scale = middle(z)
    if scale <= 0:
        raise AnalysisError("the field around the ball is not open; open the blades or move the ball")
    noise = _noise(ring) / scale
    smooth = _surface(ring.dx, ring.dy)
    level, off, _ = _robust(smooth, ring, scale, noise)
    flags: tuple[str, ...] = ()
    if off > FREE_SHARE:
        angle = _straightened(ring, _direction(ring, scale), scale, noise)
        stepped, off_stepped, _ = _robust(_edge(ring, angle), ring, scale, noise, _off_bins(ring, angle, scale))
        if off_stepped < BETTER * off:
            level, off, flags = stepped, off_stepped, ("couch edge at the ball",)
    dark, bright = np.quantile(level[ring.mask], (LEAST, 1 - LEAST))
    if off > UNEXPLAINED or dark < DARKEST * bright or float(level[ring.mask].min()) < 0.05 * scale:
        raise AnalysisError("what surrounds the ball is not an open field; move the ball away from metal, blades and edges")
    return Open(np.maximum(level, 0.02 * scale), noise, flags)


def _noise(ring: Ring) -> float:
    """Noise of a pixel from differences of neighbours, robust; a saturated field has none, so never below a thousandth of it."""
    pairs = ring.mask[:, 1:] & ring.mask[:, :-1]
    return max(middle(np.abs(np.diff(ring.values, axis=1)[pairs])) / 0.954, 1e-3 * abs(middle(ring.values[ring.mask])))


def _surface(dx: Array, dy: Array) -> Array:
    """Plane and curvature: (rows, columns, functions)."""
    reach = float(np.abs(dx).max())
    a, b = dx / reach, dy / reach
    return np.stack([np.ones_like(a), a, b, a * a, a * b, b * b], axis=2)


def _edge(ring: Ring, angle: float) -> Array:
    """Any function of the distance from a line, and a slope along it: (rows, columns, functions)."""
    across = np.cos(angle) * ring.dx + np.sin(angle) * ring.dy
    along = -np.sin(angle) * ring.dx + np.cos(angle) * ring.dy
    profile = uniform(across.ravel(), EDGE_KNOT_MM)
    along = along / np.abs(along).max()
    return np.concatenate([profile.reshape(*across.shape, -1), along[..., None], along[..., None] ** 2], axis=2)


def _robust(functions: Array, ring: Ring, scale: float, noise: float, first: Array | None = None) -> tuple[Array, float, Mask]:
    """Least squares through the ring without what is off it; the surface everywhere, the share of the ring that is off, what was used."""
    design, z = functions[ring.mask], np.asarray(ring.values[ring.mask] / scale)
    start: Array = np.asarray(z - middle(z)) if first is None else first
    use = np.abs(start) <= max(3 * 1.4826 * middle(np.abs(start)), OFF * noise)
    solution: Array = np.zeros(design.shape[1])
    for _ in range(8):
        normal = design[use].T @ design[use]
        normal.flat[:: len(normal) + 1] += 1e-7 * normal.trace() / len(normal)
        solution = np.asarray(np.linalg.solve(normal, design[use].T @ z[use]), dtype=np.float64)
        residual = np.abs(z - design @ solution)
        kept = residual <= max(OFF * noise, 3 * 1.4826 * min(middle(residual), 2 * middle(residual[use])), 1e-5)
        if (kept == use).all():
            break
        use = kept
    off = float(np.mean(residual > max(OFF * noise, 0.004)))
    return np.asarray((functions @ solution) * scale), off, use


def _straightened(ring: Ring, angle: float, scale: float, noise: float) -> float:
    """The angle that leaves least, by Newton steps from a rough one."""
    z = ring.values[ring.mask]
    for _ in range(3):
        level, _, use = _robust(_edge(ring, angle), ring, scale, noise, _off_bins(ring, angle, scale))
        along = -np.sin(angle) * ring.dx + np.cos(angle) * ring.dy
        gradient_y, gradient_x = np.gradient(level, ring.dy[:, 0], ring.dx[0])
        slope = ((np.cos(angle) * gradient_x + np.sin(angle) * gradient_y) * along)[ring.mask]
        left = z - level[ring.mask]
        near = use | (np.abs(left) < 3 * NEAR_DEG * np.abs(slope) * np.pi / 180)  # what the wrong angle put off the surface counts too
        turn = float(slope[near] @ left[near]) / max(float(slope[near] @ slope[near]), 1e-12)
        angle += float(np.clip(turn, -np.radians(NEAR_DEG), np.radians(NEAR_DEG)))
        if abs(turn) < 1e-3:
            break
    return angle


def _direction(ring: Ring, scale: float) -> float:
    """The angle across which the ring is best explained by a function of the distance alone."""

    def left(angle: float) -> float:
        return float(np.minimum(np.abs(_off_bins(ring, angle, scale)), 0.1).mean())

    best = min(EDGE_ANGLES, key=left)
    for step in (2.5, 0.8):
        best = min((best + np.radians(step * k) for k in range(-2, 3)), key=left)
    return float(best)


def _off_bins(ring: Ring, angle: float, scale: float) -> Array:
    """How far each pixel of the ring is from the median of those at its distance from the line."""
    across = np.cos(angle) * ring.dx[ring.mask] + np.sin(angle) * ring.dy[ring.mask]
    place = ((across - across.min()) / BIN_MM).astype(np.intp)
    z = ring.values[ring.mask] / scale
    order = np.lexsort((z, place))
    first = np.searchsorted(place[order], np.arange(place.max() + 1))
    count = np.diff(np.append(first, len(z)))
    median = z[order][np.minimum(first + count // 2, len(z) - 1)]
    return np.asarray(z - median[place])
