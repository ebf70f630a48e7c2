"""Where a recognised CT phantom stands: roll, pitch, yaw, the middle of its inserts' module, and how it is stretched, to sub-voxel.

Inserts and rods give what lies within the slice, the outline the axis, the wire ramps the height and the tilt of the module; the ends of
the inserts give the height a second time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from phantoms.models import CtModel, Module, Plug, Ramp, Rod
from qa.features import ct_ramps, ct_spots
from qa.features.ct_outline import Body
from qa.features.ct_ramps import Trace
from qa.features.ct_recognise import Match, anything, with_inserts
from qa.features.ct_scan import Scan, View
from qa.features.ct_spots import Spot
from qa.features.position import Array, middle
from qa.reading import AnalysisError

MIDDLE_MM = 6.0  # half of the stack that is averaged for places within the slice: inside the module of 25 mm
PLUG_HU = 140.0  # contrast from which an insert's place and ends are looked for
FAINT_HU, FEWEST = 60.0, 5  # the same where a phantom has fewer than five of those and rods
FAR_MM = 1.5  # an insert further than this from where all others put it is something else


@dataclass(frozen=True)
class Pose:
    """Phantom places in the scan: t = ``height_mm`` + ``towards`` y; (a, b) = ``at_mm`` + ``slope`` (t - height) + ``matrix`` (x, z).

    ``u_at_mm`` of the middle within the slice, ``u_height_mm`` along it. ``plugs`` and ``rods`` hold their spots by name, ``traces`` the
    ramps or why one is not there; ``ends_mm`` is the height by the inserts' ends (None: not seen).
    ``handed`` is False when no phantom can stand so.
    """

    model: CtModel
    at_mm: tuple[float, float]
    slope: tuple[float, float]
    matrix: Array
    height_mm: float
    towards: int
    u_at_mm: float
    u_height_mm: float
    handed: bool
    plugs: dict[str, Spot] = field(repr=False)
    rods: dict[str, Spot] = field(repr=False)
    traces: dict[str, Trace | str] = field(repr=False)
    ends_mm: float | None

    def place(self, x_mm: float, y_mm: float, z_mm: float) -> tuple[float, float, float]:
        """(a, t, b) in the scan of a place of the phantom."""
        t = self.towards * y_mm
        a, b = np.array(self.at_mm) + np.array(self.slope) * t + self.matrix @ (x_mm, z_mm)
        return float(a), self.height_mm + t, float(b)

    @property
    def roll_deg(self) -> float:
        """How far the phantom is turned within the slice, counter-clockwise from x towards z, free of stretch and mirror."""
        left, _, right = np.linalg.svd(self.matrix @ np.diag([self._side, 1.0]))
        turn = left @ right
        return float(np.degrees(np.arctan2(turn[1, 0], turn[0, 0])))

    @property
    def _side(self) -> float:
        return float(np.sign(np.linalg.det(self.matrix)))


def pose(scan: Scan, body: Body, match: Match) -> Pose:
    """The pose of a match. AnalysisError when too few inserts are where the model has them."""
    module = with_inserts(match.model)
    roll = np.radians(match.roll_deg)
    turn = np.array([[np.cos(roll), -np.sin(roll)], [np.sin(roll), np.cos(roll)]]) @ np.diag([-1.0 if match.mirrored else 1.0, 1.0])
    towards = match.towards or (-1 if match.mirrored else 1)
    start = Pose(
        match.model, body.centre(match.y_mm), body.slope, turn, match.y_mm, towards, 0.1, 3.0, match.handed, {}, {}, {}, None
    )  # fmt: skip
    found = _within(scan, body, start, module)
    ends = _by_ends(scan, body, found, module)
    if ends is not None:
        found = _within(scan, body, _at_height(found, ends), module)
        found = replace(found, ends_mm=ends)
    return _by_ramps(scan, body, found, module, match.towards == 0)


def _at_height(pose: Pose, height: float) -> Pose:
    moved = height - pose.height_mm
    at = pose.at_mm[0] + pose.slope[0] * moved, pose.at_mm[1] + pose.slope[1] * moved
    return replace(pose, at_mm=at, height_mm=height)


def middle_view(scan: Scan, body: Body, height: float, half_mm: float = MIDDLE_MM) -> View:
    """The mean of the slices about a height. AnalysisError where the scan has none."""
    slices = scan.between(height - half_mm, height + half_mm)
    if not slices:
        raise AnalysisError("the middle of the inserts' module lies outside the scan; scan the whole phantom")
    crops = scan.crops(slices, body.window)
    return scan.picture(np.mean(crops, axis=0, dtype=np.float32), body.window)


def _within(scan: Scan, body: Body, start: Pose, module: Module) -> Pose:
    """The pose within the slice, from inserts of strong contrast and rods."""
    view = middle_view(scan, body, start.height_mm)
    height = float(np.mean(scan.y_mm(scan.between(start.height_mm - MIDDLE_MM, start.height_mm + MIDDLE_MM))))
    now = replace(_at_height(start, height), height_mm=height)
    free = anything(start.model)
    strong = [p for p in module.plugs if free or p.optional or abs(p.hu - module.hu) >= PLUG_HU]
    faint = [p for p in module.plugs if abs(p.hu - module.hu) >= FAINT_HU]
    parts: list[Plug | Rod] = [*(strong if len(strong) + len(module.rods) >= FEWEST else faint), *module.rods]
    for _ in range(2):
        spots = {id(part): _spot(view, now, part) for part in parts}
        good = [part for part in parts if spots[id(part)] is not None and _fits(now, part, spots[id(part)])]
        if len(good) < 3:
            raise AnalysisError("fewer than three inserts are where this phantom has them")
        model = [(p.x_mm, p.z_mm) for p in good]
        seen = [(s.x_mm, s.z_mm) for p in good if (s := spots[id(p)]) is not None]
        centre, matrix, left = ct_spots.affine(model, seen, [1.0] * len(good))
        far = np.hypot(*left.T)
        keep = far <= max(3 * 1.4826 * middle(far), 0.15)
        if keep.sum() >= 3 and keep.sum() < len(good):
            kept = np.nonzero(keep)[0]
            centre, matrix, left = ct_spots.affine([model[k] for k in kept], [seen[k] for k in kept], [1.0] * len(kept))
        now = replace(now, at_mm=(float(centre[0]), float(centre[1])), matrix=matrix)
    u = float(np.sqrt((left**2).sum() / max(2 * len(left) - 6, 1) / len(left)))  # six numbers of the map are taken from them
    plugs = {p.name: s for p in parts if isinstance(p, Plug) and (s := spots[id(p)]) is not None}
    rods = {p.name: s for p in parts if isinstance(p, Rod) and (s := spots[id(p)]) is not None}
    return replace(_at_height(now, start.height_mm), u_at_mm=max(u, 0.005), plugs=plugs, rods=rods)


def _spot(view: View, pose: Pose, part: Plug | Rod) -> Spot | None:
    a, _, b = pose.place(part.x_mm, 0.0, part.z_mm)
    return ct_spots.spot(view, a, b, part.diameter_mm / 2)


def _fits(pose: Pose, part: Plug | Rod, spot: Spot | None) -> bool:
    a, _, b = pose.place(part.x_mm, 0.0, part.z_mm)
    return spot is not None and bool(np.hypot(spot.x_mm - a, spot.z_mm - b) <= max(FAR_MM, 0.6 * part.diameter_mm / 2))


def _by_ends(scan: Scan, body: Body, pose: Pose, module: Module) -> float | None:
    """The height of the module's middle by the ends of its inserts: the median over those whose both ends the scan shows; None if none."""
    reach = max((p.length_mm or module.length_mm) for p in module.plugs) / 2 + 14.0
    slices = scan.between(pose.height_mm - reach, pose.height_mm + reach)
    t = scan.y_mm(slices)
    found = []
    for plug in module.plugs:
        spot = pose.plugs.get(plug.name)
        if spot is None or abs(spot.contrast_hu) < PLUG_HU:
            continue
        values = np.array([_core(scan, body, k, pose, plug) for k in slices])
        share = (values - (values.min() if spot.contrast_hu > 0 else values.max())) / spot.contrast_hu
        inside = np.nonzero(share > 0.5)[0]
        if not len(inside):
            continue
        first, last = int(inside[0]), int(inside[-1])
        if first == 0 or last == len(t) - 1 or last - first + 1 != len(inside):
            continue
        low = t[first] - (share[first] - 0.5) / max(share[first] - share[first - 1], 1e-6) * (t[first] - t[first - 1])
        high = t[last] + (share[last] - 0.5) / max(share[last] - share[last + 1], 1e-6) * (t[last + 1] - t[last])
        length = plug.length_mm or module.length_mm
        if abs(high - low - length) < 0.25 * length:
            found.append((low + high) / 2 - pose.towards * plug.y_mm)
    return middle(np.array(found)) if found else None


def _core(scan: Scan, body: Body, k: int, pose: Pose, plug: Plug) -> float:
    """The mean of an insert's middle in one slice."""
    (crop,) = scan.crops([k], body.window)
    view = scan.picture(crop, body.window)
    t = float(scan.y_mm(k)) - pose.height_mm
    a, _, b = pose.place(plug.x_mm, 0.0, plug.z_mm)
    near = view.near(a + pose.slope[0] * t, b + pose.slope[1] * t, 0.3 * plug.diameter_mm)
    return float(near.pixels.mean())


def _by_ramps(scan: Scan, body: Body, pose: Pose, module: Module, open_ended: bool) -> Pose:
    """The pose with the height by the wire ramps, and with the direction along the axis held against the way they climb."""
    traces = {ramp.name: _trace(scan, body, pose, ramp) for ramp in module.ramps}
    good = [t for t in traces.values() if not isinstance(t, str)]
    u = 1.0 if pose.ends_mm is None else 0.5
    if not good:
        return replace(pose, traces=traces, u_height_mm=u)
    climbs = [np.sign(t.slope) * t.ramp.rising for t in good]
    side, handed = pose.towards, pose.handed
    if len(set(climbs)) == 1:  # the wires show which end is where: the pattern of the inserts alone does not
        side = int(climbs[0])
        handed = (np.linalg.det(pose.matrix) < 0) == (side < 0)
    pairs = _pairs(good)
    if pairs:
        height = float(np.mean([(a.zero_mm + b.zero_mm) / 2 for a, b in pairs]))
        u = float(np.sqrt(np.mean([(a.u_zero_mm**2 + b.u_zero_mm**2) / 4 for a, b in pairs]) / len(pairs)))
        pose = _at_height(pose, height)
    return replace(pose, traces=traces, u_height_mm=u, towards=side if open_ended or handed else pose.towards, handed=handed)


def _pairs(traces: Sequence[Trace]) -> list[tuple[Trace, Trace]]:
    """Ramps that run the same way on opposite sides and climb against each other: what shifts one up shifts the other down."""
    return [
        (a, b)
        for n, a in enumerate(traces)
        for b in traces[n + 1 :]
        if a.ramp.along == b.ramp.along and a.ramp.rising == -b.ramp.rising
    ]


def _trace(scan: Scan, body: Body, pose: Pose, ramp: Ramp) -> Trace | str:
    """One wire in all slices of the module."""
    reach = ramp.length_mm / 2 * float(np.sin(np.radians(ramp.angle_deg))) - 1.0
    slices = scan.between(pose.height_mm - reach, pose.height_mm + reach)
    along = np.array([1.0, 0.0]) if ramp.along == "x" else np.array([0.0, 1.0])
    u = np.arange(-ct_ramps.HALF_MM, ct_ramps.HALF_MM + ct_ramps.STEP_MM / 2, ct_ramps.STEP_MM)
    wire = np.arange(-ct_ramps.ACROSS_MM, ct_ramps.ACROSS_MM + 0.1, 0.4)
    beside = np.arange(ct_ramps.BACK_MM[0], ct_ramps.BACK_MM[1], 0.6)
    across = np.concatenate([wire, beside, -beside])
    places = np.array([ramp.x_mm, ramp.z_mm]) + u[:, None, None] * along + across[None, :, None] * along[::-1]
    seen = places @ pose.matrix.T + np.array(pose.at_mm)
    strips = []
    for k, crop in zip(slices, scan.crops(slices, body.window), strict=True):
        t = float(scan.y_mm(k)) - pose.height_mm
        view = scan.picture(crop, body.window)
        values = view.sampled(seen[..., 0] + pose.slope[0] * t, seen[..., 1] + pose.slope[1] * t)
        strips.append(np.asarray(values[:, : len(wire)].mean(axis=1) - np.median(values[:, len(wire) :], axis=1), dtype=np.float64))
    return ct_ramps.trace(ramp, [float(v) for v in scan.y_mm(slices)], strips)
