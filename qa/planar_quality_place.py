"""Where a recognised phantom lies: by its outline, and by the parts inside it, which must tell the same story.

A blade along a side, values cut off beside it or a housing that holds its insert crookedly are seen by what the other way says.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from phantoms.models import PlanarModel
from qa.features import planar_sides
from qa.features.planar_map import Pose
from qa.features.planar_recognise import Match
from qa.features.planar_sides import Outlined
from qa.features.position import Array
from qa.planar_quality_inside import Inside, register
from qa.reading import AnalysisError

SQUARE_DEG = 1.0  # sides further from right angles: the phantom is tilted against the panel
STRETCH = 0.02  # widths and heights scaled differently by more: tilted as well, or not the phantom that it seems
BESIDE_MM = (2.8, 4.0)  # from a side: where its levels are taken
CUT_OFF = 0.02  # share of the pixels beside an outline at an end of the image's values: there are hardly any where nothing is cut off
CERTAIN = 4.0  # times u
CUT = "pixel values beside the phantom's outline are cut off at the end of their range, which moves its edges; repeat with another exposure"
APART, APART_MM = 0.025, 4.0  # scale and place: no housing holds its insert so badly, and thick plates magnify by less
TOLD, TOLD_MM = 0.003, 0.7  # beyond these it is said


@dataclass(frozen=True)
class Placed:
    """A phantom in its place. ``outlined`` and ``inside`` are texts where they could not be measured, never both.

    ``frame`` is the outline's pose (the inside's where there is none), ``pose`` that of the parts inside it.
    """

    outlined: Outlined | str
    inside: Inside | str
    frame: Pose
    pose: Pose
    flags: tuple[str, ...]


def placed(
    pixels: NDArray[np.float32],
    pitch_mm: tuple[float, float],
    match: Match,
    step: float,
    ends: tuple[float, float],
    axis_mm: tuple[float, float],
) -> Placed:
    """The phantom placed both ways; ``ends``: where values are cut off, ``axis_mm`` (x, y): the beam's axis in the pixel frame.

    AnalysisError when neither way gives an answer, the phantom is tilted, or both contradict each other.
    """
    outlined = _outlined(pixels, pitch_mm, match, step, ends)
    frame = match.pose if isinstance(outlined, str) else measured_pose(match, outlined)
    inside: Inside | str
    try:
        inside = register(pixels, pitch_mm, match.model, frame)
    except AnalysisError as error:
        inside = str(error)
    if isinstance(outlined, str):
        if isinstance(inside, str):
            raise AnalysisError(outlined)
        return Placed(outlined, inside, inside.pose, inside.pose, (f"placed by the parts inside the phantom alone: {outlined}",))
    _upright(match.model, frame, outlined)
    if isinstance(inside, str):
        return Placed(outlined, inside, frame, frame, ())
    return _both(match.model, outlined, inside, frame, axis_mm)


def _outlined(
    pixels: NDArray[np.float32], pitch_mm: tuple[float, float], match: Match, step: float, ends: tuple[float, float]
) -> Outlined | str:
    """The outline to a fraction of a pixel, or why it cannot be had."""
    try:
        found = planar_sides.measure(pixels, pitch_mm, match.outline, step)
    except AnalysisError as error:
        return str(error)
    frame = measured_pose(match, found)
    beside = np.concatenate([_beside(pixels, pitch_mm, match.model, frame, sign * mm) for sign in (-1, 1) for mm in BESIDE_MM])
    low, top = ends
    if max(float(np.mean(beside >= top)), float(np.mean(beside <= low))) > CUT_OFF:
        return CUT
    return found


def _beside(pixels: NDArray[np.float32], pitch_mm: tuple[float, float], model: PlanarModel, frame: Pose, out_mm: float) -> Array:
    """The pixels along the outline, so far outside it."""
    t = (np.arange(400) + 0.5) / 400
    if model.shape == "circle":
        x, y = (f(2 * np.pi * t) * (model.width_mm / 2 + out_mm) for f in (np.cos, np.sin))
    else:
        a, side = np.modf(t * 4)
        along = 0.76 * (2 * a - 1)
        w, h = model.width_mm / 2, model.height_mm / 2
        x = np.choose(side.astype(int), [along * w, along * w, w + out_mm + 0 * a, -w - out_mm + 0 * a])
        y = np.choose(side.astype(int), [h + out_mm + 0 * a, -h - out_mm + 0 * a, along * h, along * h])
    px, py = frame.place(x, y)
    rows, columns = np.rint(py / pitch_mm[0]).astype(int), np.rint(px / pitch_mm[1]).astype(int)
    use = (rows >= 0) & (rows < pixels.shape[0]) & (columns >= 0) & (columns < pixels.shape[1])
    return np.asarray(pixels[rows[use], columns[use]], dtype=np.float64)


def measured_pose(match: Match, outlined: Outlined) -> Pose:
    """The coarse pose with the measured outline put in its place."""
    rough, centre = match.pose, (outlined.centre_mm[0].value, outlined.centre_mm[1].value)
    if outlined.shape == "circle":
        mean = (outlined.size_mm[0].value + outlined.size_mm[1].value) / 2
        return Pose(centre, (mean / match.model.width_mm,) * 2, rough.angle_deg, rough.mirrored)
    turned = outlined.angle_deg.value - match.outline.angle_deg
    quarter = round((rough.angle_deg + match.outline.angle_deg) / 90)
    width, height = (size.value for size in (outlined.size_mm if quarter % 2 == 0 else outlined.size_mm[::-1]))
    return Pose(centre, (width / match.model.width_mm, height / match.model.height_mm), (rough.angle_deg - turned) % 360, rough.mirrored)


def _upright(model: PlanarModel, frame: Pose, outlined: Outlined) -> None:
    """AnalysisError when the outline is no true rectangle or circle."""
    one, other = outlined.size_mm
    stretch = abs(one.value / other.value - 1) if outlined.shape == "circle" else abs(frame.scale[0] / frame.scale[1] - 1)
    if outlined.corners_deg > SQUARE_DEG or stretch > STRETCH:
        raise AnalysisError(
            f"the outline of {model.name} is no true {model.shape} (corners off by {outlined.corners_deg:.1f} degrees, "
            f"sides by {100 * stretch:.1f} %): lay the phantom flat and at right angles to the beam"
        )


def _both(model: PlanarModel, outlined: Outlined, inside: Inside, frame: Pose, axis_mm: tuple[float, float]) -> Placed:
    """Outline and inside held against each other: a deeper plane is magnified otherwise, about the beam's axis."""
    ratio = np.array([own.value / whole for own, whole in zip(inside.scale, frame.scale, strict=True)])
    u = np.array([own.u / own.value for own in inside.scale])
    centre, other = np.array(frame.centre_mm), np.array(inside.pose.centre_mm)
    shift = float(np.hypot(*(other - centre - (ratio.mean() - 1) * (centre - np.array(axis_mm)))))
    scaled = f"{100 * (ratio[0] - 1):+.1f} % along its width and {100 * (ratio[1] - 1):+.1f} % along its height"
    words = f"the parts inside the phantom lie {shift:.1f} mm from where its outline says, and are larger by {scaled}"
    if np.abs(ratio - 1).max() > APART or shift > APART_MM:
        raise AnalysisError(
            f"{words}: a blade or a clamp covers a side, the phantom is tilted, or it is not quite a {model.name}; look at it"
        )
    told = bool((np.abs(ratio - 1) > np.maximum(CERTAIN * u, TOLD)).any()) or shift > max(CERTAIN * inside.centre_u_mm, TOLD_MM)
    return Placed(outlined, inside, frame, inside.pose, (words,) if told else ())
