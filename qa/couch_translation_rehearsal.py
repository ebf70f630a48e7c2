"""A random couch, and what a day of its places should say."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from qa import couch_rehearsal
from qa.couch_rehearsal import Drawn
from qa.procedure import Rehearsal

LAST = 4  # the stop that comes back to the place of stop 1


def draw(rng: np.random.Generator) -> Rehearsal:
    """Five stops from two directions."""
    drawn = couch_rehearsal.draw(rng)
    acquisition = drawn.acquisition()
    uids = [image.sop_instance_uid for image in acquisition.images]
    return Rehearsal(acquisition, truth(drawn, uids), drawn.write)


def truth(drawn: Drawn, uids: list[str]) -> dict[tuple[str, str], float]:
    """Everything that a test of the couch should find."""
    moved, error = drawn.true_mm, drawn.true_mm - (drawn.readout_mm - drawn.readout_mm[0])
    found: dict[tuple[str, str], float] = {
        ("couch_error_max", "MV"): float(np.abs(error).max()),
        ("couch_error_3d_max", "MV"): float(np.linalg.norm(error, axis=1).max()),
        ("couch_hysteresis", "MV"): float(np.linalg.norm(error[1] - error[LAST])),
    }
    for stop in range(1, len(moved)):
        found["couch_error_3d", f"MV stop {stop + 1}"] = float(np.linalg.norm(error[stop]))
        for k, axis in enumerate("xyz"):
            found[f"couch_move_{axis}", f"MV stop {stop + 1}"] = float(moved[stop, k])
            found[f"couch_error_{axis}", f"MV stop {stop + 1}"] = float(error[stop, k])
    for k, axis in enumerate("xyz"):
        found[f"couch_scale_{axis}", "MV"] = float(drawn.matrix[k, k])
        found[f"couch_far_error_{axis}", "MV"] = 20.0 * (float(drawn.matrix[k, k]) - 1)
        found[f"couch_linearity_{axis}", "MV"] = float(np.abs(drawn.residual_mm[:, k]).max())
        found[f"couch_backlash_{axis}", "MV"] = float(error[1, k] - error[LAST, k])
    for a, b in combinations(range(3), 2):
        first, second = drawn.matrix[:, a], drawn.matrix[:, b]
        cosine = first @ second / np.sqrt(first @ first * (second @ second))
        found[f"couch_square_{'xyz'[a]}{'xyz'[b]}", "MV"] = float(np.degrees(np.arctan2(np.sqrt(1 - cosine**2), cosine)) - 90.0)
    for image, uid in enumerate(uids):
        stop = image // drawn.views
        if stop:
            u, v = couch_rehearsal.projected_mm(drawn, stop, image)
            found["couch_error_u", uid], found["couch_error_v", uid] = float(u), float(v)
    return found
