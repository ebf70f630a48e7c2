"""Results of Varian's Machine Performance Check as its folders hold them: every line as it is written there, or a reason to refuse.

docs/export.md says what such a folder is. Nothing here is judged, converted or left out.
"""

from __future__ import annotations

import csv
import hashlib
import io
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from qa.reading import QaError

if TYPE_CHECKING:
    from qa.site import Site

SOURCE = "Varian MPC"
FILE = "Results.csv"
HEADER = ("Name [Unit]", "Value", "Threshold", "Evaluation Result")
UNITS = {"mm": "mm", "°": "deg", "%": "%"}  # as the file writes them, and as the suite does
_FOLDER = re.compile(r".*-SN(?P<serial>[^-]+)-(?P<clock>\d{4}(?:-\d\d){5})-\d{4}-(?P<template>[A-Za-z]\w*)", re.ASCII)
_NAMED = re.compile(r"(?P<name>.*\S)\s*\[(?P<unit>[^\[\]]*)\]")
_NUMBER = re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?", re.ASCII)
FIRST_YEAR = 2000  # the check came with TrueBeam 2.0 (2013); an older clock was never set
_MOST = 10_000_000  # bytes; a check has some hundred lines


class MpcError(QaError):
    """The file is not what Machine Performance Check is known to write; nothing of it was stored."""


@dataclass(frozen=True)
class Line:
    """One line as stated: ``value``, ``threshold`` ("" = none) and ``verdict`` are the file's own characters."""

    name: str
    unit: str
    value: str
    threshold: str
    verdict: str


@dataclass(frozen=True)
class Check:
    """One folder: ``clock`` is its time as stated, which has no zone; ``sha256`` that of its file."""

    place: Path
    name: str
    serial: str
    template: str
    clock: datetime
    sha256: str
    lines: tuple[Line, ...]


def read(place: Path) -> tuple[Check, ...]:
    """Every check in a folder, or the one that a file is of, in order of their times. MpcError when one cannot be taken as it is."""
    files = [*_files(place)]
    if not files:
        raise MpcError(f"{place}: there is no {FILE} in it: name a folder of Machine Performance Check, or one with such folders")
    return tuple(sorted(map(_check, files), key=lambda one: (one.clock, one.name)))


def taken(check: Check, zone: ZoneInfo | None) -> datetime:
    """The moment in UTC, by the clinic's clock (None: this computer's). MpcError for a time that the clock showed twice or never."""
    if check.clock.year < FIRST_YEAR:
        raise MpcError(f"{check.place}: {check.clock} is before there was such a check: see to that machine's clock")
    early, late = (check.clock.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    if early != late:
        raise MpcError(f"{check.place}: at {check.clock} the clock was changed, so nobody can say when that was: leave this check out")
    if early > datetime.now(UTC):
        raise MpcError(f"{check.place}: {check.clock} is still to come: see to that machine's clock, or to the site file's time_zone")
    return early


def machine_of(check: Check, site: Site | None, said: str) -> str:
    """Whose it is by its serial number and the site file, or ``said`` ("": nobody says). MpcError where the two do not agree."""
    if site is None:
        if not said:
            raise MpcError(f"{check.place}: say which machine it is of with --machine, or name the site file with --site")
        return said
    from qa.spelling import nearest

    found = [one.name for one in site.machine if check.serial in one.serials]
    if len(found) != 1 and not said:
        known = [serial for one in site.machine for serial in one.serials]
        which = f"{' and '.join(found)} have" if found else f"no machine of {site.name} has"
        raise MpcError(f"{check.place}: {which} the serial {check.serial!r}{nearest(check.serial, known)}: mend the site file")
    if not said:
        return found[0]
    own = next(one for one in site.machine if one.name == site.known(said))
    if found and said not in found:
        raise MpcError(f"{check.place}: the serial {check.serial!r} is that of {' and '.join(found)}, and not of {said}")
    if own.serials and not found:
        raise MpcError(
            f"{check.place}: {said} has the serials {', '.join(own.serials)}, not {check.serial!r}: add it there if it is its own"
        )
    return said


def only_serial(machine: str, new: set[str], before: set[str], site: Site | None) -> None:
    """MpcError where serial numbers of checks would join others as one machine's, and the site file does not say that they are its own."""
    own = next((one.serials for one in site.machine if one.name == machine), ()) if site else ()
    if new - set(own) and len(new | before) > 1:
        raise MpcError(
            f"checks of the serial numbers {', '.join(sorted(new | before))} would all be of {machine}: import each machine's own folders, "
            f"or name all serial numbers of {machine} in the site file; nothing was stored"
        )


def _files(place: Path) -> Iterator[Path]:
    try:
        if place.is_file():
            yield place
        elif (place / FILE).is_file():
            yield place / FILE
        elif place.is_dir():
            yield from sorted(one / FILE for one in place.iterdir() if (one / FILE).is_file())
        else:
            raise MpcError(f"{place}: there is no such file or folder")
    except OSError as error:
        raise MpcError(f"{place}: cannot be read ({error.strerror})") from error


def _check(file: Path) -> Check:
    folder = file.absolute().parent.name
    found = _FOLDER.fullmatch(folder)
    if found is None:
        expected = "NAME-SN1234-2015-10-22-12-01-29-0000-TEMPLATE"
        raise MpcError(
            f"{file}: its folder is called {folder!r}, not like {expected}: only that name says of which machine and when it is; "
            "import it from the folder that Machine Performance Check made"
        )
    try:
        clock = datetime.strptime(found["clock"], "%Y-%m-%d-%H-%M-%S")
    except ValueError as error:
        raise MpcError(f"{file}: {found['clock']} in the name of its folder is no date and time") from error
    try:
        if file.stat().st_size > _MOST:
            raise MpcError(f"{file}: too large for results of a check")
        content = file.read_bytes()
    except OSError as error:
        raise MpcError(f"{file}: cannot be read ({error.strerror})") from error
    return Check(file, folder, found["serial"], found["template"], clock, hashlib.sha256(content).hexdigest(), tuple(_lines(file, content)))


def _lines(file: Path, content: bytes) -> Iterator[Line]:
    try:
        rows = [*csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), skipinitialspace=True, strict=True)]
    except (UnicodeDecodeError, csv.Error) as error:
        raise MpcError(f"{file}: not comma-separated text in UTF-8 ({error})") from error
    numbered = [(number, tuple(map(str.strip, row))) for number, row in enumerate(rows, 1) if any(map(str.strip, row))]
    if not numbered:
        raise MpcError(f"{file}: empty: the check was stopped, or its file is still being written")
    if numbered[0][1] != HEADER:
        raise MpcError(f"{file}: other columns than known: {_columns(numbered[0][1])}; nothing is guessed, ask for this to be taken up")
    if len(numbered) == 1:
        raise MpcError(f"{file}: no results in it: the check was stopped before it measured anything")
    seen: set[str] = set()
    for number, row in numbered[1:]:
        line = _line(f"{file}, line {number}", row)
        if line.name in seen:
            raise MpcError(f"{file}, line {number}: {line.name} stands there twice")
        seen.add(line.name)
        yield line


def _columns(found: tuple[str, ...]) -> str:
    missing = [name for name in HEADER if name not in found]
    more = [name for name in found if name not in HEADER]
    said = [f"{what} {', '.join(map(repr, names))}" for what, names in (("missing", missing), ("unknown", more)) if names]
    return " and ".join(said) or f"in another order, {', '.join(found)}"


def _line(where: str, row: tuple[str, ...]) -> Line:
    if len(row) != len(HEADER):
        raise MpcError(f"{where}: {len(row)} values where {len(HEADER)} are expected (a comma in a number would look so): {', '.join(row)}")
    named, value, threshold, verdict = row
    found = _NAMED.fullmatch(named)
    if found is None:
        raise MpcError(f"{where}: {named!r} is no name with a unit in brackets")
    if found["unit"] not in UNITS:
        raise MpcError(f"{where}: nobody knows the unit {found['unit']!r} of {found['name']}; known: {', '.join(UNITS)}")
    for what, said in (("value", value), ("threshold", threshold)):
        if not _number(said) and (said or what == "value"):
            raise MpcError(f"{where}: {found['name']} has {f'{said!r} for' if said else 'no'} {what}, which is no number")
    if not verdict:
        raise MpcError(f"{where}: {found['name']} has no evaluation result")
    return Line(found["name"], UNITS[found["unit"]], value, threshold, verdict)


def _number(text: str) -> bool:
    return bool(_NUMBER.fullmatch(text)) and math.isfinite(float(text))
