"""CT slices as one stack: in order along their normal, evenly spaced and none missing, or a refusal that names the slices concerned.

Positions alone decide: neither SliceThickness, nor numbers, nor file names say where a slice lies.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from qa.ctslice import CtSlice
from qa.reading import DicomError

FEWEST = 3  # two slices have one distance, which nothing confirms
EVEN = 0.01  # of the slice distance
EVEN_MM = 0.02  # positions are written with two decimals at least
NEAR = 0.1  # of the slice distance: a gap this near to a multiple of it is one where slices are missing
SAME_MM = 0.01  # slices nearer than this are at one place: no reconstruction is that fine
STRAIGHT_MM = 0.02  # sideways, over the whole stack
TILT_DEG = 0.01  # readouts of an upright gantry
PARALLEL = 1e-5  # of direction cosines: 0.002 mm over 200 mm
ONE_SCAN = timedelta(hours=1)
AGAIN = "export the volume again as one series of one scan"


@dataclass(frozen=True)
class Stack:
    """Slices in order along their normal, ``pitch_mm`` apart; ``copies`` are (left out, the same slice that is used)."""

    slices: tuple[CtSlice, ...]
    pitch_mm: float
    copies: tuple[tuple[CtSlice, CtSlice], ...] = ()


def one_scan(slices: Sequence[CtSlice]) -> None:
    """DicomError when the slices of a series are of two machines, two frames of reference or two patient positions."""
    _alike(slices, "machines", lambda s: s.machine, AGAIN)
    _alike(slices, "frames of reference", lambda s: s.frame, f"their positions do not compare; {AGAIN}")
    _alike(slices, "patient positions", lambda s: s.patient_position, AGAIN)


def stack(slices: Sequence[CtSlice]) -> Stack:
    """The slices as one stack. DicomError names the slices that stand against it."""
    _alike(slices, "image sizes", lambda s: f"{s.shape[0]} x {s.shape[1]}", AGAIN)
    _alike(slices, "pixel spacings", lambda s: f"{s.spacing_mm[0]:.6g} x {s.spacing_mm[1]:.6g} mm", AGAIN)
    _alike(slices, "reconstruction kernels", lambda s: s.kernel or "none", "their sharpness and noise are not of one image; " + AGAIN)
    _parallel(slices)
    _upright(slices)
    _in_one_go(slices)
    kept, copies = _distinct(sorted(slices, key=lambda s: (_height(s, slices[0]), s.name)))
    if len(kept) < FEWEST:
        few = "a single CT slice (or overview picture)" if len(kept) == 1 else f"only {len(kept)} CT slices"
        raise DicomError(f"{few}: a volume needs {FEWEST} or more, hand in the whole series")
    _straight(kept)
    return Stack(tuple(kept), _pitch(kept), tuple(copies))


def _alike(slices: Sequence[CtSlice], what: str, of: Callable[[CtSlice], str], do: str) -> None:
    first = slices[0]
    other = next((s for s in slices if of(s) != of(first)), None)
    if other is not None:
        raise DicomError(f"two {what} in one series, {of(first)} in {first.name} and {of(other)} in {other.name}: {do}")


def _parallel(slices: Sequence[CtSlice]) -> None:
    first = slices[0]
    for s in slices:
        if max(np.abs(s.row - first.row).max(), np.abs(s.column - first.column).max()) > PARALLEL:
            raise DicomError(f"{first.name} and {s.name} of one series are turned against each other (ImageOrientationPatient): {AGAIN}")


def _upright(slices: Sequence[CtSlice]) -> None:
    tilted = next((s for s in slices if abs(s.tilt_deg) > TILT_DEG), None)
    if tilted is not None:
        raise DicomError(
            f"the gantry was tilted by {tilted.tilt_deg:g} degrees (GantryDetectorTilt in {tilted.name}): "
            "scan or reconstruct again without tilt"
        )


def _in_one_go(slices: Sequence[CtSlice]) -> None:
    timed = [(s.acquired, s.name) for s in slices if s.acquired is not None]
    (first, one), (last, other) = min(timed, default=(None, "")), max(timed, default=(None, ""))
    if first is not None and last is not None and last - first > ONE_SCAN:
        raise DicomError(f"{one} was taken at {first:%Y-%m-%d %H:%M} and {other} at {last:%Y-%m-%d %H:%M}: not one scan; {AGAIN}")


def _height(s: CtSlice, first: CtSlice) -> float:
    """Along the first slice's normal, mm."""
    return float(s.position @ first.normal)


def _distinct(ordered: Sequence[CtSlice]) -> tuple[list[CtSlice], list[tuple[CtSlice, CtSlice]]]:
    """One slice per place, and the copies left out. DicomError when two at one place differ in their pixels."""
    kept: list[CtSlice] = []
    copies: list[tuple[CtSlice, CtSlice]] = []
    for s in ordered:
        at_its_place = kept[-1] if kept and float(np.linalg.norm(s.position - kept[-1].position)) < SAME_MM else None
        if at_its_place is None:
            kept.append(s)
        elif s.sha256 == at_its_place.sha256 or np.array_equal(s.pixels(), at_its_place.pixels()):
            copies.append((s, at_its_place))
        else:
            raise DicomError(
                f"{at_its_place.name} and {s.name} are at the same place and differ in their pixels: "
                f"no telling which belongs to the volume; {AGAIN}"
            )
    return kept, copies


def _straight(slices: Sequence[CtSlice]) -> None:
    """DicomError unless the slices follow each other along their normal."""
    first = slices[0]
    sideways = [float(np.linalg.norm(d - (d @ first.normal) * first.normal)) for d in (s.position - first.position for s in slices)]
    if max(sideways) > STRAIGHT_MM:
        worst = slices[int(np.argmax(sideways))]
        raise DicomError(
            f"the slices do not follow each other at right angles: {worst.name} is {max(sideways):.2f} mm aside of {first.name}; "
            "a tilted gantry or a sheared reconstruction: scan or reconstruct again without tilt"
        )


def _pitch(slices: Sequence[CtSlice]) -> float:
    """The mean distance of neighbours, mm. DicomError when a slice is missing or they are unevenly spaced."""
    gaps = np.diff([_height(s, slices[0]) for s in slices])
    usual = float(np.median(gaps))
    odd = np.flatnonzero(np.abs(gaps - usual) > max(EVEN * usual, EVEN_MM))
    if not odd.size:
        return float(gaps.mean())
    step = float(gaps.min())
    steps = np.round(gaps / step)
    if (np.abs(gaps / step - steps) < NEAR).all() and 2 * int((steps == 1).sum()) >= len(gaps):
        wide, count = int(np.argmax(steps > 1)), int((steps - 1).sum())
        between = f"between {slices[wide].name} and {slices[wide + 1].name}"
        missing = f"a slice is missing {between}" if count == 1 else f"{count} slices are missing, the first {between}"
        raise DicomError(f"{missing}: they are {gaps[wide]:.2f} mm apart, the others {step:.2f} mm; copy or export the whole series again")
    raise DicomError(
        f"the slices are not evenly spaced: {slices[odd[0]].name} and {slices[odd[0] + 1].name} are {gaps[odd[0]]:.2f} mm apart, "
        f"most {usual:.2f} mm; reconstruct again with one slice distance"
    )
