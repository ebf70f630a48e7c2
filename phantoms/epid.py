"""Images of a flat panel with exact sub-pixel truth: open beam = 1, every pixel the average over its own area."""

from itertools import product
from math import ceil, floor

import numpy as np
from numpy.typing import NDArray

from phantoms.clutter import Silhouette, Spindle
from phantoms.cuboid import BoxShadow
from phantoms.penumbra import REACH
from phantoms.rays import combine, turn
from phantoms.sampling import STEP, pixel_averages, spread
from phantoms.shadow import Block, Box, Shadow, Stem
from phantoms.view import Absorber, Truth, View, truth

__all__ = ["Block", "Shadow", "Stem", "Truth", "View", "draw", "truth"]
Array = NDArray[np.float64]
Window = tuple[range, range]
TILE = 64  # pixels


def draw(view: View, oversample: int | None = None) -> Array:
    """Image (rows, columns), float64, noise-free.

    `oversample` is the number of samples per pixel and axis; by default as many as keep the error of the pixel average
    below 1e-6 of the open beam. Out of reach of the widest Gaussian the image is the constant `transmission`. Glare
    comes from what falls on this panel only.
    """
    field = _field_box(view)
    image = np.zeros(view.panel.shape)
    _render(image, view, (), field, oversample)
    shadows: tuple[Absorber, ...] = view.balls + view.stems + view.blocks
    if any(isinstance(shadow, Spindle | Silhouette | BoxShadow) for shadow in shadows):
        _render_tiles(image, view, shadows, field, oversample)
    else:
        for shadow in shadows:
            _render(image, view, shadows, _overlap(shadow.box(), field), oversample)
    if view.glare_fraction:
        _add_glare(image, view, field)
    image += view.transmission
    if view.veil:
        image *= 1 - view.veil
        image += view.veil
    return image


def _render_tiles(image: Array, view: View, shadows: tuple[Absorber, ...], field: Box, oversample: int | None) -> None:
    """Things that reach across the panel, tile by tile with what touches each: ten times as fast as window by window."""
    windows = [_window(view, _overlap(_grown(shadow.box(), 3 * shadow.blur_mm), field)) for shadow in shadows]
    for row, column in product(range(0, view.panel.rows, TILE), range(0, view.panel.columns, TILE)):
        rows, columns = range(row, min(row + TILE, view.panel.rows)), range(column, min(column + TILE, view.panel.columns))
        near = tuple(
            shadow
            for shadow, (down, across) in zip(shadows, windows, strict=True)
            if rows.start < down.stop and down.start < rows.stop and columns.start < across.stop and across.start < columns.stop
        )
        if near:
            _render_window(image, view, near, (rows, columns), oversample)


def _render(image: Array, view: View, shadows: tuple[Absorber, ...], box: Box, oversample: int | None) -> None:
    """Overwrite the pixels of the box with the signal above the flat transmission."""
    rows, columns = _window(view, box)
    if rows and columns:
        _render_window(image, view, shadows, (rows, columns), oversample)


def _render_window(image: Array, view: View, shadows: tuple[Absorber, ...], window: Window, oversample: int | None) -> None:
    rows, columns = window
    to_plane, source, sad = view.map.to_plane, view.source_mm, view.sad_mm

    def signal(row: Array, column: Array) -> Array:
        u, v = to_plane(row, column)
        opening, passing = _beam(view, u, v)
        for shadow in shadows:
            passing = passing * shadow.passes(u, v, source, sad)
        return opening * (passing - view.transmission)

    finest = min([view.penumbra.finest_mm, *(shadow.blur_mm for shadow in shadows)])
    pitch = float(np.linalg.norm(view.map.matrix, axis=0).max())
    count = oversample or max(1, ceil(pitch / (STEP * finest)))
    image[rows.start : rows.stop, columns.start : columns.stop] = pixel_averages(signal, rows, columns, count)


def _beam(view: View, u: Array, v: Array) -> tuple[Array, Array]:
    """Open fraction, and the signal of a fully open beam, before anything stands in it."""
    du, dv = u - view.field_uv_mm[0], v - view.field_uv_mm[1]
    c, s = (float(value) for value in turn(view.collimator_deg)[:, 0])
    opening = view.aperture.opening(combine(c, du, s, dv), combine(-s, du, c, dv), view.penumbra)
    profile = np.ones((1, 1))
    if view.tilt_per_mm != (0.0, 0.0) or view.curvature_per_mm2:
        profile = 1 + (view.tilt_per_mm[0] + view.curvature_per_mm2 * du) * du
        profile = profile + (view.tilt_per_mm[1] + view.curvature_per_mm2 * dv) * dv
    return opening, profile


def _add_glare(image: Array, view: View, field: Box) -> None:
    reach = REACH * view.glare_sigma_mm * view.sad_mm / view.sid_mm
    window, (rows, columns) = _window(view, field), _window(view, _grown(field, reach))
    if not window[0] or not window[1]:
        return
    inside = image[window[0].start : window[0].stop, window[1].start : window[1].stop]
    sigma_px = view.glare_sigma_mm / view.panel.pitch_mm[0], view.glare_sigma_mm / view.panel.pitch_mm[1]
    glare = view.glare_fraction * spread(inside, window, (rows, columns), sigma_px)
    inside *= 1 - view.glare_fraction
    image[rows.start : rows.stop, columns.start : columns.stop] += glare


def _field_box(view: View) -> Box:
    """Everything that the open field reaches."""
    half = np.abs(turn(view.collimator_deg)) @ view.aperture.extent_mm
    (u, v), (du, dv) = view.aperture_uv_mm, half
    return _grown((u - du, u + du, v - dv, v + dv), view.penumbra.reach_mm)


def _grown(box: Box, by: float) -> Box:
    return box[0] - by, box[1] + by, box[2] - by, box[3] + by


def _overlap(a: Box, b: Box) -> Box:
    return max(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), min(a[3], b[3])


def _window(view: View, box: Box) -> Window:
    """The pixels of the panel that a box of the isocentre plane touches (both empty when there are none)."""
    if box[0] >= box[1] or box[2] >= box[3]:
        return range(0), range(0)
    corners = np.array([view.map.to_pixel(corner) for corner in product(box[:2], box[2:])])
    low, high = corners.min(axis=0), corners.max(axis=0)
    rows, columns = (range(max(0, floor(low[axis])), min(size, ceil(high[axis]) + 1)) for axis, size in enumerate(view.panel.shape))
    return rows, columns
