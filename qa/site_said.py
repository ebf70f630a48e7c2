"""What a person says, held against the people and phantoms that the site file lists; without such a list it is taken as it is."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from qa import phantom_said, scales, site_imagers
from qa.grouping import beam
from qa.site import Site
from qa.site_tables import Person, Phantom, Preset, SiteError
from qa.spelling import folded, nearest

if TYPE_CHECKING:
    from qa.acquisition import Acquisition
    from qa.certificate import Certificate
    from qa.record import Record


class Signer(NamedTuple):
    """Who signs, in which role."""

    name: str
    role: str


class Used(NamedTuple):
    """The phantom in words, the file of its certificate, and the last day on which it may be used."""

    words: str
    certificate: Path | None = None
    expires: date | None = None


def signer(site: Site | None, name: str, role: str = "", only: Sequence[str] = ()) -> Signer:
    """The person of that name with their role. SiteError for nobody on the list, another role, and a role that is not among ``only``."""
    if site is None or not site.person:
        return Signer(name, role)
    found = _person(site, name)
    if role.strip() and role.strip().casefold() != found.role:
        raise SiteError(f"{found.name} is a {found.role} in the site file, and not a {role.strip()}")
    if only and found.role not in only:
        raise SiteError(f"{found.name} is a {found.role} in the site file; this is for a {' or '.join(only)}")
    return Signer(found.name, found.role)


def performer(site: Site | None, name: str) -> str:
    """Who took the images, as the list spells them; "" when nobody says."""
    return _person(site, name).name if site is not None and site.person and name.strip() else name


def phantom(site: Site | None, said: str) -> Used:
    """The phantom that a person names by its name, its serial number or both. SiteError for none, or several, of the list.

    Without a list it is taken as it is said; QaError for a misspelt name of a model that is known.
    """
    one = site.phantom_of(said) if site is not None else None
    if one is None:
        phantom_said.check(said)
        return Used(said)
    return _used(one)


def certified(site: Site | None, used: Used, certificate: Certificate) -> Used:
    """Whose last day counts: the phantom that was said, else the listed one whose serial number the certificate that was handed in has."""
    found = [one for one in site.phantom if folded(one.serial) == folded(certificate.serial)] if site is not None else []
    return _used(found[0]) if not used.words and len(found) == 1 else used


def machine(site: Site, preset: Preset | None, label: str, said: str) -> str:
    """As ``Site.machine_of``; SiteError for a machine that the preset is not for."""
    found = site.machine_of(label, said)
    if preset is not None and preset.machines is not None and found not in preset.machines:
        raise SiteError(
            f"preset {preset.name} is for {' and '.join(preset.machines)}, and the images are of {found}: choose a preset of that machine, "
            "or leave --preset out and say --protocol and --phantom"
        )
    return found


def scale(site: Site, said: str, label: str) -> str:
    """In which scale words of images that state ``label`` give angles; ``said`` as in ``Site.machine_of``."""
    try:
        name = site.machine_of(label, said)
    except SiteError:  # such images are refused later, with the reason
        return scales.IEC
    return next(one.scale for one in site.machine if one.name == name)


def doubts(
    site: Site, used: Used, machine: str, acquisition: Acquisition, acquired: datetime | None, shown: Collection[str] = ()
) -> list[str]:
    """Why nothing of these images may pass by the site file: a phantom past its last day, a beam or a panel that the machine lacks.

    Where no phantom was said, that counts which the images show by the names of models in ``shown``: when every one listed is past it.
    """
    listed = next((one for one in site.machine if one.name == machine), None)
    panels = site_imagers.strange(listed, acquisition.images) if listed else ()
    found = (_expired(site, used, acquired, shown), _strange(site, machine, map(beam, acquisition.images)), *panels)
    return [words for words in found if words]


def remarks(site: Site, used: Used, shown: Collection[str]) -> list[str]:
    """What a record must say of a phantom that nobody named: whose last day counted, or that none was looked at."""
    if used.words or not any(one.expires for one in site.phantom):
        return []
    listed = _listed(site, shown)
    names = " and ".join(_used(one).words for one in listed)
    if len(listed) == 1 and listed[0].expires is None:
        return [f"no phantom's last day was checked: the images show {names} as the site file lists it, which states none"]
    if len(listed) == 1:
        return [
            f"nobody said which phantom it is: the site file lists one of a model that the images show, {names}, so its last day counts"
        ]
    if listed:
        return [f"no phantom's last day was checked: the images may show {names}; say which one it is (--phantom)"]
    return ["no phantom's last day was checked: nobody said which phantom it is (--phantom), and the images alone do not tell"]


def _listed(site: Site, shown: Collection[str]) -> list[Phantom]:
    """The phantoms in the site file of a model that the images show."""
    keys = frozenset[str]().union(*map(phantom_said.models, shown))
    return [one for one in site.phantom if phantom_said.models(one.name) & keys]


def _used(one: Phantom) -> Used:
    return Used(f"{one.name}, serial {one.serial}", one.certificate, one.expires)


def doubts_of(site: Site, record: Record) -> list[str]:
    """The same of a stored record, as far as it tells. SiteError where no machine of the site, or more than one, is called as it is."""
    machine = site.known(site.own_name(record.machine))
    try:
        listed = site.phantom_of(record.phantom) or _certified(site, record)
        used = Used(record.phantom) if listed is None else _used(listed)
        expired = _expired(site, used, record.acquired, phantom_said.shown(record.readings))
    except SiteError as error:
        expired = f"{error}: list it there, with the last day on which it may be used"
    strange = _strange(site, machine, (str(reading.at.get("beam", "")) for reading in record.readings))
    return [words for words in (expired, strange, _turned(site, machine, record)) if words]


def _certified(site: Site, record: Record) -> Phantom | None:
    """The listed phantom whose certificate the record names, where nobody said another."""
    serials = [note.partition(", serial ")[2].partition(": issued ")[0] for note in record.notes if note.startswith("certificate of ")]
    found = [one for one in site.phantom if folded(one.serial) in map(folded, serials)]
    return found[0] if len(found) == 1 and not record.phantom.strip() else None


def _turned(site: Site, machine: str, record: Record) -> str:
    """Why its angles are not those of today: they were taken from words in another scale."""
    scale = next((one.scale for one in site.machine if one.name == machine), scales.IEC)
    taken = {found for note in record.notes for found in re.findall(r"from the machine's scale (\w+) \(site file\)", note)}
    axes = "|".join(scales.MIRRORED[scale])
    plain = bool(axes) and not taken and any(re.search(rf"\b({axes}) angle .* taken from ", note) for note in record.notes)
    if not plain and taken <= {scale}:
        return ""
    was = " and ".join(sorted(taken)) or scales.IEC
    return f"angles were read from words in the scale {was}, and {machine} has {scale} in the site file: hand the images in again"


def _expired(site: Site, used: Used, acquired: datetime | None, shown: Collection[str]) -> str:
    """Of the phantom that was said; where the words name no model, a ball beside a CatPhan say, of those that the images show as well."""
    said = [_outdated(used, acquired, site)] if used.words else []
    alike = [] if phantom_said.models(used.words) else [_outdated(_used(one), acquired, site) for one in _listed(site, shown)]
    return "; ".join(filter(None, [*said, *(alike if all(alike) else [])]))


def _strange(site: Site, machine: str, beams: Iterable[str]) -> str:
    known = next((one.energies for one in site.machine if one.name == machine), ())
    strange = sorted({*beams} - {"", *known})
    if not known or not strange:
        return ""
    return (
        f"the images state {' and '.join(strange)}, and {machine} has {', '.join(known)} by the site file: find out whether they are of "
        "another machine, or add the beam to its energies"
    )


def _outdated(used: Used, acquired: datetime | None, site: Site) -> str:
    """Of the days by the clinic's clock and by the files' own, marked as UTC where it states no zone, the later one counts."""
    if used.expires is None:
        return ""
    if acquired is not None and max(acquired.date(), acquired.astimezone(site.zone).date()) <= used.expires:
        return ""
    if acquired is None:
        return f"the files do not say when they were taken, and {used.words} may be used until {used.expires} only (site file)"
    return f"{used.words} may be used until {used.expires} only (site file): have it checked, and put the new date into the site file"


def _person(site: Site, name: str) -> Person:
    names = [one.name for one in site.person]
    found = [one for one in site.person if folded(one.name) == folded(name)]
    if not found:
        raise SiteError(f"the site file of {site.name} has no person {name.strip()!r}{nearest(name, names)}")
    return found[0]
