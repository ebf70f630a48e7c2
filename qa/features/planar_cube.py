"""The centre of a cube phantom in an open kV image, from the four edges of its silhouette, by two algorithms that must agree.

In the log of the signal a side of the cube is a ramp: rays enter the cube through the side, so its outer foot belongs to the face
near the source and its inner one to the far face. **Half the ramp is the ray that leaves the side half way, at the depth of the cube's
centre**, so it is not displaced by perspective. "crossing" (the value) fits a line through the half-height points of each side;
"mirror" compares the mean ramps of opposite sides.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from qa.features.open_ball import open_ball
from qa.features.open_candidates import normalised
from qa.features.position import Array, Estimate, Position, clustered_u, middle
from qa.features.turns import DihedralTurn
from qa.reading import AnalysisError

GRID_MM = 1.5  # of the search for the silhouette
FAINTEST = 0.15  # log depth of 8 mm of acrylic at 100 kV: less is no cube phantom
DARKEST = 0.004  # of the open signal: below, the log is noise
FILLED = 0.93  # area of the silhouette over its smallest enclosing rectangle
SMALLEST_MM, LARGEST_MM = 30.0, 300.0
PROFILES, CENTRAL = 60, 0.6  # per side, on this share of it about its middle
RAMP = 1.15e-3  # half a ramp's width over the square of the cube's half width, 1/mm: 1/SAD, with a little to spare for its pose
BEYOND_MM, LEVEL_MM = 2.5, 1.5  # beyond the ramp there is room for the blur; levels are means over this
LEVEL = 0.015  # of the ramp's height: where a level changes by more over its own width, it is no level, but a blade or a wall
CAVITY = 0.55  # of the half width of the cube: a cavity is looked for this far from its centre
NEIGHBOURS = 6  # profiles whose noise is taken as common
AGREE_MM = 0.15  # nearer than this the algorithms never count as in conflict: a ramp of 13 mm is not straight to better than 1 %
CAVITY_PIXEL_MM = 0.75  # little radiation passes a cube: pixels are averaged to this, a tenth of a cavity
SHADING_U_MM = 0.05  # drawn cavities behind 160 mm of acrylic at 100 kV were up to 0.18 mm off, where noise and this say 0.07
POSE_U_MM = 0.05  # a cube turned by 1 degree out of the image, and faces that are flat and square to 0.1 mm
TURNED_MM = 0.02  # an answer may move by this or its own uncertainty when the picture is turned


@dataclass(frozen=True)
class _Frame:
    """A rectangle: centre (x, y), half widths along its own axes, mm; angle of the first axis from +x, radians."""

    centre: Array
    half: Array
    angle: float

    @property
    def axes(self) -> Array:
        """Unit vectors (x, y) of both axes, as rows."""
        return np.array([[np.cos(self.angle), np.sin(self.angle)], [-np.sin(self.angle), np.cos(self.angle)]])


def planar_cube(pixels: NDArray[np.float32], pitch_mm: tuple[float, float]) -> Position:
    """The centre of the one cube of an image, mm in the pixel frame; ``size_mm`` is (width, height, angle in degrees).

    ``pixels`` (rows, columns), larger = more radiation; ``pitch_mm`` (row, column) on the isocentre plane. The cube must cover
    the middle of the image and show all four sides. AnalysisError when it does not, when a side is covered, when the two algorithms
    differ, or when the answer moves as the picture is turned. A cavity at its centre is found by `cube_cavity`.
    """
    log = -np.log(np.maximum(normalised(pixels), DARKEST))
    found = _measure(log, pitch_mm)
    turn = DihedralTurn(7)
    again = _measure(turn.picture(log), turn.pitch(pitch_mm))
    x, y = turn.back(again.x_mm, again.y_mm, (log.shape[0], log.shape[1]), pitch_mm)
    moved = float(np.hypot(x - found.x_mm, y - found.y_mm))
    if moved > max(TURNED_MM, float(np.hypot(*found.u_mm))):
        raise AnalysisError(f"the cube's centre moves by {moved:.3f} mm when the picture is turned; look at it and repeat the exposure")
    return found


def cube_cavity(pixels: NDArray[np.float32], pitch_mm: tuple[float, float], cube: Position, radius_mm: float | None = None) -> Position:
    """The air cavity in the middle of a cube that `planar_cube` found, as `open_ball` measures it, in the same pixel frame."""
    reach = CAVITY * min(cube.size_mm[:2]) / 2
    low = [max(0, int((at - reach) / p)) for at, p in zip((cube.y_mm, cube.x_mm), pitch_mm, strict=True)]
    high = [int((at + reach) / p) + 1 for at, p in zip((cube.y_mm, cube.x_mm), pitch_mm, strict=True)]
    crop = pixels[low[0] : high[0], low[1] : high[1]]
    every = max(1, round(CAVITY_PIXEL_MM / pitch_mm[0])), max(1, round(CAVITY_PIXEL_MM / pitch_mm[1]))
    rows, columns = crop.shape[0] // every[0], crop.shape[1] // every[1]
    thin = crop[: rows * every[0], : columns * every[1]].reshape(rows, every[0], columns, every[1]).mean(axis=(1, 3), dtype=np.float64)
    ball = open_ball(thin.astype(np.float32), (every[0] * pitch_mm[0], every[1] * pitch_mm[1]), radius_mm=radius_mm, sign=+1)
    x, y = ((low[k] + (every[k] - 1) / 2) * pitch_mm[k] for k in (1, 0))
    second = replace(ball.second, xy_mm=(ball.second.xy_mm[0] + x, ball.second.xy_mm[1] + y))
    u = float(np.hypot(ball.u_mm[0], SHADING_U_MM)), float(np.hypot(ball.u_mm[1], SHADING_U_MM))
    budget = {**ball.budget, "cavity: shading of the cube": (SHADING_U_MM, SHADING_U_MM)}
    return replace(ball, x_mm=ball.x_mm + x, y_mm=ball.y_mm + y, u_mm=u, budget=budget, second=second, shape="cavity")


def _measure(log: NDArray[np.float32], pitch_mm: tuple[float, float]) -> Position:
    frame = _silhouette(log, pitch_mm)
    for _ in range(3):
        ramps, s = _ramps(log, pitch_mm, frame)
        lines = [_line(*_half_height(ramp, s, frame, k)) for k, ramp in enumerate(ramps)]
        offset = np.array([lines[0][0][0] - lines[1][0][0], lines[2][0][0] - lines[3][0][0]]) / 2
        grown = np.array([lines[0][0][0] + lines[1][0][0], lines[2][0][0] + lines[3][0][0]]) / 2
        slopes = [lines[k][0][1] * sign for k, sign in zip(range(4), (-1, 1, 1, -1), strict=True)]
        start = frame
        frame = _Frame(frame.centre + offset @ frame.axes, frame.half + grown, frame.angle + float(np.mean(slopes)))
    u = np.array([np.hypot(lines[0][1], lines[1][1]), np.hypot(lines[2][1], lines[3][1])]) / 2
    mirror = np.array([_mirror(ramps[0], ramps[1], s), _mirror(ramps[2], ramps[3], s)])
    return _join(start, frame, offset, mirror, u)


def _join(start: _Frame, frame: _Frame, crossing: Array, mirror: Array, u: Array) -> Position:
    """Both answers, offsets along the axes of the frame they were measured in, as one position."""
    apart = np.abs(crossing - mirror)
    if (apart > np.maximum(4 * np.sqrt(2) * u, AGREE_MM)).any():
        raise AnalysisError(
            f"two ways to find the cube's centre differ by {apart.max():.2f} mm: something covers one of its sides; clear the view of all "
            "four sides and repeat the exposure"
        )
    method = np.maximum(apart - 2 * np.sqrt(2) * u, 0) / np.sqrt(3)
    turn = start.axes**2  # variances along the frame's axes as variances along x and y
    parts = {"cube: image noise and edge shape": np.sqrt(u**2 @ turn), "cube: edge definition": np.sqrt(method**2 @ turn)}
    parts["cube: pose and faces"] = np.full(2, POSE_U_MM)
    total = np.sqrt(np.sum([part**2 for part in parts.values()], axis=0))
    second = start.centre + mirror @ start.axes
    u_second = np.sqrt(2) * parts["cube: image noise and edge shape"]
    return Position(
        x_mm=float(frame.centre[0]),
        y_mm=float(frame.centre[1]),
        u_mm=(float(total[0]), float(total[1])),
        budget={name: (float(part[0]), float(part[1])) for name, part in parts.items()},
        second=Estimate("mirror", (float(second[0]), float(second[1])), (float(u_second[0]), float(u_second[1]))),
        size_mm=(2 * float(frame.half[0]), 2 * float(frame.half[1]), float(np.degrees(frame.angle))),
        shape="cube",
    )


def _silhouette(log: NDArray[np.float32], pitch_mm: tuple[float, float]) -> _Frame:
    """The smallest rectangle around the dark region in the middle of the image."""
    from scipy.ndimage import binary_erosion, binary_fill_holes, label

    every = max(1, round(GRID_MM / pitch_mm[0])), max(1, round(GRID_MM / pitch_mm[1]))
    grid = log[:: every[0], :: every[1]]
    row, column = grid.shape[0] // 2, grid.shape[1] // 2
    near = grid[row - grid.shape[0] // 10 : row + grid.shape[0] // 10 + 1, column - grid.shape[1] // 10 : column + grid.shape[1] // 10 + 1]
    plateau = float(np.median(near))
    if plateau < FAINTEST:
        raise AnalysisError("no cube found: the middle of the image is open field; check that the phantom is in the beam")
    labels, _ = label(grid > plateau / 2)
    mask = binary_fill_holes(labels == labels[row, column])
    if not labels[row, column] or mask[0].any() or mask[-1].any() or mask[:, 0].any() or mask[:, -1].any():
        raise AnalysisError("no cube found that shows all four sides: open the blades so that all of the phantom is in the field")
    step = every[0] * pitch_mm[0], every[1] * pitch_mm[1]
    rows, columns = np.nonzero(mask & ~binary_erosion(mask))
    points = np.stack([columns * step[1], rows * step[0]])
    angles = np.radians(np.arange(-45.0, 45.0, 0.5))
    first, second = (np.stack([f(a) * points[0] + g(a) * points[1] for a in angles]) for f, g in ((np.cos, np.sin), (_minus_sin, np.cos)))
    area = (np.ptp(first, axis=1) + step[1]) * (np.ptp(second, axis=1) + step[0])
    k = int(np.argmin(area))
    half = np.array([np.ptp(first[k]), np.ptp(second[k])]) / 2
    if 2 * half.min() < SMALLEST_MM or 2 * half.max() > LARGEST_MM or mask.sum() * step[0] * step[1] < FILLED * area[k]:
        raise AnalysisError("the dark shape in the middle of the image is not a cube; align the cube with the beam and clear the view")
    own = np.array([first[k].max() + first[k].min(), second[k].max() + second[k].min()]) / 2
    frame = _Frame(np.zeros(2), half, float(angles[k]))
    return _Frame(own @ frame.axes, half, float(angles[k]))


def _minus_sin(angle: float) -> float:
    return -float(np.sin(angle))


def _ramps(log: NDArray[np.float32], pitch_mm: tuple[float, float], frame: _Frame) -> tuple[list[Array], Array]:
    """Profiles outward across the sides +first, -first, +second, -second: heights from 1 inside to 0 outside; and their distances, mm."""
    from scipy.ndimage import map_coordinates

    reach = RAMP * float(frame.half.max()) ** 2 + BEYOND_MM + LEVEL_MM
    s = np.arange(-reach, reach + 1e-9, 0.5 * min(pitch_mm))
    ramps = []
    for k in range(4):
        normal, along = frame.axes[k // 2] * (1 if k % 2 == 0 else -1), frame.axes[1 - k // 2]
        t = np.linspace(-CENTRAL, CENTRAL, PROFILES) * frame.half[1 - k // 2]
        place = frame.centre + t[:, None, None] * along + (frame.half[k // 2] + s[None, :, None]) * normal
        rows, columns = place[..., 1] / pitch_mm[0], place[..., 0] / pitch_mm[1]
        if rows.min() < 0 or columns.min() < 0 or rows.max() > log.shape[0] - 1 or columns.max() > log.shape[1] - 1:
            raise AnalysisError("a side of the cube is at the image's edge; move the phantom or the panel")
        z = map_coordinates(log, [rows, columns], order=1).astype(np.float64)
        inside, outside = (np.median(z[:, part], axis=1) for part in (s < s[0] + LEVEL_MM, s > s[-1] - LEVEL_MM))
        if (inside - outside < 0.5 * FAINTEST).mean() > 0.2:
            raise AnalysisError("a side of the cube cannot be told from what is beside it; clear the view of all four sides")
        before = np.median(z[:, (s < s[-1] - LEVEL_MM) & (s > s[-1] - 2 * LEVEL_MM)], axis=1)
        if abs(float(np.median(outside - before))) > LEVEL * float(np.median(inside - outside)):
            raise AnalysisError("a side of the cube is too near the blades or other things; open the blades or move the phantom")
        ramps.append((z - outside[:, None]) / np.maximum(inside - outside, 0.1 * FAINTEST)[:, None])
    return ramps, np.asarray(s)


def _half_height(ramp: Array, s: Array, frame: _Frame, side: int) -> tuple[Array, Array]:
    """Place along the side (mm) and distance outward (mm) of each profile's half-height point; NaN where there is none."""
    t = np.linspace(-CENTRAL, CENTRAL, PROFILES) * frame.half[1 - side // 2]
    falls = (ramp[:, :-1] >= 0.5) & (ramp[:, 1:] < 0.5)
    where = np.where(falls, s[:-1] + (ramp[:, :-1] - 0.5) / np.where(falls, ramp[:, :-1] - ramp[:, 1:], 1.0) * (s[1] - s[0]), np.nan)
    count = falls.sum(axis=1)  # noise makes a shallow ramp cross several times: their mean
    return t, np.where(count > 0, np.nansum(where, axis=1) / np.maximum(count, 1), np.nan)


def _line(t: Array, s50: Array) -> tuple[Array, float]:
    """(Offset in the middle, slope) of a side without outliers, and the standard uncertainty of the offset."""
    use = np.isfinite(s50)
    design = np.stack([np.ones_like(t), t], axis=1)
    for _ in range(4):
        if use.sum() < PROFILES // 2:
            raise AnalysisError("a side of the cube is not straight, or something covers it; clear the view of all four sides")
        line = np.linalg.lstsq(design[use], s50[use], rcond=None)[0]
        left = s50 - design @ line
        use = np.isfinite(s50) & (np.abs(np.nan_to_num(left, nan=np.inf)) <= 4 * 1.4826 * middle(np.abs(left[use])) + 1e-9)
    influence = np.linalg.pinv(design[use]).T[:, :1] * left[use][:, None]
    return np.asarray(line), float(clustered_u(influence, (np.arange(PROFILES) // NEIGHBOURS)[use])[0])


def _mirror(plus: Array, minus: Array, s: Array) -> float:
    """Offset of the centre towards plus that makes the mean ramps of both sides each other's mirror image."""
    one, other = np.median(plus, axis=0), np.median(minus, axis=0)
    offset = 0.0
    for _ in range(3):
        a, b = np.interp(s + offset, s, one), np.interp(s - offset, s, other)
        slope = np.gradient((a + b) / 2, s)
        offset += float(-((a - b) @ slope) / (2 * slope @ slope))
    return offset
