"""The inside of an outline made comparable with a model: the logarithm of its signal, in which a beam and a couch add to what it shows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from phantoms.models import PlanarModel
from qa.features.planar_edges import Coarse, Outline
from qa.features.planar_map import Pose
from qa.features.position import Array

INNER, LEVELLED = 0.93, 0.965  # of the outline's half width: what is compared (outlines themselves look alike), what is levelled
FINE = 3  # samples along each cell of a model's picture
DARK = 0.02  # of the open beam: scatter; and the logarithm of noise about nothing says nothing
STRIPE_MM = 1.0  # of the stripes along columns, along rows, of which the mean is taken out
LEFT = 0.35  # of the model's variance that must be left then: below, too little of it remains to be told by
NEAR, FAR = 0.58, 1.55  # scale on the isocentre plane: a phantom on the panel at 1.7 m, one 350 mm above the isocentre
TOPS = (255.0, 1023.0, 4095.0, 16383.0, 65535.0)  # the largest values that 8, 10, 12, 14 and 16 bits hold
TAKEN = 0.03  # of the logarithm of the light: a slab of a centimetre takes that much
SHUT, BESIDE_MM = float(np.log(0.5)), 3.0  # a side this much darker outside than inside is a blade's, looked at so far from it


@dataclass(frozen=True)
class Match:
    """One model in one pose in an outline: ``score`` is the correlation of the picture with the model's, -1 to 1."""

    model: PlanarModel
    pose: Pose
    outline: Outline
    score: float


def full_range(top: float) -> float:
    """The largest value that the bits hold which hold ``top``."""
    return next((full for full in TOPS if top <= full), top)


def logarithm(image: Coarse, falls: bool = False) -> Coarse:
    """The image with the logarithm of its signal over the open beam's; ``falls``: its values fall with radiation."""
    low, high = image.levels
    values = low + image.signal * (high - low)
    if falls:
        top = float(values.max())
        values = full_range(top) - values
    beam = max(float(np.percentile(values, 99.0)), 1e-9)
    return Coarse(np.log(np.maximum(values / beam, DARK)), image.step_mm, image.corner_mm, image.levels)


def shut(image: Coarse, outline: Outline) -> bool:
    """Whether three sides or all are those of blades: a phantom takes light away, so what lies round it is brighter."""
    return int((_steps(image, outline) < SHUT).sum()) >= 3


def darker(image: Coarse, outline: Outline) -> bool:
    """Whether three sides or all are brighter outside: what lies within takes light away."""
    return int((_steps(image, outline) > TAKEN).sum()) >= 3


def _steps(image: Coarse, outline: Outline) -> Array:
    """Outside minus inside at each of the four sides."""
    t = np.linspace(-0.8, 0.8, 25)
    inner, outer = (_beside(outline, t, sign * BESIDE_MM) for sign in (-1, 1))
    return np.asarray(np.median(sampled(image, *outer), axis=1) - np.median(sampled(image, *inner), axis=1))


def _beside(outline: Outline, t: Array, out_mm: float) -> tuple[Array, Array]:
    """(x, y), each (4 sides, places), along the sides of an outline, so far outside them; ``t`` -1 to 1 along each."""
    w, h = (size / 2 + out_mm for size in outline.size_mm)
    if outline.shape == "circle":
        angle = np.pi / 4 * t + np.pi / 2 * np.arange(4)[:, None]
        a, b = w * np.cos(angle), w * np.sin(angle)
    else:
        along = t * outline.size_mm[0] / 2, t * outline.size_mm[1] / 2
        a = np.stack([along[0] * 0 + w, along[0], along[0] * 0 - w, along[0]])
        b = np.stack([along[1], along[1] * 0 + h, along[1], along[1] * 0 - h])
    return turned(outline, a, b)


def turned(outline: Outline, a_mm: Array, b_mm: Array) -> tuple[Array, Array]:
    """(x, y) in the pixel frame of places along an outline's two axes, from its middle."""
    cos, sin = np.cos(np.radians(outline.angle_deg)), np.sin(np.radians(outline.angle_deg))
    return outline.centre_mm[0] + a_mm * cos - b_mm * sin, outline.centre_mm[1] + a_mm * sin + b_mm * cos


def sampled(image: Coarse, x_mm: Array, y_mm: Array) -> Array:
    """The image's signal at places of the pixel frame."""
    from scipy.ndimage import map_coordinates

    places = [(y_mm - image.corner_mm[0]) / image.step_mm[0], (x_mm - image.corner_mm[1]) / image.step_mm[1]]
    return np.asarray(map_coordinates(image.signal, places, order=1, mode="nearest"))


def unit(values: Array) -> Array:
    """Pictures (..., places) of length one; zeros where nothing is left."""
    length = np.linalg.norm(values, axis=-1, keepdims=True)
    return np.asarray(values / np.where(length > 1e-9, length, np.inf))
