"""A clinic's own file: its machines and how their images name them, phantoms, people, and what is done how often.

docs/site.md says what stands in it.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from qa.reading import QaError

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
Technique = Literal["conventional", "imrt", "srs", "sbrt"]
Every = Literal["daily", "weekly", "monthly", "quarterly", "semiannual", "annual"]
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WORKING: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri")


class SiteError(QaError):
    """The site file must be mended; the message says where, what was expected and what was found."""


class Part(BaseModel):
    """A table of the file. Keys that nobody knows are refused; nothing is taken from the environment, which no record would tell of."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Machine(Part):
    """A treatment machine: ``stations`` and ``serials`` are what its images may call it, its own name among the stations."""

    name: Text
    stations: tuple[Text, ...] = ()
    serials: tuple[Text, ...] = ()
    techniques: tuple[Technique, ...] = ("conventional", "imrt", "srs", "sbrt")

    def called(self, station: str, serial: str) -> bool:
        """Whether images that state this station name and serial number ("" = none) are of this machine."""
        if station not in (self.name, *self.stations):
            return False
        return not serial or not self.serials or serial in self.serials


class Phantom(Part):
    """A physical phantom, and the file with its certificate where it has one, beside the site file."""

    name: Text
    serial: Text
    certificate: Path | None = None
    expires: date | None = None


class Person(Part):
    """Somebody who measures or signs."""

    name: Text
    role: Literal["therapist", "physicist"]


class Task(Part):
    """A protocol that is due on some machines: how often, on which weekdays, and how many days late it may be without being overdue."""

    protocol: Text
    machines: tuple[Text, ...]
    every: Every
    weekdays: tuple[Day, ...] = WORKING
    grace_days: Annotated[int, Field(ge=0)] = 0


class Site(Part):
    """The whole file; ``own_review`` lets a person review their own run."""

    name: Text
    own_review: bool = False
    machine: tuple[Machine, ...]
    phantom: tuple[Phantom, ...] = ()
    person: tuple[Person, ...] = ()
    schedule: tuple[Task, ...] = ()

    @model_validator(mode="after")
    def _fits(self) -> Site:
        """Names are there once, and what is scheduled is there. ValueError else."""
        for kind, names in (
            ("machine", [one.name for one in self.machine]),
            ("phantom", [f"{one.name}, serial {one.serial}" for one in self.phantom]),
            ("person", [one.name for one in self.person]),
        ):
            if twice := sorted({name for name in names if names.count(name) > 1}):
                raise ValueError(f"{kind} {', '.join(twice)} stands there twice")
        from qa import protocol

        known = [one.name for one in self.machine]
        for task in self.schedule:
            for name in task.machines:
                if name not in known:
                    raise ValueError(f"schedule of {task.protocol}: there is no machine {name!r}{nearest(name, known)}")
            if task.protocol not in protocol.names() and not task.protocol.endswith(".toml"):
                raise ValueError(f"schedule: there is no protocol {task.protocol!r}{nearest(task.protocol, protocol.names())}")
        return self

    def known(self, name: str) -> str:
        """The machine that a person names. SiteError when there is none of that name."""
        names = [one.name for one in self.machine]
        if name not in names:
            raise SiteError(f"{self.name} has no machine {name!r}{nearest(name, names)}")
        return name

    def machine_of(self, label: str) -> str:
        """The name of the machine whose images state ``label``, "NAME (serial 4711)". SiteError for none, or for more than one."""
        match = re.fullmatch(r"(.*) \(serial (.*)\)", label)
        station, serial = (match[1], match[2]) if match else (label, "")
        found = [one.name for one in self.machine if one.called(station, serial)]
        if len(found) > 1:
            raise SiteError(f"the images say {label!r}, and {' and '.join(found)} are both called so: give them serials in the site file")
        if not found:
            stations = [name for one in self.machine for name in (one.name, *one.stations)]
            raise SiteError(
                f"the images say {label!r}, and no machine of {self.name} is called so{nearest(station, stations)}: add it to the stations "
                "or serials of its machine in the site file, or say which one it is with --machine"
            )
        return found[0]


def nearest(name: str, known: Iterable[str]) -> str:
    """``; did you mean "..."?`` for the known name that is most alike, else the known ones."""
    names = list(dict.fromkeys(known))
    alike = difflib.get_close_matches(name.casefold(), [one.casefold() for one in names], 1, 0.6)
    if alike:
        return f"; did you mean {next(one for one in names if one.casefold() == alike[0])!r}?"
    return f"; known: {', '.join(names)}" if names else ""


def read(path: str | Path) -> Site:
    """The site in that file. SiteError when it cannot be read, or names what nobody knows."""
    file = Path(path)
    try:
        table = tomllib.loads(file.read_text("utf-8-sig"))
    except OSError as error:
        raise SiteError(
            f"{file}: the site file cannot be read ({error.strerror}); name it with --site, or make one: igrtqa init"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SiteError(f"{file}: not a TOML file in UTF-8: {error}") from error
    try:
        return Site(**table)
    except ValidationError as error:
        raise SiteError("; ".join(f"{file}: {_words(one)}" for one in error.errors())) from error
    except TypeError as error:
        raise SiteError(f"{file}: {error}") from error


PARTS: dict[str, type[BaseModel]] = {"machine": Machine, "phantom": Phantom, "person": Person, "schedule": Task}


def _words(error: Any) -> str:
    """What is wrong with the file, for a person: which table, which key, and what it should be."""
    at = [str(step) for step in error["loc"]]
    where = " ".join(f"number {int(step) + 1}" if step.isdigit() else step for step in at[:-1])
    key = at[-1] if at else ""
    if error["type"] == "extra_forbidden":
        known = (PARTS[at[0]] if len(at) > 1 and at[0] in PARTS else Site).model_fields
        return f"{f'{where}: ' if where else ''}nobody knows the key {key!r}{nearest(key, known)}"
    if error["type"] == "value_error":
        return str(error["msg"]).removeprefix("Value error, ")
    if error["type"] == "missing":
        return f"{f'{where}: ' if where else ''}{key} is missing"
    return f"{f'{where}, ' if where else ''}{key}: {error['msg'].lower()}, found {error['input']!r}"
