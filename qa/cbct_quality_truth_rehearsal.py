"""What a perfect measurement would find in a drawn scan, from how it was drawn."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from phantoms.ctphantom import Imaging, PhantomTruth
from phantoms.models import CtModel, Module
from phantoms.volume_grid import Point

Array = NDArray[np.float64]
Truth = dict[tuple[str, str], float]
SIDES = {
    "Top": ("top left", "top right"),
    "Bottom": ("bottom left", "bottom right"),
    "Left": ("top left", "bottom left"),
    "Right": ("top right", "bottom right"),
    "Diagonal 1": ("top left", "bottom right"),
    "Diagonal 2": ("top right", "bottom left"),
}
RIM_MM, RIM_RADIUS_MM = 53.0, 10.0
RIM = {"Centre": (0.0, 0.0), "Top": (0.0, RIM_MM), "Right": (RIM_MM, 0.0), "Bottom": (0.0, -RIM_MM), "Left": (-RIM_MM, 0.0)}
SMALLEST_MM, SQUARE_MM = 5.0, 40.0


def of(known: PhantomTruth, model: CtModel, how: Imaging, told: Mapping[str, float], slope: tuple[float, float], bowl: float) -> Truth:
    """The truth of every quantity that has one; ``model`` is the one that is known, ``known`` that of the one drawn."""
    hu = next(module for module in model.modules if module.plugs)
    return {
        **_numbers(hu, told),
        **_uniform(known, model, slope, bowl),
        **_noise(known, how),
        **_contrast(known, model, how),
        **{(f"cbct_mtf{level}_edge", ""): known.mtf_falls_to(level / 100) for level in (50, 30, 10)},
        **_bars(known, model),
        **_pose(known),
        **_distances(known, hu),
        **{
            ("cbct_slice_thickness", ramp.name.capitalize()): known.ramp_fwhm_mm(ramp.name) * float(np.tan(np.radians(23.0)))
            for ramp in hu.ramps
        },
    }


def _numbers(module: Module, told: Mapping[str, float]) -> Truth:
    truth: Truth = {}
    use = [plug for plug in module.plugs if not plug.optional]
    for plug in module.plugs:
        truth["cbct_hu", plug.name] = told[plug.name]
        truth["cbct_hu_deviation", plug.name] = told[plug.name] - plug.hu
    x, y = np.array([plug.hu for plug in use]), np.array([told[plug.name] for plug in use])
    sd = np.array([max((plug.hu_high - plug.hu_low) / np.sqrt(12), 1.0) for plug in use])
    slope, start = np.polyfit(x, y, 1, w=1 / sd)
    truth["cbct_hu_slope", ""], truth["cbct_hu_intercept", ""] = float(slope), float(start)
    truth["cbct_hu_residual_max", ""] = float(np.abs(y - slope * x - start).max())
    return truth


def _uniform(known: PhantomTruth, model: CtModel, slope: tuple[float, float], bowl: float) -> Truth:
    module = next(m for m in model.modules if m.uniform)
    middle = np.array(known.place((0.0, module.y_mm, 0.0)))
    hu = {}
    for name, (x, z) in RIM.items():
        place = np.array(known.place((x, module.y_mm, z))) - middle
        around = float(place[0] ** 2 + place[2] ** 2) + RIM_RADIUS_MM**2 / 2  # the mean of r^2 over a disc
        hu[name] = module.hu + slope[0] * float(place[0]) + slope[1] * float(place[2]) + bowl * around
    truth: Truth = {("cbct_uniform_hu", name): value for name, value in hu.items()}
    index = [100 * (value - hu["Centre"]) / (hu["Centre"] + 1000) for name, value in hu.items() if name != "Centre"]
    truth["cbct_uniformity_index", ""] = max(index, key=abs)
    high, low = max(hu.values()), min(hu.values())
    truth["cbct_non_uniformity", ""] = (high - low) / (high + low + 2000)
    return truth


def _noise(known: PhantomTruth, how: Imaging) -> Truth:
    assert known.nps is not None
    sd = float(np.sqrt(how.noise_hu**2 + 1 / 12))  # the values are rounded to whole HU
    f, power = _of_squares(known)
    top = int(np.argmax(power[: len(power) - 1]))
    bend = np.polyfit(f[top - 3 : top + 4], power[top - 3 : top + 4], 2)
    return {
        ("cbct_noise", ""): sd,
        ("cbct_nps_noise", ""): sd,
        ("cbct_nps_peak", ""): float(-bend[1] / 2 / bend[0]),
        ("cbct_nps_mean", ""): float((f * power * f).sum() / (power * f).sum()),  # rings of the plane
    }


def _of_squares(known: PhantomTruth) -> tuple[Array, Array]:
    """The ring mean of what squares of 40 mm show of the spectrum: its autocovariance times the share of pairs that one holds."""
    assert known.nps is not None
    pitch, count = np.array(known.grid.spacing_mm[1:]), 512
    v, u = (np.fft.fftfreq(count, p) for p in pitch)
    covariance = np.fft.ifft2(known.nps.at(u[None, :], v[:, None])).real
    lag = np.abs(np.fft.fftfreq(count, 1 / count))
    held = [np.maximum(1 - lag * p / SQUARE_MM, 0) for p in pitch]
    power = np.fft.fft2(covariance * held[0][:, None] * held[1][None, :]).real
    step = 1 / SQUARE_MM
    away = np.hypot(v[:, None], u[None, :])
    f = np.arange(0.6 * step, 0.5 / max(pitch), step / 5)
    order = np.argsort(away, axis=None)
    at, values = away.ravel()[order], power.ravel()[order]
    edges = np.searchsorted(at, np.stack([f - step / 4, f + step / 4]))
    total = np.concatenate([[0.0], np.cumsum(values)])
    return f, np.asarray((total[edges[1]] - total[edges[0]]) / (edges[1] - edges[0]))


def _contrast(known: PhantomTruth, model: CtModel, how: Imaging) -> Truth:
    """d' of a disc: [Int |W|^2 M^2]^2/Int |W|^2 M^2 NPS over the plane, W = C R J1(2 pi R f)/f."""
    from scipy.special import j1

    assert known.nps is not None
    truth: Truth = {}
    sd = float(np.sqrt(how.noise_hu**2 + 1 / 12))
    f = (np.arange(3000) + 0.5) / 3000 * 0.5 / max(known.grid.spacing_mm[1:])
    mtf, power = known.mtf(f), known.nps.radial(f)
    ring = 2 * np.pi * (f[1] - f[0]) * f
    for module in model.modules:
        for disc in module.discs:
            if disc.diameter_mm < SMALLEST_MM:
                continue
            contrast, radius = 10 * disc.contrast_percent, disc.diameter_mm / 2
            task = (contrast * radius * j1(2 * np.pi * radius * f) / f * mtf) ** 2 * ring
            truth["cbct_contrast", disc.name] = contrast
            truth["cbct_cnr", disc.name] = contrast / sd
            truth["cbct_cnr_area", disc.name] = contrast / sd * float(np.sqrt(np.pi)) * radius
            truth["cbct_detectability", disc.name] = float(task.sum() / np.sqrt((task * power).sum()))
    return truth


def _bars(known: PhantomTruth, model: CtModel) -> Truth:
    """Each group has its own direction, and its pixel the width along it; log MTF against f^2 is joined by straight lines."""
    module = next(m for m in model.modules if m.bars)
    rows, columns = known.grid.spacing_mm[1:]
    square, logs = [0.0], [0.0]
    for bars in module.bars:
        f, turn = bars.lp_per_mm, np.radians(bars.turn_deg)
        if f > 0.5 / max(rows, columns):
            break
        pixel = np.sinc(f * rows * np.sin(turn)) * np.sinc(f * columns * np.cos(turn))
        square.append(f**2)
        logs.append(-2 * (np.pi * f * known.blur_mm[0]) ** 2 + float(np.log(pixel)))
    wanted = {level: np.log(level / 100) for level in (50, 30, 10)}
    return {
        (f"cbct_mtf{level}_bars", ""): float(np.sqrt(np.interp(-log, -np.array(logs), square)))
        for level, log in wanted.items()
        if log >= min(logs)
    }


def _pose(known: PhantomTruth) -> Truth:
    matrix = known.placement.matrix
    across = matrix[np.ix_([0, 2], [0, 2])]
    side = float(np.sign(np.linalg.det(across)))
    left, _, right = np.linalg.svd(across @ np.diag([side, 1.0]))
    turn = left @ right
    distorted, sizes, _ = np.linalg.svd(known.placement.distortion[np.ix_([0, 2], [0, 2])])
    stretch = distorted @ np.diag(sizes) @ distorted.T
    axis = matrix[:, 1] * float(np.sign(matrix[1, 1]))
    x, y, z = known.origin_mm
    shears = {
        "xy": matrix[0, 1] / matrix[1, 1] + matrix[1, 0] / matrix[0, 0],
        "xz": 2 * stretch[0, 1],
        "yz": matrix[2, 1] / matrix[1, 1] + matrix[1, 2] / matrix[2, 2],
    }
    scales = {"x": stretch[0, 0], "y": known.placement.scale[1], "z": stretch[1, 1]}
    return {
        ("cbct_roll", ""): -float(np.degrees(np.arctan2(turn[1, 0], turn[0, 0]))),
        ("cbct_pitch", ""): float(np.degrees(np.arctan2(axis[2], axis[1]))),
        ("cbct_yaw", ""): float(np.degrees(np.arctan2(-axis[0], axis[1]))),
        ("cbct_offset_x", ""): x,
        ("cbct_offset_y", ""): y,
        ("cbct_offset_z", ""): z,
        **{(f"cbct_scale_{axis}", ""): 100 * (float(value) - 1) for axis, value in scales.items()},
        **{(f"cbct_shear_{pair}", ""): float(np.degrees(value)) for pair, value in shears.items()},
    }


def _distances(known: PhantomTruth, module: Module) -> Truth:
    """Across the axis, of the rods as they were drawn; the largest error is that of rods where they are stated to be."""
    if not module.rods:
        return {}
    rods = known.rods
    axis = known.placement.matrix[:, 1] / np.linalg.norm(known.placement.matrix[:, 1])

    def apart(one: Point, other: Point) -> float:
        step = np.subtract(one, other)
        return float(np.linalg.norm(step - (step @ axis) * axis))

    truth: Truth = {}
    errors = []
    stated = {rod.name: (rod.x_mm, 0.0, rod.z_mm) for rod in module.rods}
    for name, (a, b) in SIDES.items():
        truth["cbct_rod_distance", name] = apart(rods[a], rods[b])
        errors.append(abs(apart(known.place(stated[a]), known.place(stated[b])) - float(np.linalg.norm(np.subtract(stated[a], stated[b])))))
    truth["cbct_rod_distance_error", ""] = max(errors)
    return truth
