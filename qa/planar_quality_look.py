"""One image looked at: which phantom it shows and where its parts are, or why it cannot be measured."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from phantoms.models import PlanarModel, named, planar_models
from qa import frames
from qa.acquisition import Image
from qa.features import planar_sides
from qa.features.planar_map import Pose
from qa.features.planar_recognise import Match, Recognition, recognise
from qa.features.planar_sides import Outlined
from qa.reading import AnalysisError, DicomError
from qa.visible import visible

TOPS = (255.0, 1023.0, 4095.0, 16383.0, 65535.0)  # the largest values that 8, 10, 12, 14 and 16 bits hold
SATURATED = 0.002  # share of the pixels in the phantom at the very top of the image's values
SQUARE_DEG = 1.0  # sides further from right angles: the phantom is tilted against the panel
STRETCH = 0.02  # widths and heights scaled differently by more: tilted as well, or not the phantom that it seems
UNMEASURED = "the outline could not be measured"


@dataclass(frozen=True)
class Seen:
    """A recognised phantom. ``pixels`` grow with radiation; ``zero`` says whether their zero is that of radiation.

    ``pitch_mm`` (row, column) on the isocentre plane; ``angle_u_deg`` of the pose; ``flags`` are caveats for all its readings.
    """

    image: Image
    pixels: NDArray[np.float32]
    pitch_mm: tuple[float, float]
    recognition: Recognition
    match: Match
    outlined: Outlined
    pose: Pose
    zero: bool
    flags: tuple[str, ...]
    ends: tuple[float, float]  # lowest and highest value of the image

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


def stated(words: str) -> PlanarModel | None:
    """The planar phantom that the performer's words name, None when they name none ("serial 12"). AnalysisError for one that is none."""
    model = named(words, "planar")
    if isinstance(model, PlanarModel):
        return model
    if (other := named(words, "ct")) is not None:
        known = ", ".join(m.name for m in planar_models())
        raise AnalysisError(f"the stated phantom is a {other.name}, which is for CT; planar phantoms are {known}")
    return None


def look(image: Image, words: str = "") -> Seen | Unseen:
    """The phantom in one image, measured in place."""
    recognition: Recognition | None = None
    try:
        said = stated(words)
        pixels, pitch = image.pixels, frames.pixel_mm(image)
        recognition = recognise(pixels, pitch, image.radiation, said)
        if recognition.found is None:
            return Unseen(image, recognition.reason, recognition)
        seen = _placed(image, pixels, pitch, recognition, recognition.found)
        unknown = f"what was stated, {visible(words.strip())!r}, names no phantom that is known: it was recognised from the image alone"
        return seen if said or not words.strip() else replace(seen, flags=(*seen.flags, unknown))
    except (AnalysisError, DicomError) as error:
        return Unseen(image, str(error), recognition)


def _placed(image: Image, pixels: NDArray[np.float32], pitch: tuple[float, float], recognition: Recognition, match: Match) -> Seen:
    """The recognised phantom with its outline to a fraction of a pixel. AnalysisError when that cannot be."""
    flags: list[str] = []
    zero = True
    if recognition.reversed:
        top = float(pixels.max())
        full = next((t for t in TOPS if top <= t), top)
        zero = top == full
        pixels = np.asarray(full - pixels, dtype=np.float32)
        flags.append("values fall with radiation, as the picture shows; they were turned round")
    outlined = planar_sides.measure(pixels, pitch, match.outline)
    pose = measured_pose(match, outlined)
    stretch = abs(pose.scale[0] / pose.scale[1] - 1)
    if outlined.corners_deg > SQUARE_DEG or stretch > STRETCH:
        raise AnalysisError(
            f"the outline of {match.model.name} is no true {match.model.shape} (corners off by {outlined.corners_deg:.1f} degrees, "
            f"sides by {100 * stretch:.1f} %): lay the phantom flat and at right angles to the beam"
        )
    if pose.mirrored:
        flags.append("the phantom is seen mirrored: it lies face down, or the image was turned over")
    x, y = pose.place(*np.array([[-1, 1, 1, -1], [-1, -1, 1, 1]]) * np.array([[match.model.width_mm], [match.model.height_mm]]) / 2)
    first = max(int(y.min() / pitch[0]), 0), max(int(x.min() / pitch[1]), 0)
    box = pixels[first[0] : int(y.max() / pitch[0]) + 2, first[1] : int(x.max() / pitch[1]) + 2]
    top = float(pixels.max())
    if float(np.mean(box >= top)) > SATURATED:
        flags.append("part of the phantom's image is saturated")
    return Seen(image, pixels, pitch, recognition, match, outlined, pose, zero, tuple(flags), (float(pixels.min()), top))


def measured_pose(match: Match, outlined: Outlined) -> Pose:
    """The coarse pose with the measured outline put in its place."""
    rough, centre = match.pose, (outlined.centre_mm[0].value, outlined.centre_mm[1].value)
    if outlined.shape == "circle":
        mean = (outlined.size_mm[0].value + outlined.size_mm[1].value) / 2
        return Pose(centre, (mean / match.model.width_mm,) * 2, rough.angle_deg, rough.mirrored)
    turned = outlined.angle_deg.value - match.outline.angle_deg
    quarter = round((rough.angle_deg + match.outline.angle_deg) / 90)
    width, height = (size.value for size in (outlined.size_mm if quarter % 2 == 0 else outlined.size_mm[::-1]))
    return Pose(centre, (width / match.model.width_mm, height / match.model.height_mm), (rough.angle_deg - turned) % 360, rough.mirrored)
