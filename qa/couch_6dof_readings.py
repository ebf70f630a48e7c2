"""What a day of couch moves says, as readings: docs/physics/couch_6dof.md, sections 4 to 7."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from qa.ball_moves import AXES, SAME_DEG, SAME_MM, Move, Readout, Scanned
from qa.reading import At, Measured, NotMeasured, Quantity, Reading
from qa.rotation import length

Array = NDArray[np.float64]
MOVED_MM, MOVED_DEG = 5.0, 0.5  # an axis that moved less says too little of its readout over the range that patients are corrected by
READOUT = "couch readout"
FACTORS = (  # measured over commanded, and what it looks like
    (0.0, "the phantom did not move along {axis} although the readout changed: did it stay behind, or is the readout another one?"),
    (-1.0, "{axis} moved the other way than the readout says: is the readout on the vendor's own scale, not IEC 61217?"),
    (10.0, "{axis} moved ten times as far as the readout says: is the readout in cm?"),
    (0.1, "{axis} moved a tenth of what the readout says: is the readout in another unit?"),
)
LOOKS = 0.15  # relative, how near a factor is to what it looks like
Quantities = Mapping[str, Quantity]
Found = tuple[Scanned, Move | str]


def nothing(quantities: Sequence[Quantity], reason: str) -> tuple[Reading, ...]:
    """Every quantity with the same reason."""
    return tuple(NotMeasured(quantity, reason) for quantity in quantities)


def readings(quantities: Quantities, found: Sequence[Found]) -> list[Reading]:
    """Per move what was measured and what is left of it, then the largest error of every axis over all moves."""
    result: list[Reading] = []
    for scan, move in found:
        at = {"set": scan.name}
        if isinstance(move, str):
            keys = [key for key in quantities if not key.startswith("couch6d_max_")]
            result += [NotMeasured(quantities[key], move, at) for key in keys]
        else:
            result += [*_measured(quantities, move), *_errors(quantities, move), *_coupling(quantities, move)]
    return [*result, *(_largest(quantities[f"couch6d_max_error_{axis}"], k, found) for k, axis in enumerate(AXES))]


def _unit(k: int) -> str:
    return "move" if k < 3 else "turn"


def _measured(quantities: Quantities, move: Move) -> list[Reading]:
    """Shift at the isocentre, and pitch, roll, yaw."""
    at = {"set": move.scan.name}
    return [
        _number(quantities[f"couch6d_{_unit(k)}_{axis}"], float(move.values[k]), move.parts, k, at, move.flags, move.missing)
        for k, axis in enumerate(AXES)
    ]


def _errors(quantities: Quantities, move: Move) -> list[Reading]:
    return [_error(quantities[f"couch6d_error_{axis}"], move, k) for k, axis in enumerate(AXES)]


def _error(quantity: Quantity, move: Move, k: int, missing: str = "") -> Reading:
    """Measured minus commanded along one axis."""
    at, value = {"set": move.scan.name}, move.errors[k]
    if isinstance(value, str):
        return NotMeasured(quantity, value, at)
    parts = move.left_parts | {READOUT: move.commanded.u}
    return _number(quantity, value, parts, k, at, (*move.flags, *_looks(move, k)), "; ".join(filter(None, (move.missing, missing))))


def _number(quantity: Quantity, value: float, parts: Mapping[str, Array], k: int, at: At, flags: tuple[str, ...], missing: str) -> Measured:
    budget = {name: float(part[k]) for name, part in parts.items()}
    return Measured(quantity, value, float(np.sqrt(sum(u**2 for u in budget.values()))), at, budget, flags, missing=missing)


def _looks(move: Move, k: int) -> tuple[str, ...]:
    """What a wrong readout looks like, where it does."""
    said = move.commanded.values[k]
    if isinstance(said, str) or abs(said) < (SAME_MM, SAME_DEG)[k > 2] * 5:
        return ()
    ratio = move.values[k] / said
    return tuple(words.format(axis=AXES[k]) for factor, words in FACTORS if abs(ratio - factor) < LOOKS * max(abs(factor), 0.5))


def _coupling(quantities: Quantities, move: Move) -> list[Reading]:
    """The length of what moved along axes that were not to move, without the noise's share."""
    found: list[Reading] = []
    for key, axes, same, what in (("shift", (0, 1, 2), SAME_MM, "translation"), ("turn", (3, 4, 5), SAME_DEG, "rotation")):
        quantity, at = quantities[f"couch6d_coupling_{key}"], {"set": move.scan.name}
        unknown = [move.commanded.values[k] for k in axes if isinstance(move.commanded.values[k], str)]
        still = [k for k in axes if not isinstance(said := move.commanded.values[k], str) and abs(said) <= same]
        if unknown or not still:
            reason = f"every axis of the {what} was to move: to see what moves along with one axis, move it alone"
            found.append(NotMeasured(quantity, str(unknown[0]) if unknown else reason, at))
            continue
        vector = np.array([float(move.errors[k]) for k in still])
        value, u = length(vector, move.covariance[np.ix_(still, still)])
        parts = {name: float(np.sqrt((part[still] ** 2).sum())) for name, part in (move.left_parts | {READOUT: move.commanded.u}).items()}
        total = float(np.sqrt(sum(part**2 for part in parts.values())))
        budget = {name: u * part / total for name, part in parts.items()}
        found.append(Measured(quantity, value, u, at, budget, move.flags, missing=move.missing))
    return found


def _silent(readout: Readout, k: int) -> bool:
    """Whether a scan has lost the readout of this axis, which other scans of the day have."""
    return readout.yaw_deg is None or (readout.mm, readout.mm, readout.mm, readout.pitch_deg, readout.roll_deg, readout.yaw_deg)[k] is None


def _largest(quantity: Quantity, k: int, found: Sequence[Found]) -> Reading:
    """The largest error along an axis over all moves. Unless that axis was moved, and every scan measured, it can fail and not pass."""
    why = [move for _, move in found if isinstance(move, str)]
    moves = [move for _, move in found if not isinstance(move, str)]
    known = [move for move in moves if not isinstance(move.errors[k], str)]
    if not known:
        reasons = dict.fromkeys([*why, *(str(move.errors[k]) for move in moves)])
        return NotMeasured(quantity, "; ".join(reasons) or "no two scans to compare")
    worst = max(known, key=lambda move: abs(float(move.errors[k])))
    far, unit = ((MOVED_MM, "mm"), (MOVED_DEG, "degrees"))[k > 2]
    if not any(abs(float(move.commanded.values[k])) >= far for move in known):
        why.append(
            f"{AXES[k]} was not moved by {far:g} {unit} or more, so its readout was not tested: move the couch along it and scan again"
        )
    one = _error(quantity, worst, k, "; ".join(dict.fromkeys(why)))
    assert isinstance(one, Measured)
    excluded = [f"{m.scan.name} does not count: {m.errors[k]}" for m in moves if isinstance(m.errors[k], str)]
    silent = [f"{m.scan.name} does not say where the couch stood" for m in moves if _silent(m.scan.readout, k)]
    late = "; ".join(dict.fromkeys(filter(None, [one.missing, *silent, *(m.missing for m in known)])))
    return Measured(quantity, abs(one.value), one.u, {}, one.budget, (*one.flags, *excluded), missing=late)
