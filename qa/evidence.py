"""What a reading can show: data for a picture, never the picture itself.

Evidence is stored with the record, so that a report printed in five years shows what was seen today.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Mark:
    """One thing drawn on an image, in mm on the overlay's axes.

    ``kind``: "cross" and "plus" (points: one vertex), "line" (open polyline), "outline" (closed polyline),
    ``name`` goes into the legend (e.g. "ball", "field"). ``points_mm`` is ((x, y), ...).
    """

    kind: str
    name: str
    points_mm: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Overlay:
    """An image with what was found drawn on it.

    ``grey`` is uint8 (rows, columns), row 0 at the top (largest y); ``extent_mm`` is (left, right, bottom, top) at the outer
    pixel edges; ``axes`` names the x and y axis with unit; ``note`` is one line under the picture. Neighbours that share
    a ``row`` (not "") are laid out side by side under it as a heading: the ball in every modality.
    """

    title: str
    grey: NDArray[np.uint8]
    extent_mm: tuple[float, float, float, float]
    marks: tuple[Mark, ...]
    axes: tuple[str, str]
    note: str = ""
    row: str = ""


@dataclass(frozen=True)
class Series:
    """One curve: x and y of equal length; ``style`` is "points", "line" or "both"; ``u`` are standard uncertainties of y (or empty).

    Series of one name look alike and stand in the legend once.
    """

    name: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    style: str = "both"
    u: tuple[float, ...] = ()


@dataclass(frozen=True)
class Curve:
    """Curves over one pair of axes, each axis named with its unit; ``equal`` asks for the same scale on both."""

    title: str
    axes: tuple[str, str]
    series: tuple[Series, ...]
    equal: bool = False
    note: str = ""


@dataclass(frozen=True)
class Table:
    """Rows of text under a header; numbers are already formatted with their unit in the header."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""


@dataclass(frozen=True)
class Arrow:
    """A vector in the room: from the treatment isocentre to ``tip_mm``, (x, y, z) in F.

    ``covariance`` is (3, 3) in mm^2, rows as tuples, of the tip; ``quantity_keys`` name the quantities whose limits are drawn as circles
    about the origin (distances, e.g. "kv_isocenter_distance"); ``note`` is a line under the picture.
    """

    name: str
    quantity_keys: tuple[str, ...]
    tip_mm: tuple[float, float, float]
    covariance: tuple[tuple[float, float, float], tuple[float, float, float], tuple[float, float, float]]
    note: str = ""


@dataclass(frozen=True)
class Room:
    """Vectors from the treatment isocentre, seen from the foot, from above and from the side."""

    title: str
    vectors: tuple[Arrow, ...]
    note: str = ""


Evidence = Overlay | Curve | Table | Room
