"""The certificate of one ball phantom: where its balls are, by whose measurement, and until when that counts.

A TOML file. The phantom's own frame has the axes of F when the phantom lies as it is meant to; its origin is where the maker says.
"""

from __future__ import annotations

import hashlib
import math
import re
import tomllib
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import combinations
from pathlib import Path

from phantoms.models import made
from qa.reading import QaError

Triple = tuple[float, float, float]
SHAPES = {"cube": 3, "cylinder": 2, "ball": 1}  # how many sizes each has: sides; diameter and length; diameter


@dataclass(frozen=True)
class Ball:
    """A ball, or a ``cavity``: its place, diameter, and standard uncertainty of each coordinate, mm."""

    name: str
    x_mm: float
    y_mm: float
    z_mm: float
    diameter_mm: float
    u_mm: Triple
    cavity: bool = False

    @property
    def place_mm(self) -> Triple:
        """(x, y, z) in the phantom's own frame."""
        return self.x_mm, self.y_mm, self.z_mm


@dataclass(frozen=True)
class Mark:
    """A mark on the outside that the phantom is set up by: its place and standard uncertainties, mm."""

    name: str
    x_mm: float
    y_mm: float
    z_mm: float
    u_mm: Triple


@dataclass(frozen=True)
class Body:
    """What holds the balls: a "cube" (three sides), "cylinder" (diameter, length) or "ball" (diameter), its middle at ``centre_mm``."""

    shape: str
    size_mm: tuple[float, ...]
    centre_mm: Triple = (0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Certificate:
    """One physical phantom: ``model`` and ``serial``, measured on ``issued``, not to be used after ``expires``; ``source`` says by whom."""

    model: str
    serial: str
    issued: date
    expires: date
    source: str
    balls: tuple[Ball, ...]
    body: Body
    marks: tuple[Mark, ...] = ()
    sha256: str = field(default="")  # of the file
    file: str = field(default="")  # its name

    @property
    def title(self) -> str:
        """The phantom in words."""
        return f"{self.model}, serial {self.serial}"

    @property
    def words(self) -> str:
        """What a record says of it."""
        digest = f", SHA-256 {self.sha256[:16]}" if self.sha256 else ""
        return f"certificate of {self.title}: issued {self.issued}, expires {self.expires}, {self.source}{digest}"

    def another(self, phantom: str) -> str:
        """Why the phantom in a person's words is not this one; "" when it is, and for no words.

        Its serial number must be in them, or its model where they name no serial number.
        """
        said = _plain(phantom)
        if not said.strip() or _plain(self.serial) in said or (_plain(self.model) in said and " serial " not in said):
            return ""
        return (
            f"the phantom was said to be {phantom!r}, and the certificate is that of {self.title}: hand in the certificate of the phantom "
            "that was imaged, or say its model or serial number as the certificate does"
        )

    def not_in_force(self, taken: datetime | None) -> str:
        """Why it does not count for images taken then; "" when it does."""
        if taken is None:
            return f"the files do not say when they were taken, so nobody knows whether the certificate of {self.title} counts"
        if taken.date() > self.expires:
            return f"the certificate of {self.title} expired on {self.expires}: have the phantom measured again, or hand in the new one"
        if taken.date() < self.issued:
            return f"the certificate of {self.title} was issued on {self.issued}, after the images were taken: hand in the one before"
        return ""


def _plain(words: str) -> str:
    """Whole words in small letters, a space around each; "0815-2" is one word and not serial number 0815."""
    return " ".join(["", *re.findall(r"[^\s,;:()#]+", words.casefold()), ""])


def read(path: str | Path) -> Certificate:
    """The certificate in a file. QaError names the file and the key that is wrong, and what is expected there."""
    place = Path(path)
    try:
        data = place.read_bytes()
    except OSError as error:
        raise QaError(f"no certificate could be read from {place}: {error.strerror}") from error
    try:
        table = tomllib.loads(data.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise QaError(f"{place.name} is no certificate in TOML: {error}") from error
    return parse(table | {"sha256": hashlib.sha256(data).hexdigest(), "file": place.name}, place.name)


def parse(table: dict[str, object], name: str) -> Certificate:
    """The certificate in a table of that ``name``. QaError as ``read``."""
    try:
        certificate = made(Certificate, table, name)
    except ValueError as error:
        raise QaError(str(error)) from error
    if wrong := _wrong(certificate):
        raise QaError(f"{name}: {wrong}")
    return certificate


def _wrong(certificate: Certificate) -> str:
    """What in it cannot be, with its key; "" when nothing is."""
    for key in ("model", "serial", "source"):
        if not getattr(certificate, key).strip():
            return f"{key} is empty"
    if certificate.expires < certificate.issued:
        return f"expires is {certificate.expires}, before issued {certificate.issued}"
    if not certificate.balls:
        return "balls is empty: a ball phantom has one at least"
    for key, items in (("balls", certificate.balls), ("marks", certificate.marks)):
        names = [item.name for item in items]
        if len(set(names)) < len(names) or not all(name.strip() for name in names):
            return f"{key}: every one needs a name of its own, found {names}"
    parts: list[tuple[str, tuple[float, ...], tuple[float, ...]]] = []
    parts += [(f"balls, {b.name}", (*b.place_mm, b.diameter_mm), (*b.u_mm, b.diameter_mm)) for b in certificate.balls]
    parts += [(f"marks, {m.name}", (m.x_mm, m.y_mm, m.z_mm), m.u_mm) for m in certificate.marks]
    parts += [("body", certificate.body.centre_mm, certificate.body.size_mm)]
    for where, numbers, positive in parts:
        if not all(map(math.isfinite, (*numbers, *positive))):
            return f"{where}: every number is finite"
        if not all(number > 0 for number in positive):
            return f"{where}: uncertainties, diameters and sizes are above 0; without an uncertainty a place is worth nothing"
    return _crowded(certificate) or _shapeless(certificate.body)


def _crowded(certificate: Certificate) -> str:
    for one, other in combinations(certificate.balls, 2):
        if math.dist(one.place_mm, other.place_mm) < (one.diameter_mm + other.diameter_mm) / 2:
            return f"balls, {one.name} and {other.name} overlap: are the places in mm?"
    return ""


def _shapeless(body: Body) -> str:
    if body.shape not in SHAPES:
        return f"body, shape is {body.shape!r}; known: {', '.join(SHAPES)}"
    if len(body.size_mm) != SHAPES[body.shape]:
        return f"body, size_mm of a {body.shape} has {SHAPES[body.shape]} numbers, found {len(body.size_mm)}"
    return ""
