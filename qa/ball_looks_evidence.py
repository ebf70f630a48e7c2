"""The looks at a ball before and after a correction as a table: evidence that several tests show."""

from __future__ import annotations

from collections.abc import Sequence

from qa.ball_evidence import couch
from qa.ball_looks import Look, Route
from qa.evidence import Table


def chain(routes: Sequence[Route]) -> Table:
    """Where the ball was in every look, when, and where the couch stood."""
    rows = []
    for route in routes:
        for k, look in enumerate(route.looks):
            rows.append((route.name, _when(k, len(route.looks)), _time(look), couch(look.couch_mm), *_place(look)))
    header = ("route", "look", "taken at", "couch / mm", "x / mm", "y / mm", "z / mm")
    return Table("The ball in every look, from the imaging isocentre", header, tuple(rows), "With U = 2u. Times are those of the files.")


def _when(k: int, looks: int) -> str:
    return "before" if k == 0 else "after" if k == looks - 1 else "between"


def _time(look: Look) -> str:
    return f"{look.acquired:%H:%M:%S}" if look.acquired is not None else "unknown"


def _place(look: Look) -> tuple[str, str, str]:
    if isinstance(look.position, str):
        return str(look.position), "", ""
    point, variance = look.position.point_mm, look.position.covariance.diagonal()
    x, y, z = (f"{value:+.3f} ± {2 * var**0.5:.3f}" for value, var in zip(point, variance, strict=True))
    return x, y, z
