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
    ``name`` goes into the legend (e.g. "ball", "field"): marks of one name look alike and stand there once. ``points_mm`` is
    ((x, y), ...). ``label`` is a word or two written beside the mark, which the legend does not repeat: "Teflon", "9 mm".
    """

    kind: str
    name: str
    points_mm: tuple[tuple[float, float], ...]
    label: str = ""


@dataclass(frozen=True)
class Overlay:
    """An image with what was found drawn on it.

    ``grey`` is uint8 (rows, columns), row 0 at the top (largest y); ``extent_mm`` is (left, right, bottom, top) at the outer
    pixel edges; ``axes`` names the x and y axis with unit; ``note`` is one line under the picture. Neighbours that share
    a ``row`` (not "") are laid out side by side under it as a heading: the ball in every modality. ``wide`` asks for half the width of
    a page, so that thirty marks and their labels can be read.
    """

    title: str
    grey: NDArray[np.uint8]
    extent_mm: tuple[float, float, float, float]
    marks: tuple[Mark, ...]
    axes: tuple[str, str]
    note: str = ""
    row: str = ""
    wide: bool = False


@dataclass(frozen=True)
class Series:
    """One curve: x and y of equal length; ``u`` are standard uncertainties of y (or empty).

    ``style`` is "points", "line" or "both", where u is drawn as bars, or "band": a line inside a tinted band of +-2u, for curves too dense
    for bars. Series of one name look alike and stand in the legend once.
    """

    name: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    style: str = "both"
    u: tuple[float, ...] = ()


@dataclass(frozen=True)
class Line:
    """A straight line across a curve's plot: ``axis`` "x" is upright at that x, "y" level at that y; ``label`` is written beside it."""

    axis: str
    value: float
    label: str = ""


@dataclass(frozen=True)
class Curve:
    """Curves over one pair of axes, each axis named with its unit; ``equal`` asks for the same scale on both.

    ``lines`` are for the eye only (MTF 50 %, the Nyquist frequency): limits come from the record's judgements.
    """

    title: str
    axes: tuple[str, str]
    series: tuple[Series, ...]
    equal: bool = False
    note: str = ""
    lines: tuple[Line, ...] = ()


@dataclass(frozen=True)
class Bar:
    """One part of a phantom in ``Bars``: its value with standard uncertainty u, or None and the ``reason`` why there is none.

    ``name`` is the "part" of the reading's state. ``nominal`` is what it should be and ``low`` to ``high`` where a certificate says it
    lies, where there are any. Raises ValueError for a value without u and for neither or both of value and reason.
    """

    name: str
    value: float | None
    u: float | None
    nominal: float | None = None
    low: float | None = None
    high: float | None = None
    reason: str = ""

    def __post_init__(self) -> None:
        """Refuse what is neither a number with its uncertainty nor a reason."""
        if (self.value is None) != bool(self.reason.strip()) or (self.value is None) != (self.u is None):
            raise ValueError(f"{self.name}: a bar needs a value and its u, or a reason; got {self.value}, {self.u}, {self.reason!r}")


@dataclass(frozen=True)
class Bars:
    """The same quantity of several parts of a phantom, one below the other, drawn as value - nominal where nominal values are known.

    ``axis`` names the value with its unit ("CT number / HU"). ``quantity_key`` is the quantity whose judgements belong to what is drawn
    (to value - nominal, or to value where nothing is nominal): its limits become bands about 0, its outcomes stand beside the parts.
    ``also_keys`` are further quantities of the same parts (the value beside its deviation) whose baselines and outcomes are shown too.
    ``sop_instance_uid`` says of which image, where the readings are of single images.
    """

    title: str
    axis: str
    items: tuple[Bar, ...]
    quantity_key: str = ""
    note: str = ""
    sop_instance_uid: str = ""
    also_keys: tuple[str, ...] = ()


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


Evidence = Overlay | Curve | Table | Room | Bars
