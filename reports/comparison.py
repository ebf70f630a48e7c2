"""Two engines side by side: one row per image, one per quantity of the whole set."""

from __future__ import annotations

from collections.abc import Iterator

from qa.engines import Comparison, ImageRow, SetRow
from qa.reading import Measured
from reports import numbers
from reports.screen import Grid

IMAGES = ("image", "gantry", "collimator", "couch", "u ours", "u pylinac", "difference", "v ours", "v pylinac", "difference", "")
SETS = ("whole set", "ours", "pylinac", "difference", "what pylinac's number is")


def grids(comparison: Comparison) -> Iterator[Grid]:
    """The images, then the set; lengths in mm, ours with U = 2u."""
    heading = f"{comparison.title}: ball minus field centre, mm; {comparison.told.words}"
    yield Grid(heading, IMAGES, tuple(_image(row) for row in comparison.images))
    if comparison.sets:
        yield Grid("", SETS, tuple(_set(row) for row in comparison.sets))


def _image(row: ImageRow) -> tuple[str, ...]:
    angles = (f"{angle % 360:.1f}" for angle in (row.image.gantry_deg, row.image.collimator_deg, row.image.couch_deg))
    cells = [row.image.name, *angles]
    differences = row.differences_mm
    for k in (0, 1):
        cells.append("-" if isinstance(row.ours, str) else numbers.pair(row.ours[k]))
        cells.append("-" if isinstance(row.theirs, str) else f"{row.theirs[k]:+.3f}")
        cells.append("-" if differences is None else f"{differences[k]:+.3f}")
    words = [side for side in (row.ours, row.theirs) if isinstance(side, str)]
    return *cells, "; ".join(words) or ("agree" if row.agree else "APART")


def _set(row: SetRow) -> tuple[str, ...]:
    theirs = row.theirs.value
    measured = row.ours if isinstance(row.ours, Measured) else None
    ours = numbers.pair(measured) if measured else "-" if row.ours is None else "not measured"
    difference = f"{theirs - measured.value:+.3f}" if measured and theirs is not None else "-"
    name = row.theirs.key or "(pylinac alone)"
    return name, ours, "not measured" if theirs is None else f"{theirs:+.3f}", difference, row.theirs.really
