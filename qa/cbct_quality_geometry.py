"""Geometry: where the phantom stands, and how the volume stretches and shears it.

Within the slice the rods tell (and the inserts a second time), along the axis the wire ramps: a wire of known angle is read against the
slice it is cut in. What the phantom has no part for is said to be so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from phantoms.models import Plug, Rod
from qa.ct_found import Found
from qa.features import ct_spots
from qa.features.ct_ramps import Trace
from qa.features.ct_recognise import with_inserts
from qa.features.ct_spots import Spot
from qa.features.number import Number, number
from qa.features.position import Array, middle
from qa.reading import AnalysisError

ROD_U_MM = 0.03  # of a rod's place in the phantom: the maker states 50 mm, two phantoms read 49.95 mm on average
ANGLE_U_DEG = 0.1  # of a wire ramp's angle
RAMP_U_MM = 0.08  # of the height at which a wire passes its middle
INSERT_U_MM = 0.25  # of an insert's place in the phantom, together with how round and centred it is
AXIS_U_MM = 0.03  # of the outline's centre over the length that is seen: how it falls between voxels, in drawings without any other fault
WAYS = 3.0  # times u: beyond, two ways to one number contradict each other
SIDES = (
    ("Top", "top left", "top right"),
    ("Bottom", "bottom left", "bottom right"),
    ("Left", "top left", "bottom left"),
    ("Right", "top right", "bottom right"),
)
DIAGONALS = (("Diagonal 1", "top left", "bottom right"), ("Diagonal 2", "top right", "bottom left"))

Answer = Number | AnalysisError


@dataclass(frozen=True)
class Distance:
    """Two rods: how far apart they are, how far they should be, and their places."""

    name: str
    mm: Number
    nominal_mm: float
    ends: tuple[tuple[float, float], tuple[float, float]]


@dataclass(frozen=True)
class Geometry:
    """Scales as errors in %, shears and turns in degrees, offsets in mm, by axis or pair of axes of F; distances between rods."""

    scale: Mapping[str, Answer]
    shear: Mapping[str, Answer]
    turn: Mapping[str, Answer]
    offset: Mapping[str, Answer]
    distances: tuple[Distance, ...]
    missing: str
    second: Mapping[str, float]


def measure(found: Found) -> Geometry:
    """All that the phantom's parts tell of geometry."""
    distances, missing = _distances(found)
    scale, shear_xz, second = _within(found)
    traces = [t for t in found.pose.traces.values() if not isinstance(t, str)]
    scale["y"] = _along(found, traces)
    shears: dict[str, Answer] = {"xz": shear_xz}
    tilts = _tilts(found, traces)
    axis = {"x": found.pose.slope[0], "z": found.pose.slope[1]}
    for letter, name in (("x", "xy"), ("z", "yz")):
        tilt = tilts[letter]
        if isinstance(tilt, AnalysisError):
            shears[name] = tilt
        else:
            value = np.degrees(axis[letter]) + tilt.value
            shears[name] = number(float(value), {**tilt.budget, "axis": np.degrees(_axis_u(found, letter))})
    if not found.pose.handed:
        mirrored = AnalysisError("the phantom is shown as in a mirror: which way this goes cannot be said; check how it was exported")
        shears = dict.fromkeys(shears, mirrored)
    return Geometry(scale, shears, _turns(found), _offsets(found), distances, missing, second)


def _across(found: Found) -> Array:
    """Takes steps within a slice to steps across the phantom's axis: a slice that leans against it shows everything longer by 1/cos."""
    slope = np.array(found.pose.slope)
    length = float(np.hypot(*slope))
    if length < 1e-9:
        return np.eye(2)
    return np.asarray(np.eye(2) + (float(np.cos(np.arctan(length))) - 1) * np.outer(slope, slope) / length**2)


def _rods(found: Found) -> tuple[Rod, ...]:
    return with_inserts(found.model).rods


def _distances(found: Found) -> tuple[tuple[Distance, ...], str]:
    """The distances of neighbouring rods, and which rods are not seen."""
    rods, spots = {rod.name: rod for rod in _rods(found)}, found.pose.rods
    absent, across = [name for name in rods if name not in spots], _across(found)
    result = []
    for name, first, last in (*SIDES, *DIAGONALS):
        if first not in spots or last not in spots:
            continue
        p, q = spots[first], spots[last]
        mm = float(np.hypot(*(across @ (p.x_mm - q.x_mm, p.z_mm - q.z_mm))))
        other = float(np.hypot(*(across @ np.subtract(p.centroid_mm, q.centroid_mm))))
        nominal = float(np.hypot(rods[first].x_mm - rods[last].x_mm, rods[first].z_mm - rods[last].z_mm))
        noise = float(np.hypot(p.u_mm, q.u_mm))
        budget = {"noise": noise, "fit against centroid": max(abs(mm - other) - 2 * noise, 0.0) / np.sqrt(3), "voxels": 0.005}
        result.append(Distance(name, number(mm, budget), nominal, ((p.x_mm, p.z_mm), (q.x_mm, q.z_mm))))
    return tuple(result), f"not seen: {', '.join(absent)}" if absent else ""


def _stretch(matrix: Array) -> Array:
    """The symmetric part that is left when the turn (and a mirror image) is taken out: 1 + errors, and half the shear beside them."""
    left, sizes, _ = np.linalg.svd(matrix)
    return np.asarray(left @ np.diag(sizes) @ left.T)


def _within(found: Found) -> tuple[dict[str, Answer], Answer, dict[str, float]]:
    """Scales of x and z and their shear, from the rods where there are three, else from the inserts; the other way beside it."""
    module = with_inserts(found.model)
    ways: dict[str, tuple[Array, float, float]] = {}
    kinds: tuple[tuple[str, Sequence[Rod | Plug], Mapping[str, Spot], float], ...] = (
        ("rods", module.rods, found.pose.rods, ROD_U_MM),
        ("inserts", module.plugs, found.pose.plugs, INSERT_U_MM),
    )
    for name, parts, spots, place_u in kinds:
        use = [part for part in parts if part.name in spots]
        if len(use) < 4:
            continue
        seen = [(spots[p.name].x_mm, spots[p.name].z_mm) for p in use]
        _, matrix, _ = ct_spots.affine([(p.x_mm, p.z_mm) for p in use], seen, [1.0] * len(use))
        arm = float(np.sqrt(np.mean([p.x_mm**2 for p in use]) * len(use)))
        noise = float(np.sqrt(np.mean([spots[p.name].u_mm ** 2 for p in use])))
        ways[name] = _stretch(_across(found) @ matrix), float(np.hypot(noise, 0.005)) / arm, place_u / arm
    if not ways:
        none = AnalysisError("too few rods or inserts are seen to measure the scale within the slice")
        return {"x": none, "z": none}, none, {}
    kind = "rods" if "rods" in ways else "inserts"
    stretch, noise_u, place_u = ways[kind]
    budget = {"noise": 100 * noise_u, f"places of {kind}": 100 * place_u}
    scale: dict[str, Answer] = {"x": number(100 * (stretch[0, 0] - 1), budget), "z": number(100 * (stretch[1, 1] - 1), budget)}
    angle = {name: float(np.degrees(part / 100)) * np.sqrt(2) for name, part in budget.items()}
    shear: Answer = number(float(np.degrees(2 * stretch[0, 1])), angle)
    second = {}
    if len(ways) == 2:
        other, other_noise, other_place = ways["inserts"]
        second = {"x": 100 * (float(other[0, 0]) - 1), "z": 100 * (float(other[1, 1]) - 1)}
        for n, axis in enumerate("xz"):
            apart = 100 * abs(float(other[n, n] - stretch[n, n]))
            allowed = 100 * float(np.linalg.norm([noise_u, place_u, other_noise, other_place]))
            if apart > WAYS * allowed:
                scale[axis] = AnalysisError(
                    f"rods and inserts give scale errors {apart:.2f} % apart, and {WAYS * allowed:.2f} % is allowed: something moved"
                )
    return scale, shear, second


def _along(found: Found, traces: list[Trace]) -> Answer:
    """The scale along the axis, from how fast the wires' images move from slice to slice."""
    if len(traces) < 2:
        return AnalysisError(f"{_why(found)}: nothing else in this phantom has a length along the axis that is known well enough")
    each, noise = [], []
    for trace in traces:
        # a trace is read in mm of the phantom's own slice (the pose's matrix holds the stretch), so what remains is the stack's scale
        expected = 1 / np.tan(np.radians(trace.ramp.angle_deg))
        each.append(100 * (expected / abs(trace.slope) - 1))
        noise.append(100 * trace.u_slope / abs(trace.slope))
    value, count = float(np.mean(each)), len(each)
    angle = 100 * 2 * np.radians(ANGLE_U_DEG) / np.sin(2 * np.radians(traces[0].ramp.angle_deg))
    budget = {"noise": float(np.sqrt(np.mean(np.square(noise)) / count)), "angles of the ramps": float(angle) / np.sqrt(count)}
    spread = float(np.std(each, ddof=1)) / np.sqrt(count)
    if spread > 2 * np.hypot(*budget.values()):
        budget["ramps differ"] = float(np.sqrt(spread**2 - budget["noise"] ** 2 - budget["angles of the ramps"] ** 2))
    return number(value, budget)


def _why(found: Found) -> str:
    why = [t for t in found.pose.traces.values() if isinstance(t, str)]
    return why[0] if why else f"the {found.model.name} has no wire ramps whose angle is known"


def _tilts(found: Found, traces: list[Trace]) -> dict[str, Answer]:
    """How far the inserts' module leans in the stack along x and z (degrees): wires on either side pass their middles at other heights."""
    result: dict[str, Answer] = {}
    for letter, along in (("x", "z"), ("z", "x")):
        pair = [t for t in traces if t.ramp.along == along]
        if len(pair) < 2:
            why = _why(found) if not traces else "wire ramps on two opposite sides are needed"
            result[letter] = AnalysisError(f"{why}: the tilt of the inserts' module is not known")
            continue
        one, two = pair[0], pair[1]
        places = [found.pose.matrix @ (t.ramp.x_mm, t.ramp.z_mm) for t in (one, two)]
        arm = float(places[0][0 if letter == "x" else 1] - places[1][0 if letter == "x" else 1])
        value = float(np.degrees(np.arctan((one.zero_mm - two.zero_mm) / arm)))
        noise = float(np.degrees(np.hypot(one.u_zero_mm, two.u_zero_mm) / abs(arm)))
        wires = float(np.degrees(RAMP_U_MM * np.sqrt(2) / abs(arm)))
        centre = float(np.degrees(2 * found.pose.u_at_mm * np.tan(np.radians(one.ramp.angle_deg)) / abs(arm)))
        result[letter] = number(value, {"noise": noise, "places of the ramps": wires, "middle within the slice": centre})
    return result


def _axis_u(found: Found, letter: str) -> float:
    """Of the axis' slope, in radians."""
    return float(np.hypot(found.body.u_slope["xz".index(letter)], AXIS_U_MM / (found.body.high_mm - found.body.low_mm)))


def _turns(found: Found) -> dict[str, Answer]:
    """Roll, pitch and yaw in degrees about y, x and z of F, counter-clockwise seen from the axis' tip."""
    if not found.pose.handed:
        mirrored = AnalysisError("the phantom is shown as in a mirror: turns have no meaning; check how the images were exported")
        return dict.fromkeys(("roll", "pitch", "yaw"), mirrored)
    axis = found.scan.room(np.array([found.pose.slope[0], 1.0, found.pose.slope[1]]))
    axis = axis / np.linalg.norm(axis)
    spots = [*found.pose.rods.values(), *found.pose.plugs.values()]
    lever = float(np.sqrt(np.sum([(s.x_mm - found.pose.at_mm[0]) ** 2 + (s.z_mm - found.pose.at_mm[1]) ** 2 for s in spots])))
    roll = number(
        -found.pose.roll_deg,
        {
            "noise": float(np.degrees(middle(np.array([s.u_mm for s in spots])) / lever)),
            "places of inserts": float(np.degrees(INSERT_U_MM / lever)),
        },
    )
    pitch = number(float(np.degrees(np.arctan2(axis[2], axis[1]))), {"axis of the outline": float(np.degrees(_axis_u(found, "z")))})
    yaw = number(float(np.degrees(np.arctan2(-axis[0], axis[1]))), {"axis of the outline": float(np.degrees(_axis_u(found, "x")))})
    return {"roll": roll, "pitch": pitch, "yaw": yaw}


def _offsets(found: Found) -> dict[str, Answer]:
    """The middle of the inserts' module from the origin of the volume, along x, y and z of F."""
    if not found.pose.handed:
        mirrored = AnalysisError("the phantom is shown as in a mirror: where it stands cannot be said; check how the images were exported")
        return dict.fromkeys("xyz", mirrored)
    notes = " ".join(found.scan.volume.notes)
    if "DICOM origin lies outside" in notes:
        elsewhere = AnalysisError("the DICOM origin lies outside the volume, so it is not the isocentre: the offset from it is not known")
        return dict.fromkeys("xyz", elsewhere)
    x, y, z = (float(v) for v in found.scan.room(np.array([found.pose.at_mm[0], found.pose.height_mm, found.pose.at_mm[1]])))
    across = {"places of inserts and rods": found.pose.u_at_mm}
    ramps = sum(not isinstance(trace, str) for trace in found.pose.traces.values())
    along = {"height": found.pose.u_height_mm, "places of the ramps": RAMP_U_MM / float(np.sqrt(max(ramps, 1)))}
    return {"x": number(x, across), "y": number(y, along), "z": number(z, across)}
