"""Two engines side by side: one row per image, one per quantity of the whole set."""

from __future__ import annotations

from collections.abc import Iterator

from qa.engines import Comparison, ImageRow, Pair
from qa.reading import Measured
from reports import numbers
from reports.screen import Grid

WHOLE = ("whole set", "ours ± U", "theirs", "difference", "what their number really is")


def grids(comparison: Comparison) -> Iterator[Grid]:
    """The images, then the set; ours with U = 2u, the difference is theirs minus ours."""
    keys = next((tuple(pair.theirs.key for pair in row.pairs) for row in comparison.images if row.pairs), ())
    header = ["image", "gantry", "collimator", "couch"]
    for key in keys:
        header += [key, "theirs", "difference"]
    yield Grid(f"{comparison.title}: {comparison.told}", (*header, ""), tuple(_image(row, len(keys)) for row in comparison.images))
    if comparison.whole:
        yield Grid("", WHOLE, tuple((pair.theirs.key or "(theirs alone)", *_cells(pair), pair.theirs.really) for pair in comparison.whole))


def _image(row: ImageRow, count: int) -> tuple[str, ...]:
    angles = (f"{round(angle, 1) % 360:.1f}" for angle in (row.image.gantry_deg, row.image.collimator_deg, row.image.couch_deg))
    cells = [cell for pair in row.pairs for cell in _cells(pair)] or ["-"] * (3 * count)
    return row.image.name, *angles, *cells, row.why or ("agree" if row.agree else "APART")


def _cells(pair: Pair) -> tuple[str, str, str]:
    ours = "-" if pair.ours is None else numbers.pair(pair.ours) if isinstance(pair.ours, Measured) else "not measured"
    theirs = "not measured" if pair.theirs.value is None else f"{pair.theirs.value:+.3f}"
    return ours, theirs, "-" if pair.difference is None else f"{pair.difference:+.3f}"
