"""A random generator that notes which of the few things there are to choose from were chosen, place by place of the code that chose."""

import sys
from collections import defaultdict
from pathlib import Path

import numpy as np

FEW = 7  # of more, no rehearsal can be asked to draw all


class Kinds:
    """For each place that chooses: what it could have been, and what it was."""

    def __init__(self) -> None:
        self.possible: dict[str, set[object]] = defaultdict(set)
        self.seen: dict[str, set[object]] = defaultdict(set)

    def note(self, place: str, possible: set[object], value: object) -> None:
        """One more choice."""
        if place:
            self.possible[place] |= possible
            self.seen[place].add(value)

    @property
    def never(self) -> dict[str, set[object]]:
        """What was never chosen, by place; where there are many things in all, none of them is a kind."""
        few = {place: possible for place, possible in self.possible.items() if len(possible) <= FEW}
        return {place: left for place, possible in few.items() if (left := possible - self.seen[place])}


class Noted(np.random.Generator):
    """The generator of these seeds, to the bit; single choices are noted."""

    def __init__(self, seeds: list[int], kinds: Kinds) -> None:
        super().__init__(np.random.PCG64(seeds))
        self.kinds = kinds

    def choice(self, a, *given, **named):
        value = super().choice(a, *given, **named)
        if np.ndim(value) == 0 and np.ndim(a) == 1:
            self.kinds.note(_place(), {str(one) for one in a}, str(value))
        return value

    def integers(self, low, high=None, *given, **named):
        value = super().integers(low, high, *given, **named)
        if np.ndim(value) == 0 and not given and not named:
            least, end = (0, low) if high is None else (low, high)
            self.kinds.note(_place(), set(range(least, min(end, least + FEW + 1))), int(value))
        return value

    def random(self, *given, **named):
        value = super().random(*given, **named)
        return Share(value, self.kinds, _place()) if np.ndim(value) == 0 else value


class Share(float):
    """A number from 0 to 1; whether it is below a share is a choice of two."""

    def __new__(cls, value: float, kinds: Kinds, place: str) -> "Share":
        one = super().__new__(cls, value)
        one.kinds, one.place = kinds, place
        return one

    def __lt__(self, share: float) -> bool:
        below = float(self) < share
        self.kinds.note(self.place, {True, False}, below)
        return below


def _place() -> str:
    """What asked the generator, by line and instruction; "" for numpy, whose choices ask for numbers themselves."""
    frame = sys._getframe(2)
    file = frame.f_code.co_filename
    return "" if file == __file__ else f"{Path(file).name}, line {frame.f_lineno}, {frame.f_lasti}"
