"""Open-field kV images of the adversarial campaign before they are taken: ordinary exposures of a ball on its stem.

The truth is the ray through the ball's centre. What each kind may expect is written in `bench.adversarial`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.adversarial_draft import Draft, Random
from bench.scenes import FULL_SCALE, Scene, around
from phantoms.aperture import Rectangle
from phantoms.clutter import Spindle
from phantoms.epid import draw
from phantoms.kv import BLADES_MM
from phantoms.machine import Unsharpness
from phantoms.noise import correlated, digitise
from phantoms.panel import PAXSCAN, XVI, Panel
from phantoms.penumbra import Penumbra
from phantoms.shadow import Shadow, Stem
from phantoms.view import View

Array = NDArray[np.float64]
PANELS: tuple[tuple[Panel, float], ...] = ((PAXSCAN, 1500.0), (PAXSCAN, 1500.0), (XVI, 1536.0))
FULL_SHARE, CROP_MM = 0.1, (76.0, 66.0)  # of the images are whole panels; the others are as large as that on the isocentre plane
SIGMA, CORRELATION, QUANTUM = (0.002, 0.006), (0.2, 0.6), 0.9  # of the open beam; neighbours; share of the variance that falls with it
STEEL, TUNGSTEN = (0.55, 1.0), (3.0, 5.0)  # 1/mm between 60 and 80 keV
DIAMETER_MM = 5.0, 10.0
ROOM_MM = 12.0  # from a clean ball's rim to what is not open: a blade's 50 % edge, whose foot is 7 mm wide, or the image's edge
STEM_SHARE, BLADES_SHARE, GAINS_SHARE = 0.8, 0.5, 0.2


@dataclass(frozen=True)
class KvDraft(Draft):
    """A draft of an open-field image; ``told_mm`` is the ball's radius where the program is told it."""

    told_mm: float | None = None

    @property
    def reference_mm(self) -> tuple[float, float]:
        """The panel's centre: an open field has none of its own."""
        return 0.0, 0.0

    def scene(self, rng: Random) -> Scene:
        """The image taken, with noise most of which falls with the signal."""
        image = draw(self.view)
        strength = np.sqrt(1 + QUANTUM * (np.clip(image, 0, 2) - 1))
        image = image + strength * correlated(rng, np.zeros_like(image), self.sigma, self.correlation)
        for change in self.spoils:
            image = change(image)
        return Scene(self.view, digitise(image, FULL_SCALE))


def ordinary(rng: Random) -> KvDraft:
    """Nothing wrong: PaxScan or XVI, blades in or out of view, steel or tungsten of 5 to 10 mm, mostly on a stem."""
    whole, sid = PANELS[rng.integers(len(PANELS))]
    full = rng.random() < FULL_SHARE
    pitch = whole.pitch_mm[0] * 1000 / sid
    panel = whole if full else whole.cropped(round(CROP_MM[1] / pitch), round(CROP_MM[0] / pitch))
    unsharp = Unsharpness(float(rng.uniform(0.4, 1.0)), float(rng.uniform(0.15, 0.35)))
    half_u, half_v = (n * p * 500 / sid for n, p in zip(panel.shape[::-1], panel.pitch_mm[::-1], strict=True))
    ball = _ball(rng, unsharp.at(1000, 1000, sid), around((0.0, 0.0), 40.0 if full else 7.0, rng))
    room = ball.diameter_mm / 2 + ROOM_MM
    low_u, high_u, low_v, high_v = (
        at + side * float(rng.uniform(room, 1.4 * half)) if rng.random() < BLADES_SHARE else side * 2 * half
        for at, half in ((ball.u_mm, half_u), (ball.v_mm, half_v))
        for side in (-1, 1)
    )
    angle, steep = rng.uniform(0, 2 * np.pi), float(rng.uniform(0, 7e-4))
    view = View(
        panel,
        Rectangle(high_u - low_u, high_v - low_v, ((low_u + high_u) / 2, (low_v + high_v) / 2)),
        Penumbra((1.0,), (unsharp.at(BLADES_MM, 1000, sid),)),
        sid_mm=sid,
        transmission=0.0,
        balls=(ball,),
        stems=(_stem(rng, ball),) if rng.random() < STEM_SHARE else (),
        tilt_per_mm=(steep * np.cos(angle), steep * np.sin(angle)),
        curvature_per_mm2=-float(rng.uniform(0, 4e-6)),
        veil=float(rng.uniform(0, 0.05)),
        glare_fraction=float(rng.uniform(0, 0.05)),
        glare_sigma_mm=8.0,
    )
    spoils = (_two_gains,) if rng.random() < GAINS_SHARE else ()
    return KvDraft(view, float(rng.uniform(*SIGMA)), float(rng.uniform(*CORRELATION)), spoils, ((ball.u_mm, ball.v_mm),))


def _ball(rng: Random, blur_mm: float, place: tuple[float, float]) -> Shadow:
    metal = STEEL if rng.random() < 0.6 else TUNGSTEN
    return Shadow(*place, float(rng.uniform(*DIAMETER_MM)), float(rng.uniform(*metal)), blur_mm)


def _stem(rng: Random, ball: Shadow) -> Stem | Spindle:
    """A holder rod of 1 to 3 mm in any direction, plastic to metal, even or widening to a handle."""
    radius, angle, width = ball.diameter_mm / 2, float(rng.uniform(0, 360)), float(rng.uniform(1, 3))
    if rng.random() < 0.5:
        return Stem(ball.u_mm, ball.v_mm, angle, width, float(rng.uniform(0.1, 0.9)), ball.blur_mm, start_mm=0.9 * radius)
    outline = ((0.9 * radius, width), (radius + 8.0, width), (radius + 12.0, 2.5 * width), (300.0, 2.5 * width))
    return Spindle(ball.u_mm, ball.v_mm, angle, outline, float(np.exp(rng.uniform(np.log(0.02), 0.0))), ball.blur_mm)


def _two_gains(image: Array) -> Array:
    """A panel of two gains: what lies between them reads up to twice as much."""
    return np.where((image >= 0.08) & (image < 0.16), 2 * image, image)


def half_mm(view: View) -> tuple[float, float]:
    """Half the image along u and v, on the isocentre plane."""
    rows, columns = view.panel.shape
    scale = view.sad_mm / view.sid_mm / 2
    return columns * view.panel.pitch_mm[1] * scale, rows * view.panel.pitch_mm[0] * scale
