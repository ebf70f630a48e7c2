"""What a scan shows: which phantom, standing where; or why it cannot be said, in words that can be acted on."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from phantoms.models import CtModel, Module, ct_models, named
from qa import ct_scale
from qa.acquisition import Acquisition, Volume
from qa.features import ct_outline, ct_pose, ct_recognise, ct_scan
from qa.features.ct_outline import Body
from qa.features.ct_pose import Pose
from qa.features.ct_recognise import Match, Recognition
from qa.features.ct_scan import Scan, View
from qa.reading import AnalysisError, DicomError

AIR_MM = 6.0, 12.0  # beyond the rim: the air beside the phantom
END_MM = 2.0  # kept from either end of a module: the next one shines in through the slice's own thickness
CUT_MM = 3.0  # of a module that may lie outside the scan: its height is known to 1 mm, and its ends hold nothing that is measured
ALIKE = 0.95  # correlation of CT numbers with those of the maker: whole phantoms show 0.998 and more, whatever the rescale slope
WHOLE = "scan the whole phantom"
LEAN_DEG = 2.0  # from 2.5 on the MTF of drawings is too low by more than its u, from 3 on the line pairs are not found
TURNED_MM = 3.0  # the inserts' ends and the wire ramps may put the height this far apart: their places are known to 1 mm


@dataclass(frozen=True)
class Found:
    """A phantom in a scan, with everything that measuring needs; ``flags`` are caveats that belong to every number."""

    scan: Scan
    body: Body
    recognition: Recognition
    match: Match
    pose: Pose
    flags: tuple[str, ...] = ()

    @property
    def model(self) -> CtModel:
        """The phantom's model."""
        return self.match.model

    def view(self, slices: list[int]) -> View:
        """The mean of some slices."""
        crops = self.scan.crops(slices, self.body.window)
        return self.scan.picture(np.mean(crops, axis=0, dtype=np.float32), self.body.window)

    def single(self, k: int) -> View:
        """One slice."""
        return self.scan.picture(self.scan.crops([k], self.body.window)[0], self.body.window)

    def at(self, x_mm: float, y_mm: float, z_mm: float, slices: list[int] | None = None) -> tuple[float, float]:
        """(a, b) of a place of the phantom, at the mean height of these slices where they are given."""
        a, t, b = self.pose.place(x_mm, y_mm, z_mm)
        if slices:
            moved = float(np.mean(self.scan.y_mm(slices))) - t
            a, b = a + self.pose.slope[0] * moved, b + self.pose.slope[1] * moved
        return a, b

    @cached_property
    def air_hu(self) -> float:
        """The air beside the phantom at the inserts' module; what fills the corners of the slices need not be air."""
        module = ct_recognise.with_inserts(self.model)
        slices = self.slices(module)
        view = self.view(slices)
        a, b = self.at(0.0, module.y_mm, 0.0, slices)
        away = np.hypot(view.x_mm[None, :] - a, view.z_mm[:, None] - b) - self.body.radius_mm
        return float(np.median(view.values[(away > AIR_MM[0]) & (away < AIR_MM[1])]))

    def module(self, key: str) -> Module | None:
        """The module of that key, or None."""
        return next((module for module in self.model.modules if module.key == key), None)

    def height(self, y_mm: float) -> float:
        """Where a place along the phantom is in the stack."""
        return self.pose.height_mm + self.pose.towards * y_mm

    def slices(self, module: Module, half_mm: float | None = None) -> list[int]:
        """The slices of a module, its ends left out. AnalysisError names what is missing where the scan does not hold them."""
        half = module.length_mm / 2 - END_MM - self.scan.slice_mm / 2 if half_mm is None else half_mm
        low, high = sorted((self.height(module.y_mm - half), self.height(module.y_mm + half)))
        found = self.scan.between(max(low, self.body.low_mm), min(high, self.body.high_mm))
        if not found:
            first, last = sorted(float(y) for y in self.scan.y_mm([0, self.scan.count - 1]))
            raise AnalysisError(
                f"{module.name} ({self.model.name}) would be at y = {(low + high) / 2:.0f} mm and is not in the scan, which shows "
                f"{max(first, self.body.low_mm):.0f} to {min(last, self.body.high_mm):.0f} mm of it: scan the whole phantom"
            )
        return found


@dataclass(frozen=True)
class Unfound:
    """Why nothing can be measured, with what was recognised as far as that went."""

    reason: str
    recognition: Recognition | None = None
    scan: Scan | None = field(default=None, repr=False)
    body: Body | None = field(default=None, repr=False)


def find(acquisition: Acquisition) -> Found | Unfound:
    """The phantom in an acquisition's volume, held against what the performer says it is."""
    volume = acquisition.volumes[0]
    scan = body = recognition = None
    try:
        scan = ct_scan.of(volume)
        body = ct_outline.find(scan)
        _level(body)
        recognition = ct_recognise.recognise(scan, body)
        match, flags = _settled(recognition, acquisition.phantom)
        pose = ct_pose.pose(scan, body, match)
        match = replace(match, towards=pose.towards) if pose.handed else match
        found = Found(scan, body, recognition, match, pose, (*flags, *_caveats(pose, match)))
        _whole(found)
        return replace(found, flags=(*found.flags, *_scale(found)))
    except (AnalysisError, DicomError) as error:
        return Unfound(f"{volume.name}: {_said(scan, recognition, error)}", recognition, scan, body)


def _level(body: Body) -> None:
    """AnalysisError for a phantom that leans so far that slices cut its modules aslant: inserts smear, line pairs look like others."""
    lean = float(np.degrees(np.arctan(np.hypot(*body.slope))))
    if lean > LEAN_DEG:
        pitch, yaw = (float(np.degrees(np.arctan(slope))) for slope in (body.slope[1], -body.slope[0]))
        raise AnalysisError(
            f"the phantom leans {lean:.1f} degrees against the slices (pitch {pitch:+.1f}, yaw {yaw:+.1f}): "
            f"set it level and along the couch, to {LEAN_DEG:.0f} degrees, and scan it again"
        )


def _said(scan: Scan | None, recognition: Recognition | None, error: AnalysisError | DicomError) -> str:
    """The error, or what is wrong with the values of the whole scan: that makes a phantom look like another, or like none."""
    if scan is None or isinstance(error, DicomError):
        return str(error)
    try:
        values = ct_scale.stored(scan)
    except DicomError as gone:
        return str(gone)
    named_wrong = recognition is not None and recognition.best is not None
    return f"{values} (as they are: {error})" if values and named_wrong else values or str(error)


def _scale(found: Found) -> tuple[str, ...]:
    said = ct_scale.wrong(found.air_hu)
    return (said,) if said else ()


def _whole(found: Found) -> None:
    """Nothing, when the module of the inserts is whole in the scan and its inserts are there. AnalysisError else.

    Of a module that is cut off only the part that is left can be seen: its middle, and with it every other height, would be a guess. The
    second way to the same: what stands at the places of the inserts must rise and fall as their materials do.
    """
    module = ct_recognise.with_inserts(found.model)
    low, high = (found.height(module.y_mm) + side * (module.length_mm / 2 - CUT_MM) for side in (-1, 1))
    first, last = max(found.body.low_mm, _end(found.scan, min)), min(found.body.high_mm, _end(found.scan, max))
    if low < first or high > last:
        raise AnalysisError(f"{module.name} ({found.model.name}), which holds the inserts, is cut off by the end of the scan: {WHOLE}")
    plugs = [plug for plug in module.plugs if not plug.optional]
    if len(plugs) < 3:
        return  # holes that may hold anything: there is nothing to hold them against
    slices = found.slices(module)
    view = found.view(slices)
    seen = [_median(view, found.at(plug.x_mm, module.y_mm + plug.y_mm, plug.z_mm, slices), plug.diameter_mm / 4) for plug in plugs]
    like = float(np.corrcoef(seen, [plug.hu for plug in plugs])[0, 1]) if float(np.ptp(seen)) > 0 else 0.0
    if not like > ALIKE:
        raise AnalysisError(f"what stands where {found.model.name} has its inserts is unlike them (likeness {like:.2f} of 1): {WHOLE}")


def _end(scan: Scan, which: Callable[..., float]) -> float:
    return which(float(y) for y in scan.y_mm([0, scan.count - 1]))


def _median(view: View, place: tuple[float, float], radius_mm: float) -> float:
    near, inside = disc_mask(view, *place, radius_mm)
    return float(np.median(near.values[inside]))


def _settled(recognition: Recognition, said: str) -> tuple[Match, tuple[str, ...]]:
    """The match to measure by. AnalysisError where nothing, or not surely one thing, was recognised, or the performer says otherwise."""
    declared = named(said, "ct") if said else None
    best = recognition.best
    if declared is None and (other := named(said, "planar")) is not None:
        raise AnalysisError(f"the phantom is said to be a {other.name}, which is for planar images, and this is a CT scan")
    if best is None:
        contradiction = f"; it is said to be a {declared.name}" if declared else ""
        raise AnalysisError(f"no phantom was recognised: {recognition.reason}{contradiction}")
    alike = {match.model.key: match for match in recognition.alike}
    if declared is not None and declared.key != best.model.key:
        if declared.key in alike:
            return alike[declared.key], (f"a {declared.name} as stated: the scan alone cannot tell it from a {best.model.name}",)
        raise AnalysisError(
            f"the phantom is said to be a {declared.name}, and the images show a {best.model.name} ({best.way_round}; "
            f"{_evidence(recognition, declared.key)}): nothing is measured until that is cleared up"
        )
    if alike and declared is None:
        known = _named((best, *alike.values()))
        raise AnalysisError(f"the images may show a {known}, and what tells them apart is not in the scan: state the phantom (--phantom)")
    flags = (f"a {best.model.name} as stated: the scan alone cannot tell it from {_named(alike.values())}",) if alike else ()
    if said and declared is None:
        flags = (*flags, f"what was stated, {said!r}, names no phantom that is known ({', '.join(m.name for m in ct_models())})")
    return best, flags


def _named(matches: Iterable[Match]) -> str:
    return " or ".join(sorted({match.model.name for match in matches}))


def _evidence(recognition: Recognition, key: str) -> str:
    """How well the model stated explains what is seen, against the best."""
    best = recognition.best
    stated = next((match for match in recognition.matches if match.model.key == key), None)
    if best is None or stated is None:
        return "its inserts or its width do not fit at all"
    return f"it leaves {stated.cost:.2f} unexplained where that leaves {best.cost:.2f}"


def _caveats(pose: Pose, match: Match) -> tuple[str, ...]:
    flags: tuple[str, ...] = ()
    if ct_recognise.anything(match.model):
        flags += ("the holes repeat as the phantom is turned: it is taken to stand upright, less than 45 degrees turned and not mirrored",)
    if not pose.handed:
        flags += (f"the phantom stands {match.way_round}",)
    elif pose.towards < 0:
        flags += ("the phantom stands reversed, its other end towards the gantry",)
    if pose.ends_mm is not None and abs(pose.ends_mm - pose.height_mm) > TURNED_MM:
        flags += (f"the inserts' ends put the module {pose.ends_mm - pose.height_mm:+.1f} mm from where the wire ramps do",)
    return flags


def disc_mask(view: View, a: float, b: float, radius_mm: float) -> tuple[View, NDArray[np.bool_]]:
    """The part of a picture round a place, and which of its pixels lie within a radius. AnalysisError where it leaves the picture."""
    near = view.near(a, b, radius_mm + 1.0)
    inside = np.hypot(near.x_mm[None, :] - a, near.z_mm[:, None] - b) <= radius_mm
    return near, np.asarray(inside)


def setting(found: Found, volume: Volume) -> str:
    """What a baseline is compared within: model, beam, kernel."""
    parts = (found.model.name, volume.energy or "beam not stated", volume.tags.get("ConvolutionKernel", "") or "kernel not stated")
    return " | ".join(parts)
