"""A random morning with known truth: a kV pair before and after a couch correction, and one image of the beam."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from qa.procedure import Rehearsal

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

ROUTE = "kV pair"


def draw(rng: np.random.Generator) -> Rehearsal:
    """Imagers repeat their position and the couch its readout as badly as real ones; the ball is anywhere within a millimetre or two."""
    from phantoms import rtimage
    from phantoms.linac import Shot
    from phantoms.rays import project, to_gantry
    from qa import rehearsal
    from qa.ball_day_rehearsal import BLANK_MM, PAUSE, Place, a_kv_system, a_linac, a_place, a_setup, exposed, in_order, system

    linac, setup, before, here = a_linac(rng), a_setup(rng), a_place(rng, 0.8), Place(BLANK_MM, BLANK_MM)
    kv = a_kv_system(linac, rng)
    shots = [Shot(gantry_deg=float(rng.uniform(-20, 20)) % 360), Shot(gantry_deg=float(rng.uniform(250, 290)))]
    first, last = ([exposed(kv, setup, shot, place, rng) for shot in shots] for place in (before, here))
    beam = [exposed(linac, setup, Shot(gantry_deg=float(rng.uniform(0, 360))), here, rng)]
    day = in_order(rehearsal.day([*first, *last, *beam], []), [*last, *beam])
    uids, nowhere = [image.sop_instance_uid for image in day.images], np.zeros(3)
    start, end = (_ball(system("kv", kv, setup, shots, place, nowhere, uids[:2], ROUTE)) for place in (before, here))
    read, true = np.array(before.readout_mm), np.array(before.true_mm)
    parts = {"setup": start, "match": start - read, "couch": read - true, "residual": end}
    truth = {key: value for name, vector in parts.items() for key, value in _vector(name, vector).items()}
    seen, gantry = beam[0].truth, beam[0].shot.gantry_deg
    there = project(to_gantry((float(end[0]), float(end[1]), float(end[2])), gantry), (0.0, 0.0), linac.sad_mm).uv_mm
    truth["daily_coincidence", ROUTE] = float(np.linalg.norm(np.subtract(seen.ball_uv_mm[0], seen.field_uv_mm) - there))

    def write(folder: Path) -> None:
        for k, (name, exposures) in enumerate((("kv_before", first), ("kv_after", last), ("mv", beam))):
            rtimage.write(exposures, folder / name, seed=k, start=rtimage.FIRST_EXPOSURE + k * PAUSE)

    return Rehearsal(day, truth, write)


def _ball(truth: dict[tuple[str, str], float]) -> NDArray[np.float64]:
    return np.array([truth[f"kv_ball_{axis}", ROUTE] for axis in "xyz"])


def _vector(key: str, value: NDArray[np.float64]) -> dict[tuple[str, str], float]:
    found = {(f"daily_{key}_{axis}", ROUTE): float(value[k]) for k, axis in enumerate("xyz")}
    return {**found, (f"daily_{key}_distance", ROUTE): float(np.linalg.norm(value))}
