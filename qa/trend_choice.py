"""Which readings a trend is of: one quantity, one test, one identity; a wrong name comes back with the nearest right spelling."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from qa.reading import At, Identity, Measured, QaError, identity
from qa.spelling import nearest

if TYPE_CHECKING:
    from qa.history import Point
    from qa.store import Store

_SHOWN = 12  # choices in a message


def chosen(store: Store, machine: str, quantity: str, texts: Mapping[str, str], test: str) -> tuple[Identity, list[Point]]:
    """The one identity that the texts leave, with its readings of one test, the first one first; QaError where none or several are left."""
    found = store.history(machine, quantity)
    if not found:
        raise QaError(_unknown(store, machine, quantity))
    by_test = _one("test", quantity, (point.procedure for point in found), test)
    return _of_one(quantity, [point for point in found if point.procedure == by_test], texts)


def _of_one(quantity: str, points: Sequence[Point], texts: Mapping[str, str]) -> tuple[Identity, list[Point]]:
    """The one identity that the texts leave, with its numbers and the gaps that are its own: those whose texts are all among its own."""
    named = _named(points, texts.get("set", ""))
    every = {named(point.reading.at) for point in points}
    numbers = {named(point.reading.at) for point in points if isinstance(point.reading, Measured)} or every
    for key, text in texts.items():
        _one(key, quantity, [dict(one).get(key, "") for one in every], text)
    asked = {key: text.casefold() for key, text in texts.items()}
    fitting = [one for one in numbers if all(dict(one).get(key, "").casefold() == text for key, text in asked.items())]
    fitting = fitting or [one for one in every if all(dict(one).get(key, "").casefold() == text for key, text in asked.items())]
    if len(fitting) != 1:
        raise QaError(_several(quantity, fitting, texts))
    (of,) = fitting
    whole = {point.record_id for point in points if isinstance(point.reading, Measured) and named(point.reading.at) == of}
    return of, [point for point in points if _belongs(point, named(point.reading.at), of, whole)]


def look(at: At) -> tuple[str, int]:
    """What a set is a look of, and which: "kV 2" is the second look of "kV". A set that is the only one of its kind has no number, 0."""
    found = re.fullmatch(r"(.+) (\d+)", str(at.get("set", "")))
    return (found[1], int(found[2])) if found else (str(at.get("set", "")), 0)


def _named(points: Sequence[Point], asked: str) -> Callable[[At], Identity]:
    """Identities in which every look of one kind is one thing: where a record with a single look has the bare name, or that is asked for.

    Else how many looks a day has would split a trend. Who asks for "kV 2" gets that alone.
    """
    names = {str(point.reading.at["set"]).casefold() for point in points if "set" in point.reading.at}
    together = names if not asked else set() if look({"set": asked})[1] and asked.casefold() in names else {asked.casefold()}

    known: dict[tuple[tuple[str, float | str], ...], Identity] = {}

    def named(at: At) -> Identity:
        key = tuple(at.items())
        if key not in known:
            known[key] = of(at)
        return known[key]

    def of(at: At) -> Identity:
        stem, number = look(at)
        return identity({**at, "set": stem} if number and stem.casefold() in together else at)

    return named


def _belongs(point: Point, own: Identity, of: Identity, whole: set[str]) -> bool:
    if isinstance(point.reading, Measured):
        return own == of
    return set(own) <= set(of) and point.record_id not in whole


def _one(what: str, quantity: str, named: Iterable[str], asked: str) -> str:
    """The choice that is asked for, or the only one."""
    choices = list(dict.fromkeys(named))
    same = [name for name in choices if name.casefold() == asked.casefold()]
    if same:
        return same[0]
    if not asked and len(choices) == 1:
        return choices[0]
    known = nearest(asked, [name for name in choices if name], _SHOWN, 3)
    if asked:
        raise QaError(f"{quantity} has no {what} {asked!r}{known}" if any(choices) else f"{quantity} has no {what}s: leave --{what} out")
    raise QaError(f"{quantity} is measured by several {what}s: choose with --{what}{known}")


def _several(quantity: str, found: Sequence[Identity], texts: Mapping[str, str]) -> str:
    if not found:
        return f"{quantity} has nothing that is all of {', '.join(f'{key} {text}' for key, text in texts.items())}: leave one out"
    keys = [key for key in dict.fromkeys(key for one in found for key, _ in one) if len({dict(one).get(key) for one in found}) > 1]
    rows = sorted(", ".join(f"{key} {dict(one)[key]!r}" for key in keys if key in dict(one)) or "the whole" for one in found)
    more = f"\nand {len(rows) - _SHOWN} more" if len(rows) > _SHOWN else ""
    if "set" in keys and (stems := sorted({stem for one in found for stem, number in [look(dict(one))] if number})):
        more += "".join(f"\n--set {stem!r} takes the last look of every record" for stem in stems)
    options = " and ".join(f"--{key}" if key in ("part", "set", "setting") else f"--of {key}=TEXT" for key in keys)
    return f"{quantity} is measured of {len(rows)} things; choose one with {options}:\n" + "\n".join(rows[:_SHOWN]) + more


def _unknown(store: Store, machine: str, quantity: str) -> str:
    """What is unknown, the machine or the quantity, and what there is."""
    machines = store.machines()
    if not machines:
        return "there are no records yet: run a test first (igrtqa run)"
    if machine not in machines:
        return f"no record is of a machine {machine!r}{nearest(machine, machines, _SHOWN, 3)}"
    return f"no record of {machine} has a quantity {quantity!r}{nearest(quantity, store.quantities(machine), _SHOWN, 3)}"
