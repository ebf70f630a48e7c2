"""The symmetry self-test: an image flipped and rotated must give an answer that is flipped and rotated with it.

It needs no truth, so every user's image gets it; an algorithm that favours a direction, or holds on to an artefact, gives itself away.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

COUNT = 7
"""How many ways there are to flip and rotate a picture, beside leaving it alone."""


@dataclass(frozen=True)
class DihedralTurn:
    """One of the seven flips and quarter turns: ``number`` 1 to 7; bit 2 transposes, then bit 0 flips rows and bit 1 flips columns.

    Number 7 comes first for a single image: it exchanges rows and columns and reverses both.
    """

    number: int

    def picture(self, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        """The turned picture."""
        turned = pixels.T if self.number & 4 else pixels
        turned = turned[::-1] if self.number & 1 else turned
        return np.ascontiguousarray(turned[:, ::-1] if self.number & 2 else turned)

    def pitch(self, pitch_mm: tuple[float, float]) -> tuple[float, float]:
        """The turned picture's pixel pitch (row, column)."""
        return (pitch_mm[1], pitch_mm[0]) if self.number & 4 else pitch_mm

    def back(self, x: float, y: float, shape: tuple[int, int], pitch_mm: tuple[float, float]) -> tuple[float, float]:
        """Where a position (x, y) mm of the turned picture is in the original of that shape and pitch."""
        rows, columns = shape[::-1] if self.number & 4 else shape
        pitch_row, pitch_column = self.pitch(pitch_mm)
        if self.number & 2:
            x = (columns - 1) * pitch_column - x
        if self.number & 1:
            y = (rows - 1) * pitch_row - y
        return (y, x) if self.number & 4 else (x, y)
