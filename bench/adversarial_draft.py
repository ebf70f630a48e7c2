"""An image before it is taken: an ordinary exposure of any panel, aperture and ball, to which things then go wrong one by one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bench.scenes import Scene, around, cut, take
from phantoms.aperture import REALISTIC, SIMPLE, Aperture, Cone, Leaves, Rectangle
from phantoms.panel import AS500, AS1000, AS1200, IVIEWGT, PAXSCAN, Panel
from phantoms.shadow import Shadow
from phantoms.view import View

Array = NDArray[np.float64]
Random = np.random.Generator
PANELS = (AS500, AS1000, AS1200, IVIEWGT, PAXSCAN)
FULL_SHARE = 0.05  # of the images are drawn on the whole panel; the others on what lies around the field
SURROUND_MM = (12.0, 30.0)  # of panel kept outside the field's corners when it is cut
OPEN_MM, CONE_MM, TIGHT_MM = 4.0, 5.5, 2.5  # of open beam from the ball's rim to the 50 % edge: jaws and leaves, cones, and too little
SMALLEST_BALL_MM, SPARE_MM = 3.0, 0.3
FARTHEST_MM = 3.0  # an ordinary ball is set up within this of the field's centre
SIGMA, LOUD_SIGMA = (0.0016, 0.0041), (0.0041, 0.010)  # of the open beam: seen on real panels, and as loud as one may get
CORRELATION, CORRELATED_MM = (0.2, 0.9), 0.336  # of neighbouring pixels, the highest on pixels of that pitch; it fades with their distance
LEAST_DEPTH = 0.16  # of the log signal in the middle of a ball: steel of 5 mm, tungsten of 2 mm


@dataclass(frozen=True)
class Draft:
    """What will be exposed, and what the panel will do to it.

    ``centres`` (u, v) mm are the balls that the true answer may mean: one, none (there is no right answer), or several that nobody can
    choose between. ``spoils`` are done to the noisy image in order. ``harm`` lists what went wrong.
    """

    view: View
    sigma: float
    correlation: float
    spoils: tuple[Callable[[Array], Array], ...] = ()
    centres: tuple[tuple[float, float], ...] = ()
    harm: tuple[str, ...] = ()

    @property
    def reference_mm(self) -> tuple[float, float]:
        """What the ball is measured from, (u, v) mm: the field's centre."""
        return self.view.aperture_uv_mm

    def spoilt(self, *more: Callable[[Array], Array]) -> Draft:
        """The same with more done to the image."""
        return replace(self, spoils=(*self.spoils, *more))

    def scene(self, rng: Random) -> Scene:
        """The image taken."""

        def spoil(image: Array) -> Array:
            for change in self.spoils:
                image = change(image)
            return image

        return take(self.view, rng, self.sigma, self.correlation, spoil)


def ordinary(rng: Random, least_mm: float = 10.0, largest_ball_mm: float = 10.0, little_room: bool = False) -> Draft:
    """Nothing wrong: any panel, distance, aperture, collimator angle, penumbra, slope, ball and noise that a clinic may have.

    The field is at least that wide (and as wide as the smallest ball needs), the ball at most that large.
    """
    is_cone = rng.random() < 1 / 3
    open_mm = TIGHT_MM if little_room else CONE_MM if is_cone else OPEN_MM
    aperture = _aperture(rng, max(least_mm, 2 * (SMALLEST_BALL_MM / 2 + open_mm + SPARE_MM)), is_cone)
    half = min(aperture.extent_mm) if not isinstance(aperture, Leaves) else min(aperture.width_mm, aperture.height_mm) / 2
    whole = PANELS[rng.integers(len(PANELS))]
    sid = 1600.0 if whole is IVIEWGT else round(float(rng.uniform(1000, 1600)), 1)
    reach = 2 * (float(np.hypot(*aperture.extent_mm)) + rng.uniform(*SURROUND_MM))
    angle, steep = rng.uniform(0, 2 * np.pi), float(rng.uniform(0, 0.0015)) * (rng.random() < 0.3)
    view = View(
        whole if rng.random() < FULL_SHARE else cut(whole, sid, reach),
        aperture,
        REALISTIC if rng.random() < 0.6 else SIMPLE,
        around((0.0, 0.0), 2.0, rng),
        float(rng.choice([0.0, 90.0, 180.0, 270.0])) if rng.random() < 0.5 else float(rng.uniform(0, 360)),
        sid_mm=sid,
        tilt_per_mm=(steep * np.cos(angle), steep * np.sin(angle)),
        curvature_per_mm2=-steep / 150,
        glare_fraction=float(rng.uniform(0.01, 0.05)) if rng.random() < 0.1 else 0.0,
    )
    diameter = float(rng.uniform(SMALLEST_BALL_MM, min(largest_ball_mm, 2 * (half - open_mm) - SPARE_MM)))
    far = min(FARTHEST_MM, half - diameter / 2 - open_mm)
    ball = Shadow(*around(view.aperture_uv_mm, far, rng), diameter, _mu_per_mm(rng, diameter), float(rng.uniform(0.5, 0.9)))
    return Draft(replace(view, balls=(ball,)), float(rng.uniform(*SIGMA)), _correlation(rng, whole), centres=((ball.u_mm, ball.v_mm),))


def _mu_per_mm(rng: Random, diameter_mm: float) -> float:
    """Steel (0.03 per mm) to tungsten (0.11), and no ball so faint that its kind is another one."""
    return float(rng.uniform(max(0.03, LEAST_DEPTH / diameter_mm), 0.11))


def _correlation(rng: Random, panel: Panel) -> float:
    """Of the noise of neighbouring pixels: light spreads over tenths of a millimetre whatever the pitch."""
    highest = CORRELATION[1] ** ((panel.pitch_mm[0] / CORRELATED_MM) ** 2)
    return float(rng.uniform(CORRELATION[0], min(CORRELATION[1], highest)))


def _aperture(rng: Random, least_mm: float, is_cone: bool) -> Aperture:
    """Jaws or leaves of up to 60 mm, or a cone of up to 40 mm; small fields as often as large ones."""
    if is_cone:
        return Cone(float(np.exp(rng.uniform(np.log(least_mm), np.log(40)))))
    width = float(np.exp(rng.uniform(np.log(least_mm), np.log(60))))
    height = float(np.clip(width * np.exp(rng.uniform(-0.5, 0.5)), least_mm, 60)) if rng.random() < 0.5 else width
    if rng.random() < 0.5:
        return Rectangle(width, height)
    return Leaves(width, height, leaf_mm=float(rng.choice([2.5, 5.0, 10.0])))


def tight(rng: Random) -> Draft:
    """Nothing wrong but little room: a field of 10 to 20 mm, and 2.5 to 4 mm of it open on one side of the ball."""
    while True:
        draft = ordinary(rng, little_room=True)
        aperture, ball, (u, v) = draft.view.aperture, draft.view.balls[0], draft.view.aperture_uv_mm
        if not isinstance(aperture, Cone | Leaves | Rectangle):
            raise TypeError(f"no room is known for {aperture}")
        half = aperture.diameter_mm / 2 if isinstance(aperture, Cone) else min(aperture.width_mm, aperture.height_mm) / 2
        if half <= 10.0 and half - ball.diameter_mm / 2 - float(np.hypot(ball.u_mm - u, ball.v_mm - v)) < OPEN_MM:
            return draft
