"""A first site file, with comments that say what else may stand in it."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import tomlkit

from qa import keystore
from qa.site import SiteError, read

ROLES = """
Uncomment and complete what you need; docs/site.md says what stands in it. Keys that nobody knows are refused.

[[machine.imager]]          # of the machine above it; images of another panel give no pass
radiation = "MV"            # or "kV"
sid_mm = [1500]
columns = 1280
rows = 1280
pitch_mm = 0.336

[[phantom]]
name = "5-ball cube"
serial = "0815"
certificate = "cube_0815.toml"

[[person]]
name = "A. Physicist"
role = "physicist"          # or "therapist"

[[schedule]]
protocol = "tg142_morning"  # see: igrtqa list --protocols
machines = ["Linac 1"]
every = "daily"             # weekly, monthly, quarterly, semiannual, annual

[notification]
to = ["physics@clinic.example"]
from = "igrtqa@clinic.example"
server = "mail.clinic.example"
on = ["stop", "overdue"]    # and "repeat"

[[preset]]
name = "morning"            # igrtqa daily FOLDER --preset morning
protocol = "tg142_morning"
phantom = "0815"            # its name or serial number
machines = ["Linac 1"]      # which it is for; without this line any
"""


def write(file: Path, name: str, machines: Sequence[tuple[str, str, str]]) -> None:
    """The clinic with its machines (name, station, serial number or ""), and the key that signs its PDFs, beside it.

    SiteError for what cannot be a site; nothing is written then. KeystoreError where a file of such a key is there already.
    """
    if file.suffix in (".p12", ".pem"):
        raise SiteError(f"{file}: so its key is to be called: name a site file that ends in .toml")
    document = tomlkit.document()
    document.add("name", tomlkit.item(name.strip()))
    tables = tomlkit.aot()
    for called, station, serial in machines:
        table = tomlkit.table()
        table.add("name", called.strip())
        table.add("stations", [station.strip()] if station.strip() else [])
        table["stations"].comment("what its images may call it")
        table.add("serials", [serial.strip()] if serial.strip() else [])
        tables.append(table)
    document.add("machine", tables)
    document.add("keystore", _keys(key := file.with_suffix(".p12")))
    comments = "".join(f"# {line}".rstrip() + "\n" for line in ROLES.strip().splitlines())
    _put(f"{tomlkit.dumps(document)}\n{comments}", file, key, name)


def with_key(file: Path, renew: bool) -> Path:
    """A new key for the clinic of that site file, which names it from then on; whom it trusted it trusts still. Returns the key's file.

    SiteError when there is a key already and none is to be ``renew``ed.
    """
    site = read(file)
    if site.keystore is not None and site.keystore.file is not None and not renew:
        raise SiteError(f"{file} names a keystore already, {site.keystore.file}: with --renew a new key takes its place")
    places = [file.with_suffix(".p12"), *(file.with_name(f"{file.stem}-{number}.p12") for number in range(2, 100))]
    key = next(one for one in places if not one.exists() and not one.with_suffix(".pem").exists())
    document = tomlkit.parse(file.read_bytes().decode("utf-8-sig"))  # bytes: its ends of lines stay
    old = document.get("keystore", tomlkit.table())
    if "keystore" in document:
        old["file"] = key.name
        old.pop("passphrase_file", None)
        if isinstance(trusted := old.get("trusted", []), tomlkit.items.String):  # one file may stand there without a list
            trusted = [str(trusted)]
        trusted.append(key.with_suffix(".pem").name)
        old["trusted"] = trusted
    else:
        document.add("keystore", _keys(key))
    _put(tomlkit.dumps(document), file, key, site.name)
    return key


def _keys(key: Path) -> tomlkit.items.Table:
    table = tomlkit.table()
    table.add("file", key.name)
    table["file"].comment("signs reports and audits: keep it from others")
    table.add("trusted", [key.with_suffix(".pem").name])
    table["trusted"].comment("whose signatures igrtqa verify knows")
    return table


def _put(text: str, file: Path, key: Path, clinic: str) -> None:
    """The site file and its key; neither where the text is no site or one of them cannot be written."""
    draft = file.with_name(f".{file.name}.draft")
    try:
        draft.write_bytes(text.encode())
        if file.exists():
            shutil.copymode(file, draft)
        try:
            read(draft)
        except SiteError as error:  # nobody knows the draft's name
            raise SiteError(str(error).replace(str(draft), str(file))) from error
        public = keystore.make(key, clinic)
        try:
            draft.replace(file.resolve())  # of a link, the file that it names
        except OSError:
            for place in (key, public):  # nothing names them
                place.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise SiteError(
            f"{file} cannot be written ({error.strerror}), so no key was made: change the rights, or choose another folder"
        ) from error
    finally:
        draft.unlink(missing_ok=True)
