"""A sphere fitted to the voxels around it: blurred, averaged over the slice, cut off where the data are, beside smooth surroundings.

Free are the centre, radius, contrast, the blur in plane and along the axis, the surroundings (constant, linear) and a star of streaks that
falls with the distance. Voxels far from the fit lose weight (Student's distribution), voxels at the scale's end count only where the model
stays below it. The uncertainty follows from the residuals' own correlation, voxel by voxel.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qa.features.position import Array
from qa.features.volume_noise import centre_covariance
from qa.features.volume_sphere import FADED, STEP_MM, Sphere, at, profile

MARGIN_MM = 4.0  # of surroundings beyond the radius: five times a wide blur, enough to tell streaks from the ball
TAIL = 5.0  # degrees of freedom of Student's distribution: a voxel three deviations off counts a third
STEPS = 25
CONVERGED_MM = 2e-4  # of the centre; a step this small is followed by smaller ones
SETTLED_MM = 0.005  # a last step larger than this is no answer
HARMONICS = (1, 2, 3, 4, 5)  # of the streaks: what has more rays than this averages out along the ball's edge
USUAL_BLUR_MM, BLUR_SPREAD = 0.6, 0.4  # a cone-beam system's blur (sd), and the sd of its logarithm: 0.4 to 0.9 mm are usual
SHOWN, SHOWN_NOISES = 0.03, 4.0  # of the visible contrast, and of the noise: a slice that shows less says nothing of the ball


@dataclass(frozen=True)
class Crop:
    """Voxels around a ball that is brighter than its surroundings (a cavity's are counted backwards).

    ``values`` (slices, rows, columns) float64, ``origin_mm`` the place of its first voxel, ``end`` the value at which the scale ends or
    infinity.
    """

    values: Array
    pitch_mm: tuple[float, float, float]
    origin_mm: Array
    end: float

    def axes(self) -> list[Array]:
        """Positions along slices, rows, columns, mm."""
        return [o + p * np.arange(n) for o, p, n in zip(self.origin_mm, self.pitch_mm, self.values.shape, strict=True)]


@dataclass(frozen=True)
class SphereFit:
    """Centre (slice, row, column) mm and its covariance, the sphere, its contrast and the level around it.

    ``noise`` (HU, robust) is that far from the edge, ``misfit`` (HU, root mean square) that of the ``edge_voxels`` that show the edge,
    ``slices`` how many slices show the ball beyond noise.
    """

    centre_mm: Array
    covariance: Array
    sphere: Sphere
    contrast: float
    around: float
    noise: float
    misfit: float
    edge_voxels: int
    slices: int
    converged: bool


@dataclass
class _Model:
    """The sphere on the voxels of a crop."""

    crop: Crop
    z: Array
    dy: Array
    dx: Array
    which: NDArray[np.intp]
    data: Array
    place: NDArray[np.intp]
    reach: float

    def table(self, theta: Array, reach: float) -> Array:
        """The sphere over distance and slice, up to where it has faded."""
        return profile(_sphere(theta), self.crop.pitch_mm[0], self.z - theta[0], reach)

    def evaluate(self, theta: Array) -> tuple[Array, Array]:
        """Model value and its derivatives (n, parameters), before the scale's end."""
        ry, rx = self.dy - theta[1], self.dx - theta[2]
        rho = np.maximum(np.hypot(ry, rx), 1e-6)
        reach = float(np.exp(theta[3]) + FADED * np.exp(theta[4]))
        table = self.table(theta, reach)
        value, slope = at(table, rho, self.which)
        contrast = np.exp(theta[6])
        columns: list[Array] = [value] * 7
        for k, step in ((0, 1e-3), (3, 1e-4), (4, 1e-3), (5, 1e-3)):
            moved = theta.copy()
            moved[k] += step
            difference = (self.table(moved, reach) - table) / step
            columns[k] = contrast * at(difference, rho, self.which)[0]
        columns[1] = -contrast * slope * ry / rho
        columns[2] = -contrast * slope * rx / rho
        columns[6] = contrast * value
        around = self.around(theta, rho, ry, rx)
        return contrast * value + around @ theta[7:], np.hstack([np.stack(columns, axis=1), around])

    def around(self, theta: Array, rho: Array, ry: Array, rx: Array) -> Array:
        """The surroundings' functions: constant, linear, and streaks that fall as 1/r and end with the ball along the axis."""
        radius = np.exp(theta[3])
        high = (self.z - theta[0])[self.which]
        envelope = np.sqrt(np.maximum(1 - (high / (radius + self.crop.pitch_mm[0] / 2)) ** 2, 0))
        fall = envelope * np.where(rho > radius, radius / rho, (rho / radius) ** 2)
        angle = np.arctan2(ry, rx)
        star = [f(n * angle) * fall for n in HARMONICS for f in (np.cos, np.sin)]
        return np.stack([np.ones_like(rho), high / self.reach, ry / self.reach, rx / self.reach, *star], axis=1)


def fit_sphere(crop: Crop, centre_mm: Array, radius_mm: float, contrast: float, around: float) -> SphereFit:
    """The sphere that explains the crop, from rough values; the caller judges whether it is good enough."""
    model = _model(crop, centre_mm, radius_mm)
    theta = np.zeros(7 + 4 + 2 * len(HARMONICS))
    theta[:3] = centre_mm
    theta[3:7] = np.log(radius_mm), np.log(max(0.5, 0.5 * crop.pitch_mm[1])), np.log(0.5), np.log(contrast)
    theta[7] = around
    damping, scale, converged, step = 1e-3, 0.3 * contrast, False, np.ones(len(theta))
    value, slopes = model.evaluate(theta)
    residual, weight, scale = _residual(model, value, scale)
    for _ in range(STEPS):
        seen = weight * (value < crop.end)
        normal = (slopes * seen[:, None]).T @ slopes + np.diag(_trust(theta) * scale**2)
        gradient = slopes.T @ (seen * residual) - _trust(theta) * scale**2 * (theta - np.log(USUAL_BLUR_MM))
        step = _bounded(np.linalg.solve(normal + _damped(normal, damping), gradient), radius_mm)
        trial_value, trial_slopes = model.evaluate(theta + step)
        if _loss(model, trial_value, theta + step, scale) <= _loss(model, value, theta, scale) * (1 + 1e-9):
            theta, value, slopes = theta + step, trial_value, trial_slopes
            residual, weight, scale = _residual(model, value, scale)
            converged = damping < 1e-3 and bool(np.abs(step[:3]).max() < CONVERGED_MM)
            damping = max(damping / 8, 1e-7)
            if converged:
                break
        else:
            damping *= 8
            if damping > 1e5:
                break
    settled = converged or bool(np.abs(step[:3]).max() < SETTLED_MM)
    return _describe(model, theta, value, slopes, residual, weight, scale, settled)


def _model(crop: Crop, centre: Array, radius: float) -> _Model:
    z, y, x = crop.axes()
    kz, ky, kx = np.meshgrid(*[np.arange(n) for n in crop.values.shape], indexing="ij")
    rho = np.hypot(y[ky] - centre[1], x[kx] - centre[2])
    near = rho <= radius + MARGIN_MM
    return _Model(crop, z, y[ky[near]], x[kx[near]], kz[near], crop.values[near], np.nonzero(near.ravel())[0], radius + MARGIN_MM + 2.0)


def _sphere(theta: Array) -> Sphere:
    return Sphere(float(np.exp(theta[3])), float(np.exp(theta[4])), float(np.exp(theta[5])))


def _residual(model: _Model, value: Array, last: float) -> tuple[Array, Array, float]:
    """Residuals (nothing where data and model are both at the scale's end), weights, and the deviation that sets them."""
    residual = model.data - np.minimum(value, model.crop.end)
    open_scale = value < model.crop.end
    typical = 1.4826 * float(np.median(np.abs(residual[open_scale]))) if open_scale.any() else last
    scale = max(typical, 0.3 * last, 0.5)
    return residual, 1 / (1 + residual**2 / (TAIL * scale**2)), scale


def _trust(theta: Array) -> Array:
    """How far the usual blur is trusted, per parameter: it settles radius against contrast where the scale's end hides the ball."""
    result = np.zeros(len(theta))
    result[4:6] = 1 / BLUR_SPREAD**2
    return result


def _loss(model: _Model, value: Array, theta: Array, scale: float) -> float:
    """What the fit makes small: Student's for the voxels, squares for the blur."""
    residual = model.data - np.minimum(value, model.crop.end)
    blur = float(_trust(theta) @ (theta - np.log(USUAL_BLUR_MM)) ** 2)
    return float(np.log1p(residual**2 / (TAIL * scale**2)).sum()) * TAIL + blur


def _damped(normal: Array, damping: float) -> Array:
    """Levenberg's damping, in each parameter's own scale."""
    diagonal = np.diag(normal)
    return np.diag(damping * diagonal + 1e-9 * diagonal.max() * (diagonal == 0) + 1e-12 * diagonal.max())


def _bounded(step: Array, radius: float) -> Array:
    """No step beyond what the linear model can be trusted for."""
    limit = np.full(len(step), np.inf)
    limit[:3], limit[3:6], limit[6] = 0.3 * radius, 0.3, 0.7
    return np.asarray(step * min(1.0, float((limit / np.maximum(np.abs(step), 1e-12)).min())))


def _describe(
    model: _Model, theta: Array, value: Array, slopes: Array, residual: Array, weight: Array, scale: float, converged: bool
) -> SphereFit:
    open_scale = value < model.crop.end
    edge = open_scale & (np.hypot(slopes[:, 1], slopes[:, 2]) + np.abs(slopes[:, 0]) > 0.05 * np.abs(slopes[:, :3]).max())
    noise = 1.4826 * float(np.median(np.abs(residual[open_scale & ~edge]))) if (open_scale & ~edge).any() else 0.0
    misfit = float(np.sqrt(np.mean(residual[edge] ** 2))) if edge.any() else np.inf
    pull = weight * residual
    steep = np.where(open_scale, 2 * weight**2 - weight, 0)  # the derivative of Student's pull, averaged over edge and surroundings
    steep = np.where(edge, _mean(steep[edge]), _mean(steep[open_scale & ~edge])) * open_scale
    normal = (slopes * np.maximum(steep, 0.1 * open_scale)[:, None]).T @ slopes + np.diag(_trust(theta) * scale**2)
    own = 1 / np.sqrt(np.maximum(np.diag(normal), 1e-30))
    inverse = own[:, None] * np.linalg.pinv(normal * np.outer(own, own) + 1e-9 * np.eye(len(normal)), hermitian=True) * own
    influence = (slopes * open_scale[:, None]) @ inverse[:, :3]
    covariance = centre_covariance(model.crop.values.shape, model.place, influence, pull * open_scale, open_scale, edge)
    return SphereFit(
        theta[:3],
        covariance,
        _sphere(theta),
        float(np.exp(theta[6])),
        float(theta[7]),
        noise,
        misfit,
        int(edge.sum()),
        _slices(model, theta, noise),
        converged,
    )


def _slices(model: _Model, theta: Array, noise: float) -> int:
    """How many slices show the ball."""
    contrast = np.exp(theta[6])
    visible = min(float(contrast), model.crop.end - float(theta[7]))
    return int((contrast * model.table(theta, STEP_MM)[0] > max(SHOWN * visible, SHOWN_NOISES * noise)).sum())


def _mean(values: Array) -> float:
    return float(values.mean()) if len(values) else 0.0
