"""What stands beside the numbers of a match, whatever it was imaged with: where they are from, and why one cannot pass.

Physics: docs/physics/registration_accuracy.md, sections 3 and 6.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from qa import rigid
from qa.ball_moves import AXES, angle_gain
from qa.reading import Measured, NotMeasured, Quantity, Reading
from qa.registration_accuracy_proposed import READOUT, Stated, reversed_

Array = NDArray[np.float64]
Quantities = Mapping[str, Quantity]
State = Mapping[str, float | str]
PLACE = "place of the ball"
STIRRED_MM, STIRRED_DEG = 2.0, 0.5  # what moved or turned less along or about an axis tries a match there by a voxel or two at most
BACK = "the proposed motion is that of the way back: is the registration stated from the first scan to the second?"
NO_OBJECT = (
    "what the treatment system proposed is taken from the couch's readouts, so nothing else says how the couch was moved: "
    "hand in the system's registration object (REG) as well"
)
BY_COUCH = (
    "no registration object (REG) was handed in: what counts as proposed is the change of the couch's readouts, and the error is that of "
    "match and couch together"
)
UNPROPOSED = (
    "nothing says what the treatment system proposed, the couch's readouts stand in for it: they can show an error and cannot show that "
    "there is none; hand in the system's registration object (REG)"
)


def number(
    quantity: Quantity, value: float, budget: Mapping[str, float], at: State, flags: Sequence[str] = (), missing: str = ""
) -> Measured:
    """A value whose u is the root of the sum of its budget's squares."""
    u = float(np.sqrt(sum(part**2 for part in budget.values())))
    return Measured(quantity, value, u, dict(at), dict(budget), tuple(flags), missing=missing)


def stated(quantities: Quantities, key: str, said: Stated | str, at: State, missing: str) -> list[Reading]:
    """What somebody says of all six axes, with what rounding leaves open."""
    result: list[Reading] = []
    flags = (BY_COUCH,) if key == "proposed" and isinstance(said, Stated) and said.source == READOUT else ()
    for k, axis in enumerate(AXES):
        quantity = quantities[f"registration_{key}_{axis}"]
        value = said if isinstance(said, str) else said.values[k]
        if isinstance(value, str) or isinstance(said, str):
            result.append(NotMeasured(quantity, str(value), at))
            continue
        gain = angle_gain(said.rotation)
        u = float(np.sqrt((gain @ said.covariance @ gain.T)[k, k]))
        budget = {f"rounding of the {said.source}": u}
        if k < 3 and said.arm[k, k] > 0:
            budget[PLACE] = float(np.sqrt(said.arm[k, k]))
        result.append(number(quantity, value, budget, at, flags, missing))
    return result


def at_point(said: Stated, point: Array, covariance: Array) -> Stated:
    """The same motion with the shift (mm) of a point (3,) in F, known to ``covariance`` (3, 3), in place of that of the isocentre."""
    went = said.rotation @ point
    gain, turn = np.eye(6), said.rotation - np.eye(3)
    gain[3:, :3] = -rigid.cross(went)
    shift = [value if isinstance(value, str) else value + float(more) for value, more in zip(said.values, went - point, strict=False)]
    rounded = np.asarray(gain @ said.covariance @ gain.T)
    return replace(said, values=(*shift, *said.values[3:]), covariance=rounded, arm=np.asarray(turn @ covariance @ turn.T))


def flags(said: Stated, found: Array, more: Sequence[str]) -> tuple[str, ...]:
    """Whose word an error is about, what the images say, and whether it looks like the way back; ``found`` is as many values as known."""
    whose = BY_COUCH if said.source == READOUT else f"proposed by the {said.source}"
    return (whose, *more, *((BACK,) if reversed_(said.values[: len(found)], found) else ()))


def missing(said: Stated, found: Array, axes: Sequence[str], what: str, more: str) -> str:
    """Why an error along or about these axes cannot pass: nobody proposed it, or what stayed where it was along one tries no match there.

    ``found`` is the motion along ``AXES``, mm and degrees, as many as known.
    """
    unsaid = UNPROPOSED if said.source == READOUT else ""
    return "; ".join(filter(None, (more, unsaid, _untried(found, axes, what))))


def _untried(found: Array, axes: Sequence[str], what: str) -> str:
    """Which of the axes the motion does not try; "" when it tries all."""
    still = [(axis, value) for axis, value in zip(AXES, found.tolist(), strict=False) if axis in axes and abs(value) < _stirred(axis)]
    if not still:
        return ""
    moved = [f"by {value:+.1f} mm along {axis}" for axis, value in still if axis in AXES[:3]]
    turned = [f"by {value:+.2f} degrees in {axis}" for axis, value in still if axis in AXES[3:]]
    did = " and ".join(filter(None, (f"moved {', '.join(moved)}" if moved else "", f"turned {', '.join(turned)}" if turned else "")))
    return (
        f"the {what} {did} only, which does not try the match there: move it by {STIRRED_MM:g} mm or more along every axis"
        f"{f', turn it by {STIRRED_DEG:g} degrees or more about every axis,' if turned else ''} and image it again"
    )


def _stirred(axis: str) -> float:
    return STIRRED_MM if axis in AXES[:3] else STIRRED_DEG
