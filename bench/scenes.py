"""One drawn image with exact truth, kept as the DICOM file that both programs read."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from phantoms import rtimage
from phantoms.epid import draw
from phantoms.linac import Exposure, Linac, Shot
from phantoms.noise import correlated, digitise
from phantoms.panel import AS500, AS1000, AS1200, IVIEWGT, Panel
from phantoms.shadow import Shadow
from phantoms.view import View, truth

Array = NDArray[np.float64]
FULL_SCALE = 1.25  # of the open beam at level 65535: a level is 2e-5 of the open beam, far below any noise drawn here
MU_TUNGSTEN = 0.10  # 1/mm: about 19 g/cm3 times 0.05 cm2/g, the attenuation of heavy metals between 1 and 3 MeV, where a 6 MV beam is
PANELS: tuple[tuple[Panel, float], ...] = (
    (AS1200, 1500.0),
    (AS1200, 1000.0),
    (AS1000, 1400.0),
    (AS500, 1500.0),
    (IVIEWGT, 1600.0),
    (Panel("oblong", 460, 380, (0.56, 0.42)), 1500.0),
)
SIZE_MM = 80.0  # the panels are cut to this about their centre, on the isocentre plane: nothing is drawn further out


@dataclass(frozen=True)
class Scene:
    """A view, and what the panel made of it."""

    view: View
    pixels: NDArray[np.uint16]

    @property
    def offset_mm(self) -> Array:
        """True ball minus field centre, (u, v) mm on the isocentre plane."""
        return np.subtract(truth(self.view).ball_uv_mm[0], truth(self.view).field_uv_mm)

    @property
    def field_mm(self) -> Array:
        """True field centre from the panel's centre pixel, (u, v) mm in the pitch that the file states."""
        return self._from_centre(truth(self.view).field_px)

    @property
    def ball_mm(self) -> Array:
        """True ball from the panel's centre pixel, (u, v) mm in the pitch that the file states."""
        return self._from_centre(truth(self.view).ball_px[0])

    @property
    def diameter_mm(self) -> float:
        """The ball's."""
        return self.view.balls[0].diameter_mm

    def _from_centre(self, place_px: tuple[float, float]) -> Array:
        down, right = np.subtract(place_px, self.view.panel.centre_px) * self.view.panel.pitch_mm * self.view.sad_mm / self.view.sid_mm
        return np.array([right, -down])

    @contextmanager
    def file(self) -> Iterator[Path]:
        """The scene as a DICOM file, for as long as the block lasts."""
        view = self.view
        linac = Linac("bench", panel=view.panel, sad_mm=view.sad_mm, sid_mm=view.sid_mm, aperture=view.aperture, full_scale=FULL_SCALE)
        with tempfile.TemporaryDirectory() as folder:
            shot = Shot(collimator_deg=view.collimator_deg % 360)
            yield rtimage.write([Exposure(linac, shot, view, self.pixels, truth(view))], Path(folder), seed=0)[0]


def take(
    view: View, rng: np.random.Generator, sigma: float = 0.0, correlation: float = 0.0, spoil: Callable[[Array], Array] | None = None
) -> Scene:
    """The view drawn, with noise of that standard deviation (of the open beam) and neighbour correlation, spoilt, and digitised."""
    image = draw(view)
    if sigma > 0:
        image = correlated(rng, image, sigma, correlation)
    return Scene(view, digitise(spoil(image) if spoil else image, FULL_SCALE))


def cut(panel: Panel, sid_mm: float, size_mm: float = SIZE_MM, sad_mm: float = 1000.0) -> Panel:
    """The middle of a panel, as large as that on the isocentre plane, and never square."""
    rows, columns = (min(have, round(size_mm * sid_mm / sad_mm / pitch)) for have, pitch in zip(panel.shape, panel.pitch_mm, strict=True))
    return panel.cropped(rows, columns - 14)


def around(place: tuple[float, float], radius_mm: float, rng: np.random.Generator) -> tuple[float, float]:
    """A random place within a circle."""
    angle, r = rng.uniform(0, 2 * np.pi), radius_mm * np.sqrt(rng.uniform())
    return float(place[0] + r * np.cos(angle)), float(place[1] + r * np.sin(angle))


def ball_in(
    view: View, diameter_mm: float, radius_mm: float, rng: np.random.Generator, mu_per_mm: float = MU_TUNGSTEN, blur_mm: float = 0.6
) -> View:
    """The view with a ball within ``radius_mm`` of the field centre."""
    return replace(view, balls=(Shadow(*around(view.aperture_uv_mm, radius_mm, rng), diameter_mm, mu_per_mm, blur_mm),))
