"""What to show for a scan of a phantom: every region drawn where it was measured, and what was recognised and why."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from qa.cbct_quality_measured import Parts
from qa.cbct_quality_tables import curves, recognition, tables
from qa.ct_found import Found, Unfound
from qa.ct_inserts import Insert
from qa.evidence import Evidence, Mark, Overlay
from qa.features.ct_ramps import HALF_MM
from qa.features.ct_recognise import with_inserts
from qa.features.ct_scan import View
from qa.reading import AnalysisError

AXES = ("x / mm", "z / mm")
POINTS = 48  # of a circle drawn
LOW_CONTRAST = "Low-contrast targets"
Box = tuple[float, float]


def unfound(found: Unfound) -> tuple[Evidence, ...]:
    """What was seen of a scan in which nothing could be measured."""
    shown: list[Evidence] = []
    if found.scan is not None and found.body is not None:
        outline = found.body.outlines[len(found.body.outlines) // 2]
        view = found.scan.picture(found.scan.crops([outline.slice], found.body.window)[0], found.body.window)
        marks = (_circle("outline", outline.x_mm, outline.z_mm, outline.radius_mm),)
        shown.append(_overlay("What was found", view, marks, (-1000.0, 1000.0), f"slice at y = {outline.y_mm:.1f} mm: {found.reason}"))
    if found.recognition is not None:
        shown.append(recognition(found.recognition))
    return tuple(shown) or (_words(found.reason),)


def _words(reason: str) -> Evidence:
    from qa.evidence import Table

    return Table("What was found", ("finding",), ((reason,),))


def show(found: Found, parts: Parts) -> tuple[Evidence, ...]:
    """Annotated slices, bars, curves and tables."""
    shown: list[Evidence] = [recognition(found.recognition, found), _side(found)]
    if not isinstance(parts.inserts, AnalysisError):
        shown.append(_inserts(found, parts.inserts))
    if not isinstance(parts.bars, AnalysisError):
        marks = [
            Mark("outline", "groups of bars", group.corners, f"{group.bars.lp_per_mm:.1f}") for group in parts.bars.groups
        ]  # fmt: skip
        top = float(np.quantile(parts.bars.view.pixels, 0.999))
        note = f"mean of {len(parts.bars.slices)} slices; labels: line pairs per mm"
        shown.append(_overlay("Line pairs", parts.bars.view, marks, (-100.0, max(top, 200.0)), note))
    if not isinstance(parts.uniform, AnalysisError):
        shown.append(_uniform(parts))
    shown += _low_contrast(parts)
    return (*shown, *curves(parts), *tables(found, parts))


def _overlay(title: str, view: View, marks: Sequence[Mark], window: Box, note: str = "", row: str = "") -> Overlay:
    """A picture with x to the right and z up, grey between two CT numbers."""
    pixels = view.pixels[:: 1 if view.row[1] < 0 else -1, :: 1 if view.column[1] > 0 else -1]
    x, z = view.x_mm, view.z_mm
    down, across = view.pitch_mm
    extent = float(x.min() - across / 2), float(x.max() + across / 2), float(z.min() - down / 2), float(z.max() + down / 2)
    return Overlay(title, grey(pixels, window), extent, tuple(marks), AXES, f"{note}; {window[0]:.0f} to {window[1]:.0f} HU", row, not row)


def grey(pixels: NDArray[np.float32], window: Box) -> NDArray[np.uint8]:
    """Black at the lower CT number, white at the higher."""
    share = np.clip((pixels - window[0]) / (window[1] - window[0]), 0, 1)
    return np.ascontiguousarray(np.rint(share * 255).astype(np.uint8))


def _circle(name: str, a: float, b: float, radius: float, label: str = "") -> Mark:
    turn = np.arange(POINTS) * 2 * np.pi / POINTS
    return Mark("outline", name, tuple((float(a + radius * np.cos(t)), float(b + radius * np.sin(t))) for t in turn), label)


def _inserts(found: Found, inserts: Sequence[Insert]) -> Overlay:
    """The inserts' module: regions of CT numbers, rods, and where the wire ramps are looked for."""
    slices = list(inserts[0].slices)
    marks = [_circle("CT number", *insert.place, insert.radius_mm, insert.plug.name) for insert in inserts]
    rods = [Mark("plus", "rods", ((spot.x_mm, spot.z_mm),), name) for name, spot in found.pose.rods.items()]
    module = with_inserts(found.model)
    ramps = []
    for ramp in module.ramps:
        corners = []
        for along, across in ((-1, -1), (1, -1), (1, 1), (-1, 1)):
            step = (along * HALF_MM, across * 2.5) if ramp.along == "x" else (across * 2.5, along * HALF_MM)
            corners.append(found.at(ramp.x_mm + step[0], module.y_mm, ramp.z_mm + step[1], slices))
        ramps.append(Mark("outline", "wire ramps", tuple(corners)))
    centre = Mark("cross", "middle of the module", (found.at(0.0, module.y_mm, 0.0, slices),))
    note = f"{module.name}, mean of {len(slices)} slices about y = {found.pose.height_mm:.1f} mm"
    return _overlay("Inserts, rods and wire ramps", found.view(slices), (*marks, *rods, *ramps, centre), (-1000.0, 1200.0), note)


def _uniform(parts: Parts) -> Overlay:
    uniform = parts.uniform
    assert not isinstance(uniform, AnalysisError)
    level = float(np.mean([number.value for number in uniform.regions.values()]))
    marks = [_circle("uniformity and noise", *place, uniform.radius_mm, name) for name, place in uniform.places.items()]
    for a, b, side in uniform.squares:
        h = side / 2
        marks.append(Mark("outline", "noise spectrum", ((a - h, b - h), (a + h, b - h), (a + h, b + h), (a - h, b + h))))
    note = f"{uniform.module.name}, mean of {len(uniform.slices)} slices"
    return _overlay("Uniformity and noise", uniform.view, marks, (level - 50, level + 50), note)


def _low_contrast(parts: Parts) -> list[Evidence]:
    """The module as it is and with its targets drawn, side by side."""
    contrast = parts.contrast
    if isinstance(contrast, AnalysisError):
        return []
    view = contrast.view
    marks = [_circle("targets", *target.place, target.disc.diameter_mm / 2) for target in contrast.targets]
    inner = [_circle("averaged", *target.place, target.radius_mm) for target in contrast.targets]
    places = np.array([target.place for target in contrast.targets])
    half = float(np.abs(places - places.mean(axis=0)).max()) + 14.0
    near = view.near(float(places[:, 0].mean()), float(places[:, 1].mean()), half)
    level = float(np.median(near.pixels))
    window = level - 20, level + 25
    note = f"{contrast.module.name}, mean of {len(contrast.slices)} slices"
    return [
        _overlay("as it is", near, (), window, note, LOW_CONTRAST),
        _overlay("where targets of 5 mm and more are", near, (*marks, *inner), window, note, LOW_CONTRAST),
    ]


def _side(found: Found) -> Overlay:
    """The phantom from the side, y to the right and z up, with its modules."""
    slices = [outline.slice for outline in found.body.outlines]
    order = np.argsort(found.scan.y_mm(slices))
    columns = []
    for k in (slices[i] for i in order):
        view = found.single(k)
        x, _ = found.body.centre(float(found.scan.y_mm(k)))
        columns.append(view.pixels[:, int(np.argmin(np.abs(view.x_mm - x)))])
    pixels = np.stack(columns, axis=1)[:: 1 if found.scan.step[2] < 0 else -1]
    y = np.sort(found.scan.y_mm(slices))
    step = float(np.median(np.diff(y)))
    z = found.single(slices[0]).z_mm
    extent = float(y[0] - step / 2), float(y[-1] + step / 2), float(z.min()), float(z.max())
    marks = []
    for module in found.model.modules:
        ends = [found.height(module.y_mm + end * module.length_mm / 2) for end in (-1, 1)]
        low, high = max(min(ends), extent[0]), min(max(ends), extent[1])
        if high > low:
            z0, z1 = extent[2] + 4, extent[3] - 4
            marks.append(Mark("outline", "modules", ((low, z0), (high, z0), (high, z1), (low, z1)), module.name))
    note = f"through the axis; {found.model.name}, {found.match.way_round}"
    return Overlay("From the side", grey(pixels, (-300.0, 300.0)), extent, tuple(marks), ("y / mm", "z / mm"), note, wide=True)
