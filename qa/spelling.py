"""Names as people type them: compared without regard to case, and a wrong one answered with the right ones that are most alike."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

ALIKE = 0.6  # by difflib's ratio; 1: the same


def folded(words: str) -> str:
    """The words as they are compared: without regard to case, commas and spaces."""
    return " ".join(words.casefold().replace(",", " ").split())


def nearest(name: str, known: Iterable[str], most: int | None = None, alike: int = 1) -> str:
    """``; did you mean "..."?`` for the ``alike`` known names that are most alike, else the known ones, at most ``most``; "" for none."""
    names = list(dict.fromkeys(known))
    by_case = {one.casefold(): one for one in reversed(names)}
    if near := difflib.get_close_matches(name.casefold(), list(by_case), alike, ALIKE):
        return f"; did you mean {' or '.join(repr(by_case[one]) for one in near)}?"
    more = f" and {len(names) - most} more" if most and len(names) > most else ""
    return f"; known: {', '.join(names[:most])}{more}" if names else ""
