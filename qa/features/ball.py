"""The centre of a ball's shadow to about a micrometre, by two algorithms that must agree.

Algorithm "profile" explains the log signal around the ball as open field + any function of the distance from the centre, and moves
the centre until it does (no model of the ball or of the blur). Algorithm "rim" fits a circle through the half-depth points of rays.
A holder rod is recognised as a dark direction and left out of both. See docs/physics/winston_lutz.md.
"""

from __future__ import annotations

import numpy as np

from qa.features.ball_size import own_of_log_mm
from qa.features.blob import Blob
from qa.features.patch import Patch, ProfileFit, rim_mm
from qa.features.position import Array, Estimate, Position
from qa.features.region import Region
from qa.features.rim import Rim, rim
from qa.features.surface import Surface
from qa.reading import AnalysisError

AGREE_MM = 0.05  # nearer than this the two algorithms never count as in conflict: a tenth of the tightest published limit
EDGE_MM = 0.5  # the ball and its blur must stay this far inside the field's 50 % edge
SETTLED_MM = 0.3  # the surroundings are cut out anew while the centre moves by more than this, a fraction of the free margin
CUT_MM, CUT_SHARE = 0.05, 0.02  # a cut this near (centre; radius, relative) gives the same answer to 5 micrometres (with a rod)
SMALLEST_MM, LARGEST_MM = 0.4, 8.0  # half-depth radii of balls of 1 to 18 mm diameter
ROUND = 0.03  # scatter of the rim's radius over the radius; real balls show 0.002 to 0.01, a square or half a ball more
NOISY = 12.0  # or this many uncertainties of the centre: the rays of a noisy ball scatter, each of the 72 sees little
STRANGE, ROUGH = 0.012, 1.4
"""What no ball explains, over its depth and over the noise: 41 real images show 0.010; 99 of 100 drawn ones 1.25 where it is more."""
STREAK, CLEAR = 0.0045, 2.2
"""Of what is left over, the part in straight bands, over the ball's depth and over what noise gives: 41 real images show 0.0034 at most,
99 of 100 drawn ones 2 where it is more."""
OVAL, PLAIN = (
    0.025,
    3.5,
)  # of the radius; times u: two balls side by side in the beam; real balls show 0.011, drawn ones pass 3.5 u below 0.02
APART_MM = 0.08  # noise excuses no more than this between the two algorithms: real images show 0.013, drawn ones in 1 % of noise 0.05
BESIDE_ROD_MM = 0.02  # half a ball tells less: a rod's end over a ball of 3 mm pulled by 0.24 mm with a u of 0.022 to 0.03, as simulated
LARGEST_U_MM = 0.04  # five times this is 0.2 mm: where noise hides that much, there is no answer
ROD_END = 0.5  # of the depth: a rod as dark as that may be all there is, and the ball its end
CONE_U_MM = 0.01  # a cone bends round the ball as the ball does: errors up to 0.016 mm were simulated for cones of 15 mm
FEWEST_RAYS, ALL_ROUND = 24, 56  # of 72 beside a rod, and without one; fewer leave too much of the rim unseen


def ball_centre(surface: Surface, region: Region, blob: Blob) -> Position:
    """The centre of the ball's shadow, mm in the pixel frame; ``size_mm`` holds its radius at half depth and its own.

    AnalysisError when the ball reaches the field's edge, is not round, or when the two algorithms disagree beyond their uncertainty.
    """
    centre, radius = np.array([blob.x_mm, blob.y_mm]), blob.radius_mm
    every = 2 if radius > 6 * max(surface.pitch_mm) else 1  # a quarter of the pixels is enough to say roughly where a large ball is
    for _ in range(5):
        _refuse_edge(centre, radius, region)
        start, centre, radius = centre, *Patch.cut(surface, region, centre, radius, every).roughly()
        strayed = float(np.hypot(centre[0] - blob.x_mm, centre[1] - blob.y_mm))
        if not (SMALLEST_MM < radius < LARGEST_MM and strayed < 1.5 * blob.radius_mm):
            raise AnalysisError("the dark spot in the field is not a ball: its centre cannot be settled; check the phantom and repeat")
        if np.hypot(*(centre - start)) < SETTLED_MM:
            break
    for _ in range(4):  # until the answer no longer depends on where the surroundings were cut
        _refuse_edge(centre, radius, region)
        patch = Patch.cut(surface, region, centre, radius)
        fit = patch.fit()
        if not SMALLEST_MM < fit.radius_mm < LARGEST_MM:
            raise AnalysisError("the dark spot in the field is not a ball: it has no rim; check the phantom and repeat the exposure")
        moved = float(np.hypot(*(fit.centre_mm - centre)))
        centre, grown, radius = fit.centre_mm, abs(fit.radius_mm / radius - 1), fit.radius_mm
        if moved < CUT_MM and grown < CUT_SHARE:
            break
    return _join(fit, rim(patch, fit), CONE_U_MM if region.shape == "cone" else 0.0)


def _refuse_edge(centre: Array, radius: float, region: Region) -> None:
    """The ball's surroundings must be open field on all sides."""
    room = float(region.depth_mm(*centre))
    if room < rim_mm(radius) + EDGE_MM:
        raise AnalysisError(
            f"the ball reaches the field's edge (its centre is {room:.1f} mm from it); centre the ball or use a larger field"
        )


def _join(fit: ProfileFit, circle: Rim, floor_mm: float) -> Position:
    """Both algorithms' answers as one position, or a refusal when they disagree or the spot is not round."""
    strange = max(fit.misfit, fit.inside) > max(STRANGE * fit.depth, ROUGH * fit.deviation)
    if fit.streak > max(STREAK * fit.depth, CLEAR * fit.streak_noise):
        raise AnalysisError("a straight edge or rail crosses the ball's surroundings; take it out of the field and repeat the exposure")
    if fit.rod_depth > ROD_END * fit.depth:
        raise AnalysisError("the dark spot in the field is hardly darker than the rod beside it: no ball can be told; check the phantom")
    strange = strange or fit.oval_mm > max(OVAL * fit.radius_mm, PLAIN * float(fit.u_mm.max()))
    if (
        circle.rays < (FEWEST_RAYS if fit.rod else ALL_ROUND)
        or strange
        or circle.scatter_mm > max(ROUND * fit.radius_mm, NOISY * float(fit.u_mm.max()))
    ):
        raise AnalysisError("the dark spot in the field is not round: part of the ball is hidden, or it is not a ball; check the phantom")
    apart = np.abs(fit.centre_mm - circle.centre_mm)
    u_apart = np.hypot(fit.u_mm, np.maximum(circle.u_mm, 2 * fit.u_mm))  # a rim uses half the information of the whole profile
    if (apart > np.clip(4 * u_apart, AGREE_MM, APART_MM)).any():
        raise AnalysisError(
            f"two ways to find the ball's centre differ by {apart.max():.2f} mm: something else is on or beside the ball; look at the "
            "image and repeat the exposure"
        )
    method = np.hypot(np.maximum(apart - 2 * u_apart, 0) / np.sqrt(3), floor_mm)
    u = np.hypot(fit.u_mm, method)
    if u.max() > (BESIDE_ROD_MM if fit.rod else LARGEST_U_MM):
        raise AnalysisError(
            f"the ball's centre is uncertain by {2 * u.max():.2f} mm: too noisy, too faint, or something beside it; repeat the exposure "
            "with more monitor units or a ball of higher contrast"
        )
    return Position(
        x_mm=float(fit.centre_mm[0]),
        y_mm=float(fit.centre_mm[1]),
        u_mm=(float(u[0]), float(u[1])),
        budget={
            "ball: image noise": (float(fit.u_mm[0]), float(fit.u_mm[1])),
            "ball: rim definition": (float(method[0]), float(method[1])),
        },
        second=Estimate(
            "rim circle", (float(circle.centre_mm[0]), float(circle.centre_mm[1])), (float(circle.u_mm[0]), float(circle.u_mm[1]))
        ),
        size_mm=(fit.radius_mm, own_of_log_mm(fit.radius_mm, fit.quarter_mm)),
        shape="ball",
        flags=("holder rod left out",) if fit.rod else (),
    )
