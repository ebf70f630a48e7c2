"""What an image shows: the phantom with every region drawn, the MTF and noise spectra, contrasts, and how it was recognised."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from qa import frames
from qa.acquisition import Image
from qa.evidence import Bar, Bars, Curve, Evidence, Line, Mark, Overlay, Series, Table
from qa.features.mtf import Mtf
from qa.features.number import Number
from qa.features.planar_borders import Border
from qa.planar_quality_bars import BarGroups
from qa.planar_quality_look import Seen, Unseen
from qa.planar_quality_measure import Found
from qa.planar_quality_noise import Even
from qa.planar_quality_regions import Contrast, kept, outline_of
from qa.planar_quality_sharpness import Sharpness
from qa.reading import DicomError

CROWDED = 8  # groups of bars: more labels than that lie over each other
WIDEST_PX = 420  # of a stored picture
POINTS = 90  # of a stored curve
HUNDRED = 100.0


def show(found: Sequence[Found], unseen: Sequence[Unseen]) -> tuple[Evidence, ...]:
    """The evidence of every image with a phantom, how all were recognised, and pictures of those without."""
    shown: list[Evidence] = []
    for one in found:
        shown += [overlay(one), *curves(one), *bars(one)]
    looked: list[Seen | Unseen] = [*(one.seen for one in found), *unseen]
    shown.append(recognition(looked))
    shown += [picture for item in unseen if (picture := _bare(item)) is not None]
    return tuple(shown)


def recognition(looked: Sequence[Seen | Unseen]) -> Table:
    """Which phantom each image shows, how sure, the runner-up, which way round."""
    rows = []
    for item in looked:
        ranking = item.recognition.ranking if item.recognition else ()
        said = [f"{match.model.name} {match.score:.2f}" for match in ranking[:3]]
        if isinstance(item, Seen):
            pose = item.frame
            turned = f"{(pose.angle_deg + 180) % 360 - 180:.1f}" + (", mirrored" if pose.mirrored else "")
            rows.append((item.image.name, item.model.name, ", ".join(said), turned, f"{pose.mean_scale:.4f}", "; ".join(item.flags)))
        else:
            rows.append((item.image.name, "none", ", ".join(said), "", "", item.reason))
    header = ("image", "phantom", "likeness (best first)", "turn / deg", "scale", "remarks")
    note = "likeness: correlation of what the outline holds with the model's nominal picture, 1 at most"
    return Table("Which phantom the images show", header, tuple(rows), note)


def overlay(found: Found) -> Overlay:
    """The image with the outline, every measured region, the edge, bars and even squares."""
    seen, marks = found.seen, []
    corners = [((-1, -1), (1, -1), (1, 1), (-1, 1))] if seen.model.shape == "rectangle" else []
    turn = np.linspace(0, 2 * np.pi, 73)[:-1]
    xy = np.array(corners[0]) if corners else np.stack([np.cos(turn), np.sin(turn)], axis=1)
    x, y = seen.frame.place(xy[:, 0] * seen.model.width_mm / 2, xy[:, 1] * seen.model.height_mm / 2)
    marks.append(Mark("outline", "outline", _plane(seen, x, y), seen.model.name))
    kinds = {"contrast": "contrast", "disc": "disc", "background": "background", "bars": "bars"}
    groups = [region.lp_per_mm for region in seen.model.regions if region.kind == "bars"]
    for region in seen.model.regions:
        if region.kind in kinds:
            shrink, _ = kept(seen, region)
            points = np.array(outline_of(seen.pose, region, shrink))
            among = region.kind == "bars" and min(groups) < region.lp_per_mm < max(groups)
            crowded = among and len(groups) > CROWDED  # the ends of a long row of groups say enough
            label = "" if crowded else region.name
            marks.append(Mark("outline", kinds[region.kind], _plane(seen, points[:, 0], points[:, 1]), label))
    if isinstance(found.edge, Sharpness):
        marks.append(Mark("line", "edge for the MTF", _edge(seen, found.edge.border)))
    for area in found.evens.values():
        if isinstance(area, Even):
            r0, r1, c0, c1 = area.box
            across, down = np.array([c0, c1, c1, c0]) * seen.pitch_mm[1], np.array([r0, r0, r1, r1]) * seen.pitch_mm[0]
            marks.append(Mark("outline", "noise", _plane(seen, across, down), area.name))
    note = f"{seen.setting}; likeness {seen.match.score:.2f}; {'; '.join(seen.flags)}".rstrip("; ")
    grey, extent = _grey(seen.image, seen.pixels)
    return Overlay(f"{seen.model.name} in {seen.image.name}", grey, extent, tuple(marks), ("u / mm", "v / mm"), note, wide=True)


def _plane(seen: Seen, x_mm: np.typing.ArrayLike, y_mm: np.typing.ArrayLike) -> tuple[tuple[float, float], ...]:
    """(u, v) of points of the pixel frame, from the panel's centre, as the picture shows them: the left is -u."""
    rows, columns = seen.image.shape
    x = np.asarray(x_mm) - (columns - 1) / 2 * seen.pitch_mm[1]
    y = (rows - 1) / 2 * seen.pitch_mm[0] - np.asarray(y_mm)
    return tuple((float(a), float(b)) for a, b in zip(x, y, strict=True))


def _edge(seen: Seen, border: Border) -> tuple[tuple[float, float], ...]:
    """The edge that was used, as a line."""
    if border.radius_mm:
        turn = np.linspace(0, 2 * np.pi, 49)
        x, y = border.start[0] + border.radius_mm * np.cos(turn), border.start[1] + border.radius_mm * np.sin(turn)
    else:
        x, y = np.array([border.start, border.stop]).T
    return _plane(seen, *seen.pose.place(x, y))


def _grey(image: Image, pixels: np.typing.NDArray[np.float32]) -> tuple[np.typing.NDArray[np.uint8], tuple[float, float, float, float]]:
    """The picture in a few hundred pixels, from dark to open, and its extent on the isocentre plane."""
    every = max(1, int(np.ceil(max(pixels.shape) / WIDEST_PX)))
    rows, columns = pixels.shape[0] // every, pixels.shape[1] // every
    small = pixels[: rows * every, : columns * every].reshape(rows, every, columns, every).mean(axis=(1, 3))
    low, high = np.percentile(small, (0.5, 99.5))
    grey = np.clip((small - low) / max(float(high - low), 1e-9) * 255, 0, 255).astype(np.uint8)
    pitch = frames.pixel_mm(image)
    left, top = -image.shape[1] / 2 * pitch[1], image.shape[0] / 2 * pitch[0]
    return grey, (left, left + columns * every * pitch[1], top - rows * every * pitch[0], top)


def _bare(item: Unseen) -> Overlay | None:
    """The image as it is."""
    try:
        pixels = item.image.pixels
    except DicomError:
        return None
    if not np.isfinite(pixels).all():
        return None
    grey, extent = _grey(item.image, pixels)
    return Overlay(f"{item.image.name}: no phantom measured", grey, extent, (), ("u / mm", "v / mm"), item.reason)


def curves(found: Found) -> list[Curve]:
    """MTF and noise spectra."""
    shown, seen = [], found.seen
    nyquist = 0.5 / max(seen.pitch_mm)
    series = []
    if isinstance(found.edge, Sharpness):
        series.append(_series(f"edge: {found.edge.border.name}", found.edge.mtf, found.edge.scale.value, "band"))
    if isinstance(found.bars, BarGroups) and isinstance(found.bars.mtf, Mtf):
        series.append(_series("bars, over the coarsest group", found.bars.mtf, 1.0, "both"))
    if series:
        lines = (Line("y", 0.5, "50 %"), Line("y", 0.1, "10 %"), Line("x", nyquist * seen.pose.mean_scale, "Nyquist"))
        shown.append(Curve(f"MTF, {seen.image.name}", ("frequency in the phantom's plane / (1/mm)", "MTF"), tuple(series), lines=lines))
    spectra = []
    for name, area in found.evens.items():
        if isinstance(area, Even) and seen.zero:
            level = area.nps.mean_value
            use = slice(None, None, max(1, len(area.nps.frequency_per_mm) // POINTS))
            values = tuple(float(v) for v in area.nps.curve[use] / level**2 * 1e6)
            u = tuple(float(v) for v in area.nps.curve_u[use] / level**2 * 1e6)
            spectra.append(Series(name, tuple(float(f) for f in area.nps.frequency_per_mm[use]), values, "band", u))
    if spectra:
        axes = ("frequency on the isocentre plane / (1/mm)", "NNPS / (1e-6 mm2)")
        title = f"Noise power over the squared mean, {seen.image.name}"
        shown.append(Curve(title, axes, tuple(spectra), lines=(Line("x", nyquist, "Nyquist"),)))
    return shown


def _series(name: str, mtf: Mtf, factor: float, style: str) -> Series:
    last = max(2, int(np.argmax(mtf.mtf < 0.02)) or len(mtf.mtf))
    use = slice(0, last, max(1, last // POINTS))
    x, y, u = (tuple(float(v) for v in values[use]) for values in (mtf.frequency_per_mm * factor, mtf.mtf, mtf.u))
    return Series(name, x, y, style, u)


def bars(found: Found) -> list[Bars]:
    """Contrasts of all regions, and how visible discs are."""
    seen = found.seen
    items = [_contrast(seen, name, one) for name, one in found.contrasts.items()]
    uid = seen.image.sop_instance_uid
    shown = []
    if items:
        shown.append(Bars(f"Contrast, {seen.image.name}", "contrast / %", tuple(items), "planar_contrast", sop_instance_uid=uid))
    if found.d_prime:
        seen_by = tuple(_bar(name, value) for name, value in found.d_prime.items())
        shown.append(Bars(f"Detectability of discs, {seen.image.name}", "d'", seen_by, "planar_detectability", sop_instance_uid=uid))
    return shown


def _contrast(seen: Seen, name: str, one: Contrast | str) -> Bar:
    if isinstance(one, str):
        return Bar(name, None, None, reason=one)
    if not seen.zero or not one.full:
        return Bar(name, None, None, reason="too small against the blur" if seen.zero else "zero of the values unknown")
    return Bar(name, HUNDRED * one.contrast.value, HUNDRED * one.contrast.u)


def _bar(name: str, value: Number | str) -> Bar:
    return Bar(name, None, None, reason=value) if isinstance(value, str) else Bar(name, value.value, value.u)
