"""The axis of one narrow beam: a straight line through its middles on both sides of the star's centre, or why there is none."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qa.features.star_profiles import FEWEST, HALF_WIDTHS, Arm, Smooth, arm
from qa.reading import AnalysisError

Array = NDArray[np.float64]
CLEAR_MM = 1.0  # nearer to the centre of a lone beam there is nothing to keep away from; the two arms only must not overlap
OUTER = 0.5  # of an arm's length: other beams' tails fall off with distance, and noise is not what limits
OUTLIER = 5.0  # robust standard deviations off the line: dust, a scratch, a dead line
FINEST_MM = 0.01  # what lies on film moves a spoke by more; less is no outlier
APART = 0.3  # of an arm's length: slopes are taken between bands at least so far apart
SPOILT = 0.2  # of an arm's bands may be left out
BENT_SIGMA, BENT_MM = 4.0, 0.1  # a bend is refused when it is both plain and large enough to matter
APART_SIGMA, APART_MM = 3.0, 0.05  # the two algorithms may differ by this at the star's centre
UNEVEN = 0.15  # of a beam's height: one side against the other; noise and other beams' tails make 0.05
LEAST_MM = 1e-4  # no line is known better: rounding, and what interpolation leaves


@dataclass(frozen=True)
class Line:
    """The axis of one beam in the picture's millimetres (x along columns, y along rows).

    It passes ``offset_mm`` to the left (along ``normal``) of ``centre_mm``, in ``direction``; ``noise_mm`` and ``u_angle_deg`` are standard
    uncertainties from the bands' scatter, ``beside_mm`` that from other beams. ``apart_mm``: symmetry minus half height there. ``arms``
    are the bands used, ``left_out`` how many were not; ``scatter_mm`` is the bands' standard deviation about the line;
    ``width_mm`` at half height with its uncertainty.
    """

    centre_mm: Array
    direction: Array
    offset_mm: float
    noise_mm: float
    beside_mm: float
    u_angle_deg: float
    apart_mm: float
    scatter_mm: float
    width_mm: float
    u_width_mm: float
    arms: tuple[Arm, Arm]
    left_out: int

    @property
    def parts_mm(self) -> dict[str, float]:
        """Components of the offset's standard uncertainty."""
        return {"noise": self.noise_mm, "other beams": self.beside_mm, "edge definition": abs(self.apart_mm) / 12**0.5}

    @property
    def u_offset_mm(self) -> float:
        """Standard uncertainty of the offset."""
        return float(np.hypot(self.noise_mm, np.hypot(self.beside_mm, self.apart_mm / 12**0.5)))

    @property
    def normal(self) -> Array:
        """(2,) unit vector to the left of the direction, in (x, y)."""
        return np.array([-self.direction[1], self.direction[0]])


def line(picture: Smooth, centre_mm: Array, axis_deg: float, gap_deg: float, offset_mm: float = 0.0, *, width_mm: float) -> Line:
    """The axis of the beam that passes about ``offset_mm`` to the left of ``centre_mm`` at ``axis_deg`` (from +x towards +y).

    ``gap_deg`` is the angle to the next beam, 180 or more when there is none. Profiles are laid about that place: one that is off the
    beam's middle by 0.3 mm would move it by 0.01 mm, because the beam's tails are cut unequally.

    AnalysisError when an arm is short, unclear or spoilt, the beam bends, or two algorithms disagree.
    """
    angle = np.radians(axis_deg)
    direction = np.array([np.cos(angle), np.sin(angle)])
    normal = np.array([-direction[1], direction[0]])
    free = HALF_WIDTHS * width_mm / np.sin(np.radians(min(gap_deg, 90.0)) / 2)  # its profiles end where the neighbour's begin
    alone = gap_deg >= 180
    place = centre_mm + offset_mm * normal
    arms = [arm(picture, place, way * direction, normal, width_mm, CLEAR_MM if alone else free) for way in (1.0, -1.0)]
    if (uneven := max(one.uneven for one in arms)) > UNEVEN:
        sides = f"the two sides of a spoke differ by {100 * uneven:.0f} % of its height"
        raise AnalysisError(f"{sides}: something lies beside it; look at the picture")
    arms = arms if alone else [_outer(one) for one in arms]
    kept = [_without_outliers(one) for one in arms]
    s, both = (np.concatenate([getattr(one, name) for one in kept]) for name in ("along_mm", "across_mm"))
    middle = both.mean(axis=1)
    weight = np.concatenate([np.full(len(one.along_mm), 1 / _scatter(one) ** 2) for one in kept])
    design = np.stack([np.ones_like(s), s], -1)
    fit, covariance = _fitted(design, middle, weight)
    rest = middle - design @ fit
    stretch = _correlated([rest[: len(kept[0].along_mm)], rest[len(kept[0].along_mm) :]])
    chi2 = float((weight * rest**2).sum() / (len(s) - 2))
    covariance = covariance * max(chi2, 1e-12) * stretch
    _straight(s, middle, weight, len(kept[0].along_mm))
    weight = weight / (max(chi2, 1e-12) * stretch)
    beside = 0.0 if alone else _beside(s, middle, weight)
    apart = float(_fitted(design, both[:, 1] - both[:, 0], weight)[0][0])
    u = max(float(np.sqrt(covariance[0, 0])), LEAST_MM)
    if abs(apart) > APART_SIGMA * u + APART_MM:
        raise AnalysisError(f"edges and symmetry place a spoke {abs(apart):.2f} mm apart: something lies beside it; look at the picture")
    turned = direction + fit[1] * normal
    widths = np.concatenate([one.width_mm for one in kept])
    return Line(
        centre_mm=centre_mm,
        direction=turned / np.hypot(*turned),
        offset_mm=float((offset_mm + fit[0]) / np.hypot(1.0, fit[1])),
        noise_mm=u,
        beside_mm=beside,
        u_angle_deg=float(np.degrees(np.sqrt(covariance[1, 1]))),
        apart_mm=apart,
        scatter_mm=float(np.std(rest, ddof=2)),
        width_mm=float(np.median(widths)),
        u_width_mm=float(np.std(widths) * np.sqrt(stretch * np.pi / 2 / len(widths))) + LEAST_MM,
        arms=(kept[0], kept[1]),
        left_out=sum(len(a.along_mm) - len(b.along_mm) for a, b in zip(arms, kept, strict=True)),
    )


def _fitted(design: Array, values: Array, weight: Array) -> tuple[Array, Array]:
    """Weighted least squares and its covariance for weights 1/u^2."""
    normal = (design.T * weight) @ design
    return np.asarray(np.linalg.solve(normal, (design.T * weight) @ values)), np.asarray(np.linalg.inv(normal))


def _outer(one: Arm) -> Arm:
    """The outer part of an arm, where the other beams' tails pull it least."""
    far = np.abs(one.along_mm)
    keep = far >= min(OUTER * float(far.max()), float(np.sort(far)[-FEWEST]))
    return Arm(one.along_mm[keep], one.across_mm[keep], one.width_mm[keep], one.uneven)


def _beside(s: Array, middle: Array, weight: Array) -> float:
    """What other beams do to the offset: it differs between the inner and the outer bands by more than noise explains, mm.

    Their tails fall with distance, so the difference is as large as what is left of them.
    """
    near = np.abs(s) < np.median(np.abs(s))
    fits = [_fitted(np.stack([np.ones(part.sum()), s[part]], -1), middle[part], weight[part]) for part in (near, ~near)]
    (inner, first), (outer, second) = fits
    return float(np.sqrt(max(0.0, (inner[0] - outer[0]) ** 2 - first[0, 0] - second[0, 0])))


def _own_line(one: Arm) -> Array:
    """What an arm's middles leave over from a straight line through them, by medians (Theil and Sen): outliers do not pull it."""
    s, t = one.along_mm, one.across_mm.mean(axis=1)
    run, rise = s[:, None] - s[None, :], t[:, None] - t[None, :]
    far = run > APART * np.ptp(s)
    rest = t - float(np.median(rise[far] / run[far])) * s
    return np.asarray(rest - np.median(rest))


def _without_outliers(one: Arm) -> Arm:
    """The arm without bands far off its own line. AnalysisError when they are many."""
    rest = _own_line(one)
    spread = max(1.4826 * float(np.median(np.abs(rest))), FINEST_MM)
    good = np.abs(rest) <= OUTLIER * spread
    if (~good).sum() > SPOILT * len(good):
        raise AnalysisError("a spoke is not one straight strip: dust, a scratch, a mark or another beam lies over it")
    return Arm(one.along_mm[good], one.across_mm[good], one.width_mm[good], one.uneven)


def _scatter(one: Arm) -> float:
    """Standard deviation of an arm's bands about its own line."""
    return max(float(np.std(_own_line(one))), 1e-4)


def _correlated(rests: list[Array]) -> float:
    """By how much the variance of a mean grows because neighbouring bands share noise: 1 + 2 (r1 + r2) of the first two neighbours."""
    square = sum(float((rest**2).sum()) for rest in rests)
    shared = sum(float((rest[k:] * rest[:-k]).sum()) for rest in rests for k in (1, 2))
    return 1 + 2 * float(np.clip(shared / square, 0.0, 2.0)) if square > 0 else 1.0


def _straight(s: Array, middle: Array, weight: Array, ahead: int) -> None:
    """AnalysisError when the two arms do not lie on one straight line: a step, a kink or a curve that noise does not explain.

    Noise is what is left when the bend is allowed for; the first ``ahead`` bands are of one arm.
    """
    far = float(np.abs(s).max())
    scaled = s / far
    names = ("its two halves are shifted against each other", "its two halves meet at an angle", "it is curved")
    for name, shape in zip(names, (np.sign(scaled), np.abs(scaled), scaled**2), strict=True):
        design = np.stack([np.ones_like(s), scaled, shape], -1)
        fit, covariance = _fitted(design, middle, weight)
        rest, bend = middle - design @ fit, abs(float(fit[2]))
        noise = float((weight * rest**2).sum() / (len(s) - 3)) * _correlated([rest[:ahead], rest[ahead:]])
        if bend > BENT_SIGMA * float(np.sqrt(covariance[2, 2] * noise)) and bend > BENT_MM:
            raise AnalysisError(f"a spoke is not straight by {bend:.2f} mm: {name}; repeat the exposure, and scan film flat")
