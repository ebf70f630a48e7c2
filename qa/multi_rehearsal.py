"""A random set of several targets with known truth: machine, panel, phantom, plan, noise and angles are all drawn."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from phantoms.aperture import REALISTIC, SIMPLE, Leaves, Rectangle
from phantoms.linac import BallSetup, Linac, Shot, Wave
from phantoms.panel import Panel
from phantoms.rays import to_fixed
from phantoms.targets import Plan, Targeted, explained, irradiate
from qa import rehearsal
from qa.multi_readings import PARTS
from qa.procedure import Rehearsal


def draw(rng: np.random.Generator) -> Rehearsal:
    """Three balls 20 to 60 mm off the axis from four gantry angles with three fields each, and two images of one field.

    The panel is long and low: its pixels are not square, and every field lies across its middle row.
    """
    seed = int(rng.integers(2**31))
    linac, facing_deg = _linac(rng), float(rng.uniform(0, 360))
    plan = _plan(facing_deg, rng)
    gantries = [facing_deg + side + rng.uniform(-4, 4) for side in (-22, 22, 158, 202)]
    shots = [Shot(g % 360, float(rng.choice([0.0, 90.0, 8.0]))) for g in gantries]
    chosen = [(*rng.permutation(3).tolist(),) for _ in shots]
    shots, chosen = shots + shots[:2], chosen + [targets[:1] for targets in chosen[:2]]
    taken = [irradiate(linac, plan, shot, targets, rng) for shot, targets in zip(shots, chosen, strict=True)]
    acquisition = rehearsal.acquisition([image.exposure for image in taken])
    uids = [image.sop_instance_uid for image in acquisition.images]
    return Rehearsal(acquisition, _truth(linac, plan, taken, uids), partial(rehearsal.write, [i.exposure for i in taken], seed))


def _linac(rng: np.random.Generator) -> Linac:
    """A machine with every fault of clinical size, some without a flattening filter."""
    waves = rng.normal(0, 0.12, (4, 3))
    return Linac(
        name="rehearsal",
        serial=f"{rng.integers(10**6):06d}",
        panel=Panel("strip", 121, 452, (0.56, 0.50)),
        penumbra=REALISTIC if rng.random() < 0.25 else SIMPLE,
        curvature_per_mm2=float(rng.choice([0.0, -1.5e-5])),
        head_u_mm=Wave(*waves[0].tolist()),
        head_v_mm=Wave(*waves[1].tolist()),
        panel_u_mm=Wave(
            *(waves[2] * (3, 6, 6)).tolist()
        ),  # what moves the imager's origin is as large as ORIGIN_MM says, the rest as PLACE_MM
        panel_v_mm=Wave(*(waves[3] * (6, 3, 3)).tolist()),
        receptor_mm=(float(rng.normal(0, 0.3)), float(rng.normal(0, 0.3))),
        sid_error_mm=float(rng.normal(0, 0.5)),
        collimator_axis_mm=(float(rng.normal(0, 0.1)), float(rng.normal(0, 0.1))),
        noise_sigma=float(rng.uniform(0.002, 0.005)),
        noise_correlation=float(rng.choice([0.05, 0.4, 0.7])),
    )


def _plan(facing_deg: float, rng: np.random.Generator) -> Plan:
    """Two targets far out on either side as seen from that gantry angle, a third between them and nearer; the phantom a little off."""
    nearer = rng.uniform(-3, 3), rng.choice([-1, 1]) * rng.uniform(20, 25)
    places = np.stack([rng.uniform((54, -6), (60, 6)), rng.uniform((-60, -6), (-54, 6)), nearer])
    heights = rng.permutation([-5.0, 0.0, 5.0]) + rng.uniform(-0.4, 0.4, 3)
    targets = [to_fixed((float(u), float(y), float(towards)), facing_deg) for (u, towards), y in zip(places, heights, strict=True)]
    width, high = float(rng.uniform(17, 18.5)), float(rng.uniform(17, 18.5))
    field = Leaves(width, high) if rng.random() < 0.3 else Rectangle(width, high)
    ball = BallSetup(diameter_mm=float(rng.uniform(4, 6)), mu_per_mm=float(rng.uniform(0.08, 0.15)), blur_mm=float(rng.uniform(0.4, 0.7)))
    shift, turned = rng.normal(0, 0.3, 3), rng.normal(0, 0.3, 3)
    return Plan(
        tuple(targets),
        field,
        ball,
        (float(shift[0]), float(shift[1]), float(shift[2])),
        (float(turned[0]), float(turned[1]), float(turned[2])),
        float(rng.normal(0, 0.3)),
        float(rng.normal(0, 0.002)),
    )


def _truth(linac: Linac, plan: Plan, taken: Sequence[Targeted], uids: Sequence[str]) -> dict[tuple[str, str], float]:
    """Offsets where an image shows one target, what is the largest and in the middle of all, and what they have in common."""
    truth: dict[tuple[str, str], float] = {}
    for image, uid in zip(taken, uids, strict=True):
        if len(image.targets) == 1:
            truth["target_offset_u", uid], truth["target_offset_v", uid] = (float(x) for x in image.offsets_mm[0])
    lengths = np.concatenate([np.hypot(*image.offsets_mm.T) for image in taken])
    truth["max_target_offset", ""], truth["median_target_offset", ""] = float(lengths.max()), float(np.median(lengths))
    common = explained(linac, plan, taken)
    truth |= {(key, ""): float(value) for key, value in zip((*PARTS, "target_residual"), common, strict=True)}
    return truth
