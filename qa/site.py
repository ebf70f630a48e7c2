"""A clinic's own file: its machines and how their images name them, phantoms, people, and what is done how often.

docs/site.md says what stands in it.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from zoneinfo import ZoneInfo, available_timezones

from pydantic import ValidationError, field_validator, model_validator

from qa import phantom_said, site_checks
from qa.grouping import name_and_serial
from qa.site_file import placed, words
from qa.site_tables import Keys, Machine, Notification, Part, Person, Phantom, Preset, SiteError, Task, Text
from qa.spelling import folded, nearest

__all__ = ["Site", "SiteError", "read"]


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
    notification: Notification | None = None

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
        site_checks.fits(self)
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
        if not found:
            found = [one for one in self.phantom if phantom_said.same(said, one.name, one.serial)]
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
                f"the images say {label!r}, and no machine of {self.name} is called so: add it to the stations or serials of its "
                f"machine in the site file, or say which one it is with --machine{nearest(name_and_serial(label)[0], stations)}"
            )
        return found[0]

    def own_name(self, stored: str) -> str:
        """The machine that a record is of which is stored under that name: a machine's own name or what its images state, else itself."""
        if stored in (one.name for one in self.machine):
            return stored
        found = [one.name for one in self.machine if one.called(stored)]
        return found[0] if len(found) == 1 else stored


def read(path: str | Path) -> Site:
    """The site in that file, its protocol files found beside it. SiteError when it cannot be read, or names what nobody knows."""
    file = Path(path)
    try:
        table = tomllib.loads(file.read_text("utf-8-sig"))
    except OSError as error:
        raise SiteError(
            f"{file}: the site file cannot be read ({error.strerror}); name it with --site, or make one: igrtqa init"
        ) from error
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise SiteError(f"{file}: not written in UTF-8 (line {line}): save it in that encoding, as any text editor can") from error
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise SiteError(f"{file}: not a TOML file: {error}; docs/site.md shows how it is written") from error
    try:
        return placed(Site(**table), file)
    except ValidationError as error:
        raise SiteError("; ".join(f"{file}: {words(one, Site)}" for one in error.errors())) from error
    except TypeError as error:
        raise SiteError(f"{file}: {error}") from error
