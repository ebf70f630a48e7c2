"""A consistent set of images of a phantom on a linac whose every fault is known."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from phantoms.cuboid import Cuboid
from phantoms.epid import draw
from phantoms.examples import faulty, perfect, typical, typical_kv
from phantoms.furniture import Slab
from phantoms.machine import BeamAxis, Linac, Shot, Wave, beam_axes
from phantoms.noise import correlated, digitise
from phantoms.placement import BallSetup, Rod, ball_position, shadows
from phantoms.view import Truth, View, truth

__all__ = [
    "BallSetup", "BeamAxis", "Cuboid", "Exposure", "Linac", "Rod", "Shot", "Slab", "Wave",
    "ball_position", "beam_axes", "expose", "faulty", "perfect", "typical", "typical_kv", "view",
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
    linac: Linac,
    setup: BallSetup | Sequence[BallSetup],
    shots: Sequence[Shot],
    rng: np.random.Generator,
    furniture: Sequence[Slab | Cuboid] = (),
) -> tuple[Exposure, ...]:
    """One exposure per shot; same arguments and generator state, same pixels."""
    return tuple(_expose(linac, view(linac, setup, shot, furniture), shot, rng) for shot in shots)


def view(linac: Linac, setup: BallSetup | Sequence[BallSetup], shot: Shot, furniture: Sequence[Slab | Cuboid] = ()) -> View:
    """What the panel looks at in one shot."""
    setups = [setup] if isinstance(setup, BallSetup) else list(setup)
    seen = [shadows(linac, ball, shot) for ball in setups]
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
        blocks=tuple(thing.shadow(linac, shot) for thing in furniture),
        tilt_per_mm=linac.tilt_per_mm,
        curvature_per_mm2=linac.curvature_per_mm2,
        glare_fraction=linac.glare_fraction,
        glare_sigma_mm=linac.glare_sigma_mm,
        veil=linac.veil,
        panel_shift_mm=linac.panel_uv_mm(shot),
        panel_rotation_deg=linac.panel_rotation_deg,
        sid_error_mm=linac.sid_error_mm,
        source_mm=linac.source_uv_mm(shot),
    )


def _expose(linac: Linac, seen: View, shot: Shot, rng: np.random.Generator) -> Exposure:
    image = draw(seen)
    if linac.noise_sigma > 0 and linac.quantum_share == 0:
        image = correlated(rng, image, linac.noise_sigma, linac.noise_correlation)
    elif linac.noise_sigma > 0:
        variance = 1 + linac.quantum_share * (np.maximum(image, 0) - 1)
        image = image + np.sqrt(variance) * correlated(rng, np.zeros_like(image), linac.noise_sigma, linac.noise_correlation)
    low, high, factor = linac.gain_slip
    if low < high:
        image = np.where((low <= image) & (image < high), factor * image, image)
    pixels = digitise(image - linac.black, linac.full_scale - linac.black)
    pixels.flags.writeable = False
    return Exposure(linac, shot, seen, pixels, truth(seen))
