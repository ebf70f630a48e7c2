"""A consistent set of images of a phantom on a linac whose every fault is known."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from phantoms.epid import draw
from phantoms.examples import faulty, perfect, typical
from phantoms.machine import BeamAxis, Linac, Shot, Wave, beam_axes
from phantoms.noise import correlated, digitise
from phantoms.placement import BallSetup, Rod, ball_position, shadows
from phantoms.view import Truth, View, truth

__all__ = [
    "BallSetup", "BeamAxis", "Exposure", "Linac", "Rod", "Shot", "Wave",
    "ball_position", "beam_axes", "expose", "faulty", "perfect", "typical", "view",
]  # fmt: skip


@dataclass(frozen=True)
class Exposure:
    """One image of a set: the readouts, what was really there, the pixels (uint16, read-only) and the truth."""

    linac: Linac
    shot: Shot
    view: View
    pixels: NDArray[np.uint16] = field(repr=False)
    truth: Truth


def expose(
    linac: Linac, setup: BallSetup | Sequence[BallSetup], shots: Sequence[Shot], rng: np.random.Generator
) -> tuple[Exposure, ...]:
    """One exposure per shot; same arguments and generator state, same pixels."""
    return tuple(_expose(linac, view(linac, setup, shot), shot, rng) for shot in shots)


def view(linac: Linac, setup: BallSetup | Sequence[BallSetup], shot: Shot) -> View:
    """What the panel looks at in one shot."""
    setups = [setup] if isinstance(setup, BallSetup) else list(setup)
    seen = [shadows(linac, ball, shot) for ball in setups]
    panel = linac.panel_u_mm.at(shot.gantry_deg), linac.panel_v_mm.at(shot.gantry_deg)
    return View(
        panel=linac.panel,
        aperture=linac.aperture,
        penumbra=linac.penumbra,
        field_uv_mm=linac.axis_uv_mm(shot),
        collimator_deg=shot.collimator_deg,
        sad_mm=linac.sad_mm,
        sid_mm=linac.sid_mm,
        transmission=linac.transmission,
        balls=tuple(ball for ball, _ in seen),
        stems=tuple(stem for _, stems in seen for stem in stems),
        tilt_per_mm=linac.tilt_per_mm,
        curvature_per_mm2=linac.curvature_per_mm2,
        glare_fraction=linac.glare_fraction,
        panel_shift_mm=(panel[0] + linac.receptor_mm[0], panel[1] + linac.receptor_mm[1]),
        panel_rotation_deg=linac.panel_rotation_deg,
        sid_error_mm=linac.sid_error_mm,
        source_mm=linac.source_uv_mm(shot),
    )


def _expose(linac: Linac, seen: View, shot: Shot, rng: np.random.Generator) -> Exposure:
    image = draw(seen)
    if linac.noise_sigma > 0:
        image = correlated(rng, image, linac.noise_sigma, linac.noise_correlation)
    pixels = digitise(image, linac.full_scale)
    pixels.flags.writeable = False
    return Exposure(linac, shot, seen, pixels, truth(seen))
