"""What a daily check shows: the chain as a table, and the ball in every look."""

from __future__ import annotations

from collections.abc import Sequence

from qa.acquisition import Acquisition
from qa.ball_day import Day
from qa.ball_evidence import overlay, used, view
from qa.ball_looks import Route
from qa.ball_looks_evidence import chain
from qa.evidence import Evidence


def show(acquisition: Acquisition, day: Day, routes: Sequence[Route]) -> tuple[Evidence, ...]:
    """Where the ball was in every look, then the pictures, then what was used."""
    items = dict.fromkeys(item.name for route in routes for look in (route.looks[0], route.looks[-1]) for item in look.sets)
    shown = [item for item in day.sets if item.name in items]
    pictures = [view(item, k) for item in shown for k in range(len(item.views))]
    pictures += [overlay(seen, item) for item in shown for seen in item.images]
    return (chain(routes), *pictures, used(acquisition, day))
