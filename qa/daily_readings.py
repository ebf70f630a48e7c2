"""What the looks of a day say as readings; the sections are those of docs/physics/daily_igrt.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from qa.ball_day import RADIATION, Day
from qa.ball_looks import Found, Look, Route, another, move, place
from qa.ball_values import Quantities, State, distance, xyz
from qa.couch_move import COUCH_RESOLUTION_MM, couch_move
from qa.couch_stops import resolution as readout_step
from qa.daily_beam import coincidence
from qa.reading import NotMeasured, Quantity, Reading

if TYPE_CHECKING:
    from qa.certificate import Certificate
    from qa.daily_poses import Link

Array = NDArray[np.float64]
Parts = Mapping[str, Array]
UNMARKED = "no certificate of the phantom was handed in: the ball itself counts as what was set up"
NO_MARK = "the phantom's certificate knows no single ball and mark: the ball itself counts as what was set up"
NO_MARK_AT_ALL = "the phantom's certificate knows no mark: its target counts as what was set up"
NO_TURN = "one ball has no orientation: for turns take CBCTs of a phantom of three balls or more, with its certificate"
LINKS = ("setup", "match", "couch", "residual")
NO_ROUTE = "no kV images or CBCT show the ball: image it before and after the couch correction"
SILENT = "the files do not tell where the couch stood, so nobody knows what it was told to do: export the images with its position"
PLAIN_U, NEAR_U = 5.0, 4.0  # times u: a move that can be told from none, a readout that is as good as the one it looks like
UNITS, UNITS_PART = (10.0, 0.1, -1.0, -10.0, -0.1), 0.05  # readout over true move: cm for mm, a vendor's sign; how near to it
OTHER_UNITS = "they are in other units or of another sign than the files should have; ask the physicist"
RESOLUTION = "couch readout's resolution"


@dataclass(frozen=True)
class Chain:
    """Links, and the turns of each, by name: a vector with its covariance or why there is none.

    ``wrong`` says what keeps match and couch from passing, ``step`` which correction it is where there were several.
    """

    links: Mapping[str, Found | str]
    turns: Mapping[str, Found | str]
    wrong: str = ""
    flags: tuple[str, ...] = ()
    step: str = ""


def readings(quantities: Quantities, day: Day, routes: Sequence[Route], certificate: Certificate | None = None) -> list[Reading]:
    """All readings of all routes; without one, every quantity with the reason."""
    if not routes:
        return [NotMeasured(quantity, NO_ROUTE) for quantity in quantities.values()]
    found = [reading for route in routes for reading in _route(quantities, day, route, certificate)]
    if all(route.first.scan is None for route in routes):
        found += [NotMeasured(quantities[f"daily_{key}_turn"], NO_TURN) for key in LINKS]
    return found


def _route(quantities: Quantities, day: Day, route: Route, certificate: Certificate | None) -> list[Reading]:
    """The set-up; match, couch and residual of every correction that was made; the beam."""
    at: State = {"radiation": "+".join(dict.fromkeys(RADIATION[item.kind] for item in route.first.sets)), "part": route.name}
    if route.first.scan is None:
        chains = [_set_up_of_one(route.first, certificate), *(_one_ball(route, one) for one in route.steps)]
    else:
        chains = [_lies(route.first), *(_certified(route, one) for one in route.steps)]
    flags = tuple(dict.fromkeys([*(flag for look in route.looks for flag in look.flags), *(f for one in chains for f in one.flags)]))
    unmarked = _unmarked(route, certificate)
    steps = [replace(one, step=f"correction {k} of {len(chains) - 1}") for k, one in enumerate(chains[1:], 1)]
    result: list[Reading] = []
    for chain in (chains[0], *(steps if len(steps) > 1 else chains[1:])):
        here: State = at | {"set": chain.step} if chain.step else at
        said = (*flags, unmarked) if unmarked and "setup" in chain.links else flags
        result += _chain(quantities, chain, route.missing, here, said)
    return [*result, coincidence(quantities["daily_coincidence"], day, route, at, flags)]


def _chain(quantities: Quantities, chain: Chain, missing: str, at: State, flags: tuple[str, ...]) -> list[Reading]:
    """Every link along the axes, its length and its turn."""
    result: list[Reading] = []
    for key, value in chain.links.items():
        lacks = "; ".join(filter(None, (missing, chain.wrong if key in ("match", "couch") else "")))
        keys = [f"daily_{key}_{axis}" for axis in "xyz"]
        length = quantities[f"daily_{key}_distance"]
        if isinstance(value, str):
            result += [NotMeasured(quantities[name], value, at) for name in keys] + [NotMeasured(length, value, at)]
        else:
            vector, parts, _ = value
            result += xyz(quantities, keys, vector, parts, at, flags, lacks)
            result.append(distance(length, vector, parts, at, flags, lacks))
        if key in chain.turns:
            result.append(_turn(quantities[f"daily_{key}_turn"], chain.turns[key], at, flags, lacks))
    return result


def _turn(quantity: Quantity, value: Found | str, at: State, flags: tuple[str, ...], missing: str) -> Reading:
    if isinstance(value, str):
        return NotMeasured(quantity, value, at)
    return distance(quantity, value[0], value[1], at, flags, missing)


def _unmarked(route: Route, certificate: Certificate | None) -> str:
    """Why the target itself counts as what was set up; "" where a mark does."""
    if certificate is None:
        return UNMARKED
    if route.first.scan is not None:
        return "" if certificate.marks else NO_MARK_AT_ALL
    return "" if _marked(certificate) else NO_MARK


def _set_up_of_one(first: Look, certificate: Certificate | None) -> Chain:
    """Section 2."""
    return Chain({"setup": _set_up(first, certificate)}, {})


def _one_ball(route: Route, step: tuple[Look, Look] | str) -> Chain:
    """Sections 3 to 5, of one correction."""
    if isinstance(step, str):
        start = _match(route.first, step, np.eye(3))
        return Chain({"match": start, "couch": step, "residual": step}, {})
    first, last = step
    moved, shift, rounding = move(first, last), _shift(first, last), _rounding(route)
    wrong = "" if isinstance(moved, str) or isinstance(shift, str) else _looks_wrong(moved, shift)
    links = {"match": _match(first, shift, rounding), "couch": _missed(moved, shift, rounding), "residual": place(last)}
    return Chain(links, {}, wrong)


def _lies(first: Look) -> Chain:
    """Section 7: the set-up."""
    from qa import daily_poses

    found = place(first)
    turned: Found | str = found if isinstance(found, str) else (*daily_poses.lies(first), "")
    return Chain({"setup": found if isinstance(found, str) else (*daily_poses.mark(first), "")}, {"setup": turned})


def _certified(route: Route, step: tuple[Look, Look] | str) -> Chain:
    """Section 7, of one correction."""
    from qa import daily_poses

    if isinstance(step, str):
        return Chain(dict.fromkeys(LINKS[1:], step), dict.fromkeys(LINKS[1:], step))
    between = daily_poses.link(*step, route.looks)
    links: dict[str, Found | str] = {}
    turns: dict[str, Found | str] = {}
    wrong = ""
    flags: tuple[str, ...] = ()
    for key in ("match", "couch"):
        links[key], turns[key] = (between, between) if isinstance(between, str) else _both(between, key)
    if not isinstance(between, str):
        flags = between.flags
        told = "" if isinstance(between.shift, str) else _looks_wrong((*between.moved, ""), between.shift)
        wrong = "; ".join(filter(None, (between.missing, told)))
    last = place(step[1])
    links["residual"] = last
    turns["residual"] = last if isinstance(last, str) else (*daily_poses.lies(step[1]), "")
    return Chain(links, turns, wrong, flags)


def _both(link: Link, key: str) -> tuple[Found | str, Found | str]:
    """A link's shift and turn."""
    shift, turn = (link.match, link.match_turn) if key == "match" else (link.couch, link.couch_turn)
    return shift if isinstance(shift, str) else (*shift, ""), turn if isinstance(turn, str) else (*turn, "")


def _marked(certificate: Certificate) -> bool:
    """Whether it says where the one ball is from a mark."""
    return len(certificate.balls) == 1 and bool(certificate.marks)


def _set_up(look: Look, certificate: Certificate | None) -> Found | str:
    """Section 2: the ball from where it was to be, its certificate's first mark at the isocentre and the phantom as it is meant to lie."""
    found = place(look)
    if certificate is None or isinstance(found, str):
        return found
    if reason := certificate.not_in_force(look.acquired):
        return reason
    if not _marked(certificate):
        return found
    if (other := another(certificate.balls[0].diameter_mm, look.diameter_mm)) is not None:
        return f"the ball of the certificate ({certificate.title}) and that of the images: {other}; hand in the certificate of this phantom"
    ball, mark = certificate.balls[0], certificate.marks[0]
    planned = np.array(ball.place_mm) - (mark.x_mm, mark.y_mm, mark.z_mm)
    known = np.diag(np.square(ball.u_mm) + np.square(mark.u_mm))
    return found[0] - planned, {**found[1], "certificate": known}, found[2]


def _shift(first: Look, last: Look) -> Array | str:
    """Section 3: what the couch was told to do, (3,) mm in F."""
    if first.couch_mm is None or last.couch_mm is None:
        return SILENT
    return couch_move(first.couch_mm, last.couch_mm, last.couch_deg).vector_mm


def _looks_wrong(moved: Found, shift: Array) -> str:
    """Along which axis the readout is plainly in other units or of another sign than the ball's move: that can fail, never pass."""
    u = np.sqrt(np.diag(sum(moved[1].values(), np.zeros((3, 3)))))
    words = []
    for axis, true, read, one in zip("xyz", moved[0], shift, u, strict=True):
        near = max(UNITS_PART * abs(float(read)), NEAR_U * float(one))
        if abs(true) > PLAIN_U * one and abs(read - true) > near and any(abs(read - unit * true) < near for unit in UNITS):
            words.append(f"{axis} by {read:+.2f} mm where the ball moved by {true:+.2f} mm")
    return f"the couch readouts changed along {', '.join(words)}: {OTHER_UNITS}" if words else ""


def _rounding(route: Route) -> Array:
    """The covariance of the difference of two couch readouts that are rounded to the step in which these are written."""
    readouts = [one for look in route.looks for one in look.readouts_mm]
    step = readout_step(readouts) if readouts else 0.0
    return np.eye(3) * max(step**2 / 6, 2 * COUCH_RESOLUTION_MM**2)


def _match(first: Look, shift: Array | str, rounding: Array) -> Found | str:
    start = place(first)
    if isinstance(start, str) or isinstance(shift, str):
        return start if isinstance(start, str) else str(shift)
    return shift + start[0], {**start[1], RESOLUTION: rounding}, start[2]


def _missed(moved: Found | str, shift: Array | str, rounding: Array) -> Found | str:
    if isinstance(moved, str) or isinstance(shift, str):
        return moved if isinstance(moved, str) else str(shift)
    return moved[0] - shift, {**moved[1], RESOLUTION: rounding}, moved[2]
