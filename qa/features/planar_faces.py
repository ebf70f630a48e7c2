"""How like a rectangular phantom the inside of an outline is, turned and mirrored in all ways.

What is smooth is taken out of both pictures; and, once more, all that depends on the column or on the row alone, because the edges of
couches and rails do. Fails for a phantom that is nothing but stripes along the columns.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from phantoms.models import PlanarModel, planar_models
from qa.features.planar_edges import Coarse, Outline
from qa.features.planar_likeness import FAR, FINE, INNER, LEFT, LEVELLED, NEAR, STRIPE_MM, Match, sampled, turned, unit
from qa.features.planar_map import Pose, drawn
from qa.features.position import Array

CELLS = 64  # along each side of the picture that is compared
COARSEST = 0.25  # line pairs per cell that a cell still shows; finer ones are drawn as their mean
SMOOTH = 4  # degree of the surfaces taken out: a beam without flattening filter over 250 mm is no parabola
ASPECT = 0.02  # of the ratio of the sides: a phantom that is tilted by more is not measured
TURNS = tuple((quarter, mirrored) for quarter in range(4) for mirrored in (False, True))


def square(image: Coarse, outline: Outline) -> list[Match]:
    """The best rotation of every rectangular model in one outline."""
    fitting = [
        (model, k, scale)
        for model in planar_models()
        if model.shape == "rectangle"
        for k, (quarter, _) in enumerate(TURNS)
        if (scale := _scaled(outline, model, quarter)) is not None
    ]
    if not fitting:
        return []
    faces = np.array([_faces(model)[k] for model, k, _ in fitting])
    scores = _scores(image, outline, faces)
    best: dict[str, Match] = {}
    for (model, k, scale), score in zip(fitting, scores, strict=True):
        if model.key not in best or score > best[model.key].score:
            quarter, mirrored = TURNS[k]
            pose = Pose(outline.centre_mm, scale, 90.0 * quarter - outline.angle_deg, mirrored)
            best[model.key] = Match(model, pose, outline, float(score))
    return list(best.values())


def _scaled(outline: Outline, model: PlanarModel, quarter: int) -> tuple[float, float] | None:
    """Scale along the model's width and height at that many quarter turns, None when the outline is not of its form or size."""
    width, height = outline.size_mm if quarter % 2 == 0 else outline.size_mm[::-1]
    scale = width / model.width_mm, height / model.height_mm
    return scale if abs(scale[0] / scale[1] - 1) < ASPECT and NEAR < scale[0] < FAR else None


@lru_cache(maxsize=4)
def _grid() -> tuple[Array, Array, NDArray[np.bool_], Array]:
    """(a, b, used, basis): places along the outline's two axes in -1..1, which count, and the smooth surfaces taken out."""
    at = (np.arange(CELLS) + 0.5) / CELLS * 2 - 1
    a, b = np.meshgrid(at, at)
    used = (np.abs(a) < INNER) & (np.abs(b) < INNER)
    a, b = a[used], b[used]
    basis, _ = np.linalg.qr(np.stack([a**i * b**j for i in range(SMOOTH + 1) for j in range(SMOOTH + 1 - i)], axis=1))
    return a, b, used, basis


def _without(values: Array, basis: Array) -> Array:
    """Pictures (..., places) without smooth surfaces."""
    return np.asarray(values - (values @ basis) @ basis.T)


@lru_cache(maxsize=32)
def _faces(model: PlanarModel) -> Array:
    """What a rectangular model shows in the grid's places at each of TURNS, of length one."""
    at = (np.arange(CELLS * FINE) + 0.5) / (CELLS * FINE) * 2 - 1
    a, b = np.meshgrid(at * model.width_mm / 2, -at * model.height_mm / 2)  # rows grow downwards
    signal = drawn(_smeared(model, COARSEST * CELLS / max(model.width_mm, model.height_mm)), a, b)
    cells = np.log(signal.reshape(CELLS, FINE, CELLS, FINE).mean(axis=(1, 3)))
    _, _, used, basis = _grid()
    faces = [np.rot90(cells[:, ::-1] if mirrored else cells, quarter)[used] for quarter, mirrored in TURNS]
    return unit(_without(np.array(faces), basis))


def _smeared(model: PlanarModel, finest_lp_per_mm: float) -> PlanarModel:
    """The model with its finer bars as even as cells show them."""
    regions = [
        replace(r, kind="contrast", transmission=(r.transmission + r.gap_transmission) / 2) if r.lp_per_mm > finest_lp_per_mm else r
        for r in model.regions
    ]
    return replace(model, regions=tuple(regions))


def _scores(image: Coarse, outline: Outline, faces: Array) -> Array:
    """The likeness of an outline's inside with each face, the largest of: as it is, without what columns share, without what rows share."""
    a, b, _, basis = _grid()
    scores = faces @ unit(_without(_interior(image, outline), basis))
    turn = np.radians(outline.angle_deg)
    x, y = a * outline.size_mm[0] / 2, b * outline.size_mm[1] / 2
    for axis, across in enumerate((x * np.cos(turn) - y * np.sin(turn), x * np.sin(turn) + y * np.cos(turn))):
        stripe = np.floor((across - across.min()) / STRIPE_MM).astype(np.intp)
        smooth = _orthogonal(_unstriped(basis.T, stripe))
        left = _without(_unstriped(faces, stripe), smooth)
        share = (left**2).sum(axis=1)
        picture = _interior(_level(image, outline, axis), outline)
        other = unit(left) @ unit(_without(_unstriped(picture[None, :], stripe)[0], smooth))
        scores = np.where(share > LEFT, np.maximum(scores, other), scores)
    return np.asarray(scores)


def _level(image: Coarse, outline: Outline, axis: int) -> Coarse:
    """The image without the mean of each column (axis 0), of each row (1), inside the outline: edges along them leave no trace."""
    x = image.corner_mm[1] + np.arange(image.signal.shape[1])[None, :] * image.step_mm[1] - outline.centre_mm[0]
    y = image.corner_mm[0] + np.arange(image.signal.shape[0])[:, None] * image.step_mm[0] - outline.centre_mm[1]
    cos, sin = np.cos(np.radians(outline.angle_deg)), np.sin(np.radians(outline.angle_deg))
    half = [LEVELLED * size / 2 for size in outline.size_mm]
    inner = (np.abs(x * cos + y * sin) < half[0]) & (np.abs(y * cos - x * sin) < half[1])
    mean = np.where(inner, image.signal, 0.0).sum(axis=axis, keepdims=True) / np.maximum(inner.sum(axis=axis, keepdims=True), 1)
    return Coarse(image.signal - mean, image.step_mm, image.corner_mm, image.levels)


def _orthogonal(rows: Array) -> Array:
    """(places, n) an orthonormal basis of what rows (m, places) span, but for what is hardly there."""
    values, vectors = np.linalg.eigh(rows @ rows.T)
    return np.asarray(rows.T @ (vectors[:, values > 1e-3] / np.sqrt(values[values > 1e-3])))


def _unstriped(values: Array, stripe: NDArray[np.intp]) -> Array:
    """Pictures (pictures, places) without the mean of each stripe."""
    order = np.argsort(stripe, kind="stable")
    starts = np.flatnonzero(np.diff(stripe[order], prepend=-1))
    counts = np.diff(np.append(starts, len(order)))
    means = np.add.reduceat(values[:, order], starts, axis=1) / counts
    left = np.empty_like(values)
    left[:, order] = values[:, order] - np.repeat(means, counts, axis=1)
    return left


def _interior(image: Coarse, outline: Outline) -> Array:
    """What an outline holds, in the grid's places, averaged over cells."""
    _, _, used, _ = _grid()
    fine = max(2, round(max(outline.size_mm) / CELLS / 1.2))
    at = (np.arange(CELLS * fine) + 0.5) / (CELLS * fine) * 2 - 1
    a, b = np.meshgrid(at * outline.size_mm[0] / 2, at * outline.size_mm[1] / 2)
    return np.asarray(sampled(image, *turned(outline, a, b)).reshape(CELLS, fine, CELLS, fine).mean(axis=(1, 3))[used])
