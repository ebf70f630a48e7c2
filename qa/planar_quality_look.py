"""One image looked at: which phantom it shows and where its parts are, or why it cannot be measured."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from phantoms.models import PlanarModel, named, planar_models
from qa import frames
from qa.acquisition import Image
from qa.features.planar_map import Pose
from qa.features.planar_recognise import Match, Recognition, recognise
from qa.features.planar_sides import Outlined
from qa.planar_quality_inside import Inside
from qa.planar_quality_lines import mended
from qa.planar_quality_place import placed
from qa.reading import AnalysisError, DicomError
from qa.visible import visible

TOPS = (255.0, 1023.0, 4095.0, 16383.0, 65535.0)  # the largest values that 8, 10, 12, 14 and 16 bits hold
SATURATED = 0.002  # share of the pixels in the phantom at the very top of the image's values
TOLD_STEP, MOST_STEP = 0.004, 0.015  # of the range: values in larger steps hide the noise of most images; edges and bars


ALL_BITS = "export the image with all the bits of the detector"


@dataclass(frozen=True)
class Seen:
    """A recognised phantom. ``pixels`` grow with radiation, dead lines filled; ``zero`` says whether their zero is that of radiation.

    ``raw``: the same with the dead lines in it. ``pitch_mm`` (row, column) on the isocentre plane; ``frame`` is the outline's pose,
    ``pose`` that of the parts inside; ``outlined`` and ``inside`` are reasons where one of both ways to the place could not be gone;
    ``step`` of the pixel values; ``flags`` are caveats for all readings.
    """

    image: Image
    pixels: NDArray[np.float32]
    pitch_mm: tuple[float, float]
    recognition: Recognition
    match: Match
    outlined: Outlined | str
    inside: Inside | str
    frame: Pose
    pose: Pose
    zero: bool
    flags: tuple[str, ...]
    ends: tuple[float, float]  # lowest and highest value of the image
    step: float
    raw: NDArray[np.float32]

    @property
    def model(self) -> PlanarModel:
        """The phantom."""
        return self.match.model

    @property
    def setting(self) -> str:
        """Phantom, beam and imager in words: baselines are kept for each of these."""
        tags = self.image.tags
        maker = " ".join(t for t in (tags.get("Manufacturer", ""), tags.get("ManufacturerModelName", "")) if t)
        rows, columns = self.image.shape
        size = f"{columns}x{rows}, {self.image.spacing_mm[1]:.3f} mm"
        beam = " ".join(self.image.energy.split()) or self.image.radiation
        return f"{self.model.name} | {beam} | {visible(maker) or 'panel'} {size}"

    def at(self, part: str = "") -> dict[str, float | str]:
        """The state of a reading of a part of this image."""
        return {**self.image.at, **({"part": part} if part else {}), "setting": self.setting}


@dataclass(frozen=True)
class Unseen:
    """An image that shows no phantom that can be measured, and why; ``recognition`` when it got that far."""

    image: Image
    reason: str
    recognition: Recognition | None = None


def stated(words: str) -> tuple[PlanarModel | None, tuple[str, ...]]:
    """The planar phantom that the performer's words name, and what is to be said about them. AnalysisError when they name one for CT."""
    if not words.strip():
        return None, ()
    model = named(words, "planar")
    if isinstance(model, PlanarModel):
        return model, ()
    known = ", ".join(m.name for m in planar_models())
    other = named(words, "ct")
    if other is not None:
        raise AnalysisError(f"what was stated is a {other.name}, for CT scans, and the image is planar; known planar ones: {known}")
    return None, (f"what was stated, {visible(words)!r}, names no phantom that is known ({known})",)


def look(image: Image, words: str = "") -> Seen | Unseen:
    """The phantom in one image, measured in place."""
    recognition: Recognition | None = None
    try:
        said, flags = stated(words)
        raw, pitch = image.pixels, frames.pixel_mm(image)
        pixels, lines = mended(raw)
        recognition = recognise(pixels, pitch, image.radiation, said)
        if recognition.found is None:
            return Unseen(image, recognition.reason, recognition)
        return _seen(image, raw, pixels, recognition, recognition.found, (*flags, *lines))
    except (AnalysisError, DicomError) as error:
        return Unseen(image, str(error), recognition)


def _seen(
    image: Image, raw: NDArray[np.float32], pixels: NDArray[np.float32], recognition: Recognition, match: Match, flags: tuple[str, ...]
) -> Seen:
    """The recognised phantom in its place. AnalysisError when that cannot be."""
    pitch, zero = frames.pixel_mm(image), True
    if recognition.reversed:
        top = float(pixels.max())
        full = next((t for t in TOPS if top <= t), top)
        zero = top == full
        pixels, raw = (np.asarray(full - values, dtype=np.float32) for values in (pixels, raw))
        flags = (*flags, "values fall with radiation, as the picture shows; they were turned round")
    step, spread = value_step(pixels), float(np.ptp(pixels))
    if step > MOST_STEP * spread:
        raise AnalysisError(f"values come in steps of {100 * step / spread:.1f} % of their range: {ALL_BITS}")
    row, column = frames.to_pixel(image, *(-float(mm) for mm in frames.receptor_mm(image)))
    place = placed(pixels, pitch, match, step, (column * pitch[1], row * pitch[0]))
    flags = (*flags, *place.flags)
    if place.frame.mirrored:
        flags = (*flags, "the phantom is seen mirrored: it lies face down, or the image was turned over")
    low, top = float(pixels.min()), float(pixels.max())
    if float(np.mean(_over(pixels, pitch, match.model, place.frame) >= top)) > SATURATED:
        flags = (*flags, "part of the phantom's image is saturated")
    if step > TOLD_STEP * (top - low):
        flags = (*flags, f"values come in steps of {100 * step / (top - low):.1f} % of their range: {ALL_BITS}")
    return Seen(
        image, pixels, pitch, recognition, match, place.outlined, place.inside, place.frame, place.pose, zero, flags, (low, top), step, raw
    )


def _over(pixels: NDArray[np.float32], pitch: tuple[float, float], model: PlanarModel, frame: Pose) -> NDArray[np.float32]:
    """The pixels of a box round the phantom."""
    x, y = frame.place(*np.array([[-1, 1, 1, -1], [-1, -1, 1, 1]]) * np.array([[model.width_mm], [model.height_mm]]) / 2)
    first = max(int(y.min() / pitch[0]), 0), max(int(x.min() / pitch[1]), 0)
    return pixels[first[0] : int(y.max() / pitch[0]) + 2, first[1] : int(x.max() / pitch[1]) + 2]


def value_step(pixels: NDArray[np.float32]) -> float:
    """The smallest difference between pixel values, from a sample of them."""
    apart = np.diff(np.unique(pixels[::7, ::5]).astype(np.float64))
    real = apart[apart > 3e-6 * float(apart.sum())] if len(apart) else apart  # rounding of rescaled values is no step
    return float(real.min()) if len(real) else 0.0
