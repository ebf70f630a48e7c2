"""What measured targets say, as readings; the sections are those of docs/physics/winston_lutz_multi.md."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from qa.multi_fit import Parts
from qa.multi_match import Target
from qa.multi_sets import Found
from qa.reading import At, Measured, NotMeasured, Quantity, Reading
from qa.rotation import RESAMPLES, SEED, length
from qa.shots import Shot

Array = NDArray[np.float64]
Quantities = Mapping[str, Quantity]
Budget = Callable[[float], dict[str, float]]
IMAGE = ("target_offset_u", "target_offset_v")
TARGET = ("target_distance", "target_distance_3d")
PARTS = (
    "target_shift_x", "target_shift_y", "target_shift_z", "target_pitch", "target_roll", "target_yaw",
    "target_field_scale", "target_collimator_angle",
)  # fmt: skip
SET = ("max_target_offset", "median_target_offset", *PARTS, "target_residual")
SILENT = "a file does not say where the receptor stood; its centre is taken as the origin of the target positions"


def all_of(quantities: Quantities, found: Found) -> list[Reading]:
    """Every quantity of the set, as a number or with the reason why there is none."""
    readings = list(_per_image(quantities, found))
    if not found.seen:
        why = "; ".join(dict.fromkeys([*(u.reason for u in found.unseen), *(lost.reason for lost, _ in found.lost)])) or "no images"
        absent = (*TARGET, *SET) if readings else (*IMAGE, *TARGET, *SET)
        return [*readings, *(NotMeasured(quantities[key], f"no target could be measured: {why}") for key in absent)]
    readings += _per_target(quantities, found)
    return [*readings, *_whole(quantities, found), *_common(quantities, found)]


def _per_image(quantities: Quantities, found: Found) -> Iterator[Reading]:
    """Section 3: ball minus field along u and v, per image and target."""
    for shot, name in zip(found.seen, found.names, strict=True):
        for k, key in enumerate(IMAGE):
            budget = {part: float(size[k]) for part, size in shot.components.items()}
            at = {**shot.image.at, "target": name}
            yield Measured(quantities[key], float(shot.offset_mm[k]), float(shot.offset_u_mm[k]), at, budget, shot.flags)
    for lost, name in found.lost:
        for key in IMAGE:
            yield NotMeasured(quantities[key], f"{lost.image.name}, {name}: {lost.reason}", {**lost.image.at, "target": name})
    for unseen in found.unseen:
        for key in IMAGE:
            yield NotMeasured(quantities[key], f"{unseen.image.name}: {unseen.reason}", unseen.image.at)


def _per_target(quantities: Quantities, found: Found) -> Iterator[Reading]:
    """Section 5: the largest distance of each target, and the length of its displacement in space."""
    largest, in_space = (quantities[key] for key in TARGET)
    for target in found.targets:
        shots = [found.seen[k] for k in target.sightings]
        at, missing, budget = {"target": target.name}, _gone_of(found, target), _shares(shots)
        lengths = [_distance(shot) for shot in shots]
        worst = int(np.argmax([value for value, _ in lengths]))
        yield Measured(largest, *lengths[worst], {**_angles(shots[worst]), **at}, budget(lengths[worst][1]), missing=missing)
        displaced = found.displacement(target)
        if displaced is None:
            yield NotMeasured(in_space, "the target was seen along nearly one line; expose it from a gantry angle across", at)
        else:
            value, u = length(*displaced)
            yield Measured(in_space, value, u, at, budget(u), missing=missing)
    if not found.targets:
        yield from (NotMeasured(quantity, found.unplaced) for quantity in (largest, in_space))


def _gone_of(found: Found, target: Target) -> str:
    """What may belong to one target and could not be measured, or not be given to a target, in words."""
    lost = [f"{lost.image.name}: {lost.reason}" for lost, name in found.lost if name == target.name or name.startswith("field at")]
    unplaced = [found.unplaced] if found.unplaced else []
    return "; ".join([*(f"{unseen.image.name}: {unseen.reason}" for unseen in found.unseen), *lost, *unplaced])


def _whole(quantities: Quantities, found: Found) -> Iterator[Reading]:
    """Section 5: the largest and the median distance over all targets and images."""
    budget, lengths = _shares(found.seen), [_distance(shot) for shot in found.seen]
    worst = int(np.argmax([value for value, _ in lengths]))
    value, u = lengths[worst]
    at: At = {**_angles(found.seen[worst]), "target": found.names[worst]}
    yield Measured(quantities["max_target_offset"], value, u, at, budget(u), missing=found.gone)
    values, us = (np.array(column) for column in zip(*lengths, strict=True))
    shaken = values + us * np.random.default_rng(SEED).standard_normal((RESAMPLES, len(values)))
    u = float(np.std(np.median(shaken, axis=1)))
    yield Measured(quantities["median_target_offset"], float(np.median(values)), u, {}, budget(u), missing=found.gone)


def _common(quantities: Quantities, found: Found) -> Iterator[Reading]:
    """Section 6: what all targets have in common, and what that leaves."""
    parts, missing = found.parts, "; ".join(words for words in (found.gone, found.unplaced) if words)
    residual = quantities["target_residual"]
    if isinstance(parts, str):
        reason = f"{parts}; {found.unplaced}" if found.unplaced else parts
        yield from (NotMeasured(quantities[key], reason) for key in (*PARTS, "target_residual"))
        return
    flags = () if all(shot.image.receptor_mm for shot in found.seen) else (SILENT,)
    budget = _shares(found.seen)
    for k, key in enumerate(PARTS):
        yield _part(quantities[key], parts, k, budget, flags, missing)
    if parts.residual_u_mm > 0:
        u, origin = parts.residual_u_mm, parts.residual_origin_mm
        yield Measured(residual, parts.residual_mm, u, {}, _with_origin(budget, u, origin), flags, missing=missing)
    else:
        yield NotMeasured(residual, "there are no more offsets than components to explain them; expose more gantry angles")


def _part(quantity: Quantity, parts: Parts, k: int, budget: Budget, flags: tuple[str, ...], missing: str) -> Reading:
    if k in parts.open:
        return NotMeasured(quantity, parts.open[k])
    u, origin = float(np.sqrt(parts.covariance[k, k])), float(parts.origin_u[k])
    return Measured(quantity, float(parts.values[k]), u, {}, _with_origin(budget, u, origin), flags, missing=missing)


def _with_origin(budget: Budget, u: float, origin: float) -> dict[str, float]:
    """The images' components share out what is left of u without the isocentre's part."""
    return budget(float(np.sqrt(max(u**2 - origin**2, 0.0)))) | {"isocentre in the image": origin}


def _distance(shot: Shot) -> tuple[float, float]:
    """Length of ball minus field without the noise's share, and its standard uncertainty."""
    return length(shot.offset_mm, np.diag(shot.offset_u_mm**2))


def _angles(shot: Shot) -> dict[str, float | str]:
    return {key: value for key, value in shot.image.at.items() if key.endswith("_deg")}


def _shares(seen: Sequence[Shot]) -> Budget:
    """A function that splits the uncertainty of a result of many images into the images' components, by their mean squares."""
    names = dict.fromkeys(name for shot in seen for name in shot.components)
    squares = {name: float(np.mean([np.mean(shot.components[name] ** 2) for shot in seen if name in shot.components])) for name in names}
    total = sum(squares.values())
    return lambda u: {name: u * float(np.sqrt(square / total)) for name, square in squares.items()}
