"""A ball's own radius from its radius at half depth: the same ball has the same size in kV and in MV.

A ball of radius R takes 1 - exp(-2 mu sqrt(R^2 - r^2)) out of a beam. In the linear signal half of the largest depth d is reached at

    r_half = R sqrt(1 - (ln(1 - d/2) / ln(1 - d))^2)

which is 0.866 R for a faint ball and R for an opaque one; in the log of the signal it is 0.866 R whatever the depth. *Derived.*
Blur makes that radius smaller, and stretches the profile's foot: see docs/physics/ball_features.md, section 1.
"""

from __future__ import annotations

import numpy as np

from qa.features.position import Position
from qa.reading import AnalysisError

OPAQUE = 0.8  # a ball this deep is taken as opaque: what is seen in it is light scattered there. If it is not, R is 6 % too small
BLURRED = (1.1180, 1.1307, 1.1584, 1.1885, 1.2190, 1.2491, 1.2779, 1.3043)  # radius at a quarter of the depth over that at half
OWN = (1.1547, 1.1801, 1.2027, 1.2226, 1.2392, 1.2517, 1.2593, 1.2602)  # R over the radius at half the depth
"""Of a hemisphere of radius R, which a ball is in the log of the signal, under a Gaussian blur of sigma 0, 0.08 R, 0.12 R ... 0.32 R."""


def own_radius_mm(half_mm: float, depth: float) -> float:
    """Radius of the ball (mm) from the half-depth radius in the linear signal and the depth there, as a share of the open signal."""
    depth = min(abs(depth), 0.999)
    if depth > OPAQUE:
        return half_mm
    if depth < 0.02:
        return half_mm * OWN[0]
    return half_mm / float(np.sqrt(1 - (np.log1p(-depth / 2) / np.log1p(-depth)) ** 2))


def own_of_log_mm(half_mm: float, quarter_mm: float) -> float:
    """Radius of the ball (mm) from the radii at half and at a quarter of the depth in the log of the signal, which tell the blur.

    AnalysisError where there is no such radius: a size that is no number would be like any other.
    """
    if not 0.0 < half_mm <= quarter_mm < np.inf:
        raise AnalysisError("the dark spot in the field has no rim that tells how large it is; check the phantom and repeat the exposure")
    return half_mm * float(np.interp(quarter_mm / half_mm, BLURRED, OWN))


def diameter_mm(ball: Position) -> float:
    """The ball's own diameter (mm), of a ball from `open_ball` or `ball_in_field`."""
    return 2 * ball.size_mm[1]
