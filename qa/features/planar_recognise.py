"""Which planar phantom an image shows, which way round it lies, how sure that is, and what else it might have been.

The inside of every outline is held against what each known model should show there, in all rotations and mirror images. Size does not
decide: where along the beam a phantom lies is not known. Fails to tell apart models whose insides look alike; then it says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from phantoms.models import PlanarModel, planar_models
from qa.features.planar_map import Pose, drawn
from qa.features.planar_outline import Coarse, Outline, coarse, outlines
from qa.features.position import Array

CELLS = 64  # along each side of the picture that is compared
INNER = 0.93  # of the outline's half width: the outline itself looks alike in all models
ASPECT = 0.03  # of the ratio of the sides: what the search grid leaves open
NEAR, FAR = 0.58, 1.55  # scale on the isocentre plane: a phantom on the panel at 1.7 m, one 350 mm above the isocentre
SURE, CLEAR = 0.60, 0.12  # score that is sure, and how far the runner-up must stay behind
LIKELY, CLOSE = 0.40, 0.03  # with the performer's word for it, and how far another model may lead it by then
COUCH, COUCH_MM = (0.2, 0.75), 3.0  # scores that a couch's edge across the phantom may have spoilt; width of the lines looked along
RINGS, SECTORS = 22, 240  # of the picture of a round phantom


@dataclass(frozen=True)
class Match:
    """One model in one pose: ``score`` is the correlation of the picture with the model's, -1 to 1, ``reversed`` of its negative."""

    model: PlanarModel
    pose: Pose
    outline: Outline
    score: float
    reversed: bool = False


@dataclass(frozen=True)
class Recognition:
    """What an image shows: ``found`` when it is sure, else None and ``reason`` what to do; ``ranking`` best match of each model tried.

    ``reversed``: its values fall with radiation, against what reading took them for.
    """

    found: Match | None
    ranking: tuple[Match, ...]
    reason: str
    reversed: bool = False
    outlines: int = 0


def recognise(pixels: NDArray[np.float32], pitch_mm: tuple[float, float], radiation: str, said: PlanarModel | None = None) -> Recognition:
    """The phantom in an image of that radiation ("MV" or "kV"). ``said`` is the model that the performer names: it is held against it.

    AnalysisError when the image is blank.
    """
    image = coarse(pixels, pitch_mm)
    seen = outlines(image)
    matches = [m for outline in seen for m in (_round(image, outline) if outline.shape == "circle" else _square(image, outline))]
    verdicts = []
    for turned in (False, True):
        ranking = _ranking([m for m in matches if m.reversed == turned], radiation)
        found, reason = _verdict(ranking, said, len(seen))
        verdicts.append(Recognition(found, ranking, reason, turned, len(seen)))
        if found is not None:
            return verdicts[-1]
    return verdicts[0]


def _ranking(matches: list[Match], radiation: str) -> tuple[Match, ...]:
    """The best match of every model; of models that differ by nothing but the radiation they are for, the one for this radiation."""
    best: dict[str, Match] = {}
    for match in matches:
        held = best.get(match.model.key)
        if held is None or match.score > held.score:
            best[match.model.key] = match
    fitting = [m.model for m in best.values() if m.model.radiation == radiation]
    kept = [m for m in best.values() if m.model.radiation == radiation or not any(_twin(m.model, model) for model in fitting)]
    return tuple(sorted(kept, key=lambda m: -m.score))


def _twin(one: PlanarModel, other: PlanarModel) -> bool:
    """Whether two models are one phantom of which kV and MV images use different parts."""
    return one.key != other.key and (one.maker, one.shape, one.width_mm, one.height_mm) == (
        other.maker,
        other.shape,
        other.width_mm,
        other.height_mm,
    )


def _verdict(ranking: tuple[Match, ...], said: PlanarModel | None, seen: int) -> tuple[Match | None, str]:
    """The match to believe, or why none is."""
    if not seen:
        return None, "no phantom's outline shows: lay a planar phantom whole into the open field, away from the image's edges"
    known = "it is none of " + ", ".join(model.name for model in planar_models())
    if not ranking:
        return None, f"an outline shows, but of a shape that no known phantom has; {known}"
    top = ranking[0]
    other = next((m for m in ranking[1:] if m.model.key != top.model.key), None)
    lead = top.score - (other.score if other else 0.0)
    sure = top.score >= SURE and lead >= CLEAR
    words = f"{top.model.name} (score {top.score:.2f})" + (f", then {other.model.name} ({other.score:.2f})" if other else "")
    if said is not None:
        mine = next((m for m in ranking if m.model.key == said.key or _twin(m.model, said)), None)
        if sure and top.model.key != said.key and not _twin(top.model, said):
            return None, f"the image shows {words}, not {said.name} as stated; state the right phantom or image the stated one"
        if mine is not None and mine.score >= LIKELY and top.score - mine.score <= CLOSE:
            return mine, ""
        return None, f"the image does not look like {said.name} as stated; it looks most like {words}; state the right phantom"
    if sure:
        return top, ""
    if top.score >= LIKELY:
        return None, f"not sure which phantom this is: {words}; state it with --phantom"
    return None, f"what the outline holds looks like no known phantom (most like {words}); {known}"


@lru_cache(maxsize=4)
def _grid() -> tuple[Array, Array, NDArray[np.bool_], Array]:
    """(a, b, used, basis): places along the outline's two axes in -1..1, which count, and the smooth surfaces taken out."""
    at = (np.arange(CELLS) + 0.5) / CELLS * 2 - 1
    a, b = np.meshgrid(at, at)
    used = (np.abs(a) < INNER) & (np.abs(b) < INNER)
    a, b = a[used], b[used]
    basis, _ = np.linalg.qr(np.stack([np.ones_like(a), a, b, a * a, a * b, b * b], axis=1))
    return a, b, used, basis


def _unit(values: Array, basis: Array) -> Array:
    """Pictures (..., places) without smooth surfaces, of length one; zeros where nothing is left."""
    left = values - (values @ basis) @ basis.T
    length = np.linalg.norm(left, axis=-1, keepdims=True)
    return np.asarray(left / np.where(length > 1e-9, length, np.inf))


@lru_cache(maxsize=32)
def _faces(model: PlanarModel) -> tuple[tuple[tuple[int, bool], ...], Array]:
    """The rotations (quarter turns, mirrored) of a rectangular model, and what each shows in the grid's places."""
    _, _, used, basis = _grid()
    fine = 3
    at = (np.arange(CELLS * fine) + 0.5) / (CELLS * fine) * 2 - 1
    a, b = np.meshgrid(at, at)
    turns = tuple((quarter, mirrored) for quarter in range(4) for mirrored in (False, True))
    faces = []
    for quarter, mirrored in turns:
        x, y = Pose((0.0, 0.0), (1.0, 1.0), 90.0 * quarter, mirrored).back(a, b)
        signal = drawn(model, x * model.width_mm / 2, y * model.height_mm / 2)
        faces.append(signal.reshape(CELLS, fine, CELLS, fine).mean(axis=(1, 3))[used])
    return turns, _unit(np.array(faces), basis)


def _square(image: Coarse, outline: Outline) -> list[Match]:
    """The best rotation of every rectangular model in one outline."""
    picture = _interior(image, outline)
    matches = []
    for model in planar_models():
        if model.shape != "rectangle":
            continue
        turns, faces = _faces(model)
        scores = faces @ picture
        fits = [(k, scale) for k, (quarter, _) in enumerate(turns) if (scale := _scale(outline, model, quarter)) is not None]
        for sign in (1, -1) if fits else ():
            k, scale = max(fits, key=lambda fit: sign * scores[fit[0]])
            score = float(sign * scores[k])
            if COUCH[0] < score < COUCH[1]:
                score = max(score, _without_couch(outline, sign * picture, faces[k]))
            pose = Pose(outline.centre_mm, scale, 90.0 * turns[k][0] - outline.angle_deg, turns[k][1])
            matches.append(Match(model, pose, outline, score, sign < 0))
    return matches


def _without_couch(outline: Outline, picture: Array, face: Array) -> float:
    """The likeness when what is the same along rows, or columns, is taken out of what the model leaves: edges of couches and rails."""
    a, b, _, basis = _grid()
    turn = np.radians(outline.angle_deg)
    half = outline.size_mm[0] / 2, outline.size_mm[1] / 2
    left = picture - (picture @ face) * face
    best = -1.0
    for cos, sin in ((np.cos(turn), -np.sin(turn)), (np.sin(turn), np.cos(turn))):  # across columns; across rows
        at = a * half[0] * cos + b * half[1] * sin
        line = np.floor((at - at.min()) / COUCH_MM).astype(np.intp)
        order = np.argsort(line, kind="stable")
        starts = np.searchsorted(line[order], np.arange(1, int(line.max()) + 1))
        middle = np.array([np.median(part) if len(part) else 0.0 for part in np.split(left[order], starts)])
        best = max(best, float(_unit(picture - middle[line], basis) @ face))
    return best


def _scale(outline: Outline, model: PlanarModel, quarter: int) -> tuple[float, float] | None:
    """Scale along the model's width and height at that many quarter turns, None when the outline is not of its form or size."""
    width, height = outline.size_mm if quarter % 2 == 0 else outline.size_mm[::-1]
    scale = width / model.width_mm, height / model.height_mm
    return scale if abs(scale[0] / scale[1] - 1) < ASPECT and NEAR < scale[0] < FAR else None


def _interior(image: Coarse, outline: Outline) -> Array:
    """What an outline holds, in the grid's places, averaged over cells, without smooth surfaces."""
    _, _, used, basis = _grid()
    fine = max(1, round(max(outline.size_mm) / CELLS / 1.2))
    at = (np.arange(CELLS * fine) + 0.5) / (CELLS * fine) * 2 - 1
    a, b = np.meshgrid(at * outline.size_mm[0] / 2, at * outline.size_mm[1] / 2)
    turn = np.radians(outline.angle_deg)
    x = outline.centre_mm[0] + a * np.cos(turn) - b * np.sin(turn)
    y = outline.centre_mm[1] + a * np.sin(turn) + b * np.cos(turn)
    signal = _sampled(image, x, y)
    return _unit(signal.reshape(CELLS, fine, CELLS, fine).mean(axis=(1, 3))[used], basis)


def _sampled(image: Coarse, x_mm: Array, y_mm: Array) -> Array:
    from scipy.ndimage import map_coordinates

    places = [(y_mm - image.corner_mm[0]) / image.step_mm[0], (x_mm - image.corner_mm[1]) / image.step_mm[1]]
    return np.asarray(map_coordinates(image.signal, places, order=1, mode="nearest"))


@lru_cache(maxsize=8)
def _rings(model: PlanarModel) -> Array:
    """What a round model shows on rings (rings, sectors), counter-clockwise from its x, ring means taken out, of length one."""
    fine = 3
    r = (np.arange(RINGS * fine) + 0.5) / (RINGS * fine) * INNER * model.width_mm / 2
    t = (np.arange(SECTORS * fine) + 0.5) / (SECTORS * fine) * 2 * np.pi
    signal = drawn(model, r[:, None] * np.cos(t), r[:, None] * np.sin(t))
    return _weighted(signal.reshape(RINGS, fine, SECTORS, fine).mean(axis=(1, 3)))


def _weighted(rings: Array) -> Array:
    """Rings without their means, each counted by its area, of length one."""
    left = (rings - rings.mean(axis=1, keepdims=True)) * np.sqrt(np.arange(RINGS) + 0.5)[:, None]
    length = float(np.linalg.norm(left))
    return np.asarray(left / length if length > 1e-9 else left * 0.0)


def _round(image: Coarse, outline: Outline) -> list[Match]:
    """The best turn of every round model in one circle."""
    fine = 2
    r = (np.arange(RINGS * fine) + 0.5) / (RINGS * fine) * INNER * outline.size_mm[0] / 2
    t = (np.arange(SECTORS * fine) + 0.5) / (SECTORS * fine) * 2 * np.pi
    signal = _sampled(image, outline.centre_mm[0] + r[:, None] * np.cos(t), outline.centre_mm[1] - r[:, None] * np.sin(t))
    picture = np.fft.rfft(_weighted(signal.reshape(RINGS, fine, SECTORS, fine).mean(axis=(1, 3))), axis=1)
    matches = []
    for model in planar_models():
        scale = outline.size_mm[0] / model.width_mm
        if model.shape != "circle" or not NEAR < scale < FAR:
            continue
        rings = _rings(model)
        for sign in (1, -1):
            best = (-2.0, 0.0, False)
            for mirrored in (False, True):
                face = np.roll(rings[:, ::-1], SECTORS // 2, axis=1) if mirrored else rings  # x turned round: angle t becomes 180 - t
                turns = sign * np.fft.irfft((picture * np.conj(np.fft.rfft(face, axis=1))).sum(axis=0), SECTORS)
                best = max(best, (*_peak(turns), mirrored))
            pose = Pose(outline.centre_mm, (scale, scale), best[1] % 360, best[2])
            matches.append(Match(model, pose, outline, best[0], sign < 0))
    return matches


def _peak(turns: Array) -> tuple[float, float]:
    """The highest value over all turns, and the turn in degrees by a parabola through its neighbours."""
    k = int(np.argmax(turns))
    before, here, after = turns[k - 1], turns[k], turns[(k + 1) % SECTORS]
    part = float((before - after) / (2 * (before - 2 * here + after))) if before + after < 2 * here else 0.0
    return float(here), (k + part) * 360 / SECTORS
