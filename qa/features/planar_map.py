"""Where a planar phantom's parts are in an image, and what its inside should look like: the analysis's own turn of facts into places."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from qa.features.position import Array

if TYPE_CHECKING:
    from phantoms.models import PlanarModel, Region

DARKEST = 0.02  # transmission of what lets nothing through: scatter and glare


@dataclass(frozen=True)
class Pose:
    """How a phantom lies in an image: a point (x, y) of its model goes to the pixel frame in mm on the isocentre plane.

    ``centre_mm`` (x with columns, y with rows) of the outline's middle, ``scale`` along the model's x and y, ``angle_deg``
    counter-clockwise as the picture is shown, ``mirrored``: the model's x is turned round first (the phantom lies face down).
    """

    centre_mm: tuple[float, float]
    scale: tuple[float, float]
    angle_deg: float
    mirrored: bool = False

    @property
    def axes(self) -> Array:
        """(2, 2): columns are where the model's unit x and y go, mm in the pixel frame per mm of the phantom."""
        cos, sin = np.cos(np.radians(self.angle_deg)), np.sin(np.radians(self.angle_deg))
        x = self.scale[0] * (-1.0 if self.mirrored else 1.0) * np.array([cos, -sin])
        return np.stack([x, self.scale[1] * np.array([-sin, -cos])], axis=1)

    def place(self, x_mm: Array | float, y_mm: Array | float) -> tuple[Array, Array]:
        """(x, y) in the pixel frame of points of the model."""
        a = self.axes
        x, y = np.asarray(x_mm), np.asarray(y_mm)
        return self.centre_mm[0] + a[0, 0] * x + a[0, 1] * y, self.centre_mm[1] + a[1, 0] * x + a[1, 1] * y

    def back(self, x_mm: Array | float, y_mm: Array | float) -> tuple[Array, Array]:
        """The model's (x, y) of points of the pixel frame."""
        b = np.linalg.inv(self.axes)
        x, y = np.asarray(x_mm) - self.centre_mm[0], np.asarray(y_mm) - self.centre_mm[1]
        return b[0, 0] * x + b[0, 1] * y, b[1, 0] * x + b[1, 1] * y

    @property
    def mean_scale(self) -> float:
        """Millimetres on the isocentre plane per millimetre of the phantom."""
        return float(np.sqrt(self.scale[0] * self.scale[1]))


def outline(model: PlanarModel) -> Region:
    """The outline of a model as a region."""
    from phantoms.models import Region

    return Region("outline", "window", model.shape, 0.0, 0.0, model.width_mm, model.height_mm, 1.0, corner_mm=model.corner_mm)


def inside(region: Region, x_mm: Array, y_mm: Array, shrink: float = 1.0) -> NDArray[np.bool_]:
    """Whether points of the model lie in a region, made smaller about its middle by a factor."""
    dx, dy = x_mm - region.x_mm, y_mm - region.y_mm
    if region.shape == "circle":
        return np.asarray(np.hypot(dx, dy) <= shrink * region.width_mm / 2)
    cos, sin = np.cos(np.radians(region.turn_deg)), np.sin(np.radians(region.turn_deg))
    along, across = cos * dx + sin * dy, -sin * dx + cos * dy
    past_x, past_y = np.abs(along) - shrink * region.width_mm / 2, np.abs(across) - shrink * region.height_mm / 2
    round_mm = shrink * region.corner_mm
    corner = np.hypot(np.maximum(past_x + round_mm, 0.0), np.maximum(past_y + round_mm, 0.0)) <= round_mm if round_mm > 0 else True
    return np.asarray((past_x <= 0) & (past_y <= 0) & corner)


def corners(region: Region, shrink: float = 1.0) -> tuple[tuple[float, float], ...]:
    """The outline of a region on the model, as a polygon."""
    if region.shape == "circle":
        turn = np.linspace(0, 2 * np.pi, 33)[:-1]
        r = shrink * region.width_mm / 2
        return tuple((region.x_mm + r * float(np.cos(t)), region.y_mm + r * float(np.sin(t))) for t in turn)
    cos, sin = np.cos(np.radians(region.turn_deg)), np.sin(np.radians(region.turn_deg))
    w, h = shrink * region.width_mm / 2, shrink * region.height_mm / 2
    return tuple(
        (region.x_mm + float(cos * a - sin * b), region.y_mm + float(sin * a + cos * b)) for a, b in ((-w, -h), (w, -h), (w, h), (-w, h))
    )


def drawn(model: PlanarModel, x_mm: Array, y_mm: Array) -> Array:
    """Transmission over the plate's at points of the model, as its facts have it: later regions lie on earlier ones."""
    signal = np.ones(np.broadcast(x_mm, y_mm).shape)
    for region in model.regions:
        part = inside(region, x_mm, y_mm)
        signal[part] = _through(region, x_mm[part], y_mm[part])
    return np.maximum(signal, DARKEST)


def _through(region: Region, x_mm: Array, y_mm: Array) -> Array:
    """Transmission at points in a region: bars and gaps take turns, a bar at either end, or a gap where the facts say so."""
    if region.kind != "bars" or region.lp_per_mm <= 0:
        return np.full(x_mm.shape, region.transmission)
    cos, sin = np.cos(np.radians(region.turn_deg)), np.sin(np.radians(region.turn_deg))
    along = cos * (x_mm - region.x_mm) + sin * (y_mm - region.y_mm) + region.width_mm / 2
    first = ((along * region.lp_per_mm) % 1.0 < 0.5) != region.outer_gaps
    return np.where(first, region.transmission, region.gap_transmission)
