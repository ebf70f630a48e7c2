"""One image looked at: which phantom it shows and where its parts are, or why it cannot be measured."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from phantoms.models import PlanarModel, named, planar_models
from qa import frames
from qa.acquisition import Image
from qa.features.planar_likeness import full_range
from qa.features.planar_map import Pose
from qa.features.planar_recognise import Match, Recognition, recognise
from qa.features.planar_sides import Outlined
from qa.planar_quality_inside import Inside
from qa.planar_quality_lines import Mended, mended
from qa.planar_quality_place import placed
from qa.reading import AnalysisError, DicomError
from qa.visible import visible

PILE, BEYOND = 0.002, 0.001  # share of the pixels about a phantom that pile up at an end of the values; that may lie beyond: hot pixels
ABOUT_MM = 15.0  # round the phantom: where the ends of the values are looked for
SATURATED = 0.002  # share of the pixels in the phantom at the very top of the image's values
TOLD_STEP, MOST_STEP = 0.004, 0.015  # of the range: values in larger steps hide the noise of most images; edges and bars


ZERO = "the file does not say which value means no radiation, so ratios of signals are unknown; export the image with its pixel scale"
ALL_BITS = "export the image with all the bits of the detector"


@dataclass(frozen=True)
class Seen:
    """A recognised phantom. ``pixels`` grow with radiation, dead lines filled; ``no_ratio`` says why ratios of them are unknown.

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
    no_ratio: str
    flags: tuple[str, ...]
    ends: tuple[float, float]  # lowest and highest value that the image holds about the phantom
    step: float
    raw: NDArray[np.float32]
    mended: Mended

    @property
    def model(self) -> PlanarModel:
        """The phantom."""
        return self.match.model

    @property
    def zero(self) -> bool:
        """Whether ratios of the pixels are ratios of radiation."""
        return not self.no_ratio

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
        whole = mended(raw)
        recognition = recognise(whole.pixels, pitch, image.radiation, said)
        if recognition.found is None:
            return Unseen(image, recognition.reason, recognition)
        return _seen(image, raw, whole, recognition, recognition.found, (*flags, *whole.flags))
    except (AnalysisError, DicomError) as error:
        return Unseen(image, str(error), recognition)


def _seen(image: Image, raw: NDArray[np.float32], whole: Mended, recognition: Recognition, match: Match, flags: tuple[str, ...]) -> Seen:
    """The recognised phantom in its place. AnalysisError when that cannot be."""
    pitch, pixels, no_ratio = frames.pixel_mm(image), whole.pixels, not_linear(image)
    if recognition.reversed:
        top = float(pixels.max())
        full = full_range(top)
        no_ratio = no_ratio or ("" if top == full else ZERO)
        pixels, raw = (np.asarray(full - values, dtype=np.float32) for values in (pixels, raw))
        flags = (*flags, "values fall with radiation, as the picture shows; they were turned round")
    if recognition.beside:
        flags = (*flags, "something else lies in the field beside the phantom; image the phantom alone")
    step, spread = value_step(raw), float(np.ptp(pixels))  # filled lines have values between the steps
    if step > MOST_STEP * spread:
        raise AnalysisError(f"values come in steps of {100 * step / spread:.1f} % of their range: {ALL_BITS}")
    row, column = frames.to_pixel(image, *(-float(mm) for mm in frames.receptor_mm(image)))
    ends = value_ends(about(pixels, pitch, match.model, match.pose, ABOUT_MM))
    place = placed(pixels, pitch, match, step, ends, (column * pitch[1], row * pitch[0]))
    flags = (*flags, *place.flags)
    if place.frame.mirrored:
        flags = (*flags, "the phantom is seen mirrored: it lies face down, or the image was turned over")
    low, top = ends
    if float(np.mean(about(pixels, pitch, match.model, place.frame) >= top)) > SATURATED:
        flags = (*flags, "part of the phantom's image is saturated")
    if step > TOLD_STEP * (top - low):
        flags = (*flags, f"values come in steps of {100 * step / (top - low):.1f} % of their range: {ALL_BITS}")
    return Seen(
        image,
        pixels,
        pitch,
        recognition,
        match,
        place.outlined,
        place.inside,
        place.frame,
        place.pose,
        no_ratio,
        flags,
        ends,
        step,
        raw,
        whole,
    )


def not_linear(image: Image) -> str:
    """What the file says against values in proportion to radiation: PixelIntensityRelationship (PS3.3 C.8.11.3); empty when nothing."""
    relation = image.tags.get("PixelIntensityRelationship", "").strip().upper()
    if relation in ("", "LIN"):
        return ""
    return f"pixel values do not grow in proportion to radiation (PixelIntensityRelationship {visible(relation)}): export them linear, LIN"


def about(
    pixels: NDArray[np.float32], pitch: tuple[float, float], model: PlanarModel, frame: Pose, room_mm: float = 0.0
) -> NDArray[np.float32]:
    """The pixels of a box round the phantom, and so far beyond it."""
    half = np.array([[model.width_mm], [model.height_mm]]) / 2 + room_mm
    x, y = frame.place(*np.array([[-1, 1, 1, -1], [-1, -1, 1, 1]]) * half)
    first = max(int(y.min() / pitch[0]), 0), max(int(x.min() / pitch[1]), 0)
    return pixels[first[0] : int(y.max() / pitch[0]) + 2, first[1] : int(x.max() / pitch[1]) + 2]


def value_ends(pixels: NDArray[np.float32]) -> tuple[float, float]:
    """The lowest and highest value at which values are cut off: where they pile up, with hardly any beyond; else the extremes.

    A pile is more than 0.2 % of the pixels and twice as many as at the next value within. Hot or dead pixels, annotations and frames lie
    beyond it and do not hide it.
    """
    values, counts = np.unique(pixels, return_counts=True)
    return -_end(-values[::-1], counts[::-1]), _end(values, counts)


def _end(values: NDArray[np.float32], counts: NDArray[np.intp]) -> float:
    """The upper end; ``values`` ascend."""
    total, beyond = int(counts.sum()), 0
    for k in range(len(values) - 1, 0, -1):
        if counts[k] > PILE * total and counts[k] > 2 * counts[k - 1]:
            return float(values[k])
        beyond += int(counts[k])
        if beyond > BEYOND * total:
            break
    return float(values[-1])


def value_step(pixels: NDArray[np.float32]) -> float:
    """The smallest difference between pixel values, from a sample of them."""
    apart = np.diff(np.unique(pixels[::7, ::5]).astype(np.float64))
    real = apart[apart > 3e-6 * float(apart.sum())] if len(apart) else apart  # rounding of rescaled values is no step
    return float(real.min()) if len(real) else 0.0
