"""A clinic's own file: its machines and how their images name them, phantoms, people, and what is done how often.

docs/site.md says what stands in it.
"""

from __future__ import annotations

import difflib
import itertools
import tomllib
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, field_validator, model_validator

from qa import labels, protocol
from qa.grouping import name_and_serial
from qa.reading import ProtocolError, QaError

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
    """A treatment machine: ``stations`` and ``serials`` are what its images may call it, its own name among the stations.

    ``energies`` are its treatment beams, "6 MV" or "10 MV FFF", none: any. ``return_to_use`` are the protocols that must have passed after
    a service before it is used again.
    """

    name: Text
    stations: tuple[Text, ...] = ()
    serials: tuple[Text, ...] = ()
    techniques: tuple[Technique, ...] = ("conventional", "imrt", "srs", "sbrt")
    energies: tuple[Text, ...] = ()
    return_to_use: tuple[Text, ...] = ()

    @field_validator("energies")
    @classmethod
    def _spelt_as_images_are(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if wrong := [name for name in names if labels.energy(name) != name]:
            raise ValueError(f"{wrong[0]!r} is no treatment beam; write '6 MV' or '10 MV FFF'")
        return names

    @property
    def names(self) -> frozenset[str]:
        """Its own name and its station names."""
        return frozenset((self.name, *self.stations))

    def called(self, label: str) -> bool:
        """Whether images that state ``label``, "NAME (serial 4711)" or "NAME", are of this machine."""
        station, serial = name_and_serial(label)
        return label in self.names or (station in self.names and (not serial or not self.serials or serial in self.serials))


class Phantom(Part):
    """A physical phantom, and the file with its certificate where it has one, beside the site file."""

    name: Text
    serial: Text
    certificate: Path | None = None
    expires: date | None = None

    def called(self, said: str) -> bool:
        """Whether a person who says that means it, by its name, its serial number or both."""
        both = f"{self.name} {self.serial}", f"{self.name} serial {self.serial}"
        return folded(said) in map(folded, (self.name, self.serial, *both))


class Person(Part):
    """Somebody who measures or signs."""

    name: Text
    role: Literal["therapist", "physicist"]


class Task(Part):
    """A protocol that is due on some machines: how often, on which weekdays, and how many days late it may be without being overdue.

    ``protocol`` is one of the suite by its name, else a file; ``read`` makes its path absolute.
    """

    protocol: Text
    machines: Annotated[tuple[Text, ...], Field(min_length=1)]
    every: Every
    weekdays: Annotated[tuple[Day, ...], Field(min_length=1)] = WORKING
    grace_days: Annotated[int, Field(ge=0)] = 0


class Preset(Part):
    """What a person says with one word: the protocol, the phantom ("" none is said), and the ``machines`` it is for, none: any.

    ``protocol`` as that of a task.
    """

    name: Text
    protocol: Text
    phantom: str = ""
    machines: Annotated[tuple[Text, ...] | None, Field(min_length=1)] = None


class Keys(Part):
    """What signs the clinic's PDFs, and whose signatures it knows: docs/signatures.md. ``read`` makes the paths absolute.

    ``file`` is a PKCS#12 file, without it nothing is signed; ``trusted`` are certificates of signers or of who vouches for them.
    """

    file: Path | None = None
    passphrase_file: Path | None = None
    trusted: tuple[Path, ...] = ()


class Site(Part):
    """The whole file; ``own_review`` lets a person review their own run, ``time_zone`` is that of its days, None this computer's."""

    name: Text
    time_zone: Text | None = None
    own_review: bool = False
    machine: tuple[Machine, ...]
    phantom: tuple[Phantom, ...] = ()
    person: tuple[Person, ...] = ()
    schedule: tuple[Task, ...] = ()
    preset: tuple[Preset, ...] = ()
    keystore: Keys | None = None

    @field_validator("time_zone")
    @classmethod
    def _there_is_such_a_zone(cls, name: str | None) -> str | None:
        if name is not None:
            try:
                ZoneInfo(name)
            except (KeyError, ValueError, OSError) as error:
                raise ValueError(
                    f"there is no time zone {name!r} on this computer{nearest(name, sorted(available_timezones()), 3)}"
                ) from error
        return name

    @model_validator(mode="after")
    def _fits(self) -> Site:
        """Names are there once, no machine can be taken for another, and what is scheduled is there. ValueError else."""
        for kind, names in (
            ("machine", [one.name for one in self.machine]),
            ("phantom", [f"{one.name}, serial {one.serial}" for one in self.phantom]),
            ("person", [one.name for one in self.person]),
            ("preset", [one.name for one in self.preset]),
        ):
            read_as = [folded(name) for name in names]
            if twice := sorted({name for name in names if read_as.count(folded(name)) > 1}):
                raise ValueError(f"{kind} {', '.join(twice)} stands there twice")
        for one, other in itertools.combinations(self.machine, 2):
            if why := _alike(one, other):
                raise ValueError(why)
        known = [one.name for one in self.machine]
        of_machines = [(f"schedule of {task.protocol}", name) for task in self.schedule for name in task.machines]
        of_machines += [(f"preset {one.name}", name) for one in self.preset for name in one.machines or ()]
        for where, name in of_machines:
            if name not in known:
                raise ValueError(f"{where}: there is no machine {name!r}{nearest(name, known)}")
        for preset in self.preset:
            try:
                self.phantom_of(preset.phantom)
            except SiteError as error:
                raise ValueError(f"preset {preset.name}: {error}") from error
        asked = [("schedule", task.protocol) for task in self.schedule]
        asked += [(f"preset {one.name}", one.protocol) for one in self.preset]
        asked += [(f"return_to_use of {one.name}", name) for one in self.machine for name in one.return_to_use]
        for where, name in asked:
            if name not in protocol.names() and not name.endswith(".toml"):
                raise ValueError(f"{where}: there is no protocol {name!r}{nearest(name, protocol.names())}")
        return self

    @property
    def zone(self) -> ZoneInfo | None:
        """The time zone of its days, None: this computer's."""
        return ZoneInfo(self.time_zone) if self.time_zone else None

    def known(self, name: str) -> str:
        """The machine that a person names. SiteError when there is none of that name."""
        names = [one.name for one in self.machine]
        if name not in names:
            raise SiteError(f"{self.name} has no machine {name!r}{nearest(name, names)}")
        return name

    def phantom_of(self, said: str) -> Phantom | None:
        """The listed phantom that a person names, None where no list is or nothing is said. SiteError when it is none, or several."""
        if not self.phantom or not said.strip():
            return None
        found = [one for one in self.phantom if one.called(said)]
        if len(found) > 1:
            serials = " or ".join(one.serial for one in found)
            raise SiteError(f"{said!r} may be any of {len(found)} phantoms in the site file: give the serial number, {serials}")
        if not found:
            names = [name for one in self.phantom for name in (one.name, one.serial)]
            raise SiteError(f"the site file of {self.name} has no phantom {said!r}{nearest(said, names)}")
        return found[0]

    def preset_of(self, name: str) -> Preset:
        """The preset of that name. SiteError when there is none."""
        found = [one for one in self.preset if folded(one.name) == folded(name)]
        if not found:
            names = [one.name for one in self.preset]
            raise SiteError(f"{self.name} has no preset {name.strip()!r}{nearest(name, names)}; docs/site.md says how to make one")
        return found[0]

    def machine_of(self, label: str, said: str = "") -> str:
        """The name of the machine whose images state ``label``, "NAME (serial 4711)". SiteError for none, or for more than one.

        ``said`` is the machine that a person names, "" nobody does. It decides where the label is unknown or fits several machines;
        SiteError where the label is another machine's.
        """
        found = [one.name for one in self.machine if one.called(label)]
        if said and found and said not in found:
            raise SiteError(
                f"the images say {label!r}, which is {' or '.join(found)}, and not {said}: leave --machine out, or mend the stations and "
                "serials in the site file"
            )
        if said:
            return self.known(said)
        if len(found) > 1:
            raise SiteError(
                f"the images say {label!r}, and {' and '.join(found)} are both called so: say which one it is with --machine, or let the "
                "images state the serial number"
            )
        if not found:
            stations = [name for one in self.machine for name in (one.name, *one.stations)]
            raise SiteError(
                f"the images say {label!r}, and no machine of {self.name} is called so{nearest(name_and_serial(label)[0], stations)}: add "
                "it to the stations or serials of its machine in the site file, or say which one it is with --machine"
            )
        return found[0]

    def own_name(self, stored: str) -> str:
        """The machine that a record is of which is stored under that name: a machine's own name or what its images state, else itself."""
        if stored in (one.name for one in self.machine):
            return stored
        found = [one.name for one in self.machine if one.called(stored)]
        return found[0] if len(found) == 1 else stored


def _alike(one: Machine, other: Machine) -> str:
    """Why images or records of one machine could be taken for those of the other, "" when they cannot."""
    for this, that in ((one, other), (other, one)):
        if that.called(this.name):
            return f"machine {that.name}: its images may say {this.name}, the name of another machine: nothing tells their records apart"
    if not (shared := sorted(one.names & other.names)):
        return ""
    both = f"machines {one.name} and {other.name} are both called {shared[0]}"
    if lacking := [each.name for each in (one, other) if not each.serials]:
        return f"{both}: give {' and '.join(lacking)} serials, else an image of one is taken for the other's"
    same = sorted(set(one.serials) & set(other.serials))
    return f"{both}, and both have the serial {same[0]}: nothing tells their images apart" if same else ""


def folded(words: str) -> str:
    """The words as they are compared: without regard to case, commas and spaces."""
    return " ".join(words.casefold().replace(",", " ").split())


def nearest(name: str, known: Iterable[str], most: int | None = None) -> str:
    """``; did you mean "..."?`` for the known name that is most alike, else the known ones, at most ``most``."""
    names = list(dict.fromkeys(known))
    alike = difflib.get_close_matches(name.casefold(), [one.casefold() for one in names], 1, 0.6)
    if alike:
        return f"; did you mean {next(one for one in names if one.casefold() == alike[0])!r}?"
    return f"; known: {', '.join(names[:most])}{', ...' if most and len(names) > most else ''}" if names else ""


def read(path: str | Path) -> Site:
    """The site in that file, its protocol files found beside it. SiteError when it cannot be read, or names what nobody knows."""
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
        return _placed(Site(**table), file)
    except ValidationError as error:
        raise SiteError("; ".join(f"{file}: {_words(one)}" for one in error.errors())) from error
    except TypeError as error:
        raise SiteError(f"{file}: {error}") from error


def _placed(site: Site, file: Path) -> Site:
    """The site with absolute paths of its files, beside it. SiteError for a protocol that cannot be judged by, or two of one name."""
    files: dict[str, Path] = {}

    def placed(name: str, where: str) -> str:
        if name in protocol.names():
            return name
        beside = file.absolute().parent / name
        try:
            called = protocol.read(beside).name
        except ProtocolError as error:
            raise SiteError(f"{file}: {where}: {error}") from error
        other = files.setdefault(called, beside)
        if other.resolve() != beside.resolve():
            raise SiteError(
                f"{file}: {other} and {beside} are both named {called!r}, and records keep the name alone: give one of them another name"
            )
        return str(beside)

    tasks = [
        task.model_copy(update={"protocol": placed(task.protocol, f"schedule number {number}, protocol")})
        for number, task in enumerate(site.schedule, 1)
    ]
    presets = [one.model_copy(update={"protocol": placed(one.protocol, f"preset {one.name}, protocol")}) for one in site.preset]
    machines = [
        one.model_copy(update={"return_to_use": tuple(placed(name, f"machine {one.name}, return_to_use") for name in one.return_to_use)})
        for one in site.machine
    ]
    phantoms = [
        one.model_copy(update={"certificate": one.certificate and file.absolute().parent / one.certificate}) for one in site.phantom
    ]
    placed_keys = site.keystore and _keys(site.keystore, file.absolute().parent)
    return site.model_copy(
        update={
            "schedule": tuple(tasks),
            "machine": tuple(machines),
            "phantom": tuple(phantoms),
            "preset": tuple(presets),
            "keystore": placed_keys,
        }
    )


def _keys(keys: Keys, folder: Path) -> Keys:
    """The same with absolute paths."""
    return keys.model_copy(
        update={
            "file": keys.file and folder / keys.file,
            "passphrase_file": keys.passphrase_file and folder / keys.passphrase_file,
            "trusted": tuple(folder / one for one in keys.trusted),
        }
    )


PARTS: dict[str, type[BaseModel]] = {"machine": Machine, "phantom": Phantom, "person": Person, "schedule": Task, "preset": Preset}
PARTS |= {"keystore": Keys}


def _words(error: Any) -> str:
    """What is wrong with the file, for a person: which table, which key, and what it should be."""
    at = [str(step) for step in error["loc"]]
    where = " ".join(f"number {int(step) + 1}" if step.isdigit() else step for step in at[:-1])
    key = at[-1] if at else ""
    if error["type"] == "extra_forbidden":
        known = (PARTS[at[0]] if len(at) > 1 and at[0] in PARTS else Site).model_fields
        return f"{f'{where}: ' if where else ''}nobody knows the key {key!r}{nearest(key, known)}"
    if error["type"] == "value_error":
        said = str(error["msg"]).removeprefix("Value error, ")
        return f"{key}: {said}" if key else said
    if error["type"] == "too_short":
        what = "table" if at[0] == "schedule" and key == "machines" else "key"
        return f"{f'{where}, ' if where else ''}{key}: name at least one, or leave the {what} out"
    if error["type"] == "missing":
        return f"{f'{where}: ' if where else ''}{key} is missing"
    return f"{f'{where}, ' if where else ''}{key}: {error['msg'].lower()}, found {error['input']!r}"
