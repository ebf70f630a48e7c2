"""A random couch, and what the calibration of its readout should be."""

from __future__ import annotations

import numpy as np

from qa import couch_rehearsal
from qa.procedure import Rehearsal


def draw(rng: np.random.Generator) -> Rehearsal:
    """Five stops from two directions."""
    drawn = couch_rehearsal.draw(rng)
    truth = {(f"couch_gain_{'xyz'[row]}{'xyz'[column]}", "MV"): float(drawn.matrix[row, column]) for row in range(3) for column in range(3)}
    truth["couch_readout_residual", "MV"] = float(np.abs(drawn.residual_mm).max())
    return Rehearsal(drawn.acquisition(), truth, drawn.write)
