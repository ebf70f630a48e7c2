"""How like a round phantom the inside of a circle is, at every turn, mirrored or not: as it is, and without what couches and rails do."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from phantoms.models import PlanarModel, planar_models
from qa.features.planar_edges import Coarse, Outline
from qa.features.planar_likeness import FAR, FINE, INNER, LEFT, NEAR, STRIPE_MM, Match, sampled, unit
from qa.features.planar_map import Pose, drawn
from qa.features.position import Array

RINGS, SECTORS = 22, 240  # of the picture


def circular(image: Coarse, outline: Outline) -> list[Match]:
    """The best turn of every round model in one circle: as it is, without what columns share, without what rows share."""
    fitting = [model for model in planar_models() if model.shape == "circle" and NEAR < outline.size_mm[0] / model.width_mm < FAR]
    if not fitting:
        return []
    r = (np.arange(RINGS * FINE) + 0.5) / (RINGS * FINE) * INNER * outline.size_mm[0] / 2
    t = (np.arange(SECTORS * FINE) + 0.5) / (SECTORS * FINE) * 2 * np.pi
    x, y = r[:, None] * np.cos(t), -r[:, None] * np.sin(t)
    signal = sampled(image, outline.centre_mm[0] + x, outline.centre_mm[1] + y)
    picture, x, y = (part.reshape(RINGS, FINE, SECTORS, FINE).mean(axis=(1, 3)) for part in (signal, x, y))
    stripes = [None, *(np.floor((at.ravel() - at.min()) / STRIPE_MM).astype(np.intp) for at in (x, y))]
    cleared = [(stripe, unit(_cleared(picture, stripe).ravel()).reshape(picture.shape)) for stripe in stripes]
    return [max((_turned(model, outline, *one) for one in cleared), key=lambda match: match.score) for model in fitting]


def _turned(model: PlanarModel, outline: Outline, stripe: NDArray[np.intp] | None, picture: Array) -> Match:
    """The best turn of a round model; of what is left of the picture when the stripes are taken out, where enough of the model is."""
    rings, found = _rings(model), []
    for mirrored in (False, True):
        face = np.roll(rings[:, ::-1], SECTORS // 2, axis=1) if mirrored else rings  # x turned round: angle t becomes 180 - t
        whole = _cleared(face, None)
        turns = np.fft.irfft((np.fft.rfft(picture, axis=1) * np.conj(np.fft.rfft(whole, axis=1))).sum(axis=0), SECTORS)
        turn = _peak(turns)
        left = _cleared(np.roll(face, round(turn * SECTORS / 360), axis=1), stripe)
        share = float((left**2).sum() / (whole**2).sum())
        score = float((unit(left.ravel()) * picture.ravel()).sum()) if share > LEFT else -1.0
        found.append((score, turn, mirrored))
    score, turn, mirrored = max(found)
    scale = outline.size_mm[0] / model.width_mm
    return Match(model, Pose(outline.centre_mm, (scale, scale), turn % 360, mirrored), outline, score)


@lru_cache(maxsize=8)
def _rings(model: PlanarModel) -> Array:
    """What a round model shows on rings (rings, sectors), counter-clockwise from its x."""
    r = (np.arange(RINGS * FINE) + 0.5) / (RINGS * FINE) * INNER * model.width_mm / 2
    t = (np.arange(SECTORS * FINE) + 0.5) / (SECTORS * FINE) * 2 * np.pi
    signal = drawn(model, r[:, None] * np.cos(t), r[:, None] * np.sin(t))
    return np.asarray(np.log(signal.reshape(RINGS, FINE, SECTORS, FINE).mean(axis=(1, 3))))


def _cleared(rings: Array, stripe: NDArray[np.intp] | None) -> Array:
    """Rings without their means and, where stripes are given, without the stripes' means, each counted by its area; of length one."""
    area = np.repeat(np.arange(RINGS) + 0.5, SECTORS)
    left = rings - rings.mean(axis=1, keepdims=True)
    for _ in range(3):
        if stripe is None:
            break
        flat = left.ravel()
        left = (flat - (np.bincount(stripe, area * flat) / np.maximum(np.bincount(stripe, area), 0.5))[stripe]).reshape(rings.shape)
        left = left - left.mean(axis=1, keepdims=True)
    return np.asarray(left * np.sqrt(area).reshape(rings.shape))


def _peak(turns: Array) -> float:
    """The turn in degrees of the highest value, by a parabola through its neighbours."""
    k = int(np.argmax(turns))
    before, here, after = turns[k - 1], turns[k], turns[(k + 1) % SECTORS]
    part = float((before - after) / (2 * (before - 2 * here + after))) if before + after < 2 * here else 0.0
    return (k + part) * 360 / SECTORS
