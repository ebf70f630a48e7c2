"""What goes wrong in a panel, one function each: a draft in, the draft with that defect out."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from bench.adversarial_draft import Draft, Random
from bench.scenes import around
from phantoms.noise import bright_spot, dead_line, dead_pixels

Array = NDArray[np.float64]


def _line(draft: Draft, rng: Random, place_mm: tuple[float, float]) -> Draft:
    """One to three neighbouring rows or columns dead, hot or weak, through a place."""
    view = draft.view
    row, column = (round(x) for x in view.map.to_pixel(place_mm))
    wide = int(rng.choice([1, 1, 1, 2, 3]))
    how = rng.random()
    value, gain = (0.0 if how < 0.5 else 1.2), (float(rng.choice([0.3, 0.8, 0.9, 0.95, 1.05, 1.2])) if how > 0.7 else None)
    across = rng.random() < 0.5

    def spoil(image: Array) -> Array:
        for k in range(wide):
            at = (row if across else column) + k
            if not 0 <= at < image.shape[0 if across else 1]:
                continue
            if gain is None:
                image = dead_line(image, row=at, value=value) if across else dead_line(image, column=at, value=value)
            else:
                image = image.copy()
                part = image[at, :] if across else image[:, at]
                part *= gain
        return image

    return draft.spoilt(spoil)


def line_in_ball(draft: Draft, rng: Random) -> Draft:
    """A defective line through the ball's shadow or within 1 mm of it."""
    ball = draft.view.balls[0]
    return _line(draft, rng, around((ball.u_mm, ball.v_mm), ball.diameter_mm / 2 + 1.0, rng))


def line_in_field(draft: Draft, rng: Random) -> Draft:
    """A defective line anywhere through the field or along its edge."""
    (u, v), (a, b) = draft.view.aperture_uv_mm, draft.view.aperture.extent_mm
    return _line(draft, rng, (u + float(rng.uniform(-a, a)), v + float(rng.uniform(-b, b))))


def line_beside(draft: Draft, rng: Random) -> Draft:
    """A defective line outside the field."""
    (u, v), far = draft.view.aperture_uv_mm, float(np.hypot(*draft.view.aperture.extent_mm)) + float(rng.uniform(3, 10))
    angle = rng.choice([0.25, 0.75, 1.25, 1.75]) * np.pi
    return _line(draft, rng, (u + 1.42 * far * np.cos(angle), v + 1.42 * far * np.sin(angle)))


def pixels(draft: Draft, rng: Random) -> Draft:
    """One pixel in 3000 to 300 dead, or hot, or either."""
    count = max(1, int(draft.view.panel.rows * draft.view.panel.columns / np.exp(rng.uniform(np.log(300), np.log(3000)))))
    values = ((0.0,), (1.2,), (0.0, 1.2))[rng.integers(3)]
    return draft.spoilt(*(partial(_dead, rng, count // len(values), value) for value in values))


def _dead(rng: Random, count: int, value: float, image: Array) -> Array:
    return dead_pixels(rng, image, max(count, 1), value)


def cluster(draft: Draft, rng: Random) -> Draft:
    """A round patch of 1 to 6 pixels radius, dead or hot, anywhere in the field."""
    (u, v), (a, b) = draft.view.aperture_uv_mm, draft.view.aperture.extent_mm
    row, column = draft.view.map.to_pixel((u + float(rng.uniform(-a, a)), v + float(rng.uniform(-b, b))))
    radius, value = float(rng.uniform(1, 6)), float(rng.choice([0.0, 0.5, 0.8, 1.2]))
    return draft.spoilt(partial(bright_spot, row_px=row, column_px=column, radius_px=radius, value=value))


def spot_outside(draft: Draft, rng: Random) -> Draft:
    """A bright spot of 0.5 to 5 mm radius outside the field, up to three times as bright as the open beam."""
    view, angle = draft.view, rng.uniform(0, 2 * np.pi)
    radius, far = rng.uniform(0.5, 5), float(np.hypot(*view.aperture.extent_mm)) + rng.uniform(3, 12)
    (u, v), pitch = view.aperture_uv_mm, view.panel.pitch_mm[0] * view.sad_mm / view.sid_mm
    row, column = view.map.to_pixel((u + far * np.cos(angle), v + far * np.sin(angle)))
    spot = partial(bright_spot, row_px=row, column_px=column, radius_px=radius / pitch, value=float(rng.uniform(0.3, 1.25)))
    return draft.spoilt(spot)


def clipped_bright(draft: Draft, rng: Random) -> Draft:
    """The open beam, or the brighter part of it, beyond what the panel can read."""
    return draft.spoilt(partial(np.minimum, float(rng.uniform(0.55, 1.01))))


def clipped_dark(draft: Draft, rng: Random) -> Draft:
    """An offset taken off that is too large: nothing below a level of 1 to 90 % of the open beam is seen."""
    return draft.spoilt(partial(np.maximum, float(np.exp(rng.uniform(np.log(0.01), np.log(0.9))))))
