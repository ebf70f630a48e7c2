"""The surroundings of a ball as open field + ball: the field a sum of two smooth edge profiles, the ball any function of radius."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from qa.features.bordered import bordered
from qa.features.position import Array
from qa.features.region import Region
from qa.features.residual import correlated_pixels, correlation_factor, deviation, streaks
from qa.features.rod import Strip, darkest_direction, pixel_noise
from qa.features.splines import even_radial, uniform
from qa.features.surface import Surface

BLUR_MM = 1.5  # a ball's shadow fades out this far beyond its radius (2.5 standard deviations of the widest blur seen)
INSIDE_CONE_MM = 2.5  # in a cone the penumbra bends both ways at once and is kept further away
FREE_MM = 1.8  # the fit reaches this far into the open field beyond that
INSIDE_MM = 1.5  # pixels nearer than this to the field's edge are penumbra and not used
KNOT_MM = 0.3  # of the radial profile: half the narrowest blur seen
FIELD_KNOT_MM = 3.0  # of the field's profiles: inside the penumbra they vary slowly
ROD_MM = 0.7  # beyond the ball's radius, where its blur has mostly gone, a rod can be told from it
BAND_MM, DEEP_MM = 1.0, 3.0  # width of the bands in which edges are looked for in what the fit leaves over, and how far inside the field
CONVERGED_MM = 1e-4  # a step this small is followed by one a thousand times smaller


def rim_mm(radius_mm: float) -> float:
    """Where the open field begins around a ball of that half-depth radius (a ball's own radius is 1.155 times it)."""
    return 1.155 * radius_mm + BLUR_MM


@dataclass(frozen=True)
class ProfileFit:
    """Centre (x, y) mm and its standard uncertainty, radius at half and at a quarter of the depth, depth of the log signal, how far
    the log signal is from what field and ball explain (root mean square), the pixel noise in it, and whether a rod was left out.

    ``inside`` is the same as ``misfit`` within reach of the ball only, ``deviation`` the standard deviation of the noise as its own short
    and longer differences tell it, ``streak`` how strongly the rest runs in straight bands and ``streak_noise`` how strongly noise would,
    ``rod_depth`` how dark the rod is, ``oval_mm`` how far the rim is from a circle towards an ellipse.

    ``ball_log`` (rows, columns of the patch) is the log signal minus the open field, the picture the rim algorithm works on, and ``valid``
    says where it means anything.
    """

    centre_mm: Array
    u_mm: Array
    radius_mm: float
    quarter_mm: float
    depth: float
    misfit: float
    noise: float
    rod: bool
    ball_log: Array
    valid: NDArray[np.bool_]
    inside: float = 0.0
    deviation: float = 0.0
    streak: float = 0.0
    streak_noise: float = 0.0
    rod_depth: float = 0.0
    oval_mm: float = 0.0


@dataclass(frozen=True)
class Patch:
    """Pixels around a ball: x of columns, y of rows (mm), log signal, which pixels count, and the open field's functions at those."""

    x_mm: Array
    y_mm: Array
    log: Array
    valid: NDArray[np.bool_]
    field: Array
    centre_mm: Array
    radius_mm: float
    rod_depth: float = 0.0
    deep: NDArray[np.bool_] | None = None

    @property
    def rod(self) -> bool:
        """Whether a rod was left out."""
        return self.rod_depth > 0

    @classmethod
    def cut(cls, surface: Surface, region: Region, centre: Array, radius: float, every: int = 1) -> Patch:
        """The pixels (every n-th row and column) within reach of such a ball, those in the penumbra left out."""
        x, y = surface.grid()
        reach = rim_mm(radius) + FREE_MM
        columns, rows = np.nonzero(np.abs(x - centre[0]) <= reach)[0], np.nonzero(np.abs(y - centre[1]) <= reach)[0]
        rows, columns = rows[::every], columns[::every]
        x, y = x[columns], y[rows]
        values = surface.values[rows[0] : rows[-1] + 1 : every, columns[0] : columns[-1] + 1 : every] / (region.level - region.dark)
        first, second = region.along_axes(x[None, :], y[:, None])
        valid = (
            region.inside(x[None, :], y[:, None], INSIDE_MM if region.shape == "rectangle" else INSIDE_CONE_MM)
            & (values > 0.02)
            & (np.hypot(x[None, :] - centre[0], y[:, None] - centre[1]) <= reach)
        )
        log, deep = np.log(np.where(valid, values, 1.0)), region.inside(x[None, :], y[:, None], DEEP_MM)
        return cls(x, y, log, valid, _field_functions(region, first[valid], second[valid], centre, reach), centre, radius, deep=deep)

    def roughly(self) -> tuple[Array, float]:
        """Centre and radius after two steps, rod or no rod: good enough to cut the patch where it belongs."""
        solution, _ = self._solve(self.centre_mm, steps=2)
        return solution.centre, solution.radius

    def fit(self) -> ProfileFit:
        """The centre about which the ball is a function of radius; a holder rod is looked for in what that leaves and left out."""
        patch, (solution, residual) = self, self._solve(self.centre_mm)
        rod = self._rod(solution, residual)
        if rod is not None:
            patch = self._without(rod, solution.centre)
            solution, residual = patch._solve(solution.centre, solution.profile)
        return patch._describe(solution, residual)

    def _rod(self, solution: Solution, residual: Array) -> Strip | None:
        """The holder rod, or None: the darkest direction, if it is still dark when the field is explained without it."""
        dx, dy = self._offsets(solution.centre)
        beyond = self.valid & (np.hypot(dx, dy) > 1.155 * self.radius_mm + ROD_MM)
        picture = np.zeros(self.log.shape)
        picture[self.valid] = residual
        towards = darkest_direction(picture, beyond, dx, dy, solution.depth)
        if towards is None:
            return None
        band = Strip(towards, 1.2 * self.radius_mm)
        trial, _ = self._without(band, solution.centre)._solve(solution.centre, solution.profile, steps=1)
        values = self._basis(trial.centre)[2]
        picture[self.valid] = self.log[self.valid] - values @ trial.profile - self.field @ trial.field
        return band.narrowed(picture, beyond, dx, dy, solution.depth)

    def _without(self, strip: Strip, centre: Array) -> Patch:
        """This patch with the pixels of a strip left out."""
        covered = strip.covers(*self._offsets(centre))
        return replace(self, valid=self.valid & ~covered, field=self.field[~covered[self.valid]], rod_depth=strip.depth)

    def _alone(self, solution: Solution) -> Array:
        """The fitted ball on every pixel: it stands in where pixels do not count, so that nothing jumps at their border."""
        distance = np.hypot(*self._offsets(solution.centre))
        values, _ = even_radial(distance.ravel(), self._knot(), rim_mm(self.radius_mm))
        return np.asarray((values @ solution.profile).reshape(distance.shape))

    def _knot(self) -> float:
        """Knot distance of the radial profile, mm."""
        return max(KNOT_MM, float(self.x_mm[1] - self.x_mm[0]), float(self.y_mm[1] - self.y_mm[0]))

    def _offsets(self, centre: Array) -> tuple[Array, Array]:
        """Offsets (x, y) of every pixel from a centre."""
        dx, dy = np.broadcast_arrays(self.x_mm[None, :] - centre[0], self.y_mm[:, None] - centre[1])
        return dx, dy

    def _basis(self, centre: Array) -> tuple[Array, Array, Array, Array]:
        """Offsets (x, y) of the valid pixels from a centre, and the radial functions there with their slopes."""
        dx, dy = self._offsets(centre)
        a, b = dx[self.valid], dy[self.valid]
        values, slopes = even_radial(np.hypot(a, b), self._knot(), rim_mm(self.radius_mm))
        return a, b, values, slopes

    def _solve(self, start: Array, profile: Array | None = None, steps: int = 10) -> tuple[Solution, Array]:
        """Gauss-Newton on the centre with everything else linear; the solution and the residuals of the valid pixels."""
        centre, data = np.array(start), self.log[self.valid]
        field_normal, field_data = self.field.T @ self.field, self.field.T @ data
        if profile is None:
            values = self._basis(centre)[2]
            profile = bordered(values, self.field, field_normal, field_data, data)[0][: values.shape[1]]
        for _ in range(steps):
            a, b, values, slopes = self._basis(centre)
            fall = (slopes @ profile) / np.maximum(np.hypot(a, b), 1e-9)
            design = np.hstack([values, -(fall * a)[:, None], -(fall * b)[:, None]])
            coefficients, inverse = bordered(design, self.field, field_normal, field_data, data)
            count = values.shape[1]
            profile, step = coefficients[:count], coefficients[count : count + 2]
            centre = centre + step * min(1.0, 0.3 * self.radius_mm / max(float(np.hypot(*step)), 1e-12))
            if np.abs(step).max() < CONVERGED_MM:
                break
        residual = data - design @ coefficients[: count + 2] - self.field @ coefficients[count + 2 :]
        half, quarter, depth = _depths(profile, self)
        share = inverse[count : count + 2, count : count + 2]
        return Solution(centre, profile, coefficients[count + 2 :], share, half, quarter, depth), residual

    def _describe(self, solution: Solution, residual: Array) -> ProfileFit:
        freedom = max(len(residual) - len(solution.profile) - len(solution.field) - 2, 1)
        left = np.zeros(self.log.shape)
        left[self.valid] = residual
        noise, q = deviation(left, self.valid)  # the fit takes part of widely correlated noise out of its residuals, but not this
        variance = max(float(residual @ residual) / freedom * correlation_factor(residual, self.valid), noise**2 * correlated_pixels(q))
        ball = self._alone(solution)
        ball[self.valid] = self.log[self.valid] - self.field @ solution.field
        dx, dy = self._offsets(solution.centre)
        near = left[self.valid & (np.hypot(dx, dy) < rim_mm(self.radius_mm))]
        deep = self.valid if self.deep is None else self.valid & self.deep
        streak, bands = streaks(left[deep], dx[deep], dy[deep], max(BAND_MM, 1.5 * self._knot()))
        return ProfileFit(
            centre_mm=solution.centre,
            u_mm=np.sqrt(variance * np.diag(solution.inverse)),
            radius_mm=solution.radius,
            quarter_mm=solution.quarter,
            depth=solution.depth,
            misfit=float(np.sqrt(np.mean(residual**2))),
            noise=pixel_noise(left, self.valid),
            rod=self.rod,
            ball_log=ball,
            valid=self.valid,
            inside=float(np.sqrt(np.mean(near**2))) if near.size else 0.0,
            deviation=noise,
            streak=streak,
            streak_noise=noise * float(np.sqrt(correlated_pixels(q) * bands)),
            rod_depth=self.rod_depth,
            oval_mm=self._oval(solution, residual),
        )

    def _oval(self, solution: Solution, residual: Array) -> float:
        """How far the rim of the ball is from a circle towards an ellipse (half its longest minus its shortest half axis), mm."""
        a, b, _, slopes = self._basis(solution.centre)
        fall, angle = slopes @ solution.profile, np.arctan2(b, a)
        design = -fall[:, None] * np.stack([np.cos(2 * angle), np.sin(2 * angle)], axis=1)
        amplitude = bordered(design, self.field, self.field.T @ self.field, self.field.T @ residual, residual)[0][:2]
        return float(np.hypot(*amplitude))


@dataclass(frozen=True)
class Solution:
    """Centre (x, y) mm, coefficients of the radial profile and of the open field, the centre's share of the inverse normal matrix (2, 2),
    radius at half and at a quarter of the depth (NaN: none) and depth.
    """

    centre: Array
    profile: Array
    field: Array
    inverse: Array
    radius: float
    quarter: float
    depth: float


def _field_functions(region: Region, a: Array, b: Array, centre: Array, reach: float) -> Array:
    """What the log of an open field can be near its middle: (points, functions).

    A rectangle: any smooth function along each of its axes, and a twist. A cone: square and fourth power of the distance
    from its centre and a plane (more freedom would look like a ball that moved).
    """
    if region.shape == "cone":
        square = (a * a + b * b)[:, None] / reach**2
        return np.hstack([np.ones_like(square), square, square**2, a[:, None] / reach, b[:, None] / reach])
    a0, b0 = region.along_axes(*centre)
    return np.hstack([uniform(a, FIELD_KNOT_MM), uniform(b, FIELD_KNOT_MM), ((a - a0) * (b - b0))[:, None] / reach**2])


def _depths(profile: Array, patch: Patch) -> tuple[float, float, float]:
    """Radii at which the profile is half and a quarter as deep as at the centre (NaN when it never is), and the depth (positive: dark)."""
    r = np.linspace(0.0, rim_mm(patch.radius_mm), 300)
    depths = -(even_radial(r, patch._knot(), rim_mm(patch.radius_mm))[0] @ profile)
    depth = float(depths[:30].mean())
    below = [np.nonzero(depths < share * depth)[0] for share in (0.5, 0.25)]
    half, quarter = (float(r[places[0]]) if depth > 0 and len(places) else float("nan") for places in below)
    return half, quarter, depth
