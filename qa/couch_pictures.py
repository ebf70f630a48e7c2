"""The ball in its images at the couch's stops, and the images that were not used: evidence that several tests show."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from qa.ball_images import BallImage
from qa.couch_travel import Travel
from qa.evidence import Mark, Overlay, Table

PICTURES = 12  # of one imaging system; more would fill pages and show nothing new
POINTS = 49  # of a circle drawn


def pictures(travel: Travel) -> list[Overlay]:
    """The ball in the first images of every stop."""
    seen = [(k, ball) for k, stop in enumerate(travel.stops.stops) for ball in stop.images]
    return [_picture(travel.stops.kind, k, ball) for k, ball in seen[:PICTURES]]


def _picture(kind: str, stop: int, seen: BallImage) -> Overlay:
    """The ball in one image; the field is not asked."""
    ball, turn = seen.ball_mm - seen.origin_mm, np.linspace(0, 2 * np.pi, POINTS)
    rim = tuple((float(ball[0] + seen.radius_mm * np.cos(t)), float(ball[1] + seen.radius_mm * np.sin(t))) for t in turn)
    marks = (Mark("outline", "ball", rim), Mark("cross", "ball centre", ((float(ball[0]), float(ball[1])),)))
    note = (
        f"from the imager's origin: u {seen.ball_mm[0]:+.3f} ± {2 * seen.u_mm[0]:.3f}, v {seen.ball_mm[1]:+.3f} ± {2 * seen.u_mm[1]:.3f} mm"
    )
    title = f"Stop {stop + 1}  G {round(seen.image.gantry_deg, 1) % 360:.1f}"
    row = f"{kind}: the ball against the panel"
    return Overlay(title, seen.picture, seen.extent_mm, marks, ("u / mm", "v / mm"), f"{note}; {seen.image.name}", row=row)


def unused(travels: Sequence[Travel]) -> Table:
    """What could not be used, with the reason."""
    rows = tuple((travel.stops.kind, item.name, reason) for travel in travels for item, reason in travel.stops.unseen)
    return Table("Images that were not used", ("kind", "file", "why"), rows or (("", "none", ""),))
