"""The presampled MTF from a straight edge (the form of IEC 62220-1) or a round one, by two algorithms that must agree.

Algorithm "spectrum" needs no model of the blur; algorithm "shape" is a sum of Gaussian blurs. Both hold the pixel's aperture, as the
presampled MTF of a system does. See docs/physics/image_quality.md.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from qa.features.edge_samples import Edge, circle_samples, line_samples
from qa.features.edge_spread import Spread, settled, spectrum
from qa.features.mtf import LEVELS, Mtf, first_crossing, frozen, name, near_crossing, not_reached
from qa.features.number import Number, jackknife_u, number
from qa.features.position import Array
from qa.reading import AnalysisError

POINTS = 257  # of the curve, up to twice the Nyquist frequency of the finer pitch
AGREE = 0.02  # of the frequency: nearer than this the two algorithms never count as in conflict; a box-shaped blur differs by 1 %
APART, PLAIN = 0.15, 4.0  # of the frequency; times u: beyond both the two algorithms contradict each other
LARGEST_U = 0.2  # of the frequency: noisier than this there is no answer
BENT = 0.1  # of the frequency: a fifth of the blur is then the edge's own bend
NUMERIC = 5e-4  # of the frequency: what an edge without noise is known to
WIDEST_GAP = 1.0  # narrower blurs between samples: a Gaussian sampled that far apart has 0.7 % of its MTF beyond the Nyquist frequency


def mtf_of_line(patch: Array, pitch_mm: tuple[float, float], slopes: bool = True) -> tuple[Mtf, Spread]:
    """The MTF across the one straight edge in a patch, and the edge spread it is from.

    ``pitch_mm`` (row, column). ``slopes``: the plateaus may slope (shading, heel), which removes the low-frequency drop of glare that is
    wider than the patch; with False the plateaus are level and such glare counts as far as the patch reaches. AnalysisError for an edge
    that is too short, too noisy, clipped, bent, or along the pixels, and where the two algorithms contradict each other.
    """
    return _joined(lambda place: line_samples(patch, pitch_mm, place), slopes, 0.0)


def mtf_of_circle(
    image: Array,
    pitch_mm: tuple[float, float],
    centre_mm: tuple[float, float],
    radius_mm: float,
    reach_mm: float,
    skip_deg: tuple[tuple[float, float], ...] = (),
    slopes: bool = True,
) -> tuple[Mtf, Spread]:
    """The mean MTF over all directions from the rim of a disc or cylinder near (x, y) in mm from the centre of pixel (0, 0).

    ``reach_mm`` is how far inside and outside of the rim nothing else lies; ``skip_deg`` (from, to) are directions to leave out, counted
    from x towards y. The rim's curvature, which widens a blur s by s^4/(2 R^2) in the square, is divided out. Fails like ``mtf_of_line``.
    """
    start = (centre_mm[0], centre_mm[1], radius_mm)
    curve = _joined(
        lambda place: circle_samples(image, pitch_mm, place or start, min(reach_mm, 0.8 * radius_mm), skip_deg), slopes, radius_mm
    )
    found = curve[1].edge.place
    moved = np.hypot(found[0] - start[0], found[1] - start[1]), abs(found[2] - start[2])
    if max(moved) > reach_mm:
        raise AnalysisError("the round edge is not where it was expected; check the phantom's position")
    return curve


def mtf_of_samples(edge: Edge, slopes: bool = True) -> tuple[Mtf, Spread]:
    """The MTF from samples whose distances to the edge are known already. Fails like ``mtf_of_line``."""
    return _joined(lambda _: edge, slopes, 0.0)


def _joined(samples: Callable[[tuple[float, ...] | None], Edge], slopes: bool, radius_mm: float) -> tuple[Mtf, Spread]:
    """Both algorithms' curves joined, or refused."""
    edge, model = settled(samples, slopes)
    frequency = np.linspace(0, 1 / min(edge.pitch_mm), POINTS)
    spread = spectrum(edge, model, frequency)
    _refuse_gaps(spread)
    blur = model.width_mm
    unbent = np.exp(np.pi**2 * frequency**2 * blur**4 / radius_mm**2) if radius_mm else np.ones(POINTS)
    mtf, replicates, shape = (np.asarray(curve * np.minimum(unbent, 2.0)) for curve in (spread.mtf, spread.replicates, spread.model_mtf))
    at: dict[str, Number | AnalysisError] = {}
    second: dict[str, float] = {}
    for level in LEVELS:
        by_shape = first_crossing(frequency, shape, level)
        if by_shape is not None:
            second[name(level)] = by_shape
        at[name(level)] = _level(frequency, mtf, replicates, level, by_shape, spread)
    half = at[name(LEVELS[0])]
    if isinstance(half, AnalysisError):
        raise half
    u = jackknife_u(replicates)
    flags = () if slopes else ("low-frequency drop kept",)
    frequency, mtf, u = frozen(frequency, mtf, u)
    what = "straight edge" if edge.shape == "line" else "round edge"
    return Mtf(frequency, mtf, u, at, what, second, flags=flags), spread


def _refuse_gaps(spread: Spread) -> None:
    """AnalysisError when the edge lies so along the pixels that no samples fall where it rises: gaps wider than its narrower blur."""
    blur = spread.model.blurs_mm[0]
    near = spread.distance_mm[np.abs(spread.distance_mm - spread.model.place_mm) < 2.5 * blur]
    if len(near) < 5 or float(np.diff(near).max()) > WIDEST_GAP * blur:
        raise AnalysisError("the edge runs along the pixels, which hides how it falls between them; turn the phantom by 2 to 10 degrees")


def _relative_near(frequency: Array, mtf: Array, replicates: Array, level: float) -> float:
    """The relative u (root mean square) of the frequencies at levels a little above and below: few stretches know one level's own badly."""
    squares = []
    for near in (0.8 * level, 1.2 * level):
        middle = first_crossing(frequency, mtf, near)
        each = [None if middle is None else near_crossing(frequency, line, near, middle) for line in replicates]
        known = np.array([f for f in each if f is not None])
        if middle is not None and len(known) == len(each):
            squares.append((float(jackknife_u(known)) / middle) ** 2)
    return float(np.sqrt(np.mean(squares))) if squares else 0.0


def _level(frequency: Array, mtf: Array, replicates: Array, level: float, by_shape: float | None, spread: Spread) -> Number | AnalysisError:
    """The frequency at a level with its budget, or why there is none."""
    found = first_crossing(frequency, mtf, level) if by_shape is None else near_crossing(frequency, mtf, level, by_shape)
    if found is None:
        return not_reached(level, frequency)
    each = [near_crossing(frequency, line, level, found) for line in replicates]
    known = np.array([f for f in each if f is not None])
    if len(known) < len(each):
        return AnalysisError(f"noise hides where the MTF falls to {name(level)} %; repeat the image with more exposure or a longer edge")
    noise = max(float(jackknife_u(known)), found * _relative_near(frequency, mtf, replicates, level))
    square = 2 * spread.model.width_mm**2
    budget = {
        "noise": noise,
        "course of the edge": found * spread.place_u_mm**2 / square,
        "bend of the edge": found * spread.wobble_mm**2 / square,
    }
    if budget["bend of the edge"] > BENT * found:
        return AnalysisError("the edge is bent or not round, or something else lies beside it; take another edge")
    if by_shape is not None:
        apart = abs(by_shape - found)
        if apart > APART * found and apart > PLAIN * noise:
            said = f"{found:.3g} and {by_shape:.3g} per mm"
            return AnalysisError(f"two ways of reading the edge put the MTF's {name(level)} % at {said}; take another edge or less noise")
        budget["shape of the blur"] = max(apart - 2 * noise - AGREE * found, 0.0) / 2
    result = number(found, budget, least_u=NUMERIC * found)
    if result.u > LARGEST_U * found:
        return AnalysisError(
            f"the edge is too noisy to say where the MTF falls to {name(level)} %; repeat with more exposure or a longer edge"
        )
    return result
