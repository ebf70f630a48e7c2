"""What an image says, as readings: every quantity of it as a number with its budget, or with the reason."""

from __future__ import annotations

from collections.abc import Mapping

from qa.features.mtf import Mtf
from qa.features.number import Number, number
from qa.planar_quality_bars import BarGroups
from qa.planar_quality_geometry import HUNDRED, Doubted, Pairs, geometry, product, times
from qa.planar_quality_look import Seen
from qa.planar_quality_measure import ROSE, Found
from qa.planar_quality_noise import Even
from qa.planar_quality_regions import Contrast
from qa.planar_quality_sharpness import Sharpness
from qa.reading import AnalysisError, Measured, NotMeasured, Quantity, Reading

LEVELS = ("50", "30", "10")


def of_image(quantities: Mapping[str, Quantity], found: Found) -> list[Reading]:
    """All readings of one image of a phantom."""
    readings: list[Reading] = []
    for pairs in (geometry(found.seen), sharpness(found), contrasts(found), noise(found), panel(found)):
        for key, part, value in pairs:
            readings.append(_reading(quantities[key], found.seen, part, value, found.doubt))
    return readings


def _reading(quantity: Quantity, seen: Seen, part: str, value: Number | Doubted | str, doubt: str) -> Reading:
    """One reading; ``doubt`` keeps all of an image from passing."""
    if isinstance(value, str):
        return NotMeasured(quantity, f"{seen.image.name}: {value}", seen.at(part))
    missing, found = (value.missing, value.value) if isinstance(value, Doubted) else ("", value)
    return Measured(quantity, found.value, found.u, seen.at(part), found.budget, (*seen.flags, *found.flags), missing=missing or doubt)


def sharpness(found: Found) -> Pairs:
    """MTF from an edge and from bars, and the bars' own modulation."""
    edge, bars = found.edge, found.bars
    for level in LEVELS:
        if isinstance(edge, Sharpness):
            value = _at(edge.mtf, level)
            flagged = value if isinstance(value, str) else _flagged(product(value, edge.scale), edge.border.name)
            yield f"planar_mtf{level}", edge.part, flagged
        else:
            yield f"planar_mtf{level}", "edge", edge
        curve = bars.mtf if isinstance(bars, BarGroups) else bars
        yield f"planar_mtf{level}", "bars", _at(curve, level) if isinstance(curve, Mtf) else curve
    if isinstance(bars, str):
        yield "planar_bar_modulation", "bars", bars
        return
    for region, group in bars.groups:
        if isinstance(group, str):
            yield "planar_bar_modulation", region.name, group
        elif isinstance(bars.mtf, str):
            yield "planar_bar_modulation", region.name, bars.mtf
        else:
            yield "planar_bar_modulation", region.name, _modulation(bars.mtf, region.lp_per_mm)


def _flagged(value: Number, border: str) -> Number:
    return Number(value.value, value.u, value.budget, (*value.flags, f"across {border}"))


def _at(mtf: Mtf, level: str) -> Number | str:
    value = mtf.at[level]
    return str(value) if isinstance(value, AnalysisError) else value


def _modulation(mtf: Mtf, lp_per_mm: float) -> Number | str:
    """The MTF at a group's own frequency over the coarsest group's."""
    at = [k for k, f in enumerate(mtf.frequency_per_mm) if abs(f - lp_per_mm) < 1e-6]
    if not at:
        return f"the bars of {lp_per_mm:g} per mm are not seen as such: finer than the image shows"
    if at[0] == 0:
        return f"the bars of {lp_per_mm:g} per mm are what the finer ones are held against"
    return number(float(mtf.mtf[at[0]]), {"bars and noise": float(mtf.u[at[0]])})


def contrasts(found: Found) -> Pairs:
    """Contrast, contrast to noise, visibility of every region; d' and the count of discs."""
    for name, one in found.contrasts.items():
        if isinstance(one, str):
            for key in ("planar_contrast", "planar_cnr", "planar_visibility"):
                yield key, name, one
            continue
        yield "planar_contrast", name, _contrast(found.seen, one)
        yield "planar_cnr", name, one.cnr
        yield "planar_visibility", name, one.visibility
    none = f"{found.seen.model.name} holds no regions of known contrast"
    for key in ("planar_contrast", "planar_cnr", "planar_visibility") if not found.contrasts else ():
        yield key, "", none
    for name, value in found.d_prime.items():
        yield "planar_detectability", name, value
    if not found.d_prime:
        yield "planar_detectability", "", f"{found.seen.model.name} has no low-contrast discs"
    yield "planar_discs_seen", f"signal to noise above {ROSE:g}", found.discs if isinstance(found.discs, str) else found.discs.count


def _contrast(seen: Seen, one: Contrast) -> Number | str:
    if not seen.zero:
        return seen.no_ratio
    if not one.full:
        return f"{one.region.name} is too small against the blur to reach its full contrast; its visibility is what can be compared"
    return times(one.contrast, HUNDRED)


def noise(found: Found) -> Pairs:
    """Noise, its spectrum, evenness of plate and open field."""
    for name, area in found.evens.items():
        keys = ("planar_noise", "planar_nps_integral", "planar_nps_frequency", "planar_uniformity")
        if isinstance(area, str):
            yield from ((key, name, area) for key in keys)
            yield from (("planar_tilt", f"{name}, {axis}", area) for axis in ("along u", "along v"))
        else:
            yield from of_area(found.seen, area)


def of_area(seen: Seen, area: Even) -> Pairs:
    """The readings of one even square."""
    ratio = seen.no_ratio
    yield "planar_noise", area.name, ratio or area.noise
    yield "planar_nps_integral", area.name, ratio or area.power
    yield "planar_nps_frequency", area.name, area.nps.mean_frequency
    yield "planar_uniformity", area.name, ratio or area.uniformity
    signs = seen.image.column_u, seen.image.row_v
    for axis, sign, tilt in zip("uv", signs, area.tilt, strict=True):
        yield "planar_tilt", f"{area.name}, along {axis}", ratio or times(tilt, float(sign))


def panel(found: Found) -> Pairs:
    """Defective lines and pixels: those of the open field, and those that were filled wherever they are."""
    defects, filled = found.defects, found.seen.mended
    if isinstance(defects, str):
        rows, columns, pixels, said = set(filled.rows), set(filled.columns), set(filled.specks), defects
    else:
        rows, columns = {*filled.rows, *defects.rows}, {*filled.columns, *defects.columns}
        pixels, said = {*filled.specks, *defects.pixels}, f"{defects.looked_at} pixels of open field looked at"
    pixels = {(r, c) for r, c in pixels if r not in rows and c not in columns}
    lines = len(rows) + len(columns)
    where = _where(tuple(sorted(rows)), tuple(sorted(columns)))
    yield "planar_defects", "rows and columns", _counted(lines, 0.1, "a line near the threshold", (where, said), defects)
    places = ", ".join(f"({r}, {c})" for r, c in sorted(pixels)[:12])
    flags = (*((f"(row, column): {places}",) if places else ()), said)
    spread = max(0.1, float(len(pixels)) ** 0.5 / 4)
    yield "planar_defects", "pixels", _counted(len(pixels), spread, "pixels near the threshold", flags, defects)


def _counted(count: int, u: float, name: str, flags: tuple[str, ...], defects: object) -> Number | Doubted | str:
    """A count; without an open field to look at, one of what was filled is the least there can be."""
    value = Number(float(count), u, {name: u}, flags)
    if not isinstance(defects, str):
        return value
    return Doubted(value, f"only grossly wrong ones are counted: {defects}") if count else defects


def _where(rows: tuple[int, ...], columns: tuple[int, ...]) -> str:
    said = [f"{word} {', '.join(map(str, lines[:12]))}" for word, lines in (("rows", rows), ("columns", columns)) if lines]
    return "; ".join(said) or "no rows or columns"
