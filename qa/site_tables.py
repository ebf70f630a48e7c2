"""The tables of the site file: what may stand in each, and what in one of them cannot be right by itself."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, field_validator, model_validator

from qa import labels
from qa.grouping import name_and_serial
from qa.reading import QaError
from qa.rtimage import DISTANCE_MM, SPACING_MM
from qa.spelling import folded


def _listed(value: Any) -> Any:
    """One number or text as a list of it."""
    return [value] if isinstance(value, int | float | str) else value


def _one_address(text: str) -> str:
    """A mail address by itself, in plain letters: nothing that could be read as another header or another person."""
    if not re.fullmatch(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?", text):
        raise ValueError(f"{text!r} is no mail address; write it as in physics@clinic.example, one in each text")
    return text


Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
Technique = Literal["conventional", "imrt", "srs", "sbrt"]
Every = Literal["daily", "weekly", "monthly", "quarterly", "semiannual", "annual"]
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
Distance = Annotated[float, Field(ge=DISTANCE_MM[0], le=DISTANCE_MM[1])]
PixelCount = Annotated[int, Field(ge=64, le=20_000)]
Occasion = Literal["stop", "repeat", "overdue"]
Address = Annotated[Text, AfterValidator(_one_address)]
WORKING: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri")


ANY = frozenset("*?")  # in a station: any characters, or one


class SiteError(QaError):
    """The site file must be mended; the message says where, what was expected and what was found."""


class Part(BaseModel):
    """A table of the file. Keys that nobody knows are refused; nothing is taken from the environment, which no record would tell of."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Imager(Part):
    """A flat panel of a machine for one kind of radiation, as its images state it; what is left out is not compared.

    ``sid_mm`` are the source-image distances that it is used at, ``pitch_mm`` is the distance of its pixels at the panel, not binned.
    """

    radiation: Literal["kV", "MV"]
    serial: Text | None = None
    sid_mm: Annotated[tuple[Distance, ...], BeforeValidator(_listed)] = ()
    columns: PixelCount | None = None
    rows: PixelCount | None = None
    pitch_mm: Annotated[float, Field(ge=SPACING_MM[0], le=SPACING_MM[1])] | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Imager:
        panel = self.columns, self.rows, self.pitch_mm
        if None in panel and panel != (None, None, None):
            raise ValueError("a panel is columns, rows and pitch_mm: give all three, or none of them")
        if not self.serial and not self.sid_mm and self.pitch_mm is None:
            raise ValueError("there is nothing in it to compare images with: give serial, sid_mm, or columns, rows and pitch_mm")
        return self


class Machine(Part):
    """A treatment machine: ``stations`` and ``serials`` are what its images may call it, its own name among the stations.

    In a station "*" stands for any characters and "?" for one; it begins with two that stand for themselves.
    Where there are serials, those of its imagers are among them. ``energies`` are its treatment beams, "6 MV" or "10 MV FFF", none: any.
    ``return_to_use`` are the protocols that must have passed after a service before it is used again. ``scale`` is that of angles in words.
    """

    name: Text
    stations: tuple[Text, ...] = ()
    serials: tuple[Text, ...] = ()
    techniques: tuple[Technique, ...] = ("conventional", "imrt", "srs", "sbrt")
    energies: tuple[Text, ...] = ()
    return_to_use: tuple[Text, ...] = ()
    scale: Literal["iec61217", "varian_iec", "varian_standard"] = "iec61217"
    imager: tuple[Imager, ...] = ()

    @field_validator("energies")
    @classmethod
    def _spelt_as_images_are(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if wrong := [name for name in names if labels.energy(name) != name]:
            raise ValueError(f"{wrong[0]!r} is no treatment beam; write '6 MV' or '10 MV FFF'")
        return names

    @field_validator("stations")
    @classmethod
    def _stations_begin_with_something(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if wrong := [name for name in names if set(name[:2]) & ANY]:
            raise ValueError(f"{wrong[0]!r} may be any machine's: begin it with two characters at least before * or ?")
        return names

    @property
    def names(self) -> frozenset[str]:
        """Its own name and its station names."""
        return frozenset((self.name, *self.stations))

    def stated(self, station: str) -> bool:
        """Whether its images may state that station name."""
        return station in self.names or any(ANY & set(one) and _pattern(one).fullmatch(station) for one in self.stations)

    @property
    def all_serials(self) -> frozenset[str]:
        """What its images may state as serial number; empty: anything."""
        return frozenset((*self.serials, *(one.serial for one in self.imager if one.serial))) if self.serials else frozenset()

    def called(self, label: str) -> bool:
        """Whether images that state ``label``, "NAME (serial 4711)" or "NAME", are of this machine."""
        station, serial = name_and_serial(label)
        return label in self.names or (self.stated(station) and (not serial or not self.serials or serial in self.all_serials))


def _pattern(station: str) -> re.Pattern[str]:
    return re.compile("".join({"*": ".*", "?": "."}.get(sign, re.escape(sign)) for sign in station), re.DOTALL)


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


class Notification(Part):
    """Who is told by mail, through which server, and of what. No password stands in the file: docs/site.md says where."""

    to: Annotated[tuple[Address, ...], BeforeValidator(_listed), Field(min_length=1)]
    sender: Annotated[Address, Field(alias="from")]
    server: Text
    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    tls: Literal["starttls", "tls", "none"] = "starttls"
    user: Text | None = None
    password_file: Path | None = None
    on: Annotated[tuple[Occasion, ...], BeforeValidator(_listed), Field(min_length=1)] = ("stop", "overdue")

    @field_validator("server")
    @classmethod
    def _a_name_alone(cls, server: str) -> str:
        if re.fullmatch(r"[^:/@]+:\d+", server):
            raise ValueError(
                f"{server!r} has the port in it: write server = {server.partition(':')[0]!r} and port = {server.partition(':')[2]}"
            )
        if not re.fullmatch(r"[A-Za-z0-9._:-]+", server):
            raise ValueError(f"{server!r} is no server's name; write it as in mail.clinic.example")
        return server

    @model_validator(mode="after")
    def _no_password_is_sent_in_the_open(self) -> Notification:
        if self.user and self.tls == "none":
            raise ValueError('with tls = "none" the password of user would be sent for all to read: use "starttls" or "tls"')
        if self.password_file and not self.user:
            raise ValueError("password_file needs the user whose password it is")
        return self


class Keys(Part):
    """What signs the clinic's PDFs, and whose signatures it knows: docs/signatures.md. ``read`` makes the paths absolute.

    ``file`` is a PKCS#12 file, without it nothing is signed; ``trusted`` are certificates of signers or of who vouches for them.
    """

    file: Path | None = None
    passphrase_file: Path | None = None
    trusted: Annotated[tuple[Path, ...], BeforeValidator(_listed)] = ()
