"""What a calibration shows: the slice with every insert, the curves with their knots, and the table that a planning system takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from qa.ct_found import Found
from qa.ct_inserts import Insert
from qa.evidence import Curve, Evidence, Mark, Overlay, Series, Table
from qa.features.number import Number
from qa.hu_calibration_curve import Curve as Calibrated
from qa.hu_calibration_materials import COLUMNS, Plugged
from qa.reading import AnalysisError

NAMES = {"red": "electron density", "density": "mass density", "spr": "proton stopping power"}
GREY_HU = (-1000.0, 1000.0)
POINTS = 36  # of a circle drawn


def show(
    found: Found, inserts: Sequence[Insert], materials: Sequence[Plugged], curves: Mapping[str, Calibrated | AnalysisError]
) -> tuple[Evidence, ...]:
    """The slice, the curves, the table."""
    good = {column: curve for column, curve in curves.items() if isinstance(curve, Calibrated)}
    shown: list[Evidence] = [_slice(found, inserts)]
    if good:
        shown += [_curves(good), _table(good)]
    shown.append(_materials(materials))
    return tuple(shown)


def _slice(found: Found, inserts: Sequence[Insert]) -> Overlay:
    """The mean of the slices that were averaged, x to the right and z up, with what was averaged in every insert."""
    slices = list(inserts[0].slices)
    view = found.view(slices)
    pixels = view.pixels[:: 1 if view.row[1] < 0 else -1, :: 1 if view.column[1] > 0 else -1]
    share = np.clip((pixels - GREY_HU[0]) / (GREY_HU[1] - GREY_HU[0]), 0, 1)
    (down, across), x, z = view.pitch_mm, view.x_mm, view.z_mm
    extent = float(x.min() - across / 2), float(x.max() + across / 2), float(z.min() - down / 2), float(z.max() + down / 2)
    turn = np.linspace(0, 2 * np.pi, POINTS, endpoint=False)
    marks = []
    for insert in inserts:
        a, b = insert.place
        edge = tuple((float(a + insert.radius_mm * np.cos(t)), float(b + insert.radius_mm * np.sin(t))) for t in turn)
        marks.append(Mark("outline", "averaged", edge, insert.plug.name))
    note = f"{found.model.name}; mean of {len(slices)} slices; {GREY_HU[0]:.0f} to {GREY_HU[1]:.0f} HU"
    grey = np.ascontiguousarray(np.rint(share * 255).astype(np.uint8))
    return Overlay("Inserts", grey, extent, tuple(marks), ("x / mm", "z / mm"), note)


def _curves(good: Mapping[str, Calibrated]) -> Curve:
    series = tuple(
        Series(
            NAMES[column],
            tuple(knot.hu for knot in curve.knots),
            tuple(knot.value for knot in curve.knots),
            "both",
            tuple(knot.u_value for knot in curve.knots),
        )
        for column, curve in good.items()
    )
    note = "Straight from knot to knot. Beyond the ends there is no calibration: a value there is an extrapolation."
    return Curve("CT number to density", ("CT number / HU", "relative to water (mass density: g/cm³)"), series, note=note)


def _table(good: Mapping[str, Calibrated]) -> Table:
    """One row a knot of the electron densities, by CT number; a material that another curve leaves out has a gap there."""
    order: dict[str, tuple[float, float]] = {}
    for curve in good.values():
        order |= {knot.name: (knot.hu, knot.u_hu) for knot in curve.knots}
    values = {column: {knot.name: f"{knot.value:.4f}" for knot in curve.knots} for column, curve in good.items()}
    us = {column: {knot.name: f"{2 * knot.u_value:.4f}" for knot in curve.knots} for column, curve in good.items()}
    rows = tuple(
        (name, f"{hu:.1f}", f"{2 * u:.1f}", *(cell for column in good for cell in (values[column].get(name, ""), us[column].get(name, ""))))
        for name, (hu, u) in sorted(order.items(), key=lambda item: item[1])
    )
    header = ("material", "CT number / HU", "U / HU", *(text for column in good for text in (NAMES[column], "U")))
    note = "U = 2u. Electron density and stopping power relative to water, mass density in g/cm³."
    return Table("CT number to density", header, rows, note)


def _materials(materials: Sequence[Plugged]) -> Table:
    """What is known of each material, and why what is missing is missing."""
    rows = []
    for one in materials:
        cells = [f"{v.value:.4f}" if isinstance(v := one.values[column], Number) else str(v) for column in COLUMNS]
        hu = f"{one.hu.value:.1f}" if isinstance(one.hu, Number) else str(one.hu)
        rows.append((one.name, hu, *cells, "yes" if one.confirmed else "no"))
    header = ("material", "CT number / HU", *(NAMES[column] for column in COLUMNS), "confirmed by a document")
    return Table("Materials", header, tuple(rows))
