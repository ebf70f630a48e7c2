"""A ball's own radius from its radius at half depth: the same ball has the same size in kV and in MV.

A ball of radius R takes 1 - exp(-2 mu sqrt(R^2 - r^2)) out of a beam. In the linear signal half of the largest depth d is reached at

    r_half = R sqrt(1 - (ln(1 - d/2) / ln(1 - d))^2)

which is 0.866 R for a faint ball and R for an opaque one; in the log of the signal it is 0.866 R whatever the depth. *Derived.*
"""

from __future__ import annotations

import numpy as np

from qa.features.position import Position

OPAQUE = 0.8  # a ball this deep is taken as opaque: what is seen in it is light scattered there. If it is not, R is 6 % too small
LOG_RATIO = np.sqrt(3) / 2


def own_radius_mm(half_mm: float, depth: float) -> float:
    """Radius of the ball (mm) from the half-depth radius in the linear signal and the depth there, as a share of the open signal."""
    depth = min(abs(depth), 0.999)
    if depth > OPAQUE:
        return half_mm
    if depth < 0.02:
        return half_mm / float(LOG_RATIO)
    return half_mm / float(np.sqrt(1 - (np.log1p(-depth / 2) / np.log1p(-depth)) ** 2))


def diameter_mm(ball: Position) -> float:
    """The ball's own diameter (mm): of a ball from `open_ball`, or of one from `ball_in_field`, whose radius is that of the log signal."""
    if len(ball.size_mm) > 1:
        return 2 * ball.size_mm[1]
    return 2 * ball.size_mm[0] / float(LOG_RATIO)
