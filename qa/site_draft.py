"""A first site file, with comments that say what else may stand in it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import tomlkit

from qa.site import read

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
    """The clinic with its machines (name, station, serial number or ""). SiteError for what cannot be a site; nothing is written then."""
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
    comments = "".join(f"# {line}".rstrip() + "\n" for line in ROLES.strip().splitlines())
    draft = file.with_name(f".{file.name}.draft")
    draft.write_text(f"{tomlkit.dumps(document)}\n{comments}", "utf-8")
    try:
        read(draft)
        draft.replace(file)
    finally:
        draft.unlink(missing_ok=True)
